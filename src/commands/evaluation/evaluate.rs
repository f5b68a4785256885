//! `segrec_evaluate`: the metrics of the deployed version's options.
//!
//! A version was trained on all events, so none are left on which to measure it. Instead, its options are fitted again
//! on the training split and measured on the holdout. The version itself can be measured on later events: see
//! `test_events` and `serving::measuring`.

use super::reported_metric::{ReportedMetric, cuts, report_holdout, version_options};
use super::workbench::Workbench;
use crate::commands::access::privileges::trainable;
use crate::commands::training::read::past;
use crate::commands::training::train::deployed_version;
use crate::commands::training::training_log::TrainingLog;
use crate::error::{Result, SegrecError};
use segrec_engine::segmentation::identity::match_segments;
use segrec_engine::study::evaluate;

/// Measures the options of a model's deployed version.
pub fn evaluate(
    model: Option<&str>,
    k: Option<Vec<Option<i64>>>,
    per_segment: Option<bool>,
) -> Result<Vec<ReportedMetric>> {
    let model = trainable(model)?;
    let cuts = cuts(k)?;
    let per_segment = per_segment.ok_or(SegrecError::NullArgument { argument: "per_segment" })?;
    if model.events.is_none() {
        return Err(SegrecError::NoEvents { model: model.name });
    }
    let Some(version) = deployed_version(&model)? else {
        return Err(SegrecError::NotTrained { model: model.name });
    };
    let options = version_options(&model, &version)?;
    let mut bench = Workbench::new(&model, &options, None, TrainingLog::new())?;
    let evaluation = bench.run(|given, observer| evaluate::evaluate(given, &options, &cuts, observer))?;
    let Workbench { events, data, .. } = bench;
    report_holdout(&data.relation, &evaluation.held_out);
    if evaluation.rows.is_empty() {
        return Err(SegrecError::NothingToMeasure {
            relation: data.relation,
            reason: format!(
                "None of {} users has an event that can be held out and others to train on.",
                events.users().len()
            ),
            hint: "Add events, or raise holdout.share.",
        });
    }
    // The new fit has found its own segments; map each to the version's segment that shares most users.
    let ids = match per_segment {
        true => {
            let of_user: Vec<Option<u32>> = evaluation.of_user.into_iter().map(Some).collect();
            let before = past(&model, Some(&version), &data.ids)?.map(|past| past.of_member);
            match_segments(&before.unwrap_or_default(), &of_user, evaluation.segments)
        }
        false => Vec::new(),
    };
    Ok(ReportedMetric::of_rows(&evaluation.rows, &ids))
}
