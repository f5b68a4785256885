//! `segrec_refresh_items`: items that come after a training, and items whose rows are gone.

use segrec_tests::{Cluster, Database, Session, SqlState};

/// 240 products in six kinds, told by their tags, and 400 users who take products of two kinds, their own number and the
/// next.
pub const SHOP: &str = "
    CREATE TABLE products AS
    SELECT id AS product_id, ARRAY[(ARRAY['tent', 'novel', 'oven', 'piano', 'tool', 'toy'])[id % 6 + 1]] AS tags
    FROM generate_series(1::bigint, 240) id;
    ALTER TABLE products ADD PRIMARY KEY (product_id);
    CREATE TABLE buys AS
    SELECT u AS user_id, p AS item_id FROM generate_series(1::bigint, 400) u, generate_series(1::bigint, 240) p
    WHERE (p % 6 = u % 6 AND hashint8(u * 1000 + p) % 3 = 0) OR (p % 6 = (u + 1) % 6 AND hashint8(u * 1000 + p) % 7 = 0)
       OR hashint8(u * 1000 + p) % 61 = 0;
    CREATE INDEX ON buys (user_id);";

/// A product of each kind; 1005 is a piano, which users 2 and 3 take.
pub const NEW: &str = "
    INSERT INTO products
    SELECT id, ARRAY[(ARRAY['tent', 'novel', 'oven', 'piano', 'tool', 'toy'])[id % 6 + 1]]
    FROM generate_series(1000, 1005) id";

fn create(options: &str) -> String {
    format!(
        "SELECT segrec_create_model('shop', 'buys', items => 'products', items_key => 'product_id',
             options => '{{\"segmentation\": {{\"method\": \"none\"}}, \"als\": {{\"factors\": 8, \"warm_start\": false}}, \"items\": {{\"new_items\": 1}}{options}}}')"
    )
}

fn shop(name: &str, options: &str) -> (Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    session.run(SHOP);
    session.run(&create(options));
    session.run("SELECT segrec_train('shop', 'always')");
    (database, session)
}

const REFRESH: &str = "SELECT * FROM segrec_refresh_items('shop')";

#[test]
fn items_that_come_after_a_training_are_described_as_if_they_had_been_there() {
    let scores = "SELECT u, i, segrec_predict(u, i) AS score FROM unnest(ARRAY[7, 27, 96]::bigint[]) u,
                  generate_series(1000::bigint, 1005) i";
    // The weight of what users have not taken depends on the number of items, which a training counts.
    let farthest = format!(
        "SELECT max(abs(r.score - t.score) / greatest(r.score, t.score, 0.01))::float8
         FROM refreshed r JOIN ({scores}) t USING (u, i)"
    );
    for algorithm in ["hybrid", "neighbours", "als"] {
        // The same shares in both trainings, whose decisions may differ.
        let options = format!(
            r#", "algorithm": "{algorithm}", "neighbours": {{"share": 0.35}}, "user_neighbours": {{"share": 0.2}}"#
        );
        let (_database, mut session) = shop(&format!("refresh_{algorithm}"), &options);
        assert_eq!(session.table("SELECT segrec_predict(7, 1003)"), "∅");
        session.run(NEW);
        let mut other = _database.connect();
        let before = other.table("SELECT item_id FROM segrec_recommend(7, 20) WHERE item_id < 1000");
        assert_eq!(session.table(REFRESH), "6|0|0");
        session.run(&format!("CREATE TABLE refreshed AS {scores}"));
        // Another session sees them, under the same version, and the others as before.
        let after = other.table("SELECT item_id FROM segrec_recommend(7, 40) WHERE item_id < 1000");
        assert!(after.starts_with(&before), "{algorithm}: {before} {after}");
        let listed = "SELECT count(*) FILTER (WHERE source = 'new_item') > 0 FROM segrec_recommend(7, 60)";
        assert!(other.value::<bool>(listed), "{algorithm}");
        assert_eq!(session.table("SELECT version, items FROM segrec.versions"), "1|246");
        assert_eq!(session.table(REFRESH), "0|0|0");
        session.run("SELECT segrec_train('shop', 'always')");
        let farthest: f64 = session.value(&farthest);
        assert!(farthest < 0.05, "{algorithm}: {farthest}");
    }
}

#[test]
fn every_function_knows_items_that_were_added() {
    let (_database, mut session) = shop("refresh_functions", r#", "algorithm": "hybrid""#);
    session.run(NEW);
    session.run(REFRESH);
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_audience(1005, 10)"), 10);
    let kinds = "SELECT bool_and(item_id % 6 = 3) FROM segrec_similar_items(1005, 5)";
    assert!(session.value::<bool>(kinds));
    let explained =
        "SELECT abs(sum(contribution) - segrec_predict(3, 1005)) < 1e-4 FROM segrec_explain(3, 1005)";
    assert!(session.value::<bool>(explained));
    for list in [
        "segrec_recommend_all(n => 60, model => 'shop')",
        "segrec_recommend_for(ARRAY[9, 15, 21]::bigint[], 60)",
        "segrec_recommend_segment(1, 240)",
    ] {
        let sql = format!("SELECT count(*) > 0 FROM {list} WHERE source = 'new_item'");
        assert!(session.value::<bool>(&sql), "{list}");
    }
    // Who takes one has it, and no longer gets it.
    let listed = "SELECT count(*) FROM segrec_recommend(3, 246) WHERE item_id = 1005";
    assert_eq!(session.value::<i64>(listed), 1);
    session.run("INSERT INTO buys VALUES (3, 1005)");
    assert_eq!(session.value::<i64>(listed), 0);
    // They move with the version.
    let list = "SELECT * FROM segrec_recommend(27, 60)";
    let before = session.table(list);
    session.run("CREATE TABLE dump AS SELECT * FROM segrec_export('shop'); SELECT segrec_drop_model('shop')");
    session.run(&create(r#", "algorithm": "hybrid""#));
    session.run("SELECT segrec_import('shop', 'dump'); SELECT segrec_deploy('shop', 1)");
    assert_eq!(session.table(list), before);
    session.run("INSERT INTO products VALUES (999, '{piano}')");
    assert_eq!(session.table(REFRESH), "1|0|0");
    assert!(session.value::<bool>("SELECT segrec_predict(3, 999) IS NOT NULL"));
}

#[test]
fn items_whose_rows_are_gone_are_in_no_list_until_they_are_back() {
    for algorithm in ["hybrid", "neighbours", "als", "popularity"] {
        let options = match algorithm {
            "popularity" => r#", "algorithm": "popularity""#.to_owned(),
            algorithm => format!(r#", "algorithm": "{algorithm}""#),
        };
        let (_database, mut session) = shop(&format!("withdrawn_{algorithm}"), &options);
        // A model that ranks by popularity reads no items at its training, so the first refresh learns of their rows.
        session.run(REFRESH);
        let lists = "SELECT string_agg(DISTINCT item_id % 6 || '', ',') FROM (
                SELECT item_id FROM segrec_recommend(7, 240) UNION ALL
                SELECT item_id FROM segrec_recommend(7, 240, exclude_seen => false) UNION ALL
                SELECT item_id FROM segrec_recommend_for(ARRAY[9, 15]::bigint[], 240) UNION ALL
                SELECT item_id FROM segrec_recommend(4000, 240) UNION ALL
                SELECT item_id FROM segrec_recommend(7, 240, candidates => ARRAY(SELECT generate_series(1::bigint, 240))) UNION ALL
                SELECT item_id::bigint FROM segrec_recommend_all(n => 240, model => 'shop') UNION ALL
                SELECT item_id FROM segrec_similar_items(9, 240) UNION ALL
                SELECT item_id::bigint FROM segrec_recommend_segment((SELECT min(segment) FROM segrec.segments), 240)) AS listed";
        let all = session.table(lists);
        let best = session.table("SELECT item_id FROM segrec_recommend(7, 240) WHERE item_id % 6 <> 1");
        session.run("CREATE TABLE gone AS SELECT * FROM products WHERE product_id % 6 = 1; DELETE FROM products WHERE product_id % 6 = 1");
        assert_eq!(session.table(REFRESH), "0|40|0", "{algorithm}");
        assert_eq!(session.table(lists), "0,2,3,4,5", "{algorithm}");
        // The others keep their order.
        assert_eq!(session.table("SELECT item_id FROM segrec_recommend(7, 240)"), best, "{algorithm}");
        session.run("INSERT INTO products SELECT * FROM gone");
        assert_eq!(session.table(REFRESH), "0|0|40", "{algorithm}");
        assert_eq!(session.table(lists), all, "{algorithm}");
    }
}

#[test]
fn a_refresh_that_would_empty_the_lists_says_so_and_changes_nothing() {
    let (_database, mut session) = shop("refresh_most", "");
    let list = "SELECT * FROM segrec_recommend(7, 40)";
    let before = session.table(list);
    session.run("DELETE FROM products WHERE product_id > 100");
    let error = session.expect_error(REFRESH);
    assert_eq!(error.code(), &SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE);
    assert_eq!(error.message(), "140 of 240 listed items of model \"shop\" would be withdrawn");
    assert_eq!(session.table(list), before);
    assert_eq!(session.table("SELECT * FROM segrec_refresh_items('shop', 0.6)"), "0|140|0");
    for (most, state) in
        [("1.5", SqlState::INVALID_PARAMETER_VALUE), ("NULL", SqlState::NULL_VALUE_NOT_ALLOWED)]
    {
        let error = session.expect_error(&format!("SELECT segrec_refresh_items('shop', {most})"));
        assert_eq!(error.code(), &state);
    }
}

#[test]
fn a_refresh_that_is_rolled_back_leaves_nothing_and_one_file_remains_of_those_that_are_not() {
    let (database, mut session) = shop("refresh_rollback", "");
    // Without an index new items are not met at once.
    session.run("ALTER TABLE products DROP CONSTRAINT products_pkey");
    let mut other = database.connect();
    let list = "SELECT * FROM segrec_recommend(7, 40)";
    let before = other.table(list);
    session.run(NEW);
    session.run("BEGIN");
    session.run(REFRESH);
    assert!(session.value::<bool>("SELECT segrec_predict(7, 1003) IS NOT NULL"));
    assert_eq!(other.table(list), before);
    session.run("ROLLBACK");
    assert_eq!(session.table(list), before);
    assert_eq!(session.table("SELECT segrec_predict(7, 1003)"), "∅");
    // The file that the session wrote before it rolled back is not that of another change.
    session.run("UPDATE products SET product_id = product_id + 500 WHERE product_id >= 1000");
    session.run(REFRESH);
    assert!(
        other.value::<bool>("SELECT segrec_predict(7, 1003) IS NULL AND segrec_predict(7, 1503) IS NOT NULL")
    );
    session.run("UPDATE products SET product_id = product_id - 500 WHERE product_id >= 1000");
    session.run(REFRESH);
    assert!(
        other.value::<bool>("SELECT segrec_predict(7, 1003) IS NOT NULL AND segrec_predict(7, 1503) IS NULL")
    );
    session.run("DELETE FROM products WHERE product_id = 1003");
    session.run(REFRESH);
    assert_eq!(session.table("SELECT segrec_predict(7, 1003)"), "∅");
    let files = "SELECT count(*) FROM pg_ls_dir('base/pgsql_tmp') AS file (name)
                 WHERE name LIKE format('pgsql\\_tmp\\_segrec.%s.%%', (SELECT oid FROM pg_database WHERE datname = current_database()))";
    assert_eq!(session.value::<i64>(files), 1);
}

#[test]
fn only_who_may_train_a_model_with_items_refreshes_them_and_reads_them_with_own_rights() {
    let (_database, mut session) = shop("refresh_rights", "");
    session.run("CREATE ROLE refresher_of_items; CREATE ROLE trainer_of_items; SELECT segrec_grant('shop', 'refresher_of_items', 'use'); SELECT segrec_grant('shop', 'trainer_of_items', 'train')");
    session.run("SET ROLE refresher_of_items");
    let error = session.expect_error(REFRESH);
    assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE, "{error:?}");
    session.run("SET ROLE trainer_of_items");
    let error = session.expect_error(REFRESH);
    assert_eq!(error.message(), "permission denied for table products");
    session.run("RESET ROLE; GRANT SELECT ON products TO trainer_of_items; SET ROLE trainer_of_items");
    assert_eq!(session.table(REFRESH), "0|0|0");
    session.run("RESET ROLE");
    session.run("SELECT segrec_create_model('plain', 'buys')");
    let error = session.expect_error("SELECT segrec_refresh_items('plain')");
    assert_eq!(error.message(), "model \"plain\" reads no items");
    let error = session.expect_error("SELECT segrec_refresh_items('unknown')");
    assert_eq!(error.code(), &SqlState::UNDEFINED_OBJECT);
    session.run("BEGIN READ ONLY");
    assert_eq!(session.expect_error(REFRESH).code(), &SqlState::READ_ONLY_SQL_TRANSACTION);
    session.run("ROLLBACK; DROP OWNED BY refresher_of_items, trainer_of_items; DROP ROLE refresher_of_items, trainer_of_items");
}

#[test]
fn an_import_by_others_than_superusers_does_without_the_part_that_cannot_be_validated() {
    let (_database, mut session) = shop("refresh_import", r#", "algorithm": "als""#);
    session
        .run("CREATE TABLE dump AS SELECT * FROM segrec_export('shop', 1); SELECT segrec_drop_model('shop')");
    session.run("CREATE ROLE importer_of_items; GRANT CREATE ON SCHEMA public TO importer_of_items; GRANT SELECT ON ALL TABLES IN SCHEMA public TO importer_of_items");
    session.run("SET ROLE importer_of_items");
    session.run(&create(r#", "algorithm": "als""#));
    session.notices();
    session.run("SELECT segrec_import('shop', 'dump'); SELECT segrec_deploy('shop', 1)");
    let notices: Vec<String> = session.notices().iter().map(|notice| notice.message().to_owned()).collect();
    let named = "the version is imported without what describes items: ";
    assert!(notices.iter().any(|notice| notice.starts_with(named)), "{notices:?}");
    session.run("RESET ROLE");
    session.run(NEW);
    session.run("SET ROLE importer_of_items");
    assert_eq!(session.table(REFRESH), "0|0|0");
    assert!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(7, 10)") == 10);
    session.run("RESET ROLE; SELECT segrec_drop_model('shop'); DROP OWNED BY importer_of_items; DROP ROLE importer_of_items");
}

#[test]
fn rows_of_which_nothing_is_known_wait_until_something_is() {
    let (_database, mut session) = shop("refresh_unknown", "");
    session.run(
        "INSERT INTO products VALUES (1000, NULL), (1001, '{}'), (1002, '{unheard of}'), (1003, '{piano}')",
    );
    assert_eq!(session.table(REFRESH), "1|0|0");
    session.run("UPDATE products SET tags = '{tent}' WHERE product_id = 1000");
    assert_eq!(session.table(REFRESH), "1|0|0");
    session.run(
        "ALTER TABLE products ALTER tags TYPE text USING tags[1]; INSERT INTO products VALUES (1004, 'tool')",
    );
    let error = session.expect_error(REFRESH);
    assert!(error.message().contains("column \"tags\""), "{error:?}");
    session.run("ALTER TABLE products DROP tags");
    assert_eq!(session.table(REFRESH), "0|0|0");
}
