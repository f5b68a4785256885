//! Clusters by OPTICS, and who belongs to them of the rows that were not ordered.

use super::distinct_rows::DistinctRows;
use super::excess_of_mass::extract;
use super::ordering::{Reached, distance, order};
use crate::auto::AutoOr;
use crate::error::Result;
use crate::matrix::Matrix;
use crate::memory::filled;
use crate::observer::{Observer, Progress};
use crate::segmentation::centered_rows::{CenteredRows, check_finite};
use crate::segmentation::density::by_size;
use crate::segmentation::kmeans::{Geometry, nearest};

/// Rows that are ordered at most.
const ORDERED_ROWS: usize = 4_000;
/// A cluster has a fiftieth of the rows at least. Smaller ones are found everywhere: of 1,000 even rows in the plane,
/// which are one cluster, 27 with 10 rows or more are found, and still 27 with a hundredth; of six planted groups of 700
/// rows, 18 and 7 instead of 6.
const LEAST_SHARE: usize = 50;
/// Rows between two questions whether to stop: with 64 columns and 4,000 ordered rows 20 ms of a processor.
const BLOCK_ROWS: usize = 2_048;
/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "optics";

/// What counts as dense.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OpticsSettings {
    /// A core row has this many rows near it, itself included; at least 2.
    pub neighbours: usize,
    /// How far these may be, a distance; auto sets no bound.
    pub radius: AutoOr<f64>,
}

/// Rows in clusters, and the plot in which these are valleys.
#[derive(Clone, Debug, PartialEq)]
pub struct OpticsClusters {
    /// The cluster of every row, from 0 in the order of size and then of their first rows; `None` for noise.
    pub of_row: Vec<Option<u32>>,
    /// The number of clusters, without noise.
    pub count: usize,
    /// The rows that were ordered, in their order.
    pub plot: Vec<Reached>,
}

/// Finds clusters of any densities by Euclidean distance. Where only a sample is ordered, a given radius keeps its
/// meaning: the neighbours of a core row are as many fewer as the sample is smaller, at least two. Another row belongs
/// to the cluster of the nearest ordered row, where it is as near as the neighbours of that are.
///
/// # Errors
/// [`crate::EngineError::NotFinite`] where a value is infinite or not a number,
/// [`crate::EngineError::Cancelled`], [`crate::EngineError::NoMemory`].
pub fn optics(
    points: &Matrix,
    settings: &OpticsSettings,
    seed: u64,
    observer: &dyn Observer,
) -> Result<OpticsClusters> {
    with_most(points, settings, ORDERED_ROWS, seed, observer)
}

fn with_most(
    points: &Matrix,
    settings: &OpticsSettings,
    most: usize,
    seed: u64,
    observer: &dyn Observer,
) -> Result<OpticsClusters> {
    check_finite(points)?;
    let step = |step| observer.report(Progress::step(PHASE, step, 3));
    let given = settings.neighbours.max(2);
    let sample = DistinctRows::draw(points, given, most, seed, observer)?;
    let (radius, neighbours) = match settings.radius {
        AutoOr::Given(radius) => {
            let share = given as f64 * sample.drawn as f64 / points.rows().max(1) as f64;
            (Some(radius.max(f64::MIN_POSITIVE)), (share.round() as usize).max(2))
        }
        AutoOr::Auto => (None, given),
    };

    step(1);
    let mut plot = order(&points.select(&sample.ordered), neighbours, radius, observer)?;

    step(2);
    let reachability: Vec<Option<f64>> = plot.iter().map(|reached| reached.reachability).collect();
    let stands_for: Vec<usize> = plot.iter().map(|reached| sample.stands_for[reached.row as usize]).collect();
    let least = neighbours.max(sample.drawn / LEAST_SHARE);
    let mut of_ordered = vec![None; plot.len()];
    let mut reach = vec![0.0; plot.len()];
    for (reached, cluster) in plot.iter().zip(extract(&reachability, &stands_for, least, radius)) {
        of_ordered[reached.row as usize] = cluster;
        reach[reached.row as usize] = reached.core_distance.or(reached.reachability).unwrap_or(0.0);
    }

    step(3);
    let mut of_row: Vec<Option<u32>> = filled(None, points.rows())?;
    for (cluster, first) in of_row.iter_mut().zip(&sample.first_equal) {
        *cluster = first.and_then(|first| of_ordered[first as usize]);
    }
    let others: Vec<u32> =
        (0..points.rows() as u32).filter(|&row| sample.first_equal[row as usize].is_none()).collect();
    if !others.is_empty() {
        let centered = CenteredRows::new(points, observer)?.points;
        let ordered = centered.select(&sample.ordered);
        for block in others.chunks(BLOCK_ROWS) {
            observer.check()?;
            let found = nearest(&centered.select(block), &ordered, Geometry::Euclidean);
            for (&row, near) in block.iter().zip(found) {
                let near = near.cluster as usize;
                let ordered = points.row(sample.ordered[near] as usize);
                if distance(points.row(row as usize), ordered) <= reach[near] {
                    of_row[row as usize] = of_ordered[near];
                }
            }
        }
    }
    plot.iter_mut().for_each(|reached| reached.row = sample.ordered[reached.row as usize]);
    let count = by_size(&mut of_row);
    Ok(OpticsClusters { of_row, count, plot })
}
