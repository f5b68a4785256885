//! `segrec_evaluate` with later events in a relation of the caller, which has the same columns as the model's events.

use super::reported_metric::{ReportedMetric, cuts};
use crate::catalog::models::Model;
use crate::catalog::sources::read_events;
use crate::catalog::sources::read_events::ReadOptions;
use crate::catalog::sources::relations;
use crate::commands::access::privileges::trainable;
use crate::commands::models::create::readable;
use crate::commands::training::progress::phase;
use crate::commands::training::read::judge_rows;
use crate::commands::training::train::deployed_version;
use crate::commands::training::training_log::TrainingLog;
use crate::error::{Result, SegrecError};
use crate::pg::process::workers::Workers;
use crate::serving::measuring::{Test, measure};
use crate::settings;
use pgrx::pg_sys;
use segrec_engine::interactions::{EventLimits, Events, Interactions, SeenRule};
use segrec_engine::options::parse_options;

/// A model and the events on which to measure its deployed version.
struct TestEvents {
    model: Model,
    /// The number of the version.
    version: i32,
    /// The name of the relation.
    relation: String,
    events: Events,
    /// The events as interactions.
    interactions: Interactions,
    /// The lengths at which lists are cut.
    cuts: Vec<usize>,
}

/// Reads the events in `test`, with the weights of the deployed version.
fn read(model: Option<&str>, k: Option<Vec<Option<i64>>>, test: pg_sys::Oid) -> Result<TestEvents> {
    let model = trainable(model)?;
    let cuts = cuts(k)?;
    let Some(source) = &model.events else {
        return Err(SegrecError::NoEvents { model: model.name });
    };
    let Some(version) = deployed_version(&model)? else {
        return Err(SegrecError::NotTrained { model: model.name });
    };
    let options = parse_options(&version.options).map_err(SegrecError::InvalidOptions)?;
    readable(test)?;
    let columns = relations::event_columns(&model.name, test, &source.columns, &source.filter)?;
    let kinds = [(&columns.user, "user", model.user_kind), (&columns.item, "item", source.item_kind)];
    let wrong: Vec<String> = kinds
        .into_iter()
        .filter(|(column, _, kind)| column.id_kind() != Some(*kind))
        .map(|(column, what, kind)| {
            let (name, of) = (&column.name, &column.type_name);
            format!("\"{name}\" is {of}, but the {what} ids of the model are {}.", kind.name())
        })
        .collect();
    if !wrong.is_empty() {
        return Err(SegrecError::WrongColumnTypes { relation: columns.name, columns: wrong });
    }
    let mut log = TrainingLog::new();
    log.announce(phase::READING, format!("reading events of \"{}\"", columns.name));
    let reading = ReadOptions { keep_types: false, signed: options.is_explicit(), seen: SeenRule::default() };
    let (raw, report) =
        read_events::read_all(&columns, &options.events.type_weights, reading, settings::training_memory())?;
    judge_rows(&columns.name, &report, &options)?;
    if raw.is_empty() {
        return Err(SegrecError::NothingToMeasure {
            relation: columns.name,
            reason: "There are no events.".to_owned(),
            hint: "Provide events from after the training.",
        });
    }
    let limits = EventLimits { min_user_events: 1, min_item_events: 1, max_user_events: usize::MAX };
    let workers = Workers::new(settings::threads())?;
    let (events, interactions) = log.run(&workers, &columns.name, |observer| {
        let events = Events::new(raw, limits, observer)?;
        let weighting = options.weighting(events.latest());
        let interactions = events.interactions(&weighting, |_, _, _| true, observer)?;
        Ok((events, interactions))
    })?;
    let (relation, version) = (columns.name, version.version);
    Ok(TestEvents { model, version, relation, events, interactions, cuts })
}

/// Measures the deployed version of a model on the events in `test`.
pub fn evaluate(
    model: Option<&str>,
    k: Option<Vec<Option<i64>>>,
    test: pg_sys::Oid,
    per_segment: Option<bool>,
) -> Result<Vec<ReportedMetric>> {
    let TestEvents { model, version, relation, events, interactions, cuts } = read(model, k, test)?;
    let per_segment = per_segment.ok_or(SegrecError::NullArgument { argument: "per_segment" })?;
    let test =
        Test { relation: &relation, events: &events, interactions: &interactions, version, cuts: &cuts };
    let (rows, ids) = measure(&model, test)?;
    let ids: Vec<Option<i32>> = ids.into_iter().filter(|_| per_segment).map(Some).collect();
    Ok(ReportedMetric::of_rows(&rows, &ids))
}
