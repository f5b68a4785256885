//! Items that are inserted after a training, in lists at once; and places of lists that are reserved for new items.

use crate::refresh::{NEW, SHOP};
use segrec_tests::{Cluster, Database, Session, SqlState};

fn shop(name: &str, options: &str) -> (Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    session.run(SHOP);
    session.run(&format!(
        "SELECT segrec_create_model('shop', 'buys', items => 'products', items_key => 'product_id',
             options => '{{\"segmentation\": {{\"method\": \"none\"}}, \"als\": {{\"factors\": 8}}, \"items\": {{\"new_items\": 1{options}}}}}')"
    ));
    session.run("SELECT segrec_train('shop', 'always')");
    (database, session)
}

const LATER: &str = "SELECT count(*) FROM segrec_recommend(3, 60) WHERE item_id >= 1000";

#[test]
fn items_are_in_lists_as_soon_as_they_are_inserted_and_resemble_what_the_user_takes() {
    for algorithm in ["hybrid", "neighbours", "als", "content"] {
        let (database, mut session) = shop(&format!("later_{algorithm}"), "");
        session.run(&format!("SELECT segrec_alter_model('shop', '{{\"algorithm\": \"{algorithm}\"}}'); SELECT segrec_train('shop', 'always')"));
        let mut other = database.connect();
        assert_eq!(other.value::<i64>(LATER), 0);
        session.run(NEW);
        for session in [&mut session, &mut other] {
            let right: f64 = session.value(
                "SELECT avg((l.item_id % 6 IN (u % 6, (u + 1) % 6))::int)::float8
                 FROM generate_series(1::bigint, 120) u, segrec_recommend(u, 40) l WHERE l.item_id >= 1000 AND l.source = 'new_item'",
            );
            assert!(right > 0.8, "{algorithm}: {right}");
            let scores = "SELECT segrec_predict(3, 1005) > segrec_predict(3, 1002)";
            assert!(session.value::<bool>(scores), "{algorithm}");
        }
        // The list stays in order, and has no item twice.
        let list = "SELECT count(DISTINCT item_id) = 40, bool_and(score <= before) FROM (
                        SELECT item_id, score, lag(score, 1, 'Infinity'::real) OVER (ORDER BY rank) AS before
                        FROM segrec_recommend(3, 40)) AS list";
        assert_eq!(session.table(list), "t|t", "{algorithm}");
    }
}

#[test]
fn later_items_are_those_whose_rows_are_there_for_the_statement() {
    let (database, mut session) = shop("later_rows", "");
    let mut other = database.connect();
    let list = "SELECT * FROM segrec_recommend(3, 60)";
    let before = session.table(list);
    session.run("BEGIN");
    session.run(NEW);
    assert!(session.value::<i64>(LATER) > 0);
    assert_eq!(other.table(list), before);
    session.run("ROLLBACK");
    assert_eq!(session.table(list), before);
    session.run(NEW);
    assert!(other.value::<i64>(LATER) > 0);
    session.run("DELETE FROM products WHERE product_id >= 1000");
    assert_eq!(other.table(list), before);
    assert_eq!(session.table(list), before);
}

#[test]
fn later_items_that_a_user_or_a_guest_has_are_left_out_and_candidates_choose_among_them() {
    let (_database, mut session) = shop("later_history", "");
    session.run(NEW);
    let has =
        |user: &str, item: i64| format!("SELECT count(*) FROM segrec_recommend{user} WHERE item_id = {item}");
    assert_eq!(session.value::<i64>(&has("(3, 246)", 1005)), 1);
    session.run("INSERT INTO buys VALUES (3, 1005)");
    assert_eq!(session.value::<i64>(&has("(3, 246)", 1005)), 0);
    assert_eq!(session.value::<i64>(&has("(3, 246, exclude_seen => false)", 1005)), 1);
    assert_eq!(session.value::<i64>(&has("_for(ARRAY[9, 15]::bigint[], 246)", 1005)), 1);
    assert_eq!(session.value::<i64>(&has("_for(ARRAY[9, 15, 1005]::bigint[], 246)", 1005)), 0);
    assert_eq!(
        session.table(
            "SELECT item_id FROM segrec_recommend(9, 10, candidates => ARRAY[1005, 1004, 77777]) ORDER BY 1"
        ),
        "1004\n1005"
    );
    assert_eq!(
        session
            .value::<i64>("SELECT count(*) FROM segrec_recommend(9, 50, diversity => 0.5, explore => 0.5)"),
        50
    );
}

#[test]
fn who_may_not_read_items_gets_lists_without_later_ones_and_policies_choose_rows() {
    let (database, mut session) = shop("later_rights", "");
    session.run("CREATE ROLE reader_of_lists; SELECT segrec_grant('shop', 'reader_of_lists', 'use'); GRANT SELECT ON buys TO reader_of_lists");
    session.run(NEW);
    let mut other = database.connect();
    assert!(other.value::<i64>(LATER) > 0);
    other.run("SET ROLE reader_of_lists");
    assert_eq!(other.value::<i64>(LATER), 0);
    session.run("GRANT SELECT ON products TO reader_of_lists; ALTER TABLE products ENABLE ROW LEVEL SECURITY;
                 CREATE POLICY old ON products TO reader_of_lists USING (product_id < 1000 OR product_id = 1005)");
    assert_eq!(other.table("SELECT item_id FROM segrec_recommend(3, 246) WHERE item_id >= 1000"), "1005");
    other.run("RESET ROLE");
    assert_eq!(other.value::<i64>("SELECT count(*) FROM segrec_recommend(3, 246) WHERE item_id >= 1000"), 6);
    session.run("DROP OWNED BY reader_of_lists; DROP ROLE reader_of_lists");
}

#[test]
fn without_growing_keys_or_an_index_later_items_wait_for_a_refresh() {
    let (_database, mut session) = shop("later_keys", "");
    session.run("ALTER TABLE products DROP CONSTRAINT products_pkey");
    session.run(NEW);
    assert_eq!(session.value::<i64>(LATER), 0);
    // Smaller keys are not found either.
    session
        .run("ALTER TABLE products ADD PRIMARY KEY (product_id); INSERT INTO products VALUES (0, '{tent}')");
    let mut session = _database.connect();
    assert!(session.value::<i64>(LATER) > 0);
    assert_eq!(session.table("SELECT segrec_predict(3, 0)"), "∅");
    assert_eq!(session.table("SELECT * FROM segrec_refresh_items('shop')"), "7|0|0");
    assert_eq!(session.table("SELECT segrec_predict(3, 0) IS NOT NULL"), "t");
    assert!(session.value::<i64>(LATER) > 0);
}

/// The shop with keys of another type, for which `key` is an expression of the number of a product, and a column that says
/// when a row was added.
fn shop_by_time(name: &str, [type_name, key]: [&str; 2], added: &str) -> (Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    session.run(SHOP);
    let of = |column: &str| key.replace("n", column);
    session.run(&format!(
        "ALTER TABLE products DROP CONSTRAINT products_pkey;
         ALTER TABLE products ADD added {added};
         ALTER TABLE products ALTER product_id TYPE {type_name} USING {};
         ALTER TABLE products ADD PRIMARY KEY (product_id);
         ALTER TABLE buys ALTER item_id TYPE {type_name} USING {};
         CREATE INDEX products_added ON products (added);
         SELECT segrec_create_model('shop', 'buys', items => 'products', items_key => 'product_id',
             options => '{{\"segmentation\": {{\"method\": \"none\"}}, \"als\": {{\"factors\": 8}},
                         \"items\": {{\"new_items\": 1, \"added_column\": \"added\"}}}}');
         SELECT segrec_train('shop', 'always')",
        of("product_id"),
        of("item_id")
    ));
    (database, session)
}

#[test]
fn a_column_that_grows_finds_later_items_with_any_kind_of_key() {
    let uuid = ["uuid", "pg_catalog.md5(n::text)::uuid"];
    for (place, (key, added)) in [
        (uuid, "timestamptz NOT NULL DEFAULT clock_timestamp()"),
        (["text", "'p' || n"], "timestamp NOT NULL DEFAULT clock_timestamp()"),
        (uuid, "bigint GENERATED ALWAYS AS IDENTITY"),
        (["bigint", "-n"], "integer GENERATED ALWAYS AS IDENTITY"),
    ]
    .into_iter()
    .enumerate()
    {
        let (database, mut session) = shop_by_time(&format!("later_added_{place}"), key, added);
        let listed = "SELECT count(*) FROM segrec_recommend(3, 60) l JOIN products p ON p.product_id::text = l.item_id::text
                      WHERE p.tags = '{piano}' AND l.source = 'new_item'";
        let listed = match key[0] {
            "bigint" => listed.to_owned(),
            _ => listed.replace("(3, 60)", "('3'::text, 60)"),
        };
        let is_no_feature = "SELECT count(*) FROM segrec.item_features WHERE column_name = 'added'";
        assert_eq!(session.value::<i64>(is_no_feature), 0, "{added}");
        assert_eq!(session.value::<i64>(&listed), 0, "{added}");
        let insert = |number: i64| {
            let id = key[1].replace("n", &number.to_string());
            format!("INSERT INTO products (product_id, tags) VALUES ({id}, '{{piano}}')")
        };
        session.run(&insert(5000));
        assert_eq!(session.value::<i64>(&listed), 1, "{added}");
        session.run(&insert(4000));
        let mut other = database.connect();
        for session in [&mut session, &mut other] {
            assert_eq!(session.value::<i64>(&listed), 2, "{added}");
        }
        // What a refresh has given a row is not met again.
        session.run("SELECT segrec_refresh_items('shop')");
        let mut fresh = database.connect();
        for session in [&mut session, &mut other, &mut fresh] {
            assert_eq!(session.value::<i64>(&listed), 2, "{added}");
            session.run("SELECT 1");
        }
        session.run(&insert(3000));
        for session in [&mut session, &mut other, &mut fresh] {
            assert_eq!(session.value::<i64>(&listed), 3, "{added}");
        }
    }
}

#[test]
fn a_column_that_cannot_tell_what_came_later_is_refused_or_noticed() {
    let (_database, mut session) = shop("later_column", "");
    session.run("ALTER TABLE products ADD added date DEFAULT CURRENT_DATE");
    let train = "SELECT segrec_train('shop', 'always')";
    session.run("SELECT segrec_alter_model('shop', '{\"items\": {\"added_column\": \"add\"}}')");
    let error = session.expect_error(train);
    assert_eq!(error.code(), &SqlState::UNDEFINED_COLUMN);
    session.run("SELECT segrec_alter_model('shop', '{\"items\": {\"added_column\": \"added\"}}')");
    let error = session.expect_error(train);
    assert_eq!(error.code(), &SqlState::DATATYPE_MISMATCH);
    assert!(error.detail().unwrap().contains("timestamptz, timestamp or bigint"), "{error:?}");
    session.run("ALTER TABLE products ALTER added TYPE timestamp");
    session.notices();
    session.run(train);
    let notices = session.notices();
    let are_told = notices.iter().any(|notice| notice.message().contains("only after segrec_refresh_items"));
    assert!(are_told, "{notices:?}");
}

#[test]
fn segments_similar_items_and_explanations_know_later_items() {
    for algorithm in ["hybrid", "als"] {
        let (_database, mut session) = shop(&format!("later_functions_{algorithm}"), "");
        session.run(&format!(
            "SELECT segrec_alter_model('shop', '{{\"algorithm\": \"{algorithm}\"}}'); SELECT segrec_train('shop', 'always')"
        ));
        session.run(NEW);
        let segment =
            "SELECT count(*) FROM segrec_recommend_segment((SELECT min(segment) FROM segrec.segments), 246)
                       WHERE item_id::bigint >= 1000 AND source = 'new_item'";
        assert_eq!(session.value::<i64>(segment), 6, "{algorithm}");
        let kinds = "SELECT count(*) = 5 AND bool_and(item_id % 6 = 3) FROM segrec_similar_items(1005, 5)";
        assert!(session.value::<bool>(kinds), "{algorithm}");
        assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_similar_items(7777, 5)"), 0);
        let adds_up = "SELECT abs(sum(contribution) - segrec_predict(3, 1005)) < 1e-4 AND count(*) > 3
                       FROM segrec_explain(3, 1005)";
        assert!(session.value::<bool>(adds_up), "{algorithm}");
        session.run("DELETE FROM products WHERE product_id >= 1000");
        for function in ["segrec_similar_items(1005, 5)", "segrec_explain(3, 1005)"] {
            assert_eq!(session.value::<i64>(&format!("SELECT count(*) FROM {function}")), 0, "{function}");
        }
    }
}

#[test]
fn rows_that_are_rolled_back_leave_nothing_in_a_session() {
    let (database, mut session) =
        shop_by_time("later_rollback", ["bigint", "n"], "timestamptz NOT NULL DEFAULT clock_timestamp()");
    // The same key with other contents, after a rollback of the whole and of a part of a transaction.
    for (key, end, begin) in [(2000, "ROLLBACK", "SELECT 1"), (2001, "ROLLBACK TO s; COMMIT", "SAVEPOINT s")]
    {
        let score = format!("SELECT segrec_predict(3, {key})");
        session.run(&format!("BEGIN; INSERT INTO buys VALUES (399, 7); {begin}"));
        session.run(&format!("INSERT INTO products VALUES ({key}, '{{piano}}')"));
        let in_between: f32 = session.value(&score);
        session.run(end);
        assert_eq!(session.table(&score), "∅");
        session.run(&format!("INSERT INTO products VALUES ({key}, '{{tent}}')"));
        let after: f32 = session.value(&score);
        assert!(after < in_between / 2.0, "{after} {in_between}");
        assert_eq!(database.connect().value::<f32>(&score), after);
    }
    // Many rows, and one that is later than all that follow.
    session.run("BEGIN; INSERT INTO products SELECT n, '{toy}' FROM generate_series(4000, 5100) n");
    session.run("INSERT INTO products VALUES (5200, '{toy}', '2999-01-01')");
    assert!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(5, 246) WHERE item_id >= 1000") > 0);
    session.run("ROLLBACK; INSERT INTO products VALUES (3000, '{piano}')");
    assert_eq!(session.table("SELECT segrec_predict(3, 3000) IS NOT NULL"), "t");
}

#[test]
fn each_tenant_of_a_policy_gets_their_own_later_items() {
    let (database, mut session) = shop("later_tenants", "");
    session.run(
        "ALTER TABLE products ADD tenant text; CREATE ROLE tenant_of_items; GRANT SELECT ON products, buys TO tenant_of_items;
         SELECT segrec_grant('shop', 'tenant_of_items', 'use'); ALTER TABLE products ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON products TO tenant_of_items USING (tenant IS NULL OR tenant = current_setting('app.tenant'));
         INSERT INTO products VALUES (1005, '{piano}', 'b'), (1011, '{piano}', 'a')",
    );
    let mut other = database.connect();
    other.run("SET ROLE tenant_of_items");
    for (tenant, item) in [("a", "1011"), ("b", "1005"), ("a", "1011")] {
        other.run(&format!("SET app.tenant = '{tenant}'"));
        assert_eq!(other.table("SELECT item_id FROM segrec_recommend(3, 246) WHERE item_id >= 1000"), item);
    }
    other.run("RESET ROLE");
    session.run("DROP OWNED BY tenant_of_items; DROP ROLE tenant_of_items");
}

#[test]
fn a_row_that_does_not_fit_hides_no_other_in_a_new_session() {
    let (database, mut session) = shop("later_misfit_first", "");
    session.run(
        "ALTER TABLE products ADD vector real[];
         UPDATE products SET vector = ARRAY[(product_id % 6 = 0)::int, (product_id % 6 = 1)::int, (product_id % 6 = 2)::int, product_id % 6 / 9.0];
         SELECT segrec_train('shop', 'always');
         INSERT INTO products VALUES (2000, '{piano}', '{1, 2}'), (2001, '{piano}', '{0, 0, 0, 0.33}'), (2002, '{tent}', '{1, 0, 0, 0}')",
    );
    let known = "SELECT segrec_predict(3, 2000) IS NULL, segrec_predict(3, 2001) > segrec_predict(3, 2002)";
    assert_eq!(database.connect().table(known), "t|t");
}

#[test]
fn of_many_rows_of_one_moment_the_newest_are_met_and_so_is_what_comes_then() {
    let (database, mut session) = shop_by_time(
        "later_ties",
        ["uuid", "pg_catalog.md5(n::text)::uuid"],
        "timestamptz NOT NULL DEFAULT now()",
    );
    session.run(
        "INSERT INTO products SELECT pg_catalog.md5('t' || n)::uuid, CASE WHEN n % 10 > 0 THEN '{toy}'::text[] END FROM generate_series(1, 3000) n;
         SELECT segrec_refresh_items('shop')",
    );
    session.run("INSERT INTO products VALUES (pg_catalog.md5('last')::uuid, '{piano}')");
    let last = "SELECT segrec_predict('3', pg_catalog.md5('last')) IS NOT NULL";
    assert_eq!(database.connect().table(last), "t");
}

#[test]
fn domains_are_read_as_what_they_are_made_of() {
    let (_database, mut session) =
        shop_by_time("later_domains", ["bigint", "n"], "timestamptz NOT NULL DEFAULT clock_timestamp()");
    session.run(
        "CREATE DOMAIN moment AS timestamptz; CREATE DOMAIN number AS bigint;
         ALTER TABLE products ALTER added TYPE moment, ALTER product_id TYPE number, ADD since moment DEFAULT now();
         ALTER TABLE buys ADD at moment DEFAULT now();
         SELECT segrec_train('shop', 'always');
         SELECT segrec_create_model('timed', 'buys', time_column => 'at', items => 'products', items_key => 'product_id',
             options => '{\"als\": {\"factors\": 8}, \"segmentation\": {\"method\": \"none\"}}');
         SELECT segrec_train('timed', 'always')",
    );
    session.run(NEW.replace("INTO products", "INTO products (product_id, tags)").as_str());
    let listed = "SELECT count(*) FROM segrec_recommend(3, 246, 'shop') WHERE item_id >= 1000";
    assert_eq!(session.value::<i64>(listed), 6);
}

#[test]
fn a_text_search_configuration_that_is_out_of_sight_or_gone_ends_no_call() {
    let (database, mut session) = shop("later_configuration", "");
    session.run(
        "CREATE SCHEMA words; CREATE TEXT SEARCH CONFIGURATION words.own (COPY = simple);
         ALTER TABLE products ADD title text;
         UPDATE products SET title = tags[1] || ' number ' || product_id, tags = NULL;
         SELECT segrec_alter_model('shop', '{\"items\": {\"text_config\": \"words.own\"}}');
         SELECT segrec_train('shop', 'always')",
    );
    assert!(session.value::<bool>("SELECT weight > 0 FROM segrec.item_features WHERE column_name = 'title'"));
    session.run("INSERT INTO products VALUES (1005, NULL, 'piano number 1005')");
    session.run("CREATE ROLE reader_of_texts; GRANT SELECT ON products, buys TO reader_of_texts; SELECT segrec_grant('shop', 'reader_of_texts', 'use')");
    let later = "SELECT public.segrec_predict(3, 1005) IS NOT NULL";
    let mut other = database.connect();
    other.run("SET ROLE reader_of_texts; SET search_path = pg_catalog");
    assert_eq!(other.table(later), "t");
    session.run("DROP TEXT SEARCH CONFIGURATION words.own; INSERT INTO products VALUES (1011, NULL, 'piano number 1011')");
    for session in [&mut other, &mut database.connect()] {
        for call in ["segrec_recommend(3, 10)", "segrec_explain(3, 9)"] {
            assert!(session.value::<i64>(&format!("SELECT count(*) FROM public.{call}")) > 0, "{call}");
        }
    }
    other.run("RESET ROLE");
    session.run("DROP OWNED BY reader_of_texts; DROP ROLE reader_of_texts");
}

#[test]
fn what_no_index_finds_waits_for_a_refresh_and_costs_no_call() {
    let (database, mut session) =
        shop_by_time("later_unindexed", ["bigint", "n"], "integer GENERATED ALWAYS AS IDENTITY");
    session.run("ALTER TABLE products DROP CONSTRAINT products_pkey; INSERT INTO products (product_id, tags) VALUES (1005, '{piano}')");
    assert_eq!(database.connect().table("SELECT segrec_predict(3, 1005)"), "∅");
    session.run("ALTER TABLE products ADD PRIMARY KEY (product_id)");
    assert_eq!(database.connect().table("SELECT segrec_predict(3, 1005) IS NOT NULL"), "t");
    // The index of a parent has no rows of its children.
    session.run("CREATE TABLE more () INHERITS (products)");
    assert_eq!(database.connect().table("SELECT segrec_predict(3, 1005)"), "∅");
    session.run("DROP TABLE more");
    assert_eq!(database.connect().table("SELECT segrec_predict(3, 1005) IS NOT NULL"), "t");
}

#[test]
fn a_materialized_view_that_is_emptied_ends_no_call() {
    let (_database, mut session) = shop("later_views", "");
    session.run(
        "ALTER TABLE products RENAME TO goods; CREATE MATERIALIZED VIEW products AS TABLE goods;
         CREATE UNIQUE INDEX ON products (product_id); SELECT segrec_rebind('shop', items => 'products');
         INSERT INTO goods VALUES (1005, '{piano}'); REFRESH MATERIALIZED VIEW products",
    );
    assert_eq!(session.table("SELECT segrec_predict(3, 1005) IS NOT NULL"), "t");
    session.run("REFRESH MATERIALIZED VIEW products WITH NO DATA");
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(3, 10)"), 10);
    assert!(session.value::<i64>("SELECT count(*) FROM segrec_explain(3, 9)") > 0);
}

#[test]
fn long_texts_take_a_part_of_a_call_until_all_are_met() {
    let (database, mut session) = shop("later_patience", "");
    session.run(
        "ALTER TABLE products ADD title text;
         UPDATE products SET title = tags[1] || ' number ' || product_id, tags = NULL;
         SELECT segrec_train('shop', 'always');
         INSERT INTO products SELECT n, NULL, 'piano ' || (SELECT string_agg('w' || n || 'x' || w, ' ') FROM generate_series(1, 4000) w)
         FROM generate_series(1000, 1150) n",
    );
    let mut other = database.connect();
    let met = "SELECT count(*) FROM segrec_recommend(3, 400) WHERE item_id >= 1000";
    other.run("SET statement_timeout = '3s'");
    let first: i64 = other.value(met);
    assert!((1..151).contains(&first), "{first}");
    let mut last = first;
    for _ in 0..200 {
        last = other.value(met);
        if last == 151 {
            break;
        }
    }
    assert_eq!(last, 151);
}

#[test]
fn whatever_is_answered_a_session_has_one_thread() {
    let database = Cluster::shared().database("later_threads");
    let mut session = database.connect();
    session.run(SHOP);
    session.run(
        "CREATE TABLE people AS SELECT u AS id, u % 6 AS kind, ARRAY[u % 2, u % 3]::real[] AS vector FROM generate_series(1::bigint, 500) u;
         ALTER TABLE people ADD PRIMARY KEY (id);
         SELECT segrec_create_model('shop', 'buys', items => 'products', items_key => 'product_id', users => 'people', users_key => 'id',
             options => '{\"segmentation\": {\"on\": \"attributes\", \"segments\": 3}, \"als\": {\"factors\": 8},
                         \"items\": {\"new_items\": 1}, \"users\": {\"new_users\": \"attributes\"}}');
         SELECT segrec_train('shop', 'always')",
    );
    session.run(NEW);
    let mut session = database.connect();
    for call in [
        "segrec_recommend(3, 100)",
        "segrec_recommend(450)",
        "segrec_recommend_for(ARRAY[9, 1005]::bigint[])",
        "segrec_recommend_segment(1)",
        "segrec_predict(3, 1005)",
        "segrec_explain(3, 1005)",
        "segrec_explain(450, 9)",
        "segrec_similar_items(1005)",
        "segrec_similar_users(3)",
        "segrec_audience(9)",
        "segrec_segment_of(3)",
        "segrec_segment_of(450)",
        "segrec_recommend_all(model => 'shop', n => 3)",
    ] {
        session.run(&format!("SELECT count(*) FROM {call}"));
        let pid: i32 = session.value("SELECT pg_backend_pid()");
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().count();
        assert_eq!(threads, 1, "{call}");
    }
}

#[test]
fn relations_that_change_and_columns_that_go_end_no_call() {
    let (_database, mut session) = shop("later_changes", "");
    session.run(NEW);
    assert!(session.value::<i64>(LATER) > 0);
    for change in [
        "ALTER TABLE products RENAME TO goods",
        "INSERT INTO goods VALUES (1006, NULL), (1007, '{}')",
        "ALTER TABLE goods ADD note text",
        "ALTER TABLE goods ALTER tags TYPE text USING tags[1]; INSERT INTO goods VALUES (1008, 'tent')",
        "ALTER TABLE goods DROP tags; INSERT INTO goods VALUES (1009)",
        "DROP TABLE goods",
    ] {
        session.run(change);
        assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(3, 10)"), 10, "{change}");
    }
}

#[test]
fn reserved_places_go_to_the_best_new_items_and_the_others_keep_their_order() {
    let (_database, mut session) = shop("later_reserved", "");
    session.run("SELECT segrec_alter_model('shop', '{\"items\": {\"new_items\": 0.01}}')");
    session.run(NEW);
    session.run("SELECT segrec_train('shop', 'always')");
    let old = session.table("SELECT item_id FROM segrec_recommend(3, 8)");
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(3, 10) WHERE item_id >= 1000"), 0);
    session.run("SELECT segrec_alter_model('shop', '{\"items\": {\"reserved\": 0.2}}'); SELECT segrec_train('shop', 'always')");
    assert_eq!(session.table("SELECT item_id FROM segrec_recommend(3, 10) LIMIT 8"), old);
    for list in [
        "segrec_recommend(3, 10)",
        "segrec_recommend_for(ARRAY[9, 15]::bigint[], 10)",
        "segrec_recommend_segment((SELECT min(segment) FROM segrec.segments), 10)",
        "(SELECT item_id::bigint, source FROM segrec_recommend_all(n => 10, model => 'shop') WHERE user_id = '3') AS l",
    ] {
        let new = format!("SELECT count(*), count(*) FILTER (WHERE source = 'new_item') FROM {list}");
        assert_eq!(session.table(&new), "10|2", "{list}");
    }
    let kinds =
        "SELECT bool_and(item_id % 6 IN (3, 4)) FROM segrec_recommend(3, 10) WHERE source = 'new_item'";
    assert!(session.value::<bool>(kinds));
    // Those that came later count as well.
    session.run("INSERT INTO products VALUES (2001, '{piano}'), (2002, '{piano}'), (2003, '{piano}')");
    let new = "SELECT count(*) FROM segrec_recommend(3, 10) WHERE source = 'new_item'";
    assert_eq!(session.value::<i64>(new), 2);
    let error = session.expect_error("SELECT segrec_alter_model('shop', '{\"items\": {\"reserved\": 1.5}}')");
    assert!(error.message().contains("items.reserved"), "{error:?}");
}

#[test]
fn rows_that_do_not_fit_end_no_call_and_hide_no_later_ones() {
    let (_database, mut session) = shop("later_misfits", "");
    session.run(
        "ALTER TABLE products ADD vector real[];
         UPDATE products SET vector = ARRAY[(product_id % 6 = 0)::int, (product_id % 6 = 1)::int, (product_id % 6 = 2)::int, product_id % 6 / 9.0];
         SELECT segrec_train('shop', 'always')",
    );
    let reads = "SELECT weight > 0 FROM segrec.item_features WHERE column_name = 'vector'";
    assert!(session.value::<bool>(reads));
    let ten = "SELECT count(*) FROM segrec_recommend(3, 10)";
    session.run("INSERT INTO products VALUES (1000, '{tool}', '{1, 2}'), (1001, '{toy}', '{1, 2, 3, 4, 5}'), (1002, '{tent}', '{1, 0, 0, 0}')");
    assert_eq!(session.value::<i64>(ten), 10);
    session.run("INSERT INTO products VALUES (1005, '{piano}', '{0, 0, 0, 0.33}')");
    assert_eq!(
        session.table("SELECT item_id FROM segrec_recommend(3, 246) WHERE item_id >= 1000"),
        "1005\n1002"
    );
}
