//! `segrec_compare`: the options of two versions on the same holdout of today's events, user by user.

use super::reported_metric::{report_holdout, version_options};
use super::workbench::Workbench;
use crate::commands::access::privileges::trainable;
use crate::commands::training::training_log::TrainingLog;
use crate::commands::versions::deploy::find_version;
use crate::error::{Result, SegrecError, notice};
use segrec_engine::evaluation::bootstrap::Difference;
use segrec_engine::options::{Options, Scope, differing};
use segrec_engine::study::compare::{Comparison, compare as compare_options};

/// Compares two versions of a model.
pub fn compare(model: Option<&str>, version: Option<i32>, other: Option<i32>) -> Result<Vec<Difference>> {
    let model = trainable(model)?;
    let version = find_version(&model, version)?;
    let other = other.ok_or(SegrecError::NullArgument { argument: "other" })?;
    let other = find_version(&model, Some(other))?;
    let (first, second) = (version_options(&model, &version)?, version_options(&model, &other)?);
    if first.is_explicit() != second.is_explicit() {
        let ratings = if first.is_explicit() { version.version } else { other.version };
        let versions = [version.version, other.version];
        return Err(SegrecError::DifferentFeedback { model: model.name, versions, ratings });
    }
    say_what_is_read(&first, &second, version.version);
    let mut bench = Workbench::new(&model, &first, Some(&second), TrainingLog::new())?;
    let compared = bench.run(|given, observer| compare_options(given, [&first, &second], observer))?;
    let Comparison { held_out, rows } = compared;
    let Workbench { events, data, .. } = bench;
    report_holdout(&data.relation, &held_out);
    if rows.is_empty() {
        return Err(SegrecError::NothingToMeasure {
            relation: data.relation,
            reason: format!(
                "None of {} users has an event that can be held out and others to train on.",
                events.users().len()
            ),
            hint: "Add events, or raise holdout.share.",
        });
    }
    Ok(rows)
}

/// Notes that events are read once, in the way of the first version, if the versions read them differently.
fn say_what_is_read(first: &Options, second: &Options, version: i32) {
    let names = differing(Scope::Measurement, [first, second]);
    if !names.is_empty() {
        notice(
            format!("both versions are evaluated on the events that version {version} reads and holds out"),
            Some(format!("The versions differ in {}.", names.join(", "))),
            None,
        );
    }
}
