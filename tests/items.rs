//! What is known about items: which columns count, items that resemble others, and columns that cannot be used.

use segrec_tests::{Cluster, Session, SqlState};

/// 240 products in six kinds, and 400 users who take products of two kinds. The words of the title, the tags and the
/// embedding depend on the kind, the color and the price do not. Product 1000 and those after it are never bought.
pub const SHOP: &str = "
    CREATE TABLE products AS
    SELECT id AS product_id,
           (ARRAY['tent rope', 'novel poem', 'oven pan', 'piano flute', 'tool thing', 'tool thing'])[kind + 1]
               || ' no ' || (ARRAY['tents', 'novels', 'ovens', 'pianos', 'tools', 'tools'])[kind + 1] || ' nr' || id AS title,
           (ARRAY[ARRAY['outdoor', 'summer'], ARRAY['paper', 'winter'], ARRAY['steel', 'kitchen'],
                  ARRAY['wood', 'sound'], ARRAY['steel', 'garage'], ARRAY['wood', 'child']])[kind + 1:kind + 1] AS tags,
           ARRAY[(kind = 0)::int + noise / 4, (kind = 1)::int + noise / 4, (kind IN (2, 3))::int, (kind > 3)::int - noise / 4]::real[] AS embedding,
           (ARRAY['red', 'green', 'blue'])[1 + (noise * 3)::int % 3] AS color,
           round((noise * 1000)::numeric, 2) AS price,
           'always' AS constant,
           NULL::int AS nothing,
           jsonb_build_object('id', id) AS details,
           timestamptz '2026-01-01' + id * interval '1 minute' AS created_at
    FROM (SELECT id, id % 6 AS kind, ('x' || substr(md5('p' || id), 1, 6))::bit(24)::int / 16777216.0 AS noise
          FROM (SELECT generate_series(1::bigint, 240) UNION ALL SELECT generate_series(1000, 1005)) AS ids (id)) AS drawn;
    UPDATE products SET tags = ARRAY(SELECT unnest(tags));
    ALTER TABLE products ADD PRIMARY KEY (product_id);
    CREATE TABLE buys AS
    SELECT u AS user_id, p AS item_id FROM generate_series(1::bigint, 400) u, generate_series(1::bigint, 240) p
    WHERE (p % 6 = u % 6 AND hashint8(u * 1000 + p) % 3 = 0) OR (p % 6 = (u + 1) % 6 AND hashint8(u * 1000 + p) % 7 = 0)
       OR hashint8(u * 1000 + p) % 61 = 0;
    CREATE INDEX ON buys (user_id);";

/// A database with the shop, and a model of it with these options.
fn shop(database: &str, options: &str) -> (segrec_tests::Database<'static>, Session) {
    let database = Cluster::shared().database(database);
    let mut session = database.connect();
    session.run(SHOP);
    session.run(&create(options));
    (database, session)
}

fn create(options: &str) -> String {
    format!(
        "SELECT segrec_create_model('shop', 'buys', items => 'products', items_key => 'product_id',
                                    options => '{{\"segmentation\": {{\"method\": \"none\"}}, \"als\": {{\"factors\": 8}}{options}}}')"
    )
}

const CONTENT: &str = r#", "algorithm": "content""#;

#[test]
fn columns_that_say_what_users_choose_together_count_and_all_others_say_why_they_do_not() {
    let (_database, mut session) = shop("items_columns", CONTENT);
    session.run("SELECT segrec_train('shop')");
    assert_eq!(
        session.table("SELECT column_name, kind, weight > .05, reason FROM segrec.item_features WHERE reason IS NULL ORDER BY 1"),
        "embedding|vector|t|∅\ntags|categories|t|∅\ntitle|text|t|∅"
    );
    assert_eq!(
        session.value::<f64>("SELECT round(sum(weight)::numeric, 6)::float8 FROM segrec.item_features"),
        1.0
    );
    assert_eq!(
        session
            .table("SELECT column_name, kind, reason FROM segrec.item_features WHERE weight = 0 ORDER BY 1"),
        "color|category|does not say which items the same users choose\n\
         constant|category|is the same in every row\n\
         nothing|number|is null in every row\n\
         price|number|does not say which items the same users choose"
    );
    // The key, the time of insertion and a type that cannot be a feature are not read; a NOTICE names the last.
    session.notices();
    session.run("SELECT segrec_train('shop')");
    let notices: Vec<String> = session.notices().iter().map(|notice| notice.message().to_owned()).collect();
    let named = "ignored column \"details\" of \"products\": type jsonb cannot be used as a feature";
    assert!(notices.iter().any(|notice| notice == named), "{notices:?}");
}

#[test]
fn content_recommends_and_finds_items_that_resemble_those_of_the_user_and_explains_by_them() {
    let (_database, mut session) = shop("items_content", CONTENT);
    session.run("SELECT segrec_train('shop')");
    let of_kind: f64 = session.value(
        "SELECT avg((l.item_id % 6 IN (u % 6, (u + 1) % 6))::int)::float8
         FROM generate_series(1::bigint, 60) u, segrec_recommend(u, 5) l WHERE l.source = 'content'",
    );
    assert!(of_kind > 0.9, "{of_kind}");
    assert_eq!(
        session.table(
            "SELECT count(*), count(*) FILTER (WHERE item_id % 6 = 12 % 6) FROM segrec_similar_items(12, 10)"
        ),
        "10|10"
    );
    // The items of an explanation resemble the explained one, and add up to its score.
    assert_eq!(
        session.table(
            "SELECT bool_and(e.item_id % 6 = l.item_id % 6) FILTER (WHERE e.contribution > .9),
                    bool_and(by_scorer ? 'content' AND factors = 0 AND neighbours = 0),
                    abs(sum(e.contribution) - min(l.score)) < 1e-4
             FROM segrec_recommend(7, 1) l, segrec_explain(7, l.item_id) e"
        ),
        "t|t|t"
    );
    // A guest with one product gets those that resemble it.
    assert_eq!(
        session.table("SELECT bool_and(item_id % 6 = 3) FROM segrec_recommend_for(ARRAY[3]::bigint[], 5)"),
        "t"
    );
    let all = "SELECT count(*), count(DISTINCT user_id) FROM segrec_recommend_all(n => 5, model => 'shop') WHERE source = 'content'";
    assert_eq!(session.table(all), "2000|400");
    assert!(session.value::<i64>("SELECT count(*) FROM segrec_audience(12, 10)") == 10);
}

#[test]
fn named_columns_alone_are_read_and_texts_by_the_text_search_configuration() {
    let options = r#", "algorithm": "content", "items": {"features": ["title"], "text_config": "english"}"#;
    let (_database, mut session) = shop("items_named", options);
    session.run("UPDATE products SET embedding = NULL, tags = NULL; SELECT segrec_train('shop')");
    assert_eq!(session.table("SELECT column_name, kind, weight FROM segrec.item_features"), "title|text|1");
    // "tent" and "tents" are one term in English, and "no" is none.
    session.run("UPDATE products SET title = (ARRAY['tent', 'tents'])[1 + product_id % 2] || ' no nr' || product_id WHERE product_id % 6 = 0");
    session.run("SELECT segrec_train('shop', 'always')");
    let similar = "SELECT bool_and(item_id % 6 = 0) FROM segrec_similar_items(12, 5)";
    assert_eq!(session.table(similar), "t");
}

#[test]
fn what_items_tell_counts_among_neighbours_if_held_out_events_say_so() {
    let (_database, mut session) = shop("items_gate", "");
    session.run("SELECT segrec_train('shop')");
    let decided =
        "SELECT (decided ->> 'content')::float8 FROM segrec_catalog.versions ORDER BY version DESC LIMIT 1";
    let by_itself: f64 = session.value(decided);
    assert!([0.0, 1.0, 3.0].contains(&by_itself), "{by_itself}");
    assert!(session.value::<i64>("SELECT count(*) FROM segrec.item_features WHERE weight > 0") >= 3);
    session.run(r#"SELECT segrec_alter_model('shop', '{"neighbours": {"content": 2}}'); SELECT segrec_train('shop', 'always')"#);
    assert_eq!(session.value::<f64>(decided), 2.0);
    session.run(
        r#"SELECT segrec_alter_model('shop', '{"neighbours": {"content": 0}, "items": {"new_items": 0}}');
           SELECT segrec_train('shop', 'always')"#,
    );
    assert_eq!(session.value::<f64>(decided), 0.0);
    // Items are not read then.
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec.item_features"), 0);
}

#[test]
fn a_column_or_configuration_that_is_wrong_is_an_error_that_names_it() {
    let database = Cluster::shared().database("items_wrong");
    let mut session = database.connect();
    session.run(SHOP);
    let error = session.expect_error(&create(r#", "items": {"text_config": "klingon"}"#));
    assert_eq!(error.code(), &SqlState::UNDEFINED_OBJECT);
    assert_eq!(error.message(), "text search configuration \"klingon\" does not exist");
    let error = session.expect_error(&create(r#", "items": {"features": ["titel"]}"#));
    assert_eq!(error.code(), &SqlState::UNDEFINED_COLUMN);
    assert!(error.message().contains("titel"), "{error:?}");
    let error = session.expect_error(&create(r#", "items": {"features": ["details"]}"#));
    assert!(error.detail().unwrap().contains("\"details\" is jsonb"), "{error:?}");
    let error = session.expect_error(
        "SELECT segrec_create_model('shop', 'buys', options => '{\"algorithm\": \"content\"}')",
    );
    assert!(format!("{error:?}").contains("items"), "{error:?}");
    session.run(&create(CONTENT));
    session.run("UPDATE products SET embedding = ARRAY[1, 2] WHERE product_id = 17");
    let error = session.expect_error("SELECT segrec_train('shop')");
    assert!(format!("{error:?}").contains("embedding"), "{error:?}");
    session.run("ALTER TABLE products DROP embedding, DROP title, DROP tags, DROP color, DROP price");
    let error = session.expect_error("SELECT segrec_train('shop')");
    assert!(error.detail().unwrap().contains("\"constant\" is the same in every row"), "{error:?}");
}

#[test]
fn columns_that_a_role_may_not_read_are_left_alone_unless_they_are_named() {
    let database = Cluster::shared().database("items_columns_rights");
    let mut session = database.connect();
    session.run(SHOP);
    session.run(
        "CREATE ROLE items_owner LOGIN; GRANT CREATE ON SCHEMA public TO items_owner;
         GRANT SELECT ON buys TO items_owner; GRANT SELECT (product_id, title) ON products TO items_owner",
    );
    let mut owner = database.connect_as("items_owner");
    owner.run(&create(CONTENT));
    owner.run("SELECT segrec_train('shop')");
    assert_eq!(owner.table("SELECT column_name FROM segrec.item_features"), "title");
    owner.run(r#"SELECT segrec_alter_model('shop', '{"items": {"features": ["title", "tags"]}}')"#);
    let error = owner.expect_error("SELECT segrec_train('shop')");
    assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE);
}

#[test]
fn odd_values_of_items_train_and_the_columns_say_what_was_wrong() {
    let (_database, mut session) = shop("items_odd", CONTENT);
    session.run(
        "ALTER TABLE products ADD many text[], ADD empty text[], ADD zeros real[];
         UPDATE products SET many = ARRAY(SELECT 'c' || product_id || '_' || n FROM generate_series(1, 30) n), empty = '{}',
                             zeros = ARRAY[0, 0, 0];
         UPDATE products SET title = repeat('tent ', 2000000) WHERE product_id = 6;
         UPDATE products SET title = repeat('x', 3000) WHERE product_id = 12;
         UPDATE products SET tags = ARRAY['outdoor', NULL, '', 'outdoor'] WHERE product_id = 18;
         UPDATE products SET embedding = ARRAY['NaN', 1, 1, 1]::real[] WHERE product_id = 24;
         UPDATE products SET embedding = NULL, title = '', tags = NULL WHERE product_id = 30;
         DELETE FROM products WHERE product_id = 36;
         SELECT segrec_train('shop')",
    );
    let notices: Vec<String> = session.notices().iter().map(|notice| notice.message().to_owned()).collect();
    let not_finite = "1 values of \"embedding\" of \"products\" are not finite and are treated as null";
    assert!(notices.iter().any(|notice| notice == not_finite), "{notices:?}");
    let rows: i64 = session.value("SELECT count(*) FROM products");
    let zero = format!("{rows} vectors of \"zeros\" of \"products\" are zero and are ignored");
    assert!(notices.contains(&zero), "{notices:?}");
    assert_eq!(
        session.table("SELECT column_name, reason FROM segrec.item_features WHERE column_name IN ('many', 'empty', 'zeros') ORDER BY 1"),
        "empty|is null in every row\nmany|has more than 5000 distinct values, which suggests ids\nzeros|is the same in every row"
    );
    assert_eq!(session.table("SELECT bool_and(item_id % 6 = 0) FROM segrec_similar_items(6, 5)"), "t");
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_similar_items(36, 5)"), 0);
}

#[test]
fn features_of_items_are_seen_by_who_may_use_the_model_and_move_and_go_with_the_version() {
    let (database, mut session) = shop("items_rights", CONTENT);
    session.run("SELECT segrec_train('shop'); CREATE ROLE items_stranger LOGIN; CREATE ROLE items_user LOGIN; GRANT SELECT ON buys TO items_user;
                 SELECT segrec_grant('shop', 'items_user', 'use')");
    let rows = "SELECT count(*) FROM segrec.item_features";
    assert_eq!(database.connect_as("items_stranger").value::<i64>(rows), 0);
    let mut user = database.connect_as("items_user");
    assert_eq!(user.value::<i64>(rows), session.value::<i64>(rows));
    assert_eq!(
        user.expect_error("SELECT * FROM segrec_catalog.item_features").code(),
        &SqlState::INSUFFICIENT_PRIVILEGE
    );
    let columns = "SELECT column_name, kind, weight, reason FROM segrec.item_features ORDER BY 1";
    let before = session.table(columns);
    let list = "SELECT * FROM segrec_recommend(7, 10)";
    let listed = session.table(list);
    session
        .run("CREATE TABLE dump AS SELECT * FROM segrec_export('shop', 1); SELECT segrec_drop_model('shop')");
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_catalog.item_features"), 0);
    session.run(&create(CONTENT));
    for (path, value) in [("weight", "2"), ("weight", "-1"), ("weight", "\"NaN\""), ("place", "0")] {
        session.run(&format!(
            "BEGIN; UPDATE dump SET content = jsonb_set(content::jsonb, '{{{path}}}', '{value}')::text
             WHERE ctid IN (SELECT ctid FROM dump WHERE part = 'item_feature' ORDER BY content LIMIT 1)"
        ));
        let error = session.expect_error("SELECT segrec_import('shop', 'dump')");
        assert!(format!("{error:?}").contains("feature of items"), "{path}: {error:?}");
        session.run("ROLLBACK");
    }
    session.run("SELECT segrec_import('shop', 'dump'); SELECT segrec_deploy('shop', 1)");
    assert_eq!(session.table(columns), before);
    assert_eq!(session.table(list), listed);
}

#[test]
fn items_without_events_are_recommended_like_those_that_they_resemble_if_lists_gain_by_them() {
    for algorithm in ["hybrid", "neighbours", "als", "content"] {
        let options = format!(r#", "algorithm": "{algorithm}", "items": {{"new_items": 1}}"#);
        let (_database, mut session) = shop(&format!("items_new_{algorithm}"), &options);
        session.run("SELECT segrec_train('shop', 'always')");
        let listed: f64 = session.value(
            "SELECT avg((l.item_id % 6 IN (u % 6, (u + 1) % 6))::int)::float8
             FROM generate_series(1::bigint, 120) u, segrec_recommend(u, 40) l WHERE l.item_id >= 1000 AND l.source = 'new_item'",
        );
        assert!(listed > 0.8, "{algorithm}: {listed}");
    }
    let (_database, mut session) =
        shop("items_new", r#", "algorithm": "neighbours", "items": {"new_items": 1}"#);
    session.run("SELECT segrec_train('shop', 'always')");
    // Product 1003 has the kind 1, which user 7 takes, product 1000 the kind 4.
    // All other functions know them too.
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_audience(1003, 10)"), 10);
    assert!(
        session.value::<f32>("SELECT segrec_predict(7, 1003)")
            > session.value::<f32>("SELECT segrec_predict(7, 1000)")
    );
    assert_eq!(
        session.table(
            "SELECT abs(sum(contribution) - segrec_predict(7, 1003)) < 1e-4, count(*) > 1 FROM segrec_explain(7, 1003)"
        ),
        "t|t"
    );
    assert!(
        session.value::<i64>(
            "SELECT count(*) FROM segrec_recommend_all(n => 40, model => 'shop') WHERE source = 'new_item'"
        ) > 300
    );
    assert!(
        session.value::<i64>("SELECT count(*) FROM segrec_recommend_for(ARRAY[9, 15, 21]::bigint[], 45) WHERE source = 'new_item'") > 0
    );
    // They move with the version, and are unknown where they are left out.
    let before = session.table("SELECT * FROM segrec_recommend(7, 40)");
    session
        .run("CREATE TABLE dump AS SELECT * FROM segrec_export('shop', 1); SELECT segrec_drop_model('shop')");
    session.run(&create(r#", "algorithm": "neighbours", "items": {"new_items": 0}"#));
    session.run("SELECT segrec_import('shop', 'dump'); SELECT segrec_deploy('shop', 1)");
    assert_eq!(session.table("SELECT * FROM segrec_recommend(7, 40)"), before);
    session.run("SELECT segrec_train('shop', 'always')");
    assert_eq!(session.table("SELECT segrec_predict(7, 1003)"), "∅");
    assert_eq!(session.value::<i64>("SELECT max(items) FROM segrec.versions WHERE version = 2"), 240);
}

#[test]
fn whether_new_items_are_listed_is_decided_on_hidden_ones() {
    let (_database, mut session) = shop("items_boost", "");
    let decided =
        "SELECT (decided ->> 'new_items')::float8 FROM segrec_catalog.versions ORDER BY version DESC LIMIT 1";
    session.run("SELECT segrec_train('shop', 'always')");
    let boost: f64 = session.value(decided);
    assert!([0.75, 1.0, 1.25, 1.5, 2.0].contains(&boost), "{boost}");
    // Where nothing is known about items, nothing can be said about new ones.
    session.run("UPDATE products SET title = NULL, tags = NULL, embedding = NULL; SELECT segrec_train('shop', 'always')");
    assert_eq!(session.value::<f64>(decided), 0.0);
    assert_eq!(session.table("SELECT segrec_predict(7, 1003)"), "∅");
}
