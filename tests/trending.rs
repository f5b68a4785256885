//! Lists that are the same for everybody: what rises, and what is new.

use segrec_tests::{Cluster, Database, Session, SqlState, planted};

/// The planted events over fifty days, a hundred of the last minute on item 7, and a table of the items, the lower numbers of
/// which are newer.
fn shop(name: &str) -> (Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    planted::create(&mut session);
    session.run(
        r#"ALTER TABLE events ADD at timestamptz;
           UPDATE events SET at = now() - (1 + abs(hashint8(user_id * 1000 + item_id)) % 50) * interval '1 day';
           CREATE INDEX ON events (at);
           INSERT INTO events SELECT u, 7, now() - interval '1 minute' FROM generate_series(0, 99) u;
           CREATE TABLE products AS SELECT item_id, true AS in_stock, 'product ' || item_id / 5 AS product,
                  now() - (1 + item_id) * interval '1 hour' AS added FROM (SELECT DISTINCT item_id FROM events) AS item;
           ALTER TABLE products ADD PRIMARY KEY (item_id); CREATE INDEX ON products (added); ANALYZE;
           SELECT segrec_create_model('shop', 'events', time_column => 'at', items => 'products',
               options => '{"als": {"factors": 8}, "segmentation": {"segments": 4}, "items": {"features": ["product"], "available": "in_stock", "group_column": "product", "added_column": "added"}}');
           SELECT segrec_train('shop', 'always')"#,
    );
    session.notices();
    (database, session)
}

#[test]
fn what_many_choose_now_and_few_did_before_comes_first_and_new_events_count_at_once() {
    let (_database, mut session) = shop("trending_live");
    let first = "SELECT rank, item_id, score > 3, recent > 100, expected < 20 FROM segrec_trending(1)";
    assert_eq!(session.table(first), "1|7|t|t|t");
    assert_eq!(
        session.table(
            "SELECT count(*) > 5, bool_and(score > 1), bool_and(recent > expected) FROM segrec_trending(200)"
        ),
        "t|t|t"
    );
    session.run("INSERT INTO events SELECT u, 9, now() FROM generate_series(0, 299) u");
    assert_eq!(session.table("SELECT item_id FROM segrec_trending(2) ORDER BY rank"), "9\n7");
    // By what happens now and before, so a longer half-life knows of fewer changes.
    assert_eq!(
        session.table("SELECT a.score > b.score FROM segrec_trending(1, half_life => '1 day') a, segrec_trending(1, half_life => '90 days') b"),
        "t"
    );
    // Without an index all events are looked at, and say the same.
    session.run("BEGIN");
    let before = session.table("SELECT string_agg(item_id, ',' ORDER BY rank) FROM segrec_trending(20)");
    session.run("DROP INDEX events_at_idx");
    assert_eq!(
        session.table("SELECT string_agg(item_id, ',' ORDER BY rank) FROM segrec_trending(20)"),
        before
    );
    session.run("COMMIT");
    // A data set that has ended does not fade; what lies in the future has not happened.
    session.run("UPDATE events SET at = at - interval '3 years'; INSERT INTO events SELECT u, 11, now() + interval '1 day' FROM generate_series(0, 299) u;
         SELECT segrec_train('shop', 'always')");
    assert_eq!(session.table("SELECT item_id FROM segrec_trending(2) ORDER BY rank"), "9\n7");
    assert_eq!(
        session.table("SELECT string_agg(item_id, ',' ORDER BY rank) FROM segrec_trending(20)"),
        before
    );
}

#[test]
fn what_rises_in_a_segment_is_by_the_events_of_its_users() {
    let (_database, mut session) = shop("trending_segment");
    session.run("INSERT INTO events SELECT user_id::bigint, 11, now() FROM segrec.segment_members WHERE segment = 1 LIMIT 80");
    let score = |segment: &str| {
        format!(
            "SELECT COALESCE(max(score), 0)::float8 FROM segrec_trending(200, segment => {segment}) WHERE item_id = '11'"
        )
    };
    let own = session.value::<f64>(&score("1"));
    assert!(own > 3.0, "{own}");
    for other in ["2", "3", "4"] {
        let score = session.value::<f64>(&score(other));
        assert!(score < 2.0, "{other}: {score}");
    }
    assert!(session.value::<f64>(&score("NULL")) > 2.0);
    let error = session.expect_error("SELECT * FROM segrec_trending(segment => 99)");
    assert_eq!(error.code(), &SqlState::UNDEFINED_OBJECT, "{error:?}");
}

#[test]
fn everybody_sees_what_rises_by_the_events_that_they_may_read() {
    let (_database, mut session) = shop("trending_rights");
    session.run(
        "CREATE ROLE trending_reader; CREATE ROLE trending_stranger;
         GRANT USAGE ON SCHEMA public TO trending_reader, trending_stranger;
         SELECT segrec_grant('shop', 'trending_reader', 'use'); SELECT segrec_grant('shop', 'trending_stranger', 'use');
         GRANT SELECT ON events, products TO trending_reader; GRANT SELECT ON products TO trending_stranger;
         ALTER TABLE events ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON events TO trending_reader USING (item_id <> 7)",
    );
    assert_eq!(session.table("SELECT item_id FROM segrec_trending(1)"), "7");
    session.run("SET ROLE trending_reader");
    assert_eq!(
        session.table("SELECT count(*) > 5, count(*) FILTER (WHERE item_id = '7') FROM segrec_trending(200)"),
        "t|0"
    );
    session.run("SET ROLE trending_stranger");
    let error = session.expect_error("SELECT * FROM segrec_trending(5)");
    assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE);
    assert_eq!(session.table("SELECT item_id FROM segrec_latest(1)"), "0");
}

#[test]
fn the_newest_items_come_first_also_those_that_no_training_knows() {
    let (_database, mut session) = shop("latest_live");
    let list = "SELECT rank, item_id FROM segrec_latest(3) ORDER BY rank";
    assert_eq!(session.table(list), "1|0\n2|1\n3|2");
    session.run(
        "INSERT INTO products VALUES (500, true, 'new', now()), (501, true, 'new', now() - interval '1 second'),
             (502, true, 'new', now() + interval '1 day'), (503, false, 'new', now()), (504, true, 'new', NULL)",
    );
    assert_eq!(session.table(list), "1|500\n2|501\n3|0");
    assert_eq!(
        session.table("SELECT newest.item_id, added_at = added FROM segrec_latest(1) newest JOIN products ON products.item_id::text = newest.item_id"),
        "500|t"
    );
    // Numbers grow as well, but are no moments.
    session.run(
        r#"ALTER TABLE products ADD number serial; SELECT segrec_alter_model('shop', '{"items": {"added_column": "number"}}');
           INSERT INTO products (item_id, in_stock) VALUES (7777, true)"#,
    );
    assert_eq!(session.table("SELECT item_id, added_at FROM segrec_latest(1)"), "7777|∅");
}

#[test]
fn both_lists_have_what_may_be_shown_few_of_a_group_and_pages() {
    let (_database, mut session) = shop("trending_shown");
    for list in ["segrec_trending", "segrec_latest"] {
        let all = session.table(&format!("SELECT item_id FROM {list}(200) ORDER BY rank"));
        let all: Vec<&str> = all.lines().collect();
        let pages = session.table(&format!("SELECT item_id FROM {list}(4, skip => 3) WHERE rank = 3 + 2"));
        assert_eq!(pages, all[4], "{list}");
        session.run(&format!(
            "BEGIN; UPDATE products SET in_stock = false WHERE item_id = {}; SELECT segrec_add_rule('shop', 'block', items => '{{{}}}')",
            all[0], all[1]
        ));
        assert_eq!(
            session
                .table(&format!("SELECT item_id FROM {list}(2, exclude => '{{{}}}') ORDER BY rank", all[2])),
            format!("{}\n{}", all[3], all[4]),
            "{list}"
        );
        session.run("ROLLBACK");
        assert_eq!(
            session.table(&format!(
                "SELECT max(count) FROM (SELECT count(*) FROM {list}(200, max_per_group => 1) list JOIN products ON products.item_id::text = list.item_id GROUP BY product) AS of"
            )),
            "1",
            "{list}"
        );
        assert_eq!(session.table(&format!("SELECT count(*) FROM {list}(0)")), "0");
        for (arguments, message) in [
            ("-1", "\"n\" is -1"),
            ("1, skip => -1", "\"skip\" is -1"),
            ("1, max_per_group => 0", "\"max_per_group\" is 0"),
        ] {
            assert_eq!(
                session.expect_error(&format!("SELECT * FROM {list}({arguments})")).message(),
                message
            );
        }
    }
}

#[test]
fn functions_of_a_model_list_ids_of_its_own_type() {
    let (_database, mut session) = shop("trending_functions");
    session.run("CREATE SCHEMA own; SELECT segrec_create_functions('shop', 'own')");
    for list in ["trending", "latest"] {
        assert_eq!(
            session.table(&format!(
                "SELECT count(*), bool_and(a.item_id::text = b.item_id), min(pg_typeof(a.item_id)::text) FROM own.{list}(5) a JOIN segrec_{list}(5) b USING (rank)"
            )),
            "5|t|bigint",
            "{list}"
        );
    }
}

#[test]
fn what_a_model_does_not_know_is_an_error_that_says_what_to_do() {
    let (_database, mut session) = shop("trending_errors");
    session.run("SELECT segrec_create_model('plain', 'events', options => '{\"als\": {\"factors\": 4}}'); SELECT segrec_train('plain')");
    let error = session.expect_error("SELECT * FROM segrec_trending(5, 'plain')");
    assert_eq!(error.code(), &SqlState::INVALID_PARAMETER_VALUE);
    assert_eq!(error.message(), "model \"plain\" does not know when events happened");
    assert!(error.hint().unwrap().contains("segrec_rebind"));
    let error = session.expect_error("SELECT * FROM segrec_latest(5, 'plain')");
    assert_eq!(error.code(), &SqlState::INVALID_PARAMETER_VALUE);
    assert_eq!(error.message(), "model \"plain\" does not know when items were added");
    assert!(error.hint().unwrap().contains("added_column"));
    for (half_life, message) in [
        ("'-1 day'", "\"half_life\" is -86400 seconds"),
        ("'0'", "\"half_life\" is 0 seconds"),
        ("NULL", "\"half_life\" must not be null"),
    ] {
        let error = session
            .expect_error(&format!("SELECT * FROM segrec_trending(5, 'shop', half_life => {half_life})"));
        assert_eq!(error.message(), message);
    }
}
