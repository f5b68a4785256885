//! The metrics of one list of recommendations against the items that turned out to be relevant, of anybody's
//! ids: `segrec_precision` and its like. What a metric is, is in the engine (`evaluation/metrics.rs`).

use crate::error::{Result, SegrecError};
use segrec_engine::evaluation::{ListMetrics, Metric};

/// The metric of the list's first k items, or of all; none where nothing is relevant. Nulls are no items. A
/// repeated item keeps its places in the list, and counts at the first.
///
/// # Errors
/// Where k is less than 1.
pub fn measure<T: Ord>(
    metric: Metric,
    recommended: impl Iterator<Item = Option<T>>,
    relevant: impl Iterator<Item = Option<T>>,
    k: Option<i32>,
) -> Result<Option<f64>> {
    let cut = match k {
        Some(k @ ..1) => return Err(SegrecError::ListLength { k }),
        k => k.map(|k| k as usize),
    };
    let mut relevant: Vec<T> = relevant.flatten().collect();
    relevant.sort_unstable();
    relevant.dedup();
    if relevant.is_empty() {
        return Ok(None);
    }
    let mut is_open = vec![true; relevant.len()];
    let hits = recommended.flatten().map(|item| match relevant.binary_search(&item) {
        Ok(found) => std::mem::take(&mut is_open[found]),
        Err(_) => false,
    });
    Ok(Some(ListMetrics::of_hits(hits, relevant.len(), cut).get(metric)))
}
