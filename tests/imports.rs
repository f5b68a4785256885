//! Versions that were edited by hand: exported rows with random changes. An import accepts or refuses them, and every
//! call on an accepted version succeeds or fails; no error is internal or a panic.

use segrec_tests::attempts::{self, Attempts};
use segrec_tests::{Cluster, draws, planted, rounds};
use serde_json::{Value, json};

/// The calls on a version that was accepted.
const QUESTIONS: &str = "
    SELECT segrec_deploy('other', segrec_import('other', 'tampered'));
    SELECT count(*) FROM segrec_recommend(3, 5, 'other');
    SELECT count(*) FROM segrec_recommend(100000, 5, 'other');
    SELECT count(*) FROM segrec_recommend_for(ARRAY[3, 7], 5, 'other');
    SELECT count(*) FROM segrec_similar_items(3, 5, 'other');
    SELECT count(*) FROM segrec_similar_users(3, 5, 'other');
    SELECT count(*) FROM segrec_audience(3, 5, 'other');
    SELECT count(*) FROM segrec_explain(3, 7, 'other');
    SELECT segrec_segment_of(3, 'other');
    SELECT count(*) FROM segrec_recommend_segment(1, 5, 'other');
    SELECT count(*) FROM segrec_recommend_all('other', 2);
    SELECT count(*), max(to_jsonb(s)::text) FROM segrec.segments s WHERE model = 'other';
    SELECT count(*), max(to_jsonb(v)::text) FROM segrec.versions v WHERE model = 'other';
    SELECT count(*) FROM segrec_export('other')";

fn odd(draw: &mut fastrand::Rng) -> Value {
    let numbers = [
        json!(0),
        json!(-1),
        json!(1),
        json!(2_147_483_647),
        json!(2_147_483_648_u64),
        json!(1e300),
        json!(0.5),
    ];
    match draw.u32(0..9) {
        0 => Value::Null,
        1 => json!(draw.bool()),
        2 => json!([]),
        3 => json!({}),
        4 => json!("x"),
        5 => json!([1, 2, null]),
        6 => json!("NaN"),
        _ => numbers[draw.usize(..numbers.len())].clone(),
    }
}

/// Makes a random change in a value.
fn change(draw: &mut fastrand::Rng, value: &mut Value) {
    match value {
        Value::Object(entries) if !entries.is_empty() && draw.u32(0..10) > 0 => {
            let names: Vec<String> = entries.keys().cloned().collect();
            let name = &names[draw.usize(..names.len())];
            if draw.u32(0..10) == 0 {
                entries.remove(name);
            } else if let Some(value) = entries.get_mut(name) {
                change(draw, value);
            }
        }
        Value::Array(elements) if !elements.is_empty() && draw.u32(0..3) > 0 => {
            let place = draw.usize(..elements.len());
            match draw.u32(0..4) {
                0 => drop(elements.remove(place)),
                1 => elements.push(odd(draw)),
                2 => elements.swap(0, place),
                _ => change(draw, &mut elements[place]),
            }
        }
        // This is a string of bytes in hexadecimal.
        Value::String(text) if text.starts_with("\\x") && text.len() > 4 => {
            let place = 2 * draw.usize(1..text.len() / 2);
            match draw.u32(0..3) {
                0 => text.truncate(place),
                _ => text.replace_range(place..place + 2, &format!("{:02x}", draw.u8(..))),
            }
        }
        Value::Number(number) if draw.bool() => {
            *value = json!(number.as_f64().unwrap_or_default() + [1.0, -1.0, 0.25, 1e9][draw.usize(..4)]);
        }
        _ => *value = odd(draw),
    }
}

#[test]
fn versions_that_somebody_changed_are_imported_or_refused() {
    let mut draw = draws("imports");
    let cluster = Cluster::start();
    let database = cluster.database("imports");
    let mut superuser = database.connect();
    attempts::prepare(&mut superuser);
    superuser.run("CREATE ROLE imports_owner LOGIN; CREATE SCHEMA own AUTHORIZATION imports_owner");
    let mut session = database.connect_as("imports_owner");
    session.run("SET search_path = own, public; SET client_min_messages = error");
    planted::create(&mut session);
    session.run(&format!(
        "SELECT segrec_create_model('one', 'own.events', options => '{0}');
         SELECT segrec_create_model('other', 'own.events', options => '{0}');
         SELECT segrec_train('one');
         CREATE TABLE own.exported AS SELECT row_number() OVER () AS n, * FROM segrec_export('one')",
        planted::OPTIONS
    ));
    let rows: Vec<(i64, String, Value)> = session
        .query("SELECT n, part, content::jsonb FROM own.exported", &[])
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect();
    let parts: std::collections::BTreeSet<&str> = rows.iter().map(|(_, part, _)| part.as_str()).collect();
    let parts: Vec<&str> = parts.into_iter().collect();
    let mut attempts = Attempts::of(&mut session);
    session.run("SET statement_timeout = '10s'");
    for _ in 0..rounds(20) {
        let calls: Vec<String> = (0..10)
            .map(|_| {
                let mut values = Vec::new();
                for _ in 0..draw.usize(1..3) {
                    // The part is drawn first, because parts have very different numbers of rows.
                    let part = parts[draw.usize(..parts.len())];
                    let of_part: Vec<_> = rows.iter().filter(|row| row.1 == part).collect();
                    let (number, part, content) = of_part[draw.usize(..of_part.len())];
                    let mut content = content.clone();
                    change(&mut draw, &mut content);
                    let keep = if draw.u32(0..10) == 0 { -1 } else { *number };
                    values.push(format!("({keep}, '{part}', $json${content}$json$)"));
                }
                format!(
                    "CREATE TEMPORARY TABLE tampered AS WITH changed (n, part, content) AS (VALUES {})
                     SELECT part, content FROM own.exported WHERE n NOT IN (SELECT n FROM changed)
                     UNION ALL SELECT part, content FROM changed; {QUESTIONS}",
                    values.join(", ")
                )
            })
            .collect();
        attempts.make(&mut session, "SET LOCAL search_path = own, public", &calls);
    }
    attempts.report(&mut session);
}
