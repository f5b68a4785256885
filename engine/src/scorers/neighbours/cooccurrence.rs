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
/// Rows per task.
pub const BLOCK_ITEMS: usize = 8;
/// Additions between two checks for cancellation: a few milliseconds.
const CHECK_EVERY: usize = 1 << 20;

/// A matrix of 0 and 1 in both orientations. Co-occurrences are those of its rows: how many columns two rows share.
#[derive(Clone, Copy, Debug)]
pub struct Incidence<'a> {
    /// The columns of each row; values are ignored.
    pub rows: &'a SparseRows,
    /// The rows of each column, ascending; values are ignored.
    pub columns: &'a SparseRows,
}

impl<'a> Incidence<'a> {
    /// Items as rows, their users as columns.
    pub fn of_items(interactions: &'a Interactions) -> Self {
        Self { rows: interactions.by_item(), columns: interactions.by_user() }
    }

    /// Users as rows, their items as columns.
    pub fn of_users(interactions: &'a Interactions) -> Self {
        Self { rows: interactions.by_user(), columns: interactions.by_item() }
    }
}

/// Counts a pair of a user's items by their closeness in the user's order.
#[derive(Clone, Debug)]
pub struct ClosePairs<'a> {
    closeness: Closeness,
    /// The rank of each entry of the interactions by item, and by user.
    by_item: Vec<f32>,
    by_user: &'a [f32],
}

impl<'a> ClosePairs<'a> {
    /// The pairs of interactions for the exponent q; `None` if order does not matter, or is not known.
    pub fn new(interactions: &'a Interactions, exponent: f64) -> Option<Self> {
        let ranks = interactions.ranks().filter(|_| exponent > 0.0)?;
        let by_user = interactions.by_user();
        let longest = (0..by_user.rows()).map(|user| by_user.row_len(user)).max().unwrap_or(0);
        let by_item = by_user.with_values(ranks.to_vec()).transposed().values().to_vec();
        Some(Self { closeness: Closeness::new(longest, exponent), by_item, by_user: ranks })
    }

    /// The ranks of an item among the items of each of its users, if these are the columns.
    pub fn of_row(&self, incidence: Incidence<'_>, row: usize) -> &[f32] {
        &self.by_item[incidence.rows.range(row)]
    }

    /// The ranks of a user's items.
    fn of_column(&self, incidence: Incidence<'_>, column: u32) -> &[f32] {
        &self.by_user[incidence.columns.range(column as usize)]
    }

    /// The closeness of two ranks.
    #[inline(always)]
    pub fn of(&self, a: f32, b: f32) -> f32 {
        self.closeness.of(a, b)
    }
}

/// One row of N co-occurrence matrices that differ in the weights of columns.
#[derive(Clone, Debug)]
pub struct Row<const N: usize> {
    sums: Vec<[f32; N]>,
    met: Vec<u32>,
}

impl<const N: usize> Row<N> {
    /// Allocates space for the co-occurrences with `rows` rows.
    pub fn new(rows: usize) -> Self {
        Self { sums: vec![[0.0; N]; rows], met: Vec::new() }
    }

    /// Sums the co-occurrences of `row`, in which each column has the positive weights in `column_weights`, times those of
    /// `own_weights` for the columns of `row`, and each pair of its rows the closeness of `close`, if given.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn sum(
        &mut self,
        incidence: Incidence<'_>,
        row: usize,
        column_weights: &[[f32; N]],
        (own_weights, close): (Option<&[[f32; N]]>, Option<&ClosePairs<'_>>),
        observer: &dyn Observer,
    ) -> Result<()> {
        for &met in &self.met {
            self.sums[met as usize] = [0.0; N];
        }
        self.met.clear();
        let mut work = 0;
        for (place, &column) in incidence.rows.row(row).0.iter().enumerate() {
            let mut weights = column_weights[column as usize];
            if let Some(own) = own_weights {
                weights.iter_mut().zip(own[place]).for_each(|(weight, own)| *weight *= own);
            }
            let (members, _) = incidence.columns.row(column as usize);
            let mut add = |other: u32, closeness: f32| {
                let sums = &mut self.sums[other as usize];
                if sums[0] == 0.0 {
                    self.met.push(other);
                }
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum += weight * closeness;
                }
            };
            match close {
                None => members.iter().for_each(|&other| add(other, 1.0)),
                Some(close) => {
                    let own = close.of_row(incidence, row)[place];
                    let ranks = close.of_column(incidence, column);
                    members.iter().zip(ranks).for_each(|(&other, &rank)| add(other, close.of(own, rank)));
                }
            }
            work += members.len();
            if work >= CHECK_EVERY {
                observer.check()?;
                work = 0;
            }
        }
        Ok(())
    }

    /// The rows that share a column with the summed one, including itself, in the order in which they were met.
    pub fn met(&self) -> &[u32] {
        &self.met
    }

    /// The N sums of `row`.
    #[inline(always)]
    pub fn get(&self, row: u32) -> [f32; N] {
        self.sums[row as usize]
    }
}

/// Adds row `row` of the upper triangle of the co-occurrences to `sums`, which begins at the diagonal; pairs count by
/// their closeness, if given.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn add_later(
    sums: &mut [f32],
    incidence: Incidence<'_>,
    row: usize,
    column_weight: impl Fn(u32) -> f32,
    close: Option<&ClosePairs<'_>>,
    observer: &dyn Observer,
) -> Result<()> {
    observer.check()?;
    let mut work = 0;
    for (place, &column) in incidence.rows.row(row).0.iter().enumerate() {
        let (members, _) = incidence.columns.row(column as usize);
        let first = members.partition_point(|&other| (other as usize) < row);
        let later = &members[first..];
        let weight = column_weight(column);
        match close {
            None => later.iter().for_each(|&other| sums[other as usize - row] += weight),
            Some(close) => {
                let own = close.of_row(incidence, row)[place];
                let ranks = &close.of_column(incidence, column)[first..];
                let pairs = later.iter().zip(ranks);
                pairs.for_each(|(&other, &rank)| sums[other as usize - row] += weight * close.of(own, rank));
            }
        }
        work += members.len();
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
                    row.sum(Incidence::of_items(interactions), source, &scales.user, (None, None), observer)?;
                    let scale = scales.source[source];
                    let weight = |target| scale * row.get(target)[0] * scales.target[target as usize];
                    let targets = row.met().iter().filter(|&&target| target as usize != source);
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
