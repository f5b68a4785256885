//! A model survives dump and restore, also into another major version, and DROP EXTENSION leaves nothing of it.

use segrec_tests::{Cluster, Database, Session, older_servers, planted};

/// Returns a new database, restored through psql from the output of `pg_dump` with these arguments for another database
/// of the shared cluster.
fn restored(database: &Database<'_>, name: &str, arguments: &[&str]) -> Database<'static> {
    let dump = database.program("pg_dump").args(arguments).output().unwrap();
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    let restored = Cluster::shared().empty_database(name);
    let printed = restored.psql(&String::from_utf8(dump.stdout).unwrap());
    assert!(!printed.contains("ERROR"), "{printed}");
    restored
}

#[test]
fn a_dump_restores_models_versions_and_recommendations() {
    let database = Cluster::shared().database("durability_dump");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    session.run("SELECT segrec_train('planted', 'always')");
    let lists = "SELECT * FROM segrec_recommend_all('planted', 5)";
    let before = session.table(lists);
    let restored = restored(&database, "durability_restored", &[]);
    let mut session = restored.connect();
    assert_eq!(before, session.table(lists));
    assert_eq!(session.table("SELECT version, deployed FROM segrec.versions ORDER BY 1"), "1|f\n2|t");
    // The restored model can be trained again.
    session.run("SELECT segrec_train('planted', 'always')");
    assert_eq!(session.table("SELECT max(version) FROM segrec.versions"), "3");
    session.run("SELECT segrec_drop_version('planted', 1)");
    session.run("SELECT segrec_drop_model('planted')");
    session.run("DROP EXTENSION pg_segrec CASCADE");
}

#[test]
fn a_dump_of_a_schema_with_the_extension_and_its_catalog_restores_models() {
    let database = Cluster::shared().database("durability_schemas");
    let mut session = database.connect();
    session.run("CREATE SCHEMA shop; SET search_path = shop, public; CREATE TABLE public.other (number int)");
    planted::create_and_train(&mut session);
    let before = answers(&mut session);
    let schemas = ["--schema=shop", "--schema=segrec_catalog", "--extension=pg_segrec"];
    let restored = restored(&database, "durability_schemas_restored", &schemas);
    let mut session = restored.connect();
    assert_eq!(before, answers(&mut session));
    assert_eq!(session.table("SELECT to_regclass('public.other') IS NULL"), "t");
    session.run("SELECT segrec_train('planted', 'always')");
}

#[test]
fn a_dump_of_a_schema_with_the_extension_alone_restores_models_too() {
    let database = Cluster::shared().database("durability_partial");
    let mut session = database.connect();
    session.run("CREATE SCHEMA shop; SET search_path = shop, public");
    planted::create_and_train(&mut session);
    let before = answers(&mut session);
    let partial =
        restored(&database, "durability_partial_restored", &["--schema=shop", "--extension=pg_segrec"]);
    assert_eq!(before, answers(&mut partial.connect()));
}

#[test]
fn a_dump_without_rows_of_versions_says_so_and_a_training_heals_it() {
    let database = Cluster::shared().database("durability_without");
    planted::create_and_train(&mut database.connect());
    let without = ["--exclude-table-data=segrec_catalog.version_*"];
    let partial = restored(&database, "durability_without_restored", &without);
    let mut session = partial.connect();
    let error = session.expect_error("SELECT segrec_recommend(1)");
    assert_eq!(error.message(), "rows of a version of model \"planted\" do not exist");
    assert!(error.detail().unwrap().ends_with("or a restored dump omitted rows."), "{error:?}");
    session.run("SELECT segrec_forget_user('planted', '1')");
    session.run("SELECT segrec_train('planted'); SELECT segrec_recommend(2)");
    assert_eq!(session.table("SELECT version, deployed FROM segrec.versions ORDER BY 1"), "1|f\n2|t");
    session.run("SELECT segrec_drop_version('planted', 1)");
    session.run("SELECT segrec_drop_model('planted')");
}

#[test]
fn a_dump_restores_everything_about_segments() {
    let database = Cluster::shared().database("durability_segments");
    let mut session = database.connect();
    session.run(
        r#"CREATE TABLE people AS
           SELECT u AS user_id, u % 3 * 10 + u % 7 AS age, 'city ' || u % 4 AS city FROM generate_series(1::bigint, 300) u;
           ALTER TABLE people ADD PRIMARY KEY (user_id);
           SELECT segrec_create_model('people', users => 'people',
               options => '{"segmentation": {"method": "hierarchical", "segments": 3}}');
           SELECT segrec_train('people');
           SELECT segrec_label_segment('people', 2, 'the second');
           DELETE FROM people WHERE user_id % 10 = 0;
           SELECT segrec_train('people');
           CREATE TABLE kept AS SELECT segrec_kmeans(ARRAY[age]::real[], 3) AS clusters FROM people"#,
    );
    let everything = |session: &mut segrec_tests::Session| -> Vec<String> {
        [
            "segrec.models",
            "segrec.versions",
            "segrec.segments",
            "segrec.segment_members",
            "segrec.segment_profiles",
            "segrec.segment_choices",
            "segrec.segment_history",
            "segrec.segment_transitions",
            "segrec.segment_drift",
            "segrec.training_log",
            "segrec_cut('people', 5)",
            "kept",
        ]
        .map(|rows| session.table(&format!("SELECT row::text FROM {rows} AS row ORDER BY row::text")))
        .to_vec()
    };
    let before = everything(&mut session);
    let classified = "SELECT segrec_classify('people', '{\"age\": 14, \"city\": \"city 1\"}'), segrec_segment_of(4::bigint)";
    let answer = session.table(classified);
    let restored = restored(&database, "durability_segments_restored", &[]);
    let mut session = restored.connect();
    assert_eq!(before, everything(&mut session));
    assert_eq!(session.table(classified), answer);
    // The restored model can be trained again and keeps its ids.
    session.run("SELECT segrec_train('people')");
    assert_eq!(
        session.table("SELECT label, since_version FROM segrec.segments WHERE segment = 2"),
        "the second|1"
    );
}

/// Queries that a version answers for a known user, an unknown user and a guest.
const ANSWERS: [&str; 8] = [
    "SELECT * FROM segrec_recommend_all('planted', 5)",
    "SELECT * FROM segrec_recommend(3, 20)",
    "SELECT * FROM segrec_recommend(-1, 20)",
    "SELECT * FROM segrec_recommend_for(ARRAY[1, 2, 7]::bigint[], 20)",
    "SELECT * FROM segrec_similar_items(7::bigint, 20)",
    "SELECT * FROM segrec.versions ORDER BY version",
    "SELECT model, cron, min_new_events, paused, role, job, last_outcome, last_started_at FROM segrec.schedules",
    "SELECT * FROM segrec.schedule_runs",
];

fn answers(session: &mut Session) -> Vec<String> {
    session.run("SET extra_float_digits = 3");
    ANSWERS.map(|question| session.table(question)).to_vec()
}

#[test]
fn a_dump_of_this_or_an_older_server_answers_the_same_in_a_new_cluster() {
    let new = Cluster::start();
    let old = older_servers().into_iter().map(|programs| Cluster::configure().programs(programs).start());
    for (number, old) in std::iter::once(Cluster::start()).chain(old).enumerate() {
        let database = old.database("durability_old");
        let mut session = database.connect();
        planted::create_and_train(&mut session);
        session.run("SELECT segrec_train('planted', 'always')");
        // Inserts a schedule as if pg_cron had created its job.
        session.run(
            "INSERT INTO segrec_catalog.schedules (model_id, cron, min_new_events, role, job)
             SELECT model_id, '0 3 * * *', 10, current_user::regrole, 7 FROM segrec_catalog.models",
        );
        session.run("CALL segrec_run_schedule('planted')");
        let before = answers(&mut session);
        let version: String = session.value("SHOW server_version");
        // As in an upgrade, the program of the new server makes the dump.
        let file = old.data().join("../dump");
        let mut dump = new.program("pg_dump");
        dump.env("PGHOST", old.socket()).env("PGDATABASE", database.name());
        let dump = dump.args(["--format=custom", "--file"]).arg(&file).output().unwrap();
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));

        let restored = new.empty_database(&format!("durability_new_{number}"));
        let arguments = ["--exit-on-error", "--dbname", restored.name()];
        let restore = restored.program("pg_restore").args(arguments).arg(&file).output().unwrap();
        assert!(restore.status.success(), "from {version}: {}", String::from_utf8_lossy(&restore.stderr));
        let mut session = restored.connect();
        assert_eq!(before, answers(&mut session), "from {version}");
        session.run("SELECT segrec_train('planted', 'always')");

        let definitions = new.empty_database(&format!("durability_schema_{number}"));
        let restore = definitions
            .program("pg_restore")
            .args(["--exit-on-error", "--schema-only", "--dbname"])
            .arg(definitions.name())
            .arg(&file)
            .output()
            .unwrap();
        assert!(restore.status.success(), "from {version}: {}", String::from_utf8_lossy(&restore.stderr));
        let mut session = definitions.connect();
        assert_eq!(session.table("SELECT model FROM segrec.models"), "");
        session.run("CREATE SCHEMA again; SET search_path = again, public");
        planted::create_and_train(&mut session);
    }
}

#[test]
fn dropping_the_extension_leaves_nothing() {
    let database = Cluster::shared().database("durability_drop");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    session.run("DROP EXTENSION pg_segrec CASCADE");
    let left = session.table(
        "SELECT relname FROM pg_class WHERE relname LIKE 'version\\_%' OR relnamespace::regnamespace::text LIKE 'segrec%'",
    );
    assert_eq!(left, "");
    session.run("CREATE EXTENSION pg_segrec");
    assert_eq!(session.table("SELECT * FROM segrec.models"), "");
}
