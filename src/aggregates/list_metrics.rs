//! Metrics of one list against relevant items, with ids of any type: `segrec_precision` and related functions. The
//! engine defines the metrics (`evaluation/metrics.rs`).

use crate::error::{Result, SegrecError};
use crate::pg::process::workers::run_alone;
use segrec_engine::evaluation::{ListMetrics, Metric};
use segrec_engine::memory;
use segrec_engine::sorting::sort_by;

/// Items of a list between two checks for interrupts: some 10 ms.
const PATIENCE: usize = 1 << 16;

/// The metric of the list's first k items, or of all; `None` if nothing is relevant. Nulls are skipped. A repeated item
/// takes up all its positions in the list, but only the first one can be a hit.
///
/// # Errors
/// If k is less than 1, there is not enough memory for the relevant items, or the work was cancelled.
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
    let mut sorted: Vec<T> = Vec::new();
    for item in relevant.flatten() {
        memory::reserve(&mut sorted, 1)?;
        sorted.push(item);
    }
    run_alone(|observer| {
        sort_by(&mut sorted, &T::cmp, observer)?;
        sorted.dedup();
        if sorted.is_empty() {
            return Ok(None);
        }
        let mut is_open = memory::filled(true, sorted.len())?;
        let hits = recommended.enumerate().map_while(|(place, item)| {
            let is_stopped = place % PATIENCE == 0 && observer.is_cancelled();
            (!is_stopped).then_some(item)
        });
        let hits = hits.flatten().map(|item| match sorted.binary_search(&item) {
            Ok(found) => std::mem::take(&mut is_open[found]),
            Err(_) => false,
        });
        Ok(Some(ListMetrics::of_hits(hits, sorted.len(), cut).get(metric)))
    })
}
