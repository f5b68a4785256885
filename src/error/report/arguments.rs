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
            Some(format!("give a value for \"{argument}\"")),
        ),
        SegrecError::InvalidName { name } => report(
            Code::ERRCODE_INVALID_NAME,
            format!("invalid model name \"{name}\""),
            Some("a model's name has 1 to 63 bytes and no control characters".to_owned()),
            Some("choose a short name such as 'shop'".to_owned()),
        ),
        SegrecError::InvalidPrivilege { value } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("\"privilege\" is \"{value}\""),
            None,
            Some("\"privilege\" is one of 'use', 'train'".to_owned()),
        ),
        SegrecError::InvalidOptions(problems) => all_problems("options", &problems),
        SegrecError::InvalidStudy(problems) => all_problems("arguments of the study", &problems),
        SegrecError::NotUtf8 { encoding } => report(
            Code::ERRCODE_CHARACTER_NOT_IN_REPERTOIRE,
            "a text is not UTF-8".to_owned(),
            Some(format!("the encoding of this database is {encoding}, which takes any bytes; texts are read as UTF-8")),
            Some("convert the text, as in convert_from(convert_to(text, 'SQL_ASCII'), 'LATIN1'), or use a database with encoding UTF8".to_owned()),
        ),
        SegrecError::ZeroByte => report(
            Code::ERRCODE_CHARACTER_NOT_IN_REPERTOIRE,
            "a text holds a zero byte".to_owned(),
            Some("no text of PostgreSQL holds one".to_owned()),
            Some("export the version again: what is imported was changed on its way".to_owned()),
        ),
        SegrecError::JsonBeyond { reason } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            "a jsonb cannot be read".to_owned(),
            Some(reason),
            Some("numbers go to 1.8e308, and nesting to 127 levels".to_owned()),
        ),
        SegrecError::InvalidFeatures(problems) => {
            let lines = |part: fn(&RowProblem) -> &String| {
                problems.iter().map(|problem| part(problem).clone()).collect::<Vec<_>>().join("\n")
            };
            let (message, detail) = match &problems[..] {
                [only] => (only.message.clone(), None),
                _ => (format!("{} features are wrong", problems.len()), Some(lines(|problem| &problem.message))),
            };
            report(Code::ERRCODE_INVALID_PARAMETER_VALUE, message, detail, Some(lines(|problem| &problem.hint)))
        }
        SegrecError::InvalidSegments => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            "\"segments\" is not a whole number of at least 1".to_owned(),
            None,
            Some("ask for as many segments as you want to read, such as 8".to_owned()),
        ),
        SegrecError::InvalidDeploy { value } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("\"deploy\" is \"{value}\""),
            None,
            Some("\"deploy\" is one of 'if_better', 'always', 'never'".to_owned()),
        ),
        SegrecError::WrongIdType { model, what, kind, asked } => report(
            Code::ERRCODE_DATATYPE_MISMATCH,
            format!("the {what} ids of model \"{model}\" are {kind}, not {asked}"),
            Some("ids of every type can be given and are returned as text".to_owned()),
            Some("call the text form, as in segrec_recommend('42'::text)".to_owned()),
        ),
        SegrecError::InvalidCount { n } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("\"n\" is {n}"),
            None,
            Some(format!("\"n\" is a whole number from 0 to {}", i32::MAX)),
        ),
        SegrecError::TooLarge { value } => report(
            Code::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            format!("the number {value} is too large"),
            Some(format!("whole numbers of a call are from {} to {}", i32::MIN, i32::MAX)),
            Some("give a smaller number".to_owned()),
        ),
        SegrecError::NoDocument { found } => report(
            Code::ERRCODE_DATATYPE_MISMATCH,
            format!("a JSON document cannot be of type {found}"),
            Some("it is of type jsonb, json, text or varchar".to_owned()),
            Some("write it as in '{\"als\": {\"factors\": 32}}', or cast it to jsonb".to_owned()),
        ),
        SegrecError::InvalidShare { argument, value, fact } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("\"{argument}\" is {value}"),
            Some(fact.to_owned()),
            Some(format!("\"{argument}\" is a number from 0 to 1")),
        ),
        SegrecError::Features(problem) => of_features(problem),
        SegrecError::SegmentCount { k, most } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("\"k\" is {k}"),
            None,
            Some(format!("\"k\" is a whole number from 1 to {most}")),
        ),
        SegrecError::SegmentCountChanges { before, now } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("\"k\" is {now}, and was {before} in an earlier row"),
            Some("the rows of a group are divided once, into one number of segments".to_owned()),
            Some("give a constant, or a value that is the same in all rows of a group".to_owned()),
        ),
        SegrecError::InvalidNumber { argument, value, least, most } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("\"{argument}\" is {value}"),
            None,
            Some(format!("\"{argument}\" is a whole number from {least} to {most}")),
        ),
        SegrecError::InvalidMinimum { value } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("\"min_new_events\" is {value}"),
            None,
            Some("\"min_new_events\" is a whole number of at least 0".to_owned()),
        ),
        SegrecError::UnknownMetric { metric } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("there is no metric \"{metric}\""),
            None,
            Some("call a metric by its function, as in segrec_recall(ARRAY[1, 2], ARRAY[2])".to_owned()),
        ),
        SegrecError::ListLength { k } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("\"k\" is {k}"),
            Some("lists are cut after k items".to_owned()),
            Some("\"k\" is a whole number of at least 1, or null for the whole list".to_owned()),
        ),
        SegrecError::Number { argument, value, fact } => report(
            Code::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            format!("\"{argument}\" is {value}"),
            Some(fact.to_owned()),
            Some("correct it, or leave the row out with WHERE or FILTER".to_owned()),
        ),
        SegrecError::InvalidValue { of, reason, hint } => report(
            Code::ERRCODE_INVALID_TEXT_REPRESENTATION,
            format!("invalid input for type {of}"),
            Some(reason),
            Some(hint.to_owned()),
        ),
        SegrecError::SummariesDiffer => report(
            Code::ERRCODE_DATATYPE_MISMATCH,
            "summaries of different kinds cannot be merged".to_owned(),
            Some("each belongs to one aggregate and one number of features and segments".to_owned()),
            Some("merge only what the same aggregate made of the same columns".to_owned()),
        ),
        SegrecError::NotInAggregate => report(
            Code::ERRCODE_FEATURE_NOT_SUPPORTED,
            "a part of an aggregate was called by itself".to_owned(),
            Some("its state lives as long as the aggregate".to_owned()),
            Some("call the aggregate, as in SELECT segrec_kmeans(features, 5) FROM customers".to_owned()),
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
            "distances need at least one feature".to_owned(),
            "give at least one feature, or null for a row to skip",
        ),
        FeatureProblem::TooMany { count, most } => (
            Code::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            format!("features are an array of {count} values"),
            format!("there can be {most}"),
            "give fewer features",
        ),
        FeatureProblem::Dimensions(dimensions) => (
            Code::ERRCODE_ARRAY_ELEMENT_ERROR,
            format!("features are an array of {dimensions} dimensions"),
            "the features of a row are one list of numbers".to_owned(),
            "give a one-dimensional array, as in ARRAY[age, income]::real[]",
        ),
        FeatureProblem::Null { position } => (
            Code::ERRCODE_NULL_VALUE_NOT_ALLOWED,
            format!("feature {position} is null"),
            "a distance to something unknown is unknown".to_owned(),
            "fill it with coalesce, or leave the row out with WHERE or FILTER",
        ),
        FeatureProblem::NoNumbers { elements } => (
            Code::ERRCODE_DATATYPE_MISMATCH,
            format!("features cannot be of type {elements}"),
            "they are an array of real, double precision, smallint, integer, bigint or numeric".to_owned(),
            "cast them, as in features::real[]",
        ),
        FeatureProblem::OutOfRange { position, value } => (
            Code::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            match value.abs() < 1e16 {
                true => format!("feature {position} is {value}"),
                false => format!("feature {position} is {value:e}"),
            },
            "features are finite and at most 1e15 from zero".to_owned(),
            "bring the features to comparable scales, or leave the row out with WHERE or FILTER",
        ),
        FeatureProblem::Length { expected, found, whose } => (
            Code::ERRCODE_DATA_EXCEPTION,
            format!("the row has {found} features, {whose} {expected}"),
            "distances compare the same features in the same order".to_owned(),
            "give every row the same features, as in ARRAY[age, income]::real[]",
        ),
    };
    report(code, message, Some(detail), Some(hint.to_owned()))
}
