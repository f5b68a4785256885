//! By which columns items resemble each other, in explanations.

use crate::{items, refresh};
use segrec_tests::{Cluster, Database, Session};

fn shop(name: &str, tables: &str, options: &str) -> (Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    session.run(tables);
    session.run(&create(options));
    session.run("SELECT segrec_train('shop', 'always')");
    (database, session)
}

fn create(options: &str) -> String {
    format!(
        "SELECT segrec_create_model('shop', 'buys', items => 'products', items_key => 'product_id',
             options => '{{\"segmentation\": {{\"method\": \"none\"}}, \"als\": {{\"factors\": 8}}, {options}}}')"
    )
}

const CONTENT: &str = r#""algorithm": "content""#;

/// The sum of the parts of a row.
const COSINE: &str = "(SELECT sum(part::float8) FROM jsonb_each_text(features) AS alike (column_name, part))";

/// What user 7 has that contributes to product 13, which is of a kind that they take.
const EXPLAINED: &str = "SELECT item_id, contribution, features FROM segrec_explain(7, 13) ORDER BY 1";
const COUNTS: &str = "SELECT count(item_id) > 5, count(features) FROM segrec_explain(7, 13)";

#[test]
fn the_parts_of_features_add_up_to_the_cosine_that_the_algorithm_content_squares() {
    let (_database, mut session) = shop("explained_content", items::SHOP, CONTENT);
    assert_eq!(
        session.table(&format!(
            "SELECT count(*) > 100, bool_and(abs({COSINE} - sqrt(contribution)) < 1e-3)
             FROM generate_series(1::bigint, 20) u, segrec_recommend(u, 1) l, segrec_explain(u, l.item_id) e"
        )),
        "t|t"
    );
    // These are the columns that count, and rows are read as they are now.
    assert_eq!(
        session.table(
            "SELECT string_agg(DISTINCT column_name, ' ' ORDER BY column_name)
             FROM segrec_explain(7, 13), jsonb_object_keys(features) AS column_name"
        ),
        "embedding tags title"
    );
    session.run("UPDATE products SET title = NULL, embedding = NULL WHERE product_id = 13");
    assert_eq!(
        session.table(
            "SELECT string_agg(DISTINCT column_name, ' ')
             FROM segrec_explain(7, 13), jsonb_object_keys(features) AS column_name"
        ),
        "tags"
    );
}

#[test]
fn features_are_null_unless_scores_depend_on_what_is_known_about_items() {
    let hybrid = r#""neighbours": {"content": 2, "share": 0.5}, "items": {"new_items": 0}"#;
    let (_database, mut session) = shop("explained_hybrid", items::SHOP, hybrid);
    let alike = format!(
        "SELECT bool_and({COSINE} > .5) FILTER (WHERE item_id % 6 = 1),
                bool_and(coalesce({COSINE}, 0) < .5) FILTER (WHERE item_id % 6 = 2), bool_and((features IS NULL) = (item_id IS NULL))
         FROM segrec_explain(7, 13)"
    );
    assert_eq!(session.table(&alike), "t|t|t");
    session.run(
        r#"SELECT segrec_alter_model('shop', '{"neighbours": {"content": 0}}'); SELECT segrec_train('shop', 'always')"#,
    );
    assert_eq!(session.table(COUNTS), "t|0");
    session.run(
        r#"SELECT segrec_drop_model('shop');
           SELECT segrec_create_model('shop', 'buys', options => '{"segmentation": {"method": "none"}, "als": {"factors": 8}}');
           SELECT segrec_train('shop', 'always')"#,
    );
    assert_eq!(session.table(COUNTS), "t|0");
}

#[test]
fn features_are_told_to_those_who_may_read_the_rows_of_both_items() {
    let (database, mut session) = shop("explained_rights", items::SHOP, CONTENT);
    session.run(
        "CREATE ROLE reader_of_reasons; GRANT SELECT ON buys TO reader_of_reasons;
         SELECT segrec_grant('shop', 'reader_of_reasons', 'use')",
    );
    let own = session.table(EXPLAINED);
    let contributions = "SELECT item_id, contribution FROM segrec_explain(7, 13) ORDER BY 1";
    let contributed = session.table(contributions);
    let mut reader = database.connect();
    reader.run("SET ROLE reader_of_reasons");
    for right in [
        "SELECT",
        "GRANT SELECT (product_id, title, tags) ON products TO reader_of_reasons",
        "GRANT SELECT ON products TO reader_of_reasons; ALTER TABLE products ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY others ON products TO reader_of_reasons USING (product_id <> 13)",
    ] {
        session.run(right);
        assert_eq!(reader.table(COUNTS), "t|0", "{right}");
        assert_eq!(reader.table(contributions), contributed, "{right}");
    }
    session.run(
        "DROP POLICY others ON products;
         CREATE POLICY small ON products TO reader_of_reasons USING (product_id <= 60)",
    );
    assert_eq!(
        reader.table("SELECT DISTINCT features IS NULL, item_id > 60 FROM segrec_explain(7, 13) ORDER BY 1"),
        "f|f\nt|t"
    );
    session.run("ALTER TABLE products DISABLE ROW LEVEL SECURITY");
    assert_eq!(reader.table(EXPLAINED), own);
    reader.run("RESET ROLE");
    session.run("DROP OWNED BY reader_of_reasons; DROP ROLE reader_of_reasons");
}

#[test]
fn rows_columns_and_relations_that_are_gone_end_no_explanation() {
    let (_database, mut session) = shop("explained_changes", items::SHOP, CONTENT);
    let contributions = "SELECT item_id, contribution FROM segrec_explain(7, 13) ORDER BY 1";
    let contributed = session.table(contributions);
    session.run("DELETE FROM products WHERE product_id = (SELECT min(item_id) FROM segrec_explain(7, 13))");
    assert_eq!(
        session
            .table("SELECT features IS NULL, count(*) > 5 FROM segrec_explain(7, 13) GROUP BY 1 ORDER BY 1"),
        "f|t\nt|f"
    );
    session.run("UPDATE products SET embedding = '{1, 2}' WHERE product_id <> 13");
    assert_eq!(session.table(COUNTS), "t|0");
    for change in [
        "ALTER TABLE products ALTER tags TYPE text USING tags[1]",
        "ALTER TABLE products ALTER tags TYPE jsonb USING to_jsonb(tags)",
        "ALTER TABLE products DROP tags",
        "DROP TABLE products",
    ] {
        session.run(change);
        assert_eq!(session.table(COUNTS), "t|0", "{change}");
        assert_eq!(session.table(contributions), contributed, "{change}");
    }
    let warnings: Vec<String> =
        session.notices().iter().filter_map(|notice| notice.detail().map(str::to_owned)).collect();
    assert!(warnings.iter().any(|warning| warning.contains("tags")), "{warnings:?}");
}

#[test]
fn new_items_are_explained_by_features_too_and_the_hundred_largest_contributions_have_them() {
    let options = r#""algorithm": "als", "items": {"new_items": 1}"#;
    let (_database, mut session) = shop("explained_new", refresh::SHOP, options);
    session.run(refresh::NEW);
    session.run("SELECT segrec_refresh_items('shop')");
    let by_tags =
        "SELECT bool_and(features = '{\"tags\": 1}') FILTER (WHERE item_id % 6 = 3), bool_and(features = '{}') FILTER (WHERE item_id % 6 <> 3)
         FROM segrec_explain(3, 1005) WHERE item_id IS NOT NULL";
    assert_eq!(session.table(by_tags), "t|t");
    session.run("SELECT segrec_train('shop', 'always')");
    assert_eq!(session.table(by_tags), "t|t");
    session.run("INSERT INTO buys SELECT 5000, p FROM generate_series(1::bigint, 150) p");
    assert_eq!(
        session.table(
            "SELECT count(item_id) > 120, count(features), bool_and((features IS NOT NULL) = (rank <= 100))
             FROM segrec_explain(5000, 1005) WITH ORDINALITY
                  AS e (item_id, contribution, factors, neighbours, by_scorer, features, weight, rules, rank)"
        ),
        "t|100|t"
    );
    // Without an index rows are not read.
    let mut session = _database.connect();
    session.run("ALTER TABLE products DROP CONSTRAINT products_pkey");
    assert_eq!(
        session.table("SELECT count(item_id) > 5, count(features) FROM segrec_explain(3, 1005)"),
        "t|0"
    );
}

#[test]
fn ids_of_all_types_are_explained_by_features() {
    for (type_name, id) in [("uuid", "md5({}::text)::uuid"), ("text", "'no ' || {}")] {
        let of = |column: &str| id.replace("{}", column);
        let tables = format!(
            "{} ALTER TABLE products ALTER product_id TYPE {type_name} USING {};
             ALTER TABLE buys ALTER user_id TYPE {type_name} USING {}, ALTER item_id TYPE {type_name} USING {}",
            refresh::SHOP,
            of("product_id"),
            of("user_id"),
            of("item_id"),
        );
        let (_database, mut session) = shop(&format!("explained_{type_name}"), &tables, CONTENT);
        let [user, item] = [7, 13].map(|number| of(&format!("({number})")));
        assert_eq!(
            session.table(&format!(
                "SELECT count(item_id) > 5, bool_and(features = '{{\"tags\": 1}}') FROM segrec_explain({user}, {item})"
            )),
            "t|t",
            "{type_name}"
        );
    }
}

#[test]
fn features_move_with_a_version_but_others_than_superusers_import_it_without_them() {
    let (_database, mut session) = shop("explained_import", items::SHOP, CONTENT);
    let before = session.table(EXPLAINED);
    session.run(
        "CREATE TABLE dump AS SELECT * FROM segrec_export('shop'); SELECT segrec_drop_model('shop');
         CREATE ROLE importer_of_reasons; GRANT CREATE ON SCHEMA public TO importer_of_reasons;
         GRANT SELECT ON ALL TABLES IN SCHEMA public TO importer_of_reasons",
    );
    session.run(&create(CONTENT));
    session.run("SELECT segrec_import('shop', 'dump'); SELECT segrec_deploy('shop', 1)");
    assert_eq!(session.table(EXPLAINED), before);
    session.run("SELECT segrec_drop_model('shop'); SET ROLE importer_of_reasons");
    session.run(&create(CONTENT));
    session.notices();
    session.run("SELECT segrec_import('shop', 'dump'); SELECT segrec_deploy('shop', 1)");
    let notices: Vec<String> = session.notices().iter().map(|notice| notice.message().to_owned()).collect();
    assert!(notices.iter().any(|notice| notice.ends_with("explanations name no features")), "{notices:?}");
    assert_eq!(session.table(COUNTS), "t|0");
    session.run("RESET ROLE; SELECT segrec_drop_model('shop'); DROP OWNED BY importer_of_reasons; DROP ROLE importer_of_reasons");
}
