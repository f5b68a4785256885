//! Reports of errors about background trainings, studies and schedules.

use super::text::{Report, being_held, report};
use crate::error::SegrecError;
use crate::pg::process::lock::Shared;
use pgrx::PgSqlErrorCode as Code;

/// The report of an error in this category; other errors are returned unchanged.
pub fn report_of(error: SegrecError) -> Result<Report, SegrecError> {
    Ok(match error {
        SegrecError::BeingTrained { model, holder } => {
            being_held(format!("model \"{model}\" is being trained or changed by another session"), &holder)
        }
        SegrecError::ModelNotCommitted { model } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!(
                "model \"{model}\" cannot be trained in the background by the transaction that created it"
            ),
            Some("Other processes cannot see the model before it is committed.".to_owned()),
            Some("Commit the transaction first.".to_owned()),
        ),
        SegrecError::NoJobs { of } => {
            let (whose, setting) = match of {
                Shared::Role(_) => ("your role", "segrec.max_jobs_per_role"),
                Shared::Database => ("this database", "segrec.max_jobs"),
            };
            report(
                Code::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
                format!("{whose} may not have background trainings"),
                Some(format!("{setting} is 0.")),
                Some("Train with segrec_train, which does not require a background process.".to_owned()),
            )
        }
        SegrecError::TooManyWaiting { most } => report(
            Code::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
            "too many background trainings of your role are waiting".to_owned(),
            Some(format!("At most {most} of a role may wait in a database.")),
            Some(
                "Wait until some have ended, or cancel some with segrec_cancel; see the view segrec.jobs."
                    .to_owned(),
            ),
        ),
        SegrecError::WorkerEnded { model } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("the background process for model \"{model}\" ended before the training started"),
            Some("The server log contains the reason.".to_owned()),
            Some("Make sure that the role of the session may log in and connect to the database.".to_owned()),
        ),
        SegrecError::UnknownJob { job } => report(
            Code::ERRCODE_UNDEFINED_OBJECT,
            format!("job {job} does not exist, or you may not cancel it"),
            None,
            Some("See the view segrec.jobs.".to_owned()),
        ),
        SegrecError::UnknownStudy { study } => report(
            Code::ERRCODE_UNDEFINED_OBJECT,
            format!("study {study} does not exist"),
            None,
            Some("See the view segrec.trials.".to_owned()),
        ),
        SegrecError::UnknownTrial { model, study, trial } => report(
            Code::ERRCODE_UNDEFINED_OBJECT,
            format!("model \"{model}\" has no trial {trial} of study {study}"),
            None,
            Some("See the view segrec.trials.".to_owned()),
        ),
        SegrecError::BeingTuned { study, holder } => {
            being_held(format!("another session is running a trial of study {study}"), &holder)
        }
        SegrecError::NoScheduler { database, home, major } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("extension \"pg_cron\" is not installed in database \"{database}\""),
            Some(match &home {
                Some(home) => format!("The server has loaded pg_cron, which uses the database \"{home}\"."),
                None => "A schedule is a pg_cron job in the same database.".to_owned(),
            }),
            Some(match home {
                Some(home) if home == database => "Run CREATE EXTENSION pg_cron.".to_owned(),
                Some(home) => format!(
                    "Set cron.database_name to '{database}' and restart the server, or schedule CALL segrec_run_schedule(…) with cron.schedule_in_database in \"{home}\"."
                ),
                None => format!(
                    "Install the package postgresql-{major}-cron, add pg_cron to shared_preload_libraries, set cron.database_name to '{database}', restart the server and run CREATE EXTENSION pg_cron; or use another scheduler to CALL segrec_run_schedule(…)."
                ),
            }),
        ),
        SegrecError::NotScheduled { model } => report(
            Code::ERRCODE_UNDEFINED_OBJECT,
            format!("model \"{model}\" has no schedule"),
            None,
            Some(
                "Create one with segrec_schedule, or specify \"min_new_events\" for segrec_run_schedule."
                    .to_owned(),
            ),
        ),
        SegrecError::ScheduledByOther { model, role, job } => report(
            Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
            format!("model \"{model}\" is scheduled by role {role}"),
            Some(format!("The pg_cron job {job} belongs to it.")),
            Some(format!("As that role, run SELECT segrec_unschedule('{}').", model.replace('\'', "''"))),
        ),
        other => return Err(other),
    })
}
