//! The regression of users on the nearest other users, and the items that it finds for them.
//!
//! With `G_vw = Σ_i d_i^−.3 R_vi R_wi`, `G' = D^−.3 G D^−.3` (D the diagonal of the n_v) and N(u) the K users v ≠ u with
//! the largest `n_v^−.5 Σ_i d_i^−.7 R_ui R_vi`: `b = (G'_NN + λI)⁻¹ G'_Nu`, `w_v = b_v n_v^−.3`, and the score of item j is
//! `d_j^−.2 Σ_v w_v R_vj`. The user's own items are left out, and of the others those with the largest positive scores
//! are kept.
//!
//! Where recent items count more, the sums N(u) and G'_Nu over the items of u weigh each by (1 + r_ui)^−p over the mean of
//! these weights, for its rank r_ui in the history of u ([`crate::interactions::recency`]). Neighbours' own items stay
//! equal: the rank of an item in somebody else's history says nothing about when it will be chosen here.
//!
//! A user takes Σ_{i ∈ u} d_i pairs of additions for N(u), Σ_i m_i²/2 for G_NN (m_i of N have item i), K³/6 multiply-adds
//! for Cholesky, and Σ_{v ∈ N} n_v additions for the scores. On Gowalla (29,858 users, 40,981 items, 810,000 pairs,
//! K = 200) these are 2,000, 80,000, 1.3 million and 8,000: 80 GFLOP for all users, in 160 kB of system and 400 kB of sums
//! a thread, which stay in the L2 cache.

use super::options::{PHASE, UserNeighbourOptions};
use crate::error::Result;
use crate::interactions::recency::history_weights;
use crate::interactions::{Interactions, SparseRows};
use crate::linalg::padded;
use crate::observer::{Observer, Progress};
use crate::scorers::neighbours::cooccurrence::{BLOCK_ITEMS, Incidence, STEPS, powers};
use crate::scorers::neighbours::local_ridge::{self, LocalRidge, RidgeExponents, RidgeScratch};
use crate::scorers::neighbours::strongest::{Weighted, keep_strongest};
use rayon::prelude::*;

/// The exponents of the regression.
const EXPONENTS: RidgeExponents =
    RidgeExponents { columns: [-0.7, -0.3], nearest: -0.5, scale: -0.3, source: -0.3, target: 0.0 };
/// Exponent of an item's number of users, applied to its score.
const ITEM_EXPONENT: f64 = -0.2;

/// The items of each of `users` (ascending; `None` for all) and their scores, users × items. Rows of other users are
/// empty.
///
/// # Errors
/// [`crate::EngineError::Cancelled`], [`crate::EngineError::NotFinite`].
pub fn train(
    interactions: &Interactions,
    users: Option<&[u32]>,
    options: &UserNeighbourOptions,
    observer: &dyn Observer,
) -> Result<SparseRows> {
    let settings = (options.considered, options.regularization);
    let ridge = LocalRidge::new(Incidence::of_users(interactions), EXPONENTS, settings, observer)?;
    let item_scales = powers(interactions.by_item(), ITEM_EXPONENT);
    let every: Vec<u32>;
    let users = match users {
        Some(users) => users,
        None => {
            every = (0..interactions.users() as u32).collect();
            &every
        }
    };
    let mut rows = Rows::default();
    let step_users = users.len().div_ceil(STEPS).max(1);
    for (step, block) in users.chunks(step_users).enumerate() {
        let found: Vec<Vec<Weighted>> = block
            .par_iter()
            .with_min_len(BLOCK_ITEMS)
            .map_init(
                || (RidgeScratch::new(&ridge), vec![0.0; interactions.items()], Vec::new()),
                |(scratch, sums, touched), &user| {
                    let recent = recent_weights(interactions.ranks_of(user as usize), options.recency);
                    let neighbours = ridge.solve(user as usize, recent.as_deref(), scratch)?;
                    add_items(interactions, &neighbours, sums, touched);
                    let mut items = take_items(sums, touched, &item_scales, interactions.seen(user as usize));
                    keep_strongest(&mut items, options.kept);
                    items.sort_unstable_by_key(|item| item.0);
                    items.shrink_to_fit();
                    Ok(items)
                },
            )
            .collect::<Result<_>>()?;
        block.iter().zip(&found).for_each(|(&user, items)| rows.push(user as usize, items));
        observer.report(Progress::step(PHASE, step + 1, users.len().div_ceil(step_users)));
    }
    rows.finish(interactions)
}

/// An upper estimate of the bytes that training on `threads` threads takes, with the rows.
pub fn memory(
    users: usize,
    items: usize,
    entries: usize,
    options: &UserNeighbourOptions,
    threads: usize,
) -> u64 {
    let UserNeighbourOptions { considered, kept, .. } = *options;
    let kept = kept.min(items);
    // Rows grow in vectors that double; those of a step are held besides, and each thread has the sums of one user.
    let rows = 8 * (users * kept).next_power_of_two() + 8 * users + 8 * kept * users.div_ceil(STEPS);
    let sums = (4 + 4 + 8) * items + 8 * padded(considered.min(users));
    local_ridge::memory(items, users, entries, considered, threads)
        + (rows + threads * sums + 4 * items) as u64
}

/// Adds the weight of each neighbour to the sums of their items. An item is `touched` again whenever its sum is zero.
fn add_items(interactions: &Interactions, neighbours: &[Weighted], sums: &mut [f32], touched: &mut Vec<u32>) {
    for &(neighbour, weight) in neighbours {
        for &item in interactions.by_user().row(neighbour as usize).0 {
            let sum = &mut sums[item as usize];
            if *sum == 0.0 {
                touched.push(item);
            }
            *sum += weight;
        }
    }
}

/// The weights (1 + r)^−p of items of these ranks over their mean, once for the search of neighbours and once for the
/// regression; `None` if all count the same, or the ranks are not known.
fn recent_weights(ranks: &[f32], exponent: f64) -> Option<Vec<[f32; 2]>> {
    if ranks.is_empty() || exponent <= 0.0 {
        return None;
    }
    let weights = history_weights(ranks, exponent);
    let mean = weights.iter().sum::<f32>() / weights.len() as f32;
    Some(weights.into_iter().map(|weight| [weight / mean; 2]).collect())
}

/// The positive scores of all touched items but `seen`, ascending; clears their sums.
fn take_items(sums: &mut [f32], touched: &mut Vec<u32>, item_scales: &[f32], seen: &[u32]) -> Vec<Weighted> {
    seen.iter().for_each(|&item| sums[item as usize] = 0.0);
    let score = |item: u32| (item, std::mem::take(&mut sums[item as usize]) * item_scales[item as usize]);
    touched.drain(..).map(score).filter(|item| item.1 > 0.0).collect()
}

/// Rows that are added by ascending user.
#[derive(Default)]
struct Rows {
    starts: Vec<usize>,
    items: Vec<u32>,
    scores: Vec<f32>,
}

impl Rows {
    /// Adds the row of a user, after empty ones of the users before who have none.
    fn push(&mut self, user: usize, row: &[Weighted]) {
        self.starts.resize(user + 1, self.items.len());
        self.items.extend(row.iter().map(|item| item.0));
        self.scores.extend(row.iter().map(|item| item.1));
    }

    fn finish(mut self, interactions: &Interactions) -> Result<SparseRows> {
        self.starts.resize(interactions.users() + 1, self.items.len());
        SparseRows::new(interactions.items(), self.starts, self.items, self.scores)
    }
}
