//! What lists may show: items that are available by their rows as they are now, not too many of a group, none that a call
//! excludes, and pages that continue each other.

use segrec_tests::{Cluster, Database, Session, SqlState, planted};

/// The planted events with a table of their items: five variants of each product, all of them available.
fn stocked(name: &str) -> (Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    planted::create(&mut session);
    session.run(
        "CREATE TABLE products AS SELECT item_id, true AS in_stock, 'product ' || item_id / 5 AS product, NULL::timestamptz AS gone_at
         FROM (SELECT DISTINCT item_id FROM events) AS item;
         ALTER TABLE products ADD PRIMARY KEY (item_id); ANALYZE;
         SELECT segrec_create_model('stock', 'events', items => 'products',
             options => '{\"als\": {\"factors\": 8}, \"segmentation\": {\"segments\": 4}, \"items\": {\"features\": [\"product\"], \"available\": \"in_stock\", \"group_column\": \"product\"}}');
         SELECT segrec_train('stock', 'always')",
    );
    (database, session)
}

/// What every function that lists items says of some items: whether any list has one of them.
fn listed(session: &mut Session, items: &str) -> String {
    let of = |list: &str| format!("EXISTS (SELECT FROM {list} AS own WHERE item_id::bigint IN ({items}))");
    session.table(&format!(
        "SELECT {}, {}, {}, {}, {}",
        of("generate_series(0::bigint, 599, 7) u, segrec_recommend(u, 20)"),
        of("segrec_recommend_for('{1,2,3}'::bigint[], 100)"),
        of("segrec_recommend_segment(1, 100)"),
        of("segrec_recommend_all(n => 20)"),
        of("segrec_similar_items(5::bigint, 100)"),
    ))
}

#[test]
fn what_may_not_be_shown_is_in_no_list_at_once_and_lists_stay_as_long() {
    let (database, mut session) = stocked("available");
    let mut other = database.connect();
    assert_eq!(listed(&mut other, "4, 8, 12, 16, 20, 24"), "t|t|t|t|t");
    session.run("UPDATE products SET in_stock = false WHERE item_id % 4 = 0");
    for session in [&mut session, &mut other] {
        assert_eq!(listed(session, "SELECT item_id FROM products WHERE NOT in_stock"), "f|f|f|f|f");
        assert_eq!(
            session.value::<i64>(
                "SELECT count(*) FROM generate_series(0::bigint, 599, 7) u, segrec_recommend(u, 10)"
            ),
            86 * 10
        );
        assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend_all(n => 10)"), 6000);
    }
    // As many as there are, however few.
    session.run("UPDATE products SET in_stock = item_id IN (3, 50, 117)");
    assert_eq!(session.table("SELECT item_id FROM segrec_recommend(-1, 10) ORDER BY 1"), "3\n50\n117");
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend_for('{3}'::bigint[], 10)"), 2);
    assert_eq!(session.value::<i64>("SELECT max(lists) FROM (SELECT count(*) AS lists FROM segrec_recommend_all(n => 10) GROUP BY user_id) each"), 3);
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend_segment(1, 10)"), 3);
    // Null does not say that an item may be shown, and neither does a row that is gone.
    session.run(
        "UPDATE products SET in_stock = NULL WHERE item_id = 3; DELETE FROM products WHERE item_id = 50",
    );
    assert_eq!(session.table("SELECT item_id FROM segrec_recommend(-1, 10)"), "117");
    // Within a transaction it is what the transaction sees.
    session.run("BEGIN; UPDATE products SET in_stock = true WHERE item_id = 3");
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(-1, 10)"), 2);
    assert_eq!(other.value::<i64>("SELECT count(*) FROM segrec_recommend(-1, 10)"), 1);
    session.run("ROLLBACK");
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(-1, 10)"), 1);
    // Scores and reasons are those of the item, in stock or not.
    assert_eq!(session.table("SELECT segrec_predict(1::bigint, 8::bigint) IS NOT NULL, count(*) > 0 FROM segrec_explain(1::bigint, 8::bigint)"), "t|t");
}

#[test]
fn an_item_may_be_shown_until_the_moment_from_which_it_may_not() {
    let (_database, mut session) = stocked("available_until");
    session.run(
        r#"UPDATE products SET gone_at = now() - interval '1 hour' WHERE item_id % 2 = 0;
           UPDATE products SET gone_at = now() + interval '1 hour' WHERE item_id % 2 = 1 AND item_id > 60;
           UPDATE products SET in_stock = false;
           SELECT segrec_alter_model('stock', '{"items": {"available": "gone_at"}}')"#,
    );
    // The option takes effect without a training.
    assert_eq!(session.table("SELECT DISTINCT item_id % 2 FROM segrec_recommend(-1, 100)"), "1");
    assert_eq!(session.table("SELECT count(*) > 10 FROM segrec_recommend(-1, 100) WHERE item_id > 60"), "t");
    session.run("ALTER TABLE products ALTER gone_at TYPE date USING gone_at::date - 2");
    assert_eq!(
        session.table("SELECT DISTINCT item_id > 60 OR item_id % 2 = 0 FROM segrec_recommend(-1, 100)"),
        "f"
    );
    session.run(r#"SELECT segrec_alter_model('stock', '{"items": {"available": null}}')"#);
    assert_eq!(session.value::<i64>("SELECT count(DISTINCT item_id % 2) FROM segrec_recommend(-1, 100)"), 2);
}

#[test]
fn what_cannot_be_verified_is_an_error_that_names_the_column() {
    let (database, mut session) = stocked("available_errors");
    let error =
        session.expect_error(r#"SELECT segrec_alter_model('stock', '{"items": {"available": "instock"}}')"#);
    assert_eq!(error.code(), &SqlState::UNDEFINED_COLUMN);
    assert!(
        error.message().contains("instock")
            || error.detail().is_some_and(|detail| detail.contains("instock")),
        "{error:?}"
    );
    let error =
        session.expect_error(r#"SELECT segrec_alter_model('stock', '{"items": {"available": "product"}}')"#);
    assert_eq!(error.code(), &SqlState::DATATYPE_MISMATCH);
    assert!(error.detail().unwrap().contains("\"product\" is text"), "{error:?}");
    let error = session.expect_error("SELECT segrec_create_model('other', 'events', options => '{\"items\": {\"available\": \"in_stock\"}}')");
    assert_eq!(error.code(), &SqlState::INVALID_PARAMETER_VALUE);
    // Who may use the model but not read the items gets no list rather than a wrong one; a function of the owner has the
    // owner's rights.
    session.run(
        "CREATE ROLE available_guest; GRANT USAGE ON SCHEMA public TO available_guest; SELECT segrec_grant('stock', 'available_guest', 'use');
         CREATE SCHEMA served; GRANT USAGE ON SCHEMA served TO available_guest; SELECT segrec_create_functions('stock', 'served');
         GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA served TO available_guest; GRANT SELECT ON events TO available_guest",
    );
    let mut guest = database.connect();
    guest.run("SET ROLE available_guest");
    for list in [
        "segrec_recommend(1::bigint, 5)",
        "segrec_recommend_for('{1}'::bigint[], 5)",
        "segrec_recommend_segment(1, 5)",
        "segrec_recommend_all(n => 5)",
        "segrec_similar_items(1::bigint, 5)",
    ] {
        let error = guest.expect_error(&format!("SELECT * FROM {list}"));
        assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE, "{list}: {error:?}");
        assert!(error.message().contains("products"), "{error:?}");
    }
    assert_eq!(guest.value::<i64>("SELECT count(*) FROM served.recommend(1::bigint, 5)"), 5);
    session.run("GRANT SELECT (item_id, in_stock) ON products TO available_guest");
    assert_eq!(guest.value::<i64>("SELECT count(*) FROM segrec_recommend(1::bigint, 5)"), 5);
    // What policies hide may not be shown to whom they hide it from.
    session.run(
        "ALTER TABLE products ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON products TO available_guest USING (item_id < 10)",
    );
    assert_eq!(guest.value::<i64>("SELECT max(item_id) FROM segrec_recommend(-1, 100)"), 9);
    session.run("ALTER TABLE products DISABLE ROW LEVEL SECURITY");
    // A column that changes under a session.
    session.run("ALTER TABLE products RENAME in_stock TO available");
    assert_eq!(
        guest.expect_error("SELECT * FROM segrec_recommend(1::bigint, 5)").code(),
        &SqlState::UNDEFINED_COLUMN
    );
    session.run("ALTER TABLE products RENAME available TO in_stock; ALTER TABLE products ALTER in_stock TYPE int USING in_stock::int");
    assert_eq!(
        guest.expect_error("SELECT * FROM segrec_recommend(1::bigint, 5)").code(),
        &SqlState::DATATYPE_MISMATCH
    );
    session.run("ALTER TABLE products ALTER in_stock TYPE boolean USING in_stock::boolean");
    assert_eq!(guest.value::<i64>("SELECT count(*) FROM segrec_recommend(1::bigint, 5)"), 5);
    session.run("DROP TABLE products CASCADE");
    assert_eq!(
        guest.expect_error("SELECT * FROM segrec_recommend(1::bigint, 5)").code(),
        &SqlState::UNDEFINED_TABLE
    );
    session.run("DROP OWNED BY available_guest; DROP ROLE available_guest");
}

#[test]
fn a_call_excludes_items_and_users() {
    let (_database, mut session) = stocked("excluded");
    let first = |session: &mut Session, list: &str| {
        session.value::<String>(&format!("SELECT item_id::text FROM {list} LIMIT 1"))
    };
    for (list, with) in [
        ("segrec_recommend(3, 5", "segrec_recommend(3, 100"),
        ("segrec_recommend_for('{98,99}'::bigint[], 5", "segrec_recommend_for('{98,99}'::bigint[], 200"),
        ("segrec_recommend_segment(1, 5", "segrec_recommend_segment(1, 200"),
        ("segrec_recommend_all(n => 5", "segrec_recommend_all(n => 20"),
        ("segrec_similar_items(4::bigint, 5", "segrec_similar_items(4::bigint, 100"),
    ] {
        let best = first(&mut session, &format!("{list})"));
        let ids = format!("'{{{best},null,999999}}'");
        let count = |session: &mut Session, list: &str| {
            session.value::<i64>(&format!("SELECT count(*) FROM {list}) WHERE item_id::text = '{best}'"))
        };
        let excluding = format!("{with}, exclude => {ids}");
        assert!(count(&mut session, with) > 0, "{with}");
        assert_eq!(count(&mut session, &excluding), 0, "{excluding}");
        assert!(
            session.value::<i64>(&format!("SELECT count(*) FROM {list}, exclude => {ids})")) >= 5,
            "{list}"
        );
        assert_eq!(
            session.table(&format!("SELECT * FROM {list}, exclude => NULL)")),
            session.table(&format!("SELECT * FROM {list})")),
            "{list}"
        );
    }
    // All of a list, and candidates besides.
    assert_eq!(
        session.value::<i64>(
            "SELECT count(*) FROM segrec_recommend(3, 5) AS first JOIN segrec_recommend(3, 5, exclude => ARRAY(SELECT item_id FROM segrec_recommend(3, 5))) AS second USING (item_id)"
        ),
        0
    );
    assert_eq!(session.table("SELECT item_id FROM segrec_recommend(-1, 5, candidates => '{7,8,9}', exclude => '{8}', exclude_seen => false) ORDER BY 1"), "7\n9");
    assert_eq!(session.table("SELECT DISTINCT item_id FROM segrec_recommend_all(n => 5, candidates => '{7,8}', exclude => '{8}')"), "7");
    assert_eq!(
        session.table("SELECT item_id FROM segrec_similar_items(4::bigint, 5, candidates => '{8}')"),
        "8"
    );
    // Users of an audience.
    let best: Vec<String> = session.column("SELECT user_id FROM segrec_audience(4::bigint, 3)");
    assert_eq!(
        session.value::<i64>(&format!(
            "SELECT count(*) FROM segrec_audience(4::bigint, 100, exclude => '{{{}}}') WHERE user_id = '{}'",
            best[0], best[0]
        )),
        0
    );
    assert_eq!(
        session.table(&format!("SELECT user_id FROM segrec_audience(4::bigint, 100, candidates => '{{{},{},nobody}}', exclude => '{{{}}}')", best[0], best[1], best[0])),
        best[1]
    );
    assert_eq!(
        session.value::<i64>("SELECT count(*) FROM segrec_audience(4::bigint, 100, candidates => NULL)"),
        0
    );
}

#[test]
fn variants_do_not_fill_a_list() {
    let (_database, mut session) = stocked("groups");
    let most = |session: &mut Session, list: &str| {
        session.table(&format!("SELECT max(own), sum(own) FROM (SELECT count(*) AS own FROM {list} JOIN products ON products.item_id = list.item_id::bigint GROUP BY product) AS groups"))
    };
    for list in [
        "segrec_recommend(3, 15, max_per_group => 1) AS list",
        "segrec_recommend(-1, 15, max_per_group => 1) AS list",
        "segrec_recommend(3, 15, diversity => 0.5, max_per_group => 1) AS list",
        "segrec_recommend_for('{1,2}'::bigint[], 15, max_per_group => 1) AS list",
        "segrec_recommend_segment(1, 15, max_per_group => 1) AS list",
        "segrec_similar_items(4::bigint, 15, max_per_group => 1) AS list",
        "(SELECT * FROM segrec_recommend_all(n => 15, max_per_group => 1) WHERE user_id = '3') AS list",
    ] {
        assert_eq!(most(&mut session, list), "1|15", "{list}");
    }
    // There are 24 groups, so two of each are no more than 48.
    assert_eq!(most(&mut session, "segrec_recommend(-1, 100, max_per_group => 2) AS list"), "2|48");
    assert!(session.table("SELECT max(own) FROM (SELECT count(*) AS own FROM segrec_recommend(3, 15) JOIN products USING (item_id) GROUP BY product) groups") .parse::<i64>().unwrap() > 1);
    // An item without a group is in none.
    session.run("UPDATE products SET product = NULL WHERE item_id < 20");
    assert_eq!(
        session.value::<i64>(
            "SELECT count(*) FROM segrec_recommend(-1, 100, max_per_group => 1) WHERE item_id < 20"
        ),
        20
    );
    // Groups alone do not hide what has no row.
    session.run(r#"DELETE FROM products WHERE item_id < 10; SELECT segrec_alter_model('stock', '{"items": {"available": null}}')"#);
    assert_eq!(
        session.value::<i64>(
            "SELECT count(*) FROM segrec_recommend(-1, 200, max_per_group => 1) WHERE item_id < 10"
        ),
        10
    );
    assert_eq!(session.table("SELECT DISTINCT item_id FROM segrec_recommend_all(n => 5, candidates => '{7}', max_per_group => 1)"), "7");
    let error = session.expect_error("SELECT segrec_recommend(3, 15, max_per_group => 0)");
    assert_eq!(error.hint(), Some("\"max_per_group\" must be an integer from 1 to 2147483647."));
    session.run(r#"SELECT segrec_alter_model('stock', '{"items": {"group_column": null}}')"#);
    let error = session.expect_error("SELECT segrec_recommend(3, 15, max_per_group => 1)");
    assert_eq!(error.message(), "model \"stock\" has no groups of items, which \"max_per_group\" counts");
}

#[test]
fn pages_continue_each_other() {
    let (_database, mut session) = stocked("pages");
    session.run("UPDATE products SET in_stock = false WHERE item_id % 7 = 0");
    for list in [
        "segrec_recommend(3, 10",
        "segrec_recommend(3, 10, diversity => 0.4",
        "segrec_recommend(3, 10, diversity => 0.4, max_per_group => 3",
        "segrec_recommend(-1, 10",
        "segrec_recommend_for('{1,2}'::bigint[], 10",
        "segrec_recommend_segment(1, 10",
        "segrec_similar_items(4::bigint, 10",
    ] {
        let pages: Vec<String> = (0..3)
            .map(|page| session.table(&format!("SELECT rank, item_id FROM {list}, skip => {})", 10 * page)))
            .collect();
        let all = pages.join("\n");
        assert_eq!(pages[0], session.table(&format!("SELECT rank, item_id FROM {list})")), "{list}");
        let mut items: Vec<&str> = all.lines().filter_map(|line| line.split('|').nth(1)).collect();
        let ranks: Vec<i64> = all.lines().filter_map(|line| line.split('|').next()?.parse().ok()).collect();
        assert_eq!(ranks, (1..=30).collect::<Vec<_>>(), "{list}");
        items.sort_unstable();
        items.dedup();
        assert_eq!(items.len(), 30, "{list}");
        // Without diversity, pages are parts of the longer list.
        if !list.contains("diversity") {
            let long = list.replace(" 10", " 30");
            assert_eq!(all, session.table(&format!("SELECT rank, item_id FROM {long})")), "{list}");
        }
        assert_eq!(session.table(&format!("SELECT count(*) FROM {list}, skip => 1000)")), "0", "{list}");
    }
    let error = session.expect_error("SELECT segrec_recommend(3, 15, skip => -1)");
    assert_eq!(error.code(), &SqlState::INVALID_PARAMETER_VALUE);
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(3, 0, skip => 10)"), 0);
    assert_eq!(
        session.value::<i64>("SELECT count(*) FROM segrec_recommend(3, 2147483647, skip => 2147483647)"),
        0
    );
}
