//! Weighted co-occurrence: `w(i, j) = d_i^−b d_j^−c Σ_u n_u^−a R_ui R_uj`.
//!
//! | method | a | b | c | |
//! |---|---|---|---|---|
//! | filter | .65 | .7 | .3 | a graph filter; ranks best on Gowalla's validation split |
//! | cosine | 0 | ½ | ½ | Sarwar et al. 2001 |
//! | tf-idf | – | ½ | ½ | the cosine of columns in which user u has idf_u = ln(1 + items / n_u) instead of 1: idf_u² stands for n_u^−a, the sum of idf² for d |
//! | RP3β | 1 | 1 | .6 | Paudel et al. 2017: three steps of a random walk, a popular target divided by d^β |
//!
//! Each row of co-occurrences is summed in a dense row that stays in the L2 cache. All rows together take Σ_u n_u²
//! additions; the full matrix is never held.

use super::options::PHASE;
use super::options::{NeighbourMethod, NeighbourOptions};
use super::strongest::{Weighted, keep_strongest, sparse_rows};
use crate::error::Result;
use crate::interactions::recency::Closeness;
use crate::interactions::{Interactions, SparseRows};
use crate::observer::{Observer, Progress};
use rayon::prelude::*;

/// The number of progress reports per training.
pub const STEPS: usize = 20;
/// Items per task.
pub const BLOCK_ITEMS: usize = 8;
/// Additions between two checks for cancellation: a few milliseconds.
const CHECK_EVERY: usize = 1 << 20;

/// Counts a pair of a user's items by their closeness in the user's order.
#[derive(Clone, Debug)]
pub struct ClosePairs {
    closeness: Closeness,
    /// The rank of each entry of the interactions by item.
    by_item: Vec<f32>,
}

impl ClosePairs {
    /// The pairs of interactions for the exponent q; `None` if order does not matter, or is not known.
    pub fn new(interactions: &Interactions, exponent: f64) -> Option<Self> {
        let ranks = interactions.ranks().filter(|_| exponent > 0.0)?;
        let by_user = interactions.by_user();
        let longest = (0..by_user.rows()).map(|user| by_user.row_len(user)).max().unwrap_or(0);
        let by_item = by_user.with_values(ranks.to_vec()).transposed().values().to_vec();
        Some(Self { closeness: Closeness::new(longest, exponent), by_item })
    }

    /// The ranks of an item among the items of its users.
    pub fn ranks_of_item(&self, interactions: &Interactions, item: usize) -> &[f32] {
        &self.by_item[interactions.by_item().range(item)]
    }

    /// The closeness of two ranks.
    #[inline(always)]
    pub fn of(&self, a: f32, b: f32) -> f32 {
        self.closeness.of(a, b)
    }
}

/// One row of N co-occurrence matrices that differ in the weights of users.
#[derive(Clone, Debug)]
pub struct Row<const N: usize> {
    sums: Vec<[f32; N]>,
    items: Vec<u32>,
}

impl<const N: usize> Row<N> {
    /// Allocates space for rows over `items` items.
    pub fn new(items: usize) -> Self {
        Self { sums: vec![[0.0; N]; items], items: Vec::new() }
    }

    /// Sums row `item`, in which each user has the positive weights in `user_weights`, and each pair of a user's items
    /// the closeness of `close`, if given.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn sum(
        &mut self,
        interactions: &Interactions,
        item: usize,
        user_weights: &[[f32; N]],
        close: Option<&ClosePairs>,
        observer: &dyn Observer,
    ) -> Result<()> {
        for &item in &self.items {
            self.sums[item as usize] = [0.0; N];
        }
        self.items.clear();
        let mut work = 0;
        for (place, &user) in interactions.by_item().row(item).0.iter().enumerate() {
            let weights = user_weights[user as usize];
            let (history, _) = interactions.by_user().row(user as usize);
            let mut add = |other: u32, closeness: f32| {
                let sums = &mut self.sums[other as usize];
                if sums[0] == 0.0 {
                    self.items.push(other);
                }
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum += weight * closeness;
                }
            };
            match close {
                None => history.iter().for_each(|&other| add(other, 1.0)),
                Some(close) => {
                    let own = close.ranks_of_item(interactions, item)[place];
                    let ranks = interactions.ranks_of(user as usize);
                    history.iter().zip(ranks).for_each(|(&other, &rank)| add(other, close.of(own, rank)));
                }
            }
            work += history.len();
            if work >= CHECK_EVERY {
                observer.check()?;
                work = 0;
            }
        }
        Ok(())
    }

    /// The items that occur together with the row's item, including itself, in the order in which they were met.
    pub fn items(&self) -> &[u32] {
        &self.items
    }

    /// The N sums of `item`.
    #[inline(always)]
    pub fn get(&self, item: u32) -> [f32; N] {
        self.sums[item as usize]
    }
}

/// Adds row `item` of the upper triangle of the co-occurrences to `row`, which begins at the diagonal; pairs count by
/// their closeness, if given.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn add_later(
    row: &mut [f32],
    interactions: &Interactions,
    item: usize,
    user_weight: impl Fn(u32) -> f32,
    close: Option<&ClosePairs>,
    observer: &dyn Observer,
) -> Result<()> {
    observer.check()?;
    let mut work = 0;
    for (place, &user) in interactions.by_item().row(item).0.iter().enumerate() {
        let (history, _) = interactions.by_user().row(user as usize);
        let first = history.partition_point(|&other| (other as usize) < item);
        let later = &history[first..];
        let weight = user_weight(user);
        match close {
            None => later.iter().for_each(|&other| row[other as usize - item] += weight),
            Some(close) => {
                let own = close.ranks_of_item(interactions, item)[place];
                let ranks = &interactions.ranks_of(user as usize)[first..];
                let pairs = later.iter().zip(ranks);
                pairs.for_each(|(&other, &rank)| row[other as usize - item] += weight * close.of(own, rank));
            }
        }
        work += history.len();
        if work >= CHECK_EVERY {
            observer.check()?;
            work = 0;
        }
    }
    Ok(())
}

/// The number of entries of each row, raised to `exponent`; empty rows count as having one entry.
pub fn powers(rows: &SparseRows, exponent: f64) -> Vec<f32> {
    (0..rows.rows()).map(|row| (rows.row_len(row).max(1) as f64).powf(exponent) as f32).collect()
}

/// The weights of users, sources and targets.
struct Scales {
    user: Vec<[f32; 1]>,
    source: Vec<f32>,
    target: Vec<f32>,
}

impl Scales {
    fn exponents(interactions: &Interactions, user: f64, source: f64, target: f64) -> Self {
        Self {
            user: powers(interactions.by_user(), -user).into_iter().map(|weight| [weight]).collect(),
            source: powers(interactions.by_item(), -source),
            target: powers(interactions.by_item(), -target),
        }
    }

    fn tf_idf(interactions: &Interactions) -> Self {
        let items = interactions.items() as f64;
        let squared = |user| (1.0 + items / interactions.by_user().row_len(user).max(1) as f64).ln().powi(2);
        let user: Vec<[f32; 1]> = (0..interactions.users()).map(|user| [squared(user) as f32]).collect();
        let inverse_norm = |item| {
            let users = interactions.by_item().row(item).0;
            let sum: f64 = users.iter().map(|&u| f64::from(user[u as usize][0])).sum();
            if sum > 0.0 { sum.sqrt().recip() as f32 } else { 0.0 }
        };
        let source: Vec<f32> = (0..interactions.items()).map(inverse_norm).collect();
        Self { user, target: source.clone(), source }
    }

    fn of(method: NeighbourMethod, interactions: &Interactions) -> Self {
        match method {
            NeighbourMethod::Filter | NeighbourMethod::Ridge => Self::exponents(interactions, 0.65, 0.7, 0.3),
            NeighbourMethod::Cosine => Self::exponents(interactions, 0.0, 0.5, 0.5),
            NeighbourMethod::TfIdf => Self::tf_idf(interactions),
            NeighbourMethod::Rp3 => Self::exponents(interactions, 1.0, 1.0, 0.6),
        }
    }
}

/// The weights (items × items) of a method that is a weighted co-occurrence.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn train(
    interactions: &Interactions,
    options: &NeighbourOptions,
    observer: &dyn Observer,
) -> Result<SparseRows> {
    let items = interactions.items();
    let scales = Scales::of(options.method, interactions);
    let mut rows = Vec::with_capacity(items);
    let step_items = items.div_ceil(STEPS).max(1);
    for (step, first) in (0..items).step_by(step_items).enumerate() {
        let block: Vec<Vec<Weighted>> = (first..(first + step_items).min(items))
            .into_par_iter()
            .with_min_len(BLOCK_ITEMS)
            .map_init(
                || (Row::new(items), Vec::new()),
                |(row, weights), source| {
                    observer.check()?;
                    row.sum(interactions, source, &scales.user, None, observer)?;
                    let scale = scales.source[source];
                    let weight = |target| scale * row.get(target)[0] * scales.target[target as usize];
                    let targets = row.items().iter().filter(|&&target| target as usize != source);
                    weights.clear();
                    weights.extend(targets.map(|&target| (target, weight(target))));
                    keep_strongest(weights, options.kept);
                    Ok(weights.clone())
                },
            )
            .collect::<Result<_>>()?;
        rows.extend(block);
        observer.report(Progress::step(PHASE, step + 1, items.div_ceil(step_items)));
    }
    sparse_rows(rows, items)
}
