//! The role as which code runs: that of the owner even at the commit of a job, whatever role its session had, and never
//! that of the role which maintains a table.

use segrec_tests::{Cluster, Database, Session, SqlState, planted};

/// Returns a database in which `NAME_owner` has a schema `own` with events and a model `m` on a view of them, whose
/// functions record the role as which they run.
fn trapped(name: &str, login: &str) -> (Database<'static>, Session) {
    trapped_on(Cluster::shared(), name, login)
}

fn trapped_on<'a>(cluster: &'a Cluster, name: &str, login: &str) -> (Database<'a>, Session) {
    let database = cluster.database(name);
    let mut superuser = database.connect();
    planted::create(&mut superuser);
    superuser.run(&format!(
        "CREATE ROLE {name}_owner {login}; CREATE SCHEMA own AUTHORIZATION {name}_owner;
         CREATE TABLE own.raw AS TABLE events; CREATE TABLE own.queue (a int);
         CREATE TABLE own.sprung (what text, as_role text, as_session text);
         GRANT ALL ON ALL TABLES IN SCHEMA own TO {name}_owner;
         SET ROLE {name}_owner;
         CREATE FUNCTION own.note(what text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO own.sprung VALUES (what, current_user, session_user); RETURN 1; END $$;
         CREATE FUNCTION own.at_commit() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN PERFORM own.note('deferred trigger'); RETURN NULL; END $$;
         RESET ROLE;
         CREATE CONSTRAINT TRIGGER t AFTER INSERT ON own.queue DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION own.at_commit();
         SET ROLE {name}_owner;
         CREATE FUNCTION own.spring() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO own.queue VALUES (1);
             PERFORM own.note('view');
             EXECUTE 'DECLARE held CURSOR WITH HOLD FOR SELECT own.note(''cursor'')';
             RETURN true; END $$;
         CREATE VIEW own.events AS SELECT * FROM own.raw WHERE (SELECT own.spring());
         SELECT segrec_create_model('m', 'own.events', options => '{{\"algorithm\": \"popularity\"}}');
         DELETE FROM own.sprung; RESET ROLE"
    ));
    (database, superuser)
}

/// Starts a job as the owner, from a superuser's session after SET ROLE, and returns the roles that were recorded.
#[track_caller]
fn sprung_in_a_job(name: &str, superuser: &mut Session) -> String {
    superuser.run(&format!("SET ROLE {name}_owner"));
    let job: i64 = superuser.value("SELECT segrec_train_in_background('m')");
    superuser.run("RESET ROLE");
    superuser.wait_until(&format!("SELECT state <> 'running' FROM segrec.jobs WHERE job = {job}"));
    assert_eq!(
        superuser.table(&format!("SELECT state, error FROM segrec.jobs WHERE job = {job}")),
        "finished|∅"
    );
    superuser.table("SELECT DISTINCT what, as_role, as_session FROM own.sprung ORDER BY 1")
}

fn all_as(role: &str) -> String {
    ["cursor", "deferred trigger", "view"].map(|what| format!("{what}|{role}|{role}")).join("\n")
}

#[test]
fn a_job_reads_and_commits_as_the_role_that_asked_which_is_its_session_role_too() {
    let (_database, mut superuser) = trapped("roles_login", "LOGIN");
    assert_eq!(sprung_in_a_job("roles_login", &mut superuser), all_as("roles_login_owner"));
}

#[test]
fn a_job_of_a_role_that_may_not_log_in_is_that_roles_and_nobody_elses() {
    let (_database, mut superuser) = trapped("roles_group", "NOLOGIN");
    assert_eq!(sprung_in_a_job("roles_group", &mut superuser), all_as("roles_group_owner"));
}

#[test]
fn a_job_of_a_role_that_may_not_connect_to_the_database_is_that_roles_and_nobody_elses() {
    let (database, mut superuser) = trapped("roles_closed", "LOGIN");
    superuser.run(&format!("REVOKE CONNECT ON DATABASE \"{}\" FROM PUBLIC", database.name()));
    assert_eq!(sprung_in_a_job("roles_closed", &mut superuser), all_as("roles_closed_owner"));
}

#[test]
fn nothing_in_a_job_takes_another_role() {
    let (_database, mut superuser) = trapped("roles_other", "NOLOGIN");
    for taking in [
        "SET ROLE postgres",
        "RESET ROLE",
        "SET SESSION AUTHORIZATION postgres",
        "RESET SESSION AUTHORIZATION",
        "SET LOCAL SESSION AUTHORIZATION DEFAULT",
    ] {
        superuser.run(&format!(
            "SET ROLE roles_other_owner;
             CREATE OR REPLACE FUNCTION own.spring() RETURNS boolean LANGUAGE plpgsql AS
                 $$ BEGIN EXECUTE '{taking}'; RETURN true; END $$"
        ));
        let job: i64 = superuser.value("SELECT segrec_train_in_background('m')");
        superuser.run("RESET ROLE");
        superuser.wait_until(&format!("SELECT state <> 'running' FROM segrec.jobs WHERE job = {job}"));
        let ended = superuser
            .table(&format!("SELECT state, split_part(error, E'\\n', 1) FROM segrec.jobs WHERE job = {job}"));
        assert!(ended.starts_with("failed|cannot set parameter"), "{taking}: {ended}");
    }
}

#[test]
fn a_job_that_is_done_by_the_process_that_starts_jobs_is_that_roles_and_nobody_elses() {
    let cluster = Cluster::configure().set("max_worker_processes", "1").start();
    let (database, mut superuser) = trapped_on(&cluster, "roles_queued", "LOGIN");
    superuser.run("SET ROLE roles_queued_owner; SELECT segrec_train_in_background('m'); RESET ROLE");
    // There is only one process left, which is the one that starts jobs.
    cluster.append_settings(&[("max_worker_processes", "2")]);
    cluster.restart();
    let mut superuser = database.connect();
    superuser.run("SELECT segrec_create_model('own', 'events')");
    superuser.run("SELECT segrec_train_in_background('own')");
    superuser.wait_until("SELECT state = 'finished' FROM segrec.jobs WHERE model = 'm'");
    let sprung = superuser.table("SELECT DISTINCT what, as_role, as_session FROM own.sprung ORDER BY 1");
    assert_eq!(sprung, all_as("roles_queued_owner"));
    // The process in which the role's functions ran takes no other role's job.
    superuser.wait_until(
        "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'pg_segrec training')",
    );
    assert_eq!(superuser.table("SELECT state FROM segrec.jobs WHERE model = 'own'"), "waiting");
}

#[test]
fn deferred_triggers_of_a_training_in_the_foreground_run_as_the_caller() {
    let (database, mut superuser) = trapped("roles_foreground", "LOGIN");
    database.connect_as("roles_foreground_owner").run("SELECT segrec_train('m')");
    let sprung = superuser.table("SELECT DISTINCT as_role, as_session FROM own.sprung");
    assert_eq!(sprung, "roles_foreground_owner|roles_foreground_owner");
}

#[test]
fn functions_that_run_for_whoever_maintains_a_table_change_train_and_measure_no_model() {
    let database = Cluster::shared().database("roles_maintained");
    let mut superuser = database.connect();
    planted::create_and_train(&mut superuser);
    superuser.run(
        "CREATE ROLE roles_maintained_owner LOGIN; CREATE SCHEMA own AUTHORIZATION roles_maintained_owner;
         GRANT SELECT ON events TO roles_maintained_owner",
    );
    let mut owner = database.connect_as("roles_maintained_owner");
    owner.run(
        "SELECT segrec_create_model('m', 'events', options => '{\"algorithm\": \"popularity\"}');
         SELECT segrec_train('m');
         CREATE TABLE own.bait (a int); INSERT INTO own.bait SELECT generate_series(1, 300);
         CREATE FUNCTION own.indexed(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
         CREATE INDEX bait_index ON own.bait (own.indexed(a));
         CREATE MATERIALIZED VIEW own.refreshed AS SELECT own.indexed(1)",
    );
    for call in [
        "public.segrec_train_in_background('m')",
        "public.segrec_train_all()",
        "public.segrec_train('m')",
        "public.segrec_create_model('n', 'public.events')",
        "public.segrec_alter_model('m', '{}')",
        "public.segrec_rebind('m')",
        "public.segrec_label_segment('m', 1, 'x')",
        "public.segrec_drop_model('m')",
        "public.segrec_deploy('m', 1)",
        "public.segrec_grant('m', 'public', 'use')",
        "public.segrec_forget_user('m', 1::bigint)",
        "segrec_catalog.begin_study('m', '{\"als.factors\": [4]}', 2, 'ndcg@10', 'grid', false)",
        "segrec_catalog.run_scheduled('m', 0)",
        "segrec_catalog.record_failure('m', 'x')",
        "public.segrec_schedule('m', '* * * * *')",
    ] {
        owner.run(&format!(
            "CREATE OR REPLACE FUNCTION own.indexed(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
                 $$ BEGIN PERFORM {call}; RETURN $1; END $$"
        ));
        for maintenance in [
            "ANALYZE own.bait",
            "REINDEX TABLE own.bait",
            "CLUSTER own.bait USING bait_index",
            "CREATE INDEX ON own.bait (own.indexed(a + 1))",
            "REFRESH MATERIALIZED VIEW own.refreshed",
        ] {
            let error = superuser.expect_error(maintenance);
            assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE, "{maintenance} with {call}: {error}");
        }
    }
    assert_eq!(superuser.table("SELECT model, version FROM segrec.versions ORDER BY 1"), "m|1\nplanted|1");
    // Answering is not a change.
    owner.run(
        "CREATE OR REPLACE FUNCTION own.indexed(int) RETURNS int IMMUTABLE LANGUAGE sql AS
             'SELECT count(*)::int FROM public.segrec_recommend(3::bigint, 5, ''m'')'",
    );
    superuser.run("REFRESH MATERIALIZED VIEW own.refreshed; ANALYZE own.bait");
    assert_eq!(superuser.table("SELECT * FROM own.refreshed"), "5");
}
