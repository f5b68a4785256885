//! Compares our density clustering with linfa's, on generated rows with planted groups and noise.
//!
//! - `density points ROWS COLUMNS GROUPS SEED POINTS PLANTED` writes rows, little-endian `f32`, and the group of each
//!   row, little-endian `u32`; noise is the last group
//! - `density ours POINTS COLUMNS NEIGHBOURS RADIUS LABELS` clusters them; RADIUS may be `auto`
//! - `density linfa POINTS COLUMNS NEIGHBOURS RADIUS LABELS` does the same on one thread, since linfa has no other way
//! - `density cores POINTS COLUMNS NEIGHBOURS RADIUS LABELS LABELS` prints `same` if both results divide the core rows
//!   alike and have the same noise; border rows may belong to any of their clusters
//!
//! `ours` and `linfa` print `seconds radius peak-MB` and write the cluster of each row, or 4294967295 for noise.

use linfa::traits::Transformer;
use linfa_clustering::Dbscan;
use ndarray::Array2;
use segrec_benches::{Result, peak_megabytes, planted, read_labels, read_points, write_labels, write_points};
use segrec_engine::auto::AutoOr;
use segrec_engine::linalg::vector::squared_distance;
use segrec_engine::segmentation::density::{DbscanSettings, dbscan};
use segrec_engine::segmentation::quality::adjusted_rand;
use segrec_engine::{Matrix, Silent};
use std::time::Instant;

/// The noise of rows in each column, compared to centres of variance 1.
const NOISE: f32 = 0.2;
/// The share of rows that are in no group.
const SCATTERED: f64 = 0.1;

fn ours(points: &Matrix, neighbours: usize, radius: &str) -> Result<Vec<Option<u32>>> {
    let radius = if radius == "auto" { AutoOr::Auto } else { AutoOr::Given(radius.parse()?) };
    let start = Instant::now();
    let found = dbscan(points, &DbscanSettings { neighbours, radius }, 1, &Silent)?;
    println!("{:.4} {} {:.0}", start.elapsed().as_secs_f64(), found.radius, peak_megabytes()?);
    Ok(found.of_row)
}

fn linfa(points: &Matrix, neighbours: usize, radius: &str) -> Result<Vec<Option<u32>>> {
    let values = points.data().iter().map(|&value| f64::from(value)).collect();
    let records = Array2::from_shape_vec((points.rows(), points.columns()), values)?;
    let start = Instant::now();
    let found = Dbscan::params(neighbours).tolerance(radius.parse()?).transform(&records)?;
    println!("{:.4} {radius} {:.0}", start.elapsed().as_secs_f64(), peak_megabytes()?);
    Ok(found.iter().map(|cluster| cluster.map(|cluster| cluster as u32)).collect())
}

fn same_cores(points: &Matrix, neighbours: usize, radius: f32, a: &[u32], b: &[u32]) -> bool {
    let is_core = |row: &usize| {
        let near = |&other: &usize| squared_distance(points.row(*row), points.row(other)) <= radius * radius;
        (0..points.rows()).filter(near).count() >= neighbours
    };
    let cores: Vec<usize> = (0..points.rows()).filter(is_core).collect();
    let of_cores = |labels: &[u32]| -> Vec<u32> { cores.iter().map(|&row| labels[row]).collect() };
    let same_noise = a.iter().zip(b).all(|(&a, &b)| (a == u32::MAX) == (b == u32::MAX));
    same_noise && adjusted_rand(&of_cores(a), &of_cores(b)) == 1.0
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let write = |labels: &str, of_row: Vec<Option<u32>>| {
        write_labels(labels, of_row.into_iter().map(|cluster| cluster.unwrap_or(u32::MAX)))
    };
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["points", rows, columns, groups, seed, points, labels] => {
            let (rows, of_row) =
                planted(rows.parse()?, columns.parse()?, groups.parse()?, NOISE, SCATTERED, seed.parse()?);
            write_points(points, &rows)?;
            write_labels(labels, of_row.into_iter())
        }
        ["ours", path, columns, neighbours, radius, labels] => {
            write(labels, ours(&read_points(path, columns)?, neighbours.parse()?, radius)?)
        }
        ["linfa", path, columns, neighbours, radius, labels] => {
            write(labels, linfa(&read_points(path, columns)?, neighbours.parse()?, radius)?)
        }
        ["cores", path, columns, neighbours, radius, a, b] => {
            let (points, a, b) = (read_points(path, columns)?, read_labels(a)?, read_labels(b)?);
            let same = same_cores(&points, neighbours.parse()?, radius.parse()?, &a, &b);
            println!("{}", if same { "same" } else { "different" });
            Ok(())
        }
        _ => Err("usage: see the head of benches/src/bin/density.rs".into()),
    }
}
