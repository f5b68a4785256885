//! `segrec_compare`: the recipes of two versions on the same holdout of today's events, user by user.

use super::access::trainable;
use super::deploy::find_version;
use super::diary::Diary;
use super::estimate::check_memory;
use super::measured::recipe;
use super::read::read;
use crate::error::{Result, SegrecError, notice};
use crate::pg::process::workers::Workers;
use crate::settings;
use segrec_engine::evaluation::quotients::Difference;
use segrec_engine::options::Options;
use segrec_engine::study::compare::compare as compare_recipes;
use segrec_engine::training::Given;

/// Compares two versions of a model.
pub fn compare(model: Option<&str>, version: Option<i32>, other: Option<i32>) -> Result<Vec<Difference>> {
    let model = trainable(model)?;
    let version = find_version(&model, version)?;
    let other = other.ok_or(SegrecError::NullArgument { argument: "other" })?;
    let other = find_version(&model, Some(other))?;
    let (first, second) = (recipe(&model, &version)?, recipe(&model, &other)?);
    if first.is_explicit() != second.is_explicit() {
        let ratings = if first.is_explicit() { version.version } else { other.version };
        let versions = [version.version, other.version];
        return Err(SegrecError::DifferentFeedback { model: model.name, versions, ratings });
    }
    say_what_is_read(&first, &second, version.version);
    let workers =
        Workers::new(settings::threads()).map_err(|error| SegrecError::Threads(error.to_string()))?;
    let mut diary = Diary::new();
    let material = read(&model, &first, Some(&second), &workers, &mut diary)?;
    check_memory(&material, &first)?;
    check_memory(&material, &second)?;
    let Some(events) = &material.events else {
        return Err(SegrecError::NoEvents { model: model.name });
    };
    let allowed = settings::training_memory();
    let rows = diary.run(&workers, &material.relation, |observer| {
        let given = Given { memory: allowed, ..Given::new(events, &material.described) };
        compare_recipes(given, [&first, &second], observer)
    })?;
    if rows.is_empty() {
        return Err(SegrecError::NothingToMeasure {
            relation: material.relation,
            reason: format!(
                "none of {} users has an event that could be held out and others to train on",
                events.users().len()
            ),
            hint: "add events, or raise holdout.share",
        });
    }
    Ok(rows)
}

/// Events are read once: where the versions read them differently, the first one's way is taken.
fn say_what_is_read(first: &Options, second: &Options, version: i32) {
    let (one, other) = (&first.events, &second.events);
    let differ = [
        ("events.type_weights", one.type_weights != other.type_weights),
        ("events.min_user_events", one.min_user_events != other.min_user_events),
        ("events.min_item_events", one.min_item_events != other.min_item_events),
        ("events.max_user_events", one.max_user_events != other.max_user_events),
        ("holdout", first.holdout != second.holdout),
        ("seed", first.seed != second.seed),
    ];
    let names: Vec<&str> = differ.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect();
    if !names.is_empty() {
        notice(
            format!("both are measured on the events that version {version} reads and holds out"),
            Some(format!("the versions differ in {}", names.join(", "))),
            None,
        );
    }
}
