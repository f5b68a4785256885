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
            Some("another process does not see the model before it is committed".to_owned()),
            Some("commit first".to_owned()),
        ),
        SegrecError::NoJobs { of } => {
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
        SegrecError::TooManyWaiting { most } => report(
            Code::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
            "too many trainings of your role wait already".to_owned(),
            Some(format!("of a role {most} may wait in a database")),
            Some(
                "wait until some have ended, or take some back with segrec_cancel; segrec.jobs shows them"
                    .to_owned(),
            ),
        ),
        SegrecError::WorkerEnded { model } => report(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("the background process for model \"{model}\" ended before it began to train"),
            Some("the server's log says why".to_owned()),
            Some(
                "the role of the session must be allowed to log in and to connect to the database".to_owned(),
            ),
        ),
        SegrecError::UnknownJob { job } => report(
            Code::ERRCODE_UNDEFINED_OBJECT,
            format!("there is no job {job} that you may cancel"),
            None,
            Some("see the view segrec.jobs".to_owned()),
        ),
        SegrecError::UnknownStudy { study } => report(
            Code::ERRCODE_UNDEFINED_OBJECT,
            format!("there is no study {study}"),
            None,
            Some("see the view segrec.trials".to_owned()),
        ),
        SegrecError::UnknownTrial { model, study, trial } => report(
            Code::ERRCODE_UNDEFINED_OBJECT,
            format!("model \"{model}\" has no trial {trial} of study {study}"),
            None,
            Some("see the view segrec.trials".to_owned()),
        ),
        SegrecError::BeingTuned { study, holder } => {
            being_held(format!("another session runs a trial of study {study}"), &holder)
        }
        SegrecError::NoScheduler { database, home, major } => report(
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
        SegrecError::NotScheduled { model } => report(
            Code::ERRCODE_UNDEFINED_OBJECT,
            format!("model \"{model}\" has no schedule"),
            None,
            Some("make one with segrec_schedule, or give segrec_run_schedule \"min_new_events\"".to_owned()),
        ),
        SegrecError::ScheduledByOther { model, role, job } => report(
            Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
            format!("model \"{model}\" is scheduled by role {role}"),
            Some(format!("the job {job} of pg_cron belongs to it")),
            Some(format!("as that role, SELECT segrec_unschedule('{}')", model.replace('\'', "''"))),
        ),
        other => return Err(other),
    })
}
