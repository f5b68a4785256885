//! Benchmarks of the engine, without PostgreSQL. Each prints a table; `benches/run.sh` runs them together with their
//! peers.

use rand::Rng;
use rand_distr::StandardNormal;
use segrec_engine::interactions::{Interactions, SparseRows};
use segrec_engine::{Matrix, seed};
use std::error::Error;
use std::fs;
use std::path::Path;

/// The result of a benchmark, with any error.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Reads lines `user,item` of small integers, after a header line, as interactions of weight 1.
///
/// # Errors
/// If the file cannot be read or a line is not two numbers.
pub fn read_interactions(path: &Path) -> Result<Interactions> {
    let text = std::fs::read_to_string(path)?;
    let mut pairs: Vec<(u32, u32)> = Vec::new();
    for line in text.lines().skip(1) {
        let mut fields = line.split(',');
        let mut number = || -> Result<u32> {
            Ok(fields.next().ok_or_else(|| format!("{line:?} has too few fields"))?.trim().parse()?)
        };
        pairs.push((number()?, number()?));
    }
    pairs.sort_unstable();
    pairs.dedup();
    let users = pairs.iter().map(|p| p.0 as usize + 1).max().unwrap_or(0);
    let items = pairs.iter().map(|p| p.1 as usize + 1).max().unwrap_or(0);
    let mut starts = vec![0; users + 1];
    for &(user, _) in &pairs {
        starts[user as usize + 1] += 1;
    }
    for user in 0..users {
        starts[user + 1] += starts[user];
    }
    let columns: Vec<u32> = pairs.iter().map(|p| p.1).collect();
    let values = vec![1.0; columns.len()];
    Ok(Interactions::new(SparseRows::new(items, starts, columns, values)?))
}

/// Reads rows of `columns` values each, stored as little-endian `f32`.
///
/// # Errors
/// If the file cannot be read or its length is not a multiple of a row's.
pub fn read_points(path: &str, columns: &str) -> Result<Matrix> {
    let bytes = fs::read(path)?;
    let values = bytes.as_chunks::<4>().0.iter().map(|&value| f32::from_le_bytes(value)).collect();
    Ok(Matrix::from_data(columns.parse()?, values)?)
}

/// Writes rows in the format of [`read_points`].
///
/// # Errors
/// If the file cannot be written.
pub fn write_points(path: &str, points: &Matrix) -> Result<()> {
    Ok(fs::write(path, points.data().iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())?)
}

/// Reads the label of each row, stored as little-endian `u32`.
///
/// # Errors
/// If the file cannot be read.
pub fn read_labels(path: &str) -> Result<Vec<u32>> {
    Ok(fs::read(path)?.as_chunks::<4>().0.iter().map(|&label| u32::from_le_bytes(label)).collect())
}

/// Writes labels in the format of [`read_labels`].
///
/// # Errors
/// If the file cannot be written.
pub fn write_labels(path: &str, labels: impl Iterator<Item = u32>) -> Result<()> {
    Ok(fs::write(path, labels.flat_map(u32::to_le_bytes).collect::<Vec<u8>>())?)
}

/// Returns the peak resident memory of this process, in MB.
///
/// # Errors
/// If the kernel does not report it.
pub fn peak_megabytes() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

/// Returns rows in random order around the centres of groups, and the group of each row. Centres are normally
/// distributed with variance 1 in each column. The share of group g is proportional to 1 / (g + 1), and its standard
/// deviation in each column is between 0.6 and 1.4 times `noise`. The share `scattered` of the rows is uniform over the
/// cube that contains the centres, and is the group after the last.
pub fn planted(
    rows: usize,
    columns: usize,
    groups: usize,
    noise: f32,
    scattered: f64,
    seed: u64,
) -> (Matrix, Vec<u32>) {
    let mut random = seed::random(seed, "planted groups");
    let normal = |random: &mut seed::Random| -> f32 { random.sample(StandardNormal) };
    let centres: Vec<f32> = (0..groups * columns).map(|_| normal(&mut random)).collect();
    let largest = centres.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    let shares: Vec<f64> = (0..groups).map(|group| 1.0 / (group as f64 + 1.0)).collect();
    let total: f64 = shares.iter().sum();
    let mut points = Matrix::zeros(rows, columns);
    let mut of_row = Vec::with_capacity(rows);
    for row in 0..rows {
        if random.r#gen::<f64>() < scattered {
            points.row_mut(row).iter_mut().for_each(|value| *value = random.gen_range(-largest..=largest));
            of_row.push(groups as u32);
            continue;
        }
        let mut place = random.r#gen::<f64>() * total;
        let group = shares.iter().position(|share| {
            place -= share;
            place < 0.0
        });
        let group = group.unwrap_or(0);
        let deviation = noise * (0.6 + 0.8 * ((group * 7) % groups) as f32 / groups as f32);
        for (value, centre) in points.row_mut(row).iter_mut().zip(&centres[group * columns..]) {
            *value = centre + deviation * normal(&mut random);
        }
        of_row.push(group as u32);
    }
    (points, of_row)
}
