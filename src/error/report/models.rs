//! Reports of errors about models and versions: whether they exist, and what the caller may do with them.

use super::text::{Report, known_models, listed, report};
use crate::error::SegrecError;
use pgrx::PgSqlErrorCode as Code;
use segrec_engine::name_similarity::name_similarity;

/// The report of an error in this category; other errors are returned unchanged.
pub fn report_of(error: SegrecError) -> Result<Report, SegrecError> {
    Ok(match error {
        SegrecError::ModelExists { name } => report(
            Code::ERRCODE_DUPLICATE_OBJECT,
            format!("model \"{name}\" already exists"),
            Some("a model's name is unique in its database".to_owned()),
            Some("choose another name, change it with segrec_alter_model, or drop it with segrec_drop_model".to_owned()),
        ),
        SegrecError::UnknownModel { name, known } => {
            let nearest = known
                .iter()
                .map(|known| (name_similarity(known, &name), known))
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
        SegrecError::WhichModel { able, others } if able.is_empty() && others.is_empty() => report(
            Code::ERRCODE_UNDEFINED_OBJECT,
            "there is no model".to_owned(),
            Some(known_models(&[])),
            Some("create one with segrec_create_model and train it with segrec_train".to_owned()),
        ),
        SegrecError::WhichModel { able, others } if able.is_empty() => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("none of {} models could answer, and the call names none", others.len()),
            Some(format!("{}; none has a deployed version of what the call asks for", known_models(&others))),
            Some("train one with segrec_train, or name one, as in model => 'shop', to hear what it lacks".to_owned()),
        ),
        SegrecError::WhichModel { able, .. } => report(
            Code::ERRCODE_AMBIGUOUS_PARAMETER,
            format!("{} models could answer, and the call names none", able.len()),
            Some(format!("those with a deployed version are {}", listed(&able))),
            Some("name one, as in model => 'shop', or set segrec.default_model".to_owned()),
        ),
        SegrecError::NotOwner { name, owner } => report(
            Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
            format!("must be owner of model \"{name}\""),
            Some(format!("its owner is {owner}")),
            Some(format!("act as a member of the role {owner}")),
        ),
        SegrecError::NotTrainer { name, owner } => report(
            Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
            format!("permission denied to train model \"{name}\""),
            Some(format!("its owner {owner} may, and roles that have been granted \"train\" on it")),
            Some(format!("ask a member of {owner} to call segrec_grant for your role")),
        ),
        SegrecError::UnknownRole { name } => report(
            Code::ERRCODE_UNDEFINED_OBJECT,
            format!("role \"{name}\" does not exist"),
            Some("a role is named as in GRANT: in lower case, or in double quotes".to_owned()),
            Some("name a role of pg_roles, or 'public' for everybody".to_owned()),
        ),
        SegrecError::Restricted => report(
            Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
            "cannot change, train or measure a model within a security-restricted operation".to_owned(),
            Some(
                "functions of indexes and materialized views run while somebody else maintains the table; they may read models only"
                    .to_owned(),
            ),
            Some("call it by itself".to_owned()),
        ),
        SegrecError::TextNeedsUtf8 { encoding } => report(
            Code::ERRCODE_FEATURE_NOT_SUPPORTED,
            format!("text ids need a database with encoding UTF8, this one has {encoding}"),
            None,
            Some("use bigint or uuid ids, or a database with encoding UTF8".to_owned()),
        ),
        SegrecError::Unbound { model, argument } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("model \"{model}\" reads no {argument}"),
            Some("a model keeps the kinds of relations that it was created with".to_owned()),
            Some(format!("create a model with {argument} => …")),
        ),
        SegrecError::NeedsArgument { option, argument } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            match argument.ends_with("_column") {
                true => format!("option \"{option}\" needs a {argument}"),
                false => format!("option \"{option}\" needs {argument}"),
            },
            Some(format!("the model has no {argument}")),
            Some(format!("create the model with {argument} => …, or change the option")),
        ),
        SegrecError::NothingToRead => report(
            Code::ERRCODE_NULL_VALUE_NOT_ALLOWED,
            "\"events\" and \"users\" are both null".to_owned(),
            Some("a model reads events, to recommend, or users, to divide them, or both".to_owned()),
            Some("give events => 'orders' or users => 'customers'".to_owned()),
        ),
        SegrecError::NoEvents { model } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("model \"{model}\" has no events to recommend from"),
            Some("it was created with users alone, and divides them into segments".to_owned()),
            Some("ask it for segments with segrec_segment_of, or create a model with events => …".to_owned()),
        ),
        SegrecError::NotClassifying { model, reason } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("the segments of model \"{model}\" cannot be found from features"),
            Some(reason.to_owned()),
            Some("ask segrec_segment_of for a user, or train with {\"segmentation\": {\"on\": \"attributes\"}}".to_owned()),
        ),
        SegrecError::UnknownSegment { model, segment, existing } => {
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
        SegrecError::NoTree { model } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("the deployed version of model \"{model}\" has no merge tree to cut"),
            Some("only the method hierarchical makes one".to_owned()),
            Some("train the model with {\"segmentation\": {\"method\": \"hierarchical\"}}".to_owned()),
        ),
        SegrecError::NotTrained { model } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("model \"{model}\" has no deployed version"),
            None,
            Some(format!("train it with SELECT * FROM segrec_train('{}')", model.replace('\'', "''"))),
        ),
        SegrecError::ModelChanged { name } => report(
            Code::ERRCODE_T_R_SERIALIZATION_FAILURE,
            format!("model \"{name}\" was changed by another session"),
            Some("something was added to it after the transaction began, which therefore does not see it".to_owned()),
            Some("run the transaction again".to_owned()),
        ),
        SegrecError::VersionGone { model } => report(
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
        SegrecError::VersionDamaged { reason } => report(
            Code::ERRCODE_DATA_CORRUPTED,
            "what is stored of a version is damaged".to_owned(),
            Some(reason),
            Some("train the model again; if rows were changed by hand, restore them from a backup".to_owned()),
        ),
        SegrecError::UnknownVersion { model, version, existing } => {
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
        SegrecError::VersionFailed { model, version } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("version {version} of model \"{model}\" failed"),
            Some("its training ended with an error, and nothing of it was stored".to_owned()),
            Some("see reason in the view segrec.versions".to_owned()),
        ),
        SegrecError::VersionDeployed { model, version } => report(
            Code::ERRCODE_OBJECT_IN_USE,
            format!("version {version} of model \"{model}\" is deployed"),
            Some("the deployed version answers every call".to_owned()),
            Some("deploy another version first, with segrec_deploy or segrec_rollback".to_owned()),
        ),
        SegrecError::NotMember { role } => report(
            Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
            format!("must be able to SET ROLE \"{role}\""),
            Some("a model is given only to a role that whoever gives it is a member of".to_owned()),
            Some(format!("act as a superuser, or as a member of both the model's owner and {role}")),
        ),
        SegrecError::NotImportable { relation, reason } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("relation \"{relation}\" holds no version that can be imported"),
            Some(reason),
            Some("fill it with all rows that segrec_export gives for one version of a model with ids of the same types".to_owned()),
        ),
        SegrecError::NotTrusted { relation } => report(
            Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
            format!("permission denied to import the version in relation \"{relation}\""),
            Some("a version that predicts ratings is taken from a superuser only: part of it cannot be checked".to_owned()),
            Some("ask a superuser to import it, or train the model here".to_owned()),
        ),
        SegrecError::NothingToRollBackTo { model, deployed } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("model \"{model}\" has no earlier version to roll back to"),
            deployed.map(|version| format!("its deployed version is {version}")),
            Some("deploy any version with segrec_deploy".to_owned()),
        ),
        SegrecError::RanksByPopularity { model } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("the deployed version of model \"{model}\" ranks by popularity"),
            Some("an item has the same score for every user of a segment".to_owned()),
            Some("train the model with another algorithm, such as {\"algorithm\": \"hybrid\"}".to_owned()),
        ),
        SegrecError::DifferentFeedback { model, versions: [version, other], ratings } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("versions {version} and {other} of model \"{model}\" cannot be compared"),
            Some(format!("version {ratings} predicts ratings, the other ranks items: their metrics differ")),
            Some("compare versions with the same feedback".to_owned()),
        ),
        other => return Err(other),
    })
}
