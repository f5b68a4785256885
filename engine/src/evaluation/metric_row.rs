//! A measured value, and what is known of the items that lists are made of.

use crate::matrix::Rows;

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
pub struct Catalog<'a> {
    /// How many users have each item, in training.
    pub item_users: &'a [u32],
    /// Users in training.
    pub users: usize,
    /// A row per item, for the diversity of lists; without them it is not measured.
    pub item_factors: Option<Rows<'a>>,
}
