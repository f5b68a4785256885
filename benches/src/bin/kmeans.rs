//! Our k-means beside linfa's, on the same points, and the inertia of anybody's clusters.
//!
//! - `kmeans points EVENTS FACTORS POINTS` trains a backbone on `user,item` lines and writes the
//!   directions of its user factors: little-endian `f32`, FACTORS to a row
//! - `kmeans ours POINTS FACTORS CLUSTERS ITERATIONS SEED LABELS` clusters them
//! - `kmeans linfa POINTS FACTORS CLUSTERS ITERATIONS SEED LABELS` does the same
//! - `kmeans inertia POINTS FACTORS LABELS` prints Σ‖x − mean of the cluster of x‖²
//!
//! `ours` and `linfa` print `seconds iterations` (linfa does not tell its iterations: `-`) and write
//! the cluster of every row: little-endian `u32`. The peer in Python reads and writes the same files.

use linfa::DatasetBase;
use linfa::traits::{Fit, Predict};
use linfa_clustering::KMeans;
use ndarray::Array2;
use segrec_benches::{Result, read_labels, read_points, write_labels, write_points};
use segrec_engine::factorization::Backbone;
use segrec_engine::linalg::vector::normalize;
use segrec_engine::recipe::parse_options;
use segrec_engine::segmentation::{Geometry, KmeansSettings, kmeans};
use segrec_engine::{Matrix, Observer, Progress, Silent, seed};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Counts iterations.
#[derive(Default)]
struct Iterations(AtomicUsize);

impl Observer for Iterations {
    fn report(&self, progress: Progress) {
        self.0.fetch_max(progress.step, Ordering::Relaxed);
    }
    fn is_cancelled(&self) -> bool {
        false
    }
}

fn points(events: &str, factors: &str, path: &str) -> Result<()> {
    let interactions = segrec_benches::read_interactions(events.as_ref())?;
    let given = serde_json::json!({"als": {"factors": factors.parse::<usize>()?}});
    let options = parse_options(&given).map_err(|problems| format!("{problems:?}"))?;
    let mut points =
        Backbone::train(&interactions, &options.als.with(0.003, 0.01), options.seed, &Silent)?.user_factors;
    for row in 0..points.rows() {
        normalize(points.row_mut(row));
    }
    write_points(path, &points)
}

fn ours(points: &Matrix, clusters: usize, seed: u64, labels: &str) -> Result<()> {
    let iterations = Iterations::default();
    let start = Instant::now();
    let settings = KmeansSettings { geometry: Geometry::Spherical, count: clusters, least: 1, starts: 1 };
    let found = kmeans(points, None, &settings, None, seed, &iterations)?;
    println!("{:.4} {}", start.elapsed().as_secs_f64(), iterations.0.into_inner());
    write_labels(labels, found.of_row.into_iter())
}

fn linfa(points: &Matrix, clusters: usize, iterations: u64, seed: u64, labels: &str) -> Result<()> {
    let records = Array2::from_shape_vec((points.rows(), points.columns()), points.data().to_vec())?;
    let dataset = DatasetBase::from(records);
    let start = Instant::now();
    let model = KMeans::params_with_rng(clusters, seed::random(seed, "linfa"))
        .n_runs(1)
        .max_n_iterations(iterations)
        .fit(&dataset)?;
    let found = model.predict(dataset.records());
    println!("{:.4} -", start.elapsed().as_secs_f64());
    write_labels(labels, found.iter().map(|&cluster| cluster as u32))
}

fn inertia(points: &Matrix, labels: &str) -> Result<f64> {
    let labels: Vec<usize> = read_labels(labels)?.into_iter().map(|label| label as usize).collect();
    if labels.len() != points.rows() {
        return Err(format!("{} labels for {} points", labels.len(), points.rows()).into());
    }
    let clusters = labels.iter().max().map_or(0, |most| most + 1);
    let mut means = vec![vec![0.0f64; points.columns()]; clusters];
    let mut sizes = vec![0.0f64; clusters];
    for (row, &label) in labels.iter().enumerate() {
        means[label].iter_mut().zip(points.row(row)).for_each(|(sum, &x)| *sum += f64::from(x));
        sizes[label] += 1.0;
    }
    // Σ‖x − m‖² = Σ‖x‖² − Σ n‖m‖², with m the sum of the cluster divided by n.
    let squares: f64 = points.data().iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    let explained: f64 = means
        .iter()
        .zip(sizes)
        .filter(|(_, size)| *size > 0.0)
        .map(|(sum, size)| sum.iter().map(|s| s * s).sum::<f64>() / size)
        .sum();
    Ok(squares - explained)
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["points", events, factors, path] => points(events, factors, path),
        ["ours", path, factors, clusters, _, seed, labels] => {
            ours(&read_points(path, factors)?, clusters.parse()?, seed.parse()?, labels)
        }
        ["linfa", path, factors, clusters, iterations, seed, labels] => {
            linfa(&read_points(path, factors)?, clusters.parse()?, iterations.parse()?, seed.parse()?, labels)
        }
        ["inertia", path, factors, labels] => {
            println!("{:.1}", inertia(&read_points(path, factors)?, labels)?);
            Ok(())
        }
        _ => Err("usage: see the head of benches/src/bin/kmeans.rs".into()),
    }
}
