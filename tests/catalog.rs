//! The SQL catalog of the extension is a contract: it includes each object, attribute, privilege and comment.

use segrec_tests::{Cluster, Session};

/// Restricts a query on a system catalog to the objects of the extension.
fn of_the_extension(catalog: &str) -> String {
    format!(
        "{catalog}.oid IN (SELECT objid FROM pg_depend JOIN pg_extension ON refobjid = pg_extension.oid
                           WHERE refclassid = 'pg_extension'::regclass AND extname = 'pg_segrec'
                             AND classid = '{catalog}'::regclass AND deptype = 'e')"
    )
}

fn session(name: &str) -> (segrec_tests::Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    session.run("LOAD 'pg_segrec'"); // so that its settings are known
    // With this path, names are always printed with their schema.
    session.run("SET search_path = pg_catalog");
    (database, session)
}

#[test]
fn the_catalog_is_what_the_snapshot_says() {
    let (_database, mut session) = session("catalog_snapshot");
    let mut text = String::from(
        "Everything that CREATE EXTENSION pg_segrec makes. Written by tests/catalog.rs; do not edit.\n\n",
    );
    for object in session.column::<String>(include_str!("catalog.sql")) {
        text.push_str(&object);
        text.push_str("\n\n");
    }
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("catalog", text);
    });
}

#[test]
fn every_function_type_relation_schema_and_column_of_a_view_has_a_comment() {
    let (_database, mut session) = session("catalog_comments");
    // Row types and array types belong to their relations and types.
    const NOT_IMPLIED: &str =
        "NOT EXISTS (SELECT FROM pg_class WHERE pg_class.oid = typrelid AND relkind <> 'c')
         AND NOT EXISTS (SELECT FROM pg_type AS element WHERE element.typarray = pg_type.oid)";
    let mut silent = Vec::new();
    for (catalog, name, condition) in [
        ("pg_proc", "function ' || pg_proc.oid::regprocedure", "true"),
        ("pg_class", "relation ' || pg_class.oid::regclass", "relkind <> 'S'"),
        ("pg_type", "type ' || format_type(pg_type.oid, NULL)", NOT_IMPLIED),
        ("pg_namespace", "schema ' || nspname", "true"),
    ] {
        silent.extend(session.column::<String>(&format!(
            "SELECT '{name} FROM {catalog}
             WHERE obj_description({catalog}.oid, '{catalog}') IS NULL AND {condition} AND {} ORDER BY 1",
            of_the_extension(catalog)
        )));
    }
    silent.extend(session.column::<String>(&format!(
        "SELECT 'column ' || attrelid::regclass || '.' || attname
         FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
         WHERE relkind = 'v' AND attnum > 0 AND col_description(attrelid, attnum) IS NULL AND {}
         ORDER BY attrelid::regclass::text, attnum",
        of_the_extension("pg_class")
    )));
    silent.extend(session.column::<String>(
        "SELECT 'setting ' || name FROM pg_settings WHERE name LIKE 'segrec.%' AND coalesce(short_desc, '') = ''",
    ));
    assert!(silent.is_empty(), "without a comment:\n  {}", silent.join("\n  "));
}

#[test]
fn every_function_written_in_sql_or_plpgsql_pins_its_search_path() {
    let (_database, mut session) = session("catalog_search_path");
    // A body that is parsed at creation (BEGIN ATOMIC) has already resolved its names. A procedure that commits must
    // not set the path, so its names are qualified.
    let free = session.column::<String>(&format!(
        "SELECT pg_proc.oid::regprocedure::text
         FROM pg_proc JOIN pg_language ON pg_language.oid = prolang
         WHERE lanname IN ('sql', 'plpgsql') AND prosqlbody IS NULL AND prokind <> 'p'
           AND NOT EXISTS (SELECT FROM unnest(proconfig) AS setting WHERE setting LIKE 'search_path=%')
           AND {} ORDER BY 1",
        of_the_extension("pg_proc")
    ));
    assert!(free.is_empty(), "without SET search_path:\n  {}", free.join("\n  "));
}

#[test]
fn no_function_is_security_definer_without_a_pinned_search_path() {
    let (_database, mut session) = session("catalog_security_definer");
    let free = session.column::<String>(&format!(
        "SELECT pg_proc.oid::regprocedure::text FROM pg_proc
         WHERE prosecdef
           AND NOT EXISTS (SELECT FROM unnest(proconfig) AS setting WHERE setting LIKE 'search_path=%')
           AND {} ORDER BY 1",
        of_the_extension("pg_proc")
    ));
    assert!(free.is_empty(), "SECURITY DEFINER without SET search_path:\n  {}", free.join("\n  "));
}

#[test]
fn the_extension_makes_nothing_that_it_does_not_own() {
    let (_database, mut session) = session("catalog_ownership");
    let strays = session.column::<String>(
        "SELECT pg_describe_object('pg_class'::regclass, oid, 0) FROM pg_class
         WHERE relnamespace IN ('public'::regnamespace, to_regnamespace('segrec'), to_regnamespace('segrec_catalog'))
           AND relkind IN ('r', 'v', 'm', 'p', 'S')
           AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid
                           AND deptype IN ('e', 'i', 'a'))
         UNION ALL
         SELECT pg_describe_object('pg_proc'::regclass, oid, 0) FROM pg_proc
         WHERE proname LIKE 'segrec%'
           AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e')",
    );
    assert!(
        strays.is_empty(),
        "not part of the extension, so DROP EXTENSION leaves them:\n  {}",
        strays.join("\n  ")
    );
}
