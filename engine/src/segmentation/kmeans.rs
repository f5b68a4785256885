//! Spherical k-means (Dhillon & Modha 2001): rows of length one, similarity is the cosine.
//!
//! k-means++ seeding (Arthur & Vassilvitskii 2007), then Lloyd's iteration. An iteration costs
//! 2·n·c·k flops as blocked matrix products; sums of members are taken cluster by cluster in the
//! order of the rows, so the bytes do not depend on threads.

use crate::error::Result;
use crate::linalg::product::{row_scores, scores};
use crate::linalg::vector::{dot, normalize};
use crate::matrix::Matrix;
use crate::observer::{Observer, Progress};
use crate::seed::{self, Random};
use rand::Rng;
use rayon::prelude::*;

/// Iterations at most; with real factors assignments settle within 20 to 40.
const ITERATIONS: usize = 50;
/// Iteration stops once the mean similarity gains less than this.
const TOLERANCE: f64 = 1e-5;
/// Rows of a task.
const BLOCK_ROWS: usize = 256;
/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "segments";

/// Clusters of the rows of a matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct Clusters {
    /// clusters × k, of length one.
    pub centroids: Matrix,
    /// The cluster of every row, from 0.
    pub of_row: Vec<u32>,
}

/// Divides rows of length one into `count` clusters; clusters with fewer than `least` rows are
/// dissolved, so that there may be fewer. `count` is at least 1 and at most the number of rows.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn spherical_kmeans(
    points: &Matrix,
    count: usize,
    least: usize,
    seed: u64,
    observer: &dyn Observer,
) -> Result<Clusters> {
    let mut random = seed::random(seed, "kmeans");
    let mut centroids = seed_centroids(points, count, &mut random, observer)?;
    loop {
        let clusters = lloyd(points, centroids, observer)?;
        let mut sizes = vec![0usize; clusters.centroids.rows()];
        clusters.of_row.iter().for_each(|&cluster| sizes[cluster as usize] += 1);
        let smallest = (0..sizes.len()).min_by_key(|&cluster| sizes[cluster]);
        match smallest {
            Some(smallest) if sizes.len() > 1 && sizes[smallest] < least => {
                // One at a time, the smallest first: its rows may lift another above the least size.
                let kept: Vec<u32> = (0..sizes.len() as u32).filter(|&c| c as usize != smallest).collect();
                centroids = clusters.centroids.select(&kept);
            }
            _ => return Ok(clusters),
        }
    }
}

fn seed_centroids(
    points: &Matrix,
    count: usize,
    random: &mut Random,
    observer: &dyn Observer,
) -> Result<Matrix> {
    let n = points.rows();
    let mut chosen = vec![random.gen_range(0..n.max(1)) as u32];
    let mut distances = vec![f32::INFINITY; n];
    while chosen.len() < count {
        observer.check()?;
        let newest = points.row(chosen[chosen.len() - 1] as usize);
        distances.par_iter_mut().enumerate().for_each(|(row, distance)| {
            // ‖x − c‖² = 2 − 2 x·c for rows of length one.
            *distance = distance.min((2.0 - 2.0 * dot(points.row(row), newest)).max(0.0));
        });
        let total: f64 = distances.iter().map(|&d| f64::from(d)).sum();
        let mut target = random.r#gen::<f64>() * total;
        let next = distances.iter().position(|&d| {
            target -= f64::from(d);
            target < 0.0
        });
        // Fewer different rows than clusters: any further centroid would be a copy.
        match next {
            Some(row) => chosen.push(row as u32),
            None => break,
        }
    }
    Ok(points.select(&chosen))
}

fn lloyd(points: &Matrix, mut centroids: Matrix, observer: &dyn Observer) -> Result<Clusters> {
    let mut last = f64::NEG_INFINITY;
    for iteration in 1..=ITERATIONS {
        observer.check()?;
        let nearest = nearest(points, &centroids);
        let mean = nearest.iter().map(|n| f64::from(n.similarity)).sum::<f64>() / nearest.len().max(1) as f64;
        let of_row: Vec<u32> = nearest.iter().map(|n| n.cluster).collect();
        observer.report(Progress {
            metric: Some(("similarity", mean)),
            ..Progress::step(PHASE, iteration, ITERATIONS)
        });
        if mean - last < TOLERANCE {
            return Ok(Clusters { centroids, of_row });
        }
        last = mean;
        centroids = means(points, &of_row, centroids.rows());
        reseed_empty(points, &nearest, &mut centroids);
    }
    let of_row = nearest(points, &centroids).iter().map(|n| n.cluster).collect();
    Ok(Clusters { centroids, of_row })
}

/// The nearest cluster of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nearest {
    /// The cluster.
    pub cluster: u32,
    /// The cosine with its centroid.
    pub similarity: f32,
    /// The cosine with the second nearest; −1 where there is only one cluster.
    pub second: f32,
}

/// The nearest centroid of every row; ties go to the lower number.
pub fn nearest(points: &Matrix, centroids: &Matrix) -> Vec<Nearest> {
    let (k, count) = (points.columns(), centroids.rows());
    points
        .data()
        .par_chunks(BLOCK_ROWS * k.max(1))
        .flat_map_iter(|block| {
            let rows = block.len() / k.max(1);
            let mut similarities = vec![0.0; rows * count];
            scores(block, centroids.data(), k, &mut similarities);
            let found: Vec<Nearest> = similarities.chunks(count.max(1)).map(best_two).collect();
            found
        })
        .collect()
}

/// The nearest centroid of one row, on the calling thread.
pub fn nearest_of(point: &[f32], centroids: &Matrix) -> Nearest {
    let mut similarities = vec![0.0; centroids.rows()];
    row_scores(point, centroids, &mut similarities);
    best_two(&similarities)
}

fn best_two(similarities: &[f32]) -> Nearest {
    let mut best = Nearest { cluster: 0, similarity: f32::NEG_INFINITY, second: -1.0 };
    for (cluster, &similarity) in similarities.iter().enumerate() {
        if similarity > best.similarity {
            let second = best.similarity.max(-1.0);
            best = Nearest { cluster: cluster as u32, similarity, second };
        } else if similarity > best.second {
            best.second = similarity;
        }
    }
    best
}

/// The mean direction of each cluster's rows, of length one; zero where a cluster has no rows.
pub fn means(points: &Matrix, of_row: &[u32], count: usize) -> Matrix {
    let k = points.columns();
    let mut members = vec![Vec::new(); count];
    for (row, &cluster) in of_row.iter().enumerate() {
        members[cluster as usize].push(row);
    }
    let mut centroids = Matrix::zeros(count, k);
    centroids.data_mut().par_chunks_mut(k.max(1)).zip(members).for_each(|(centroid, rows)| {
        let mut sum = vec![0.0f64; k];
        for row in rows {
            sum.iter_mut().zip(points.row(row)).for_each(|(s, &x)| *s += f64::from(x));
        }
        centroid.iter_mut().zip(sum).for_each(|(c, s)| *c = s as f32);
        normalize(centroid);
    });
    centroids
}

/// A cluster that lost all its rows starts again at the row that fits its own cluster worst.
fn reseed_empty(points: &Matrix, nearest: &[Nearest], centroids: &mut Matrix) {
    let mut worst: Option<Vec<usize>> = None;
    for cluster in 0..centroids.rows() {
        if centroids.row(cluster).iter().any(|&x| x != 0.0) {
            continue;
        }
        let order = worst.get_or_insert_with(|| {
            let mut order: Vec<usize> = (0..nearest.len()).collect();
            order.sort_by(|&a, &b| nearest[b].similarity.total_cmp(&nearest[a].similarity));
            order
        });
        if let Some(row) = order.pop() {
            centroids.row_mut(cluster).copy_from_slice(points.row(row));
        }
    }
}
