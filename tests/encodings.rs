//! Databases with another encoding than UTF8. Numeric ids can be trained on and served; names, types, labels and
//! categories with non-ASCII letters are returned unchanged or refused with an error. Nothing is corrupted, and nothing
//! crashes.

use segrec_tests::{Cluster, Database, Session, SqlState};

/// Returns a database with that encoding and the extension, and a session in it with the client encoding UTF-8.
fn database(name: &str, encoding: &str) -> (Database<'static>, Session) {
    let database = Cluster::shared().encoded_database(name, encoding);
    let mut session = database.connect();
    session.run("SET client_min_messages = warning; CREATE EXTENSION pg_segrec");
    (database, session)
}

/// Purchases with numeric ids, in a relation whose name, columns and event types are not ASCII.
const PURCHASES: &str = r#"
    CREATE TABLE "käufe" AS
    SELECT u AS "kunde_größe", i AS item_id, CASE WHEN i % 2 = 0 THEN 'gekauft ä' ELSE 'gesehen ß' END AS "töp"
    FROM generate_series(1, 90) u, generate_series(1, 30) i WHERE i % 3 = u % 3;
    CREATE INDEX ON "käufe" ("kunde_größe")"#;

/// People with a category and a number, in columns whose names are not ASCII.
const PEOPLE: &str = r#"
    CREATE TABLE leute AS
    SELECT i AS id, CASE i % 2 WHEN 0 THEN 'Österreich' ELSE 'Köln' END AS "land_größe", i % 2 * 9 + i % 3 AS "höhe"
    FROM generate_series(1, 200) i;
    CREATE INDEX ON leute (id)"#;

#[test]
fn a_model_whose_names_are_beyond_ascii_is_trained_and_answers_in_latin1() {
    let (_database, mut session) = database("encodings_events", "LATIN1");
    session.run(PURCHASES);
    session.run(
        r#"SELECT segrec_create_model('möbel', '"käufe"', 'kunde_größe', 'item_id', type_column => 'töp', options =>
               '{"als": {"factors": 8}, "events": {"type_weights": {"gekauft ä": 2, "gesehen ß": 1}}}')"#,
    );
    assert_eq!(session.table("SELECT users, items, events FROM segrec_train('möbel')"), "90|30|900");
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(1, 3, 'möbel')"), 3);
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend('1'::text, 3, 'möbel')"), 3);
    assert_eq!(
        session.value::<i64>("SELECT count(*) FROM segrec_recommend_for(ARRAY['1', '4'], 3, 'möbel')"),
        3
    );
    assert_eq!(
        session.table(
            "SELECT model, events, user_column, options #> '{events,type_weights}' FROM segrec.models"
        ),
        r#"möbel|"käufe"|kunde_größe|{"gekauft ä": 2, "gesehen ß": 1}"#
    );
    // Later events of known types take effect.
    session.run(r#"INSERT INTO "käufe" VALUES (901, 3, 'gekauft ä'), (901, 6, 'gekauft ä')"#);
    assert_eq!(
        session.value::<i64>("SELECT count(*) FROM segrec_recommend(901, 3, 'möbel') WHERE item_id % 3 = 0"),
        3
    );
    session.run("SELECT segrec_drop_model('möbel')");
}

#[test]
fn an_error_names_what_is_beyond_ascii_in_latin1() {
    let (_database, mut session) = database("encodings_errors", "LATIN1");
    session.run(PURCHASES);
    let error = session.expect_error("SELECT * FROM segrec_recommend(1, 3, 'schön')");
    assert_eq!(error.code(), &SqlState::UNDEFINED_OBJECT);
    session.run(r#"SELECT segrec_create_model('möbel', '"käufe"', 'kunde_größe')"#);
    let error = session.expect_error("SELECT * FROM segrec_recommend(1, 3, 'schön')");
    assert_eq!(error.message(), "model \"schön\" does not exist");
    assert_eq!(error.detail(), Some("The models you may use are \"möbel\"."));
    let error = session.expect_error(r#"SELECT segrec_create_model('x', '"käufe"', 'größe')"#);
    assert_eq!(error.message(), "relation \"käufe\" has no column \"größe\"");
    assert_eq!(
        error.detail(),
        Some(
            "Its columns are \"kunde_größe\", \"item_id\", \"töp\"; the requested ones are user_column => 'größe'."
        )
    );
    // Our own messages use ASCII for characters that LATIN1 does not have.
    session.run("SELECT segrec_create_model('nur', users => 'käufe', users_key => 'kunde_größe')");
    let error = session.expect_error("SELECT * FROM segrec_recommend(1, 3, 'nur')");
    assert!(error.hint().unwrap().contains("events => ..."), "{error:?}");
}

#[test]
fn categories_rules_and_labels_beyond_ascii_come_back_as_they_went_in_in_latin1() {
    let (_database, mut session) = database("encodings_people", "LATIN1");
    session.run(PEOPLE);
    session.run(
        r#"SELECT segrec_create_model('leute', users => 'leute', users_key => 'id',
                                      options => '{"segmentation": {"segments": 2}}')"#,
    );
    assert_eq!(session.table("SELECT users, segments FROM segrec_train('leute')"), "200|2");
    let rules = session.table("SELECT string_agg(rule, ' ' ORDER BY rule) FROM segrec.segments");
    assert!(
        ["Österreich", "Köln", "höhe", "land_größe"].iter().any(|word| rules.contains(word))
            && !rules.contains('Ã'),
        "{rules}"
    );
    assert_eq!(
        session.table("SELECT DISTINCT feature FROM segrec.segment_profiles ORDER BY 1"),
        "höhe\nland_größe = Köln\nland_größe = Österreich"
    );
    session.run("INSERT INTO leute VALUES (901, 'Österreich', 1)");
    assert_eq!(session.table("SELECT segrec_segment_of(901, 'leute') = segrec_segment_of(2, 'leute')"), "t");
    assert_eq!(
        session.table(
            "SELECT count(*) FROM leute l JOIN segrec.segment_members m ON m.model = 'leute' AND m.user_id = l.id::text
             WHERE segrec_classify('leute', to_jsonb(l) - 'id') <> m.segment"
        ),
        "0"
    );
    session.run(
        r#"SELECT segrec_create_model('land', users => 'leute', users_key => 'id', options =>
               '{"segmentation": {"method": "column", "label_column": "land_größe"}}')"#,
    );
    session.run("SELECT segrec_train('land')");
    assert_eq!(
        session.table("SELECT label FROM segrec.segments WHERE model = 'land' ORDER BY 1"),
        "Köln\nÖsterreich"
    );
    session.run("SELECT segrec_label_segment('land', 1, 'Grüße')");
    assert_eq!(
        session.table("SELECT label FROM segrec.segments WHERE model = 'land' AND segment = 1"),
        "Grüße"
    );
}

#[test]
fn a_version_is_exported_and_imported_in_latin1() {
    let (_database, mut session) = database("encodings_transfer", "LATIN1");
    session.run(PEOPLE);
    session.run(
        r#"SELECT segrec_create_model('leute', users => 'leute', users_key => 'id',
                                      options => '{"segmentation": {"method": "column", "label_column": "land_größe"}}');
           SELECT segrec_train('leute');
           CREATE TABLE kopie AS SELECT * FROM segrec_export('leute');
           SELECT segrec_create_model('zwei', users => 'leute', users_key => 'id',
                                      options => '{"segmentation": {"method": "column", "label_column": "land_größe"}}');
           SELECT segrec_deploy('zwei', segrec_import('zwei', 'kopie'))"#,
    );
    assert_eq!(
        session.table("SELECT label FROM segrec.segments WHERE model = 'zwei' ORDER BY 1"),
        "Köln\nÖsterreich"
    );
    assert_eq!(session.table("SELECT segrec_segment_of(2, 'zwei') = segrec_segment_of(2, 'leute')"), "t");
}

#[test]
fn aggregates_and_metrics_compare_texts_of_every_encoding() {
    for encoding in ["LATIN1", "SQL_ASCII", "EUC_JP"] {
        let (_database, mut session) = database("encodings_aggregates", encoding);
        let one = if encoding == "EUC_JP" { r"E'\xa4\xa2'" } else { r"E'\xe9'" };
        let other = if encoding == "EUC_JP" { r"E'\xa4\xa4'" } else { r"E'\xe8'" };
        assert_eq!(
            session.table(&format!(
                "SELECT segrec_recall(ARRAY[{one}], ARRAY[{one}]), segrec_recall(ARRAY[{one}], ARRAY[{other}])"
            )),
            "1|0",
            "{encoding}"
        );
        assert_eq!(
            session.table(&format!(
                "SELECT segrec_adjusted_rand(CASE n % 2 WHEN 0 THEN {one} ELSE {other} END, CASE n % 2 WHEN 0 THEN 'x' ELSE {one} END)
                 FROM generate_series(1, 10) n"
            )),
            "1",
            "{encoding}"
        );
    }
}

#[test]
fn ids_that_are_texts_need_utf8_and_say_so() {
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let (_database, mut session) = database("encodings_ids", encoding);
        session.run("CREATE TABLE words (user_id text, item_id int)");
        let error = session.expect_error("SELECT segrec_create_model('words', 'words')");
        assert_eq!(error.code(), &SqlState::FEATURE_NOT_SUPPORTED, "{error:?}");
        assert!(error.message().ends_with(encoding), "{error:?}");
    }
}

#[test]
fn numbers_as_ids_are_trained_and_answered_in_sql_ascii() {
    let (_database, mut session) = database("encodings_ascii", "SQL_ASCII");
    session.run(PURCHASES); // its names are UTF-8 here
    session.run(
        r#"SELECT segrec_create_model('möbel', '"käufe"', 'kunde_größe', 'item_id', type_column => 'töp',
                                      options => '{"als": {"factors": 8}}')"#,
    );
    assert_eq!(session.table("SELECT users, items, events FROM segrec_train('möbel')"), "90|30|900");
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(1, 3, 'möbel')"), 3);
    assert_eq!(
        session.expect_error("SELECT * FROM segrec_recommend(1, 3, 'schön')").message(),
        "model \"schön\" does not exist"
    );
}

#[test]
fn bytes_that_are_no_utf8_are_refused_in_sql_ascii() {
    let (_database, mut session) = database("encodings_bytes", "SQL_ASCII");
    session.run(
        r"CREATE TABLE buys AS SELECT u AS user_id, i AS item_id, E'typ\xe9' AS kind, E'\xd6st' AS land
          FROM generate_series(1, 60) u, generate_series(1, 30) i WHERE i % 3 = u % 3;
          CREATE TABLE people AS SELECT i AS id, CASE i % 2 WHEN 0 THEN E'\xd6st' ELSE E'K\xf6ln' END AS land, i % 2 AS n
          FROM generate_series(1, 100) i",
    );
    session.run(r#"SELECT segrec_create_model('m', 'buys', options => '{"als": {"factors": 8}}'); SELECT segrec_train('m')"#);
    // Data that no model reads has no effect on models.
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(1, 3, 'm')"), 3);
    session.run(r#"SELECT segrec_create_model('typed', 'buys', type_column => 'kind', options => '{"als": {"factors": 8}}')"#);
    session.run(r#"SELECT segrec_create_model('p', users => 'people', users_key => 'id', options => '{"segmentation": {"segments": 2}}')"#);
    for call in [
        r"segrec_recommend(1, 3, E'm\xe9')",
        r"segrec_create_model(E'm\xe9', 'buys')",
        r"segrec_create_model('x', 'buys', E'user\xe9')",
        r"segrec_label_segment('p', 1, E'\xe9')",
        r"segrec_recommend_for(ARRAY[E'\xe9'], 3, 'm')",
        "segrec_train('typed')",
        "segrec_train('p')",
    ] {
        let error = session.expect_error(&format!("SELECT {call}"));
        assert_eq!(error.code(), &SqlState::CHARACTER_NOT_IN_REPERTOIRE, "{call}: {error:?}");
        assert_eq!(error.message(), "text is not valid UTF-8", "{call}: {error:?}");
    }
}

#[test]
fn what_the_extension_says_of_itself_is_whole_in_every_encoding() {
    let (_database, mut session) = database("encodings_comments", "LATIN1");
    let mangled = session.table(
        "SELECT description FROM pg_description WHERE description ~ '[^\\x01-\\x7f]'
           AND (classoid, objoid) IN (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')",
    );
    assert_eq!(mangled, "", "a comment has letters that not every encoding has");
}
