//! Reports of errors about the relations that models read, and about their rows.

use super::text::{LISTED, Report, counted, quoted, report};
use crate::error::SegrecError;
use pgrx::PgSqlErrorCode as Code;

/// The report of an error in this category; other errors are returned unchanged.
pub fn report_of(error: SegrecError) -> Result<Report, SegrecError> {
    Ok(match error {
        SegrecError::MissingColumns { relation, missing, existing } => {
            let names: Vec<String> = missing.iter().map(|(_, column)| column.clone()).collect();
            let arguments: Vec<String> =
                missing.iter().map(|(argument, column)| format!("{argument} => '{column}'")).collect();
            let of_options = missing.iter().all(|(argument, _)| argument.starts_with("segmentation"));
            let hint = match missing.as_slice() {
                _ if of_options => "name columns that it has in the options of segmentation".to_owned(),
                [(key, _)] if matches!(key.as_str(), "users_key" | "items_key") => {
                    format!("name the column of the ids, as in {key} => 'id'")
                }
                _ => "name the columns, as in user_column => 'customer_id'".to_owned(),
            };
            let noun = if names.len() == 1 { "column" } else { "columns" };
            report(
                Code::ERRCODE_UNDEFINED_COLUMN,
                format!("relation \"{relation}\" has no {noun} {}", quoted(&names)),
                Some(format!("its columns are {}; asked for {}", quoted(&existing), arguments.join(", "))),
                Some(hint),
            )
        }
        SegrecError::SameColumn { relation, column } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("user_column and item_column are both \"{column}\""),
            Some(format!("events say which user did something to which item: two columns of \"{relation}\"")),
            Some("name both, as in user_column => 'customer_id', item_column => 'product_id'".to_owned()),
        ),
        SegrecError::WrongColumnTypes { relation, columns } => report(
            Code::ERRCODE_DATATYPE_MISMATCH,
            format!("columns of \"{relation}\" have unsupported types"),
            Some(columns.join("\n")),
            Some("create a view that casts them, and give the view instead".to_owned()),
        ),
        SegrecError::NoSuchRelation { oid } => report(
            Code::ERRCODE_UNDEFINED_TABLE,
            format!("there is no relation with oid {oid}"),
            Some("it was dropped, or never there".to_owned()),
            Some("name a table, view, materialized view, foreign table or partitioned table".to_owned()),
        ),
        SegrecError::NoSuchSchema { oid } => report(
            Code::ERRCODE_INVALID_SCHEMA_NAME,
            format!("there is no schema with oid {oid}"),
            Some("it was dropped, or never there".to_owned()),
            Some("make one with CREATE SCHEMA, and name it".to_owned()),
        ),
        SegrecError::IdKindChanged { model, relation, what, column, type_name, kind } => report(
            Code::ERRCODE_DATATYPE_MISMATCH,
            format!(
                "model \"{model}\" was made for {what} ids of type {kind}, and \"{column}\" of \"{relation}\" is {type_name} now"
            ),
            Some(format!("its versions hold {what} ids of type {kind}")),
            Some(format!(
                "give the column a type that holds {kind} ids, or make a new model on it: SELECT segrec_create_model(…)"
            )),
        ),
        SegrecError::ReplacedMeanwhile => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            "another relation was put in the place of one that is read".to_owned(),
            Some(
                "its name or that of its schema changed while a query was planned; nothing was read"
                    .to_owned(),
            ),
            Some("call again".to_owned()),
        ),
        SegrecError::ResultType { column, found, asked } => report(
            Code::ERRCODE_DATATYPE_MISMATCH,
            format!("column {column} of a query is {found} and not {asked}"),
            Some("a value is read by the type that it has".to_owned()),
            Some("call again; if that does not help, please report it".to_owned()),
        ),
        SegrecError::NotReadable { relation, kind } => report(
            Code::ERRCODE_WRONG_OBJECT_TYPE,
            format!("\"{relation}\" is {kind}"),
            Some(
                "a model reads a table, a view, a materialized view, a foreign table or a partitioned table"
                    .to_owned(),
            ),
            Some("give one of these".to_owned()),
        ),
        SegrecError::RelationGone { model, argument, namesake } => report(
            Code::ERRCODE_UNDEFINED_TABLE,
            format!("the {argument} relation of model \"{model}\" does not exist any more"),
            Some(match &namesake {
                Some(name) => format!(
                    "it was dropped after the model was pointed at it, and another is called {name} now"
                ),
                None => "it was dropped after the model was pointed at it".to_owned(),
            }),
            Some(match namesake {
                Some(name) => {
                    format!("to read that one, run segrec_rebind('{model}', {argument} => '{name}')")
                }
                None => format!("point the model at another: segrec_rebind('{model}', {argument} => …)"),
            }),
        ),
        SegrecError::BadRows { relation, rows } => report(
            Code::ERRCODE_DATA_EXCEPTION,
            format!("relation \"{relation}\" holds {} bad rows", rows.total()),
            Some(rows.describe()),
            Some(
                "correct them, leave them out with a view, or skip them with the option \
                 {\"events\": {\"on_bad_rows\": \"skip\"}}"
                    .to_owned(),
            ),
        ),
        SegrecError::UnlistedTypes { relation, rows, unlisted, found, missing } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!(
                "{unlisted} of {rows} rows of \"{relation}\" have a type that events.type_weights does not list, and {} does not occur",
                quoted(&missing[..missing.len().min(LISTED)])
            ),
            Some(format!("these types are {}", counted(&found))),
            Some(
                "write the types as the events do, or list those that are not to count with a weight of 0"
                    .to_owned(),
            ),
        ),
        SegrecError::BadIds { relation, bad, rows } => report(
            Code::ERRCODE_DATA_EXCEPTION,
            format!("relation \"{relation}\" holds rows without an id of their own: {}", bad.total()),
            Some(format!("of {rows} rows {}", bad.describe())),
            Some(
                "correct them, leave them out with a view, or skip them with the option \
                 {\"events\": {\"on_bad_rows\": \"skip\"}}"
                    .to_owned(),
            ),
        ),
        SegrecError::NothingToTrainOn { relation, reason } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("relation \"{relation}\" holds nothing to train on"),
            Some(reason),
            Some("add events, or lower events.min_user_events and events.min_item_events".to_owned()),
        ),
        SegrecError::NothingToDivideBy { relation, reason } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("relation \"{relation}\" holds nothing to divide users by"),
            Some(reason),
            Some("give columns that tell users apart, or labels, or change segmentation.method".to_owned()),
        ),
        SegrecError::NothingToMeasure { relation, reason, hint } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("relation \"{relation}\" holds nothing to measure on"),
            Some(reason),
            Some(hint.to_owned()),
        ),
        other => return Err(other),
    })
}
