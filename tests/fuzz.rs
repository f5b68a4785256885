//! Tens of thousands of random inputs: option documents, ids, features and texts of clusters. Each one succeeds or
//! fails with an SQLSTATE that says that the input was wrong, and the server stays up.

use segrec_tests::{Cluster, Session, draws, planted, rounds};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The classes of SQLSTATE for wrong inputs: data exceptions (22), undefined or invalid names (42), a state that does
/// not allow the operation (55), unsupported features (0A) and exceeded limits (53, 54).
const REFUSALS: [&str; 6] = ["22", "42", "55", "0A", "53", "54"];

/// The number of calls with each SQLSTATE.
#[derive(Default, Debug)]
struct Answers(BTreeMap<String, usize>);

impl Answers {
    fn ask<T: postgres::types::ToSql + Sync>(
        &mut self,
        session: &mut Session,
        sql: &str,
        input: &T,
        shown: &str,
    ) {
        let answer = session.query(sql, &[input]);
        let code = match &answer {
            Ok(_) => "answered".to_owned(),
            Err(error) => {
                let error = error.as_db_error().unwrap_or_else(|| panic!("{error}\n{sql}\nwith {shown}"));
                let code = error.code().code();
                assert!(
                    REFUSALS.iter().any(|class| code.starts_with(class)),
                    "{error:?}\n{sql}\nwith {shown}"
                );
                code.to_owned()
            }
        };
        *self.0.entry(code).or_default() += 1;
    }
}

/// Returns text that confuses parsers.
fn text(draw: &mut fastrand::Rng) -> String {
    const ODD: [&str; 22] = [
        "",
        " ",
        "\u{0}x",
        "'",
        "\"",
        "\\",
        "{",
        "}",
        "[",
        ",",
        ":",
        "NaN",
        "Infinity",
        "-0",
        "1e400",
        "9223372036854775808",
        "🦀",
        "\u{202e}",
        "null",
        "a\nb",
        "%s%n",
        "::",
    ];
    let parts = draw.usize(0..4);
    let mut text: String = (0..parts).map(|_| ODD[draw.usize(..ODD.len())]).collect();
    if draw.u32(0..8) == 0 {
        text.push_str(&"x".repeat(draw.usize(0..3000)));
    }
    text.replace('\0', "") // which no client can send
}

fn number(draw: &mut fastrand::Rng) -> Value {
    match draw.u32(0..8) {
        0 => json!(0),
        1 => json!(-1),
        2 => json!(draw.i64(..)),
        3 => json!(1e300),
        4 => json!(-1e-300),
        5 => json!(draw.f64()),
        6 => json!(u64::MAX),
        _ => json!(draw.i64(0..100)),
    }
}

fn value(draw: &mut fastrand::Rng, depth: u32) -> Value {
    match draw.u32(0..10) {
        0 => Value::Null,
        1 => json!(draw.bool()),
        2..=4 => number(draw),
        5 | 6 => json!(text(draw)),
        7 => json!("auto"),
        8 if depth > 0 => (0..draw.usize(0..4)).map(|_| value(draw, depth - 1)).collect::<Vec<_>>().into(),
        _ if depth > 0 => {
            let entries = (0..draw.usize(0..4)).map(|_| (text(draw), value(draw, depth - 1)));
            Value::Object(entries.collect())
        }
        _ => json!({}),
    }
}

/// Returns the option document of a model with some random changes.
fn mutated(draw: &mut fastrand::Rng, document: &Value) -> Value {
    let mut document = document.clone();
    for _ in 0..draw.usize(1..4) {
        let (mut path, mut here) = (String::new(), &document);
        while let Value::Object(entries) = here
            && !entries.is_empty()
            && draw.u32(0..3) > 0
        {
            let (name, value) = entries.iter().nth(draw.usize(..entries.len())).unwrap();
            path.push_str(&format!("/{}", name.replace('~', "~0").replace('/', "~1")));
            here = value;
        }
        let place = document.pointer_mut(&path).unwrap();
        match place {
            Value::Object(entries) if draw.bool() => {
                entries.insert(text(draw), value(draw, 2));
            }
            _ => *place = value(draw, 3),
        }
    }
    document
}

#[test]
fn made_up_option_documents_are_taken_or_refused() {
    let mut draw = draws("options");
    let database = Cluster::shared().database("hostile_options");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    session.run("SET client_min_messages = error");
    let full: Value = session.value(
        r#"SELECT '{"feedback": "implicit", "algorithm": "hybrid", "seed": 42, "time_limit": 60,
            "events": {"type_weights": {"view": 1}, "half_life": "90 days", "duplicates": "sum", "min_user_events": 1,
                       "min_item_events": 1, "max_user_events": 5000, "on_bad_rows": "skip"},
            "segmentation": {"method": "kmeans", "segments": "auto", "on": "behaviour", "features": [], "label_column": null},
            "als": {"factors": 8, "sweeps": 4, "regularization": 0.01, "unobserved_weight": "auto"},
            "neighbours": {"method": "ridge", "kept": 50, "considered": 100, "regularization": 10, "share": "auto"},
            "holdout": {"split": "auto", "share": 0.1}}'::jsonb"#,
    );
    let mut answers = Answers::default();
    for _ in 0..rounds(25_000) {
        let document = mutated(&mut draw, &full);
        let shown = document.to_string();
        answers.ask(&mut session, "SELECT segrec_alter_model('planted', $1::jsonb)", &document, &shown);
    }
    println!("{answers:?}");
    // A model with any accepted options can be viewed and dropped.
    session.table("SELECT * FROM segrec.models");
    session.run("SELECT segrec_drop_model('planted')");
}

#[test]
fn made_up_ids_get_recommendations_or_a_refusal() {
    let mut draw = draws("ids");
    let database = Cluster::shared().database("hostile_ids");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    session.run(
        "CREATE TABLE words AS SELECT 'user ' || user_id AS user_id, gen_random_uuid() AS item_id FROM events LIMIT 500",
    );
    session.run(r#"SELECT segrec_create_model('words', 'words', options => '{"als": {"factors": 4}}')"#);
    session.run("SELECT segrec_train('words')");
    session.run("SET client_min_messages = error");
    const CALLS: [&str; 9] = [
        "SELECT * FROM segrec_recommend($1::text, 3, 'planted')",
        "SELECT * FROM segrec_recommend($1::text, 3, 'words')",
        "SELECT * FROM segrec_recommend_for(ARRAY[$1::text], 3, 'words')",
        "SELECT * FROM segrec_similar_items($1::text, 3, 'words')",
        "SELECT * FROM segrec_similar_users($1::text, 3, 'planted')",
        "SELECT * FROM segrec_audience($1::text, 3, 'planted')",
        "SELECT segrec_segment_of($1::text, 'planted')",
        "SELECT * FROM segrec_explain($1::text, $1::text, model => 'words')",
        "SELECT segrec_predict($1::text, '7', model => $1::text)",
    ];
    let mut answers = Answers::default();
    for _ in 0..rounds(25_000) {
        let id = if draw.u32(0..4) == 0 { draw.i64(..).to_string() } else { text(&mut draw) };
        let call = CALLS[draw.usize(..CALLS.len())];
        answers.ask(&mut session, call, &id, &format!("{id:?}"));
    }
    println!("{answers:?}");
}

#[test]
fn made_up_features_are_clustered_or_refused() {
    let mut draw = draws("features");
    let database = Cluster::shared().database("hostile_features");
    let mut session = database.connect();
    session.run("CREATE TABLE kept AS SELECT segrec_kmeans(ARRAY[n, n * n % 7]::real[], 3) AS clusters FROM generate_series(1, 40) n");
    let mut answers = Answers::default();
    for _ in 0..rounds(25_000) {
        let features: Vec<Option<f32>> = (0..draw.usize(0..5))
            .map(|_| match draw.u32(0..10) {
                0 => None,
                1 => Some(f32::NAN),
                2 => Some(f32::INFINITY),
                3 => Some(f32::MAX),
                4 => Some(f32::MIN_POSITIVE / 2.0),
                5 => Some(f32::from_bits(draw.u32(..))),
                _ => Some(draw.f32()),
            })
            .collect();
        let call = match draw.u32(0..3) {
            0 => "SELECT segrec_assign(clusters, $1::real[]) FROM kept",
            1 => {
                "SELECT segrec_centroids(segrec_kmeans(f, 2)) FROM (VALUES ($1::real[]), (ARRAY[1, 2]), (ARRAY[3, 5])) AS v(f)"
            }
            _ => "SELECT segrec_kmeans($1::real[], cardinality($1::real[]) - 1)",
        };
        answers.ask(&mut session, call, &features, &format!("{features:?}"));
    }
    println!("{answers:?}");
}

#[test]
fn made_up_texts_of_clusters_are_read_or_refused() {
    let mut draw = draws("clusters");
    let database = Cluster::shared().database("hostile_clusters");
    let mut session = database.connect();
    let written: String = session
        .value("SELECT segrec_kmeans(ARRAY[n, n * n % 7]::real[], 3)::text FROM generate_series(1, 40) n");
    let mut answers = Answers::default();
    for _ in 0..rounds(25_000) {
        let mut bytes = written.clone().into_bytes();
        for _ in 0..draw.usize(1..4) {
            let place = draw.usize(..bytes.len());
            match draw.u32(0..4) {
                0 => bytes[place] = draw.u8(b' '..b'~'),
                1 => drop(bytes.splice(place..place, text(&mut draw).into_bytes())),
                2 => bytes.truncate(place.max(1)),
                _ => bytes[place] = bytes[draw.usize(..bytes.len())],
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        // The text is parsed, and the result is used.
        let call = "SELECT segrec_assign(c, ARRAY[1, 2]::real[]), c::text, (SELECT count(*) FROM segrec_centroids(c))
                    FROM (SELECT $1::text::segrec_clusters AS c) AS clusters";
        answers.ask(&mut session, call, &text, &format!("{text:?}"));
    }
    println!("{answers:?}");
}
