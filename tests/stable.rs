//! STABLE functions see the snapshot of the calling statement, whatever the transaction has written, and work in
//! parallel plans, even if the result is stored.

use segrec_tests::{Cluster, Database, Session};
use std::collections::BTreeSet;

/// Every STABLE function that users call, once for each row of `many`, which gives the user and the item.
const CALLS: &[(&str, &str)] = &[
    ("segrec_audience", "(SELECT count(*) FROM segrec_audience(id % 30, 2, 'm'))"),
    ("segrec_classify", r#"segrec_classify('p', jsonb_build_object('age', id % 50))"#),
    ("segrec_compare", "(SELECT count(*) FROM segrec_compare('m', 1, 2))"),
    ("segrec_cross_validate", "(SELECT count(*) FROM segrec_cross_validate('m', 2))"),
    ("segrec_cut", "(SELECT count(*) FROM segrec_cut('p', 3))"),
    ("segrec_describe_segment", "length(segrec_describe_segment('p', 1))"),
    ("segrec_estimate", "(SELECT events FROM segrec_estimate('m'))"),
    ("segrec_evaluate", "(SELECT count(*) FROM segrec_evaluate('m'))"),
    ("segrec_explain", "(SELECT count(*) FROM segrec_explain(id % 60, 3, 'm'))"),
    ("segrec_export", "(SELECT count(*) FROM segrec_export('m'))"),
    ("segrec_predict", "segrec_predict(id % 60, 3, 'm')"),
    ("segrec_recommend", "(SELECT count(*) FROM segrec_recommend(id % 60, 2, 'm'))"),
    ("segrec_recommend_all", "(SELECT count(*) FROM segrec_recommend_all('m', 2))"),
    ("segrec_recommend_for", "(SELECT count(*) FROM segrec_recommend_for(ARRAY[id % 30], 2, 'm'))"),
    ("segrec_recommend_segment", "(SELECT count(*) FROM segrec_recommend_segment(1, 2, 'm'))"),
    ("segrec_latest", "(SELECT count(*) FROM segrec_latest(2, 'd'))"),
    ("segrec_segment_of", "segrec_segment_of(id % 60, 'm')"),
    ("segrec_similar_items", "(SELECT count(*) FROM segrec_similar_items(id % 30, 2, 'm'))"),
    ("segrec_similar_users", "(SELECT count(*) FROM segrec_similar_users(id % 60, 2, 'm'))"),
    ("segrec_trending", "(SELECT count(*) FROM segrec_trending(2, 'd'))"),
];

fn create(database: &Database<'_>) -> Session {
    let mut session = database.connect();
    session.run(
        r#"CREATE TABLE buys AS SELECT u::bigint AS user_id, i::bigint AS item_id
               FROM generate_series(1, 60) u, generate_series(1, 30) i WHERE i % 3 = u % 3 AND (u + i) % 4 < 3;
           CREATE INDEX ON buys (user_id);
           CREATE TABLE people AS SELECT u::bigint AS user_id, u % 50 AS age FROM generate_series(1, 60) u;
           SELECT segrec_create_model('m', 'buys', options => '{"als": {"factors": 4}, "segmentation": {"segments": 2}}');
           SELECT segrec_create_model('p', users => 'people', options => '{"segmentation": {"method": "hierarchical", "segments": 2}}');
           CREATE TABLE dated AS SELECT *, now() - item_id * interval '1 day' AS at FROM buys;
           CREATE TABLE things AS SELECT DISTINCT item_id, now() AS added FROM buys;
           SELECT segrec_create_model('d', 'dated', time_column => 'at', items => 'things',
                                      options => '{"als": {"factors": 4}, "segmentation": {"segments": 2}, "items": {"added_column": "added"}}');
           SELECT segrec_train('m'), segrec_train('p'), segrec_train('d');
           SELECT segrec_train('m', 'always');
           CREATE TABLE many AS SELECT generate_series(1::bigint, 400) AS id;
           ALTER TABLE many SET (parallel_workers = 2); ANALYZE many;
           CREATE TABLE log (n integer);
           SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0"#,
    );
    session.notices();
    session
}

#[test]
fn every_stable_function_is_called_here() {
    let database = Cluster::shared().database("stable_list");
    let stable: BTreeSet<String> = database
        .connect()
        .column::<String>(
            "SELECT DISTINCT proname FROM pg_proc
             JOIN pg_depend ON classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e'
             JOIN pg_extension ON refobjid = pg_extension.oid AND extname = 'pg_segrec'
             WHERE provolatile = 's' AND pronamespace <> 'segrec_catalog'::regnamespace",
        )
        .into_iter()
        .collect();
    let called: BTreeSet<String> = CALLS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(stable, called);
}

#[test]
fn stable_functions_answer_in_parallel_plans_whose_result_is_stored_and_after_a_write() {
    let database = Cluster::shared().database("stable_parallel");
    let mut session = create(&database);
    for (name, call) in CALLS {
        let query =
            format!("SELECT id, coalesce(({call})::text, 'none') AS answer FROM many WHERE id % 100 = 0");
        let plain: Vec<String> = session.column(&format!("SELECT answer FROM ({query}) q ORDER BY id"));
        assert_eq!(plain.len(), 4, "{name}");
        let stored = "SELECT answer FROM stored ORDER BY id";
        session.run(&format!("CREATE TABLE stored AS {query}"));
        assert_eq!(session.column::<String>(stored), plain, "{name} in CREATE TABLE AS");
        session.run(&format!("DROP TABLE stored; SELECT * INTO stored FROM ({query}) q"));
        assert_eq!(session.column::<String>(stored), plain, "{name} in SELECT INTO");
        session.run(&format!(
            "DROP TABLE stored; CREATE MATERIALIZED VIEW stored AS {query} WITH NO DATA; REFRESH MATERIALIZED VIEW stored"
        ));
        assert_eq!(session.column::<String>(stored), plain, "{name} in a materialized view");
        session.run("DROP MATERIALIZED VIEW stored");
        session.run("BEGIN; INSERT INTO log VALUES (1)");
        let after: Vec<String> = session.column(&format!("SELECT answer FROM ({query}) q ORDER BY id"));
        assert_eq!(after, plain, "{name} after a write");
        session.run("ROLLBACK");
    }
    let plan = session
        .column::<String>("EXPLAIN SELECT id, segrec_predict(id % 60, 3, 'm') FROM many WHERE id % 100 = 0");
    assert!(plan.iter().any(|line| line.contains("Workers Planned")), "{plan:?}");
}

#[test]
fn within_a_statement_the_same_call_gives_the_same_list_also_after_an_insert_in_it() {
    let database = Cluster::shared().database("stable_statement");
    let mut session = create(&database);
    session.run(
        "CREATE FUNCTION buy(u bigint, i bigint) RETURNS bigint LANGUAGE sql VOLATILE AS
             'INSERT INTO buys VALUES (u, i) RETURNING item_id'",
    );
    let list = "ARRAY(SELECT item_id FROM segrec_recommend(1, 3, 'm'))";
    // The best item of the list is bought between the two calls.
    let same: bool = session.value(&format!(
        "SELECT before = after AND bought = before[1] FROM (
             SELECT before, buy(1, before[1]) AS bought, ARRAY(SELECT item_id FROM segrec_recommend(nothing + 1, 3, 'm')) AS after
             FROM (SELECT {list} AS before, (random() < 0)::integer AS nothing OFFSET 0) q OFFSET 0) q"
    ));
    assert!(same);
    // The next statement sees the purchase.
    assert!(session.value::<bool>(&format!(
        "SELECT NOT (SELECT array_agg(item_id) FROM buys WHERE user_id = 1) && {list}"
    )));
}

#[test]
fn a_volatile_function_that_a_stable_one_comes_to_sees_what_it_has_written() {
    let database = Cluster::shared().database("stable_volatile");
    let mut session = create(&database);
    // The events of the model are a view that changes another model when it is read.
    session.run(
        r#"CREATE FUNCTION relabel() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$ BEGIN
               PERFORM segrec_label_segment('p', 1, 'read');
               PERFORM segrec_create_model('made', users => 'people');
               PERFORM segrec_drop_model('made');
               RETURN true;
           END $$;
           CREATE VIEW watched AS SELECT user_id, item_id FROM buys WHERE relabel();"#,
    );
    session.run("SELECT segrec_create_model('v', 'watched')");
    assert_eq!(session.value::<i64>("SELECT events FROM segrec_estimate('v')"), 450);
    assert_eq!(
        session.value::<String>("SELECT label FROM segrec.segments WHERE model = 'p' AND segment = 1"),
        "read"
    );
}
