//! The resources that a job holds while it runs: locks that no function can release, and slots, of which each role and
//! each database has a limited number.

use segrec_tests::{Cluster, Database, Session, SqlState, planted};

/// The key of the advisory lock for which trainings wait.
const GATE: i64 = 4242;

/// Creates a model whose training releases all advisory locks of its session, and then waits for the gate.
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

/// Returns the locks that the processes of jobs hold in this database.
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
    // The job holds them until it ends, and can be cancelled; then nothing is held.
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

/// Returns a session of a role with models whose training runs until it is cancelled.
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

const STOP_ALL: &str =
    "SELECT count(segrec_cancel(job)) FROM segrec.jobs WHERE state IN ('waiting', 'running')";
const NONE_RUNS: &str =
    "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'pg_segrec training')";

/// Returns the number of jobs of a role, by state.
fn states(session: &mut Session, role: &str) -> String {
    session.table(&format!(
        "SELECT state, count(*) FROM segrec.jobs WHERE model LIKE '{role} %' AND state IN ('waiting', 'running') GROUP BY 1 ORDER BY 1"
    ))
}

#[test]
fn of_a_role_and_of_a_database_only_so_many_jobs_run_at_once_and_others_wait() {
    let cluster = Cluster::configure().set("max_worker_processes", "24").start();
    let (database, other) = (cluster.database("jobs_places"), cluster.database("jobs_places_other"));
    let mut admin = database.connect();
    let mut session = taker(&database, "jobs_taker");
    let mut elsewhere = taker(&other, "jobs_taker");
    // The limit holds even if many ask at the same moment.
    let asking: Vec<_> = (1..=8)
        .map(|number| {
            let mut session = database.connect_as("jobs_taker");
            std::thread::spawn(move || session.run(&start("jobs_taker", number)))
        })
        .collect();
    asking.into_iter().for_each(|asking| asking.join().unwrap());
    assert_eq!(states(&mut session, "jobs_taker"), "running|2\nwaiting|6");
    elsewhere.run(&start("jobs_taker", 1));
    assert_eq!(states(&mut elsewhere, "jobs_taker"), "waiting|1");
    // A role cannot raise its own limit, either before or after the setting is loaded.
    let mut early = database.connect_as("jobs_taker");
    early.run("SET segrec.max_jobs_per_role = 100");
    early.run(&start("jobs_taker", 1));
    let error = early.expect_error("SET segrec.max_jobs_per_role = 100");
    assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE);
    // Another role has slots of its own and overtakes those that wait for theirs, until the database has none left.
    let mut second = taker(&database, "jobs_second");
    for number in 1..=2 {
        second.run(&start("jobs_second", number));
    }
    second.wait_until("SELECT count(*) = 2 FROM segrec.jobs WHERE state = 'running'");
    let mut third = taker(&database, "jobs_third");
    third.run(&start("jobs_third", 1));
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(states(&mut third, "jobs_third"), "waiting|1");
    assert_eq!(states(&mut session, "jobs_taker"), "running|2\nwaiting|7");
    // Superusers are subject to neither limit and take no slot, but wait in the queue.
    admin.run(
        "CREATE VIEW events AS SELECT 1::bigint AS user_id, 1::bigint AS item_id FROM pg_sleep(100000);
         SELECT segrec_create_model('own', 'events')",
    );
    admin.run("SELECT segrec_train_in_background('own')");
    admin.wait_until("SELECT count(*) = 5 FROM segrec.jobs WHERE state = 'running'");
    // A job that ends gives its slot to the next one in the queue.
    second.run("SELECT segrec_cancel(max(job)) FROM segrec.jobs WHERE state = 'running'");
    third.wait_until("SELECT count(*) = 1 FROM segrec.jobs WHERE state = 'running'");
    assert_eq!(states(&mut session, "jobs_taker"), "running|2\nwaiting|7");
    // A job that is cancelled while it waits never runs.
    let waiting: i64 = session.value("SELECT max(job) FROM segrec.jobs WHERE state = 'waiting'");
    assert!(session.value::<bool>(&format!("SELECT segrec_cancel({waiting})")));
    assert_eq!(
        session.table(&format!(
            "SELECT state, started_at, finished_at >= asked_at FROM segrec.jobs WHERE job = {waiting}"
        )),
        "cancelled|∅|t"
    );
    for session in [&mut elsewhere, &mut session, &mut second, &mut third, &mut admin] {
        session.run("DO $$ BEGIN WHILE EXISTS (SELECT FROM segrec.jobs WHERE state IN ('waiting', 'running')) LOOP
            PERFORM segrec_cancel(job) FROM segrec.jobs WHERE state = 'waiting'; PERFORM segrec_cancel(job) FROM segrec.jobs WHERE state = 'running';
            COMMIT; PERFORM pg_sleep(.1); END LOOP; END $$");
    }
    admin.wait_until(NONE_RUNS);
    admin.run("ALTER ROLE jobs_taker SET segrec.max_jobs_per_role = 3");
    let mut session = database.connect_as("jobs_taker");
    for number in 1..=3 {
        session.run(&start("jobs_taker", number));
    }
    assert_eq!(states(&mut session, "jobs_taker"), "running|3");
    session.run(STOP_ALL);
    admin.wait_until(NONE_RUNS);
}

/// Creates small models whose trainings are short.
fn small(session: &mut Session, models: i32) {
    planted::create(session);
    session.run(&format!(
        "SELECT segrec_create_model('small ' || m, 'events', options => '{{\"algorithm\": \"popularity\", \"segmentation\": {{\"method\": \"none\"}}}}')
         FROM generate_series(1, {models}) m"
    ));
}

const ALL_ENDED: &str = "SELECT bool_and(state NOT IN ('waiting', 'running')) FROM segrec.jobs";

#[test]
fn more_jobs_than_the_server_has_processes_for_all_finish_in_their_order() {
    let cluster = Cluster::configure().set("max_worker_processes", "8").start();
    let database = cluster.database("jobs_many");
    let mut session = database.connect();
    small(&mut session, 20);
    session.run("SELECT segrec_train_in_background('small ' || m) FROM generate_series(1, 20) m");
    session.wait_until(ALL_ENDED);
    assert_eq!(session.table("SELECT state, count(*) FROM segrec.jobs GROUP BY 1"), "finished|20");
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec.models WHERE deployed_version = 1"), 20);
    // With one at a time, jobs begin in the order in which they were requested.
    session.run("CREATE ROLE jobs_orderly LOGIN; GRANT SELECT ON events TO jobs_orderly; ALTER ROLE jobs_orderly SET segrec.max_jobs_per_role = 1;
        SELECT segrec_grant(model, 'jobs_orderly', 'train') FROM segrec.models");
    let mut orderly = database.connect_as("jobs_orderly");
    for number in 1..=6 {
        orderly.run(&start("small", number));
    }
    orderly.wait_until(ALL_ENDED);
    let order = "SELECT count(*), bool_and(started_at > ended) FROM (
        SELECT started_at, lag(finished_at, 1, '-infinity') OVER (ORDER BY job) AS ended FROM segrec.jobs WHERE role = 'jobs_orderly'::regrole) x";
    assert_eq!(orderly.table(order), "6|t");
    session.wait_until(NONE_RUNS);
}

#[test]
fn with_a_single_process_jobs_of_a_role_finish_one_after_the_other() {
    // One of the two worker processes is the launcher of logical replication.
    let cluster = Cluster::configure().set("max_worker_processes", "2").start();
    let database = cluster.database("jobs_single");
    let mut session = database.connect();
    small(&mut session, 4);
    for number in 1..=4 {
        session.run(&start("small", number));
    }
    session.wait_until(ALL_ENDED);
    assert_eq!(session.table("SELECT state, count(*) FROM segrec.jobs GROUP BY 1"), "finished|4");
    session.wait_until(NONE_RUNS);
}

#[test]
fn without_a_process_jobs_wait_until_somebody_asks_again() {
    let cluster = Cluster::configure().set("max_worker_processes", "1").start();
    let database = cluster.database("jobs_none");
    let mut session = database.connect();
    small(&mut session, 3);
    session.run("SELECT segrec_train_in_background('small ' || m) FROM generate_series(1, 2) m");
    // A request that is rolled back starts no job.
    session.run("BEGIN; SELECT segrec_train_in_background('small 3'); ROLLBACK");
    assert_eq!(
        session.table("SELECT model, state, started_at FROM segrec.jobs"),
        "small 1|waiting|∅\nsmall 2|waiting|∅"
    );
    assert!(session.value::<bool>("SELECT segrec_cancel(min(job)) FROM segrec.jobs"));
    cluster.append_settings(&[("max_worker_processes", "8")]);
    cluster.restart();
    let mut session = database.connect();
    assert_eq!(session.table("SELECT model, state FROM segrec.jobs"), "small 1|cancelled\nsmall 2|waiting");
    session.run(&start("small", 3));
    session.wait_until(ALL_ENDED);
    assert_eq!(
        session.table("SELECT model, state FROM segrec.jobs"),
        "small 1|cancelled\nsmall 2|finished\nsmall 3|finished"
    );
}

#[test]
fn a_job_that_waits_has_the_rights_of_its_role_when_it_begins_and_goes_with_its_model() {
    let cluster = Cluster::configure().set("max_worker_processes", "8").start();
    let database = cluster.database("jobs_rights");
    let (mut admin, mut busy) = (database.connect(), taker(&database, "jobs_asking"));
    small(&mut admin, 4);
    admin.run(
        "GRANT SELECT ON events TO jobs_asking; SELECT segrec_grant(model, 'jobs_asking', 'train') FROM segrec.models WHERE model LIKE 'small %'",
    );
    for number in 1..=2 {
        busy.run(&start("jobs_asking", number));
    }
    for number in 1..=3 {
        busy.run(&start("small", number));
    }
    // A job waits if another session is training its model.
    busy.run(&start("jobs_asking", 1));
    assert_eq!(states(&mut busy, "small"), "waiting|3");
    admin.run("SELECT segrec_revoke('small 1', 'jobs_asking', 'train'); SELECT segrec_drop_model('small 2')");
    busy.run(
        "SELECT segrec_cancel(job) FROM segrec.jobs WHERE state = 'waiting' AND model LIKE 'jobs_asking%'",
    );
    busy.run("SELECT segrec_cancel(job) FROM segrec.jobs WHERE state = 'running'");
    admin.wait_until(
        "SELECT bool_and(state NOT IN ('waiting', 'running')) FROM segrec.jobs WHERE model LIKE 'small %'",
    );
    assert_eq!(
        admin.table("SELECT model, state, split_part(error, E'\\n', 1) FROM segrec.jobs WHERE model LIKE 'small %' ORDER BY 1"),
        "small 1|failed|permission denied to train model \"small 1\"\nsmall 3|finished|∅"
    );
    assert_eq!(admin.table("SELECT role FROM segrec.jobs WHERE model = 'small 3'"), "jobs_asking");
    // The queue of a role is limited.
    admin.run("ALTER SYSTEM SET max_worker_processes = 1");
    cluster.restart();
    let mut busy = database.connect_as("jobs_asking");
    let error =
        busy.expect_error("SELECT segrec_train_in_background('small 3') FROM generate_series(1, 101)");
    assert_eq!(error.code(), &SqlState::CONFIGURATION_LIMIT_EXCEEDED);
    assert_eq!(error.message(), "too many background trainings of your role are waiting");
}
