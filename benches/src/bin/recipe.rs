//! Measures the seconds of each phase of a training and its result on a test file, without PostgreSQL: with the factors
//! that all users share, as served, and with `all-items` also with each item as a candidate (if neighbours are used;
//! this takes a minute). Arguments: a training file and a test file of `user,item` lines, options as JSON, `all-items`
//! or nothing.

use rayon::prelude::*;
use segrec_engine::evaluation::{ListMetrics, Metric};
use segrec_engine::interactions::{Events, Id, IdKind, IdMap, Interactions, RawEvents};
use segrec_engine::options::parse_options;
use segrec_engine::ranking::Scored;
use segrec_engine::training::ranker::Ranker;
use segrec_engine::training::{Given, UserData, train};
use segrec_engine::{Observer, Progress, Silent};
use std::cell::RefCell;
use std::error::Error;
use std::time::Instant;

struct Clock(Instant);

impl Observer for Clock {
    fn report(&self, progress: Progress) {
        if progress.step == progress.steps || progress.step == 1 {
            println!(
                "{:7.2} s  {} {}/{} {:?}",
                self.0.elapsed().as_secs_f64(),
                progress.phase,
                progress.step,
                progress.steps,
                progress.loss
            );
        }
    }
    fn is_cancelled(&self) -> bool {
        false
    }
}

fn events(
    interactions: &Interactions,
    options: &segrec_engine::options::Options,
) -> Result<Events, Box<dyn Error>> {
    let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, false);
    for user in 0..interactions.users() {
        for &item in interactions.by_user().row(user).0 {
            raw.push(Id::Bigint(user as i64), Id::Bigint(i64::from(item)), 1.0, 0);
        }
    }
    Ok(Events::new(raw, options.events.limits(), &Silent)?)
}

/// Returns the number of items offered to a user when served, and the best 20 of all items.
fn of_all_items(ranker: &Ranker<'_>, user: u32) -> (usize, Vec<Scored>) {
    let scratch = RefCell::default();
    let blended = ranker.blended(user, true, &ranker.blend, &scratch);
    let count = blended.offered(ranker.seen(user)).0.len();
    let items: Vec<u32> = (0..ranker.training.items() as u32).collect();
    (count, blended.best(ranker.seen(user), Some(&items), 20))
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [training, test, options, more @ ..] = arguments.as_slice() else {
        return Err("usage: recipe TRAINING TEST OPTIONS [all-items]".into());
    };
    let training = segrec_benches::read_interactions(training.as_ref())?;
    let test = segrec_benches::read_interactions(test.as_ref())?;
    let options = parse_options(&options.parse()?).map_err(|problems| format!("{problems:?}"))?;
    let events = events(&training, &options)?;
    let start = Instant::now();
    let described = UserData::users_of(&events);
    let given = Given::new(&events, &described);
    let trained = train(given, &options, None, &Clock(start))?;
    println!("{:7.2} s  all", start.elapsed().as_secs_f64());
    if let Some(row) = trained.measurement.deciding_row() {
        println!("holdout ndcg@20 {:.4}, popularity {:.4}", row.value, row.baseline);
    }
    let gates = &trained.measurement.gates;
    println!(
        "{} segments, {} with their own factors",
        gates.len(),
        gates.iter().filter(|gate| gate.passed).count()
    );
    println!("{:?}", trained.decided);
    for attempt in &trained.attempts {
        println!("{attempt:?}");
    }
    // Converts the test file's ids to the numbers of the training; unknown items get numbers of their own.
    let items = IdMap::from_ids(events.items().clone());
    let relevant_to = |user: usize| -> Vec<u32> {
        let Id::Bigint(id) = events.users().get(user) else { return Vec::new() };
        let row = if (id as usize) < test.users() { test.by_user().row(id as usize).0 } else { &[] };
        let unknown = events.items().len() as u32;
        let number = |&item: &u32| items.find(Id::Bigint(i64::from(item))).unwrap_or(unknown + item);
        let mut numbers: Vec<u32> = row.iter().map(number).collect();
        numbers.sort_unstable();
        numbers
    };
    let ranker = Ranker::new(&trained.fit, &trained.interactions, false);
    let all: Vec<u32> = (0..trained.interactions.users() as u32).collect();
    let start = Instant::now();
    let shared = ranker.shared(&all, 20, &Silent)?;
    let own = ranker.own(&all, 20, &Silent)?;
    println!("{:7.2} s  two lists of every user", start.elapsed().as_secs_f64());
    let lists: Vec<Vec<Scored>> =
        own.into_iter().zip(&shared).map(|(own, shared)| own.unwrap_or_else(|| shared.clone())).collect();
    let mut measured = vec![("shared", shared), ("gated", lists)];
    if more == ["all-items"] && ranker.blend.has("neighbours") {
        let start = Instant::now();
        let of_all_items = |&user: &u32| of_all_items(&ranker, user);
        let (counts, all): (Vec<usize>, _) = all.par_iter().map(of_all_items).unzip();
        println!("{:7.2} s  every user's list of all items", start.elapsed().as_secs_f64());
        let mean = counts.iter().sum::<usize>() as f64 / counts.len() as f64;
        println!("candidates: mean {mean:.0} of {} items", trained.interactions.items());
        measured.push(("all items", all));
    }
    for (name, lists) in &measured {
        let (mut recall, mut ndcg, mut users) = (0.0, 0.0, 0.0);
        for (user, list) in lists.iter().enumerate() {
            let relevant = relevant_to(user);
            if !relevant.is_empty() {
                let metrics = ListMetrics::measure(list.iter().map(|s| s.item), &relevant, 20);
                recall += metrics.get(Metric::Recall);
                ndcg += metrics.get(Metric::Ndcg);
                users += 1.0;
            }
        }
        println!("test {name}: recall@20 {:.4} ndcg@20 {:.4} ({users} users)", recall / users, ndcg / users);
    }
    Ok(())
}
