//! Reports of errors about the relations that models read, and about their rows.

use super::text::{LISTED, Report, counted, quoted, report};
use crate::error::SegrecError;
use pgrx::PgSqlErrorCode as Code;
use segrec_engine::name_similarity::name_similarity;

/// A name that is less similar is not suggested.
const LEAST_SIMILARITY: f64 = 0.5;

/// The name that is most similar to another, if any is similar.
fn most_similar<'a>(name: &str, names: &'a [String]) -> Option<&'a String> {
    let similarity = |other: &&String| name_similarity(name, other);
    let best = names.iter().max_by(|one, other| similarity(one).total_cmp(&similarity(other)));
    best.filter(|best| similarity(best) >= LEAST_SIMILARITY)
}

/// The report of an error in this category; other errors are returned unchanged.
pub fn report_of(error: SegrecError) -> Result<Report, SegrecError> {
    Ok(match error {
        SegrecError::MissingColumns { relation, missing, existing } => {
            let names: Vec<String> = missing.iter().map(|(_, column)| column.clone()).collect();
            let arguments: Vec<String> =
                missing.iter().map(|(argument, column)| format!("{argument} => '{column}'")).collect();
            let of_options = missing.iter().all(|(argument, _)| argument.starts_with("segmentation"));
            let hint = match missing.as_slice() {
                _ if of_options => "Specify existing columns in the segmentation options.".to_owned(),
                [(option, column), ..] if option.ends_with(".filter") => match most_similar(column, &existing) {
                    Some(name) => format!("Did you mean \"{name}\"?"),
                    None => format!("Name existing columns in the option {option}, as in {{\"deleted\": false}}."),
                },
                [(option, _)] if option.starts_with("items.") => {
                    format!("Name another column in the option {option}, with segrec_alter_model.")
                }
                [(key, _)] if matches!(key.as_str(), "users_key" | "items_key") => {
                    format!("Specify the column of the ids, as in {key} => 'id'.")
                }
                _ => "Specify the columns, as in user_column => 'customer_id'.".to_owned(),
            };
            let noun = if names.len() == 1 { "column" } else { "columns" };
            report(
                Code::ERRCODE_UNDEFINED_COLUMN,
                format!("relation \"{relation}\" has no {noun} {}", quoted(&names)),
                Some(format!(
                    "Its columns are {}; the requested ones are {}.",
                    quoted(&existing),
                    arguments.join(", ")
                )),
                Some(hint),
            )
        }
        SegrecError::SameColumn { relation, column } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("user_column and item_column are both \"{column}\""),
            Some(format!("Events relate a user to an item, which must be two columns of \"{relation}\".")),
            Some("Specify both, as in user_column => 'customer_id', item_column => 'product_id'.".to_owned()),
        ),
        SegrecError::WrongColumnTypes { relation, columns } => report(
            Code::ERRCODE_DATATYPE_MISMATCH,
            format!("columns of \"{relation}\" have unsupported types"),
            Some(columns.join("\n")),
            Some("Create a view that casts them, and specify the view instead.".to_owned()),
        ),
        SegrecError::WrongFilter { option, relation, problems } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("option {option} compares columns of \"{relation}\" with values that they cannot have"),
            Some(problems.join("\n")),
            Some(
                "Write numbers and booleans without quotes, and texts, uuids, labels of enums, dates and timestamps in quotes. A view can cast a column of another type."
                    .to_owned(),
            ),
        ),
        SegrecError::NoSuchRelation { oid } => report(
            Code::ERRCODE_UNDEFINED_TABLE,
            format!("relation with OID {oid} does not exist"),
            Some("It was dropped or never existed.".to_owned()),
            Some("Specify a table, view, materialized view, foreign table or partitioned table.".to_owned()),
        ),
        SegrecError::NoSuchSchema { oid } => report(
            Code::ERRCODE_INVALID_SCHEMA_NAME,
            format!("schema with OID {oid} does not exist"),
            Some("It was dropped or never existed.".to_owned()),
            Some("Create a schema with CREATE SCHEMA, and specify it.".to_owned()),
        ),
        SegrecError::IdKindChanged { model, relation, what, column, type_name, kind } => report(
            Code::ERRCODE_DATATYPE_MISMATCH,
            format!(
                "model \"{model}\" was created for {what} ids of type {kind}, but \"{column}\" of \"{relation}\" is now {type_name}"
            ),
            Some(format!("Its versions contain {what} ids of type {kind}.")),
            Some(format!(
                "Change the column to a type for {kind} ids, or create a new model for it with segrec_create_model."
            )),
        ),
        SegrecError::ReplacedMeanwhile => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            "relation was replaced by another one while it was read".to_owned(),
            Some(
                "Its name or that of its schema changed while a query was planned; nothing was read."
                    .to_owned(),
            ),
            Some("Call again.".to_owned()),
        ),
        SegrecError::ResultType { column, found, asked } => report(
            Code::ERRCODE_DATATYPE_MISMATCH,
            format!("column {column} of a query is {found}, not {asked}"),
            Some("A value is read according to its type.".to_owned()),
            Some("Call again; if that does not help, please report it.".to_owned()),
        ),
        SegrecError::NotReadable { relation, kind } => report(
            Code::ERRCODE_WRONG_OBJECT_TYPE,
            format!("\"{relation}\" is {kind}"),
            Some(
                "A model reads a table, a view, a materialized view, a foreign table or a partitioned table."
                    .to_owned(),
            ),
            Some("Specify one of these.".to_owned()),
        ),
        SegrecError::RelationGone { model, argument, namesake } => report(
            Code::ERRCODE_UNDEFINED_TABLE,
            format!("the {argument} relation of model \"{model}\" no longer exists"),
            Some(match &namesake {
                Some(name) => format!(
                    "It was dropped after it had been bound to the model, and another relation is now named {name}."
                ),
                None => "It was dropped after it had been bound to the model.".to_owned(),
            }),
            Some(match namesake {
                Some(name) => {
                    format!("To use that relation, call segrec_rebind('{model}', {argument} => '{name}').")
                }
                None => {
                    format!("Bind the model to another relation with segrec_rebind('{model}', {argument} => …).")
                }
            }),
        ),
        SegrecError::BadRows { relation, rows } => report(
            Code::ERRCODE_DATA_EXCEPTION,
            format!("relation \"{relation}\" contains {} invalid rows", rows.total()),
            Some(rows.describe()),
            Some(
                "Correct them, exclude them with a view, or skip them with the option {\"events\": {\"on_bad_rows\": \"skip\"}}."
                    .to_owned(),
            ),
        ),
        SegrecError::UnlistedTypes { relation, rows, unlisted, found, missing } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!(
                "{unlisted} of {rows} rows of \"{relation}\" have a type that is not listed in events.type_weights, and {} does not occur",
                quoted(&missing[..missing.len().min(LISTED)])
            ),
            Some(format!("These types are {}.", counted(&found))),
            Some(
                "Spell the types as in the events, or list those that should not count with a weight of 0."
                    .to_owned(),
            ),
        ),
        SegrecError::BadIds { relation, bad, rows } => report(
            Code::ERRCODE_DATA_EXCEPTION,
            format!("relation \"{relation}\" contains rows without a unique id: {}", bad.total()),
            Some(format!("Of {rows} rows, {}", bad.describe())),
            Some(
                "Correct them, exclude them with a view, or skip them with the option {\"events\": {\"on_bad_rows\": \"skip\"}}."
                    .to_owned(),
            ),
        ),
        SegrecError::NothingToTrainOn { relation, reason } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("relation \"{relation}\" contains nothing to train on"),
            Some(reason),
            Some("Add events, or lower events.min_user_events and events.min_item_events.".to_owned()),
        ),
        SegrecError::NothingToDivideBy { relation, reason } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("relation \"{relation}\" contains nothing to segment users by"),
            Some(reason),
            Some(
                "Provide columns that distinguish users, or labels, or change segmentation.method."
                    .to_owned(),
            ),
        ),
        SegrecError::NothingToMeasure { relation, reason, hint } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("relation \"{relation}\" contains nothing to evaluate on"),
            Some(reason),
            Some(hint.to_owned()),
        ),
        other => return Err(other),
    })
}
