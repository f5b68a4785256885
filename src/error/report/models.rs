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
            Some("The name of a model must be unique in its database.".to_owned()),
            Some("Choose another name, change the model with segrec_alter_model, or drop it with segrec_drop_model.".to_owned()),
        ),
        SegrecError::OtherKindOfModel { model, has_events } => {
            let (has, given, hint) = match has_events {
                true => ("has events", "no events", "Specify events"),
                false => ("has no events", "events", "Leave out events"),
            };
            report(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("model \"{model}\" {has}, but its new definition has {given}"),
                Some("Its versions could not be used with the new definition.".to_owned()),
                Some(format!("{hint}, choose another name, or drop the model with segrec_drop_model first.")),
            )
        }
        SegrecError::UnknownModel { name, known } => {
            let nearest = known
                .iter()
                .map(|known| (name_similarity(known, &name), known))
                .filter(|(likeness, _)| *likeness >= 0.5)
                .max_by(|a, b| a.0.total_cmp(&b.0));
            let hint = match nearest {
                Some((_, nearest)) => format!("Did you mean \"{nearest}\"?"),
                None => "Create it with segrec_create_model, or see the view segrec.models.".to_owned(),
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
            Some("Create one with segrec_create_model and train it with segrec_train.".to_owned()),
        ),
        SegrecError::WhichModel { able, others } if able.is_empty() => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("no model is specified, and none of {} models could be used", others.len()),
            Some(format!(
                "{} None of them has a deployed version that can serve the call.",
                known_models(&others)
            )),
            Some(
                "Train one with segrec_train, or specify one, as in model => 'shop', to see what it lacks."
                    .to_owned(),
            ),
        ),
        SegrecError::WhichModel { able, .. } => report(
            Code::ERRCODE_AMBIGUOUS_PARAMETER,
            format!("no model is specified, and {} models could be used", able.len()),
            Some(format!("The models with a deployed version are {}.", listed(&able))),
            Some("Specify one, as in model => 'shop', or set segrec.default_model.".to_owned()),
        ),
        SegrecError::NotOwner { name, owner } => report(
            Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
            format!("must be owner of model \"{name}\""),
            Some(format!("Its owner is {owner}.")),
            Some(format!("Use a role that is a member of {owner}.")),
        ),
        SegrecError::NotTrainer { name, owner } => report(
            Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
            format!("permission denied to train model \"{name}\""),
            Some(format!(
                "Only its owner {owner} and roles with the privilege \"train\" on it may train it."
            )),
            Some(format!("Ask a member of {owner} to call segrec_grant for your role.")),
        ),
        SegrecError::NotLabeller { name, owner } => report(
            Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
            format!("permission denied to label segments of model \"{name}\""),
            Some(format!(
                "Only its owner {owner} and roles with the privilege \"label\" on it may label its segments."
            )),
            Some(format!("Ask a member of {owner} to call segrec_grant for your role.")),
        ),
        SegrecError::TooManyRules { model, what, count, most } => report(
            Code::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            format!("model \"{model}\" would have {count} {what}"),
            Some(format!("The maximum is {most}.")),
            Some("Drop rules with segrec_drop_rule, or add one with a condition in place of many.".to_owned()),
        ),
        SegrecError::UnknownRule { model, rule } => report(
            Code::ERRCODE_UNDEFINED_OBJECT,
            format!("model \"{model}\" has no rule {rule}"),
            None,
            Some("The view segrec.rules lists the rules of models.".to_owned()),
        ),
        SegrecError::UnusableRule { model, problem } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("a rule of model \"{model}\" does not suit its items"),
            Some(problem),
            Some("Drop the rule with segrec_drop_rule, or restore the column; the view segrec.rules lists the rules.".to_owned()),
        ),
        SegrecError::UnknownRole { name } => report(
            Code::ERRCODE_UNDEFINED_OBJECT,
            format!("role \"{name}\" does not exist"),
            Some("A role is specified as in GRANT: in lower case, or in double quotes.".to_owned()),
            Some("Specify a role from pg_roles, or 'public' for all roles.".to_owned()),
        ),
        SegrecError::Restricted => report(
            Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
            "cannot change, train or evaluate a model within a security-restricted operation".to_owned(),
            Some(
                "Functions of indexes and materialized views run while another role maintains the table; they may only read models."
                    .to_owned(),
            ),
            Some("Call it directly.".to_owned()),
        ),
        SegrecError::TextNeedsUtf8 { encoding } => report(
            Code::ERRCODE_FEATURE_NOT_SUPPORTED,
            format!("text ids require a database with encoding UTF8, but this one has {encoding}"),
            None,
            Some("Use bigint or uuid ids, or a database with encoding UTF8.".to_owned()),
        ),
        SegrecError::Unbound { model, argument } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("model \"{model}\" reads no {argument}"),
            Some("A model keeps the kinds of relations that it was created with.".to_owned()),
            Some(format!("Create a model with the argument {argument}.")),
        ),
        SegrecError::NeedsArgument { option, argument } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            match argument.ends_with("_column") {
                true => format!("option \"{option}\" requires a {argument}"),
                false => format!("option \"{option}\" requires {argument}"),
            },
            Some(format!("The model has no {argument}.")),
            Some(format!("Create the model with {argument} => …, or change the option.")),
        ),
        SegrecError::NothingToRead => report(
            Code::ERRCODE_NULL_VALUE_NOT_ALLOWED,
            "\"events\" and \"users\" are both null".to_owned(),
            Some("A model requires events for recommendations, users for segmentation, or both.".to_owned()),
            Some("Specify events => 'orders' or users => 'customers'.".to_owned()),
        ),
        SegrecError::NoEvents { model } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("model \"{model}\" has no events to recommend from"),
            Some("It was created with users only, and segments them.".to_owned()),
            Some(
                "Create a model with events => … for recommendations, or call segrec_segment_of for segments."
                    .to_owned(),
            ),
        ),
        SegrecError::TooManyWithdrawn { model, withdrawn, listed, most } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("{withdrawn} of {listed} listed items of model \"{model}\" would be withdrawn"),
            Some(format!("Their rows are gone. At most a share of {most} may be withdrawn at once.")),
            Some("If the relation of items is complete, raise most_withdrawn.".to_owned()),
        ),
        SegrecError::NotClassifying { model, reason } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("segments of model \"{model}\" cannot be predicted from features"),
            Some(reason.to_owned()),
            Some("Call segrec_segment_of for a user, or train with {\"segmentation\": {\"on\": \"attributes\"}}.".to_owned()),
        ),
        SegrecError::UnknownSegment { model, segment, existing } => {
            let existing: Vec<String> = existing.iter().map(i32::to_string).collect();
            let detail = match existing.as_slice() {
                [] => "It has no deployed version.".to_owned(),
                _ => format!("The segments of its deployed version are {}.", existing.join(", ")),
            };
            report(
                Code::ERRCODE_UNDEFINED_OBJECT,
                format!("model \"{model}\" has no segment {segment}"),
                Some(detail),
                Some("See the view segrec.segments.".to_owned()),
            )
        }
        SegrecError::NoTree { model } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("the deployed version of model \"{model}\" has no merge tree to cut"),
            Some("Only the method hierarchical creates one.".to_owned()),
            Some("Train the model with {\"segmentation\": {\"method\": \"hierarchical\"}}.".to_owned()),
        ),
        SegrecError::NotTrained { model } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("model \"{model}\" has no deployed version"),
            None,
            Some(format!("Train it with SELECT * FROM segrec_train('{}').", model.replace('\'', "''"))),
        ),
        SegrecError::ModelChanged { name } => report(
            Code::ERRCODE_T_R_SERIALIZATION_FAILURE,
            format!("model \"{name}\" was changed by another session"),
            Some(
                "Something was added to it after the transaction started, which therefore cannot see it."
                    .to_owned(),
            ),
            Some("Retry the transaction.".to_owned()),
        ),
        SegrecError::VersionGone { model } => report(
            Code::ERRCODE_T_R_SERIALIZATION_FAILURE,
            format!("rows of a version of model \"{model}\" do not exist"),
            Some(
                "Another session dropped the version while it was read, or a restored dump omitted rows."
                    .to_owned(),
            ),
            Some("Retry the transaction; if they still do not exist, train the model.".to_owned()),
        ),
        SegrecError::VersionDamaged { reason } => report(
            Code::ERRCODE_DATA_CORRUPTED,
            "stored version is damaged".to_owned(),
            Some(reason),
            Some(
                "Train the model again; if rows were changed manually, restore them from a backup."
                    .to_owned(),
            ),
        ),
        SegrecError::UnknownVersion { model, version, existing } => {
            let existing: Vec<String> = existing.iter().map(i32::to_string).collect();
            report(
                Code::ERRCODE_UNDEFINED_OBJECT,
                format!("model \"{model}\" has no version {version}"),
                Some(if existing.is_empty() {
                    "It has no versions.".to_owned()
                } else {
                    format!("Its versions are {}.", existing.join(", "))
                }),
                Some("See the view segrec.versions.".to_owned()),
            )
        }
        SegrecError::VersionFailed { model, version } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("version {version} of model \"{model}\" failed"),
            Some("Its training failed with an error, and no version was stored.".to_owned()),
            Some("See the column reason of the view segrec.versions.".to_owned()),
        ),
        SegrecError::VersionIsHistory { model, version } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("the factors of version {version} of model \"{model}\" were dropped"),
            Some("A training dropped them, and kept only what it found.".to_owned()),
            Some("To keep the factors of more versions, raise keep_versions.".to_owned()),
        ),
        SegrecError::VersionDeployed { model, version } => report(
            Code::ERRCODE_OBJECT_IN_USE,
            format!("version {version} of model \"{model}\" is deployed"),
            Some("The deployed version serves all calls.".to_owned()),
            Some("Deploy another version first, with segrec_deploy or segrec_rollback.".to_owned()),
        ),
        SegrecError::NotMember { role } => report(
            Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
            format!("must be able to SET ROLE \"{role}\""),
            Some("The current role must be a member of the new owner.".to_owned()),
            Some(format!(
                "Use a superuser, or a role that is a member of both the model's owner and {role}."
            )),
        ),
        SegrecError::NotImportable { relation, reason } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("relation \"{relation}\" does not contain a version that can be imported"),
            Some(reason),
            Some("Fill it with all rows that segrec_export returns for one version of a model with ids of the same types.".to_owned()),
        ),
        SegrecError::NotTrusted { relation } => report(
            Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
            format!("permission denied to import the version in relation \"{relation}\""),
            Some("Only superusers may import a version that predicts ratings or has a transformer, because a part of it cannot be validated.".to_owned()),
            Some("Ask a superuser to import it, or train the model here.".to_owned()),
        ),
        SegrecError::NothingToRollBackTo { model, deployed } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("model \"{model}\" has no earlier version to roll back to"),
            deployed.map(|version| format!("Its deployed version is {version}.")),
            Some("Deploy any version with segrec_deploy.".to_owned()),
        ),
        SegrecError::RanksByPopularity { model } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("the deployed version of model \"{model}\" ranks by popularity"),
            Some("An item has the same score for all users of a segment.".to_owned()),
            Some("Train the model with another algorithm, such as {\"algorithm\": \"hybrid\"}.".to_owned()),
        ),
        SegrecError::DifferentFeedback { model, versions: [version, other], ratings } => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("versions {version} and {other} of model \"{model}\" cannot be compared"),
            Some(format!("Version {ratings} predicts ratings, but the other one ranks items, so that their metrics differ.")),
            Some("Compare versions with the same feedback.".to_owned()),
        ),
        other => return Err(other),
    })
}
