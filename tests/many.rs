//! Many models with many versions: a view reads only what is requested, and locks no more than that.

use segrec_tests::{Cluster, Session, planted};
use serde_json::Value;

const MODELS: i64 = 250;
const VERSIONS: i64 = 4;

/// Creates copies of one trained model, each with many versions, of which one is deployed.
fn create(session: &mut Session) {
    planted::create(session);
    session.run(
        r#"DELETE FROM events WHERE user_id >= 40;
           SELECT segrec_create_model('model 0', 'events', options =>
               '{"als": {"factors": 4}, "segmentation": {"segments": 2}, "neighbours": {"share": 0.5}}');
           SELECT segrec_train('model 0')"#,
    );
    session.run(&format!(
        "INSERT INTO segrec_catalog.models (model_id, name, events, user_column, item_column, user_id_kind, item_id_kind, options, deployed_version_id)
             OVERRIDING SYSTEM VALUE
             SELECT 1 + n, 'model ' || n, events, user_column, item_column, user_id_kind, item_id_kind, options, 1 + n * {VERSIONS}
             FROM segrec_catalog.models, generate_series(1, {MODELS} - 1) n;
         INSERT INTO segrec_catalog.model_owners SELECT 1 + n, owner FROM segrec_catalog.model_owners, generate_series(1, {MODELS} - 1) n"
    ));
    let tables: Vec<(String, String)> = session
        .query(
            "SELECT attrelid::regclass::text, string_agg(quote_ident(attname), ', ' ORDER BY attnum) FILTER (WHERE attname <> 'version_id')
             FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
             WHERE relnamespace = 'segrec_catalog'::regnamespace AND relkind = 'r' AND attnum > 0 AND relname <> 'versions'
             GROUP BY 1 HAVING bool_or(attname = 'version_id')",
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    assert!(tables.len() >= 12, "{tables:?}");
    for (table, columns) in tables {
        session.run(&format!(
            "INSERT INTO {table} (version_id, {columns}) SELECT n, {columns} FROM {table}, generate_series(2, {MODELS} * {VERSIONS}) n"
        ));
    }
    session.run(&format!(
        "INSERT INTO segrec_catalog.versions (version_id, model_id, version, state, started_at, finished_at, users, items, events, segments,
                 metric, value, options, decided, median_weight, anchor, item_gram)
             OVERRIDING SYSTEM VALUE
             SELECT n, 1 + (n - 1) / {VERSIONS}, 1 + (n - 1) % {VERSIONS}, state, started_at, finished_at, users, items, events, segments,
                 metric, value, options, decided, median_weight, anchor, item_gram
             FROM segrec_catalog.versions, generate_series(2, {MODELS} * {VERSIONS}) n;
         ANALYZE"
    ));
}

/// Returns the tables that a plan reads sequentially.
fn read_as_a_whole(plan: &Value) -> Vec<String> {
    let own = plan["Relation Name"].as_str().filter(|_| plan["Node Type"] == "Seq Scan").map(str::to_owned);
    let below = plan["Plans"].as_array().into_iter().flatten().flat_map(read_as_a_whole);
    own.into_iter().chain(below).collect()
}

#[test]
fn a_view_of_one_of_a_thousand_versions_reads_some_pages_and_takes_few_locks() {
    let cluster = Cluster::start();
    let database = cluster.database("many");
    let mut session = database.connect();
    create(&mut session);
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec.segment_members"), 40 * MODELS);
    let views: Vec<String> = session.column(
        "SELECT attrelid::regclass::text FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
         WHERE relnamespace = 'segrec'::regnamespace AND relkind = 'v' AND attname = 'model'
           AND relname NOT IN ('jobs', 'training_progress', 'serving_statistics') ORDER BY 1",
    );
    assert!(views.len() >= 18, "{views:?}");
    let users = views
        .iter()
        .filter(|view| ["segrec.segment_members", "segrec.user_factors"].contains(&view.as_str()));
    let questions = views
        .iter()
        .map(|view| format!("SELECT * FROM {view} WHERE model = 'model 77'"))
        .chain(users.map(|view| format!("SELECT * FROM {view} WHERE user_id = '17' AND model = 'model 77'")))
        .chain([
            "SELECT * FROM segrec.segment_members WHERE user_id = '17' AND model IN ('model 7', 'model 8')"
                .to_owned(),
        ]);
    for question in questions {
        let mut reader = database.connect();
        reader.run(&format!("BEGIN; {question}"));
        let locks: i64 = reader.value("SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()");
        // The view of health reads everything that is known of a model.
        let most = if question.contains("segrec.health") { 80 } else { 50 };
        assert!(locks < most, "{question}: {locks} locks");
        let plan: Value = reader.value(&format!("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {question}"));
        let pages = |what: &str| plan[0]["Plan"][what].as_i64().unwrap();
        // All rows of versions take thousands of pages. The tables of models are small and may be read as a whole, and
        // a row may take a lookup of its own.
        let pages = pages("Shared Hit Blocks") + pages("Shared Read Blocks");
        let rows = plan[0]["Plan"]["Actual Rows"].as_f64().unwrap() as i64;
        assert!(pages < 1500 + 2 * rows, "{question}: {pages} pages\n{plan:#}");
        let whole = read_as_a_whole(&plan[0]["Plan"]);
        assert!(!whole.iter().any(|table| table.starts_with("version_")), "{question}: {whole:?}\n{plan:#}");
    }
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(3::bigint, 5, 'model 249')"), 5);
    session.run("SELECT segrec_drop_model('model 7')");
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec.segment_members"), 40 * (MODELS - 1));
    session.run("DROP EXTENSION pg_segrec CASCADE");
}

#[test]
fn a_user_is_looked_up_in_all_models_by_a_key() {
    let database = Cluster::shared().database("many_user");
    let mut session = database.connect();
    session.run(
        r#"CREATE TABLE events AS SELECT u AS user_id, (u * 7 + i * i) % 40 AS item_id
               FROM generate_series(1::bigint, 20000) u, generate_series(1::bigint, 3) i;
           SELECT segrec_create_model('m', 'events', options => '{"algorithm": "popularity"}'); SELECT segrec_train('m')"#,
    );
    let plan: Vec<String> =
        session.column("EXPLAIN SELECT * FROM segrec.segment_members WHERE user_id = '17'");
    let plan = plan.join("\n");
    assert!(plan.contains("version_users_version_id_user_id_key"), "{plan}");
}
