//! `segrec_rebind`, and how models cope with loads that swap, recreate or rename their tables.

use segrec_tests::{Cluster, Database, Session, SqlState};

const LIST: &str = "SELECT string_agg(item_id::text, ' ' ORDER BY rank) FROM segrec_recommend(1, 5, 'shop')";

/// Creates a model of events, users and items, trained and labelled.
fn create(database: &Database<'_>) -> Session {
    let mut session = database.connect();
    session.run(
        r#"CREATE TABLE buys AS SELECT u::bigint AS user_id, i::bigint AS item_id, timestamptz '2025-01-01' + (u * 7 + i) % 50 * interval '1 day' AS at
               FROM generate_series(1, 60) u, generate_series(1, 30) i WHERE i % 3 = u % 3;
           CREATE INDEX ON buys (user_id);
           CREATE TABLE people AS SELECT u::bigint AS user_id, u % 2 * 30 + u % 5 AS age FROM generate_series(1, 60) u;
           CREATE TABLE goods AS SELECT i::bigint AS item_id, 'c' || i % 3 AS category FROM generate_series(1, 30) i;
           SELECT segrec_create_model('shop', 'buys', time_column => 'at', users => 'people', items => 'goods',
               options => '{"als": {"factors": 4}, "segmentation": {"segments": 2, "activity": ["categories"], "category_column": "category", "on": "attributes"}}');
           SELECT segrec_train('shop'); SELECT segrec_label_segment('shop', 1, 'first')"#,
    );
    session.notices();
    session
}

#[test]
fn a_model_is_pointed_at_another_relation_and_keeps_versions_labels_history_and_grants() {
    let database = Cluster::shared().database("rebind_kept");
    let mut session = create(&database);
    session.run("DROP ROLE IF EXISTS rebind_reader; CREATE ROLE rebind_reader; SELECT segrec_grant('shop', 'rebind_reader', 'use')");
    let kept = "SELECT (SELECT string_agg(version || ' ' || deployed, ', ') FROM segrec.versions),
                       (SELECT string_agg(coalesce(label, '-'), ', ' ORDER BY segment) FROM segrec.segments),
                       (SELECT count(*) FROM segrec.segment_history), (SELECT count(*) FROM segrec.grants)";
    let (before, list) = (session.table(kept), session.value::<String>(LIST));
    session.run(
        "CREATE TABLE orders AS SELECT user_id AS customer, item_id AS product, at AS ordered_at FROM buys;
         CREATE INDEX ON orders (customer);
         SELECT segrec_rebind('shop', events => 'orders', user_column => 'customer', item_column => 'product', time_column => 'ordered_at')",
    );
    assert_eq!(session.table(kept), before);
    assert_eq!(session.value::<String>(LIST), list);
    // This session reads the new relation at once.
    session.run("INSERT INTO orders SELECT 1, item_id, now() FROM segrec_recommend(1, 5, 'shop')");
    assert_ne!(session.value::<String>(LIST), list);
    session.run("DROP TABLE buys");
    assert!(session.value::<bool>("SELECT version = 2 FROM segrec_train('shop')"));
    assert_eq!(
        session.table("SELECT events, user_column, item_column, time_column FROM segrec.models"),
        "orders|customer|product|ordered_at"
    );
    session.run("SELECT segrec_drop_model('shop'); DROP OWNED BY rebind_reader; DROP ROLE rebind_reader");
}

#[test]
fn users_and_items_are_pointed_at_others_alone() {
    let database = Cluster::shared().database("rebind_others");
    let mut session = create(&database);
    session.run(
        "ALTER TABLE people RENAME user_id TO id;
         CREATE TABLE things AS SELECT item_id AS thing, category FROM goods;
         SELECT segrec_rebind('shop', users_key => 'id'), segrec_rebind('shop', items => 'things', items_key => 'thing');
         DROP TABLE goods",
    );
    assert_eq!(
        session.table("SELECT users, users_key, items, items_key FROM segrec_catalog.models"),
        "people|id|things|thing"
    );
    assert_eq!(session.value::<i64>("SELECT users FROM segrec_train('shop')"), 60);
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_changes() {
    let database = Cluster::shared().database("rebind_refused");
    let mut session = create(&database);
    session.run(
        "CREATE TABLE texts AS SELECT user_id::text, item_id, at FROM buys;
         CREATE TABLE bare AS SELECT user_id, item_id FROM buys;
         CREATE TABLE named AS SELECT user_id::text AS user_id FROM people;
         SELECT segrec_create_model('lists', 'bare');
         DROP ROLE IF EXISTS rebind_stranger; CREATE ROLE rebind_stranger LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO rebind_stranger",
    );
    let before = session
        .table("SELECT events, users, items, users_key FROM segrec_catalog.models WHERE name = 'shop'");
    for (call, code) in [
        ("segrec_rebind('shop', events => 'texts')", SqlState::DATATYPE_MISMATCH),
        ("segrec_rebind('shop', events => 'bare')", SqlState::UNDEFINED_COLUMN),
        ("segrec_rebind('shop', time_column => 'item_id')", SqlState::DATATYPE_MISMATCH),
        ("segrec_rebind('shop', users => 'named')", SqlState::DATATYPE_MISMATCH),
        ("segrec_rebind('shop', items_key => 'nosuch')", SqlState::UNDEFINED_COLUMN),
        ("segrec_rebind('lists', users => 'people')", SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE),
        ("segrec_rebind('nosuch', events => 'bare')", SqlState::UNDEFINED_OBJECT),
        ("segrec_rebind(NULL, events => 'bare')", SqlState::NULL_VALUE_NOT_ALLOWED),
    ] {
        let error = session.expect_error(&format!("SELECT {call}"));
        assert_eq!(error.code(), &code, "{call}: {error:?}");
    }
    assert_eq!(
        session
            .table("SELECT events, users, items, users_key FROM segrec_catalog.models WHERE name = 'shop'"),
        before
    );
    // Only the owner may call it, and the relation is read with the owner's rights.
    let mut stranger = database.connect_as("rebind_stranger");
    let error = stranger.expect_error("SELECT segrec_rebind('shop', events => 'bare')");
    assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE, "{error:?}");
    drop(stranger);
    session.run("DROP OWNED BY rebind_stranger; DROP ROLE rebind_stranger");
}

#[test]
fn a_swapped_table_is_told_of_in_a_training_and_the_notice_is_the_way_out() {
    let database = Cluster::shared().database("rebind_swapped");
    let mut session = create(&database);
    session.run(
        "CREATE TABLE buys_new AS TABLE buys; INSERT INTO buys_new VALUES (777, 3, now()), (777, 6, now()); CREATE INDEX ON buys_new (user_id);
         BEGIN; ALTER TABLE buys RENAME TO buys_old; ALTER TABLE buys_new RENAME TO buys; COMMIT",
    );
    session.notices();
    assert_eq!(session.value::<i64>("SELECT users FROM segrec_train('shop')"), 60);
    let notices = session.notices();
    let told = notices
        .iter()
        .find(|notice| notice.message() == "model \"shop\" reads its events from public.buys_old")
        .unwrap();
    assert_eq!(
        told.detail(),
        Some(
            "It was named public.buys when it was bound to the model, and another relation now has that name."
        )
    );
    let hint = told.hint().unwrap().strip_prefix("To use that relation, call ").unwrap();
    let way_out = hint.strip_suffix('.').unwrap().to_owned();
    session.run("DROP TABLE buys_old");
    let error = session.expect_error("SELECT segrec_train('shop')");
    assert_eq!(error.code(), &SqlState::UNDEFINED_TABLE);
    assert_eq!(
        error.hint(),
        Some("To use that relation, call segrec_rebind('shop', events => 'public.buys').")
    );
    // Meanwhile lists are those of the training, and a single WARNING says so.
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(1, 5, 'shop')"), 5);
    let warnings = session.notices();
    assert_eq!(
        warnings
            .iter()
            .filter(|notice| notice.message().contains("serves results as of its training"))
            .count(),
        1
    );
    session.run(&format!("SELECT {way_out}"));
    assert_eq!(session.value::<i64>("SELECT users FROM segrec_train('shop')"), 61);
    assert!(session.notices().iter().all(|notice| !notice.message().contains("reads its events from")));
    assert!(
        session.value::<bool>("SELECT EXISTS (SELECT FROM segrec.segment_members WHERE user_id = '777')")
    );
}

#[test]
fn a_materialized_view_without_rows_and_a_view_made_anew_are_answered_as_of_the_training() {
    let database = Cluster::shared().database("rebind_views");
    let mut session = create(&database);
    session.run(
        r#"CREATE MATERIALIZED VIEW copied AS TABLE buys; CREATE INDEX ON copied (user_id); CREATE VIEW seen AS TABLE buys;
           SELECT segrec_create_model('copy', 'copied', options => '{"als": {"factors": 4}}'), segrec_create_model('view', 'seen', options => '{"als": {"factors": 4}}');
           SELECT segrec_train('copy'), segrec_train('view');
           REFRESH MATERIALIZED VIEW copied WITH NO DATA; DROP VIEW seen; CREATE VIEW seen AS TABLE buys"#,
    );
    session.notices();
    let mut other = database.connect();
    for model in ["copy", "view"] {
        let count = format!("SELECT count(*) FROM segrec_recommend(1, 3, '{model}')");
        assert_eq!(session.value::<i64>(&count), 3, "{model}");
        assert_eq!(other.value::<i64>(&count), 3, "{model}");
    }
    // A dropped relation is not replaced by another of the same name.
    session.notices();
    session.expect_error("SELECT segrec_train('view')");
    assert!(session.notices().iter().all(|notice| !notice.message().contains("reads its events from")));
    session.run("SELECT segrec_rebind('view', events => 'seen'); SELECT segrec_train('view')");
}
