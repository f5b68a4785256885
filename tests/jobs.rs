//! What a job holds while it works: locks that no function can give back, and places of which a role and a database have
//! only so many.

use segrec_tests::{Cluster, Database, Session, SqlState, planted};

/// Tells others to go on.
const GATE: i64 = 4242;

/// A model whose training gives back all locks of its session, and then waits for the gate.
fn create_unlocking(session: &mut Session) {
    session.run(&format!(
        r#"CREATE TABLE raw AS SELECT 'user ' || u AS user_id, (u * 7 + i * i) % 40 AS item_id
               FROM generate_series(1::bigint, 60) u, generate_series(1, 9) i;
           CREATE VIEW events AS SELECT raw.* FROM raw
               UNION ALL SELECT user_id, item_id
               FROM (SELECT pg_advisory_unlock_all(), pg_advisory_lock_shared({GATE}), pg_advisory_unlock_all()) s, raw;
           SELECT segrec_create_model('m', 'events', options => '{{"algorithm": "popularity"}}')"#
    ));
}

fn wait_until_it_waits(session: &mut Session) {
    session.wait_until(&format!(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = {GATE} AND NOT granted)"
    ));
}

/// What the processes of jobs hold of this database.
fn held(session: &mut Session) -> String {
    session.table(
        "SELECT DISTINCT classid::regclass::text FROM pg_locks JOIN pg_stat_activity USING (pid)
         WHERE locktype = 'object' AND backend_type = 'pg_segrec training' AND datname = current_database()
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
             AND classid IN ('segrec_catalog.models'::regclass, 'segrec_catalog.jobs'::regclass) ORDER BY 1",
    )
}

#[test]
fn what_a_job_reads_cannot_give_back_its_locks() {
    let database = Cluster::shared().database("jobs_unlock");
    let (mut session, mut gate) = (database.connect(), database.connect());
    create_unlocking(&mut session);
    gate.run(&format!("SELECT pg_advisory_lock({GATE})"));
    let start = "SELECT segrec_train_in_background('m')";
    let job: i64 = session.value(start);
    wait_until_it_waits(&mut session);
    let state = format!("SELECT state, error FROM segrec.jobs WHERE job = {job}");
    assert_eq!(session.table(&state), "running|∅");
    assert_eq!(held(&mut session), "segrec_catalog.jobs\nsegrec_catalog.models");
    for call in ["segrec_forget_user('m', 'user 17')", "segrec_train('m')", "segrec_drop_model('m')"] {
        let error = session.expect_error(&format!("SELECT {call}"));
        assert_eq!(error.code(), &SqlState::LOCK_NOT_AVAILABLE, "{call}");
    }
    gate.run(&format!("SELECT pg_advisory_unlock({GATE})"));
    session.wait_until(&format!("SELECT state = 'finished' FROM segrec.jobs WHERE job = {job}"));
    // It goes on holding them to its end, and can be stopped; then nothing is held.
    gate.run(&format!("SELECT pg_advisory_lock({GATE})"));
    let job: i64 = session.value(start);
    wait_until_it_waits(&mut session);
    assert!(session.value::<bool>(&format!("SELECT segrec_cancel({job})")));
    session.wait_until(&format!("SELECT state = 'cancelled' FROM segrec.jobs WHERE job = {job}"));
    session.wait_until("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'pg_segrec training' AND datname = current_database())");
    assert_eq!(held(&mut session), "");
    session.run("SELECT segrec_drop_model('m')");
}

#[test]
fn what_was_given_back_while_a_job_read_is_held_while_it_fits() {
    let database = Cluster::shared().database("jobs_fit");
    let mut session = database.connect();
    planted::create(&mut session);
    session.run(
        r#"CREATE VIEW unlocking AS SELECT e.* FROM events e, (SELECT pg_advisory_unlock_all() OFFSET 0) s;
           SELECT segrec_create_model('m', 'unlocking', options => '{"algorithm": "als", "als": {"factors": 256,
               "sweeps": 100, "regularization": 0.01, "unobserved_weight": 0.1}}')"#,
    );
    let job: i64 = session.value("SELECT segrec_train_in_background('m')");
    session.wait_until(
        "SELECT EXISTS (SELECT FROM segrec.training_progress WHERE phase LIKE 'backbone%' AND message <> '')",
    );
    assert_eq!(held(&mut session), "segrec_catalog.jobs\nsegrec_catalog.models");
    assert!(session.value::<bool>(&format!("SELECT segrec_cancel({job})")));
    session.wait_until(&format!("SELECT state = 'cancelled' FROM segrec.jobs WHERE job = {job}"));
}

#[test]
fn who_starts_a_job_takes_none_of_its_locks_at_any_level_of_isolation() {
    let database = Cluster::shared().database("jobs_start");
    let mut session = database.connect();
    create_unlocking(&mut session);
    for level in ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"] {
        session.run(&format!("BEGIN ISOLATION LEVEL {level}; SELECT count(*) FROM raw"));
        let job: i64 = session.value("SELECT segrec_train_in_background('m')");
        let taken = session.table(
            "SELECT classid::regclass FROM pg_locks WHERE locktype = 'object' AND pid = pg_backend_pid()",
        );
        assert_eq!(taken, "");
        session.run("COMMIT");
        session.wait_until(&format!("SELECT state = 'finished' FROM segrec.jobs WHERE job = {job}"));
    }
}

/// A role with models whose training lasts until it is stopped.
fn taker(database: &Database<'_>, role: &str) -> Session {
    let mut admin = database.connect();
    admin.run(&format!(
        "DO $$ BEGIN CREATE ROLE {role} LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
         CREATE SCHEMA {role} AUTHORIZATION {role}"
    ));
    let mut session = database.connect_as(role);
    session.run(&format!(
        "CREATE VIEW {role}.events AS SELECT 1::bigint AS user_id, 1::bigint AS item_id FROM pg_sleep(100000);
         SELECT segrec_create_model('{role} ' || m, '{role}.events') FROM generate_series(1, 8) m"
    ));
    session
}

fn start(role: &str, number: i32) -> String {
    format!("SELECT segrec_train_in_background('{role} {number}')")
}

const STOP_ALL: &str = "SELECT count(segrec_cancel(job)) FROM segrec.jobs WHERE state = 'running'";
const NONE_RUNS: &str =
    "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'pg_segrec training')";

#[test]
fn a_role_and_a_database_have_only_so_many_jobs_at_once() {
    let cluster = Cluster::configure().set("max_worker_processes", "24").start();
    let (database, other) = (cluster.database("jobs_places"), cluster.database("jobs_places_other"));
    let mut admin = database.connect();
    let mut session = taker(&database, "jobs_taker");
    let mut elsewhere = taker(&other, "jobs_taker");
    // However many ask at the same moment.
    let asking: Vec<_> = (1..=8)
        .map(|number| {
            let mut session = database.connect_as("jobs_taker");
            std::thread::spawn(move || session.query_one(&start("jobs_taker", number), &[]).is_ok())
        })
        .collect();
    let started = asking.into_iter().map(|asking| asking.join().unwrap()).filter(|started| *started).count();
    assert_eq!(started, 2);
    for session in [&mut session, &mut elsewhere] {
        let error = session.expect_error(&start("jobs_taker", 1));
        assert_eq!(error.code(), &SqlState::CONFIGURATION_LIMIT_EXCEEDED);
        assert_eq!(
            error.message(),
            "your role has all the trainings in the background that it may have at once"
        );
        assert_eq!(error.detail(), Some("segrec.max_jobs_per_role is 2, those in other databases too"));
    }
    // Nobody raises it who is held by it, neither before the setting is known nor after.
    let mut early = database.connect_as("jobs_taker");
    early.run("SET segrec.max_jobs_per_role = 100");
    let error = early.expect_error(&start("jobs_taker", 1));
    assert_eq!(error.code(), &SqlState::CONFIGURATION_LIMIT_EXCEEDED);
    let error = early.expect_error("SET segrec.max_jobs_per_role = 100");
    assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE);
    // Another role has places of its own, until the database has none.
    let mut second = taker(&database, "jobs_second");
    for number in 1..=2 {
        second.run(&start("jobs_second", number));
    }
    let mut third = taker(&database, "jobs_third");
    let error = third.expect_error(&start("jobs_third", 1));
    assert_eq!(error.code(), &SqlState::CONFIGURATION_LIMIT_EXCEEDED);
    assert_eq!(error.detail(), Some("segrec.max_jobs_per_database is 4"));
    // Superusers are held by neither, and theirs take no place.
    admin.run(
        "CREATE VIEW events AS SELECT 1::bigint AS user_id, 1::bigint AS item_id FROM pg_sleep(100000);
         SELECT segrec_create_model('own', 'events')",
    );
    admin.run("SELECT segrec_train_in_background('own')");
    assert_eq!(admin.value::<i64>("SELECT count(*) FROM segrec.jobs WHERE state = 'running'"), 5);
    // What ends gives its place back, however it ends.
    second.run(&format!("{STOP_ALL} AND job = (SELECT max(job) FROM segrec.jobs)"));
    admin.wait_until("SELECT count(*) = 4 FROM pg_stat_activity WHERE backend_type = 'pg_segrec training'");
    third.run(&start("jobs_third", 1));
    admin.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pg_segrec training'",
    );
    admin.wait_until(NONE_RUNS);
    admin.run("ALTER ROLE jobs_taker SET segrec.max_jobs_per_role = 3");
    let mut session = database.connect_as("jobs_taker");
    for number in 1..=3 {
        session.run(&start("jobs_taker", number));
    }
    assert_eq!(session.value::<i64>(STOP_ALL), 3);
    admin.wait_until(NONE_RUNS);
}
