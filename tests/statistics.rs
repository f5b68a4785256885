//! The statistics of serving.

use segrec_tests::{Cluster, planted};
use std::fs;

const COUNTS: &str = "SELECT model, calls, stored, folded_in, segment_popular, popular, empty, files_written
    FROM segrec.serving_statistics ORDER BY model";

#[test]
fn lists_are_counted_by_what_they_came_from_over_all_sessions_until_the_server_stops() {
    let cluster = Cluster::start();
    let database = cluster.database("statistics_counts");
    let (mut session, mut other) = (database.connect(), database.connect());
    planted::create_and_train(&mut session);
    assert_eq!(session.table(COUNTS), "", "nothing was asked for yet");
    session.run("SELECT segrec_recommend(3, 5); SELECT segrec_recommend(4, 5)");
    assert_eq!(session.table(COUNTS), "planted|2|2|0|0|0|0|1");
    other.run("SELECT segrec_recommend_for(ARRAY[1, 5]::bigint[], 5); SELECT segrec_recommend(-1, 5)");
    assert_eq!(session.table(COUNTS), "planted|4|2|1|0|1|0|1");
    other.run("INSERT INTO events VALUES (3, 7), (3, 8); SELECT segrec_recommend(3, 5)");
    other.run("SELECT segrec_recommend(3, 5, candidates => '{}')");
    assert_eq!(session.table(COUNTS), "planted|6|2|3|0|1|1|1");
    assert_eq!(
        session.table(
            "SELECT since BETWEEN pg_postmaster_start_time() AND now() FROM segrec.serving_statistics"
        ),
        "t"
    );
    drop((session, other));
    cluster.restart();
    let mut session = database.connect();
    assert_eq!(session.table(COUNTS), "");
    session.run("SELECT segrec_recommend(3, 5)");
    assert_eq!(session.table(COUNTS), "planted|1|0|1|0|0|0|1");
    // A new installation starts from zero.
    session.run("DROP EXTENSION pg_segrec CASCADE; CREATE EXTENSION pg_segrec");
    assert_eq!(session.table(COUNTS), "");
}

#[test]
fn a_call_is_answered_where_nothing_can_be_counted() {
    let cluster = Cluster::start();
    let database = cluster.database("statistics_broken");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    session.run("SELECT segrec_recommend(3, 5)");
    let folder = cluster.data().join("base/pgsql_tmp");
    let file = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.file_name().unwrap().to_string_lossy().starts_with("pgsql_tmp_segrec_counters."))
        .unwrap();
    let whole = fs::read(&file).unwrap();
    let mut foreign = whole.clone();
    foreign[3] ^= 1;
    for bytes in [Vec::new(), whole[..100].to_vec(), foreign] {
        fs::remove_file(&file).unwrap();
        fs::write(&file, bytes).unwrap();
        let mut session = database.connect();
        assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(3, 5)"), 5);
        assert_eq!(session.table(COUNTS), "");
    }
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let mut session = database.connect();
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(3, 5)"), 5);
    assert_eq!(session.table(COUNTS), "");
}

#[test]
fn nobody_sees_counts_of_models_that_they_may_not_use() {
    let database = Cluster::shared().database("statistics_rights");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    session.run("CREATE ROLE statistics_rights_role LOGIN; SELECT segrec_recommend(3, 5)");
    let mut role = database.connect_as("statistics_rights_role");
    assert_eq!(role.table("SELECT * FROM segrec.serving_statistics"), "");
    assert_eq!(role.table("SELECT * FROM segrec_catalog.serving_counters()"), "");
    session.run("SELECT segrec_grant('planted', 'statistics_rights_role', 'use')");
    assert_eq!(role.table("SELECT model, calls FROM segrec.serving_statistics"), "planted|1");
}
