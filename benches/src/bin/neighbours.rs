//! Measures the seconds and the memory of a training of neighbours, and its result on a test file. Arguments: a
//! training file and a test file of `user,item` lines, then words: a method (`ridge`, `filter`, `cosine`, `tf_idf`,
//! `rp3`, `ease`), `considered=200`, `kept=50`, `regularization=30`, `threads=2`.

use rayon::prelude::*;
use segrec_benches::{Result, peak_megabytes, read_interactions};
use segrec_engine::Silent;
use segrec_engine::evaluation::{ListMetrics, Metric};
use segrec_engine::ranking::TopN;
use segrec_engine::scorers::neighbours::{NeighbourOptions, NeighbourRows, NeighbourScratch, Neighbours};
use std::fs;
use std::time::Instant;

/// The length of the lists.
const LENGTH: usize = 20;

/// Returns the CPU seconds of this process, over all its threads.
fn processor_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / 100.0)
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [training, test, words @ ..] = arguments.as_slice() else {
        return Err("usage: neighbours TRAINING TEST WORDS...".into());
    };
    let mut options = NeighbourOptions::default();
    let (mut ease, mut threads) = (false, 2);
    for word in words {
        match word.split_once('=') {
            Some(("considered", value)) => options.considered = value.parse()?,
            Some(("kept", value)) => options.kept = value.parse()?,
            Some(("regularization", value)) => options.regularization = value.parse()?,
            Some(("threads", value)) => threads = value.parse()?,
            None if word == "ease" => ease = true,
            _ => options.method = serde_json::from_value(word.as_str().into())?,
        }
    }
    let interactions = read_interactions(training.as_ref())?;
    let relevant = read_interactions(test.as_ref())?;
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    let (before, start, processor) = (peak_megabytes()?, Instant::now(), processor_seconds()?);
    let neighbours = if ease {
        Neighbours::ease(&interactions, options.regularization, options.kept, &Silent)?
    } else {
        Neighbours::train(&interactions, &options, &Silent)?
    };
    let (seconds, processor) = (start.elapsed().as_secs_f64(), processor_seconds()? - processor);
    let estimate = if ease {
        Neighbours::ease_memory(interactions.items())
    } else {
        Neighbours::memory(
            interactions.users(),
            interactions.items(),
            interactions.entries(),
            &options,
            rayon::current_num_threads(),
        )
    };
    println!(
        "{seconds:.2} s, {processor:.2} s of processor, {:.0} MB at the peak after {before:.0} before, {:.0} MB estimated, {} weights",
        peak_megabytes()?,
        estimate as f64 / 1e6,
        neighbours.rows().entries()
    );

    let (start, mut scratch) = (Instant::now(), NeighbourScratch::default());
    for user in 0..interactions.users() {
        std::hint::black_box(neighbours.score(interactions.by_user().row(user).0, &mut scratch));
    }
    let microseconds = start.elapsed().as_secs_f64() * 1e6 / interactions.users().max(1) as f64;
    let users = interactions.users().min(relevant.users());
    let measured: Vec<(f64, f64)> = (0..users)
        .into_par_iter()
        .filter(|&user| relevant.by_user().row_len(user) > 0)
        .map_init(NeighbourScratch::default, |scratch, user| {
            let (history, _) = interactions.by_user().row(user);
            let (items, scores) = neighbours.score(history, scratch);
            let mut top = TopN::new(LENGTH);
            for (&item, &score) in items.iter().zip(scores) {
                if history.binary_search(&item).is_err() {
                    top.push(item, score);
                }
            }
            let list = top.finish();
            let metrics =
                ListMetrics::measure(list.iter().map(|s| s.item), relevant.by_user().row(user).0, LENGTH);
            (metrics.get(Metric::Recall), metrics.get(Metric::Ndcg))
        })
        .collect();
    let mean = |of: fn(&(f64, f64)) -> f64| measured.iter().map(of).sum::<f64>() / measured.len() as f64;
    println!(
        "recall@{LENGTH} {:.4} ndcg@{LENGTH} {:.4}, {microseconds:.1} µs to score a user",
        mean(|m| m.0),
        mean(|m| m.1)
    );
    Ok(())
}
