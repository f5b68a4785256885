//! `segrec_example`: the sample shop of the documentation, in a schema of its own.

use segrec_tests::{Cluster, Session, SqlState};

/// A table's rows as one hash.
fn contents(session: &mut Session, schema: &str, table: &str) -> String {
    session.value(&format!(
        "SELECT md5(string_agg(shop::text, E'\\n' ORDER BY shop::text COLLATE \"C\")) FROM {schema}.{table} AS shop"
    ))
}

#[test]
fn the_example_has_the_rows_of_the_script_whatever_the_session_sets() {
    let database = Cluster::shared().database("example");
    assert!(!database.psql("\\i examples/shop.sql").contains("ERROR"));
    let mut session = database.connect();
    session.run(
        "SET TimeZone = 'Asia/Kathmandu'; SET DateStyle = 'SQL, DMY'; SET extra_float_digits = -3;
         SET search_path = ''; CREATE TEMP TABLE orders (id int)",
    );
    assert_eq!(
        session.table("SELECT relation, rows FROM public.segrec_example('The \"shop\"')"),
        "\"The \"\"shop\"\"\".customers|4000\n\"The \"\"shop\"\"\".products|1500\n\"The \"\"shop\"\"\".orders|55977\n\
         \"The \"\"shop\"\"\".hidden_tastes|4000"
    );
    for table in ["customers", "products", "orders", "hidden_tastes"] {
        let (script, made) =
            (contents(&mut session, "public", table), contents(&mut session, "\"The \"\"shop\"\"\"", table));
        assert_eq!(script, made, "{table}");
    }
    assert_eq!(
        session.table(
            "SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind = 'r'"
        ),
        "1",
        "only the caller's own temporary table is there"
    );
    session.run("DROP SCHEMA \"The \"\"shop\"\"\" CASCADE");
}

#[test]
fn an_example_over_a_schema_that_exists_or_without_the_right_to_create_one_leaves_nothing() {
    let database = Cluster::shared().database("example_refused");
    let mut session = database.connect();
    session.run("CREATE SCHEMA example");
    let error = session.expect_error("SELECT segrec_example()");
    assert_eq!(error.code(), &SqlState::DUPLICATE_SCHEMA);
    let error = session.expect_error("SELECT segrec_example('pg_shop')");
    assert_eq!(error.code(), &SqlState::RESERVED_NAME);
    session.run("CREATE ROLE example_refused_role; SET ROLE example_refused_role");
    let error = session.expect_error("SELECT segrec_example('mine')");
    assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE);
    session.run("RESET ROLE; DROP ROLE example_refused_role");
    assert_eq!(session.table("SELECT count(*) FROM pg_class WHERE relname = 'orders'"), "0");
}
