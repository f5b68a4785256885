//! `segrec_cross_validate` with `cold`: every item or every user is held out whole once.

use super::cross_validate::{FoldMetric, MOST_FOLDS};
use crate::commands::access::privileges::{reads, trainable};
use crate::commands::evaluation::cold::ColdBench;
use crate::commands::evaluation::reported_metric::number;
use crate::commands::models::options::check_options;
use crate::error::{Result, SegrecError};
use segrec_engine::options::parse_options;
use segrec_engine::study::cold::{Cold, over_cold_folds};
use segrec_engine::training::MEASURED_AT;

/// Trains and evaluates fold by fold.
pub fn cross_validate(model: Option<&str>, folds: Option<i64>, cold: Cold) -> Result<Vec<FoldMetric>> {
    let model = trainable(model)?;
    let folds = number("folds", folds, 2, MOST_FOLDS)?;
    let options = parse_options(&model.options).map_err(SegrecError::InvalidOptions)?;
    check_options(&options, reads(&model))?;
    if model.events.is_none() {
        return Err(SegrecError::NoEvents { model: model.name });
    }
    let mut bench = ColdBench::new(&model, options, cold, &MEASURED_AT)?;
    let mut all = Vec::with_capacity(folds);
    for fold in 0..folds {
        bench.announce(&format!("fold {} of {folds}", fold + 1));
        all.push(bench.measure(Some((fold, folds)))?);
    }
    let over = over_cold_folds(&all).into_iter().map(|(scope, ranked_by, over)| FoldMetric {
        ranked: Some((scope, ranked_by)),
        ..FoldMetric::over(over)
    });
    let of_folds = (1..).zip(&all).flat_map(|(fold, rows)| {
        rows.iter().map(move |metric| FoldMetric {
            ranked: Some((metric.scope, metric.ranked_by)),
            ..FoldMetric::of(fold, &metric.row)
        })
    });
    Ok(of_folds.chain(over).collect())
}
