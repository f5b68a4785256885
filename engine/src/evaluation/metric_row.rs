//! A measured metric, and the item statistics that some metrics need.

use crate::matrix::Rows;

/// A measured value of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricRow {
    /// The name of the metric in SQL: `ndcg`, `coverage`, …
    pub metric: &'static str,
    /// The length of the lists; 0 for metrics that are not of lists.
    pub k: usize,
    /// The segment; `None` for all users.
    pub segment: Option<u32>,
    /// The value of the model.
    pub value: f64,
    /// The bounds of the 95 % confidence interval; `None` with fewer than two users.
    pub interval: Option<(f64, f64)>,
    /// The value of the baseline.
    pub baseline: f64,
    /// The number of users that the value was computed from.
    pub users: usize,
}

/// Statistics of all items, for the metrics beyond accuracy.
#[derive(Clone, Copy, Debug)]
pub struct Catalog<'a> {
    /// The number of training users of each item.
    pub item_users: &'a [u32],
    /// The number of training users.
    pub users: usize,
    /// One row per item, for the diversity of lists; without them diversity is not measured.
    pub item_factors: Option<Rows<'a>>,
}
