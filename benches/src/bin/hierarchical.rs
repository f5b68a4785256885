//! Compares our hierarchical clustering with scikit-learn's, on generated rows with planted groups.
//!
//! - `hierarchical points ROWS COLUMNS GROUPS SEED POINTS PLANTED` writes rows, little-endian `f32`, and the group of
//!   each row, little-endian `u32`
//! - `hierarchical ours POINTS COLUMNS GROUPS LINKAGE SEED LABELS` clusters them, cuts the tree into GROUPS groups,
//!   writes the group of each row, and prints `seconds peak-MB leaves`
//! - `hierarchical agreement LABELS LABELS` prints the adjusted Rand index, over the shorter of the two files
//!
//! The Python peer reads and writes the same files.

use segrec_benches::{Result, peak_megabytes, planted, read_labels, read_points, write_labels, write_points};
use segrec_engine::segmentation::hierarchical::{Linkage, hierarchical};
use segrec_engine::segmentation::quality::adjusted_rand;
use segrec_engine::{Matrix, Silent};
use std::time::Instant;

/// The noise of rows in each column, compared to centres of variance 1.
const NOISE: f32 = 1.0;

fn ours(points: &Matrix, groups: usize, linkage: Linkage, seed: u64, labels: &str) -> Result<()> {
    let start = Instant::now();
    let found = hierarchical(points, linkage, seed, &Silent)?;
    let of_leaf = found.tree.cut(groups);
    println!("{:.4} {:.0} {}", start.elapsed().as_secs_f64(), peak_megabytes()?, found.tree.leaves());
    write_labels(labels, found.leaf_of_row.iter().map(|&leaf| of_leaf[leaf as usize]))
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["points", rows, columns, groups, seed, points, labels] => {
            let (rows, of_row) =
                planted(rows.parse()?, columns.parse()?, groups.parse()?, NOISE, 0.0, seed.parse()?);
            write_points(points, &rows)?;
            write_labels(labels, of_row.into_iter())
        }
        ["ours", path, columns, groups, linkage, seed, labels] => {
            let linkage: Linkage = serde_json::from_value((*linkage).into())?;
            ours(&read_points(path, columns)?, groups.parse()?, linkage, seed.parse()?, labels)
        }
        ["agreement", a, b] => {
            println!("{:.4}", adjusted_rand(&read_labels(a)?, &read_labels(b)?));
            Ok(())
        }
        _ => Err("usage: see the head of benches/src/bin/hierarchical.rs".into()),
    }
}
