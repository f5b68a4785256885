//! A model survives what databases survive: dump and restore, and reading on a replica.

use segrec_tests::{Cluster, planted};

#[test]
fn a_dump_restores_models_versions_and_recommendations() {
    let cluster = Cluster::shared();
    let database = cluster.database("durability_dump");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    session.run("SELECT segrec_train('planted', 'always')");
    let lists = "SELECT * FROM segrec_recommend_all('planted', 5)";
    let before = session.table(lists);
    let dump = database.program("pg_dump").output().unwrap();
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));

    let restored = cluster.empty_database("durability_restored");
    let printed = restored.psql(&String::from_utf8(dump.stdout).unwrap());
    assert!(!printed.contains("ERROR"), "{printed}");
    let mut session = restored.connect();
    assert_eq!(before, session.table(lists));
    assert_eq!(session.table("SELECT version, deployed FROM segrec.versions ORDER BY 1"), "1|f\n2|t");
    // It goes on from there.
    session.run("SELECT segrec_train('planted', 'always')");
    assert_eq!(session.table("SELECT max(version) FROM segrec.versions"), "3");
    session.run("SELECT segrec_drop_version('planted', 1)");
    session.run("SELECT segrec_drop_model('planted')");
    session.run("DROP EXTENSION pg_segrec CASCADE");
}

#[test]
fn a_dump_restores_everything_about_segments() {
    let cluster = Cluster::shared();
    let database = cluster.database("durability_segments");
    let mut session = database.connect();
    session.run(
        r#"CREATE TABLE people AS
           SELECT u AS user_id, u % 3 * 10 + u % 7 AS age, 'city ' || u % 4 AS city FROM generate_series(1::bigint, 300) u;
           ALTER TABLE people ADD PRIMARY KEY (user_id);
           SELECT segrec_create_model('people', users => 'people',
               options => '{"segmentation": {"method": "hierarchical", "segments": 3}}');
           SELECT segrec_train('people');
           SELECT segrec_label_segment('people', 2, 'the second');
           DELETE FROM people WHERE user_id % 10 = 0;
           SELECT segrec_train('people');
           CREATE TABLE kept AS SELECT segrec_kmeans(ARRAY[age]::real[], 3) AS clusters FROM people"#,
    );
    let everything = |session: &mut segrec_tests::Session| -> Vec<String> {
        [
            "segrec.models",
            "segrec.versions",
            "segrec.segments",
            "segrec.segment_members",
            "segrec.segment_profiles",
            "segrec.segment_choices",
            "segrec.segment_history",
            "segrec.segment_transitions",
            "segrec.segment_drift",
            "segrec.training_log",
            "segrec_cut('people', 5)",
            "kept",
        ]
        .map(|rows| session.table(&format!("SELECT row::text FROM {rows} AS row ORDER BY row::text")))
        .to_vec()
    };
    let before = everything(&mut session);
    let classified = "SELECT segrec_classify('people', '{\"age\": 14, \"city\": \"city 1\"}'), segrec_segment_of(4::bigint)";
    let answer = session.table(classified);
    let dump = database.program("pg_dump").output().unwrap();
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    let restored = cluster.empty_database("durability_segments_restored");
    let printed = restored.psql(&String::from_utf8(dump.stdout).unwrap());
    assert!(!printed.contains("ERROR"), "{printed}");
    let mut session = restored.connect();
    assert_eq!(before, everything(&mut session));
    assert_eq!(session.table(classified), answer);
    // It goes on from there, with the ids it had.
    session.run("SELECT segrec_train('people')");
    assert_eq!(
        session.table("SELECT label, since_version FROM segrec.segments WHERE segment = 2"),
        "the second|1"
    );
}

#[test]
fn a_replica_recommends_and_hears_of_a_new_deployment() {
    let cluster = Cluster::start();
    let database = cluster.database("durability_replica");
    let mut writer = database.connect();
    planted::create_and_train(&mut writer);
    let replica = cluster.replica();
    replica.wait_for(&cluster);
    let mut reader = replica.connect(database.name(), "postgres");
    let list = "SELECT * FROM segrec_recommend(3, 20)";
    assert_eq!(reader.table(list), writer.table(list));
    writer.run(r#"SELECT segrec_alter_model('planted', '{"als": {"factors": 5}}')"#);
    writer.run("SELECT segrec_train('planted', 'always')");
    replica.wait_for(&cluster);
    assert_eq!(reader.table(list), writer.table(list));
    assert_eq!(reader.expect_error("SELECT segrec_train('planted')").code().code(), "25006");
}

#[test]
fn dropping_the_extension_leaves_nothing() {
    let database = Cluster::shared().database("durability_drop");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    session.run("DROP EXTENSION pg_segrec CASCADE");
    let left = session.table(
        "SELECT relname FROM pg_class WHERE relname LIKE 'version\\_%' OR relnamespace::regnamespace::text LIKE 'segrec%'",
    );
    assert_eq!(left, "");
    session.run("CREATE EXTENSION pg_segrec");
    assert_eq!(session.table("SELECT * FROM segrec.models"), "");
}
