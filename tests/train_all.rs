//! `segrec_train_all`: trainings of many models, such as one for each tenant, through the queue of jobs.

use segrec_tests::{Cluster, Session, SqlState, planted};

const ALL_ENDED: &str = "SELECT bool_and(state NOT IN ('waiting', 'running')) FROM segrec.jobs";

/// Creates models named `tenant 01` and so on, whose trainings are short.
fn tenants(session: &mut Session, models: i32) {
    planted::create(session);
    session.run(&format!(
        "SELECT segrec_create_model('tenant ' || to_char(m, 'FM000'), 'events', options => '{{\"algorithm\": \"popularity\", \"segmentation\": {{\"method\": \"none\"}}}}')
         FROM generate_series(1, {models}) m"
    ));
}

#[test]
fn all_models_of_a_pattern_are_trained_and_one_that_fails_stops_no_other() {
    let cluster = Cluster::configure().set("max_worker_processes", "12").start();
    let database = cluster.database("train_all");
    let mut session = database.connect();
    tenants(&mut session, 9);
    session.run(
        "CREATE TABLE gone AS TABLE events; SELECT segrec_create_model('tenant 005 b', 'gone'); DROP TABLE gone;
         SELECT segrec_create_model('Tenant 1', 'events'); SELECT segrec_create_model('another', 'events')",
    );
    session.notices();
    let requested = session.table("SELECT model, job FROM segrec_train_all('tenant %')");
    assert_eq!(requested.lines().count(), 10);
    session.wait_until(ALL_ENDED);
    // The jobs are numbered in the order of names, and are those of segrec.jobs.
    assert_eq!(session.table("SELECT model, job FROM segrec.jobs ORDER BY job"), requested);
    assert_eq!(
        session.table(
            "SELECT state, count(*), min(split_part(error, E'\\n', 1)) FROM segrec.jobs GROUP BY 1 ORDER BY 1"
        ),
        "failed|1|the events relation of model \"tenant 005 b\" no longer exists\nfinished|9|∅"
    );
    assert_eq!(
        session.table(
            "SELECT count(*), bool_and(model ~ '^tenant 00.$') FROM segrec.models WHERE deployed_version = 1"
        ),
        "9|t"
    );
    // The limit of jobs of a role holds for this superuser too: otherwise all would run at once.
    let at_once = "SELECT max((SELECT count(*) FROM segrec.jobs other WHERE other.started_at <= job.started_at AND job.started_at < other.finished_at)) FROM segrec.jobs job";
    assert!(session.value::<i64>(at_once) <= 2, "{}", session.table("SELECT * FROM segrec.jobs"));
    // What to deploy is that of segrec_train.
    session.run("SELECT segrec_train_all('tenant 00_', deploy => 'never')");
    session.wait_until(ALL_ENDED);
    assert_eq!(
        session.table("SELECT version, deployed, count(*) FROM segrec.versions WHERE state <> 'failed' GROUP BY 1, 2 ORDER BY 1"),
        "1|t|9\n2|f|9"
    );
    let error = session.expect_error("SELECT segrec_train_all(deploy => 'perhaps')");
    assert_eq!(error.code(), &SqlState::INVALID_PARAMETER_VALUE);
    session.run("SET segrec.max_jobs_per_role = 0");
    let error = session.expect_error("SELECT segrec_train_all()");
    assert_eq!(error.code(), &SqlState::CONFIGURATION_LIMIT_EXCEEDED);
    assert_eq!(error.message(), "your role may not have background trainings");
}

#[test]
fn a_model_waits_once_however_often_it_is_asked_for_and_more_than_a_hundred_may_wait() {
    let database = Cluster::shared().database("train_all_once");
    let mut session = database.connect();
    tenants(&mut session, 130);
    session.run("BEGIN");
    let first = session.table("SELECT model, job FROM segrec_train_all()");
    assert_eq!(first.lines().count(), 130);
    assert_eq!(session.table("SELECT model, job FROM segrec_train_all()"), first);
    assert_eq!(session.table("SELECT state, count(*) FROM segrec.jobs GROUP BY 1"), "waiting|130");
    // Nothing begins before the transaction commits, and nothing if it is rolled back.
    session.run("ROLLBACK");
    assert_eq!(session.table("SELECT count(*) FROM segrec.jobs"), "0");
    // Models that the transaction itself creates are trained once it commits.
    session.run(
        "BEGIN; SELECT segrec_create_model('made', 'events', options => '{\"algorithm\": \"popularity\"}');
         SELECT segrec_train_all('made'); COMMIT",
    );
    session.wait_until(ALL_ENDED);
    assert_eq!(session.table("SELECT model, state FROM segrec.jobs"), "made|finished");
}

#[test]
fn a_role_trains_only_the_models_that_it_may_train_with_its_own_rights() {
    let database = Cluster::shared().database("train_all_rights");
    let mut session = database.connect();
    tenants(&mut session, 4);
    session.run(
        "CREATE ROLE train_all_rights_trainer LOGIN; GRANT SELECT ON events TO train_all_rights_trainer;
         SELECT segrec_grant('tenant 002', 'train_all_rights_trainer', 'train');
         SELECT segrec_grant('tenant 003', 'train_all_rights_trainer', 'use')",
    );
    let mut trainer = database.connect_as("train_all_rights_trainer");
    trainer.run("SELECT segrec_create_model('own', 'events', options => '{\"algorithm\": \"popularity\"}')");
    assert_eq!(trainer.table("SELECT model FROM segrec_train_all()"), "own\ntenant 002");
    trainer.wait_until(ALL_ENDED);
    assert_eq!(
        session.table("SELECT model, state, role FROM segrec.jobs ORDER BY model"),
        "own|finished|train_all_rights_trainer\ntenant 002|finished|train_all_rights_trainer"
    );
    // A pattern is a value, not a part of the statement.
    trainer.notices();
    for pattern in ["tenant 003", "' OR true --", ""] {
        let quoted = pattern.replace('\'', "''");
        assert_eq!(trainer.table(&format!("SELECT * FROM segrec_train_all('{quoted}')")), "");
        let notices = trainer.notices();
        assert_eq!(notices.len(), 1, "{notices:?}");
        assert_eq!(notices[0].message(), format!("you may train no model whose name is LIKE '{pattern}'"));
    }
}
