//! The types in which drivers send parameters: each function accepts all of them.
//!
//! psycopg sends the smallest integer type that fits, also in lists, and strings and nulls without a type;
//! node-postgres sends everything without a type; JDBC sends strings as varchar and integers as integer or bigint; sqlx
//! sends strings as text and numbers by their Rust types. A driver that asks the server for a type gets the one that
//! the server resolves.

use segrec_tests::{Cluster, Database, Session, SqlState, packages, planted};
use std::process::Command;

/// A kind of parameter: the types in which drivers send it, and its value as text.
struct Kind {
    types: &'static [&'static str],
    value: &'static str,
}

const WHOLE: Kind = Kind { types: &["smallint", "integer", "bigint", "unknown"], value: "3" };
const FIRST: Kind = Kind { types: &["smallint", "integer", "bigint", "unknown"], value: "1" };
const NUMBER: Kind =
    Kind { types: &["real", "double precision", "numeric", "integer", "unknown"], value: "0" };
const USER: Kind =
    Kind { types: &["smallint", "integer", "bigint", "text", "varchar", "unknown"], value: "8" };
const MODEL: Kind = Kind { types: &["text", "varchar", "unknown"], value: "planted" };
const ITEMS: Kind = Kind {
    types: &["smallint[]", "integer[]", "bigint[]", "text[]", "varchar[]", "text", "varchar", "unknown"],
    value: "{1,2,3}",
};
const FEATURES: Kind = Kind {
    types: &[
        "real[]",
        "double precision[]",
        "smallint[]",
        "integer[]",
        "bigint[]",
        "numeric[]",
        "text",
        "varchar",
        "unknown",
    ],
    value: "{1,2}",
};
const YES: Kind = Kind { types: &["boolean", "unknown"], value: "t" };
const OPTIONS: Kind =
    Kind { types: &["jsonb", "json", "text", "varchar", "unknown"], value: "{\"als\": {\"sweeps\": 3}}" };
const SPACE: Kind =
    Kind { types: &["jsonb", "json", "text", "varchar", "unknown"], value: "{\"als.factors\": [2]}" };
const PERSON: Kind = Kind {
    types: &["jsonb", "json", "text", "varchar", "unknown"],
    value: "{\"age\": 33, \"income\": 12.5}",
};
const CLUSTERS: Kind = Kind {
    types: &["segrec_clusters", "unknown"],
    value: "{\"dimensions\": 2, \"rows\": 1, \"inertia\": 0, \"segments\": [{\"size\": 1, \"centroid\": [1, 2]}]}",
};

fn trained(name: &str) -> (Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    session.run("SET client_min_messages = error");
    planted::create_and_train(&mut session);
    (database, session)
}

/// Calls a query with each parameter in each of its types, while the others have their first type, and then none.
fn calls(session: &mut Session, query: &str, parameters: &[&Kind]) {
    let values: Vec<String> = parameters.iter().map(|kind| format!("'{}'", kind.value)).collect();
    let values = values.join(", ");
    for (place, kind) in parameters.iter().enumerate() {
        for tried in kind.types {
            for others in [0, usize::MAX] {
                let types: Vec<&str> = parameters
                    .iter()
                    .enumerate()
                    .map(|(at, other)| match at == place {
                        true => *tried,
                        false => other.types[others.min(other.types.len() - 1)],
                    })
                    .collect();
                let types = types.join(", ");
                let call =
                    format!("PREPARE call({types}) AS {query}; EXECUTE call({values}); DEALLOCATE call");
                let made = format!("BEGIN; {call}; ROLLBACK");
                if let Err(error) = session.simple_query(&made) {
                    panic!("{call}\n{error:?}");
                }
            }
        }
    }
}

#[test]
fn lists_take_parameters_of_all_drivers() {
    let (_database, mut session) = trained("drivers_lists");
    for (query, parameters) in [
        ("SELECT 1 / count(*) FROM segrec_recommend($1, $2, $3)", &[&USER, &WHOLE, &MODEL][..]),
        (
            "SELECT 1 / count(*) FROM segrec_recommend($1, $2, $3, exclude_seen => $4, diversity => $5, explore => $6)",
            &[&USER, &WHOLE, &MODEL, &YES, &NUMBER, &NUMBER],
        ),
        ("SELECT 1 / count(*) FROM segrec_recommend_for($1, $2, $3)", &[&ITEMS, &WHOLE, &MODEL]),
        (
            "SELECT 1 / count(*) FROM segrec_recommend_for($1, $2, $3, exclude_seen => $4, diversity => $5, explore => $6)",
            &[&ITEMS, &WHOLE, &MODEL, &YES, &NUMBER, &NUMBER],
        ),
        ("SELECT 1 / count(*) FROM segrec_recommend_segment($1, $2, $3)", &[&FIRST, &WHOLE, &MODEL]),
        ("SELECT 1 / count(*) FROM (SELECT FROM segrec_recommend_all($1, $2) LIMIT 3) x", &[&MODEL, &WHOLE]),
        ("SELECT 1 / count(*) FROM segrec_similar_items($1, $2, $3)", &[&USER, &WHOLE, &MODEL]),
        ("SELECT 1 / count(*) FROM segrec_similar_users($1, $2, $3)", &[&USER, &WHOLE, &MODEL]),
        ("SELECT 1 / count(*) FROM segrec_audience($1, $2, $3, $4)", &[&USER, &WHOLE, &MODEL, &YES]),
        ("SELECT 1 / (segrec_segment_of($1, $2) IS NOT NULL)::int", &[&USER, &MODEL]),
    ] {
        calls(&mut session, query, parameters);
    }
    // Both ids must have one type.
    for types in
        ["smallint, bigint", "integer, smallint", "text, varchar", "unknown, unknown", "bigint, unknown"]
    {
        session.run(&format!(
            "PREPARE p({types}, text) AS SELECT 1 / (segrec_predict($1, $2, $3) IS NOT NULL)::int; EXECUTE p('8', '3', 'planted');
             PREPARE e({types}, text) AS SELECT count(*) FROM segrec_explain($1, $2, $3); EXECUTE e('8', '3', 'planted');
             DEALLOCATE ALL"
        ));
    }
}

#[test]
fn candidates_take_parameters_of_all_drivers() {
    let (_database, mut session) = trained("drivers_candidates");
    let numbers = ["smallint[]", "integer[]", "bigint[]", "unknown"];
    let texts = ["text[]", "varchar[]", "unknown"];
    for (call, first, types) in [
        ("segrec_recommend($1, 3, 'planted', $2, false)", ("bigint", "8"), &numbers[..]),
        ("segrec_recommend($1, 3, 'planted', $2, false)", ("unknown", "8"), &texts),
        ("segrec_recommend_for($1, 3, 'planted', $2, false)", ("integer[]", "{8}"), &numbers),
        ("segrec_recommend_for($1, 3, 'planted', $2, false)", ("unknown", "{8}"), &texts),
        ("segrec_recommend_segment($1, 3, 'planted', $2)", ("bigint", "1"), &texts),
    ] {
        let (first, value) = first;
        for kind in types {
            for (filter, rows) in [("'{3,4}'", 2), ("'{}'", 0), ("NULL", 0)] {
                session.run(&format!("PREPARE call({first}, {kind}) AS SELECT count(*) FROM {call}"));
                let found: i64 = session.value(&format!("EXECUTE call('{value}', {filter})"));
                assert_eq!(found, rows, "{call} with {first}, {kind}, {filter}");
                session.run("DEALLOCATE call");
            }
        }
    }
}

#[test]
fn a_basket_without_a_type_is_a_basket() {
    let (_database, mut session) = trained("drivers_baskets");
    let popular =
        session.table("SELECT rank, item_id FROM segrec_recommend_for(ARRAY[]::text[], 3, 'planted')");
    for empty in ["NULL", "'{}'", "'{}'::text", "NULL::bigint[]", "'{NULL}'", "ARRAY[]::integer[]"] {
        let query = format!("SELECT rank, item_id FROM segrec_recommend_for({empty}, 3, 'planted')");
        assert_eq!(session.table(&query), popular, "{empty}");
    }
    let list = session.table("SELECT rank, item_id FROM segrec_recommend_for(ARRAY[1, 2], 3, 'planted')");
    assert_ne!(list, popular);
    for basket in
        ["'{1,2}'", "'{\"1\", 2}'::varchar", "'{1,2}'::smallint[]", "'[5:6]={1,2}'", "'{1,2}'::text[]"]
    {
        let query = format!("SELECT rank, item_id FROM segrec_recommend_for({basket}, 3, 'planted')");
        assert_eq!(session.table(&query), list, "{basket}");
    }
    for wrong in ["'1,2'", "'{1'", "''"] {
        let error = session.expect_error(&format!("SELECT segrec_recommend_for({wrong}, 3, 'planted')"));
        assert_eq!(error.code(), &SqlState::INVALID_TEXT_REPRESENTATION, "{wrong}");
    }
}

#[test]
fn models_and_versions_take_parameters_of_all_drivers() {
    let (_database, mut session) = trained("drivers_models");
    session.run(
        "CREATE TABLE people AS SELECT u AS user_id, u % 50 AS age, u * 1.5 AS income FROM generate_series(1, 200) u;
         SELECT segrec_create_model('people', users => 'people', options => '{\"segmentation\": {\"method\": \"hierarchical\"}}');
         SELECT segrec_train('people'); SELECT segrec_train('planted', 'never');
         CREATE TABLE studied AS SELECT user_id, (item_id * 7 + 3) % 120 AS item_id FROM events",
    );
    let people = Kind { types: MODEL.types, value: "people" };
    let version = Kind { types: WHOLE.types, value: "2" };
    let cuts = Kind { types: &["smallint[]", "integer[]", "bigint[]", "unknown"], value: "{10,20}" };
    let folds = Kind { types: WHOLE.types, value: "2" };
    let new = Kind { types: MODEL.types, value: "new" };
    for (query, parameters) in [
        ("SELECT segrec_create_model($1, 'events', options => $2)", &[&new, &OPTIONS][..]),
        ("SELECT segrec_alter_model($1, $2)", &[&MODEL, &OPTIONS]),
        ("SELECT 1 / (segrec_classify($1, $2) IS NOT NULL)::int", &[&people, &PERSON]),
        ("SELECT 1 / count(*) FROM segrec_cut($1, $2)", &[&people, &WHOLE]),
        ("SELECT 1 / (segrec_describe_segment($1, $2) IS NOT NULL)::int", &[&people, &FIRST]),
        ("SELECT segrec_label_segment($1, $2, $3)", &[&MODEL, &FIRST, &MODEL]),
        ("SELECT segrec_deploy($1, $2)", &[&MODEL, &version]),
        ("SELECT segrec_drop_version($1, $2)", &[&MODEL, &version]),
        ("SELECT 1 / count(*) FROM segrec_export($1, $2)", &[&MODEL, &version]),
        ("SELECT 1 / count(*) FROM segrec_evaluate($1, $2, 'studied')", &[&MODEL, &cuts]),
        ("SELECT 1 / count(*) FROM segrec_compare($1, $2, $3)", &[&MODEL, &FIRST, &version]),
        (
            "SELECT segrec_catalog.begin_study($1, $2, $3, 'ndcg@10', 'random', $4)",
            &[&MODEL, &SPACE, &WHOLE, &YES],
        ),
        ("SELECT 1 / count(*) FROM segrec_forget_user($1, $2)", &[&MODEL, &USER]),
    ] {
        calls(&mut session, query, parameters);
    }
    // The training runs each time it is requested.
    for types in ["text, bigint", "unknown, unknown"] {
        session.run(&format!(
            "PREPARE folds({types}) AS SELECT 1 / count(*) FROM segrec_cross_validate($1, $2);
             EXECUTE folds('planted', '{}'); DEALLOCATE folds",
            folds.value
        ));
    }
    for space in
        ["'{\"als.factors\": [2]}'", "'{\"als.factors\": [2]}'::json", "'{\"als.factors\": [2]}'::jsonb"]
    {
        session.run(&format!("CALL segrec_tune('planted', {space}, 1::bigint)"));
    }
}

#[test]
fn features_are_arrays_of_any_numbers() {
    let database = Cluster::shared().database("drivers_features");
    let mut session = database.connect();
    calls(&mut session, "SELECT 1 / segrec_assign($1, $2)", &[&CLUSTERS, &FEATURES]);
    for (query, parameters) in [
        (
            "SELECT 1 / (segrec_kmeans($1, $2) IS NOT NULL)::int FROM generate_series(1, 3)",
            &[&FEATURES, &FIRST],
        ),
        ("SELECT segrec_silhouette($1, $2) FROM generate_series(1, 3)", &[&FEATURES, &WHOLE]),
        ("SELECT segrec_davies_bouldin($1, $2) FROM generate_series(1, 3)", &[&FEATURES, &WHOLE]),
    ] {
        calls(&mut session, query, parameters);
    }
    session.run("CREATE TABLE points AS SELECT i AS a, i % 7 AS b FROM generate_series(1, 500) i");
    let expected = session.table("SELECT segrec_kmeans(ARRAY[a, b]::real[], 3) FROM points");
    for kind in ["double precision", "smallint", "integer", "bigint", "numeric"] {
        let query = format!("SELECT segrec_kmeans(ARRAY[a, b]::{kind}[], 3) FROM points");
        assert_eq!(session.table(&query), expected, "{kind}");
        let query = format!(
            "SELECT count(*) FROM points, (SELECT segrec_kmeans(ARRAY[a, b]::real[], 3) AS clusters FROM points) made
             WHERE segrec_assign(clusters, ARRAY[a, b]::{kind}[]) <> segrec_assign(clusters, ARRAY[a, b]::real[])"
        );
        assert_eq!(session.value::<i64>(&query), 0, "{kind}");
    }
    assert_eq!(session.table("SELECT segrec_kmeans(format('{%s,%s}', a, b), 3) FROM points"), expected);
    session
        .run("SELECT segrec_kmeans(ARRAY[ln(a + 1), 1.5], 2), segrec_kmeans(ARRAY[a, 1.5], 2) FROM points");
    for (features, said) in [
        ("ARRAY[1, 1e300::float8]", "feature 2 is 1e300"),
        ("ARRAY[1, 1e400::numeric]", "feature 2 is inf"),
        ("ARRAY['NaN'::float8, 1]", "feature 1 is NaN"),
        ("ARRAY[1, NULL, 3]::numeric[]", "feature 2 is null"),
        ("'{1,1e16}'", "feature 2 is 1e16"),
        ("ARRAY[9223372036854775807, 1]", "feature 1 is 9.223372036854776e18"),
    ] {
        let error = session.expect_error(&format!("SELECT segrec_kmeans({features}, 2)"));
        assert_eq!(error.message(), said, "{features}");
    }
    let error = session.expect_error("SELECT segrec_catalog.kmeans_step(NULL, ARRAY['a'], 2)");
    assert_eq!(error.code(), &SqlState::DATATYPE_MISMATCH);
    assert_eq!(error.message(), "features cannot be of type text");
}

#[test]
fn a_type_that_has_an_implicit_cast_to_real_is_features_too() {
    let database = Cluster::shared().database("drivers_vectors");
    let mut session = database.connect();
    session.run(
        "CREATE TYPE vector AS (elements text);
         CREATE FUNCTION elements(vector) RETURNS real[] IMMUTABLE LANGUAGE sql AS 'SELECT ($1).elements::real[]';
         CREATE CAST (vector AS real[]) WITH FUNCTION elements(vector) AS IMPLICIT;
         SELECT segrec_assign(segrec_kmeans(v, 1), (SELECT v)) FROM (SELECT ROW('{1,2}')::vector AS v) x GROUP BY v",
    );
}

#[test]
fn numbers_and_documents_that_are_beyond_are_refused() {
    let (_database, mut session) = trained("drivers_beyond");
    for (call, code, said) in [
        ("segrec_recommend(8, 2147483648)", SqlState::INVALID_PARAMETER_VALUE, "\"n\" is 2147483648"),
        ("segrec_recommend(8, -1)", SqlState::INVALID_PARAMETER_VALUE, "\"n\" is -1"),
        (
            "segrec_deploy('planted', 5000000000)",
            SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
            "number 5000000000 is too large",
        ),
        (
            "segrec_evaluate('planted', '{5000000000}')",
            SqlState::INVALID_PARAMETER_VALUE,
            "\"k\" is 5000000000",
        ),
        (
            "segrec_alter_model('planted', 3)",
            SqlState::DATATYPE_MISMATCH,
            "JSON document cannot be of type integer",
        ),
        (
            "segrec_alter_model('planted', '{als')",
            SqlState::INVALID_TEXT_REPRESENTATION,
            "invalid input syntax for type json",
        ),
        (
            "segrec_alter_model('planted', NULL)",
            SqlState::NULL_VALUE_NOT_ALLOWED,
            "\"options\" must not be null",
        ),
        (
            "segrec_recommend(8, diversity => 1.0000001)",
            SqlState::INVALID_PARAMETER_VALUE,
            "\"diversity\" is 1.0000001",
        ),
    ] {
        let error = session.expect_error(&format!("SELECT {call}"));
        assert_eq!((error.code(), error.message()), (&code, said), "{call}");
    }
}

/// What a program in `examples/drivers` prints for a customer of the shop, which must be what the function lists.
fn prints_the_lists(name: &str, program: impl FnOnce(&Database<'_>) -> Command) {
    let database = Cluster::shared().database(name);
    assert!(!database.psql("\\i examples/shop.sql").contains("ERROR"));
    let mut session = database.connect();
    session.run(
        "SELECT segrec_create_model('shop', 'orders', 'customer_id', 'product_id', options => '{\"algorithm\": \"als\", \"als\": {\"factors\": 8}, \"segmentation\": {\"method\": \"none\"}}');
         SELECT segrec_train('shop', 'always')",
    );
    let list = |exclude: &str| {
        format!(
            "SELECT string_agg(concat_ws(E'\\t', rank, item_id, name), E'\\n' ORDER BY rank)
             FROM segrec_recommend(42, 3, exclude => {exclude}) JOIN products ON id = item_id"
        )
    };
    let before: String = session.value(&list("NULL::bigint[]"));
    let ids: Vec<i64> = session.column("SELECT item_id FROM segrec_recommend(42, 3) ORDER BY rank");
    session
        .run(&format!("BEGIN; INSERT INTO orders SELECT max(id) + 1, 42, {}, 1, now() FROM orders", ids[0]));
    let after: String = session.value(&list(&format!("ARRAY[{}::bigint]", ids[1])));
    session.run("ROLLBACK");
    assert_ne!(before, after);

    let output = program(&database).arg("42").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        format!("recommended\n{before}\nafter an order and with a basket\n{after}\n")
    );
    assert_eq!(session.value::<i64>("SELECT count(*) FROM orders"), 55_977, "it has rolled back");
}

#[test]
fn the_program_with_psycopg_prints_the_lists() {
    prints_the_lists("with_psycopg", |database| {
        let mut program = database.client(packages::python().join("bin/python"));
        program.arg("examples/drivers/with_psycopg.py");
        program
    });
}

#[test]
fn the_program_with_sqlalchemy_prints_the_lists() {
    prints_the_lists("with_sqlalchemy", |database| {
        let mut program = database.client(packages::python().join("bin/python"));
        program.arg("examples/drivers/with_sqlalchemy.py");
        program
    });
}

#[test]
fn the_program_with_node_postgres_prints_the_lists() {
    prints_the_lists("with_node_postgres", |database| {
        let mut program = database.client("node");
        program.arg("examples/drivers/with_node_postgres.js").env("NODE_PATH", packages::node());
        program
    });
}

#[test]
fn the_program_with_sqlx_prints_the_lists() {
    // Cargo builds examples with the tests, into a folder beside theirs.
    let tests = std::env::current_exe().unwrap();
    let path = tests.ancestors().nth(2).unwrap().join("examples/with_sqlx");
    prints_the_lists("with_sqlx", |database| database.client(path));
}
