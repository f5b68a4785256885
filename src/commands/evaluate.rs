//! `segrec_evaluate`: what the deployed version reaches.
//!
//! A version was trained on all events, so nothing among them is left to measure it on: its recipe is fitted
//! again without the holdout, and measured there. The version itself is measured on events that came later:
//! see `test_events` and `serving::measuring`.

use super::access::trainable;
use super::diary::Diary;
use super::estimate::check_memory;
use super::measured::{Measured, cuts, recipe, report_holdout};
use super::read::{past, read};
use super::train::deployed_version;
use crate::error::{Result, SegrecError};
use crate::pg::workers::Workers;
use crate::settings;
use segrec_engine::segmentation::identity::match_segments;
use segrec_engine::study::evaluate;
use segrec_engine::training::Given;

/// Measures the recipe of a model's deployed version.
pub fn evaluate(
    model: Option<&str>,
    k: Option<Vec<Option<i64>>>,
    per_segment: Option<bool>,
) -> Result<Vec<Measured>> {
    let model = trainable(model)?;
    let cuts = cuts(k)?;
    let per_segment = per_segment.ok_or(SegrecError::NullArgument { argument: "per_segment" })?;
    if model.events.is_none() {
        return Err(SegrecError::NoEvents { model: model.name });
    }
    let Some(version) = deployed_version(&model)? else {
        return Err(SegrecError::NotTrained { model: model.name });
    };
    let workers =
        Workers::new(settings::threads()).map_err(|error| SegrecError::Threads(error.to_string()))?;
    let mut diary = Diary::new();
    let options = recipe(&model, &version)?;
    let material = read(&model, &options, None, &workers, &mut diary)?;
    check_memory(&material, &options)?;
    let Some(events) = &material.events else {
        return Err(SegrecError::NoEvents { model: model.name });
    };
    let allowed = settings::training_memory();
    let evaluation = diary.run(&workers, &material.relation, |observer| {
        let given = Given { memory: allowed, ..Given::new(events, &material.described) };
        evaluate::evaluate(given, &options, &cuts, observer)
    })?;
    report_holdout(&material.relation, evaluation.split, &evaluation.passed_over);
    if evaluation.rows.is_empty() {
        return Err(SegrecError::NothingToMeasure {
            relation: material.relation,
            reason: format!(
                "none of {} users has an event that could be held out and others to train on",
                events.users().len()
            ),
            hint: "add events, or raise holdout.share",
        });
    }
    // Segments were found anew; they are those of the version that share most users with them.
    let ids = match per_segment {
        true => {
            let of_user: Vec<Option<u32>> = evaluation.of_user.into_iter().map(Some).collect();
            let before = past(&model, Some(&version), &material.ids)?.map(|past| past.of_member);
            match_segments(&before.unwrap_or_default(), &of_user, evaluation.segments)
        }
        false => Vec::new(),
    };
    Ok(Measured::of_rows(&evaluation.rows, &ids))
}
