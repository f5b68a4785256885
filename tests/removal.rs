//! Removal: of old versions after a training, of the stored data of a user, and of what roles leave behind.

use segrec_tests::{Cluster, Session, SqlState, planted};
use std::time::Duration;

/// Whether a session is executing a drop.
const DROPPING: &str = "SELECT EXISTS (SELECT FROM pg_stat_activity
    WHERE query LIKE 'SELECT segrec_drop%' AND state = 'active' AND datname = current_database())";

fn versions(session: &mut Session) -> String {
    session.table("SELECT string_agg(version::text, ' ' ORDER BY version) FROM segrec.versions WHERE state <> 'history'")
}

/// Returns the number of versions that have rows, which must be the same in each table.
fn stored(session: &mut Session) -> i64 {
    let counts = session.column::<i64>(
        "SELECT count(DISTINCT version_id) FROM segrec_catalog.version_users
         UNION SELECT count(DISTINCT version_id) FROM segrec_catalog.version_items
         UNION SELECT count(DISTINCT version_id) FROM segrec_catalog.version_segment_items",
    );
    assert_eq!(counts.len(), 1, "{counts:?}");
    counts[0]
}

#[test]
fn a_training_leaves_the_newest_versions_the_deployed_one_and_the_one_to_roll_back_to() {
    let cluster = Cluster::start();
    let database = cluster.database("removal_keep");
    let mut session = database.connect();
    planted::create(&mut session);
    session
        .run(&format!("SELECT segrec_create_model('planted', 'events', options => '{}')", planted::OPTIONS));
    session.run(r#"SELECT segrec_alter_model('planted', '{"keep_versions": 2}')"#);
    for _ in 0..2 {
        session.run("SELECT segrec_train('planted', 'always')");
    }
    for _ in 0..3 {
        session.run("SELECT segrec_train('planted', 'never')");
    }
    // Version 2 is deployed, 1 is the target of a rollback, and 4 and 5 are the newest.
    assert_eq!(versions(&mut session), "1 2 4 5");
    assert_eq!(stored(&mut session), 4);
    session.run("SELECT * FROM segrec_recommend(3)");
    assert_eq!(session.table("SELECT segrec_rollback('planted')"), "1");
    session.run("SELECT segrec_deploy('planted', 5); SELECT segrec_train('planted', 'always')");
    assert_eq!(versions(&mut session), "5 6", "2 answered before, but 5 did later");
    session.run("SELECT * FROM segrec_recommend(3); SELECT segrec_train('planted', 'always')");
    assert_eq!(versions(&mut session), "6 7");
    assert_eq!(stored(&mut session), 2);
    session.run("SELECT * FROM segrec_recommend(3)");
    let left: Vec<String> = std::fs::read_dir(cluster.data().join("base/pgsql_tmp"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("pgsql_tmp_segrec."))
        .collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn how_many_versions_are_kept_is_no_part_of_a_recipe() {
    let database = Cluster::shared().database("removal_recipe");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    session.run(
        r#"SELECT segrec_alter_model('planted', '{"keep_versions": 1, "keep_history": 7}'); SELECT segrec_train('planted')"#,
    );
    // A version with other options would have been compared with the new one: "not worse than with the options of …".
    let reason: String = session.value("SELECT reason FROM segrec.versions WHERE version = 2");
    assert!(reason.starts_with("ndcg@20 holds: "), "{reason}");
    for wrong in ["0", "1.5", "\"all\""] {
        let alter = format!(r#"SELECT segrec_alter_model('planted', '{{"keep_versions": {wrong}}}')"#);
        assert_eq!(session.expect_error(&alter).code(), &SqlState::INVALID_PARAMETER_VALUE, "{wrong}");
    }
}

#[test]
fn trainings_and_drops_wait_for_no_reader_and_readers_go_on_with_what_they_began_with() {
    let database = Cluster::shared().database("removal_readers");
    let (mut session, mut reader, mut other) = (database.connect(), database.connect(), database.connect());
    planted::create_and_train(&mut session);
    session.run(r#"SELECT segrec_alter_model('planted', '{"keep_versions": 1}'); SET lock_timeout = '2s'"#);
    let questions = [
        "SELECT user_id, segment FROM segrec.segment_members ORDER BY 1",
        "SELECT * FROM segrec.item_factors ORDER BY item_id, segment",
        "SELECT * FROM segrec_recommend(3, 20)",
        "SELECT segrec_segment_of(3::bigint)",
        "SELECT * FROM segrec_recommend_all('planted', 3)",
    ];
    // One session has already read, and the other has only begun.
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1";
    reader.run(begin);
    let before = questions.map(|question| reader.table(question));
    other.run(begin);
    session.run(r#"SELECT segrec_alter_model('planted', '{"als": {"factors": 3}}')"#);
    for _ in 0..3 {
        session.run("SELECT segrec_train('planted', 'always')");
    }
    assert_eq!(versions(&mut session), "3 4");
    session.run("SELECT segrec_drop_version('planted', 3)");
    assert_eq!(stored(&mut session), 1);
    session.run("SELECT segrec_recommend(3)");
    for session in [&mut reader, &mut other] {
        assert_eq!(questions.map(|question| session.table(question)), before);
    }
    session.run("SELECT segrec_drop_model('planted')");
    for session in [&mut reader, &mut other] {
        assert_eq!(questions.map(|question| session.table(question)), before);
        session.run("COMMIT");
        let error = session.expect_error("SELECT * FROM segrec_recommend(3, 20)");
        assert_eq!(error.message(), "there is no model");
    }
}

#[test]
fn a_drop_that_waits_for_a_deployment_is_refused_once_its_version_answers() {
    let database = Cluster::shared().database("removal_deployed");
    let (mut session, mut deployer, mut watcher) =
        (database.connect(), database.connect(), database.connect());
    planted::create_and_train(&mut session);
    session.run("SELECT segrec_train('planted', 'always'); SELECT segrec_train('planted', 'always')");
    deployer.run("BEGIN; SELECT segrec_deploy('planted', 1)");
    std::thread::scope(|scope| {
        let dropping = scope.spawn(move || {
            let error = session.expect_error("SELECT segrec_drop_version('planted', 1)");
            assert_eq!(error.code(), &SqlState::OBJECT_IN_USE, "{error:?}");
            assert_eq!(error.message(), "version 1 of model \"planted\" is deployed");
        });
        watcher.wait_until(DROPPING);
        std::thread::sleep(Duration::from_millis(200));
        assert!(!dropping.is_finished());
        deployer.run("COMMIT");
        dropping.join().unwrap();
    });
    assert_eq!(deployer.value::<i64>("SELECT count(*) FROM segrec_recommend(3, 10)"), 10);
    // Conversely, a version that is being dropped cannot be deployed.
    let mut session = database.connect();
    session.run("BEGIN; SELECT segrec_drop_version('planted', 2)");
    std::thread::scope(|scope| {
        let deploying = scope.spawn(move || {
            let error = deployer.expect_error("SELECT segrec_deploy('planted', 2)");
            assert_eq!(error.code(), &SqlState::T_R_SERIALIZATION_FAILURE, "{error:?}");
        });
        watcher.wait_until_locked_out("SELECT segrec_deploy");
        session.run("COMMIT");
        deploying.join().unwrap();
    });
    assert_eq!(versions(&mut session), "1 3");
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(3, 10)"), 10);
}

#[test]
fn a_drop_that_waits_is_cancelled() {
    let database = Cluster::shared().database("removal_cancel");
    let (mut session, mut deployer) = (database.connect(), database.connect());
    planted::create_and_train(&mut session);
    session.run("SELECT segrec_train('planted', 'always')");
    deployer.run("BEGIN; SELECT segrec_deploy('planted', 1)");
    session.run("SET statement_timeout = '200ms'");
    let error = session.expect_error("SELECT segrec_drop_version('planted', 1)");
    assert_eq!(error.code(), &SqlState::QUERY_CANCELED);
    deployer.run("ROLLBACK");
    session.run("SELECT segrec_drop_version('planted', 1)");
}

/// Returns the catalog's tables whose rows belong to a model, with their numbers of rows.
fn of_models(session: &mut Session) -> Vec<(String, i64)> {
    let tables: Vec<String> = session.column(
        "SELECT DISTINCT attrelid::regclass::text FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
         WHERE relnamespace = 'segrec_catalog'::regnamespace AND relkind = 'r'
           AND attname IN ('model_id', 'version_id', 'study_id') ORDER BY 1",
    );
    let count = |table: String| (session.value(&format!("SELECT count(*) FROM {table}")), table);
    tables.into_iter().map(count).map(|(count, table)| (table, count)).collect()
}

#[test]
fn a_model_that_is_dropped_leaves_no_row_in_any_table() {
    let database = Cluster::shared().database("removal_all");
    let mut session = database.connect();
    session.run(
        r#"CREATE ROLE removal_all_role;
           CREATE TABLE events AS SELECT u AS user_id, i AS item_id FROM generate_series(1::bigint, 90) u, generate_series(1::bigint, 30) i
               WHERE i % 3 = u % 3 AND (u + i) % 4 < 3;
           CREATE TABLE people AS SELECT u AS user_id, u % 3 * 20 + u % 5 AS age FROM generate_series(1::bigint, 90) u;
           CREATE TABLE things AS SELECT i AS item_id, i % 3 = 0 AS round FROM generate_series(1::bigint, 30) i;
           SELECT segrec_create_model('all', 'events', users => 'people', items => 'things', options =>
               '{"algorithm": "auto", "als": {"factors": 4}, "segmentation": {"on": "attributes", "method": "hierarchical", "segments": 3}}')"#,
    );
    session.run("SELECT segrec_train('all'); UPDATE people SET age = age + 20 WHERE user_id % 7 = 0");
    session.run(
        r#"SELECT segrec_alter_model('all', '{"segmentation": {"method": "optics", "segments": "auto"}}'); SELECT segrec_train('all', 'always')"#,
    );
    session.run("SELECT segrec_label_segment('all', 1, 'first'); SELECT segrec_grant('all', 'removal_all_role', 'use'); SELECT segrec_add_rule('all', 'block', '{1}')");
    session.run(r#"CALL segrec_tune('all', '{"als.factors": [2, 4]}', trials => 2)"#);
    session.run("CALL segrec_run_schedule('all', 1000000)");
    session.run("CREATE SCHEMA made; SELECT segrec_create_functions('all', 'made')");
    session.run(
        "INSERT INTO segrec_catalog.schedules (model_id, cron, min_new_events, role, job)
             SELECT model_id, '0 3 * * *', 10, current_user::regrole, 7 FROM segrec_catalog.models;
         INSERT INTO segrec_catalog.jobs (job, model_id, role, pid, state)
             SELECT 1, model_id, current_user::regrole, 1, 'finished' FROM segrec_catalog.models",
    );
    let tables = of_models(&mut session);
    assert!(tables.len() >= 28 && tables.iter().all(|(_, rows)| *rows > 0), "{tables:?}");
    // Another model keeps all of its rows.
    session.run(
        r#"SELECT segrec_create_model('other', 'events', options => '{"algorithm": "popularity"}'); SELECT segrec_train('other')"#,
    );
    let others = |session: &mut Session| {
        session.table(
            "SELECT (SELECT count(*) FROM segrec_catalog.version_users WHERE version_id = deployed_version_id),
                    (SELECT count(*) FROM segrec_catalog.segment_history history WHERE history.model_id = model.model_id)
             FROM segrec_catalog.models model WHERE name = 'other'",
        )
    };
    assert_eq!(others(&mut session), "90|90");
    session.run("DELETE FROM segrec_catalog.schedules; SELECT segrec_drop_model('all')");
    assert_eq!(others(&mut session), "90|90");
    session.run("SELECT segrec_drop_model('other')");
    let left: Vec<(String, i64)> =
        of_models(&mut session).into_iter().filter(|(_, rows)| *rows > 0).collect();
    assert_eq!(left, []);
    session.run("DROP ROLE removal_all_role");
}

/// Returns everything in the catalog that contains an id, as text: rows, and the planner's statistics of columns.
fn traces(session: &mut Session, id: &str) -> Vec<String> {
    let tables: Vec<String> = session.column(
        "SELECT oid::regclass::text FROM pg_class
         WHERE relnamespace = 'segrec_catalog'::regnamespace AND relkind = 'r'",
    );
    let mut found = Vec::new();
    for table in tables.iter().map(String::as_str).chain(["pg_stats"]) {
        let count: i64 =
            session.value(&format!("SELECT count(*) FROM {table} AS row WHERE row::text ~ '\\m{id}\\M'"));
        if count > 0 {
            found.push(table.to_owned());
        }
    }
    found
}

#[test]
fn a_forgotten_user_is_in_no_table_and_no_statistics_and_answered_like_anybody_unknown() {
    let database = Cluster::shared().database("removal_forget");
    let (mut session, mut other) = (database.connect(), database.connect());
    planted::create(&mut session);
    // Without an index no events are read when serving, so answers are those of the training.
    session.run(&format!(
        "CREATE TABLE named AS SELECT 'person' || user_id AS user_id, item_id FROM events;
         SELECT segrec_create_model('m', 'named', options => '{}');
         SELECT segrec_train('m'); SELECT segrec_train('m', 'always');
         ANALYZE segrec_catalog.segment_history",
        planted::OPTIONS
    ));
    let id = "person50";
    assert_eq!(
        {
            let mut traces = traces(&mut session, id);
            traces.sort();
            traces
        },
        ["segrec_catalog.segment_history", "segrec_catalog.version_users"]
    );
    let list = format!("SELECT item_id, source FROM segrec_recommend('{id}', 20)");
    assert!(!other.table(&list).contains("popular"));
    let everybody: i64 = other.value("SELECT count(DISTINCT user_id) FROM segrec_recommend_all('m', 1)");
    let forget = format!("SELECT * FROM segrec_forget_user('m', '{id}')");
    // Uncommitted changes have no effect, and statements that began before continue.
    session.run("BEGIN");
    assert_eq!(session.table(&forget), "segment_members|2\nsegment_history|1");
    assert!(!other.table(&list).contains("popular"));
    session.run("COMMIT");
    assert_eq!(traces(&mut session, id), Vec::<String>::new());
    // A session that has served the user no longer does.
    let stranger = "SELECT item_id, source FROM segrec_recommend('nobody at all', 20)";
    assert_eq!(other.table(&list), other.table(stranger));
    assert_eq!(other.table(&format!("SELECT segrec_segment_of('{id}')")), "∅");
    assert_eq!(other.value::<i64>(&format!("SELECT count(*) FROM segrec_similar_users('{id}')")), 0);
    for query in [
        "segrec_audience('3', 1000)",
        "segrec_similar_users('person1', 1000)",
        "segrec_recommend_all('m', 1)",
        "segrec.segment_members",
        "segrec.segment_history",
        "segrec.user_factors",
    ] {
        let rows: i64 = other.value(&format!("SELECT count(*) FROM {query} WHERE user_id = '{id}'"));
        assert_eq!(rows, 0, "{query}");
    }
    let now: i64 = other.value("SELECT count(DISTINCT user_id) FROM segrec_recommend_all('m', 1)");
    assert_eq!(now, everybody - 1);
    other.run("SELECT segrec_evaluate('m'); SELECT segrec_recommend_segment(1)");
    assert_eq!(session.table(&forget), "segment_members|0\nsegment_history|0");
    // Events belong to the caller, and bring the user back.
    session.run("SELECT segrec_train('m', 'always')");
    assert!(!other.table(&list).contains("popular"));
    session.run(&format!("DELETE FROM named WHERE user_id = '{id}'"));
    session.run(&forget);
    session.run("SELECT segrec_train('m', 'always')");
    assert_eq!(traces(&mut session, id), Vec::<String>::new());
}

#[test]
fn a_forgotten_user_with_live_events_is_folded_in() {
    let database = Cluster::shared().database("removal_live");
    let (mut session, mut other) = (database.connect(), database.connect());
    planted::create_and_train(&mut session);
    let sources = "SELECT DISTINCT source FROM segrec_recommend(3::bigint, 5)";
    assert!(!other.table(sources).contains("fold_in"));
    assert_eq!(
        session.table("SELECT * FROM segrec_forget_user('planted', 3)"),
        "segment_members|1\nsegment_history|1"
    );
    assert_eq!(other.table(sources), "fold_in");
    session.run("DELETE FROM events WHERE user_id = 3");
    assert_eq!(other.table(sources), "popular");
}

#[test]
fn lists_of_all_go_on_where_thousands_of_neighbouring_users_were_forgotten() {
    let database = Cluster::shared().database("removal_gap");
    let mut session = database.connect();
    session.run(
        r#"CREATE TABLE wide AS SELECT u AS user_id, (u * 7 + i * i) % 40 AS item_id
           FROM generate_series(1::bigint, 9000) u, generate_series(1::bigint, 3) i;
           SELECT segrec_create_model('wide', 'wide', options =>
               '{"algorithm": "popularity", "segmentation": {"method": "none"}}');
           SELECT segrec_train('wide')"#,
    );
    // The rows of users in a range of places are removed; every hundredth of these users is forgotten.
    session.run(
        "SELECT segrec_forget_user('wide', user_id) FROM segrec_catalog.version_users WHERE place BETWEEN 4000 AND 8300 AND place % 100 = 0;
         DELETE FROM segrec_catalog.version_users WHERE place BETWEEN 4000 AND 8300",
    );
    assert_eq!(
        session.value::<i64>("SELECT count(DISTINCT user_id) FROM segrec_recommend_all('wide', 1)"),
        9000 - 4301
    );
}

#[test]
fn only_the_owner_forgets_and_an_id_of_another_type_is_said() {
    let database = Cluster::shared().database("removal_rights");
    let (mut session, mut busy) = (database.connect(), database.connect());
    planted::create_and_train(&mut session);
    session.run("CREATE ROLE removal_rights_reader LOGIN; GRANT SELECT ON events TO removal_rights_reader");
    session.run("SELECT segrec_grant('planted', 'removal_rights_reader', 'train')");
    let mut reader = database.connect_as("removal_rights_reader");
    let error = reader.expect_error("SELECT segrec_forget_user('planted', 3)");
    assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE);
    let error = session.expect_error("SELECT segrec_forget_user('planted', md5('x')::uuid)");
    assert_eq!(error.message(), "the user ids of model \"planted\" are of type bigint, not uuid");
    assert_eq!(
        session.table("SELECT * FROM segrec_forget_user('planted', 'x')"),
        "segment_members|0\nsegment_history|0"
    );
    let error = session.expect_error("SELECT segrec_forget_user('planted', NULL::bigint)");
    assert_eq!(error.code(), &SqlState::NULL_VALUE_NOT_ALLOWED);
    // A training may have read the user's events already.
    busy.run("BEGIN; SELECT segrec_train('planted', 'never')");
    let error = session.expect_error("SELECT segrec_forget_user('planted', 3)");
    assert_eq!(error.code(), &SqlState::LOCK_NOT_AVAILABLE);
    busy.run("ROLLBACK");
}

#[test]
fn a_deployment_beside_it_does_not_write_the_user_into_the_history_again() {
    let database = Cluster::shared().database("removal_race");
    let (mut session, mut deploying) = (database.connect(), database.connect());
    planted::create_and_train(&mut session);
    session.run("SELECT segrec_train('planted', 'never')");
    for isolation in ["READ COMMITTED", "REPEATABLE READ"] {
        let user = isolation.len(); // another user each time
        session.run(&format!("BEGIN; SELECT segrec_forget_user('planted', {user})"));
        deploying
            .run(&format!("BEGIN ISOLATION LEVEL {isolation}; SELECT count(*) FROM segrec.segment_members"));
        std::thread::scope(|scope| {
            let deployed =
                scope.spawn(|| deploying.batch_execute("SELECT segrec_deploy('planted', 2); COMMIT"));
            std::thread::sleep(Duration::from_millis(200));
            assert!(!deployed.is_finished(), "it waits for who forgets");
            session.run("COMMIT");
            let outcome = deployed.join().unwrap();
            assert_eq!(outcome.is_ok(), isolation == "READ COMMITTED", "{outcome:?}");
        });
        deploying.run("ROLLBACK");
        let rows = "SELECT count(*) FROM segrec.segment_history WHERE user_id =";
        assert_eq!(session.value::<i64>(&format!("{rows} '{user}'")), 0, "{isolation}");
    }
}

#[test]
fn a_forgotten_user_is_no_example_any_more_where_neighbours_vote() {
    let database = Cluster::shared().database("removal_votes");
    let mut session = database.connect();
    session.run(
        r#"CREATE TABLE people AS
               SELECT u AS user_id, CASE WHEN u = 1 THEN 1000 ELSE u END AS age,
                      CASE WHEN u = 1 THEN 'old' WHEN u % 2 = 0 THEN 'young' END AS label
               FROM generate_series(1::bigint, 60) u;
           SELECT segrec_create_model('people', users => 'people', options =>
               '{"segmentation": {"method": "knn", "label_column": "label", "neighbours": 1, "features": ["age"]}}');
           SELECT segrec_train('people')"#,
    );
    let label =
        "SELECT label FROM segrec.segments WHERE segment = segrec_classify('people', '{\"age\": 990}')";
    assert_eq!(session.table(label), "old");
    session.run("SELECT segrec_forget_user('people', 4)");
    assert_eq!(database.connect().table(label), "old");
    session.run("SELECT segrec_forget_user('people', 1)");
    assert_eq!(database.connect().table(label), "young");
    // Without labelled examples no user can be classified any more.
    session.run("SELECT segrec_forget_user('people', user_id) FROM people WHERE label IS NOT NULL");
    let error = database.connect().expect_error(label);
    assert_eq!(error.code(), &SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE);
}
