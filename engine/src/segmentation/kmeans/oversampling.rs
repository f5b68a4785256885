//! Where k-means of many clusters begins: k-means‖ (Bahmani et al. 2012).
//!
//! Instead of one row at a time, each of a few rounds draws twice as many rows as there are to be
//! clusters; what each of them stands for becomes its mass, and k-means of these few gives the
//! centroids. A round is one product of 4·n·k·count flops, and there are few of them, so that the rows
//! come from memory ROUNDS times instead of `count` times.

use super::lloyd::{ITERATIONS, lloyd};
use super::problem::{Problem, best_of};
use super::seeding::{Seeding, greedy};
use crate::error::Result;
use crate::matrix::Matrix;
use crate::observer::Quiet;
use crate::seed::Random;

/// Rounds, and what each draws for every cluster, as in the paper: 8 rounds, or three draws instead of
/// two, took a tenth longer for an inertia less than 0.2 % smaller.
const ROUNDS: usize = 5;
const DRAWS: usize = 2;
/// Starts of the k-means of what was drawn. One gave 0.3 % more inertia, eight no less.
const STARTS: usize = 4;
/// Measured on 29,858 × 128 factors, seeding and iterations together, beside the greedy seeding: with
/// 8 clusters the time was the same and the inertia 0.2 % larger, with 16 a fifth quicker and the same,
/// with 64 a third quicker and 0.3 % smaller.
const LEAST_CLUSTERS: usize = 16;
/// What is drawn is to be at most a fifth of the rows.
const ROWS_OF_CLUSTER: usize = 5 * ROUNDS * DRAWS;

/// Whether this way to begin is better than one row at a time.
pub(super) fn pays(rows: usize, count: usize) -> bool {
    count >= LEAST_CLUSTERS && rows / count >= ROWS_OF_CLUSTER
}

/// The first centroids; fewer than `count` where there are fewer different rows.
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
