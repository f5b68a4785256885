//! Calls every function and aggregate of the extension with unreasonable arguments: nulls, extremes, arrays of every
//! shape, texts that confuse parsers, relations that do not exist. Each call succeeds or fails with an SQLSTATE that
//! says why. No error is internal or a panic, and the server stays up.

use segrec_tests::attempts::{self, Attempts, BATCH};
use segrec_tests::{Cluster, Session, draws, planted, rounds};

/// The default number of calls of all tests together.
const USUAL: usize = 6000;

/// Routines that train and measure, which are called less often.
const SLOW: [&str; 6] = [
    "segrec_cross_validate",
    "segrec_train",
    "segrec_compare",
    "segrec_evaluate",
    "segrec_catalog.run_scheduled",
    "segrec_catalog.run_trial",
];

/// Relations of every kind, models, and values of the extension's own types.
const THINGS: &str = r#"
    CREATE VIEW a_view AS SELECT * FROM events;
    CREATE MATERIALIZED VIEW a_matview AS SELECT * FROM events;
    CREATE SEQUENCE a_sequence;
    CREATE TYPE a_row AS (user_id bigint, item_id bigint);
    CREATE TABLE parts (LIKE events) PARTITION BY RANGE (user_id);
    CREATE TABLE odd_columns (user_id point, item_id xml, "Größe" text, weight numeric, at timestamptz);
    CREATE TABLE no_columns ();
    CREATE TABLE people AS SELECT u AS user_id, u % 7 AS age, 'x' || u % 3 AS city FROM generate_series(1::bigint, 300) u;
    CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
    CREATE FOREIGN TABLE abroad (user_id bigint, item_id bigint) SERVER nowhere;
    CREATE TABLE words AS SELECT 'user ' || user_id AS user_id, md5(item_id::text)::uuid AS item_id FROM events LIMIT 500;
    SELECT segrec_create_model('words', 'words', options => '{"als": {"factors": 4}}');
    SELECT segrec_train('words');
    SELECT segrec_create_model('people', users => 'people');
    SELECT segrec_train('people');
    SELECT segrec_create_model('fresh', 'events');
    CREATE TABLE exported AS SELECT * FROM segrec_export('words');
    CREATE TABLE kept AS SELECT segrec_kmeans(ARRAY[n, n * n % 7]::real[], 3) AS clusters FROM generate_series(1, 40) n;
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC;
    SELECT segrec_grant(model, 'public', 'use') FROM segrec.models"#;

/// A routine of the extension.
struct Routine {
    name: String,
    kind: char,
    /// The names, if there are any, and the types of its arguments.
    arguments: Vec<(Option<String>, String)>,
}

/// Returns the routines that the role may call, except those that only PostgreSQL itself can call.
fn routines(session: &mut Session) -> Vec<Routine> {
    let rows = session
        .query(
            "SELECT p.oid::regproc::text, p.prokind, ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) t), p.proargnames
             FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
             JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
             WHERE e.extname = 'pg_segrec' AND has_function_privilege(p.oid, 'EXECUTE')
               AND NOT 'internal'::regtype = ANY (p.proargtypes)
             ORDER BY 1, p.oid::regprocedure::text",
            &[],
        )
        .unwrap();
    let routine = |row: &postgres::Row| {
        let types: Vec<String> = row.get(2);
        let names: Vec<String> = row.get::<_, Option<_>>(3).unwrap_or_default();
        let names = names.into_iter().map(Some).chain(std::iter::repeat(None));
        Routine {
            name: row.get(0),
            kind: row.get::<_, i8>(1) as u8 as char,
            arguments: names.zip(types).collect(),
        }
    };
    rows.iter().map(routine).collect()
}

/// Returns valid values for an argument of that name, if there are any.
fn sensible(name: &str) -> &'static [&'static str] {
    match name {
        "model" => &["'planted'", "'words'", "'people'", "'fresh'"],
        "user_column" | "users_key" | "user_id" => &["'user_id'"],
        "item_column" | "items_key" => &["'item_id'"],
        "weight_column" | "time_column" | "type_column" | "candidates" | "test" => &["NULL"],
        "events" => &["'events'", "'a_view'", "'words'"],
        "users" | "items" => &["NULL", "'people'"],
        "options" => &["'{}'", "'{\"algorithm\": \"popularity\"}'"],
        "space" => &["'{\"als\": {\"factors\": [4, 8]}}'"],
        "metric" => &["'recall'", "'ndcg'"],
        "deploy" => &["'if_better'", "'always'", "'never'"],
        "privilege" => &["'use'", "'train'"],
        "role" => &["'public'", "'pg_monitor'"],
        "relation" => &["'exported'"],
        "n" | "k" | "folds" | "trials" => &["3", "5"],
        "version" | "other" | "segment" | "segments" | "study" | "trial" | "job" => &["1", "2"],
        "diversity" | "explore" => &["0", "0.5"],
        _ => &[],
    }
}

#[rustfmt::skip]
const TEXTS: [&str; 40] = [
    "''", "' '", "'planted'", "'words'", "'people'", "'fresh'", "'user 1'", "'7'", "'user_id'", "'item_id'", "'at'",
    "'none'", "'always'", "'if_better'", "'use'", "'train'", "'public'", "'pg_monitor'", "'nobody'", "'ndcg'",
    "'random'", "'*/5 * * * *'", "'0 0 31 2 *'", "'0 0 29 2 *'", "'9223372036854775807 seconds'",
    "'9223372036854775808'", "'🦀'", "E'\\u202e\\u0301\\uFEFF'", "'NaN'", "'-0'", "'%s%n%1$s'", "'a''b\"c\\d'",
    "'Größe'", "repeat('x', 64)", "repeat('é', 5000)", "repeat('1,', 300000)", "E'\\n\\r\\t\\x01'",
    "'../../etc/passwd'", "'00000000-0000-0000-0000-000000000000'", "'segrec_catalog.models'",
];
#[rustfmt::skip]
const WHOLE: [&str; 14] = [
    "0", "1", "-1", "2", "3", "5", "10", "32767", "-32768", "2147483647", "-2147483648", "1000000", "65536", "17",
];
#[rustfmt::skip]
const BIG: [&str; 6] = [
    "9223372036854775807", "(-9223372036854775808)", "4294967296", "-4294967297", "1099511627776",
    "9007199254740993",
];
#[rustfmt::skip]
const NUMBERS: [&str; 14] = [
    "0", "'-0'", "1", "-1", "0.5", "'NaN'", "'Infinity'", "'-Infinity'", "1e-45", "1e15", "3.4e38", "-3.4e38",
    "0.1", "1.0000001",
];
const WIDE: [&str; 4] = ["1.7976931348623157e308", "-1.7976931348623157e308", "4.9e-324", "1e300"];
#[rustfmt::skip]
const DOCUMENTS: [&str; 24] = [
    "'{}'", "'[]'", "'null'", "'1'", "'\"x\"'", "'{\"a\": 1e400}'", "'{\"als\": {\"factors\": 1e400}}'",
    "(repeat('{\"a\":', 130) || '1' || repeat('}', 130))", "(repeat('[', 2000) || repeat(']', 2000))",
    "(repeat('[', 100000) || repeat(']', 100000))", "'{\"als\": {\"factors\": [4, 8]}}'",
    "'{\"als\": {\"factors\": 9223372036854775808}}'", "'{\"time_limit\": -1}'", "'{\"time_limit\": 1e308}'",
    "'{\"seed\": 18446744073709551616}'", "'{\"segmentation\": {\"segments\": 0}}'",
    "'{\"user_id\": 3, \"age\": 1e300, \"city\": []}'", "'{\"age\": \"NaN\", \"city\": null}'",
    "'{\"age\": 3, \"city\": \"x1\"}'", "'{\"\": {\"\": {\"\": \"\"}}}'",
    "'{\"Gr\\u00f6\\u00dfe\": \"\\ud83e\\udd80\"}'", "'{\"age\": 123456789012345678901234567890.5}'",
    "('{\"a\": \"' || repeat('y', 100000) || '\"}')",
    "('{' || (SELECT string_agg(format('\"k%s\": %s', n, n), ',') FROM generate_series(1, 3000) n) || '}')",
];
#[rustfmt::skip]
const RELATIONS: [&str; 22] = [
    "'events'", "'a_view'", "'a_matview'", "'a_sequence'", "'a_row'", "'parts'", "'odd_columns'", "'no_columns'",
    "'people'", "'abroad'", "'words'", "'exported'", "'kept'", "'events_user_id_idx'", "'pg_class'",
    "'pg_temp.passing'", "'segrec.models'", "'segrec_catalog.models'", "0::oid", "4294967295::oid", "99999::oid",
    "(SELECT reltoastrelid FROM pg_class WHERE relname = 'exported')",
];
#[rustfmt::skip]
const MOMENTS: [&str; 10] = [
    "'infinity'", "'-infinity'", "'4713-01-01 BC'", "'294276-12-31 23:59:59.999999'", "'2024-02-29 23:59:59'",
    "'0001-01-01 BC'", "'5000-12-31'", "'4999-12-31 23:59:59'", "'2026-01-01'", "'262143-01-01'",
];

fn one(draw: &mut fastrand::Rng, of: &[&str]) -> String {
    of[draw.usize(..of.len())].to_owned()
}

/// Returns an array of any shape: empty, with nulls, two-dimensional, with other lower bounds, and sometimes very long.
fn array(draw: &mut fastrand::Rng, element: &str) -> String {
    let mut elements = |count: usize| (0..count).map(|_| value(draw, element)).collect::<Vec<_>>().join(", ");
    let (few, more) = (elements(3), elements(3));
    let shape = match draw.u32(0..9) {
        0 => "'{}'".to_owned(),
        1 => format!("ARRAY[[{few}], [{more}]]"),
        2 => format!("array_fill({}::{element}, ARRAY[3], ARRAY[-5])", value(draw, element)),
        3 => {
            let most = if element == "text" { 50 } else { 20_000 };
            format!("array_fill({}::{element}, ARRAY[{}])", value(draw, element), draw.usize(0..most))
        }
        4 => format!("array_fill(NULL::{element}, ARRAY[2, 2, 2])"),
        5 => "ARRAY[NULL]".to_owned(),
        _ => format!("ARRAY[{few}, {more}]"),
    };
    format!("{shape}::{element}[]")
}

/// Returns an expression of the given type.
fn value(draw: &mut fastrand::Rng, kind: &str) -> String {
    if draw.u32(0..12) == 0 {
        return format!("NULL::{kind}");
    }
    if let Some(element) = kind.strip_suffix("[]") {
        return array(draw, element);
    }
    let value = match kind {
        "boolean" => one(draw, &["true", "false"]),
        "smallint" => one(draw, &["0", "-1", "32767"]),
        "integer" => one(draw, &WHOLE),
        "bigint" if draw.bool() => one(draw, &BIG),
        "bigint" => one(draw, &WHOLE),
        "real" => one(draw, &NUMBERS),
        "double precision" | "numeric" if draw.u32(0..3) == 0 => one(draw, &WIDE),
        "double precision" | "numeric" => one(draw, &NUMBERS),
        "text" | "name" | "character varying" => one(draw, &TEXTS),
        "uuid" if draw.bool() => format!("md5('{}')", draw.u32(0..150)),
        "uuid" => "'ffffffff-ffff-ffff-ffff-ffffffffffff'".to_owned(),
        "jsonb" | "json" => one(draw, &DOCUMENTS),
        "regclass" | "oid" => one(draw, &RELATIONS),
        "regnamespace" => {
            one(draw, &["'public'", "'segrec_catalog'", "'pg_temp'", "0::oid", "4294967295::oid"])
        }
        "timestamp without time zone" | "timestamp with time zone" => one(draw, &MOMENTS),
        "interval" => one(draw, &["'0'", "'-178000000 years'", "'178000000 years'", "'1 second'"]),
        "cstring" => format!("textout({})", one(draw, &TEXTS)),
        "segrec_clusters" => "(SELECT clusters FROM kept)".to_owned(),
        "segrec_summary" => one(draw, &["'00'", "''", "'zz'", "repeat('ff', 40)", "'0100000000000000'"]),
        other => panic!("the fuzz has no values of type {other}: give it some"),
    };
    format!("{value}::{kind}")
}

/// Returns a valid value, as an array of one element if the type is an array.
fn as_array_or_one(value: &str, kind: &str) -> String {
    match kind.strip_suffix("[]") {
        Some(_) if value != "NULL" => format!("ARRAY[{value}]::{kind}"),
        _ => format!("{value}::{kind}"),
    }
}

/// Returns a type that is accepted for an argument of the given type.
fn taken(draw: &mut fastrand::Rng, kind: &str) -> String {
    match kind {
        "anycompatible" => one(draw, &["jsonb", "json", "text", "character varying", "integer", "real[]"]),
        "anyarray" => {
            let numbers =
                ["real[]", "double precision[]", "smallint[]", "integer[]", "bigint[]", "numeric[]"];
            one(draw, &[&numbers[..], &["text[]", "uuid[]"]].concat())
        }
        kind => kind.to_owned(),
    }
}

/// Returns a call of a routine with random arguments.
fn call(draw: &mut fastrand::Rng, routine: &Routine) -> String {
    let arguments = |draw: &mut fastrand::Rng| {
        let arguments = routine.arguments.iter().map(|(name, kind)| {
            let sensible = name.as_deref().map_or(&[][..], sensible);
            let kind = &taken(draw, kind);
            match sensible.len() {
                0 => value(draw, kind),
                _ if draw.u32(0..3) == 0 => value(draw, kind),
                _ => as_array_or_one(&one(draw, sensible), kind),
            }
        });
        arguments.collect::<Vec<_>>().join(", ")
    };
    let name = &routine.name;
    match routine.kind {
        'a' => {
            let columns: Vec<String> =
                (0..routine.arguments.len()).map(|column| format!("c{column}")).collect();
            let columns = columns.join(", ");
            let rows: Vec<String> = (0..draw.usize(1..5)).map(|_| format!("({})", arguments(draw))).collect();
            let over = one(draw, &["", "", "", " OVER (ROWS 1 PRECEDING)", " FILTER (WHERE false)"]);
            let distinct = if over.is_empty() { one(draw, &["", "", "DISTINCT "]) } else { String::new() };
            format!(
                "SELECT {name}({distinct}{columns}){over} FROM (VALUES {}) AS v({columns})",
                rows.join(", ")
            )
        }
        'p' => format!("CALL {name}({})", arguments(draw)),
        _ => format!("SELECT count(*), max(format('%s', a)) FROM {name}({}) AS a", arguments(draw)),
    }
}

/// Returns the settings under which a batch of calls is made.
fn circumstances(draw: &mut fastrand::Rng) -> String {
    one(
        draw,
        &[
            "",
            "",
            "",
            "",
            "",
            "SET LOCAL search_path = pg_temp, public, segrec",
            "SET LOCAL segrec.training_memory = '64MB'",
            "SET LOCAL work_mem = '64kB'",
            "SET TRANSACTION READ ONLY",
            "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
            "SET LOCAL TimeZone = 'Pacific/Kiritimati'",
            "SET LOCAL extra_float_digits = 0",
            "SET LOCAL row_security = off",
            "SET LOCAL enable_seqscan = off",
            "SET LOCAL standard_conforming_strings = off",
            "SET LOCAL DateStyle = 'German'",
        ],
    )
}

/// Returns the number of calls; a soak sets the number of all calls in SEGREC_CALLS.
fn calls(usual: usize) -> usize {
    match std::env::var("SEGREC_CALLS") {
        Ok(calls) => calls.parse::<usize>().expect("SEGREC_CALLS is a whole number") * usual / USUAL,
        Err(_) => rounds(usual),
    }
}

/// Calls every routine that the role may call, until the number of calls is reached.
fn fuzz(name: &str, role: Option<&str>, usual: usize) {
    let mut draw = draws(name);
    let cluster = Cluster::start();
    let database = cluster.database(name);
    let mut owner = database.connect();
    owner.run("SET client_min_messages = error");
    planted::create_and_train(&mut owner);
    owner.run(THINGS);
    attempts::prepare(&mut owner);
    let mut session = match role {
        Some(role) => {
            owner.run(&format!("CREATE ROLE {role} LOGIN"));
            database.connect_as(role)
        }
        None => database.connect(),
    };
    session.run(
        "SET client_min_messages = error; SET statement_timeout = '1s'; SET lock_timeout = '100ms';
         CREATE TEMPORARY TABLE passing (user_id bigint, item_id bigint)",
    );
    let routines = routines(&mut session);
    let mut attempts = Attempts::of(&mut session);
    let mut left = calls(usual);
    while left > 0 {
        let before = circumstances(&mut draw);
        let batch: Vec<String> = (0..BATCH.min(left))
            .map(|_| {
                let routine = loop {
                    let routine = &routines[draw.usize(..routines.len())];
                    if !SLOW.contains(&routine.name.as_str()) || draw.u32(0..8) == 0 {
                        break routine;
                    }
                };
                call(&mut draw, routine)
            })
            .collect();
        left -= batch.len();
        attempts.make(&mut session, &before, &batch);
    }
    println!("{} routines", routines.len());
    attempts.report(&mut session);
}

#[test]
fn no_argument_of_a_superuser_is_an_internal_error() {
    fuzz("arguments", None, 4000);
}

#[test]
fn no_argument_of_somebody_else_is_an_internal_error() {
    fuzz("arguments_guest", Some("arguments_guest"), 2000);
}

#[test]
fn arguments_of_the_largest_size_are_answered_or_refused() {
    // A soak uses values of almost a gigabyte, the largest size that PostgreSQL allows.
    let bytes = if rounds(1) == 1 { 100_000_000 } else { 1_000_000_000 };
    let cluster = Cluster::start();
    let database = cluster.database("arguments_largest");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    attempts::prepare(&mut session);
    let mut attempts = Attempts::of(&mut session);
    session.run("SET statement_timeout = '60s'");
    let numbers = bytes / 8 - 10;
    let calls = [
        format!("SELECT * FROM segrec_recommend(1, 3, repeat('x', {bytes}))"),
        format!("SELECT * FROM segrec_recommend(repeat('7', {bytes}), 3, 'planted')"),
        format!("SELECT segrec_create_model(repeat('é', {bytes} / 2), 'events')"),
        format!("SELECT segrec_create_model('x', 'events', repeat('é', {bytes} / 2))"),
        format!("SELECT segrec_grant('planted', repeat('x', {bytes}), 'use')"),
        format!("SELECT segrec_label_segment('planted', 1, repeat('x', {bytes}))"),
        format!("SELECT segrec_alter_model('planted', jsonb_build_object('seed', repeat('1', {bytes} / 8)))"),
        format!("SELECT segrec_catalog.next_run(repeat('1', {bytes}), '2026-01-01')"),
        format!(
            "SELECT count(*) FROM segrec_recommend(1, 3, 'planted', array_fill(1::bigint, ARRAY[{numbers}]))"
        ),
        format!("SELECT segrec_recall(array_fill(1::bigint, ARRAY[{numbers}]), ARRAY[1::bigint], 3)"),
        format!("SELECT segrec_kmeans(array_fill(1::real, ARRAY[{numbers}]), 2)"),
        format!("SELECT repeat('ff', {bytes} / 2)::segrec_summary"),
        format!("SELECT repeat('ff', {bytes} / 2)::segrec_clusters"),
    ];
    for call in calls {
        attempts.make(&mut session, "SET LOCAL work_mem = '64kB'", &[call]);
    }
    attempts.report(&mut session);
}
