//! The guarantees of the harness that the other tests rely on.

use segrec_tests::{Cluster, Shutdown, SqlState};

#[test]
fn a_session_hands_back_errors_and_notices_whole() {
    let database = Cluster::shared().empty_database("harness_session");
    let mut session = database.connect();
    let error = session.expect_error(
        "DO $$ BEGIN RAISE EXCEPTION 'no model' USING ERRCODE = '42704', DETAIL = 'a fact', HINT = 'an action'; END $$",
    );
    assert_eq!(error.code(), &SqlState::UNDEFINED_OBJECT);
    assert_eq!(error.message(), "no model");
    assert_eq!((error.detail(), error.hint()), (Some("a fact"), Some("an action")));

    session.run("DO $$ BEGIN RAISE NOTICE 'heard'; END $$");
    let notices: Vec<_> = session.notices().iter().map(|notice| notice.message().to_owned()).collect();
    assert_eq!(notices, ["heard"]);
    assert!(session.notices().is_empty());
}

#[test]
fn psql_prints_results_notices_and_errors_in_order() {
    let database = Cluster::shared().empty_database("harness_psql");
    let printed = database
        .psql("SELECT 1 AS one;\nSELECT 1/0;\nDO $$ BEGIN RAISE NOTICE 'so'; END $$;\nSELECT 2 AS two;");
    assert_eq!(
        printed,
        " one \n-----\n   1\n(1 row)\n\nERROR:  division by zero\nNOTICE:  so\n two \n-----\n   2\n(1 row)\n\n"
    );
}

#[test]
fn a_cluster_that_was_killed_recovers_what_was_committed() {
    let cluster = Cluster::configure().set("work_mem", "5MB").start();
    let database = cluster.empty_database("kept");
    database.connect().run("CREATE TABLE kept AS SELECT 1 AS value");
    cluster.kill();
    cluster.start_again();
    assert_eq!(database.connect().value::<i32>("SELECT value FROM kept"), 1);
    cluster.stop(Shutdown::Immediate);
    cluster.start_again();
    cluster.restart();
    assert_eq!(database.connect().value::<i32>("SELECT value FROM kept"), 1);
    assert_eq!(database.connect().value::<String>("SELECT current_setting('work_mem')"), "5MB");
}

#[test]
fn a_replica_follows_its_cluster() {
    let cluster = Cluster::start();
    let database = cluster.empty_database("followed");
    let replica = cluster.replica();
    let mut writer = database.connect();
    writer.run("CREATE TABLE followed AS SELECT 7 AS value");
    replica.wait_for(&cluster);
    let mut reader = replica.connect(database.name(), "postgres");
    assert_eq!(reader.value::<i32>("SELECT value FROM followed"), 7);
    assert_eq!(reader.expect_error("DELETE FROM followed").code(), &SqlState::READ_ONLY_SQL_TRANSACTION);
}
