//! Chooses the first centroids of many clusters, by k-means‖ (Bahmani et al. 2012).
//!
//! Instead of one row at a time, each of a few rounds draws twice as many rows as there will be clusters. Each drawn
//! row gets as its mass that of the rows nearest to it, and k-means of the drawn rows gives the centroids. A round is
//! one matrix product of 4·n·k·count flops. There are only a few rounds, so the rows are read from memory ROUNDS times
//! instead of `count` times.

use super::lloyd::{ITERATIONS, lloyd};
use super::problem::{Problem, best_of};
use super::seeding::{Seeding, greedy};
use crate::error::Result;
use crate::matrix::Matrix;
use crate::observer::Quiet;
use crate::seed::Random;

/// The number of rounds, and of rows drawn per cluster in each, as in the paper. 8 rounds, or three draws instead of
/// two, took a tenth longer and reduced the inertia by less than 0.2 %.
const ROUNDS: usize = 5;
const DRAWS: usize = 2;
/// The number of starts of k-means on the drawn rows. One start gave 0.3 % more inertia, and eight gave no less.
const STARTS: usize = 4;
/// The smallest number of clusters for which this pays. Seeding and iterations together were compared with greedy
/// seeding on 29,858 × 128 factors: with 8 clusters it took as long and the inertia was 0.2 % larger, with 16 it took a
/// fifth less time and the inertia was the same, and with 64 it took a third less and the inertia was 0.3 % smaller.
const LEAST_CLUSTERS: usize = 16;
/// The number of rows per cluster from which this pays, so that at most a fifth of the rows are drawn.
const ROWS_OF_CLUSTER: usize = 5 * ROUNDS * DRAWS;

/// Whether oversampling is better than choosing one row at a time.
pub(super) fn pays(rows: usize, count: usize) -> bool {
    count >= LEAST_CLUSTERS && rows / count >= ROWS_OF_CLUSTER
}

/// Returns the first centroids; fewer than `count` if there are fewer distinct rows.
pub(super) fn oversampled(problem: &Problem, count: usize, random: &mut Random) -> Result<Matrix> {
    let mut seeding = Seeding::new(problem)?;
    let mut drawn: Vec<u32> = Vec::new();
    for round in 0..=ROUNDS {
        drawn.extend(seeding.draw_round(if round == 0 { 1 } else { DRAWS * count }, random)?);
    }
    let mut masses = vec![0.0f64; drawn.len().max(1)];
    seeding
        .owner
        .iter()
        .zip(problem.masses)
        .for_each(|(&owner, &mass)| masses[owner as usize] += f64::from(mass));
    let masses: Vec<f32> = masses.into_iter().map(|mass| mass as f32).collect();
    let points = problem.points.select(if drawn.is_empty() { &[0] } else { &drawn });
    let small =
        Problem { points: points.view(), masses: &masses, observer: &Quiet(problem.observer), ..*problem };
    Ok(best_of(STARTS, || lloyd(&small, greedy(&small, None, count, random)?, ITERATIONS))?.centroids)
}
