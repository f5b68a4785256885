//! Reduces many rows to a few thousand small clusters, for methods with quadratic cost (the first phase of BIRCH, Zhang
//! et al. 1996, without its tree).
//!
//! Half of the centroids are rows drawn uniformly, and half are rows drawn by their squared distance to the first half
//! (one round of k-means‖, Bahmani et al. 2012), so that small outlying groups get centroids of their own. One pass of
//! Lloyd's iteration follows. A pass over n rows and m centroids costs 2·n·m·k flops as blocked matrix products; there
//! are two passes in total, and the centered rows take n·k·4 bytes.

use crate::error::Result;
use crate::matrix::Matrix;
use crate::observer::{Observer, Progress};
use crate::seed;
use crate::segmentation::centered_rows::{BLOCK_ROWS as CHECK_ROWS, CenteredRows};
use crate::segmentation::kmeans::{ClusterSums, Geometry, Problem, Seeding, misfits};
use hashbrown::HashMap;

/// The name of the phase in progress reports and in the training log.
const PHASE: &str = "micro-clusters";

/// Small clusters of rows, none of which is empty.
pub(super) struct MicroClusters {
    /// The cluster of each row.
    pub of_row: Vec<u32>,
    /// clusters × k: the mean of each cluster's rows.
    pub centroids: Matrix,
    /// The number of rows of each cluster.
    pub rows: Vec<u32>,
    /// The mean of ‖row − centroid‖² of each cluster.
    pub spread: Vec<f64>,
}

/// Makes each distinct row a cluster, numbered by first occurrence; `None` if there are more than `most`.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub(super) fn distinct_rows(
    points: &Matrix,
    most: usize,
    observer: &dyn Observer,
) -> Result<Option<MicroClusters>> {
    let mut numbers: HashMap<Vec<u32>, u32> = HashMap::new();
    let mut firsts: Vec<u32> = Vec::new();
    let mut rows: Vec<u32> = Vec::new();
    let mut of_row = Vec::with_capacity(points.rows());
    for row in 0..points.rows() {
        if row % CHECK_ROWS == 0 {
            observer.check()?;
        }
        // Adding zero turns −0 into 0.
        let bits: Vec<u32> = points.row(row).iter().map(|&value| (value + 0.0).to_bits()).collect();
        let number = *numbers.entry(bits).or_insert(firsts.len() as u32);
        if number as usize == firsts.len() {
            if firsts.len() == most {
                return Ok(None);
            }
            firsts.push(row as u32);
            rows.push(0);
        }
        rows[number as usize] += 1;
        of_row.push(number);
    }
    let spread = vec![0.0; firsts.len()];
    Ok(Some(MicroClusters { of_row, centroids: points.select(&firsts), rows, spread }))
}

/// Divides rows of finite values into about `count` clusters; fewer if some would be empty.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub(super) fn micro_clusters(
    points: &Matrix,
    count: usize,
    seed: u64,
    observer: &dyn Observer,
) -> Result<MicroClusters> {
    let centered = CenteredRows::new(points, observer)?;
    let masses = vec![1.0; points.rows()];
    let (geometry, variance) = (Geometry::Euclidean, 0.0);
    let problem = Problem { points: centered.points.view(), masses: &masses, geometry, variance, observer };
    let mut random = seed::random(seed, "micro-clusters");
    let mut seeding = Seeding::new(&problem)?;
    let mut drawn = 0;
    // The last round replaces rows that were drawn twice.
    for target in [count.div_ceil(2), count, count] {
        drawn += seeding.draw_round(target - drawn, &mut random)?.len();
    }
    // Seeding has compared all rows with all centroids, so the first pass lacks only the means. The adjusted Rand index
    // against exact Ward on 10,000 rows with planted groups is .987 without a pass, .995 with one and .997 with two;
    // with uniformly drawn centroids and one pass it is .990.
    observer.report(Progress::step(PHASE, 1, 2));
    let mut centroids = Matrix::zeros(drawn, points.columns());
    ClusterSums::of(&problem, &seeding.owner, drawn)?.means(geometry, &mut centroids);
    observer.report(Progress::step(PHASE, 2, 2));
    let mut nearest = Seeding::new(&problem)?;
    nearest.approach(&centroids)?;
    summarize(points, &problem, centered.unit, nearest.owner, drawn)
}

/// Computes the means, sizes and spreads of `count` clusters and drops empty ones. The rows of `problem` are in a unit
/// in which no square overflows.
fn summarize(
    points: &Matrix,
    problem: &Problem,
    unit: f64,
    mut of_row: Vec<u32>,
    count: usize,
) -> Result<MicroClusters> {
    let mut sizes = vec![0u32; count];
    of_row.iter().for_each(|&cluster| sizes[cluster as usize] += 1);
    let mut number = vec![0u32; count];
    let mut filled = 0;
    for (number, &size) in number.iter_mut().zip(&sizes) {
        *number = filled;
        filled += u32::from(size > 0);
    }
    of_row.iter_mut().for_each(|cluster| *cluster = number[*cluster as usize]);
    let rows: Vec<u32> = sizes.into_iter().filter(|&size| size > 0).collect();
    let means = |problem: &Problem| -> Result<Matrix> {
        let mut means = Matrix::zeros(rows.len(), points.columns());
        ClusterSums::of(problem, &of_row, rows.len())?.means(problem.geometry, &mut means);
        Ok(means)
    };
    let mut spread = vec![0.0; rows.len()];
    let misfits = misfits(problem, &of_row, &means(problem)?)?;
    of_row.iter().zip(misfits).for_each(|(&cluster, misfit)| spread[cluster as usize] += misfit);
    spread.iter_mut().zip(&rows).for_each(|(sum, &size)| *sum *= unit * unit / f64::from(size));
    let centroids = means(&Problem { points: points.view(), ..*problem })?;
    Ok(MicroClusters { of_row, centroids, rows, spread })
}
