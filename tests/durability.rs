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
