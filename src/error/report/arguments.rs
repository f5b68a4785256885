//! Reports of errors about arguments.

use super::text::{Report, all_problems, report};
use crate::error::{FeatureProblem, SegrecError};
use pgrx::PgSqlErrorCode as Code;
use segrec_engine::features::RowProblem;

/// The report of an error in this category; other errors are returned unchanged.
pub fn report_of(error: SegrecError) -> Result<Report, SegrecError> {
    Ok(match error {
        SegrecError::NullArgument { argument } => report(
            Code::ERRCODE_NULL_VALUE_NOT_ALLOWED,
            format!("\"{argument}\" must not be null"),
            None,
            Some(format!("Specify a value for \"{argument}\".")),
        ),
        SegrecError::InvalidName { name } => report(
            Code::ERRCODE_INVALID_NAME,
            format!("invalid model name \"{name}\""),
            Some("The name of a model must have 1 to 63 bytes and no control characters.".to_owned()),
            Some("Choose a short name such as 'shop'.".to_owned()),
        ),
        SegrecError::InvalidPrivilege { value } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("\"privilege\" is \"{value}\""),
            None,
            Some("\"privilege\" must be one of 'use', 'label', 'train'.".to_owned()),
        ),
        SegrecError::InvalidRule { argument, problem, detail, hint } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("\"{argument}\" {problem}"),
            detail,
            Some(hint),
        ),
        SegrecError::InvalidOptions(problems) => all_problems("options", &problems),
        SegrecError::InvalidStudy(problems) => all_problems("arguments of the study", &problems),
        SegrecError::NotUtf8 { encoding } => report(
            Code::ERRCODE_CHARACTER_NOT_IN_REPERTOIRE,
            "text is not valid UTF-8".to_owned(),
            Some(format!("The encoding of this database is {encoding}, which accepts any bytes; the extension reads texts as UTF-8.")),
            Some("Convert the text, as in convert_from(convert_to(text, 'SQL_ASCII'), 'LATIN1'), or use a database with encoding UTF8.".to_owned()),
        ),
        SegrecError::ZeroByte => report(
            Code::ERRCODE_CHARACTER_NOT_IN_REPERTOIRE,
            "text contains a zero byte".to_owned(),
            Some("Values of type text cannot contain one.".to_owned()),
            Some(
                "Export the version again; the imported rows were changed after they had been exported."
                    .to_owned(),
            ),
        ),
        SegrecError::JsonBeyond { reason } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            "could not read jsonb".to_owned(),
            Some(reason),
            Some("Use numbers of at most 1.8e308 and at most 127 levels of nesting.".to_owned()),
        ),
        SegrecError::InvalidFeatures(problems) => {
            let lines = |part: fn(&RowProblem) -> &String| {
                problems.iter().map(|problem| part(problem).clone()).collect::<Vec<_>>().join("\n")
            };
            let (message, detail) = match &problems[..] {
                [only] => (only.message.clone(), None),
                _ => (
                    format!("{} features are invalid", problems.len()),
                    Some(lines(|problem| &problem.message)),
                ),
            };
            report(Code::ERRCODE_INVALID_PARAMETER_VALUE, message, detail, Some(lines(|problem| &problem.hint)))
        }
        SegrecError::InvalidSegments => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            "\"segments\" must be an integer of at least 1".to_owned(),
            None,
            Some("Specify the number of segments, such as 8.".to_owned()),
        ),
        SegrecError::InvalidDeploy { value } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("\"deploy\" is \"{value}\""),
            None,
            Some("\"deploy\" must be one of 'if_better', 'always', 'never'.".to_owned()),
        ),
        SegrecError::InvalidIfExists { value } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("\"if_exists\" is \"{value}\""),
            None,
            Some("\"if_exists\" must be one of 'error', 'keep', 'replace'.".to_owned()),
        ),
        SegrecError::InvalidCold { value } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("\"cold\" is \"{value}\""),
            None,
            Some("\"cold\" must be one of 'items', 'users'.".to_owned()),
        ),
        SegrecError::ColdWith { argument } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("\"cold\" cannot be combined with \"{argument}\""),
            Some(
                "Items or users are held out whole from the events of the model, and lists are measured for all users together."
                    .to_owned(),
            ),
            Some("Omit one of the two arguments.".to_owned()),
        ),
        SegrecError::ScoresNoNewItems { model, algorithm } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("model \"{model}\" does not score new items"),
            Some(format!("The algorithm {algorithm} scores items by their events alone.")),
            Some("Use the algorithm hybrid, neighbours, als or content.".to_owned()),
        ),
        SegrecError::WrongIdType { model, what, kind, asked } => report(
            Code::ERRCODE_DATATYPE_MISMATCH,
            format!("the {what} ids of model \"{model}\" are of type {kind}, not {asked}"),
            Some("The text form accepts ids of every type and returns them as text.".to_owned()),
            Some("Call the text form, as in segrec_recommend('42'::text).".to_owned()),
        ),
        SegrecError::InvalidCount { argument, least, value } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("\"{argument}\" is {value}"),
            None,
            Some(format!("\"{argument}\" must be an integer from {least} to {}.", i32::MAX)),
        ),
        SegrecError::NoGroups { model } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("model \"{model}\" has no groups of items, which \"max_per_group\" counts"),
            Some("Its option items.group_column is null.".to_owned()),
            Some(
                "Name a column of items with segrec_alter_model, as in '{\"items\": {\"group_column\": \"artist\"}}'."
                    .to_owned(),
            ),
        ),
        SegrecError::NoTimes { model } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("model \"{model}\" does not know when events happened"),
            Some("It has no time_column.".to_owned()),
            Some("Name the column of times with segrec_rebind.".to_owned()),
        ),
        SegrecError::NoAddedColumn { model } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("model \"{model}\" does not know when items were added"),
            Some("Its option items.added_column is null.".to_owned()),
            Some(
                "Name a column of items with segrec_alter_model, as in '{\"items\": {\"added_column\": \"created_at\"}}'."
                    .to_owned(),
            ),
        ),
        SegrecError::InvalidHalfLife { seconds } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("\"half_life\" is {seconds} seconds"),
            None,
            Some("\"half_life\" must be longer than 0 and at most 1000 years, as in '7 days'.".to_owned()),
        ),
        SegrecError::TooLarge { value } => report(
            Code::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            format!("number {value} is too large"),
            Some(format!("Integer arguments must be from {} to {}.", i32::MIN, i32::MAX)),
            Some("Specify a smaller number.".to_owned()),
        ),
        SegrecError::NoDocument { found } => report(
            Code::ERRCODE_DATATYPE_MISMATCH,
            format!("JSON document cannot be of type {found}"),
            Some("It must be of type jsonb, json, text or varchar.".to_owned()),
            Some("Write it as in '{\"als\": {\"factors\": 32}}', or cast it to jsonb.".to_owned()),
        ),
        SegrecError::InvalidShare { argument, value, fact } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("\"{argument}\" is {value}"),
            Some(fact.to_owned()),
            Some(format!("\"{argument}\" must be a number from 0 to 1.")),
        ),
        SegrecError::Features(problem) => of_features(problem),
        SegrecError::SegmentCount { k, most } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("\"k\" is {k}"),
            None,
            Some(format!("\"k\" must be an integer from 1 to {most}.")),
        ),
        SegrecError::SegmentCountChanges { before, now } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("\"k\" is {now}, but was {before} in an earlier row"),
            Some("The rows of a group are clustered once, into one number of segments.".to_owned()),
            Some("Specify a constant, or a value that is the same in all rows of a group.".to_owned()),
        ),
        SegrecError::InvalidNumber { argument, value, least, most } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("\"{argument}\" is {value}"),
            None,
            Some(format!("\"{argument}\" must be an integer from {least} to {most}.")),
        ),
        SegrecError::InvalidMinimum { value } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("\"min_new_events\" is {value}"),
            None,
            Some("\"min_new_events\" must be an integer of at least 0.".to_owned()),
        ),
        SegrecError::UnknownMetric { metric } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("metric \"{metric}\" does not exist"),
            None,
            Some("Call the function of a metric, as in segrec_recall(ARRAY[1, 2], ARRAY[2]).".to_owned()),
        ),
        SegrecError::ListLength { k } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("\"k\" is {k}"),
            Some("Lists are truncated after k items.".to_owned()),
            Some("\"k\" must be an integer of at least 1, or null for the whole list.".to_owned()),
        ),
        SegrecError::Number { argument, value, fact } => report(
            Code::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            format!("\"{argument}\" is {value}"),
            Some(fact.to_owned()),
            Some("Correct it, or exclude the row with WHERE or FILTER.".to_owned()),
        ),
        SegrecError::InvalidValue { of, reason, hint } => report(
            Code::ERRCODE_INVALID_TEXT_REPRESENTATION,
            format!("invalid input for type {of}"),
            Some(reason),
            Some(hint.to_owned()),
        ),
        SegrecError::SummariesDiffer => report(
            Code::ERRCODE_DATATYPE_MISMATCH,
            "cannot merge summaries of different kinds".to_owned(),
            Some("Each belongs to one aggregate and one number of features and segments.".to_owned()),
            Some("Merge only summaries that the same aggregate created from the same columns.".to_owned()),
        ),
        SegrecError::NotInAggregate => report(
            Code::ERRCODE_FEATURE_NOT_SUPPORTED,
            "support function of an aggregate was called directly".to_owned(),
            Some("Its state exists only within the aggregate.".to_owned()),
            Some("Call the aggregate, as in SELECT segrec_kmeans(features, 5) FROM customers.".to_owned()),
        ),
        other => return Err(other),
    })
}

/// The report of invalid features.
fn of_features(problem: FeatureProblem) -> Report {
    let (code, message, detail, hint) = match problem {
        FeatureProblem::Empty => (
            Code::ERRCODE_DATA_EXCEPTION,
            "features are an empty array".to_owned(),
            "Distances require at least one feature.".to_owned(),
            "Specify at least one feature, or null to skip the row.",
        ),
        FeatureProblem::TooMany { count, most } => (
            Code::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            format!("features are an array of {count} values"),
            format!("The maximum is {most}."),
            "Specify fewer features.",
        ),
        FeatureProblem::Dimensions(dimensions) => (
            Code::ERRCODE_ARRAY_ELEMENT_ERROR,
            format!("features are an array with {dimensions} dimensions"),
            "The features of a row must be a single list of numbers.".to_owned(),
            "Specify a one-dimensional array, as in ARRAY[age, income]::real[].",
        ),
        FeatureProblem::Null { position } => (
            Code::ERRCODE_NULL_VALUE_NOT_ALLOWED,
            format!("feature {position} is null"),
            "Distances cannot be computed from null values.".to_owned(),
            "Replace it with coalesce, or exclude the row with WHERE or FILTER.",
        ),
        FeatureProblem::NoNumbers { elements } => (
            Code::ERRCODE_DATATYPE_MISMATCH,
            format!("features cannot be of type {elements}"),
            "They must be an array of real, double precision, smallint, integer, bigint or numeric."
                .to_owned(),
            "Cast them, as in features::real[].",
        ),
        FeatureProblem::OutOfRange { position, value } => (
            Code::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            match value.abs() < 1e16 {
                true => format!("feature {position} is {value}"),
                false => format!("feature {position} is {value:e}"),
            },
            "Features must be finite and have an absolute value of at most 1e15.".to_owned(),
            "Scale the features to comparable ranges, or exclude the row with WHERE or FILTER.",
        ),
        FeatureProblem::Length { expected, found, whose } => (
            Code::ERRCODE_DATA_EXCEPTION,
            format!("row has {found} features, but {whose} {expected}"),
            "Distances require the same features in the same order.".to_owned(),
            "Specify the same features in every row, as in ARRAY[age, income]::real[].",
        ),
    };
    report(code, message, Some(detail), Some(hint.to_owned()))
}
