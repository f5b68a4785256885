//! `segrec_create_model` with `if_exists`, for scripts that define models and are run again.

use segrec_tests::{Cluster, Database, Session, SqlState};

const LIST: &str = "SELECT string_agg(item_id::text, ' ' ORDER BY rank) FROM segrec_recommend(1, 5, 'shop')";
const DEFINITION: &str = "SELECT model_id, owner, events, user_column, time_column, users, items, options FROM segrec_catalog.owned_models WHERE name = 'shop'";

/// Creates a model of events, users and items, trained and labelled.
fn create(database: &Database<'_>) -> Session {
    let mut session = database.connect();
    session.run(
        r#"CREATE TABLE buys AS SELECT u::bigint AS user_id, i::bigint AS item_id, timestamptz '2025-01-01' + (u * 7 + i) % 50 * interval '1 day' AS at
               FROM generate_series(1, 60) u, generate_series(1, 30) i WHERE i % 3 = u % 3;
           CREATE INDEX ON buys (user_id);
           CREATE TABLE people AS SELECT u::bigint AS user_id, u % 2 * 30 + u % 5 AS age FROM generate_series(1, 60) u;
           CREATE UNIQUE INDEX ON people (user_id);
           CREATE TABLE goods AS SELECT i::bigint AS item_id, 'c' || i % 3 AS category FROM generate_series(1, 30) i;
           CREATE UNIQUE INDEX ON goods (item_id);
           SELECT segrec_create_model('shop', 'buys', time_column => 'at', users => 'people', items => 'goods',
               options => '{"als": {"factors": 4}, "segmentation": {"segments": 2, "on": "attributes"}}');
           SELECT segrec_train('shop'); SELECT segrec_label_segment('shop', 1, 'first')"#,
    );
    session.notices();
    session
}

#[test]
fn a_model_that_exists_is_an_error_unless_it_is_asked_to_be_kept_or_replaced() {
    let database = Cluster::shared().database("redefine_words");
    let mut session = create(&database);
    for call in
        ["segrec_create_model('shop', 'buys')", "segrec_create_model('shop', 'buys', if_exists => 'error')"]
    {
        let error = session.expect_error(&format!("SELECT {call}"));
        assert_eq!(error.code(), &SqlState::DUPLICATE_OBJECT, "{call}");
    }
    for word in ["ignore", "", "Keep"] {
        let error = session
            .expect_error(&format!("SELECT segrec_create_model('shop', 'buys', if_exists => '{word}')"));
        assert_eq!(error.code(), &SqlState::INVALID_PARAMETER_VALUE);
        assert_eq!(error.message(), format!("\"if_exists\" is \"{word}\""));
        assert_eq!(error.hint(), Some("\"if_exists\" must be one of 'error', 'keep', 'replace'."));
    }
    let error = session.expect_error("SELECT segrec_create_model('shop', 'buys', if_exists => NULL)");
    assert_eq!(error.code(), &SqlState::NULL_VALUE_NOT_ALLOWED);
    assert_eq!(error.message(), "\"if_exists\" must not be null");
    // Where there is none of the name, each word creates it.
    for word in ["error", "keep", "replace"] {
        session.run(&format!("SELECT segrec_create_model('new {word}', 'buys', if_exists => '{word}')"));
    }
    assert_eq!(session.notices().len(), 0);
    assert_eq!(
        session.table("SELECT model FROM segrec.models ORDER BY 1"),
        "new error\nnew keep\nnew replace\nshop"
    );
}

#[test]
fn a_model_that_is_kept_stays_as_it_is_and_a_notice_says_so() {
    let database = Cluster::shared().database("redefine_keep");
    let mut session = create(&database);
    let before = session.table(DEFINITION);
    // Like CREATE … IF NOT EXISTS, it does not compare or check the rest of the definition.
    session.run(
        r#"SELECT segrec_create_model('shop', 'goods', options => '{"nosuch": 1}', if_exists => 'keep')"#,
    );
    let notices = session.notices();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert_eq!(notices[0].severity(), "NOTICE");
    assert_eq!(notices[0].message(), "model \"shop\" already exists, skipping");
    assert_eq!(session.table(DEFINITION), before);
    // So it is for a role that may use the model; for one that may not, the name is taken.
    session.run(
        "CREATE ROLE redefine_keep_user LOGIN; GRANT SELECT ON buys TO redefine_keep_user;
         CREATE ROLE redefine_keep_stranger LOGIN; CREATE TABLE others AS TABLE buys;
         GRANT SELECT ON others TO redefine_keep_stranger;
         SELECT segrec_grant('shop', 'redefine_keep_user', 'use')",
    );
    let mut user = database.connect_as("redefine_keep_user");
    user.run("SELECT segrec_create_model('shop', 'buys', if_exists => 'keep')");
    assert_eq!(user.notices().len(), 1);
    let mut stranger = database.connect_as("redefine_keep_stranger");
    for word in ["keep", "replace"] {
        let error = stranger
            .expect_error(&format!("SELECT segrec_create_model('shop', 'others', if_exists => '{word}')"));
        assert_eq!(error.code(), &SqlState::DUPLICATE_OBJECT, "{word}");
    }
    assert_eq!(session.table(DEFINITION), before);
}

#[test]
fn a_model_that_is_replaced_keeps_everything_else_and_serves_until_the_next_training() {
    let database = Cluster::shared().database("redefine_replace");
    let mut session = create(&database);
    session.run(
        "CREATE ROLE redefine_reader; SELECT segrec_grant('shop', 'redefine_reader', 'use');
         SELECT segrec_create_functions('shop', 'public');
         CREATE TABLE orders AS SELECT user_id AS customer, item_id AS product, at AS ordered_at FROM buys;
         CREATE INDEX ON orders (customer)",
    );
    let kept = "SELECT (SELECT string_agg(version || ' ' || deployed, ', ') FROM segrec.versions),
                       (SELECT string_agg(coalesce(label, '-'), ', ' ORDER BY segment) FROM segrec.segments),
                       (SELECT count(*) FROM segrec.segment_history), (SELECT count(*) FROM segrec.grants),
                       (SELECT count(*) FROM segrec_catalog.model_functions)";
    let (before, list) = (session.table(kept), session.value::<String>(LIST));
    let replace = r#"SELECT segrec_create_model('shop', 'orders', 'customer', 'product', time_column => 'ordered_at',
        options => '{"als": {"factors": 3}, "segmentation": {"segments": 3}}', if_exists => 'replace')"#;
    session.run(replace);
    assert_eq!(session.table(kept), before);
    assert_eq!(
        session.table("SELECT events, user_column, item_column, time_column, users, items, options #>> '{segmentation,segments}' FROM segrec_catalog.models"),
        "orders|customer|product|ordered_at|∅|∅|3"
    );
    // The deployed version serves, in this session and in a new one, and follows the new events.
    for session in [&mut session, &mut database.connect()] {
        assert_eq!(session.value::<String>(LIST), list);
        assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(999, 5, 'shop')"), 5);
        assert_eq!(session.value::<i64>("SELECT count(segrec_segment_of(1, 'shop'))"), 1);
        assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_similar_items(1, 5, 'shop')"), 5);
        assert!(session.value::<bool>("SELECT segrec_predict(1, 2, 'shop') IS NOT NULL"));
    }
    session.run("INSERT INTO orders SELECT 1, item_id, now() FROM segrec_recommend(1, 5, 'shop')");
    assert_ne!(session.value::<String>(LIST), list);
    session.run("DROP TABLE buys, people, goods");
    assert_eq!(session.table("SELECT version, segments FROM segrec_train('shop', 'always')"), "2|3");
    // Once more it changes nothing, so that a script can be run again.
    let definition = session.table(DEFINITION);
    session.run(replace);
    assert_eq!(session.table(DEFINITION), definition);
    session.run("DROP OWNED BY redefine_reader; DROP ROLE redefine_reader");
}

#[test]
fn a_model_gets_users_and_items_by_a_replacement_and_reads_them_from_the_next_training_on() {
    let database = Cluster::shared().database("redefine_more");
    let mut session = create(&database);
    session.run("SELECT segrec_create_model('bare', 'buys'); SELECT segrec_train('bare')");
    session.run(
        r#"SELECT segrec_create_model('bare', 'buys', users => 'people', items => 'goods',
               options => '{"segmentation": {"segments": 2, "on": "attributes"}}', if_exists => 'replace')"#,
    );
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(1, 5, 'bare')"), 5);
    assert_eq!(session.table("SELECT segments, deployed FROM segrec_train('bare', 'always')"), "2|t");
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(1, 5, 'bare')"), 5);
}

#[test]
fn a_replacement_that_versions_could_not_serve_is_refused_and_changes_nothing() {
    let database = Cluster::shared().database("redefine_refused");
    let mut session = create(&database);
    session.run(
        "CREATE TABLE texts AS SELECT user_id::text, item_id FROM buys;
         CREATE TABLE named AS SELECT user_id, item_id::text FROM buys;
         CREATE TABLE called AS SELECT user_id::text, age FROM people;
         SELECT segrec_create_model('groups', users => 'people');
         CREATE ROLE redefine_refused_user LOGIN; GRANT SELECT ON buys, people, goods TO redefine_refused_user;
         SELECT segrec_grant('shop', 'redefine_refused_user', 'train')",
    );
    let before = session.table(DEFINITION);
    for (arguments, code, message) in [
        (
            "'shop', 'texts'",
            SqlState::DATATYPE_MISMATCH,
            "model \"shop\" was created for user ids of type bigint, but \"user_id\" of \"texts\" is now text",
        ),
        (
            "'shop', 'named'",
            SqlState::DATATYPE_MISMATCH,
            "model \"shop\" was created for item ids of type bigint, but \"item_id\" of \"named\" is now text",
        ),
        (
            "'shop', users => 'people'",
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            "model \"shop\" has events, but its new definition has no events",
        ),
        (
            "'groups', 'buys'",
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            "model \"groups\" has no events, but its new definition has events",
        ),
        (
            "'groups', users => 'called'",
            SqlState::DATATYPE_MISMATCH,
            "model \"groups\" was created for user ids of type bigint, but \"user_id\" of \"called\" is now text",
        ),
        (
            "'shop', 'buys', time_column => 'nosuch'",
            SqlState::UNDEFINED_COLUMN,
            "relation \"buys\" has no column \"nosuch\"",
        ),
        (
            r#"'shop', 'buys', options => '{"holdout": {"split": "last"}}'"#,
            SqlState::INVALID_PARAMETER_VALUE,
            "option \"holdout.split\" requires a time_column",
        ),
        ("'shop'", SqlState::NULL_VALUE_NOT_ALLOWED, ""),
    ] {
        let error =
            session.expect_error(&format!("SELECT segrec_create_model({arguments}, if_exists => 'replace')"));
        assert_eq!(error.code(), &code, "{arguments}: {error:?}");
        assert!(message.is_empty() || error.message() == message, "{arguments}: {error:?}");
        assert!(error.hint().is_some(), "{arguments}: {error:?}");
    }
    // Only the owner may replace it, and nobody while it is being trained.
    let mut user = database.connect_as("redefine_refused_user");
    let error = user.expect_error("SELECT segrec_create_model('shop', 'buys', if_exists => 'replace')");
    assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE, "{error:?}");
    assert_eq!(error.message(), "must be owner of model \"shop\"");
    user.run("BEGIN; SELECT segrec_train('shop', 'never')");
    let error = session.expect_error("SELECT segrec_create_model('shop', 'buys', if_exists => 'replace')");
    assert_eq!(error.code(), &SqlState::LOCK_NOT_AVAILABLE, "{error:?}");
    user.run("ROLLBACK");
    assert_eq!(session.table(DEFINITION), before);
}

#[test]
fn of_two_scripts_that_create_a_model_at_once_the_second_keeps_or_replaces_it() {
    let database = Cluster::shared().database("redefine_at_once");
    let mut first = create(&database);
    for (word, notices, factors) in [("keep", 1, "3"), ("replace", 0, "5")] {
        let (mut second, mut watcher) = (database.connect(), database.connect());
        let call = |factors: i32| {
            format!(
                r#"SELECT segrec_create_model('{word}', 'buys', options => '{{"als": {{"factors": {factors}}}}}', if_exists => '{word}')"#
            )
        };
        first.run(&format!("BEGIN; {}", call(3)));
        let told = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                second.run(&call(5));
                second.notices().len()
            });
            watcher.wait_until_locked_out("SELECT segrec_create_model");
            first.run("COMMIT");
            waiting.join().unwrap()
        });
        assert_eq!(told, notices, "{word}");
        let options =
            format!("SELECT options #>> '{{als,factors}}' FROM segrec.models WHERE model = '{word}'");
        assert_eq!(first.value::<String>(&options), factors, "{word}");
    }
}
