//! Events with weights, types and times: the confidence of each pair that results.

use segrec_tests::{Cluster, Session, planted};

fn session(name: &str) -> (segrec_tests::Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    planted::create(&mut session);
    (database, session)
}

/// Returns the confidence of a version for a user and an item, divided by that of another item.
fn ratio(session: &mut Session, user: i64, item: i64, other: i64) -> f64 {
    session.value(&format!(
        "WITH held AS (
             SELECT i.item_id::bigint AS item, c.confidence
             FROM segrec_catalog.version_users u
             CROSS JOIN unnest(u.items, u.confidences) AS c (item, confidence)
             JOIN segrec_catalog.version_items i ON i.version_id = u.version_id AND i.item = c.item
             WHERE u.user_id = '{user}' AND u.version_id = (SELECT max(version_id) FROM segrec_catalog.versions))
         SELECT (SELECT confidence FROM held WHERE item = {item})::float8
                / (SELECT confidence FROM held WHERE item = {other})"
    ))
}

fn train(session: &mut Session, arguments: &str, options: &str) {
    session.run(&format!(
        "SELECT segrec_create_model('m', 'events', {arguments}, options => '{options}'); SELECT segrec_train('m')"
    ));
}

#[test]
fn weights_add_up_or_as_the_option_says() {
    for (duplicates, expected) in [("sum", 8.0), ("max", 6.0), ("count", 2.0), ("last", 2.0)] {
        let (_database, mut session) = session(&format!("events_{duplicates}"));
        session.run(
            "ALTER TABLE events ADD weight numeric DEFAULT 1, ADD at date DEFAULT '2026-01-01';
             INSERT INTO events VALUES (9000, 1, 6, '2026-01-01'), (9000, 1, 2, '2026-01-02'), (9000, 2, 1, '2026-01-01')",
        );
        train(
            &mut session,
            "weight_column => 'weight', time_column => 'at'",
            &format!(r#"{{"als": {{"factors": 4}}, "events": {{"duplicates": "{duplicates}"}}}}"#),
        );
        assert!((ratio(&mut session, 9000, 1, 2) - expected).abs() < 1e-5, "{duplicates}");
    }
}

#[test]
fn types_weigh_and_types_without_a_weight_are_left_out_and_counted() {
    let (_database, mut session) = session("events_types");
    session.run(
        "CREATE TYPE kind AS ENUM ('view', 'buy', 'return');
         ALTER TABLE events ADD kind kind DEFAULT 'view';
         INSERT INTO events VALUES (9000, 1, 'buy'), (9000, 2, 'view'), (9000, 3, 'return'), (9000, 4, NULL)",
    );
    session.notices();
    train(
        &mut session,
        "type_column => 'kind'",
        r#"{"als": {"factors": 4}, "events": {"type_weights": {"view": 1, "buy": 5}}}"#,
    );
    let rows: i64 = session.value("SELECT count(*) FROM events");
    let expected = format!(
        "ignored 2 of {rows} rows of \"events\" that have a type that is not listed in events.type_weights"
    );
    assert!(session.notices().iter().any(|notice| notice.message() == expected));
    assert!((ratio(&mut session, 9000, 1, 2) - 5.0).abs() < 1e-5);
    let items: i32 =
        session.value("SELECT cardinality(items) FROM segrec_catalog.version_users WHERE user_id = '9000'");
    assert_eq!(items, 2);
}

#[test]
fn old_events_count_less_with_a_half_life() {
    let (_database, mut session) = session("events_half_life");
    session.run(
        "ALTER TABLE events ADD at timestamp DEFAULT '2026-03-01';
         INSERT INTO events VALUES (9000, 1, '2026-03-01'), (9000, 2, '2026-01-30')",
    );
    train(
        &mut session,
        "time_column => 'at'",
        r#"{"als": {"factors": 4}, "events": {"half_life": "30 days"}}"#,
    );
    assert!((ratio(&mut session, 9000, 1, 2) - 2.0).abs() < 1e-4);
    assert_eq!(session.table("SELECT options->'events'->>'half_life' FROM segrec.versions"), "30 days");
    // Serving uses the same weights: the stored factors agree with those computed from the current events.
    let before = session.table("SELECT item_id FROM segrec_recommend(9000, 5)");
    session.run("SET timezone = 'Pacific/Auckland'");
    assert_eq!(before, session.table("SELECT item_id FROM segrec_recommend(9000, 5)"));
}

#[test]
fn users_and_items_below_the_least_support_are_left_out() {
    let (_database, mut session) = session("events_support");
    session.run("INSERT INTO events VALUES (9000, 1), (9001, 500)");
    train(
        &mut session,
        "user_column => 'user_id'",
        r#"{"als": {"factors": 4}, "events": {"min_user_events": 2, "min_item_events": 2}}"#,
    );
    assert_eq!(
        session.value::<i64>(
            "SELECT count(*) FROM segrec.segment_members WHERE user_id >= '9000' AND length(user_id) = 4"
        ),
        0
    );
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec.item_factors WHERE item_id = '500'"), 0);
    // The event is excluded from the training, but not from answers.
    assert_eq!(session.table("SELECT DISTINCT source FROM segrec_recommend(9000, 3)"), "fold_in");
}

#[test]
fn a_view_a_partitioned_table_and_a_materialized_view_serve_as_events() {
    let (_database, mut session) = session("events_relations");
    session.run(
        "CREATE VIEW seen AS SELECT user_id::text AS who, item_id::varchar(20) AS what FROM events;
         CREATE MATERIALIZED VIEW kept AS SELECT * FROM seen;
         CREATE TABLE parts (user_id int, item_id smallint) PARTITION BY HASH (user_id);
         CREATE TABLE part_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
         CREATE TABLE part_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
         INSERT INTO parts SELECT * FROM events",
    );
    for (relation, columns) in
        [("seen", "'who', 'what'"), ("kept", "'who', 'what'"), ("parts", "'user_id', 'item_id'")]
    {
        session.run(&format!(
            "SELECT segrec_create_model('{relation}', '{relation}', {columns}, options => '{}');
             SELECT segrec_train('{relation}')",
            planted::OPTIONS
        ));
        let share: f64 = session.value(&format!(
            "SELECT avg((item_id::int % 4 = 3)::int)::float8 FROM segrec_recommend('7'::text, 5, '{relation}')"
        ));
        assert_eq!(share, 1.0, "{relation}");
    }
}

#[test]
fn events_in_a_temporary_table_are_told_of_and_other_sessions_answer_as_of_the_training() {
    let database = Cluster::shared().database("events_temporary");
    let mut session = database.connect();
    session.run(
        "CREATE TEMPORARY TABLE mine AS SELECT u::bigint AS user_id, i::bigint AS item_id
             FROM generate_series(1, 60) u, generate_series(1, 30) i WHERE i % 3 = u % 3;
         CREATE INDEX ON mine (user_id)",
    );
    session.run("SELECT segrec_create_model('temp', 'mine', options => '{\"als\": {\"factors\": 4}}')");
    let notices = session.notices();
    let told = notices.iter().find(|notice| notice.message() == "\"mine\" is a temporary table").unwrap();
    assert_eq!(
        told.hint(),
        Some(
            "Other sessions get results as of the training; to avoid this, create the model on a permanent table."
        )
    );
    session.run("SELECT segrec_train('temp')");
    let list = "SELECT string_agg(item_id::text, ' ' ORDER BY rank) FROM segrec_recommend(1, 5, 'temp')";
    let here: String = session.value(list);
    let mut other = database.connect();
    assert_eq!(other.value::<String>(list), here);
    assert_eq!(
        other
            .value::<i64>("SELECT count(*) FROM segrec_recommend(12345, 5, 'temp') WHERE source = 'popular'"),
        5
    );
    let error = other.expect_error("SELECT segrec_train('temp')");
    assert_eq!(error.message(), "cannot access temporary tables of other sessions");
    // Nor can a parallel worker read temporary tables.
    session.run(
        "CREATE TABLE people AS SELECT generate_series(1::bigint, 300) AS id; ALTER TABLE people SET (parallel_workers = 2); ANALYZE people;
         SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0",
    );
    let count = "SELECT count(*) FROM people, LATERAL segrec_recommend(people.id, 5, 'temp')";
    assert!(
        session.column::<String>(&format!("EXPLAIN {count}")).iter().any(|line| line.contains("Workers"))
    );
    assert_eq!(session.value::<i64>(count), 1500);
    // The table disappears when the session ends.
    drop(session);
    other.wait_until("SELECT NOT EXISTS (SELECT FROM pg_class WHERE relname = 'mine')");
    assert_eq!(other.value::<String>(list), here);
}
