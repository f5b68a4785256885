//! Compares our Gaussian mixture with linfa's, on planted groups of different shapes.
//!
//! - `mixture planted ROWS COLUMNS GROUPS POINTS TRUTH` writes rows (little-endian `f32`) and the group of each row
//!   (little-endian `u32`)
//! - `mixture start POINTS COLUMNS GROUPS SEED LABELS` writes the clusters of linfa's k-means, with the settings and
//!   random draws with which linfa's mixture starts, and prints its seconds
//! - `mixture ours POINTS COLUMNS GROUPS LABELS FOUND` fits from these clusters
//! - `mixture linfa POINTS COLUMNS GROUPS SEED FOUND` fits including k-means
//! - `mixture agreement TRUTH FOUND` prints the adjusted Rand index of two files of labels
//!
//! `ours` prints `seconds iterations log-likelihood`, `linfa` its seconds; both write the most probable group of each
//! row. The Python peer reads and writes the same files.

use linfa::DatasetBase;
use linfa::traits::{Fit, Predict};
use linfa_clustering::{GaussianMixtureModel, KMeans};
use ndarray::Array2;
use rand::Rng;
use rand_distr::StandardNormal;
use segrec_benches::{read_labels, read_points, write_labels};
use segrec_engine::segmentation::mixture::Mixture;
use segrec_engine::segmentation::quality::adjusted_rand;
use segrec_engine::{Matrix, Silent, seed};
use std::error::Error;
use std::fs;
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The spread of the centres in each column, compared to that of one direction within a group.
const CENTRES: f32 = 1.2;

/// Writes rows centre + A z, where each group has its own centre and a matrix A whose columns differ in length; group g
/// has g + 1 shares of the rows.
fn planted(rows: usize, columns: usize, groups: usize, points: &str, truth: &str) -> Result<()> {
    let mut random = seed::random(1, "planted");
    let mut normals =
        |count: usize| -> Vec<f32> { (0..count).map(|_| random.sample(StandardNormal)).collect() };
    let centres = normals(groups * columns);
    let mut shapes = normals(groups * columns * columns);
    for (at, value) in shapes.iter_mut().enumerate() {
        let length = if (at % columns).is_multiple_of(4) { 2.0 } else { 0.5 };
        *value *= length / (columns as f32).sqrt();
    }
    let shares = groups * (groups + 1) / 2;
    let group_of = |row: usize| {
        let place = (seed::mix(row as u64) % shares as u64) as usize;
        (0..groups).find(|group| place < (group + 1) * (group + 2) / 2).unwrap_or(0)
    };
    let mut bytes = Vec::with_capacity(4 * rows * columns);
    for row in 0..rows {
        let group = group_of(row);
        let z = normals(columns);
        for (centre, shape) in centres[group * columns..][..columns]
            .iter()
            .zip(shapes[group * columns * columns..].chunks(columns))
        {
            let value = CENTRES * centre + shape.iter().zip(&z).map(|(a, z)| a * z).sum::<f32>();
            bytes.extend(value.to_le_bytes());
        }
    }
    fs::write(points, bytes)?;
    write_labels(truth, (0..rows).map(|row| group_of(row) as u32))
}

fn records(points: &Matrix) -> Result<Array2<f64>> {
    let values = points.data().iter().map(|&x| f64::from(x)).collect();
    Ok(Array2::from_shape_vec((points.rows(), points.columns()), values)?)
}

fn start(points: &Matrix, groups: usize, seed: u64, labels: &str) -> Result<()> {
    let dataset = DatasetBase::from(records(points)?);
    let start = Instant::now();
    let model = KMeans::params_with_rng(groups, seed::random(seed, "linfa")).fit(&dataset)?;
    let found = model.predict(dataset.records());
    println!("{:.4}", start.elapsed().as_secs_f64());
    write_labels(labels, found.iter().map(|&cluster| cluster as u32))
}

fn ours(points: &Matrix, groups: usize, labels: &[u32], found: &str) -> Result<()> {
    let start = Instant::now();
    let mixture = Mixture::fit(points, labels, groups, &Silent)?;
    let seconds = start.elapsed().as_secs_f64();
    let probabilities = mixture.probabilities(points);
    let likeliest = |row: &[f32]| {
        (0..groups).fold(0, |best, group| if row[group] > row[best] { group } else { best }) as u32
    };
    write_labels(found, (0..points.rows()).map(|row| likeliest(probabilities.row(row))))?;
    // This is printed last, because a process that reads the line may read the file next.
    println!("{seconds:.4} {} {:.4}", mixture.iterations, mixture.log_likelihood);
    Ok(())
}

fn linfa(points: &Matrix, groups: usize, seed: u64, found: &str) -> Result<()> {
    let dataset = DatasetBase::from(records(points)?);
    let start = Instant::now();
    let model =
        GaussianMixtureModel::params_with_rng(groups, seed::random(seed, "linfa")).n_runs(1).fit(&dataset)?;
    let seconds = start.elapsed().as_secs_f64();
    let groups: ndarray::Array1<usize> = model.predict(dataset.records());
    write_labels(found, groups.iter().map(|&group| group as u32))?;
    println!("{seconds:.4}");
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["planted", rows, columns, groups, points, truth] => {
            planted(rows.parse()?, columns.parse()?, groups.parse()?, points, truth)
        }
        ["start", points, columns, groups, seed, labels] => {
            start(&read_points(points, columns)?, groups.parse()?, seed.parse()?, labels)
        }
        ["ours", points, columns, groups, labels, found] => {
            ours(&read_points(points, columns)?, groups.parse()?, &read_labels(labels)?, found)
        }
        ["linfa", points, columns, groups, seed, found] => {
            linfa(&read_points(points, columns)?, groups.parse()?, seed.parse()?, found)
        }
        ["agreement", truth, found] => {
            println!("{:.4}", adjusted_rand(&read_labels(truth)?, &read_labels(found)?));
            Ok(())
        }
        _ => Err("usage: see the head of benches/src/bin/mixture.rs".into()),
    }
}
