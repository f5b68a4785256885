//! Every error: its SQLSTATE, its message, and the hint that says what to do.

use segrec_tests::{Cluster, Session, SqlState};

fn session(name: &str) -> (segrec_tests::Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    session.run(
        "CREATE TABLE events (user_id int, item_id int, weight float8, at timestamptz, kind text, extra point);
         CREATE INDEX ON events (user_id)",
    );
    (database, session)
}

#[track_caller]
fn expect(session: &mut Session, sql: &str, code: SqlState, message: &str, detail: &str, hint: &str) {
    let error = session.expect_error(sql);
    let found = (error.message(), error.detail().unwrap_or_default(), error.hint().unwrap_or_default());
    assert_eq!((error.code(), found), (&code, (message, detail, hint)), "{sql}");
}

#[test]
fn a_model_that_does_not_exist() {
    let (_database, mut session) = session("errors_unknown");
    expect(
        &mut session,
        "SELECT segrec_recommend(1)",
        SqlState::UNDEFINED_OBJECT,
        "there is no model",
        "There is no model that you may use.",
        "Create one with segrec_create_model and train it with segrec_train.",
    );
    session.run("SELECT segrec_create_model('shop', 'events')");
    expect(
        &mut session,
        "SELECT segrec_train('shpo')",
        SqlState::UNDEFINED_OBJECT,
        "model \"shpo\" does not exist",
        "The models you may use are \"shop\".",
        "Did you mean \"shop\"?",
    );
    expect(
        &mut session,
        "SELECT segrec_recommend(1)",
        SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
        "model \"shop\" has no deployed version",
        "",
        "Train it with SELECT * FROM segrec_train('shop').",
    );
}

#[test]
fn a_model_that_exists_or_has_no_proper_name() {
    let (_database, mut session) = session("errors_name");
    session.run("SELECT segrec_create_model('shop', 'events')");
    expect(
        &mut session,
        "SELECT segrec_create_model('shop', 'events')",
        SqlState::DUPLICATE_OBJECT,
        "model \"shop\" already exists",
        "The name of a model must be unique in its database.",
        "Choose another name, change the model with segrec_alter_model, or drop it with segrec_drop_model.",
    );
    for name in ["''", "repeat('x', 64)", "E'a\\nb'"] {
        let error = session.expect_error(&format!("SELECT segrec_create_model({name}, 'events')"));
        assert_eq!(error.code(), &SqlState::INVALID_NAME);
    }
    for (call, argument) in [
        ("segrec_create_model(NULL, 'events')", "model"),
        ("segrec_create_model('x', 'events', NULL)", "user_column"),
        ("segrec_create_model('x', 'events', options => NULL)", "options"),
        ("segrec_alter_model('shop', NULL)", "options"),
        ("segrec_train(NULL)", "model"),
        ("segrec_label_segment('shop', NULL, 'x')", "segment"),
        ("segrec_cut('shop', NULL)", "segments"),
        ("segrec_describe_segment('shop', NULL)", "segment"),
        ("segrec_train('shop', NULL)", "deploy"),
        ("segrec_train_all(NULL)", "pattern"),
        ("segrec_example(NULL)", "schema"),
        ("segrec_train_all('%', NULL)", "deploy"),
        ("segrec_deploy('shop', NULL)", "version"),
    ] {
        expect(
            &mut session,
            &format!("SELECT {call}"),
            SqlState::NULL_VALUE_NOT_ALLOWED,
            &format!("\"{argument}\" must not be null"),
            "",
            &format!("Specify a value for \"{argument}\"."),
        );
    }
}

#[test]
fn columns_that_are_missing_are_named_together() {
    let (_database, mut session) = session("errors_columns");
    expect(
        &mut session,
        "SELECT segrec_create_model('shop', 'events', 'customer', 'product', weight_column => 'weight', time_column => 'when')",
        SqlState::UNDEFINED_COLUMN,
        "relation \"events\" has no columns \"customer\", \"product\", \"when\"",
        "Its columns are \"user_id\", \"item_id\", \"weight\", \"at\", \"kind\", \"extra\"; the requested ones are user_column => 'customer', item_column => 'product', time_column => 'when'.",
        "Specify the columns, as in user_column => 'customer_id'.",
    );
}

#[test]
fn columns_of_a_wrong_type_are_named_together() {
    let (_database, mut session) = session("errors_types");
    expect(
        &mut session,
        "SELECT segrec_create_model('shop', 'events', 'weight', 'item_id', weight_column => 'kind',
                                    time_column => 'user_id', type_column => 'extra')",
        SqlState::DATATYPE_MISMATCH,
        "columns of \"events\" have unsupported types",
        "\"weight\" is double precision, but user_column must be bigint, uuid or text.\n\
         \"kind\" is text, but weight_column must be a number.\n\
         \"user_id\" is integer, but time_column must be timestamptz, timestamp or date.\n\
         \"extra\" is point, but type_column must be text or an enum.",
        "Create a view that casts them, and specify the view instead.",
    );
    session.run("CREATE TABLE customers (id uuid, name text)");
    expect(
        &mut session,
        "SELECT segrec_create_model('shop', 'events', users => 'customers', users_key => 'id')",
        SqlState::DATATYPE_MISMATCH,
        "columns of \"customers\" have unsupported types",
        "\"id\" is uuid, but the ids of events are bigint.",
        "Create a view that casts them, and specify the view instead.",
    );
    session.run("SELECT segrec_create_model('shop', 'events')");
    let error = session.expect_error("SELECT segrec_recommend(md5('x')::uuid)");
    assert_eq!(error.code(), &SqlState::DATATYPE_MISMATCH);
}

#[test]
fn a_relation_without_rows_to_read() {
    let (_database, mut session) = session("errors_relation");
    session.run("CREATE SEQUENCE numbers");
    expect(
        &mut session,
        "SELECT segrec_create_model('shop', 'numbers')",
        SqlState::WRONG_OBJECT_TYPE,
        "\"numbers\" is a sequence",
        "A model reads a table, a view, a materialized view, a foreign table or a partitioned table.",
        "Specify one of these.",
    );
    assert_eq!(
        session.expect_error("SELECT segrec_create_model('shop', 'nowhere')").code(),
        &SqlState::UNDEFINED_TABLE
    );
    session.run("SELECT segrec_create_model('shop', 'events')");
    session.run("DROP TABLE events");
    expect(
        &mut session,
        "SELECT segrec_train('shop')",
        SqlState::UNDEFINED_TABLE,
        "the events relation of model \"shop\" no longer exists",
        "It was dropped after it had been bound to the model.",
        "Bind the model to another relation with segrec_rebind('shop', events => …).",
    );
    session.run("CREATE TABLE events (user_id bigint, item_id bigint)");
    expect(
        &mut session,
        "SELECT segrec_train('shop')",
        SqlState::UNDEFINED_TABLE,
        "the events relation of model \"shop\" no longer exists",
        "It was dropped after it had been bound to the model, and another relation is now named public.events.",
        "To use that relation, call segrec_rebind('shop', events => 'public.events').",
    );
    session.run("SELECT segrec_drop_model('shop')");
}

#[test]
fn options_that_are_wrong_are_reported_together() {
    let (_database, mut session) = session("errors_options");
    expect(
        &mut session,
        r#"SELECT segrec_create_model('shop', 'events', options => '{"als": {"factor": 8}}')"#,
        SqlState::INVALID_PARAMETER_VALUE,
        "unknown option \"als.factor\"",
        "",
        "Did you mean \"als.factors\"?",
    );
    session.run("SELECT segrec_create_model('shop', 'events')");
    expect(
        &mut session,
        r#"SELECT segrec_alter_model('shop', '{"als": {"factors": 0}, "seed": "x"}')"#,
        SqlState::INVALID_PARAMETER_VALUE,
        "2 options are invalid",
        "option \"als.factors\" is 0\noption \"seed\" is \"x\"",
        "\"als.factors\" must be \"auto\" or an integer from 1 to 1024; the default is 128.\n\
         \"seed\" must be an integer from 0 to 9007199254740991; the default is 42.",
    );
    for (options, option, column) in [
        (r#"{"events": {"duplicates": "last"}}"#, "events.duplicates", "time_column"),
        (r#"{"events": {"half_life": "9 days"}}"#, "events.half_life", "time_column"),
        (r#"{"holdout": {"split": "time"}}"#, "holdout.split", "time_column"),
        (r#"{"holdout": {"split": "last"}}"#, "holdout.split", "time_column"),
        (r#"{"events": {"type_weights": {"buy": 2}}}"#, "events.type_weights", "type_column"),
        (r#"{"events": {"seen_types": ["buy"]}}"#, "events.seen_types", "type_column"),
        (r#"{"events": {"seen_for": "30 days"}}"#, "events.seen_for", "time_column"),
    ] {
        expect(
            &mut session,
            &format!("SELECT segrec_alter_model('shop', '{options}')"),
            SqlState::INVALID_PARAMETER_VALUE,
            &format!("option \"{option}\" requires a {column}"),
            &format!("The model has no {column}."),
            &format!("Create the model with {column} => …, or change the option."),
        );
    }
    expect(
        &mut session,
        "SELECT segrec_train('shop', 'perhaps')",
        SqlState::INVALID_PARAMETER_VALUE,
        "\"deploy\" is \"perhaps\"",
        "",
        "\"deploy\" must be one of 'if_better', 'always', 'never'.",
    );
    expect(
        &mut session,
        "SELECT segrec_recommend(1, -1)",
        SqlState::INVALID_PARAMETER_VALUE,
        "\"n\" is -1",
        "",
        "\"n\" must be an integer from 0 to 2147483647.",
    );
    assert_eq!(session.table("SELECT options FROM segrec.models"), "{}", "refused options change nothing");
}

#[test]
fn nothing_to_train_on() {
    let (_database, mut session) = session("errors_empty");
    session.run("SELECT segrec_create_model('shop', 'events')");
    let hint = "Add events, or lower events.min_user_events and events.min_item_events.";
    let message = "relation \"events\" contains nothing to train on";
    let code = SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE;
    expect(&mut session, "SELECT segrec_train('shop')", code.clone(), message, "There are no events.", hint);
    session.run("INSERT INTO events SELECT u, u FROM generate_series(1, 9) u");
    session.run(r#"SELECT segrec_alter_model('shop', '{"events": {"min_user_events": 2}}')"#);
    let detail = "None of 9 events has a user with at least 2 and an item with at least 1 events.";
    expect(&mut session, "SELECT segrec_train('shop')", code, message, detail, hint);
}

#[test]
fn bad_rows_are_counted_and_named() {
    let (_database, mut session) = session("errors_bad_rows");
    session.run(
        "INSERT INTO events SELECT u, i, 1, now() FROM generate_series(1, 20) u, generate_series(1, 10) i WHERE (u + i) % 3 > 0;
         INSERT INTO events VALUES
             (NULL, 1, 1, now()), (NULL, 2, 1, now()), (1, NULL, 1, now()), (1, 1, NULL, now()), (1, 2, 'NaN', now()),
             (1, 3, 'Infinity', now()), (1, 4, -1, now()), (1, 5, 1, NULL), (1, 6, 1, '-infinity'), (1, 7, 0, now());
         SELECT segrec_create_model('shop', 'events', weight_column => 'weight', time_column => 'at')",
    );
    let detail = "Invalid rows: 2 with a null user, 1 with a null item, 1 with a null weight, 2 with a weight that is NaN or infinite, 1 with a negative weight, 2 with a null or infinite time.";
    expect(
        &mut session,
        "SELECT segrec_train('shop')",
        SqlState::DATA_EXCEPTION,
        "relation \"events\" contains 9 invalid rows",
        detail,
        "Correct them, exclude them with a view, or skip them with the option {\"events\": {\"on_bad_rows\": \"skip\"}}.",
    );
    session.run(r#"SELECT segrec_alter_model('shop', '{"events": {"on_bad_rows": "skip"}}')"#);
    session.notices();
    session.run("SELECT segrec_train('shop')");
    let notices = session.notices();
    let skipped = notices.iter().find(|notice| notice.message().starts_with("skipped")).unwrap();
    assert_eq!(skipped.message(), "skipped 9 of 143 rows of \"events\"");
    assert_eq!(skipped.detail(), Some(detail));
    let weightless = "ignored 1 of 143 rows of \"events\" that have a weight of 0";
    assert!(notices.iter().any(|notice| notice.message() == weightless));
    session.run("SELECT segrec_recommend(1)");
}

#[test]
fn a_jsonb_that_holds_more_than_can_be_read() {
    let (_database, mut session) = session("errors_jsonb");
    expect(
        &mut session,
        "SELECT segrec_create_model('shop', 'events', options => '{\"seed\": 1e400}')",
        SqlState::INVALID_PARAMETER_VALUE,
        "could not read jsonb",
        "number out of range at line 1 column 410",
        "Use numbers of at most 1.8e308 and at most 127 levels of nesting.",
    );
    for call in ["segrec_alter_model('shop', $1)", "segrec_classify('shop', $1)"] {
        let deep = "(repeat('[', 5000) || repeat(']', 5000))::jsonb";
        let error = session.expect_error(&format!("SELECT {}", call.replace("$1", deep)));
        assert_eq!(
            (error.code(), error.message()),
            (&SqlState::INVALID_PARAMETER_VALUE, "could not read jsonb")
        );
    }
}

#[test]
fn a_relation_that_is_not_there() {
    let (_database, mut session) = session("errors_regclass");
    session.run("SELECT segrec_create_model('shop', 'events')");
    for call in [
        "segrec_create_model('other', 4294967295::regclass)",
        "segrec_create_model('other', users => 4294967295::regclass)",
    ] {
        expect(
            &mut session,
            &format!("SELECT {call}"),
            SqlState::UNDEFINED_TABLE,
            "relation with OID 4294967295 does not exist",
            "It was dropped or never existed.",
            "Specify a table, view, materialized view, foreign table or partitioned table.",
        );
    }
}

#[test]
fn a_metric_that_is_not_there() {
    let (_database, mut session) = session("errors_metric");
    expect(
        &mut session,
        "SELECT segrec_catalog.list_metric('taste', ARRAY[1], ARRAY[1], 1)",
        SqlState::INVALID_PARAMETER_VALUE,
        "metric \"taste\" does not exist",
        "",
        "Call the function of a metric, as in segrec_recall(ARRAY[1, 2], ARRAY[2]).",
    );
}

#[test]
fn one_column_for_users_and_items() {
    let (_database, mut session) = session("errors_same_column");
    expect(
        &mut session,
        "SELECT segrec_create_model('same', 'events', item_column => 'user_id')",
        SqlState::INVALID_PARAMETER_VALUE,
        "user_column and item_column are both \"user_id\"",
        "Events relate a user to an item, which must be two columns of \"events\".",
        "Specify both, as in user_column => 'customer_id', item_column => 'product_id'.",
    );
}

#[test]
fn a_key_that_a_relation_of_users_or_items_does_not_have() {
    let (_database, mut session) = session("errors_keys");
    session.run("CREATE TABLE things (id bigint, name text)");
    for (given, key, column) in [("users", "users_key", "user_id"), ("items", "items_key", "item_id")] {
        expect(
            &mut session,
            &format!("SELECT segrec_create_model('keys', 'events', {given} => 'things')"),
            SqlState::UNDEFINED_COLUMN,
            &format!("relation \"things\" has no column \"{column}\""),
            &format!("Its columns are \"id\", \"name\"; the requested ones are {key} => '{column}'."),
            &format!("Specify the column of the ids, as in {key} => 'id'."),
        );
    }
}

#[test]
fn jobs_where_there_may_be_none() {
    let (_database, mut session) = session("errors_jobs");
    session.run(
        "CREATE ROLE errors_jobs; GRANT SELECT ON events TO errors_jobs; SELECT segrec_create_model('shop', 'events');
         SELECT segrec_grant('shop', 'errors_jobs', 'train')",
    );
    for (of_role, of_database, whose, detail) in [
        (0, 4, "your role", "segrec.max_jobs_per_role is 0."),
        (-1, 0, "this database", "segrec.max_jobs is 0."),
    ] {
        session.run(&format!(
            "RESET ROLE; SET segrec.max_jobs_per_role = {of_role}; SET segrec.max_jobs = {of_database};
             SET ROLE errors_jobs"
        ));
        expect(
            &mut session,
            "SELECT segrec_train_in_background('shop')",
            SqlState::CONFIGURATION_LIMIT_EXCEEDED,
            &format!("{whose} may not have background trainings"),
            detail,
            "Train with segrec_train, which does not require a background process.",
        );
    }
}

#[test]
fn a_table_of_the_extension_that_is_gone() {
    let (_database, mut session) = session("errors_table_gone");
    session.run("ALTER TABLE segrec_catalog.models RENAME TO former_models");
    expect(
        &mut session,
        "SELECT segrec_create_model('shop', 'events')",
        SqlState::UNDEFINED_TABLE,
        "table \"segrec_catalog.models\" does not exist",
        "It belongs to the extension, and was dropped or renamed.",
        "Rename it back, or drop the extension and restore it from a dump.",
    );
}
