//! Values that a type of the database has but the engine's does not, ids that no index contains, errors in data that
//! are read, and a single text form of each value.

use segrec_tests::{Cluster, Session, SqlState};

const OPTIONS: &str =
    r#"{"algorithm": "popularity", "segmentation": {"method": "none"}, "events": {"on_bad_rows": "skip"}}"#;

/// Creates events of which one has a weight or a time of the given type and value.
fn create(session: &mut Session, name: &str, column: &str, of_type: &str, odd: &str, usual: &str) {
    session.run(&format!(
        "CREATE TABLE {name} AS SELECT u::bigint AS user_id, i::bigint AS item_id, CASE WHEN u = 1 AND i = 1 THEN {odd} ELSE {usual} END::{of_type} AS odd
         FROM generate_series(1, 10) u, generate_series(1, 5) i;
         CREATE INDEX ON {name} (user_id);
         SELECT segrec_create_model('{name}', '{name}', {column} => 'odd', options => '{OPTIONS}')"
    ));
    session.notices();
}

#[test]
fn values_that_cannot_be_cast_are_bad_rows_and_obey_on_bad_rows() {
    let database = Cluster::shared().database("odd_values");
    let mut session = database.connect();
    for (name, column, of_type, odd, usual, what) in [
        (
            "huge",
            "weight_column",
            "numeric",
            "1e400",
            "1",
            "Invalid rows: 1 with a weight that is NaN or infinite.",
        ),
        (
            "not_one",
            "weight_column",
            "numeric",
            "'NaN'",
            "'1'",
            "Invalid rows: 1 with a weight that is NaN or infinite.",
        ),
        (
            "endless",
            "weight_column",
            "float8",
            "'Infinity'",
            "'1'",
            "Invalid rows: 1 with a weight that is NaN or infinite.",
        ),
        (
            "far",
            "time_column",
            "date",
            "'5874897-12-31'",
            "'2025-01-01'",
            "Invalid rows: 1 with a null or infinite time.",
        ),
        (
            "never",
            "time_column",
            "timestamp",
            "'infinity'",
            "'2025-01-01'",
            "Invalid rows: 1 with a null or infinite time.",
        ),
    ] {
        create(&mut session, name, column, of_type, odd, usual);
        assert_eq!(session.value::<i64>(&format!("SELECT events FROM segrec_train('{name}')")), 49, "{name}");
        let notices = session.notices();
        let skipped = notices.iter().find(|notice| notice.message().starts_with("skipped")).unwrap();
        assert_eq!(skipped.message(), format!("skipped 1 of 50 rows of \"{name}\""));
        assert_eq!(skipped.detail(), Some(what));
        // The events of the user are read at once, including the odd one.
        assert_eq!(
            session.value::<i64>(&format!("SELECT count(*) FROM segrec_recommend(1, 5, '{name}')")),
            1,
            "{name}"
        );
        session.run(&format!(
            "SELECT segrec_alter_model('{name}', '{{\"events\": {{\"on_bad_rows\": \"error\"}}}}')"
        ));
        let error = session.expect_error(&format!("SELECT segrec_train('{name}')"));
        assert_eq!(error.code(), &SqlState::DATA_EXCEPTION, "{error:?}");
        assert_eq!(error.detail(), Some(what));
    }
    // A number below the smallest float8 becomes 0, which has no effect.
    create(&mut session, "tiny", "weight_column", "numeric", "1e-400", "1");
    assert_eq!(session.value::<i64>("SELECT events FROM segrec_train('tiny')"), 49);
}

#[test]
fn features_beyond_their_types_count_as_null_with_a_notice() {
    let database = Cluster::shared().database("odd_features");
    let mut session = database.connect();
    session.run(
        r#"CREATE TABLE people AS SELECT u::bigint AS user_id, (u % 2 * 10 + u % 3)::numeric AS score,
               ARRAY[u % 2, u % 5]::float8[] AS wide, ARRAY[u % 2, u % 5]::numeric[] AS exact, date '2024-01-01' + u AS since
           FROM generate_series(1, 100) u;
           UPDATE people SET score = 1e400, since = '5874897-01-01' WHERE user_id = 1;
           UPDATE people SET wide = '{1e300, 1}', exact = '{1, 1e400}' WHERE user_id = 2;
           SELECT segrec_create_model('p', users => 'people', options => '{"segmentation": {"segments": 2}}')"#,
    );
    session.notices();
    assert_eq!(session.value::<i64>("SELECT users FROM segrec_train('p')"), 100);
    let notices: Vec<String> = session.notices().iter().map(|notice| notice.message().to_owned()).collect();
    for column in ["score", "wide", "exact", "since"] {
        let told = format!("1 values of \"{column}\" of \"people\" are not finite and are treated as null");
        assert!(notices.contains(&told), "{told}: {notices:?}");
    }
}

#[test]
fn ids_that_no_index_holds_are_bad_rows_found_before_the_work() {
    let database = Cluster::shared().database("odd_ids");
    let mut session = database.connect();
    session.run(
        r#"CREATE FUNCTION id(name text, i integer, length integer) RETURNS text LANGUAGE sql AS
               $$ SELECT name || i || (SELECT string_agg(md5(i::text || g), '') FROM generate_series(1, length / 32) g) $$;
           CREATE TABLE visits AS SELECT CASE WHEN u = 1 THEN id('u', u, 3200) ELSE 'u' || u END AS user_id,
                                         CASE WHEN i = 1 THEN id('i', i, 6400) WHEN i = 2 THEN id('i', i, 2400) ELSE 'i' || i END AS item_id
           FROM generate_series(1, 20) u, generate_series(1, 6) i WHERE (u + i) % 3 > 0;
           SELECT segrec_create_model('long', 'visits', options => '{"algorithm": "popularity", "segmentation": {"method": "none"}}')"#,
    );
    let error = session.expect_error("SELECT segrec_train('long')");
    assert_eq!(error.code(), &SqlState::DATA_EXCEPTION, "{error:?}");
    let detail = error.detail().unwrap();
    assert!(detail.contains("with a user id longer than 2500 bytes"), "{detail}");
    assert!(detail.contains("with an item id longer than 2500 bytes"), "{detail}");
    session.run("SELECT segrec_alter_model('long', '{\"events\": {\"on_bad_rows\": \"skip\"}}')");
    assert_eq!(session.table("SELECT users, items FROM segrec_train('long')"), "19|5");
    session.run(
        r#"CREATE TABLE people AS SELECT CASE WHEN u = 1 THEN id('u', u, 6400) WHEN u = 2 THEN id('u', u, 2400) ELSE 'u' || u END AS user_id,
                                         u % 2 * 10 AS age FROM generate_series(1, 20) u;
           SELECT segrec_create_model('people', users => 'people', options => '{"segmentation": {"segments": 2}}')"#,
    );
    let error = session.expect_error("SELECT segrec_train('people')");
    assert_eq!(
        error.detail(),
        Some("Of 20 rows, 0 have a null id, 0 have a duplicate id, 1 have an id longer than 2500 bytes.")
    );
    session.run("SELECT segrec_alter_model('people', '{\"events\": {\"on_bad_rows\": \"skip\"}}')");
    assert_eq!(session.value::<i64>("SELECT users FROM segrec_train('people')"), 19);
}

#[test]
fn errors_of_what_is_read_keep_their_context_and_name_the_relation() {
    let database = Cluster::shared().database("odd_context");
    let mut session = database.connect();
    session.run(
        r#"CREATE TABLE raw AS SELECT u::text AS user_id, i::bigint AS item_id FROM generate_series(1, 20) u, generate_series(1, 5) i;
           CREATE INDEX ON raw (user_id);
           CREATE FUNCTION number_of(t text) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN t::bigint; END $$;
           CREATE VIEW events AS SELECT number_of(user_id) AS user_id, item_id FROM raw;
           SELECT segrec_create_model('m', 'events', options => '{"algorithm": "popularity", "segmentation": {"method": "none"}}');
           SELECT segrec_train('m');
           INSERT INTO raw VALUES ('twenty', 1)"#,
    );
    let trained = "SELECT segrec_train('m')";
    let inside = "PL/pgSQL function number_of(text) line 1 at RETURN\nreading relation public.events";
    for (statement, outside) in [
        (trained.to_owned(), ""),
        (
            format!("DO $$ BEGIN PERFORM ({trained}); END $$"),
            "\nSQL statement \"SELECT (SELECT segrec_train('m'))\"\nPL/pgSQL function inline_code_block line 1 at PERFORM",
        ),
    ] {
        let error = session.expect_error(&statement);
        assert_eq!(error.code(), &SqlState::INVALID_TEXT_REPRESENTATION, "{error:?}");
        assert_eq!(error.message(), "invalid input syntax for type bigint: \"twenty\"");
        assert_eq!(error.where_(), Some(format!("{inside}{outside}").as_str()), "{statement}");
    }
    // An error that was caught is not reported again.
    session.run(&format!("DO $$ BEGIN PERFORM ({trained}); EXCEPTION WHEN OTHERS THEN END $$"));
    assert_eq!(session.expect_error("SELECT segrec_train('nobody')").where_(), None);
    assert_eq!(session.expect_error("SELECT 1 / 0").where_(), None);
    // In the background, the context is part of the text.
    session.run("SELECT segrec_train_in_background('m')");
    session.wait_until("SELECT state = 'failed' FROM segrec.jobs");
    let text: String = session.value("SELECT error FROM segrec.jobs");
    assert!(text.ends_with(&format!("\nCONTEXT: {inside}")), "{text}");
}

#[test]
fn a_training_in_a_transaction_that_only_reads_is_refused_before_its_work() {
    let database = Cluster::shared().database("odd_read_only");
    let mut session = database.connect();
    session.run(
        r#"CREATE FUNCTION never() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'it was read'; END $$;
           CREATE TABLE raw (user_id bigint, item_id bigint); INSERT INTO raw VALUES (1, 1);
           CREATE VIEW events AS SELECT * FROM raw WHERE never();
           SELECT segrec_create_model('m', 'events')"#,
    );
    for statement in [
        "SELECT segrec_train('m')",
        "SELECT segrec_train_in_background('m')",
        "SELECT segrec_train_all()",
        "SELECT segrec_example()",
        "SELECT segrec_drop_model('m')",
    ] {
        session.run("BEGIN READ ONLY");
        let error = session.expect_error(statement);
        assert_eq!(error.code(), &SqlState::READ_ONLY_SQL_TRANSACTION, "{error:?}");
        assert_eq!(error.message(), "cannot execute a change of a model in a read-only transaction");
        session.run("ROLLBACK");
    }
}

#[test]
fn a_row_is_classified_as_its_user_is_whatever_the_types_of_its_columns() {
    let database = Cluster::shared().database("odd_texts");
    let mut session = database.connect();
    session.run(
        "CREATE TYPE mood AS ENUM ('sad', 'content');
         CREATE DOMAIN code AS char(8);
         CREATE TABLE people AS SELECT u AS user_id, u % 3 AS whole, u % 2 = 0 AS yes,
                CASE u % 2 WHEN 0 THEN 'sad' ELSE 'content' END::mood AS mood, date '2024-01-01' + u % 2 AS day,
                CASE u % 3 WHEN 0 THEN '0044-03-15 BC' ELSE '2024-05-06' END::date AS long_ago,
                timestamp '2024-01-01 10:00' + u % 2 * interval '1 hour' AS moment, timestamptz '2024-01-01 10:00+00' + u % 2 * interval '1 day' AS zoned,
                (u % 2)::numeric(4,2) AS exact, (u % 3 / 4.0)::float8 AS double, (u % 3 / 8.0)::real AS single,
                CASE u % 3 WHEN 0 THEN 'DE' WHEN 1 THEN 'FR' ELSE 'AT' END::char(6) AS country, CASE u % 2 WHEN 0 THEN 'p' ELSE 'q' END::code AS plan,
                CASE u % 2 WHEN 0 THEN 's' ELSE 'l' END::\"char\" AS size, CASE u % 2 WHEN 0 THEN 'x' ELSE 'y' END::name AS name,
                CASE u % 2 WHEN 0 THEN 'NaN' ELSE '1' END::float8 AS missing, CASE u % 2 WHEN 0 THEN 1e21 ELSE 1e-7 END::float8 AS extreme
         FROM generate_series(1, 60) u",
    );
    let columns: Vec<String> = session.column(
        "SELECT attname::text FROM pg_attribute WHERE attrelid = 'people'::regclass AND attnum > 1 ORDER BY attnum",
    );
    for (style, zone) in [("ISO, MDY", "UTC"), ("German", "UTC"), ("SQL, DMY", "UTC")] {
        session.run(&format!("SET datestyle = '{style}'; SET timezone = '{zone}'"));
        for column in &columns {
            session.run(&format!(
                r#"SELECT segrec_create_model('of', users => 'people', options => '{{"segmentation": {{"method": "column", "label_column": "{column}"}}}}');
                   SELECT segrec_train('of')"#
            ));
            let wrong: i64 = session.value(
                "SELECT count(*) FROM people
                 WHERE segrec_classify('of', to_jsonb(people)) IS DISTINCT FROM segrec_segment_of(user_id, 'of')",
            );
            assert_eq!(wrong, 0, "{column} in {style}");
            session.run("SELECT segrec_drop_model('of')");
        }
    }
}

#[test]
fn ids_of_char_count_without_their_padding_and_those_of_text_with_theirs() {
    let database = Cluster::shared().database("odd_padding");
    let mut session = database.connect();
    for (kind, padded_is_known) in [("char(10)", true), ("text", false)] {
        session.run(&format!(
            r#"CREATE TABLE buys AS SELECT ('u' || u)::{kind} AS user_id, ('i' || i)::{kind} AS item_id
               FROM generate_series(1, 40) u, generate_series(1, 20) i WHERE i % 3 = u % 3;
               CREATE INDEX ON buys (user_id);
               SELECT segrec_create_model('padded', 'buys', options => '{{"als": {{"factors": 8}}}}');
               SELECT segrec_train('padded')"#
        ));
        let mut list = |call: &str| -> Vec<String> {
            session.column(&format!("SELECT item_id || ' ' || source FROM {call} ORDER BY rank"))
        };
        let plain = list("segrec_recommend('u1', 5, 'padded')");
        assert_eq!(list("segrec_recommend('u1        ', 5, 'padded')") == plain, padded_is_known, "{kind}");
        assert_eq!(
            list("segrec_recommend('u1', 5, 'padded', candidates => ARRAY['i2   ', 'i3'])").len() == 2,
            padded_is_known,
            "{kind}"
        );
        assert_eq!(
            list("segrec_recommend_for(ARRAY['i2   '], 5, 'padded')")
                == list("segrec_recommend_for(ARRAY['i2'], 5, 'padded')"),
            padded_is_known,
            "{kind}"
        );
        let of = |id: &str| format!("SELECT segrec_segment_of('{id}', 'padded') IS NOT NULL");
        assert_eq!(session.value::<bool>(&of("u1   ")), padded_is_known, "{kind}");
        session.run("SELECT segrec_forget_user('padded', 'u1   ')");
        assert_eq!(
            !session.value::<bool>("SELECT EXISTS (SELECT FROM segrec.segment_members WHERE user_id = 'u1')"),
            padded_is_known
        );
        session.run("SELECT segrec_drop_model('padded'); DROP TABLE buys");
    }
}
