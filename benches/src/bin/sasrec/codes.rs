//! Whether codes of 8 bits, as factors have them, would make lists by item rows faster.

use super::Result;
use segrec_engine::Matrix;
use segrec_engine::ranking::TopN;
use segrec_engine::scorers::factors::ItemRows;
use segrec_engine::scorers::factors::coded::{CodedRows, Codes, encode};
use segrec_engine::seed::mix;
use std::hint::black_box;
use std::time::Instant;

const ITEMS: usize = 20_000;
const COLUMNS: usize = 65;
/// Lists whose times are compared, each of another user.
const LISTS: usize = 301;

/// Roughly normal, of variance one.
fn value(seed: u64, place: usize) -> f32 {
    let uniform = |part: u64| (mix(mix(seed + part) ^ place as u64) >> 40) as f32 / (1 << 24) as f32 - 0.5;
    2.0 * (uniform(0) + uniform(1) + uniform(2))
}

/// Prints the median microseconds of the best ten of all items and of 1,400 candidates, by exact rows and by codes.
pub fn compare() -> Result<()> {
    // Vectors are about as long as trained ones, and the last column is the bias.
    let data = (0..ITEMS * COLUMNS).map(|place| match place % COLUMNS {
        64 => 2.0 + value(9, place),
        _ => 0.15 * value(1, place),
    });
    let rows = Matrix::from_data(COLUMNS, data.collect())?;
    let (mut values, mut measures) = (Vec::new(), Vec::new());
    (0..ITEMS).for_each(|item| measures.push(encode(rows.row(item), &mut values)));
    let codes = Codes::new(COLUMNS, &values, &measures).ok_or("codes do not match")?;
    let exact = ItemRows { backbone: rows.view(), own: None };
    let coded = CodedRows { exact, backbone: codes, own: Codes::default() };
    println!(
        "rows {} kB, codes {} kB",
        rows.data().len() * 4 / 1000,
        (values.len() + 8 * measures.len()) / 1000
    );
    for step in [1, 14] {
        let mut times = [Vec::new(), Vec::new()];
        for list in 0..LISTS {
            let mut user: Vec<f32> = (0..COLUMNS).map(|place| value(50 + list as u64, place)).collect();
            user[COLUMNS - 1] = 1.0;
            let items: Vec<u32> = (0..ITEMS as u32).skip(list % step).step_by(step).collect();
            let begin = Instant::now();
            let mut top = TopN::new(10);
            let scores = exact.scores(&user, &items);
            items.iter().zip(scores).for_each(|(&item, score)| top.push(item, score));
            let by_rows = top.finish();
            times[0].push(begin.elapsed().as_secs_f64());
            let begin = Instant::now();
            let by_codes = black_box(coded.best(&user, items.iter().copied(), &[], 10));
            times[1].push(begin.elapsed().as_secs_f64());
            if by_codes.iter().zip(&by_rows).any(|(a, b)| a.item != b.item) {
                return Err("lists differ".into());
            }
        }
        let [rows, codes] = times.map(|mut times| {
            times.sort_by(f64::total_cmp);
            1e6 * times[LISTS / 2]
        });
        println!("the best of {} items: {rows:.1} µs by rows, {codes:.1} µs by codes", ITEMS.div_ceil(step));
    }
    Ok(())
}
