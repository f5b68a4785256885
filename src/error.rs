//! Everything that can go wrong, and the only place that knows SQLSTATEs. A message is lower-case and
//! names the values, DETAIL is a fact, HINT is what to do.

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{PgLogLevel, PgSqlErrorCode, function_name};
use segrec_engine::EngineError;
use segrec_engine::features::RowProblem;
use segrec_engine::recipe::OptionProblem;

/// The extension's result.
pub type Result<T, E = SegrecError> = std::result::Result<T, E>;

/// Rows of the events relation that cannot be used, by what is wrong with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BadRows {
    /// The user's id is null.
    pub null_user: u64,
    /// The item's id is null.
    pub null_item: u64,
    /// The weight is null.
    pub null_weight: u64,
    /// The weight is NaN or infinite.
    pub weight_not_finite: u64,
    /// The weight is negative.
    pub negative_weight: u64,
    /// The time is null or infinite.
    pub bad_time: u64,
}

impl BadRows {
    /// How many in all.
    pub fn total(&self) -> u64 {
        self.null_user
            + self.null_item
            + self.null_weight
            + self.weight_not_finite
            + self.negative_weight
            + self.bad_time
    }

    /// The counts in words.
    pub fn describe(&self) -> String {
        let parts = [
            (self.null_user, "a null user"),
            (self.null_item, "a null item"),
            (self.null_weight, "a null weight"),
            (self.weight_not_finite, "a weight that is NaN or infinite"),
            (self.negative_weight, "a negative weight"),
            (self.bad_time, "a null or infinite time"),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} with {what}"))
            .collect();
        parts.join(", ")
    }
}

/// What is wrong with the features of a row. Positions count from 1.
#[derive(Debug)]
pub enum FeatureProblem {
    /// There are none.
    Empty,
    /// There are more than can be.
    TooMany { count: usize, most: usize },
    /// The array has rows and columns.
    Dimensions(usize),
    /// One is null.
    Null { position: usize },
    /// One is NaN, infinite or so large that squares overflow.
    OutOfRange { position: usize, value: f32 },
    /// Their number is not that of `whose`.
    Length { expected: usize, found: usize, whose: &'static str },
}

/// An error of the extension.
#[derive(Debug)]
pub enum SegrecError {
    /// An argument is null that must not be.
    NullArgument { argument: &'static str },
    /// A model's name is not acceptable.
    InvalidName { name: String },
    /// A model of that name exists.
    ModelExists { name: String },
    /// There is no such model, or the caller may not know of it.
    UnknownModel { name: String, known: Vec<String> },
    /// No model was named and there is not exactly one.
    WhichModel { known: Vec<String> },
    /// Only the owner may do this.
    NotOwner { name: String, owner: String },
    /// Options are wrong; all problems.
    InvalidOptions(Vec<OptionProblem>),
    /// Columns are missing; all of them.
    MissingColumns { relation: String, missing: Vec<(String, String)>, existing: Vec<String> },
    /// Columns have types that do not serve; all of them.
    WrongColumnTypes { relation: String, columns: Vec<String> },
    /// The relation is of a kind that cannot be read.
    NotReadable { relation: String, kind: &'static str },
    /// Text ids need a database in UTF-8.
    TextNeedsUtf8 { encoding: String },
    /// The model's relation was dropped.
    RelationGone { model: String, argument: &'static str },
    /// The events relation holds rows that cannot be used.
    BadRows { relation: String, rows: BadRows },
    /// Options need something that the model was created without.
    NeedsArgument { option: &'static str, argument: &'static str },
    /// A model was given nothing to read.
    NothingToRead,
    /// The model has no events to recommend from.
    NoEvents { model: String },
    /// The model's segments cannot be found from a row of users.
    NotClassifying { model: String, reason: &'static str },
    /// A row that is to be classified is wrong; all problems.
    InvalidFeatures(Vec<RowProblem>),
    /// Rows of a relation of users or items have ids that cannot be used.
    BadIds { relation: String, null: u64, repeated: u64, rows: usize },
    /// There is no such segment.
    UnknownSegment { model: String, segment: i32, existing: Vec<i32> },
    /// A number of segments is out of range.
    InvalidSegments,
    /// The version has no merge tree.
    NoTree { model: String },
    /// Nothing to train on.
    NothingToTrainOn { relation: String, reason: String },
    /// Another session trains the model.
    BeingTrained { model: String, pid: Option<i32> },
    /// `deploy` is not one of its words.
    InvalidDeploy { value: String },
    /// The model has no deployed version.
    NotTrained { model: String },
    /// The deployed version was dropped after the call's snapshot was taken.
    VersionGone { model: String },
    /// There is no such version.
    UnknownVersion { model: String, version: i32, existing: Vec<i32> },
    /// The version answers and cannot be dropped.
    VersionDeployed { model: String, version: i32 },
    /// There is nothing to roll back to.
    NothingToRollBackTo { model: String, deployed: Option<i32> },
    /// The model's ids are of another type than the call's.
    WrongIdType { model: String, what: &'static str, kind: &'static str, asked: &'static str },
    /// `n` is out of range.
    InvalidCount { n: i32 },
    /// The features of a row cannot be used.
    Features(FeatureProblem),
    /// `k` is out of range.
    SegmentCount { k: i32, most: i32 },
    /// `k` is not the same in all rows.
    SegmentCountChanges { before: usize, now: usize },
    /// A text or message is not a value of a type.
    InvalidValue { of: &'static str, reason: String, hint: &'static str },
    /// Summaries of different aggregates were to become one.
    SummariesDiffer,
    /// The parts of an aggregate are not functions to call.
    NotInAggregate,
    /// More memory would be needed than allowed.
    Memory { needed: u64, allowed: u64, what: String },
    /// No threads.
    Threads(String),
    /// The engine's own errors.
    Engine(EngineError),
    /// SPI reported something that is not an SQL error.
    Spi(pgrx::spi::Error),
    /// Something that cannot be.
    Internal(String),
}

impl From<EngineError> for SegrecError {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<pgrx::spi::Error> for SegrecError {
    fn from(error: pgrx::spi::Error) -> Self {
        Self::Spi(error)
    }
}

/// What PostgreSQL is told.
struct Report {
    code: PgSqlErrorCode,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
}

fn report(code: PgSqlErrorCode, message: String, detail: Option<String>, hint: Option<String>) -> Report {
    Report { code, message, detail, hint }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1024 * 1024))
}

/// At most this many names are listed.
const LISTED: usize = 20;

fn known_models(known: &[String]) -> String {
    if known.is_empty() {
        return "there is no model that you may use".to_owned();
    }
    let more = if known.len() > LISTED { ", …" } else { "" };
    format!("the models you may use are {}{more}", quoted(&known[..known.len().min(LISTED)]))
}

impl SegrecError {
    fn into_report(self) -> Report {
        use PgSqlErrorCode as Code;
        match self {
            Self::NullArgument { argument } => report(
                Code::ERRCODE_NULL_VALUE_NOT_ALLOWED,
                format!("\"{argument}\" must not be null"),
                None,
                Some(format!("give a value for \"{argument}\"")),
            ),
            Self::InvalidName { name } => report(
                Code::ERRCODE_INVALID_NAME,
                format!("invalid model name \"{name}\""),
                Some("a model's name has 1 to 63 bytes and no control characters".to_owned()),
                Some("choose a short name such as 'shop'".to_owned()),
            ),
            Self::ModelExists { name } => report(
                Code::ERRCODE_DUPLICATE_OBJECT,
                format!("model \"{name}\" already exists"),
                Some("a model's name is unique in its database".to_owned()),
                Some("choose another name, change it with segrec_alter_model, or drop it with segrec_drop_model".to_owned()),
            ),
            Self::UnknownModel { name, known } => {
                let nearest = known
                    .iter()
                    .map(|known| (strsim::normalized_damerau_levenshtein(known, &name), known))
                    .filter(|(likeness, _)| *likeness >= 0.5)
                    .max_by(|a, b| a.0.total_cmp(&b.0));
                let hint = match nearest {
                    Some((_, nearest)) => format!("did you mean \"{nearest}\"?"),
                    None => "create it with segrec_create_model, or see the view segrec.models".to_owned(),
                };
                report(
                    Code::ERRCODE_UNDEFINED_OBJECT,
                    format!("model \"{name}\" does not exist"),
                    Some(known_models(&known)),
                    Some(hint),
                )
            }
            Self::WhichModel { known } if known.is_empty() => report(
                Code::ERRCODE_UNDEFINED_OBJECT,
                "there is no model".to_owned(),
                Some(known_models(&known)),
                Some("create one with segrec_create_model and train it with segrec_train".to_owned()),
            ),
            Self::WhichModel { known } => report(
                Code::ERRCODE_AMBIGUOUS_PARAMETER,
                format!("there are {} models and the call names none", known.len()),
                Some(known_models(&known)),
                Some("name one, as in model => 'shop', or set segrec.default_model".to_owned()),
            ),
            Self::NotOwner { name, owner } => report(
                Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("must be owner of model \"{name}\""),
                Some(format!("its owner is {owner}")),
                Some(format!("act as a member of the role {owner}")),
            ),
            Self::InvalidOptions(problems) => {
                let count = problems.len();
                let lines = |part: fn(&OptionProblem) -> &String| {
                    problems.iter().map(|problem| part(problem).clone()).collect::<Vec<_>>().join("\n")
                };
                let (message, detail) = match &problems[..] {
                    [only] => (only.message.clone(), None),
                    _ => (format!("{count} options are wrong"), Some(lines(|problem| &problem.message))),
                };
                report(Code::ERRCODE_INVALID_PARAMETER_VALUE, message, detail, Some(lines(|problem| &problem.hint)))
            }
            Self::MissingColumns { relation, missing, existing } => {
                let names: Vec<String> = missing.iter().map(|(_, column)| column.clone()).collect();
                let arguments: Vec<String> =
                    missing.iter().map(|(argument, column)| format!("{argument} => '{column}'")).collect();
                let noun = if names.len() == 1 { "column" } else { "columns" };
                report(
                    Code::ERRCODE_UNDEFINED_COLUMN,
                    format!("relation \"{relation}\" has no {noun} {}", quoted(&names)),
                    Some(format!("its columns are {}; asked for {}", quoted(&existing), arguments.join(", "))),
                    Some("name the columns, as in user_column => 'customer_id'".to_owned()),
                )
            }
            Self::WrongColumnTypes { relation, columns } => report(
                Code::ERRCODE_DATATYPE_MISMATCH,
                format!("columns of \"{relation}\" have types that do not serve"),
                Some(columns.join("\n")),
                Some("create a view that casts them, and give the view instead".to_owned()),
            ),
            Self::NotReadable { relation, kind } => report(
                Code::ERRCODE_WRONG_OBJECT_TYPE,
                format!("\"{relation}\" is {kind}"),
                Some("a model reads a table, a view, a materialized view, a foreign table or a partitioned table".to_owned()),
                Some("give one of these".to_owned()),
            ),
            Self::TextNeedsUtf8 { encoding } => report(
                Code::ERRCODE_FEATURE_NOT_SUPPORTED,
                format!("text ids need a database with encoding UTF8, this one has {encoding}"),
                None,
                Some("use bigint or uuid ids, or a database with encoding UTF8".to_owned()),
            ),
            Self::RelationGone { model, argument } => report(
                Code::ERRCODE_UNDEFINED_TABLE,
                format!("the {argument} relation of model \"{model}\" does not exist any more"),
                Some("it was dropped after the model was created".to_owned()),
                Some("drop the model with segrec_drop_model and create it on another relation".to_owned()),
            ),
            Self::BadRows { relation, rows } => report(
                Code::ERRCODE_DATA_EXCEPTION,
                format!("relation \"{relation}\" holds {} bad rows", rows.total()),
                Some(rows.describe()),
                Some(
                    "correct them, leave them out with a view, or skip them with the option \
                     {\"events\": {\"on_bad_rows\": \"skip\"}}"
                        .to_owned(),
                ),
            ),
            Self::NeedsArgument { option, argument } => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                match argument.ends_with("_column") {
                    true => format!("option \"{option}\" needs a {argument}"),
                    false => format!("option \"{option}\" needs {argument}"),
                },
                Some(format!("the model has no {argument}")),
                Some(format!("create the model with {argument} => …, or change the option")),
            ),
            Self::NothingToRead => report(
                Code::ERRCODE_NULL_VALUE_NOT_ALLOWED,
                "\"events\" and \"users\" are both null".to_owned(),
                Some("a model reads events, to recommend, or users, to divide them, or both".to_owned()),
                Some("give events => 'orders' or users => 'customers'".to_owned()),
            ),
            Self::NoEvents { model } => report(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("model \"{model}\" has no events to recommend from"),
                Some("it was created with users alone, and divides them into segments".to_owned()),
                Some("ask it for segments with segrec_segment_of, or create a model with events => …".to_owned()),
            ),
            Self::NotClassifying { model, reason } => report(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("the segments of model \"{model}\" cannot be found from features"),
                Some(reason.to_owned()),
                Some("ask segrec_segment_of for a user, or train with {\"segmentation\": {\"on\": \"attributes\"}}".to_owned()),
            ),
            Self::InvalidFeatures(problems) => {
                let lines = |part: fn(&RowProblem) -> &String| {
                    problems.iter().map(|problem| part(problem).clone()).collect::<Vec<_>>().join("\n")
                };
                let (message, detail) = match &problems[..] {
                    [only] => (only.message.clone(), None),
                    _ => (format!("{} features are wrong", problems.len()), Some(lines(|problem| &problem.message))),
                };
                report(Code::ERRCODE_INVALID_PARAMETER_VALUE, message, detail, Some(lines(|problem| &problem.hint)))
            }
            Self::BadIds { relation, null, repeated, rows } => report(
                Code::ERRCODE_DATA_EXCEPTION,
                format!("relation \"{relation}\" holds {} rows without an id of their own", null + repeated),
                Some(format!("of {rows} rows {null} have a null id and {repeated} an id that another row has")),
                Some(
                    "correct them, leave them out with a view, or skip them with the option \
                     {\"events\": {\"on_bad_rows\": \"skip\"}}"
                        .to_owned(),
                ),
            ),
            Self::UnknownSegment { model, segment, existing } => {
                let existing: Vec<String> = existing.iter().map(i32::to_string).collect();
                report(
                    Code::ERRCODE_UNDEFINED_OBJECT,
                    format!("model \"{model}\" has no segment {segment}"),
                    Some(format!("the segments of its deployed version are {}", existing.join(", "))),
                    Some("see the view segrec.segments".to_owned()),
                )
            }
            Self::InvalidSegments => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                "\"segments\" is not a whole number of at least 1".to_owned(),
                None,
                Some("ask for as many segments as you want to read, such as 8".to_owned()),
            ),
            Self::NoTree { model } => report(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("the deployed version of model \"{model}\" has no merge tree to cut"),
                Some("only the method hierarchical makes one".to_owned()),
                Some("train the model with {\"segmentation\": {\"method\": \"hierarchical\"}}".to_owned()),
            ),
            Self::NothingToTrainOn { relation, reason } => report(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("relation \"{relation}\" holds nothing to train on"),
                Some(reason),
                Some("add events, or lower events.min_user_events and events.min_item_events".to_owned()),
            ),
            Self::BeingTrained { model, pid } => report(
                Code::ERRCODE_LOCK_NOT_AVAILABLE,
                format!("model \"{model}\" is being trained or changed by another session"),
                pid.map(|pid| format!("it is locked by the process {pid}")),
                Some("wait until that is finished, or end it with pg_cancel_backend".to_owned()),
            ),
            Self::InvalidDeploy { value } => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("\"deploy\" is \"{value}\""),
                None,
                Some("\"deploy\" is one of 'if_better', 'always', 'never'".to_owned()),
            ),
            Self::NotTrained { model } => report(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("model \"{model}\" has no deployed version"),
                None,
                Some(format!("train it with SELECT * FROM segrec_train('{}')", model.replace('\'', "''"))),
            ),
            Self::VersionGone { model } => report(
                Code::ERRCODE_T_R_SERIALIZATION_FAILURE,
                format!("the deployed version of model \"{model}\" was dropped by another session"),
                Some("the transaction began before that".to_owned()),
                Some("run the transaction again".to_owned()),
            ),
            Self::UnknownVersion { model, version, existing } => {
                let existing: Vec<String> = existing.iter().map(i32::to_string).collect();
                report(
                    Code::ERRCODE_UNDEFINED_OBJECT,
                    format!("model \"{model}\" has no version {version}"),
                    Some(if existing.is_empty() {
                        "it has no versions".to_owned()
                    } else {
                        format!("its versions are {}", existing.join(", "))
                    }),
                    Some("see the view segrec.versions".to_owned()),
                )
            }
            Self::VersionDeployed { model, version } => report(
                Code::ERRCODE_OBJECT_IN_USE,
                format!("version {version} of model \"{model}\" is deployed"),
                Some("the deployed version answers every call".to_owned()),
                Some("deploy another version first, with segrec_deploy or segrec_rollback".to_owned()),
            ),
            Self::NothingToRollBackTo { model, deployed } => report(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("model \"{model}\" has no earlier version to roll back to"),
                deployed.map(|version| format!("its deployed version is {version}")),
                Some("deploy any version with segrec_deploy".to_owned()),
            ),
            Self::WrongIdType { model, what, kind, asked } => report(
                Code::ERRCODE_DATATYPE_MISMATCH,
                format!("the {what} ids of model \"{model}\" are {kind}, not {asked}"),
                Some("ids of every type can be given and are returned as text".to_owned()),
                Some("call the text form, as in segrec_recommend('42'::text)".to_owned()),
            ),
            Self::InvalidCount { n } => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("\"n\" is {n}"),
                None,
                Some("\"n\" is a whole number of at least 0".to_owned()),
            ),
            Self::Features(problem) => problem.into_report(),
            Self::SegmentCount { k, most } => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("\"k\" is {k}"),
                None,
                Some(format!("\"k\" is a whole number from 1 to {most}")),
            ),
            Self::SegmentCountChanges { before, now } => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("\"k\" is {now}, and was {before} in an earlier row"),
                Some("the rows of a group are divided once, into one number of segments".to_owned()),
                Some("give a constant, or a value that is the same in all rows of a group".to_owned()),
            ),
            Self::InvalidValue { of, reason, hint } => report(
                Code::ERRCODE_INVALID_TEXT_REPRESENTATION,
                format!("invalid input for type {of}"),
                Some(reason),
                Some(hint.to_owned()),
            ),
            Self::SummariesDiffer => report(
                Code::ERRCODE_DATATYPE_MISMATCH,
                "summaries of different kinds cannot be merged".to_owned(),
                Some("each belongs to one aggregate and one number of features and segments".to_owned()),
                Some("merge only what the same aggregate made of the same columns".to_owned()),
            ),
            Self::NotInAggregate => report(
                Code::ERRCODE_FEATURE_NOT_SUPPORTED,
                "a part of an aggregate was called by itself".to_owned(),
                Some("its state lives as long as the aggregate".to_owned()),
                Some("call the aggregate, as in SELECT segrec_kmeans(features, 5) FROM customers".to_owned()),
            ),
            Self::Memory { needed, allowed, what } => report(
                Code::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
                format!("the training needs about {}, more than segrec.training_memory allows", megabytes(needed)),
                Some(format!("segrec.training_memory is {}; {what}", megabytes(allowed))),
                Some(format!(
                    "set segrec.training_memory to '{}' or more, or lower als.factors or events.max_user_events",
                    megabytes(needed).replace(' ', "")
                )),
            ),
            Self::Threads(reason) => report(
                Code::ERRCODE_INSUFFICIENT_RESOURCES,
                "could not start the threads of a training".to_owned(),
                Some(reason),
                Some("lower segrec.threads, or raise the limit of processes".to_owned()),
            ),
            Self::Engine(EngineError::Cancelled) => {
                report(Code::ERRCODE_QUERY_CANCELED, "the training was cancelled".to_owned(), None, None)
            }
            Self::Engine(error @ EngineError::NotFinite { .. }) => report(
                Code::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
                error.to_string(),
                Some("weights or options are so extreme that the arithmetic overflows".to_owned()),
                Some("raise als.regularization, or scale the weights down".to_owned()),
            ),
            Self::Engine(error @ EngineError::Column { .. }) => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                error.to_string(),
                None,
                Some("name other columns in the options, or give a view that has it in another form".to_owned()),
            ),
            Self::Engine(error @ EngineError::Missing { .. }) => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                error.to_string(),
                None,
                Some("create the model with what is missing, or change its options".to_owned()),
            ),
            Self::Engine(error) => report(Code::ERRCODE_INTERNAL_ERROR, error.to_string(), None, None),
            Self::Spi(error) => report(Code::ERRCODE_INTERNAL_ERROR, error.to_string(), None, None),
            Self::Internal(message) => report(Code::ERRCODE_INTERNAL_ERROR, message, None, None),
        }
    }
}

impl FeatureProblem {
    fn into_report(self) -> Report {
        use PgSqlErrorCode as Code;
        let (code, message, detail, hint) = match self {
            Self::Empty => (
                Code::ERRCODE_DATA_EXCEPTION,
                "features are an empty array".to_owned(),
                "distances need at least one feature".to_owned(),
                "give at least one feature, or null for a row to skip",
            ),
            Self::TooMany { count, most } => (
                Code::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                format!("features are an array of {count} values"),
                format!("there can be {most}"),
                "give fewer features",
            ),
            Self::Dimensions(dimensions) => (
                Code::ERRCODE_ARRAY_ELEMENT_ERROR,
                format!("features are an array of {dimensions} dimensions"),
                "the features of a row are one list of numbers".to_owned(),
                "give a one-dimensional array, as in ARRAY[age, income]::real[]",
            ),
            Self::Null { position } => (
                Code::ERRCODE_NULL_VALUE_NOT_ALLOWED,
                format!("feature {position} is null"),
                "a distance to something unknown is unknown".to_owned(),
                "fill it with coalesce, or leave the row out with WHERE or FILTER",
            ),
            Self::OutOfRange { position, value } => (
                Code::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
                format!("feature {position} is {value}"),
                "features are finite and at most 1e15 from zero".to_owned(),
                "bring the features to comparable scales, or leave the row out with WHERE or FILTER",
            ),
            Self::Length { expected, found, whose } => (
                Code::ERRCODE_DATA_EXCEPTION,
                format!("the row has {found} features, {whose} {expected}"),
                "distances compare the same features in the same order".to_owned(),
                "give every row the same features, as in ARRAY[age, income]::real[]",
            ),
        };
        report(code, message, Some(detail), Some(hint.to_owned()))
    }
}

/// The value, or an SQL error.
pub fn or_raise<T>(result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => {
            let Report { code, message, detail, hint } = error.into_report();
            let mut report = ErrorReport::new(code, message, function_name!());
            if let Some(detail) = detail {
                report = report.set_detail(detail);
            }
            if let Some(hint) = hint {
                report = report.set_hint(hint);
            }
            report.report(PgLogLevel::ERROR);
            unreachable!("an error report of level ERROR does not return")
        }
    }
}

/// A NOTICE with DETAIL and HINT.
pub fn notice(message: String, detail: Option<String>, hint: Option<String>) {
    let mut report =
        ErrorReport::new(PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION, message, function_name!());
    if let Some(detail) = detail {
        report = report.set_detail(detail);
    }
    if let Some(hint) = hint {
        report = report.set_hint(hint);
    }
    report.report(PgLogLevel::NOTICE);
}
