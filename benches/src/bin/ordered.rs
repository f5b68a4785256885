//! Measures a whole training on what it did not see of events in order, without PostgreSQL. Arguments: a file of
//! `user,item,seconds` lines after a header, what is held out, options as JSON, and optionally a file for the recall@20,
//! ndcg@10 and ndcg@20 of each user. What is held out is `last=N`, the item N places before the end of each user's (1 the
//! last), `basket=N`, the events of the Nth latest moment of each user, or `time=A-B`, the pairs first met between the
//! quantiles A and B of the times: the training has what came before. Or it is `file=TEST`, lines `user,item` after a header;
//! then the events may come without seconds.

use segrec_engine::evaluation::{ListMetrics, Metric};
use segrec_engine::interactions::{Events, Id, IdKind, IdMap, RawEvents};
use segrec_engine::options::{Options, parse_options};
use segrec_engine::training::ranker::Ranker;
use segrec_engine::training::{Given, Trained, UserData, train};
use segrec_engine::{Observer, Progress, Silent};
use std::collections::{BTreeMap, HashSet};
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// An event: user, item, seconds.
type Event = (i64, i64, i64);

/// The seconds of events without any.
const UNTIMED: i64 = i64::MIN;

/// A clock, and nothing else.
struct Clock(Instant);

impl Observer for Clock {
    fn report(&self, _: Progress) {}
    fn is_cancelled(&self) -> bool {
        false
    }
    fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

fn read(path: &str) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    for line in fs::read_to_string(path)?.lines().skip(1) {
        let mut fields = line.split(',');
        let mut number = || -> Result<i64> { Ok(fields.next().ok_or("a line has too few fields")?.parse()?) };
        let (user, item) = (number()?, number()?);
        events.push((user, item, fields.next().map_or(Ok(UNTIMED), str::parse)?));
    }
    Ok(events)
}

/// The items of users, by their ids.
type ItemsOfUsers = BTreeMap<i64, Vec<i64>>;

/// The events to train on, and the items to predict of each user.
fn split(events: &[Event], held_out: &str) -> Result<(Vec<Event>, ItemsOfUsers)> {
    let (kind, value) = held_out.split_once('=').ok_or("what is held out is KIND=VALUE")?;
    let mut of_user: BTreeMap<i64, Vec<Event>> = BTreeMap::new();
    let (mut training, mut test): (Vec<Event>, Vec<Event>) = (Vec::new(), Vec::new());
    match kind {
        "last" | "basket" => {
            let back: usize = value.parse()?;
            events.iter().for_each(|&event| of_user.entry(event.0).or_default().push(event));
            for own in of_user.values_mut() {
                // A stable sort: of one moment the last is that of the last line.
                own.sort_by_key(|event| event.2);
                let is_one = |a: &Event, b: &Event| kind == "basket" && a.2 == b.2;
                let groups: Vec<&[Event]> = own.chunk_by(is_one).collect();
                let Some(place) = groups.len().checked_sub(back).filter(|&place| place > 0) else {
                    training.extend(groups.iter().take(groups.len().saturating_sub(back)).copied().flatten());
                    continue;
                };
                training.extend(groups[..place].iter().copied().flatten());
                test.extend(groups[place]);
            }
        }
        "time" => {
            let (from, to) = value.split_once('-').ok_or("a time is A-B")?;
            let mut times: Vec<i64> = events.iter().map(|event| event.2).collect();
            times.sort_unstable();
            let at = |share: f64| -> Option<i64> {
                times.get((share * times.len() as f64).ceil() as usize - 1).copied()
            };
            let from = at(from.parse()?).ok_or("no events")?;
            let to: f64 = to.parse()?;
            let to = if to >= 1.0 { i64::MAX } else { at(to).ok_or("no events")? };
            training.extend(events.iter().filter(|event| event.2 < from));
            test.extend(events.iter().filter(|event| (from..to).contains(&event.2)));
        }
        "file" => {
            training = events.to_vec();
            test = read(value)?;
        }
        _ => return Err(format!("unknown kind {kind:?}").into()),
    }
    let pairs: HashSet<(i64, i64)> = training.iter().map(|event| (event.0, event.1)).collect();
    let users: HashSet<i64> = training.iter().map(|event| event.0).collect();
    let items: HashSet<i64> = training.iter().map(|event| event.1).collect();
    let mut relevant: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for (user, item, _) in test {
        // Somebody whose last item nobody else has counts, as a list that misses it.
        let is_known = ["last", "file"].contains(&kind) || items.contains(&item);
        if users.contains(&user) && is_known && !pairs.contains(&(user, item)) {
            relevant.entry(user).or_default().push(item);
        }
    }
    relevant.values_mut().for_each(|items| {
        items.sort_unstable();
        items.dedup();
    });
    Ok((training, relevant))
}

/// The test users and their relevant items, in the numbers of a training; unknown items get numbers of their own.
fn numbered(events: &Events, relevant: &BTreeMap<i64, Vec<i64>>) -> Vec<(i64, u32, Vec<u32>)> {
    let users = IdMap::from_ids(events.users().clone());
    let items = IdMap::from_ids(events.items().clone());
    let unknown = events.items().len() as u32;
    let of_user = |(&user, wanted): (&i64, &Vec<i64>)| {
        let number = users.find(Id::Bigint(user))?;
        let mut wanted: Vec<u32> = wanted
            .iter()
            .map(|&item| items.find(Id::Bigint(item)).unwrap_or(unknown + item as u32))
            .collect();
        wanted.sort_unstable();
        Some((user, number, wanted))
    };
    relevant.iter().filter_map(of_user).collect()
}

fn trained(training: &[Event], options: &Options) -> Result<(Events, Trained)> {
    let timed = training.iter().all(|event| event.2 != UNTIMED);
    let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, timed);
    for &(user, item, seconds) in training {
        raw.push(Id::Bigint(user), Id::Bigint(item), 1.0, if timed { seconds * 1_000_000 } else { 0 });
    }
    let events = Events::new(raw, options.events.limits(), &Silent)?;
    let described = UserData::users_of(&events);
    let trained = train(Given::new(&events, &described), options, None, &Clock(Instant::now()))?;
    Ok((events, trained))
}

fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(2) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (mean, (squares / (count * (count - 1.0))).sqrt())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [file, held_out, options, out @ ..] = &words[..] else {
        return Err("usage: ordered EVENTS last=N|basket=N|time=A-B OPTIONS [OUT]".into());
    };
    let options = parse_options(&options.parse()?).map_err(|problems| format!("{problems:?}"))?;
    let (training, relevant) = split(&read(file)?, held_out)?;
    let start = Instant::now();
    let (events, trained) = trained(&training, &options)?;
    let seconds = start.elapsed().as_secs_f64();
    let relevant = numbered(&events, &relevant);
    let ranker = Ranker::new(&trained.fit, &trained.interactions, false);
    let users: Vec<u32> = relevant.iter().map(|own| own.1).collect();
    let (shared, own) = (ranker.shared(&users, 20, &Silent)?, ranker.own(&users, 20, &Silent)?);
    let (mut recalls, mut at_10, mut at_20, mut lines) = (Vec::new(), Vec::new(), Vec::new(), String::new());
    for (place, (id, _, relevant)) in relevant.iter().enumerate() {
        let list = own[place].as_ref().unwrap_or(&shared[place]);
        let metrics =
            |k: usize| ListMetrics::measure(list.iter().map(|scored| scored.item).take(k), relevant, k);
        let [ten, twenty] = [10, 20].map(|k| metrics(k).get(Metric::Ndcg));
        let recall = metrics(20).get(Metric::Recall);
        recalls.push(recall);
        at_10.push(ten);
        at_20.push(twenty);
        writeln!(lines, "{id},{recall},{ten},{twenty}")?;
    }
    if let Some(out) = out.first() {
        fs::write(out, lines)?;
    }
    let of = |values: &[f64]| {
        let (mean, error) = mean_and_error(values);
        format!("{mean:.4} ({error:.4})")
    };
    let measured = [&recalls, &at_10, &at_20].map(|values| of(values));
    let [recall, ten, twenty] = &measured;
    println!("recall@20 {recall} ndcg@10 {ten} ndcg@20 {twenty}, {} users, {seconds:.1} s", recalls.len());
    let Trained { decided, fit, measurement, .. } = &trained;
    let own = fit.own_factors.iter().filter(|own| **own).count();
    println!("{:?}, {own} of {} segments with factors of their own", decided.order, fit.own_factors.len());
    println!("{:?}", decided.als);
    let shares: Vec<(&str, f32)> =
        decided.blend.0.iter().map(|own| (own.scorer.as_str(), own.share)).collect();
    println!("{shares:?}, holdout ndcg@20 {:?}", measurement.deciding_row().map(|row| row.value));
    Ok(())
}
