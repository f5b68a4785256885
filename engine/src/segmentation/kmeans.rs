//! k-means, spherical (Dhillon & Modha 2001) and Euclidean, of weighted rows, the best of several starts.
//!
//! - [`seeding`]: where to begin
//! - [`lloyd`]: from there to where no row wants to move
//! - [`search`]: the nearest centroids, for both of them and for everybody else
//!
//! Inside, both geometries are one: spherical rows and centroids have length one, so 1 − cosine is half
//! of ‖x − c‖², and the only difference left is that a mean direction is scaled to length one. Memory
//! besides the points: 24 + 4·(2 + ln count) bytes a row, and a copy of points far from the origin.

mod lloyd;
mod search;
mod seeding;

pub use lloyd::means;
pub use search::{Nearest, nearest, nearest_block, nearest_of};
pub use seeding::seed_sequential;

use crate::error::{EngineError, Result};
use crate::matrix::Matrix;
use crate::observer::Observer;
use crate::seed;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "segments";
/// Rows of a task.
const BLOCK_ROWS: usize = 256;

/// What near means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Geometry {
    /// By the cosine: rows are of length one (or zero), centroids are mean directions.
    Spherical,
    /// By straight distance: centroids are means.
    Euclidean,
}

/// What to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KmeansSettings {
    /// What near means.
    pub geometry: Geometry,
    /// Clusters; there are fewer where there are fewer different rows.
    pub count: usize,
    /// Clusters with fewer rows are dissolved.
    pub least: usize,
    /// How often to begin anew; the start with the smallest inertia wins.
    pub starts: usize,
}

/// Clusters of the rows of a matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct Clusters {
    /// clusters × k; of length one in the spherical geometry.
    pub centroids: Matrix,
    /// The cluster of every row, from 0.
    pub of_row: Vec<u32>,
    /// Σ weight · ‖x − c‖², c the centroid of the row's cluster. In the spherical geometry a row of
    /// zeros has no direction and is left out.
    pub inertia: f64,
}

/// What is divided, the same in every start.
struct Work<'a> {
    points: &'a Matrix,
    /// What each row weighs; nothing where it has no direction.
    masses: &'a [f32],
    geometry: Geometry,
    /// The mean of a column's variance: the scale of a centroid's shift.
    variance: f64,
    observer: &'a dyn Observer,
}

/// Divides the rows into clusters. Without `weights` every row weighs 1; a row that weighs nothing (or
/// less) gets a cluster and moves none. The centroids of `start` are the first, in their order; where
/// they are fewer than `count`, seeding adds the rest. With them there is only one start.
///
/// # Errors
/// [`EngineError::Cancelled`]; [`EngineError::Shape`] where weights or `start` do not belong to the
/// points; [`EngineError::NotFinite`] where values, or their squares, are not.
pub fn kmeans(
    points: &Matrix,
    weights: Option<&[f32]>,
    settings: &KmeansSettings,
    start: Option<&Matrix>,
    seed: u64,
    observer: &dyn Observer,
) -> Result<Clusters> {
    let (n, k) = (points.rows(), points.columns());
    expect("weights of rows", n, weights.map_or(n, <[f32]>::len))?;
    expect("columns of the first centroids", k, start.map_or(k, Matrix::columns))?;
    let geometry = settings.geometry;
    let masses: Vec<f32> =
        (0..n).map(|row| mass(points.row(row), weights.map_or(1.0, |w| w[row]), geometry)).collect();
    let (mean, variance) = spread(points, &masses);
    // ‖x‖² − 2x·c + ‖c‖² keeps no digits where rows lie far from the origin: they are brought there.
    let far = f64::from(crate::linalg::vector::dot(&mean, &mean)) > variance * k as f64;
    let origin = if geometry == Geometry::Euclidean && far { mean } else { Vec::new() };
    let (points, start) = (less(points, &origin), start.map(|start| less(start, &origin)));
    let work = Work { points: &points, masses: &masses, geometry, variance, observer };

    let mut random = seed::random(seed, "kmeans");
    let starts = if start.is_some() { 1 } else { settings.starts.max(1) };
    let mut best: Option<Clusters> = None;
    for _ in 0..starts {
        let first = seeding::seed(&work, start.as_deref(), settings.count, &mut random)?;
        let found = lloyd::lloyd(&work, first, lloyd::ITERATIONS)?;
        best = best.filter(|best| best.inertia <= found.inertia).or(Some(found));
    }
    let mut clusters = match best {
        Some(best) if best.inertia.is_finite() => dissolve(&work, best, settings.least)?,
        _ => return Err(EngineError::NotFinite { what: "rows to divide" }),
    };
    if !origin.is_empty() {
        let back: Vec<f32> = origin.iter().map(|x| -x).collect();
        clusters.centroids = less(&clusters.centroids, &back).into_owned();
    }
    Ok(clusters)
}

fn expect(what: &'static str, expected: usize, found: usize) -> Result<()> {
    if expected == found { Ok(()) } else { Err(EngineError::Shape { what, expected, found }) }
}

/// A weight below zero or unknown counts as nothing, as does a row without direction where it needs one.
fn mass(row: &[f32], weight: f32, geometry: Geometry) -> f32 {
    let directed = geometry == Geometry::Euclidean || row.iter().any(|&x| x != 0.0);
    if directed { weight.max(0.0) } else { 0.0 }
}

/// The mean of the rows and the mean of the variances of the columns.
fn spread(points: &Matrix, masses: &[f32]) -> (Vec<f32>, f64) {
    let mean = means(points, Some(masses), &vec![0; points.rows()], 1, Geometry::Euclidean);
    let total: f64 = masses.iter().map(|&mass| f64::from(mass)).sum();
    let squares: f64 = (0..points.rows())
        .map(|row| {
            f64::from(masses[row]) * f64::from(search::squared_difference(points.row(row), mean.row(0)))
        })
        .sum();
    let mean = mean.data().to_vec();
    let variance = if total > 0.0 { squares / total / mean.len().max(1) as f64 } else { 0.0 };
    (mean, variance)
}

/// The rows less an origin; themselves where there is none.
fn less<'a>(rows: &'a Matrix, origin: &[f32]) -> Cow<'a, Matrix> {
    if origin.is_empty() {
        return Cow::Borrowed(rows);
    }
    let mut moved = rows.clone();
    for row in moved.data_mut().chunks_mut(origin.len()) {
        row.iter_mut().zip(origin).for_each(|(x, o)| *x -= o);
    }
    Cow::Owned(moved)
}

/// Takes clusters with too few rows away, one at a time and the smallest first, since its rows may
/// lift another above the least size.
fn dissolve(work: &Work, mut clusters: Clusters, least: usize) -> Result<Clusters> {
    loop {
        let mut sizes = vec![0usize; clusters.centroids.rows()];
        clusters.of_row.iter().for_each(|&cluster| sizes[cluster as usize] += 1);
        match (0..sizes.len()).min_by_key(|&cluster| sizes[cluster]) {
            Some(smallest) if sizes.len() > 1 && sizes[smallest] < least => {
                let kept: Vec<u32> = (0..sizes.len() as u32).filter(|&c| c as usize != smallest).collect();
                clusters = lloyd::lloyd(work, clusters.centroids.select(&kept), lloyd::ITERATIONS)?;
            }
            _ => return Ok(clusters),
        }
    }
}
