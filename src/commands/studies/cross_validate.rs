//! `segrec_cross_validate`: evaluates the model's options with every event held out once.

use crate::commands::access::privileges::{reads, trainable};
use crate::commands::evaluation::reported_metric::number;
use crate::commands::evaluation::workbench::Workbench;
use crate::commands::models::options::check_options;
use crate::commands::training::training_log::TrainingLog;
use crate::error::{Result, SegrecError};
use segrec_engine::evaluation::MetricRow;
use segrec_engine::options::parse_options;
use segrec_engine::study::evaluate::{OverFolds, over_folds, validate};

/// The maximum number of folds; more would only repeat nearly the same training.
pub const MOST_FOLDS: i32 = 100;

/// A metric of one fold, or over all folds.
pub struct FoldMetric {
    /// The number of the fold, from 1; `None` for all folds.
    pub fold: Option<i32>,
    /// The name of the metric.
    pub metric: &'static str,
    /// The length of the lists; 0 for metrics that are not of lists.
    pub k: i32,
    /// The value in the fold, or the mean over all folds.
    pub value: f64,
    /// The standard deviation over folds.
    pub deviation: Option<f64>,
    /// The value of the baseline: popularity, or biases for ratings.
    pub baseline: f64,
    /// The number of users measured.
    pub users: i64,
    /// What was ranked and by what, where items or users are held out whole.
    pub ranked: Option<(&'static str, &'static str)>,
}

impl FoldMetric {
    /// A metric of a fold, which is numbered from 1.
    pub fn of(fold: i32, row: &MetricRow) -> Self {
        Self {
            fold: Some(fold),
            metric: row.metric,
            k: row.k as i32,
            value: row.value,
            deviation: None,
            baseline: row.baseline,
            users: row.users as i64,
            ranked: None,
        }
    }

    /// A metric over all folds.
    pub fn over(row: OverFolds) -> Self {
        Self {
            fold: None,
            metric: row.metric,
            k: row.k as i32,
            value: row.value,
            deviation: row.deviation,
            baseline: row.baseline,
            users: row.users as i64,
            ranked: None,
        }
    }
}

/// Trains and evaluates fold by fold.
pub fn cross_validate(model: Option<&str>, folds: Option<i64>) -> Result<Vec<FoldMetric>> {
    let model = trainable(model)?;
    let folds = number("folds", folds, 2, MOST_FOLDS)?;
    let options = parse_options(&model.options).map_err(SegrecError::InvalidOptions)?;
    check_options(&options, reads(&model))?;
    let mut bench = Workbench::new(&model, &options, None, TrainingLog::new())?;
    let mut all = Vec::with_capacity(folds);
    for fold in 0..folds {
        let name = format!("fold {} of {folds}", fold + 1);
        bench.log.announce(&name, name.clone());
        all.push(bench.run(|given, observer| validate(given, &options, fold, folds, observer))?);
    }
    let over = over_folds(&all).into_iter().map(FoldMetric::over);
    let of_folds =
        (1..).zip(&all).flat_map(|(fold, rows)| rows.iter().map(move |row| FoldMetric::of(fold, row)));
    let lines: Vec<FoldMetric> = of_folds.chain(over).collect();
    if lines.is_empty() {
        return Err(SegrecError::NothingToMeasure {
            relation: bench.data.relation,
            reason: format!("No user has events inside and outside of any of {folds} folds."),
            hint: "Add events, or use fewer folds.",
        });
    }
    Ok(lines)
}
