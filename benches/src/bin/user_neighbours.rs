//! Measures the seconds and the memory of the rows of neighbours of users, and their result alone on a test file.
//! Arguments: a training file and a test file of `user,item` lines, then words: `considered=200`, `kept=300`,
//! `regularization=2`, `threads=2`.

use rayon::prelude::*;
use segrec_benches::{Result, peak_megabytes, read_interactions};
use segrec_engine::Silent;
use segrec_engine::evaluation::{ListMetrics, Metric};
use segrec_engine::ranking::TopN;
use segrec_engine::scorers::user_neighbours::{UserNeighbourOptions, rows};
use std::time::Instant;

/// The length of the lists.
const LENGTH: usize = 20;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [training, test, words @ ..] = arguments.as_slice() else {
        return Err("usage: user_neighbours TRAINING TEST WORDS...".into());
    };
    let mut options = UserNeighbourOptions::default();
    let mut threads = 2;
    for word in words {
        match word.split_once('=') {
            Some(("considered", value)) => options.considered = value.parse()?,
            Some(("kept", value)) => options.kept = value.parse()?,
            Some(("regularization", value)) => options.regularization = value.parse()?,
            Some(("threads", value)) => threads = value.parse()?,
            _ => return Err(format!("unknown word {word}").into()),
        }
    }
    let interactions = read_interactions(training.as_ref())?;
    let relevant = read_interactions(test.as_ref())?;
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    let (before, start) = (peak_megabytes()?, Instant::now());
    let found = rows::train(&interactions, None, &options, &Silent)?;
    let (users, items) = (interactions.users(), interactions.items());
    let estimate = rows::memory(users, items, interactions.entries(), &options, threads);
    println!(
        "{:.2} s, {:.0} MB at the peak after {before:.0} before, {:.0} MB estimated, {} entries",
        start.elapsed().as_secs_f64(),
        peak_megabytes()?,
        estimate as f64 / 1e6,
        found.entries()
    );
    let measured: Vec<(f64, f64)> = (0..users.min(relevant.users()))
        .into_par_iter()
        .filter(|&user| relevant.by_user().row_len(user) > 0)
        .map(|user| {
            let (items, scores) = found.row(user);
            let mut top = TopN::new(LENGTH);
            items.iter().zip(scores).for_each(|(&item, &score)| top.push(item, score));
            let list = top.finish();
            let metrics =
                ListMetrics::measure(list.iter().map(|s| s.item), relevant.by_user().row(user).0, LENGTH);
            (metrics.get(Metric::Recall), metrics.get(Metric::Ndcg))
        })
        .collect();
    let mean = |of: fn(&(f64, f64)) -> f64| measured.iter().map(of).sum::<f64>() / measured.len() as f64;
    println!("recall@{LENGTH} {:.4} ndcg@{LENGTH} {:.4}", mean(|m| m.0), mean(|m| m.1));
    Ok(())
}
