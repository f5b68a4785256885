//! Tampered states of aggregates: any user may create an aggregate from our functions, store its state as text, change
//! it and read it back. Our functions then succeed or raise an error.

use postgres::types::private::BytesMut;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use segrec_tests::attempts::{self, Attempts, BATCH};
use segrec_tests::{Cluster, Session, draws, rounds};
use std::error::Error;

/// A function of an aggregate: its name, and its arguments besides the state.
struct Part {
    name: String,
    arguments: Vec<String>,
}

/// Returns the functions whose first argument is a state, with or without a state as their result.
fn parts(session: &mut Session, result: &str) -> Vec<Part> {
    let rows = session
        .query(
            &format!(
                "SELECT p.oid::regproc::text, ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY AS a(t, n) WHERE n > 1)
                 FROM pg_proc p
                 WHERE p.proargtypes[0] = 'segrec_summary'::regtype AND has_function_privilege(p.oid, 'EXECUTE')
                   AND NOT 'internal'::regtype = ANY (p.proargtypes) AND p.prokind = 'f' AND {result}
                 ORDER BY 1, p.oid::regprocedure::text"
            ),
            &[],
        )
        .unwrap();
    rows.iter().map(|row| Part { name: row.get(0), arguments: row.get(1) }).collect()
}

/// Returns a column of the type that the function takes, for a row n.
fn column(kind: &str) -> &'static str {
    match kind {
        "anyarray" => "ARRAY[n, n * n % 7]::real[]",
        "bigint" => "3",
        "text" => "format('{%s,%s}', n % 3, n % 7)",
        "boolean" => "n % 2 = 0",
        "double precision" => "n::float8 / 13", // also a probability
        "segrec_summary" => "NULL::segrec_summary",
        other => panic!("no values of type {other}: give some"),
    }
}

fn columns(part: &Part) -> String {
    part.arguments.iter().map(|kind| column(kind)).collect::<Vec<_>>().join(", ")
}

/// Returns the text of a state with some bytes changed.
fn mutated(draw: &mut fastrand::Rng, texts: &[String]) -> String {
    const ODD: [&str; 12] = [
        "00",
        "01",
        "ff",
        "7f",
        "80",
        "ffffffff0f",
        "0000c07f",
        "0000807f",
        "ffffffffffffffff7f",
        "000000000000f07f",
        "05",
        "10",
    ];
    let mut text = texts[draw.usize(..texts.len())].clone();
    for _ in 0..draw.usize(0..4) {
        let bytes = text.len() / 2;
        if bytes < 2 {
            break;
        }
        let most = if draw.bool() { bytes.min(24) } else { bytes }; // what comes first says what the rest is
        let place = 2 * draw.usize(..most);
        match draw.u32(0..5) {
            0 => text.replace_range(place..place + 2, &format!("{:02x}", draw.u8(..))),
            1 => text.replace_range(place..place + 2, ODD[draw.usize(..ODD.len())]),
            2 => text.insert_str(place, ODD[draw.usize(..ODD.len())]),
            3 => text.truncate(place),
            _ => {
                let other = &texts[draw.usize(..texts.len())];
                let from = 2 * draw.usize(..other.len() / 2);
                text.replace_range(place.., &other[from..]);
            }
        }
    }
    text
}

#[test]
fn states_that_somebody_changed_are_used_or_refused() {
    let mut draw = draws("states");
    let cluster = Cluster::start();
    let database = cluster.database("states");
    let mut owner = database.connect();
    attempts::prepare(&mut owner);
    owner.run("CREATE ROLE states_guest LOGIN; CREATE SCHEMA own AUTHORIZATION states_guest");
    let mut session = database.connect_as("states_guest");
    let steps = parts(&mut session, "p.prorettype = 'segrec_summary'::regtype");
    let finals = parts(&mut session, "p.prorettype <> 'segrec_summary'::regtype AND p.pronargs = 1");
    let mut texts: Vec<String> = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        session.run(&format!(
            "CREATE AGGREGATE own.kept_{number}({}) (SFUNC = {}, STYPE = segrec_summary)",
            step.arguments.join(", "),
            step.name
        ));
        for rows in [1, 3, 12] {
            let text = session.table(&format!(
                "SELECT own.kept_{number}({})::text FROM generate_series(1, {rows}) n",
                columns(step)
            ));
            if text != "∅" {
                texts.push(text);
            }
        }
    }
    assert!(texts.len() > 6, "the aggregates of others leave summaries");
    let mut attempts = Attempts::of(&mut session);
    let mut left = rounds(6000);
    while left > 0 {
        let calls: Vec<String> = (0..BATCH)
            .map(|_| {
                let (state, other) = (mutated(&mut draw, &texts), mutated(&mut draw, &texts));
                let (step, last) = (&steps[draw.usize(..steps.len())], &finals[draw.usize(..finals.len())]);
                match draw.u32(0..3) {
                    0 => format!("SELECT {}('{state}'::segrec_summary)", last.name),
                    1 => format!(
                        "CREATE AGGREGATE own.changed({}) (SFUNC = {}, STYPE = segrec_summary, FINALFUNC = {}, INITCOND = '{state}');
                         SELECT own.changed({}) FROM generate_series(1, {}) n",
                        step.arguments.join(", "),
                        step.name,
                        last.name,
                        columns(step),
                        draw.u32(0..5)
                    ),
                    _ => format!(
                        "CREATE AGGREGATE own.merged(segrec_summary) (SFUNC = segrec_catalog.summary_merge, STYPE = segrec_summary, FINALFUNC = {});
                         SELECT own.merged(v::segrec_summary) FROM (VALUES ('{state}'), ('{other}')) AS v(v)",
                        last.name
                    ),
                }
            })
            .collect();
        left = left.saturating_sub(calls.len());
        attempts.make(&mut session, "SET LOCAL search_path = public", &calls);
    }
    attempts.report(&mut session);
}

/// Bytes as a client sends them, for any type.
#[derive(Debug)]
struct Message(Vec<u8>);

impl ToSql for Message {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

#[test]
fn messages_that_somebody_changed_are_read_or_refused() {
    let mut draw = draws("messages");
    let database = Cluster::shared().database("messages");
    let mut session = database.connect();
    session.run(
        "CREATE AGGREGATE kept(real[], bigint) (SFUNC = segrec_catalog.kmeans_step, STYPE = segrec_summary)",
    );
    let rows = "FROM generate_series(1, 40) n";
    let texts = ["kept(ARRAY[n, n * n % 7]::real[], 3)", "segrec_kmeans(ARRAY[n, n * n % 7]::real[], 3)"];
    let texts = texts.map(|value| {
        let send = if value.starts_with("kept") { "summary" } else { "clusters" };
        vec![session.table(&format!("SELECT encode(segrec_catalog.{send}_send({value}), 'hex') {rows}"))]
    });
    let calls = [
        "SELECT segrec_catalog.summary_merge(NULL, $1)::text",
        "SELECT segrec_assign($1, ARRAY[1, 2]::real[]), (SELECT count(*) FROM segrec_centroids($1))",
    ];
    for _ in 0..rounds(2000) {
        let which = draw.usize(..2);
        let text = mutated(&mut draw, &texts[which]);
        let bytes = (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap());
        if let Err(error) = session.query(calls[which], &[&Message(bytes.collect())]) {
            let error = error.as_db_error().unwrap_or_else(|| panic!("{error}\n{text}"));
            assert!(!error.code().code().starts_with("XX"), "{error:?}\n{} with {text}", calls[which]);
        }
    }
}
