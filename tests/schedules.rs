//! `segrec_schedule` and `segrec_run_schedule`: when models are trained automatically, and what is recorded of it.

use segrec_tests::{Cluster, Session, SqlState, planted};
use std::time::Duration;

/// Creates a model `m` that is not trained.
fn create(session: &mut Session) {
    planted::create(session);
    session.run(&format!("SELECT segrec_create_model('m', 'events', options => '{}')", planted::OPTIONS));
}

/// Inserts a schedule as if pg_cron had created its job 7.
fn pretend(session: &mut Session, min_new_events: i64) {
    session.run(&format!(
        "INSERT INTO segrec_catalog.schedules (model_id, cron, min_new_events, role, job)
         SELECT model_id, '0 3 * * *', {min_new_events}, current_user::regrole, 7 FROM segrec_catalog.models"
    ));
}

const RUNS: &str = "SELECT outcome, new_events, version, error FROM segrec.schedule_runs";

#[test]
fn a_run_trains_only_where_enough_events_are_new_and_writes_both_down() {
    let database = Cluster::shared().database("schedules_new");
    let mut session = database.connect();
    create(&mut session);
    session.run("CALL segrec_run_schedule('m', 1)");
    session.notices();
    session.run("CALL segrec_run_schedule('m', 1)");
    let notices: Vec<String> = session.notices().iter().map(|notice| notice.message().to_owned()).collect();
    assert_eq!(notices, ["model \"m\" was not trained: there are 0 new events, fewer than 1"]);
    session.run("INSERT INTO events VALUES (1, 1), (2, 2)");
    session.run("CALL segrec_run_schedule('m', 3)");
    session.run("CALL segrec_run_schedule('m', 2)");
    assert_eq!(session.table(RUNS), "trained|2|2|∅\nskipped|2|∅|∅\nskipped|0|∅|∅\ntrained|∅|1|∅");
    assert_eq!(
        session.table(
            "SELECT bool_and(started_at <= finished_at), count(*) FROM segrec.schedule_runs WHERE model = 'm'"
        ),
        "t|4"
    );
}

#[test]
fn new_events_are_counted_by_their_time_where_old_ones_are_deleted() {
    let database = Cluster::shared().database("schedules_time");
    let mut session = database.connect();
    planted::create(&mut session);
    session.run("ALTER TABLE events ADD at timestamp; UPDATE events SET at = timestamp '2026-01-01' + user_id * interval '1 minute'");
    session.run(&format!(
        "SELECT segrec_create_model('m', 'events', time_column => 'at', options => '{}')",
        planted::OPTIONS
    ));
    session.run("SELECT segrec_train('m')");
    session.run("DELETE FROM events WHERE user_id < 100; INSERT INTO events VALUES (200, 1, '2026-02-01'), (201, 1, 'infinity')");
    session.run("CALL segrec_run_schedule('m', 2)");
    assert_eq!(session.table(RUNS), "skipped|1|∅|∅");
}

#[test]
fn a_failed_run_is_written_down_and_still_an_error() {
    let database = Cluster::shared().database("schedules_failed");
    let mut session = database.connect();
    create(&mut session);
    session.run("INSERT INTO events VALUES (NULL, 1)");
    let error = session.expect_error("CALL segrec_run_schedule('m', 1)");
    assert_eq!(error.code(), session.expect_error("SELECT segrec_train('m')").code());
    assert_eq!(error.message(), "relation \"events\" contains 1 invalid rows");
    assert!(error.hint().is_some());
    assert_eq!(session.table(RUNS), "failed|∅|∅|relation \"events\" contains 1 invalid rows");
    session.run("DELETE FROM events WHERE user_id IS NULL");
    session.run("CALL segrec_run_schedule('m', 1)");
    assert_eq!(session.table("SELECT version FROM segrec.versions"), "1");
}

#[test]
fn a_cancelled_run_is_written_down() {
    let database = Cluster::shared().database("schedules_cancelled");
    let mut session = database.connect();
    session.run(
        "CREATE TABLE events AS SELECT u AS user_id, (u * 7919 + i * i * 31) % 5000 AS item_id
         FROM generate_series(1::bigint, 20000) u, generate_series(1, 40) i;
         SELECT segrec_create_model('m', 'events')",
    );
    let pid: i32 = session.value("SELECT pg_backend_pid()");
    let mut other = database.connect();
    let canceller = std::thread::spawn(move || {
        let trains = format!(
            "SELECT count(*) FROM pg_locks WHERE pid = {pid} AND locktype = 'object' AND mode = 'ExclusiveLock'
             AND classid = 'segrec_catalog.models'::regclass"
        );
        for _ in 0..3000 {
            if other.value::<i64>(&trains) > 0 {
                other.run(&format!("SELECT pg_cancel_backend({pid})"));
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the run did not begin in half a minute");
    });
    let error = session.expect_error("CALL segrec_run_schedule('m', 1)");
    canceller.join().unwrap();
    assert_eq!(error.code(), &SqlState::QUERY_CANCELED);
    assert_eq!(session.table(RUNS), "failed|∅|∅|canceling statement due to user request");
    assert_eq!(session.table("SELECT count(*) FROM segrec.versions"), "0");
}

#[test]
fn a_paused_schedule_does_nothing_until_it_is_resumed() {
    let database = Cluster::shared().database("schedules_paused");
    let mut session = database.connect();
    create(&mut session);
    pretend(&mut session, 5);
    session.run("SELECT segrec_pause_schedule('m')");
    session.run("CALL segrec_run_schedule('m')");
    assert_eq!(session.notices()[0].message(), "the schedule of model \"m\" is paused");
    assert_eq!(session.table(RUNS), "");
    assert_eq!(session.table("SELECT paused, last_outcome FROM segrec.schedules"), "t|∅");
    session.run("SELECT segrec_resume_schedule('m')");
    session.run("CALL segrec_run_schedule('m'); ");
    session.run("INSERT INTO events SELECT 1, i FROM generate_series(1, 4) i");
    session.run("CALL segrec_run_schedule('m')");
    assert_eq!(session.table(RUNS), "skipped|4|∅|∅\ntrained|∅|1|∅");
    assert_eq!(
        session.table("SELECT model, cron, min_new_events, paused, last_outcome, last_error, job, job_status FROM segrec.schedules"),
        "m|0 3 * * *|5|f|skipped|∅|7|∅"
    );
    assert_eq!(session.table("SELECT schedule FROM segrec.models"), "0 3 * * *");
}

#[test]
fn a_schedule_ends_with_its_model_and_a_model_without_one_has_to_be_told_how_many_events() {
    let database = Cluster::shared().database("schedules_end");
    let mut session = database.connect();
    create(&mut session);
    pretend(&mut session, 1);
    session.run("SELECT segrec_unschedule('m')");
    assert_eq!(session.table("SELECT schedule FROM segrec.models"), "∅");
    for call in [
        "SELECT segrec_unschedule('m')",
        "SELECT segrec_pause_schedule('m')",
        "SELECT segrec_resume_schedule('m')",
        "CALL segrec_run_schedule('m')",
    ] {
        let error = session.expect_error(call);
        assert_eq!(error.code(), &SqlState::UNDEFINED_OBJECT, "{call}");
        assert_eq!(error.message(), "model \"m\" has no schedule", "{call}");
    }
    pretend(&mut session, 1);
    session.run("SELECT segrec_drop_model('m')");
    assert_eq!(
        session.table(
            "SELECT count(*) FROM segrec_catalog.schedules UNION ALL SELECT count(*) FROM segrec_catalog.schedule_runs"
        ),
        "0\n0"
    );
}

#[test]
fn wrong_arguments_are_refused_and_a_missing_pg_cron_is_said_with_what_to_install() {
    let database = Cluster::shared().database("schedules_errors");
    let mut session = database.connect();
    create(&mut session);
    for (call, argument) in [
        ("segrec_schedule(NULL, '0 3 * * *')", "model"),
        ("segrec_schedule('m', NULL)", "cron"),
        ("segrec_schedule('m', '0 3 * * *', NULL)", "min_new_events"),
        ("segrec_unschedule(NULL)", "model"),
        ("segrec_pause_schedule(NULL)", "model"),
        ("segrec_resume_schedule(NULL)", "model"),
    ] {
        let error = session.expect_error(&format!("SELECT {call}"));
        assert_eq!(error.code(), &SqlState::NULL_VALUE_NOT_ALLOWED, "{call}");
        assert_eq!(error.message(), format!("\"{argument}\" must not be null"), "{call}");
    }
    let error = session.expect_error("CALL segrec_run_schedule(NULL, 1)");
    assert_eq!(error.message(), "\"model\" must not be null");
    for call in ["SELECT segrec_schedule('m', '0 3 * * *', -1)", "CALL segrec_run_schedule('m', -1)"] {
        let error = session.expect_error(call);
        assert_eq!(error.code(), &SqlState::INVALID_PARAMETER_VALUE, "{call}");
        assert_eq!(error.message(), "\"min_new_events\" is -1", "{call}");
        assert_eq!(error.hint(), Some("\"min_new_events\" must be an integer of at least 0."), "{call}");
    }
    let error = session.expect_error("SELECT segrec_schedule('m', '0 3 * * *')");
    assert_eq!(error.code(), &SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE);
    let (name, major) =
        (database.name(), session.value::<i32>("SELECT current_setting('server_version_num')::int / 10000"));
    assert_eq!(error.message(), format!("extension \"pg_cron\" is not installed in database \"{name}\""));
    assert_eq!(error.detail(), Some("A schedule is a pg_cron job in the same database."));
    assert_eq!(
        error.hint().unwrap(),
        format!(
            "Install the package postgresql-{major}-cron, add pg_cron to shared_preload_libraries, set cron.database_name to '{name}', restart the server and run CREATE EXTENSION pg_cron; or use another scheduler to CALL segrec_run_schedule(…)."
        )
    );
    let error = session.expect_error("BEGIN; CALL segrec_run_schedule('m', 1)");
    assert_eq!(error.code(), &SqlState::INVALID_TRANSACTION_TERMINATION);
}

#[test]
fn schedules_are_seen_and_changed_only_by_those_who_may() {
    let database = Cluster::shared().database("schedules_rights");
    let mut admin = database.connect();
    create(&mut admin);
    pretend(&mut admin, 1);
    admin.run("CREATE ROLE schedules_user LOGIN; CREATE ROLE schedules_stranger LOGIN");
    admin.run("SELECT segrec_grant('m', 'schedules_user', 'use')");
    admin.run("CALL segrec_run_schedule('m')");
    let mut user = database.connect_as("schedules_user");
    assert_eq!(user.table("SELECT model, job_status FROM segrec.schedules"), "m|∅");
    assert_eq!(user.table(RUNS), "trained|∅|1|∅");
    let mut stranger = database.connect_as("schedules_stranger");
    assert_eq!(stranger.table("SELECT count(*) FROM segrec.schedules"), "0");
    assert_eq!(stranger.table("SELECT count(*) FROM segrec.schedule_runs"), "0");
    for call in [
        "SELECT segrec_schedule('m', '0 3 * * *')",
        "SELECT segrec_unschedule('m')",
        "SELECT segrec_pause_schedule('m')",
        "SELECT segrec_resume_schedule('m')",
        "CALL segrec_run_schedule('m', 0)",
    ] {
        let error = user.expect_error(call);
        assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE, "{call}");
        assert_eq!(error.message(), "permission denied to train model \"m\"", "{call}");
        let error = stranger.expect_error(call);
        assert_eq!(error.code(), &SqlState::UNDEFINED_OBJECT, "{call}");
    }
    // A role that may not train the model cannot record a run of it either.
    user.run("SELECT segrec_catalog.record_failure('m', 'made up')");
    stranger.run("SELECT segrec_catalog.record_failure('m', 'made up')");
    assert_eq!(admin.table(RUNS), "trained|∅|1|∅");
}

#[test]
fn a_job_that_was_left_over_trains_nothing_of_another_role() {
    let database = Cluster::shared().database("schedules_left");
    let mut admin = database.connect();
    create(&mut admin);
    pretend(&mut admin, 1);
    admin.run(
        "CREATE ROLE schedules_before LOGIN; GRANT SELECT ON events TO schedules_before;
         SELECT segrec_grant('m', 'schedules_before', 'train')",
    );
    // Such a role may have created a job for an earlier model of that name, which pg_cron still calls.
    let mut before = database.connect_as("schedules_before");
    before.run("CALL segrec_run_schedule('m')");
    assert!(
        before.notices()[0]
            .message()
            .starts_with("model \"m\" was not trained: its schedule belongs to role"),
    );
    assert_eq!(admin.table(RUNS), "");
    // The role of the schedule trains, and so does a caller that gives the number of events.
    admin.run("CALL segrec_run_schedule('m')");
    before.run("CALL segrec_run_schedule('m', 0)");
    assert_eq!(admin.value::<i64>("SELECT count(*) FROM segrec.schedule_runs WHERE outcome = 'trained'"), 2);
}

#[test]
fn the_next_run_is_told_by_the_expression() {
    let database = Cluster::shared().database("schedules_next");
    let mut session = database.connect();
    // The moment is Saturday, 28 February 2026, 12:34:56.
    for (cron, next) in [
        ("* * * * *", "2026-02-28 12:35:00"),
        ("34 12 * * *", "2026-03-01 12:34:00"),
        ("0 3 * * *", "2026-03-01 03:00:00"),
        ("*/20 * * * *", "2026-02-28 12:40:00"),
        ("0 0 29 2 *", "2028-02-29 00:00:00"),
        ("30 4 $ * *", "2026-03-31 04:30:00"),
        ("0 9 * * mon-fri", "2026-03-02 09:00:00"),
        ("0 9 * * 7", "2026-03-01 09:00:00"),
        // The day matches if either the day of the month or the day of the week does.
        ("0 0 15 * 1", "2026-03-02 00:00:00"),
        ("30 seconds", "2026-02-28 12:35:26"),
        ("0 0 31 2 *", "∅"),
        ("at noon", "∅"),
    ] {
        let question = format!("SELECT segrec_catalog.next_run('{cron}', '2026-02-28 12:34:56')");
        assert_eq!(session.table(&question), next, "{cron}");
    }
}

#[test]
fn of_each_model_a_hundred_runs_are_kept() {
    let database = Cluster::shared().database("schedules_kept");
    let mut session = database.connect();
    create(&mut session);
    session.run("SELECT segrec_catalog.record_failure('m', n::text) FROM generate_series(1, 103) n");
    assert_eq!(
        session.table("SELECT count(*), min(error::int), max(error::int) FROM segrec.schedule_runs"),
        "100|4|103"
    );
}

#[test]
fn pg_cron_runs_a_schedule_as_the_role_that_made_it() {
    let available = "SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'";
    if Cluster::shared().connect("postgres", "postgres").value::<i64>(available) == 0 {
        println!("skipped: this server has no pg_cron");
        return;
    }
    let cluster = Cluster::configure()
        .set("shared_preload_libraries", "pg_cron")
        .set("cron.use_background_workers", "on")
        .set("cron.database_name", "shop")
        .start();
    cluster.connect("postgres", "postgres").run("CREATE DATABASE shop");
    let mut admin = cluster.connect("shop", "postgres");
    admin.run(
        "CREATE EXTENSION pg_segrec; CREATE EXTENSION pg_cron;
         CREATE ROLE keeper LOGIN; CREATE ROLE other LOGIN; GRANT CREATE ON SCHEMA public TO keeper",
    );
    let mut keeper = cluster.connect("shop", "keeper");
    create(&mut keeper);
    let error = keeper.expect_error("SELECT segrec_schedule('m', '* * * * *')");
    assert_eq!(error.message(), "permission denied for schema cron");
    admin.run("GRANT USAGE ON SCHEMA cron TO keeper, other");
    let error = keeper.expect_error("SELECT segrec_schedule('m', 'at noon')");
    assert!(error.message().starts_with("invalid schedule"), "{}", error.message());
    keeper.run("SELECT segrec_schedule('m', '0 3 * * *'); SELECT segrec_schedule('m', '* * * * *', 2)");
    assert_eq!(
        keeper.table("SELECT jobname, schedule, command, username FROM cron.job"),
        "pg_segrec: m|* * * * *|CALL segrec_catalog.run_schedule('m')|keeper"
    );

    let due = "SELECT next_run_at > now() AND next_run_at <= now() + interval '1 minute' AND extract(second FROM next_run_at) = 0 FROM segrec.schedules";
    assert!(keeper.value::<bool>(due));
    keeper.run("SELECT segrec_pause_schedule('m')");
    assert_eq!(keeper.table("SELECT paused, next_run_at FROM segrec.schedules"), "t|∅");
    keeper.run("SELECT segrec_resume_schedule('m')");

    keeper.run("SELECT segrec_grant('m', 'other', 'train')");
    let mut other = cluster.connect("shop", "other");
    let error = other.expect_error("SELECT segrec_schedule('m', '* * * * *')");
    assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE);
    assert_eq!(error.message(), "model \"m\" is scheduled by role keeper");
    assert_eq!(error.hint(), Some("As that role, run SELECT segrec_unschedule('m')."));

    for _ in 0..900 {
        if keeper.value::<i64>("SELECT count(*) FROM segrec.schedules WHERE job_status = 'succeeded'") == 1 {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(
        keeper.table("SELECT last_outcome, last_error, job_status, role FROM segrec.schedules"),
        "trained|∅|succeeded|keeper",
        "{}",
        keeper.table("SELECT job_message FROM segrec.schedules")
    );
    assert_eq!(keeper.table("SELECT deployed_version FROM segrec.models"), "1");
    // The details of a job are visible only to its owner.
    assert_eq!(other.table("SELECT last_outcome, job_status FROM segrec.schedules"), "trained|∅");

    other.run("SELECT segrec_unschedule('m')");
    assert_eq!(
        other.notices()[0].message(),
        "pg_cron job 2 was not unscheduled".replace('2', &job(&mut keeper))
    );
    keeper.run("SELECT segrec_schedule('m', '0 3 * * *'); SELECT segrec_unschedule('m')");

    let mut elsewhere = cluster.connect("postgres", "postgres");
    elsewhere.run("CREATE EXTENSION pg_segrec");
    create(&mut elsewhere);
    let error = elsewhere.expect_error("SELECT segrec_schedule('m', '0 3 * * *')");
    assert_eq!(error.detail(), Some("The server has loaded pg_cron, which uses the database \"shop\"."));
    assert!(error.hint().unwrap().starts_with("Set cron.database_name to 'postgres'"));
    assert_eq!(keeper.table("SELECT count(*) FROM cron.job"), "0");
    keeper.run("SELECT segrec_schedule('m', '0 3 * * *'); SELECT segrec_drop_model('m')");
    assert_eq!(keeper.table("SELECT count(*) FROM cron.job"), "0");
}

fn job(session: &mut Session) -> String {
    session.table("SELECT jobid FROM cron.job")
}

#[test]
fn times_that_no_calendar_has_have_no_next_run() {
    let database = Cluster::shared().database("schedules_times");
    let mut session = database.connect();
    session.run("SET statement_timeout = '30s'");
    for (expression, after) in [
        ("0 0 31 2 *", "2026-01-01"),
        ("0 0 30 2 1", "4713-01-01 BC"),
        ("* * * * *", "infinity"),
        ("* * * * *", "-infinity"),
        ("* * * * *", "294276-12-31 23:59:59.999999"),
        ("* * * * *", "4713-11-24 BC"),
        ("9223372036854775807 seconds", "2026-01-01"),
        ("-9223372036854775808 seconds", "2026-01-01"),
        ("99999999999999999999 seconds", "2026-01-01"),
        ("1 second", "infinity"),
        ("-5 seconds", "2026-01-01"),
        ("0 0 0 0 0", "2026-01-01"),
        ("61 25 32 13 8", "2026-01-01"),
        ("1-9223372036854775807/3 * * * *", "2026-01-01"),
        ("", "2026-01-01"),
        ("🦀 * * * *", "2026-01-01"),
    ] {
        let sql = format!("SELECT segrec_catalog.next_run('{expression}', '{after}')");
        assert_eq!(session.table(&sql), "∅", "{sql}");
    }
    assert_eq!(
        session.table("SELECT segrec_catalog.next_run(repeat('1,', 5000000) || '1 * * * *', '2026-01-01')"),
        "∅"
    );
    assert_eq!(
        session.table("SELECT segrec_catalog.next_run('0 0 29 2 *', '2026-01-01')"),
        "2028-02-29 00:00:00"
    );
    assert_eq!(
        session.table("SELECT segrec_catalog.next_run('30 seconds', '2026-01-01')"),
        "2026-01-01 00:00:30"
    );
}
