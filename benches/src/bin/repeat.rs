//! Dumps scores (temporary).
use rayon::prelude::*;
use segrec_benches::Result;
use segrec_engine::Silent;
use segrec_engine::interactions::{EventLimits, Events, Id, IdKind, RawEvents};
use segrec_engine::options::parse_options;
use segrec_engine::training::ranker::Ranker;
use segrec_engine::training::{Given, UserData, train};
use std::cell::RefCell;
use std::io::Write;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let text = std::fs::read_to_string(&arguments[0])?;
    let mut rows: Vec<(i64, i64, i64)> = Vec::new();
    for line in text.lines().skip(1) {
        let f: Vec<i64> = line.split(',').map(str::parse).collect::<std::result::Result<_, _>>()?;
        rows.push((f[0], f[1], f[2]));
    }
    let mut times: Vec<i64> = rows.iter().map(|r| r.2).collect();
    times.sort_unstable();
    let until: f64 = arguments[1].parse()?;
    let cutoff = times[(times.len() as f64 * until) as usize];
    let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, true);
    for &(user, item, time) in rows.iter().filter(|r| r.2 < cutoff) {
        raw.push(Id::Bigint(user), Id::Bigint(item), 1.0, time * 1_000_000);
    }
    let limits = EventLimits { min_user_events: 1, min_item_events: 1, max_user_events: 5000 };
    let events = Events::new(raw, limits, &Silent)?;
    let options = parse_options(&serde_json::json!({})).map_err(|p| format!("{p:?}"))?;
    let described = UserData::users_of(&events);
    let trained = train(Given::new(&events, &described), &options, None, &Silent)?;
    println!("{:?}", trained.decided);
    println!("{:?}", trained.measurement.deciding_row());
    let ranker = Ranker::new(&trained.fit, &trained.interactions, options.weighs_popularity());
    let every: Vec<u32> = (0..trained.interactions.items() as u32).collect();
    let scores: Vec<Vec<f32>> = (0..trained.interactions.users() as u32)
        .into_par_iter()
        .map_init(RefCell::default, |scratch, user| {
            ranker.blended(user, true, &ranker.blend, scratch).scores(&every)
        })
        .collect();
    let mut file = std::io::BufWriter::new(std::fs::File::create(&arguments[2])?);
    let id = |id: Id<'_>| if let Id::Bigint(n) = id { n as u32 } else { 0 };
    let (u, i) = (events.users(), events.items());
    file.write_all(&(u.len() as u32).to_le_bytes())?;
    file.write_all(&(i.len() as u32).to_le_bytes())?;
    for n in 0..u.len() { file.write_all(&id(u.get(n)).to_le_bytes())?; }
    for n in 0..i.len() { file.write_all(&id(i.get(n)).to_le_bytes())?; }
    for row in scores { for s in row { file.write_all(&s.to_le_bytes())?; } }
    Ok(())
}
