//! What the planner knows about the functions: the number of rows, and that they can run with tables and in parallel
//! workers.

use segrec_tests::{Cluster, Database, Session, planted};
use serde_json::Value;

fn trained(name: &str) -> (Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    (database, session)
}

/// Returns the plan of a query, from its top node.
fn plan(session: &mut Session, query: &str) -> Value {
    let explained: Value = session.value(&format!("EXPLAIN (FORMAT JSON) {query}"));
    explained[0]["Plan"].clone()
}

fn rows(session: &mut Session, query: &str) -> i64 {
    plan(session, query)["Plan Rows"].as_i64().unwrap()
}

#[test]
fn the_planner_expects_n_rows_of_whatever_returns_n() {
    let (_database, mut session) = trained("planning_rows");
    for (call, expected) in [
        ("segrec_recommend(1)", 10),
        ("segrec_recommend(1, 25)", 25),
        ("segrec_recommend(1, 20 + 5)", 25),
        ("segrec_recommend(n => 7, user_id => 1)", 7),
        ("segrec_recommend(1, model => 'planted')", 10),
        ("segrec_recommend(1, exclude_seen => false, n => 33, candidates => ARRAY[1]::bigint[])", 33),
        ("segrec_recommend(md5('')::uuid, 3)", 3),
        ("segrec_recommend('1', 4)", 4),
        ("segrec_recommend_for(ARRAY[1]::bigint[], 5)", 5),
        ("segrec_recommend_for(ARRAY[md5('')::uuid], 6)", 6),
        ("segrec_recommend_for(ARRAY['1'])", 10),
        ("segrec_similar_items(1::bigint, 8)", 8),
        ("segrec_similar_items(md5('')::uuid)", 10),
        ("segrec_similar_items('1', n => 9)", 9),
        // The argument is unknown at planning time, or the call fails or returns nothing when it runs.
        ("segrec_recommend(1, (SELECT 3))", 10),
        ("segrec_recommend(1, NULL)", 10),
        ("segrec_recommend(1, -1)", 10),
        ("segrec_recommend(1, 0)", 1),
    ] {
        assert_eq!(rows(&mut session, &format!("SELECT * FROM {call}")), expected, "{call}");
    }
    assert_eq!(rows(&mut session, "SELECT segrec_recommend(1, 25)"), 25);
    session.run(
        "PREPARE list(int) AS SELECT * FROM segrec_recommend(1, $1); SET plan_cache_mode = force_custom_plan",
    );
    assert_eq!(rows(&mut session, "EXECUTE list(12)"), 12);
    session.run("SET plan_cache_mode = force_generic_plan");
    assert_eq!(rows(&mut session, "EXECUTE list(12)"), 10);
}

#[test]
fn lists_of_many_users_come_from_one_pass_over_the_users() {
    let (_database, mut session) = trained("planning_lateral");
    session.run(
        "CREATE TABLE users AS SELECT user_id FROM generate_series(0::bigint, 4999) user_id; ANALYZE users;
         SET max_parallel_workers_per_gather = 0",
    );
    let query = "SELECT user_id, list.* FROM users, LATERAL segrec_recommend(user_id, 4) AS list";
    let plan = plan(&mut session, query);
    assert_eq!(plan["Node Type"], "Nested Loop");
    let under: Vec<&str> =
        plan["Plans"].as_array().unwrap().iter().map(|plan| plan["Node Type"].as_str().unwrap()).collect();
    assert_eq!(under, ["Seq Scan", "Function Scan"]);
    assert_eq!(plan["Plan Rows"], 20_000);
    assert_eq!(
        session.table(&format!(
            "SELECT count(*), count(DISTINCT user_id), min(rank), max(rank) FROM ({query}) AS lists"
        )),
        "20000|5000|1|4"
    );
}

#[test]
fn parallel_workers_give_the_same_rows_for_whoever_asks() {
    let (_database, mut session) = trained("planning_parallel");
    session.run(
        "CREATE ROLE planning_guest; SELECT segrec_grant('planted', 'planning_guest', 'use');
         CREATE TABLE users AS SELECT user_id FROM generate_series(0::bigint, 599) user_id; ANALYZE users;
         GRANT SELECT ON users TO planning_guest",
    );
    let force = match session.value::<i32>("SELECT current_setting('server_version_num')::int") {
        ..160_000 => "force_parallel_mode",
        _ => "debug_parallel_query",
    };
    let query = "SELECT users.user_id, list.*, segrec_predict(user_id, 7), segrec_segment_of(user_id)
                 FROM users, LATERAL segrec_recommend(user_id, 5) AS list ORDER BY 1, 2";
    for role in ["postgres", "planning_guest"] {
        // Workers come first, so that they load the version before any session has.
        session.run(&format!("SET ROLE {role}; SET {force} = on; SET max_parallel_workers_per_gather = 2"));
        let forced = plan(&mut session, query).to_string();
        assert!(forced.contains("\"Gather"), "{forced}");
        let of_one_worker = session.table(query);
        session.run(&format!(
            "SET {force} = off; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
             SET min_parallel_table_scan_size = 0"
        ));
        let shared = plan(&mut session, query).to_string();
        assert!(shared.contains("\"Workers Planned\":2"), "{shared}");
        let of_two_workers = session.table(query);
        session.run("SET max_parallel_workers_per_gather = 0");
        let alone = session.table(query);
        assert_eq!(alone.lines().count(), 3000);
        assert_eq!(of_one_worker, alone, "{role}");
        assert_eq!(of_two_workers, alone, "{role}");
        session.run("RESET ALL");
    }
}
