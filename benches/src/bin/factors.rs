//! Measures the factor models alone, without PostgreSQL.
//!
//! - `factors seconds EVENTS SEGMENTS FACTORS…` prints the seconds of eight sweeps, the seconds of the factors of that
//!   many segments, found by k-means, and the number of pairs of a segment and an item
//! - `factors sweeps TRAINING VALIDATION FACTORS REGULARIZATION SWEEPS` prints ndcg@20 on the validation file after
//!   each sweep: from a random start, and from the factors of 95 of 100 events
//!
//! Files contain `user,item` lines.

use segrec_benches::{Result, read_interactions};
use segrec_engine::evaluation::{ListMetrics, Metric};
use segrec_engine::interactions::{Interactions, SparseRows};
use segrec_engine::linalg::vector::normalize;
use segrec_engine::ranking::{Scoring, top_lists};
use segrec_engine::scorers::factors::{AlsOptions, Backbone, SegmentFactors, Segments, Start};
use segrec_engine::segmentation::kmeans::{Geometry, KmeansSettings, kmeans};
use segrec_engine::{Matrix, Silent, seed};
use std::time::Instant;

fn options(factors: usize, sweeps: usize, regularization: f64) -> AlsOptions {
    AlsOptions {
        factors,
        sweeps,
        regularization,
        unobserved_weight: 0.01,
        frequency_exponent: 1.0,
        sharing: 0.1,
    }
}

fn seconds(interactions: &Interactions, count: usize, factors: usize) -> Result<()> {
    let options = options(factors, 8, 0.005);
    let start = Instant::now();
    let backbone = Backbone::train(interactions, &options, Start::Random(1), &Silent)?;
    let sweeps = start.elapsed().as_secs_f64();
    let mut points = backbone.user_factors.clone();
    for row in 0..points.rows() {
        normalize(points.row_mut(row));
    }
    let settings =
        KmeansSettings { geometry: Geometry::Spherical, n_clusters: count, min_cluster_size: 1, n_init: 1 };
    let of_user = kmeans(&points, None, &settings, None, 1, &Silent)?.of_row;
    let segments = Segments::new(of_user, count, interactions);
    let pairs: usize = segments.items.iter().map(Vec::len).sum();
    let start = Instant::now();
    SegmentFactors::train(interactions, &backbone, &segments, &vec![true; count], &options, &Silent)?;
    println!(
        "{factors} factors: eight sweeps {sweeps:.2} s, {pairs} pairs of {count} segments {:.2} s",
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Returns the mean ndcg@20 over the users of the validation file.
fn ndcg(users: &Matrix, items: &Matrix, training: &Interactions, validation: &Interactions) -> Result<f64> {
    let measured: Vec<u32> = (0..validation.users().min(training.users()) as u32)
        .filter(|&user| validation.by_user().row_len(user as usize) > 0)
        .collect();
    let scoring = Scoring { item_factors: items.view(), items: None };
    let seen = |row: usize| training.by_user().row(measured[row] as usize).0;
    let lists = top_lists(&users.select(&measured), scoring, seen, 20, &Silent)?;
    let total: f64 = lists
        .iter()
        .zip(&measured)
        .map(|(list, &user)| {
            let relevant = validation.by_user().row(user as usize).0;
            ListMetrics::measure(list.iter().map(|scored| scored.item), relevant, 20).get(Metric::Ndcg)
        })
        .sum();
    Ok(total / measured.len() as f64)
}

/// Returns the interactions without 5 of 100, chosen by a hash of user and item.
fn most(interactions: &Interactions) -> Result<Interactions> {
    let (mut starts, mut columns) = (vec![0], Vec::new());
    for user in 0..interactions.users() {
        let kept = |&&item: &&u32| seed::mix(seed::mix(user as u64) ^ u64::from(item)) % 100 < 95;
        columns.extend(interactions.by_user().row(user).0.iter().filter(kept));
        starts.push(columns.len());
    }
    let values = vec![1.0; columns.len()];
    Ok(Interactions::new(SparseRows::new(interactions.items(), starts, columns, values)?))
}

fn sweeps(training: &Interactions, validation: &Interactions, options: &AlsOptions) -> Result<()> {
    let train = |name: &str, training: &Interactions, start: Start| -> Result<Backbone> {
        print!("{name}:");
        let mut failed = None;
        let mut watch = |_: usize, users: &Matrix, items: &Matrix| {
            match ndcg(users, items, training, validation) {
                Ok(value) => print!(" {value:.4}"),
                Err(error) => failed = Some(error),
            }
            Ok(failed.is_some())
        };
        let trained = Backbone::train_watched(training, options, start, &mut watch, &Silent)?;
        println!();
        failed.map_or(Ok(trained), Err)
    };
    train("cold", training, Start::Random(1))?;
    let earlier = train("95 of 100 events", &most(training)?, Start::Random(1))?;
    train("warm", training, Start::Items(earlier.item_factors))?;
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["seconds", events, count, factors @ ..] => {
            let interactions = read_interactions(events.as_ref())?;
            factors.iter().try_for_each(|factors| seconds(&interactions, count.parse()?, factors.parse()?))
        }
        ["sweeps", training, validation, factors, regularization, count] => sweeps(
            &read_interactions(training.as_ref())?,
            &read_interactions(validation.as_ref())?,
            &options(factors.parse()?, count.parse()?, regularization.parse()?),
        ),
        _ => Err("usage: see the head of benches/src/bin/factors.rs".into()),
    }
}
