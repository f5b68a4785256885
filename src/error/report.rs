//! From an error to what PostgreSQL is told: the SQLSTATE, a message that is lower-case and names the
//! values, a DETAIL that is a fact, a HINT that is what to do.

use super::{FeatureProblem, Holder, SegrecError};
use crate::pg::process::lock::Shared;
use crate::pg::process::memory::Limit;
use pgrx::PgSqlErrorCode;
use segrec_engine::EngineError;
use segrec_engine::features::RowProblem;
use segrec_engine::likeness::likeness;
use segrec_engine::options::OptionProblem;

/// What PostgreSQL is told.
pub struct Report {
    pub code: PgSqlErrorCode,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
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

fn stands_against(limit: Limit) -> String {
    match limit {
        Limit::Process => {
            "a limit of the process (ulimit -v) or of the system (vm.overcommit_memory) stands against it"
                .to_owned()
        }
        Limit::Group(left) => format!("the control group of the server has {} left", megabytes(left)),
    }
}

/// At most this many names are listed.
const LISTED: usize = 20;

/// Names and how often each occurs, as many as are listed.
pub fn counted(names: &[(String, u64)]) -> String {
    let mut listed: Vec<String> =
        names.iter().take(LISTED).map(|(name, count)| format!("\"{name}\" ({count})")).collect();
    if names.len() > LISTED {
        listed.push("…".to_owned());
    }
    listed.join(", ")
}

fn known_models(known: &[String]) -> String {
    if known.is_empty() {
        return "there is no model that you may use".to_owned();
    }
    format!("the models you may use are {}", listed(known))
}

fn listed(names: &[String]) -> String {
    let more = if names.len() > LISTED { ", …" } else { "" };
    format!("{}{more}", quoted(&names[..names.len().min(LISTED)]))
}

fn all_problems(what: &str, problems: &[OptionProblem]) -> Report {
    let lines = |part: fn(&OptionProblem) -> &String| {
        problems.iter().map(|problem| part(problem).clone()).collect::<Vec<_>>().join("\n")
    };
    let (message, detail) = match problems {
        [only] => (only.message.clone(), None),
        _ => (format!("{} {what} are wrong", problems.len()), Some(lines(|problem| &problem.message))),
    };
    report(
        PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        message,
        detail,
        Some(lines(|problem| &problem.hint)),
    )
}

/// That somebody else holds a lock, and how that ends.
fn being_held(message: String, holder: &Holder) -> Report {
    let (detail, hint) = match holder {
        Holder::Process(pid) => (
            format!("it is locked by the process {pid}"),
            "wait until that is finished, or end it with pg_cancel_backend".to_owned(),
        ),
        Holder::Prepared(name) => {
            let name = name.replace('\'', "''");
            (
                format!("it is locked by the prepared transaction '{name}'"),
                format!(
                    "end that with COMMIT PREPARED '{name}' or ROLLBACK PREPARED '{name}'; pg_prepared_xacts says whose it is"
                ),
            )
        }
        Holder::Gone => ("it was locked by a process that has just ended".to_owned(), "try again".to_owned()),
    };
    report(PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE, message, Some(detail), Some(hint))
}

impl SegrecError {
    /// The message and what is known besides.
    pub fn in_one_line(self) -> String {
        let Report { message, detail, .. } = self.into_report();
        match detail {
            Some(detail) => format!("{message}: {detail}").replace('\n', ", "),
            None => message,
        }
    }

    pub fn into_report(self) -> Report {
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
                    .map(|known| (likeness(known, &name), known))
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
            Self::WhichModel { able, others } if able.is_empty() && others.is_empty() => report(
                Code::ERRCODE_UNDEFINED_OBJECT,
                "there is no model".to_owned(),
                Some(known_models(&[])),
                Some("create one with segrec_create_model and train it with segrec_train".to_owned()),
            ),
            Self::WhichModel { able, others } if able.is_empty() => report(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("none of {} models could answer, and the call names none", others.len()),
                Some(format!("{}; none has a deployed version of what the call asks for", known_models(&others))),
                Some("train one with segrec_train, or name one, as in model => 'shop', to hear what it lacks".to_owned()),
            ),
            Self::WhichModel { able, .. } => report(
                Code::ERRCODE_AMBIGUOUS_PARAMETER,
                format!("{} models could answer, and the call names none", able.len()),
                Some(format!("those with a deployed version are {}", listed(&able))),
                Some("name one, as in model => 'shop', or set segrec.default_model".to_owned()),
            ),
            Self::NotOwner { name, owner } => report(
                Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("must be owner of model \"{name}\""),
                Some(format!("its owner is {owner}")),
                Some(format!("act as a member of the role {owner}")),
            ),
            Self::NotTrainer { name, owner } => report(
                Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("permission denied to train model \"{name}\""),
                Some(format!("its owner {owner} may, and roles that have been granted \"train\" on it")),
                Some(format!("ask a member of {owner} to call segrec_grant for your role")),
            ),
            Self::UnknownRole { name } => report(
                Code::ERRCODE_UNDEFINED_OBJECT,
                format!("role \"{name}\" does not exist"),
                Some("a role is named as in GRANT: in lower case, or in double quotes".to_owned()),
                Some("name a role of pg_roles, or 'public' for everybody".to_owned()),
            ),
            Self::InvalidPrivilege { value } => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("\"privilege\" is \"{value}\""),
                None,
                Some("\"privilege\" is one of 'use', 'train'".to_owned()),
            ),
            Self::InvalidOptions(problems) => all_problems("options", &problems),
            Self::InvalidStudy(problems) => all_problems("arguments of the study", &problems),
            Self::MissingColumns { relation, missing, existing } => {
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
            Self::SameColumn { relation, column } => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("user_column and item_column are both \"{column}\""),
                Some(format!("events say which user did something to which item: two columns of \"{relation}\"")),
                Some("name both, as in user_column => 'customer_id', item_column => 'product_id'".to_owned()),
            ),
            Self::WrongColumnTypes { relation, columns } => report(
                Code::ERRCODE_DATATYPE_MISMATCH,
                format!("columns of \"{relation}\" have types that do not serve"),
                Some(columns.join("\n")),
                Some("create a view that casts them, and give the view instead".to_owned()),
            ),
            Self::NoSuchRelation { oid } => report(
                PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
                format!("there is no relation with oid {oid}"),
                Some("it was dropped, or never there".to_owned()),
                Some("name a table, view, materialized view, foreign table or partitioned table".to_owned()),
            ),
            Self::NoSuchSchema { oid } => report(
                PgSqlErrorCode::ERRCODE_INVALID_SCHEMA_NAME,
                format!("there is no schema with oid {oid}"),
                Some("it was dropped, or never there".to_owned()),
                Some("make one with CREATE SCHEMA, and name it".to_owned()),
            ),
            Self::IdKindChanged { model, relation, what, column, type_name, kind } => report(
                PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
                format!(
                    "model \"{model}\" was made for {what} ids of type {kind}, and \"{column}\" of \"{relation}\" is {type_name} now"
                ),
                Some(format!("its versions hold {what} ids of type {kind}")),
                Some(format!(
                    "give the column a type that holds {kind} ids, or make a new model on it: SELECT segrec_create_model(…)"
                )),
            ),
            Self::ReplacedMeanwhile => report(
                PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                "another relation was put in the place of one that is read".to_owned(),
                Some("its name or that of its schema changed while a query was planned; nothing was read".to_owned()),
                Some("call again".to_owned()),
            ),
            Self::ResultType { column, found, asked } => report(
                PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
                format!("column {column} of a query is {found} and not {asked}"),
                Some("a value is read by the type that it has".to_owned()),
                Some("call again; if that does not help, please report it".to_owned()),
            ),
            Self::Restricted => report(
                PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
                "cannot change, train or measure a model within a security-restricted operation".to_owned(),
                Some(
                    "functions of indexes and materialized views run while somebody else maintains the table; they may read models only"
                        .to_owned(),
                ),
                Some("call it by itself".to_owned()),
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
            Self::NotUtf8 { encoding } => report(
                Code::ERRCODE_CHARACTER_NOT_IN_REPERTOIRE,
                "a text is not UTF-8".to_owned(),
                Some(format!("the encoding of this database is {encoding}, which takes any bytes; texts are read as UTF-8")),
                Some("convert the text, as in convert_from(convert_to(text, 'SQL_ASCII'), 'LATIN1'), or use a database with encoding UTF8".to_owned()),
            ),
            Self::ZeroByte => report(
                Code::ERRCODE_CHARACTER_NOT_IN_REPERTOIRE,
                "a text holds a zero byte".to_owned(),
                Some("no text of PostgreSQL holds one".to_owned()),
                Some("export the version again: what is imported was changed on its way".to_owned()),
            ),
            Self::JsonBeyond { reason } => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                "a jsonb cannot be read".to_owned(),
                Some(reason),
                Some("numbers go to 1.8e308, and nesting to 127 levels".to_owned()),
            ),
            Self::RelationGone { model, argument } => report(
                Code::ERRCODE_UNDEFINED_TABLE,
                format!("the {argument} relation of model \"{model}\" does not exist any more"),
                Some("it was dropped after the model was pointed at it".to_owned()),
                Some(format!("point the model at another: segrec_rebind('{model}', {argument} => …)")),
            ),
            Self::Unbound { model, argument } => report(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("model \"{model}\" reads no {argument}"),
                Some("a model keeps the kinds of relations that it was created with".to_owned()),
                Some(format!("create a model with {argument} => …")),
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
            Self::UnlistedTypes { relation, rows, unlisted, found, missing } => report(
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
            Self::BadIds { relation, bad, rows } => report(
                Code::ERRCODE_DATA_EXCEPTION,
                format!("relation \"{relation}\" holds rows without an id of their own: {}", bad.total()),
                Some(format!("of {rows} rows {}", bad.describe())),
                Some(
                    "correct them, leave them out with a view, or skip them with the option \
                     {\"events\": {\"on_bad_rows\": \"skip\"}}"
                        .to_owned(),
                ),
            ),
            Self::UnknownSegment { model, segment, existing } => {
                let existing: Vec<String> = existing.iter().map(i32::to_string).collect();
                let detail = match existing.as_slice() {
                    [] => "it has no deployed version".to_owned(),
                    _ => format!("the segments of its deployed version are {}", existing.join(", ")),
                };
                report(
                    Code::ERRCODE_UNDEFINED_OBJECT,
                    format!("model \"{model}\" has no segment {segment}"),
                    Some(detail),
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
            Self::NothingToDivideBy { relation, reason } => report(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("relation \"{relation}\" holds nothing to divide users by"),
                Some(reason),
                Some("give columns that tell users apart, or labels, or change segmentation.method".to_owned()),
            ),
            Self::BeingTrained { model, holder } => being_held(
                format!("model \"{model}\" is being trained or changed by another session"),
                &holder,
            ),
            Self::ModelNotCommitted { model } => report(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("model \"{model}\" cannot be trained in the background by the transaction that created it"),
                Some("another process does not see the model before it is committed".to_owned()),
                Some("commit first".to_owned()),
            ),
            Self::NoJobs { of } => {
                let (whose, setting) = match of {
                    Shared::Role(_) => ("your role", "segrec.max_jobs_per_role"),
                    Shared::Database => ("this database", "segrec.max_jobs"),
                };
                report(
                    Code::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
                    format!("{whose} may have no trainings in the background"),
                    Some(format!("{setting} is 0")),
                    Some("train with segrec_train, which needs no process of its own".to_owned()),
                )
            }
            Self::TooManyWaiting { most } => report(
                Code::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
                "too many trainings of your role wait already".to_owned(),
                Some(format!("of a role {most} may wait in a database")),
                Some("wait until some have ended, or take some back with segrec_cancel; segrec.jobs shows them".to_owned()),
            ),
            Self::WorkerEnded { model } => report(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("the background process for model \"{model}\" ended before it began to train"),
                Some("the server's log says why".to_owned()),
                Some("the role of the session must be allowed to log in and to connect to the database".to_owned()),
            ),
            Self::UnknownJob { job } => report(
                Code::ERRCODE_UNDEFINED_OBJECT,
                format!("there is no job {job} that you may cancel"),
                None,
                Some("see the view segrec.jobs".to_owned()),
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
            Self::ModelChanged { name } => report(
                Code::ERRCODE_T_R_SERIALIZATION_FAILURE,
                format!("model \"{name}\" was changed by another session"),
                Some("something was added to it after the transaction began, which therefore does not see it".to_owned()),
                Some("run the transaction again".to_owned()),
            ),
            Self::VersionGone { model } => report(
                Code::ERRCODE_T_R_SERIALIZATION_FAILURE,
                format!("the rows of a version of model \"{model}\" are gone"),
                Some(
                    "another session dropped the version while it was read, or a dump was restored that left rows out"
                        .to_owned(),
                ),
                Some(
                    "run the transaction again; if they are still gone, train the model"
                        .to_owned(),
                ),
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
            Self::VersionFailed { model, version } => report(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("version {version} of model \"{model}\" failed"),
                Some("its training ended with an error, and nothing of it was stored".to_owned()),
                Some("see reason in the view segrec.versions".to_owned()),
            ),
            Self::VersionDeployed { model, version } => report(
                Code::ERRCODE_OBJECT_IN_USE,
                format!("version {version} of model \"{model}\" is deployed"),
                Some("the deployed version answers every call".to_owned()),
                Some("deploy another version first, with segrec_deploy or segrec_rollback".to_owned()),
            ),
            Self::NotMember { role } => report(
                Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("must be able to SET ROLE \"{role}\""),
                Some("a model is given only to a role that whoever gives it is a member of".to_owned()),
                Some(format!("act as a superuser, or as a member of both the model's owner and {role}")),
            ),
            Self::NotImportable { relation, reason } => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("relation \"{relation}\" holds no version that can be imported"),
                Some(reason),
                Some("fill it with all rows that segrec_export gives for one version of a model with ids of the same types".to_owned()),
            ),
            Self::NotTrusted { relation } => report(
                Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("permission denied to import the version in relation \"{relation}\""),
                Some("a version that predicts ratings is taken from a superuser only: part of it cannot be checked".to_owned()),
                Some("ask a superuser to import it, or train the model here".to_owned()),
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
                Some(format!("\"n\" is a whole number from 0 to {}", i32::MAX)),
            ),
            Self::TooLarge { value } => report(
                Code::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
                format!("the number {value} is too large"),
                Some(format!("whole numbers of a call are from {} to {}", i32::MIN, i32::MAX)),
                Some("give a smaller number".to_owned()),
            ),
            Self::NoDocument { found } => report(
                Code::ERRCODE_DATATYPE_MISMATCH,
                format!("a JSON document cannot be of type {found}"),
                Some("it is of type jsonb, json, text or varchar".to_owned()),
                Some("write it as in '{\"als\": {\"factors\": 32}}', or cast it to jsonb".to_owned()),
            ),
            Self::InvalidShare { argument, value, fact } => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("\"{argument}\" is {value}"),
                Some(fact.to_owned()),
                Some(format!("\"{argument}\" is a number from 0 to 1")),
            ),
            Self::RanksByPopularity { model } => report(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("the deployed version of model \"{model}\" ranks by popularity"),
                Some("an item has the same score for every user of a segment".to_owned()),
                Some("train the model with another algorithm, such as {\"algorithm\": \"hybrid\"}".to_owned()),
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
            Self::InvalidNumber { argument, value, least, most } => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("\"{argument}\" is {value}"),
                None,
                Some(format!("\"{argument}\" is a whole number from {least} to {most}")),
            ),
            Self::UnknownStudy { study } => report(
                Code::ERRCODE_UNDEFINED_OBJECT,
                format!("there is no study {study}"),
                None,
                Some("see the view segrec.trials".to_owned()),
            ),
            Self::UnknownTrial { model, study, trial } => report(
                Code::ERRCODE_UNDEFINED_OBJECT,
                format!("model \"{model}\" has no trial {trial} of study {study}"),
                None,
                Some("see the view segrec.trials".to_owned()),
            ),
            Self::BeingTuned { study, holder } => {
                being_held(format!("another session runs a trial of study {study}"), &holder)
            }
            Self::NoScheduler { database, home, major } => report(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("the extension pg_cron is not installed in database \"{database}\""),
                Some(match &home {
                    Some(home) => format!("the server has loaded pg_cron, which reads the database \"{home}\""),
                    None => "a schedule is a job of pg_cron in the same database".to_owned(),
                }),
                Some(match home {
                    Some(home) if home == database => "CREATE EXTENSION pg_cron".to_owned(),
                    Some(home) => format!(
                        "set cron.database_name to '{database}' and restart the server, or schedule CALL segrec_run_schedule(…) with cron.schedule_in_database in \"{home}\""
                    ),
                    None => format!(
                        "install the package postgresql-{major}-cron, add pg_cron to shared_preload_libraries, set cron.database_name to '{database}', restart the server and CREATE EXTENSION pg_cron; or let another scheduler CALL segrec_run_schedule(…)"
                    ),
                }),
            ),
            Self::NotScheduled { model } => report(
                Code::ERRCODE_UNDEFINED_OBJECT,
                format!("model \"{model}\" has no schedule"),
                None,
                Some("make one with segrec_schedule, or give segrec_run_schedule \"min_new_events\"".to_owned()),
            ),
            Self::ScheduledByOther { model, role, job } => report(
                Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("model \"{model}\" is scheduled by role {role}"),
                Some(format!("the job {job} of pg_cron belongs to it")),
                Some(format!("as that role, SELECT segrec_unschedule('{}')", model.replace('\'', "''"))),
            ),
            Self::InvalidMinimum { value } => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("\"min_new_events\" is {value}"),
                None,
                Some("\"min_new_events\" is a whole number of at least 0".to_owned()),
            ),
            Self::NothingToMeasure { relation, reason, hint } => report(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("relation \"{relation}\" holds nothing to measure on"),
                Some(reason),
                Some(hint.to_owned()),
            ),
            Self::DifferentFeedback { model, versions: [version, other], ratings } => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("versions {version} and {other} of model \"{model}\" cannot be compared"),
                Some(format!("version {ratings} predicts ratings, the other ranks items: their metrics differ")),
                Some("compare versions with the same feedback".to_owned()),
            ),
            Self::UnknownMetric { metric } => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("there is no metric \"{metric}\""),
                None,
                Some("call a metric by its function, as in segrec_recall(ARRAY[1, 2], ARRAY[2])".to_owned()),
            ),
            Self::ListLength { k } => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("\"k\" is {k}"),
                Some("lists are cut after k items".to_owned()),
                Some("\"k\" is a whole number of at least 1, or null for the whole list".to_owned()),
            ),
            Self::Number { argument, value, fact } => report(
                Code::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
                format!("\"{argument}\" is {value}"),
                Some(fact.to_owned()),
                Some("correct it, or leave the row out with WHERE or FILTER".to_owned()),
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
                    "set segrec.training_memory to '{}' or more, or lower als.factors or events.max_user_events, or choose another algorithm",
                    megabytes(needed).replace(' ', "")
                )),
            ),
            Self::NoMemory { needed, limit } => report(
                Code::ERRCODE_OUT_OF_MEMORY,
                format!("the training needs about {}, more than the system gives", megabytes(needed)),
                Some(stands_against(limit)),
                Some(
                    "raise that limit, or lower als.factors or events.max_user_events, or choose another algorithm"
                        .to_owned(),
                ),
            ),
            Self::NoMemoryFor { work, needed, limit } => report(
                Code::ERRCODE_OUT_OF_MEMORY,
                format!("{work} needs about {}, more than the system gives", megabytes(needed)),
                Some(stands_against(limit)),
                Some("raise that limit, or work on fewer rows or shorter arrays".to_owned()),
            ),
            Self::AggregateMemory { needed, allowed } => report(
                Code::ERRCODE_OUT_OF_MEMORY,
                format!("aggregates need about {}, more than they may hold", megabytes(needed)),
                Some(format!(
                    "all of a session together hold up to work_mem times hash_mem_multiplier, and {} if that is less",
                    megabytes(allowed)
                )),
                Some("raise work_mem, or aggregate fewer rows at once or a sample of them (TABLESAMPLE)".to_owned()),
            ),
            Self::MemoryGone => report(
                Code::ERRCODE_OUT_OF_MEMORY,
                "the system gives no more memory".to_owned(),
                Some("the work was stopped while a small reserve still served it".to_owned()),
                Some("raise the limit of the process (ulimit -v) or of the system, or work on fewer rows".to_owned()),
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
            Self::Engine(EngineError::NoMemory { bytes }) => {
                Self::no_memory("the work", bytes).into_report()
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
            Self::CacheNotWritten { file, reason } => report(
                Code::ERRCODE_IO_ERROR,
                format!("could not write the model's file \"{file}\": {reason}"),
                Some("sessions share a deployed version through a file among the server's temporary files".to_owned()),
                Some("make room on the data folder's disk, or let the server write to it".to_owned()),
            ),
            Self::CacheDamaged { file, reason } => report(
                Code::ERRCODE_DATA_CORRUPTED,
                format!("the model's file \"{file}\" is damaged: {reason}"),
                None,
                Some("call again: the file was deleted and is written anew from the model's tables".to_owned()),
            ),
            Self::Internal(message) => report(Code::ERRCODE_INTERNAL_ERROR, message, None, None),
        }
    }
}

impl FeatureProblem {
    pub fn into_report(self) -> Report {
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
            Self::NoNumbers { elements } => (
                Code::ERRCODE_DATATYPE_MISMATCH,
                format!("features cannot be of type {elements}"),
                "they are an array of real, double precision, smallint, integer, bigint or numeric"
                    .to_owned(),
                "cast them, as in features::real[]",
            ),
            Self::OutOfRange { position, value } => (
                Code::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
                match value.abs() < 1e16 {
                    true => format!("feature {position} is {value}"),
                    false => format!("feature {position} is {value:e}"),
                },
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
