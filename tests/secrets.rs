//! Data that must not be visible or reachable indirectly: other users' data, forgotten users, and where the data of
//! others are stored.

use segrec_tests::{Cluster, Database, Session, SqlState, planted};
use std::fs;

/// Returns the names of our files in the folder of temporary files.
fn files(cluster: &Cluster) -> Vec<String> {
    let entries = fs::read_dir(cluster.data().join("base/pgsql_tmp")).into_iter().flatten();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("pgsql_tmp_segrec"))
        .collect()
}

fn oid(database: &Database<'_>) -> String {
    database.connect().table("SELECT oid FROM pg_database WHERE datname = current_database()")
}

/// Whether a file belongs to the given database.
fn is_of(name: &str, database: &str) -> bool {
    name.split('.').nth(1) == Some(database)
}

#[test]
fn an_export_leaves_nothing_from_which_others_could_go_on_reading() {
    let database = Cluster::shared().database("secrets_export");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    session.run(
        "CREATE ROLE secrets_guest LOGIN;
         CREATE FUNCTION figures() RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
         AS $$ SELECT (segrec_export('planted')).content LIMIT 1 $$",
    );
    let mut guest = database.connect_as("secrets_guest");
    guest.run("BEGIN");
    assert!(guest.table("SELECT figures()").contains("\"format\""));
    assert_eq!(
        guest.table("SELECT name, statement FROM pg_cursors WHERE statement NOT LIKE '%pg_cursors%'"),
        ""
    );
    guest.run("COMMIT");
}

#[test]
fn an_export_is_whole_and_as_its_statement_saw_it() {
    let database = Cluster::shared().database("secrets_whole");
    let (mut session, mut other) = (database.connect(), database.connect());
    session.run(
        r#"CREATE TABLE events AS SELECT u AS user_id, (u * 7 + i * i) % 400 AS item_id
               FROM generate_series(1::bigint, 5000) u, generate_series(1, 9) i;
           SELECT segrec_create_model('m', 'events', options => '{"algorithm": "popularity"}');
           SELECT segrec_train('m')"#,
    );
    let parts =
        "SELECT part, count(*), count(DISTINCT content) FROM segrec_export('m') GROUP BY part ORDER BY part";
    let whole = session.table(parts);
    assert!(whole.contains("user|5000|5000") && whole.contains("version|1|1"), "{whole}");
    // A user is forgotten during the export.
    session.run(
        "BEGIN; DECLARE rows CURSOR FOR SELECT part, content FROM segrec_export('m'); FETCH 10 FROM rows",
    );
    other.run("SELECT segrec_forget_user('m', 4711)");
    let rest = session.query("FETCH ALL FROM rows", &[]).unwrap();
    let users = rest.iter().filter(|row| row.get::<_, String>(0) == "user").count();
    assert_eq!(users, 5000);
    session.run("COMMIT");
    assert!(session.table(parts).contains("user|4999|4999"));
}

#[test]
fn no_statistics_and_no_error_name_who_was_forgotten() {
    let database = Cluster::shared().database("secrets_forgotten");
    let mut session = database.connect();
    session.run(
        r#"CREATE TABLE events AS SELECT 'user ' || u AS user_id, (u * 7 + i * i) % 40 AS item_id
               FROM generate_series(1::bigint, 60) u, generate_series(1, 9) i;
           SELECT segrec_create_model('m', 'events', options => '{"algorithm": "popularity"}');
           SELECT segrec_train('m'); SELECT segrec_train('m', 'always');
           CREATE INDEX ON segrec_catalog.version_users (lower(user_id));
           CREATE STATISTICS segrec_catalog.extended (mcv) ON user_id, segment FROM segrec_catalog.version_users"#,
    );
    // The forgotten user's model has errors that contain values of rows, and another model has the same ones.
    session.run(
        "SELECT segrec_create_model('other', 'events');
         INSERT INTO segrec_catalog.jobs (job, model_id, role, pid, state, error)
             SELECT 1000 * model_id + n, model_id, 'postgres'::regrole, 1, 'failed', 'row (user ' || n || ', x)'
             FROM segrec_catalog.models, generate_series(17, 18) n;
         INSERT INTO segrec_catalog.versions (model_id, version, state, started_at, reason, options)
             SELECT model_id, 77, 'failed', now(), 'no number: \"user 17\"', '{}' FROM segrec_catalog.models;
         INSERT INTO segrec_catalog.schedule_runs (model_id, started_at, finished_at, outcome, error)
             SELECT model_id, now(), now(), 'failed', 'user 17' FROM segrec_catalog.models;
         INSERT INTO segrec_catalog.studies (model_id, space, metric, search, trials, options)
             SELECT model_id, '{}', 'm', 'grid', 1, '{}' FROM segrec_catalog.models;
         INSERT INTO segrec_catalog.trials (study_id, trial, share, options, state, error)
             SELECT study_id, 1, 1, '{}', 'failed', 'of user 17' FROM segrec_catalog.studies",
    );
    session.run("ANALYZE");
    session.run("DELETE FROM events WHERE user_id = 'user 17'; SELECT segrec_forget_user('m', 'user 17')");
    let known = "SELECT schemaname, tablename, attname FROM pg_stats
        WHERE schemaname = 'segrec_catalog' AND pg_stats::text LIKE '%user 17%'";
    assert_eq!(session.table(known), "");
    let extended = "SELECT count(*) FROM pg_stats_ext WHERE pg_stats_ext::text LIKE '%user 17%'";
    assert_eq!(session.table(extended), "0");
    let errors = "SELECT 'job', name, error FROM segrec_catalog.jobs JOIN segrec_catalog.models USING (model_id)
        UNION ALL SELECT 'run', name, error FROM segrec_catalog.schedule_runs JOIN segrec_catalog.models USING (model_id)
        UNION ALL SELECT 'trial', name, error FROM segrec_catalog.trials JOIN segrec_catalog.studies USING (study_id)
            JOIN segrec_catalog.models USING (model_id)
        UNION ALL SELECT 'version', name, reason FROM segrec_catalog.versions JOIN segrec_catalog.models USING (model_id)
            WHERE state = 'failed'";
    let gone = "it contained the id of a user who was forgotten";
    assert_eq!(
        session.table(&format!("SELECT * FROM ({errors}) e WHERE name = 'm' ORDER BY 1, 3")),
        format!("job|m|{gone}\njob|m|row (user 18, x)\nrun|m|{gone}\ntrial|m|{gone}\nversion|m|{gone}")
    );
    assert!(!session.table(&format!("SELECT * FROM ({errors}) e WHERE name = 'other'")).contains(gone));
    // Forgetting the last user leaves nothing either.
    session
        .run("SELECT segrec_forget_user('m', user_id) FROM (SELECT DISTINCT user_id FROM events) u; ANALYZE");
    let left = "SELECT count(*) FROM pg_stats WHERE schemaname = 'segrec_catalog' AND attname = 'user_id'";
    assert_eq!(session.table(left), "0");
}

#[test]
fn an_error_that_has_an_id_within_another_number_stays() {
    let database = Cluster::shared().database("secrets_numbers");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    session.run(
        "INSERT INTO segrec_catalog.jobs (job, model_id, role, pid, state, error)
         SELECT n, model_id, 'postgres'::regrole, 1, 'failed', text
         FROM segrec_catalog.models, (VALUES (1001, 'key (17) is there'), (1002, 'after 117 s'), (1003, 'user=17'), (1004, '170')) e (n, text);
         SELECT segrec_forget_user('planted', 17)",
    );
    assert_eq!(
        session.table("SELECT job, error FROM segrec_catalog.jobs ORDER BY job"),
        "1001|it contained the id of a user who was forgotten\n1002|after 117 s\n1003|it contained the id of a user who was forgotten\n1004|170"
    );
}

#[test]
fn versions_lie_where_the_owner_of_the_catalog_put_their_tables() {
    let database = Cluster::shared().database("secrets_tablespace");
    let mut admin = database.connect();
    planted::create(&mut admin);
    admin.run("SET allow_in_place_tablespaces = on");
    admin.run("CREATE TABLESPACE secrets_forbidden LOCATION ''");
    admin.run("CREATE TABLESPACE secrets_chosen LOCATION ''");
    admin.run("CREATE ROLE secrets_filler LOGIN; GRANT SELECT ON events TO secrets_filler");
    let mut filler = database.connect_as("secrets_filler");
    filler.run(&format!("SELECT segrec_create_model('m', 'events', options => '{}')", planted::OPTIONS));
    filler.run("SET default_tablespace = secrets_forbidden; SET extra_float_digits = -15");
    let within = "SELECT count(*), min(spcname) FROM pg_class JOIN pg_tablespace ts ON ts.oid = reltablespace
        WHERE spcname LIKE 'secrets_%' AND relkind IN ('r', 'i')";
    let error = filler.expect_error("CREATE TEMP TABLE no (n int) TABLESPACE secrets_forbidden");
    assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE);
    filler.run("SELECT segrec_train('m')");
    let job: i64 = filler.value("SELECT segrec_train_in_background('m')");
    filler.wait_until(&format!("SELECT state = 'finished' FROM segrec.jobs WHERE job = {job}"));
    assert_eq!(admin.table(within), "0|∅");
    admin.run("ALTER TABLE segrec_catalog.version_users SET TABLESPACE secrets_chosen");
    filler.run("SELECT segrec_train('m')");
    // These are the table, and its TOAST table with an index.
    assert_eq!(admin.table(within), "2|secrets_chosen");
    assert_eq!(filler.table("SHOW default_tablespace"), "secrets_forbidden");
}

#[test]
fn what_is_sorted_for_the_owner_of_the_catalog_goes_to_no_place_that_the_caller_names() {
    let cluster = Cluster::configure().set("log_temp_files", "0").start();
    let database = cluster.database("secrets_sorted");
    let mut admin = database.connect();
    admin.run("SET allow_in_place_tablespaces = on");
    admin.run("CREATE TABLESPACE secrets_elsewhere LOCATION ''");
    admin.run(
        "CREATE ROLE secrets_sorter LOGIN; ALTER ROLE secrets_sorter SET temp_tablespaces = secrets_elsewhere;
         ALTER ROLE secrets_sorter SET maintenance_work_mem = '1MB'; ALTER ROLE secrets_sorter SET work_mem = '64kB';
         CREATE TABLE events AS SELECT 'somebody with a long name ' || u AS user_id, (u * 7 + i * i) % 40 AS item_id
             FROM generate_series(1, 40000) u, generate_series(1, 2) i;
         GRANT SELECT ON events TO secrets_sorter",
    );
    let mut sorter = database.connect_as("secrets_sorter");
    sorter.run(
        r#"SELECT segrec_create_model('m', 'events', options => '{"algorithm": "popularity"}'); SELECT segrec_train('m')"#,
    );
    let log = cluster.log();
    assert!(log.contains("temporary file: path \"base/pgsql_tmp"), "nothing was sorted");
    assert!(!log.contains("temporary file: path \"pg_tblspc"));
}

#[test]
fn files_of_dropped_databases_and_installations_go() {
    let cluster = Cluster::start();
    let (database, other) = (cluster.database("secrets_dropped"), cluster.database("secrets_left"));
    let (mut session, mut left) = (database.connect(), other.connect());
    for session in [&mut session, &mut left] {
        planted::create_and_train(session);
    }
    session.run("SELECT segrec_recommend(3)");
    let dropped = oid(&database);
    assert_eq!(files(&cluster).iter().filter(|name| is_of(name, &dropped)).count(), 2);
    drop((session, database));
    left.run("SELECT segrec_recommend(3)");
    let kept = oid(&other);
    let found = files(&cluster);
    assert!(found.len() == 2 && found.iter().all(|name| is_of(name, &kept)), "{found:?}");
    // The files of a dropped installation are removed when the next one begins.
    left.run("DROP EXTENSION pg_segrec CASCADE; CREATE EXTENSION pg_segrec; DROP TABLE events");
    planted::create_and_train(&mut left);
    left.run("SELECT segrec_recommend(3)");
    let anew = files(&cluster);
    assert!(anew.len() == 2 && anew.iter().all(|name| !found.contains(name)), "{anew:?}");
}

#[test]
fn no_session_answers_from_an_installation_that_is_gone() {
    let database = Cluster::shared().database("secrets_installation");
    let mut pool = database.connect();
    pool.run("SET client_min_messages = warning");
    let create = |whose: &str| {
        format!(
            r#"CREATE TABLE {whose} AS SELECT u AS user_id, '{whose} ' || (u * 7 + i * i) % 40 AS item_id
                   FROM generate_series(1::bigint, 60) u, generate_series(1, 9) i;
               SELECT segrec_create_model('m', '{whose}', options => '{{"algorithm": "popularity"}}');
               SELECT segrec_train('m')"#
        )
    };
    let asked = [
        "SELECT string_agg(item_id::text, ',') FROM segrec_recommend('3'::text, 2, 'm')",
        "SELECT string_agg(item_id::text, ',') FROM segrec_recommend_segment(1, 2, 'm')",
        "SELECT string_agg(item_id::text, ',') FROM segrec_recommend_all('m', 2) WHERE user_id = '3'",
    ];
    pool.run(&create("first"));
    for question in asked {
        assert!(pool.table(question).starts_with("first "), "{question}");
    }
    let mut other = database.connect();
    other.run("DROP EXTENSION pg_segrec CASCADE; CREATE EXTENSION pg_segrec");
    other.run(&create("second"));
    for question in asked {
        assert!(pool.table(question).starts_with("second "), "{question}");
    }
    assert_eq!(pool.table("SELECT model, calls FROM segrec.serving_statistics"), "m|1");
}

#[test]
fn counters_are_freed_with_their_model() {
    let cluster = Cluster::start();
    let database = cluster.database("secrets_counters");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    session.run("SELECT segrec_recommend(3)");
    let path = cluster.data().join("base/pgsql_tmp");
    let keys = || -> Vec<i64> {
        let name = files(&cluster).into_iter().find(|name| name.contains("_counters.")).unwrap();
        let bytes = fs::read(path.join(name)).unwrap();
        let key = |slot: &[u8]| i64::from_ne_bytes(slot[..8].try_into().unwrap());
        bytes[16..].chunks_exact(72).map(key).filter(|key| *key > 0).collect()
    };
    assert_eq!(keys(), [1]);
    session.run(&format!(
        "SELECT segrec_create_model('next', 'events', options => '{}'); SELECT segrec_train('next');
         SELECT segrec_recommend(3::bigint, 5, 'next'); SELECT segrec_drop_model('planted')",
        planted::OPTIONS
    ));
    assert_eq!(keys(), [2]);
    assert_eq!(session.table("SELECT model, calls FROM segrec.serving_statistics"), "next|1");
}

#[test]
fn a_session_that_has_loaded_examples_does_not_keep_who_was_forgotten_among_them() {
    let database = Cluster::shared().database("secrets_examples");
    let (mut session, mut other): (Session, Session) = (database.connect(), database.connect());
    session.run(
        r#"CREATE TABLE people AS SELECT u AS user_id, u::float8 AS age, CASE WHEN u = 1 THEN 'one' WHEN u > 3 THEN 'many' END AS label
               FROM generate_series(1::bigint, 40) u;
           ALTER TABLE people ADD PRIMARY KEY (user_id);
           SELECT segrec_create_model('people', users => 'people',
               options => '{"segmentation": {"method": "knn", "label_column": "label", "neighbours": 1}}');
           SELECT segrec_train('people')"#,
    );
    let of_one = "SELECT segrec_classify('people', '{\"age\": 1}')";
    let one = other.table(of_one);
    assert_ne!(one, other.table("SELECT segrec_classify('people', '{\"age\": 30}')"));
    session.run("SELECT segrec_forget_user('people', 1)");
    assert_ne!(other.table(of_one), one);
}
