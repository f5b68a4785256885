//! A publication of all tables does not change what happens to models, and is followed by a subscriber.

use segrec_tests::{Cluster, Session, planted};

/// Creates models with users, items, times and labels, so that every table has rows.
fn create(session: &mut Session) {
    planted::create(session);
    session.run(
        "ALTER TABLE events ADD at timestamptz;
         UPDATE events SET at = timestamptz '2026-01-01' + (user_id * 37 + item_id * 101) % 300 * interval '1 day';
         CREATE TABLE people AS SELECT u AS id, u % 3 * 20 + u % 5 AS age FROM generate_series(0::bigint, 599) u;
         ALTER TABLE people ADD PRIMARY KEY (id)",
    );
}

/// The statements that change rows of the catalog.
const VERBS: &[&str] = &[
    r#"SELECT segrec_create_model('m', 'events', time_column => 'at', users => 'people', users_key => 'id', options =>
        '{"algorithm": "auto", "als": {"factors": 4}, "segmentation": {"on": "attributes", "method": "hierarchical", "segments": 3}, "keep_versions": 1}')"#,
    "SELECT segrec_train('m')",
    "UPDATE people SET age = age + 40 WHERE id % 7 = 0",
    "SELECT segrec_train('m', 'always')",
    "SELECT segrec_train('m', 'never')",
    "SELECT segrec_train('m', 'always')",
    "SELECT segrec_rollback('m')",
    "SELECT segrec_deploy('m', 4)",
    "SELECT segrec_label_segment('m', 1, 'one')",
    "SELECT segrec_label_segment('m', 1, 'first')",
    "SELECT segrec_label_segment('m', 1, NULL)",
    "SELECT segrec_grant('m', 'public', 'use')",
    "SELECT segrec_revoke('m', 'public', 'use')",
    r#"SELECT segrec_alter_model('m', '{"als": {"factors": 5}}')"#,
    r#"CALL segrec_tune('m', '{"als.factors": [2, 4]}', trials => 2, apply => true)"#,
    "CALL segrec_run_schedule('m', 1000000)",
    "CALL segrec_run_schedule('m', 0)",
    "SELECT segrec_train_in_background('m', 'never')",
    "SELECT segrec_change_owner('m', 'pg_monitor')",
    "SELECT segrec_change_owner('m', 'postgres')",
    "CREATE TEMP TABLE dump AS SELECT * FROM segrec_export('m')",
    "SELECT segrec_import('m', 'dump')",
    "SELECT segrec_forget_user('m', 17)",
    "SELECT segrec_drop_version('m', 4) WHERE NOT EXISTS (SELECT FROM segrec.versions WHERE version = 4 AND deployed)",
];

#[test]
fn every_table_of_the_catalog_has_a_primary_key() {
    let database = Cluster::shared().database("publications_keys");
    let without: Vec<String> = database.connect().column(
        "SELECT oid::regclass::text FROM pg_class
         WHERE relnamespace = 'segrec_catalog'::regnamespace AND relkind IN ('r', 'p') AND relpersistence = 'p'
           AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = pg_class.oid AND indisprimary)",
    );
    assert_eq!(without, Vec::<String>::new());
}

#[test]
fn with_a_publication_of_all_tables_every_verb_does_what_it_does_and_a_subscriber_answers_the_same() {
    let cluster = Cluster::configure().set("wal_level", "logical").start();
    let database = cluster.database("publications");
    let mut session = database.connect();
    create(&mut session);
    session.run("CREATE PUBLICATION everything FOR ALL TABLES");
    for verb in VERBS {
        session.run(verb);
        session
            .wait_until("SELECT NOT EXISTS (SELECT FROM segrec.jobs WHERE state IN ('waiting', 'running'))");
    }
    // The subscriber is another cluster, in which the extension and the tables that models read already exist.
    let other = Cluster::start();
    let subscriber = other.database("publications_there");
    let mut there = subscriber.connect();
    there.run(
        "CREATE TABLE events (user_id bigint, item_id bigint, at timestamptz); CREATE INDEX ON events (user_id);
         CREATE TABLE people (id bigint PRIMARY KEY, age bigint)",
    );
    let connection = format!("host={} user=postgres dbname={}", cluster.socket().display(), database.name());
    there.run(&format!("CREATE SUBSCRIPTION everything CONNECTION '{connection}' PUBLICATION everything"));
    let arrived = "SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel";
    there.wait_until(arrived);
    let questions = [
        "SELECT * FROM segrec_recommend_all('m', 5) ORDER BY 1, 2",
        "SELECT * FROM segrec_recommend(3, 20, 'm')",
        "SELECT * FROM segrec.segment_members ORDER BY user_id",
        "SELECT * FROM segrec.metrics ORDER BY version, metric, k, segment, history",
        "SELECT * FROM segrec.segment_drift ORDER BY to_version, measure, feature",
    ];
    assert_eq!(
        questions.map(|question| there.table(question)),
        questions.map(|question| session.table(question))
    );
    // Later changes are replicated too.
    session.run("SELECT segrec_train('m', 'always'); SELECT segrec_forget_user('m', 18)");
    let deployed = "SELECT deployed_version FROM segrec.models";
    let now = session.table(deployed);
    there.wait_until(&format!("SELECT deployed_version = {now} FROM segrec.models"));
    there.wait_until("SELECT NOT EXISTS (SELECT FROM segrec.segment_members WHERE user_id = '18')");
    assert_eq!(
        questions.map(|question| there.table(question)),
        questions.map(|question| session.table(question))
    );
    session.run("SELECT segrec_drop_model('m')");
    there.wait_until("SELECT NOT EXISTS (SELECT FROM segrec.models)");
    assert_eq!(there.table("SELECT count(*) FROM segrec_catalog.version_users"), "0");
    there.run("DROP SUBSCRIPTION everything");
    assert!(!cluster.log().contains("replica identity"), "{}", cluster.log());
    assert!(!other.log().contains("ERROR"), "{}", other.log());
}
