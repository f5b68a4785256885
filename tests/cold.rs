//! `segrec_evaluate` and `segrec_cross_validate` with `cold`: items and users that are held out whole; and what a
//! training measures of new items.

use segrec_tests::{Cluster, Database, Session, SqlState};

/// 240 products in six kinds, 8 without events, and 400 customers with a hobby, who mostly take what belongs to it. The
/// title says the kind of a product; low numbers sell best, and come first.
const SHOP: &str = "
    CREATE TABLE products AS
    SELECT id AS product_id,
           (ARRAY['tent rope', 'novel poem', 'oven pan', 'piano flute', 'tool nail', 'toy doll'])[id % 6 + 1] AS title,
           (id * 7919 % 100)::float8 AS price, NULL::text AS nothing
    FROM (SELECT generate_series(1::bigint, 240) UNION ALL SELECT generate_series(1000, 1007)) AS ids (id);
    CREATE TABLE customers AS
    SELECT u AS user_id, (ARRAY['camping', 'reading', 'cooking', 'music', 'crafts', 'games'])[u % 6 + 1] AS hobby,
           20 + u % 43 AS age
    FROM generate_series(1::bigint, 400) u;
    CREATE TABLE buys AS
    SELECT u AS user_id, p AS item_id, timestamptz '2026-01-01' + p * interval '1 hour' + u * interval '1 second' AS at
    FROM generate_series(1::bigint, 400) u, generate_series(1::bigint, 240) p
    WHERE ('x' || substr(md5(u || ',' || p), 1, 6))::bit(24)::int / 16777216.0
          < CASE WHEN u % 6 = p % 6 THEN .4 ELSE .03 END * (1 - p / 480.0);
    CREATE INDEX ON buys (user_id);";

const OPTIONS: &str =
    r#"{"als": {"factors": 8, "sweeps": 4}, "segmentation": {"method": "none"}, "algorithm": "hybrid"}"#;

fn create(options: &str) -> String {
    format!(
        "SELECT segrec_create_model('shop', 'buys', time_column => 'at', users => 'customers', items => 'products',
                                    items_key => 'product_id', options => '{options}')"
    )
}

/// A database with the shop, and a model of it.
fn shop(database: &str) -> (Database<'static>, Session) {
    let database = Cluster::shared().database(database);
    let mut session = database.connect();
    session.run(SHOP);
    session.run(&create(OPTIONS));
    (database, session)
}

#[test]
fn hidden_items_are_ranked_better_than_at_random_and_by_popularity_where_content_tells() {
    let (_database, mut session) = shop("cold_items");
    session.run("SELECT segrec_train('shop')");
    session.notices();
    session.run("CREATE TABLE measured AS SELECT * FROM segrec_evaluate('shop', cold => 'items')");
    let notices: Vec<String> = session.notices().iter().map(|notice| notice.message().to_owned()).collect();
    for phase in ["hidden items", "backbone", "content"] {
        assert!(
            notices.iter().any(|notice| notice.ends_with(&format!(" s: {phase}"))),
            "{phase} in {notices:?}"
        );
    }
    assert_eq!(
        session.table(
            "SELECT scope, string_agg(DISTINCT ranked_by, ' ' ORDER BY ranked_by), string_agg(DISTINCT metric, ' ' ORDER BY metric),
                    string_agg(DISTINCT k::text, ' '), count(*), bool_and(segment IS NULL AND users > 100),
                    bool_and(ci_low <= value AND value <= ci_high)
             FROM measured GROUP BY scope ORDER BY scope"
        ),
        "catalogue|content feature_popularity model random|coverage ndcg recall|10 20|24|t|t\n\
         new_items|content feature_popularity model random|coverage ndcg recall|10 20|24|t|t"
    );
    let ndcg = "SELECT min(value) FILTER (WHERE ranked_by = 'model') - max(value) FILTER (WHERE ranked_by IN ('random', 'feature_popularity'))
                FROM measured WHERE metric = 'ndcg' AND k = 10";
    let ahead: f64 = session.value(&format!("{ndcg} AND scope = 'new_items'"));
    assert!(ahead > 0.2, "{ahead}");
    let ahead: f64 = session.value(&format!("{ndcg} AND scope = 'catalogue'"));
    assert!(ahead > 0.05, "{ahead}");
    assert_eq!(
        session.table(
            "SELECT count(*) FROM measured m JOIN measured p USING (scope, metric, k)
             WHERE p.ranked_by = 'feature_popularity' AND m.baseline <> p.value"
        ),
        "0"
    );
    // Each list of 20 at random shows 20 of the 24 newest items, and there are a hundred of them.
    assert_eq!(
        session.table(
            "SELECT value FROM measured WHERE scope = 'new_items' AND ranked_by = 'random' AND metric = 'coverage' AND k = 20"
        ),
        "1"
    );
    assert_eq!(session.table("SELECT DISTINCT k FROM segrec_evaluate('shop', '{5}', cold => 'items')"), "5");
}

#[test]
fn where_lists_leave_new_items_out_a_notice_says_so_and_hidden_ones_are_ranked_among_themselves_only() {
    let (_database, mut session) = shop("cold_left_out");
    session.run(
        r#"SELECT segrec_alter_model('shop', '{"items": {"new_items": 0}}'); SELECT segrec_train('shop')"#,
    );
    session.notices();
    session.run("CREATE TABLE left_out AS SELECT * FROM segrec_evaluate('shop', cold => 'items')");
    let notices: Vec<String> = session.notices().iter().map(|notice| notice.message().to_owned()).collect();
    let said = "new items are left out of the lists of the whole catalogue".to_owned();
    assert!(notices.contains(&said), "{notices:?}");
    // A training without new items decides about those that will come.
    session.run(
        r#"SELECT segrec_alter_model('shop', '{"items": {"new_items": "auto"}}');
           DELETE FROM products WHERE product_id >= 1000; SELECT segrec_train('shop', 'always')"#,
    );
    let decided =
        "SELECT (decided ->> 'new_items')::float8 > 0 FROM segrec_catalog.versions ORDER BY version";
    assert_eq!(session.table(decided), "f\nt");
    session.notices();
    session.run("CREATE TABLE listed AS SELECT * FROM segrec_evaluate('shop', cold => 'items')");
    assert!(!session.notices().iter().any(|notice| notice.message() == said));
    assert_eq!(
        session.table(
            "SELECT scope, abs(l.value - o.value) < .05, l.value > o.value
             FROM listed l JOIN left_out o USING (scope, ranked_by, metric, k)
             WHERE ranked_by = 'model' AND metric = 'recall' AND k = 20 AND scope = 'catalogue'
             UNION ALL SELECT 'new_items', min(value) > .5, true FROM left_out
             WHERE ranked_by = 'model' AND metric = 'recall' AND k = 20 AND scope = 'new_items'"
        ),
        "catalogue|f|t\nnew_items|t|t"
    );
}

#[test]
fn attributes_rank_for_hidden_users_better_than_popularity() {
    let (_database, mut session) = shop("cold_users");
    session.run("SELECT segrec_train('shop')");
    session.run("CREATE TABLE measured AS SELECT * FROM segrec_evaluate('shop', cold => 'users')");
    assert_eq!(
        session.table(
            "SELECT scope, string_agg(DISTINCT ranked_by, ' ' ORDER BY ranked_by), count(*), min(users), max(users)
             FROM measured GROUP BY scope"
        ),
        "new_users|attributes popularity random segment_popularity|24|40|40"
    );
    let ahead = |session: &mut Session, one: &str, other: &str| -> f64 {
        session.value(&format!(
            "SELECT max(value) FILTER (WHERE ranked_by = '{one}') - max(value) FILTER (WHERE ranked_by = '{other}')
             FROM measured WHERE metric = 'ndcg' AND k = 20"
        ))
    };
    for (one, other, least) in [
        ("attributes", "popularity", 0.1),
        ("segment_popularity", "popularity", 0.1),
        ("popularity", "random", 0.01),
    ] {
        let gain = ahead(&mut session, one, other);
        assert!(gain > least, "{one} {other} {gain}");
    }
}

#[test]
fn folds_of_items_and_users_are_measured_and_their_mean_and_deviation() {
    let (_database, mut session) = shop("cold_folds");
    for (cold, ranked) in [("items", 8), ("users", 4)] {
        session.run(&format!(
            "DROP TABLE IF EXISTS measured;
             CREATE TABLE measured AS SELECT * FROM segrec_cross_validate('shop', 3, cold => '{cold}')"
        ));
        assert_eq!(
            session.table(
                "SELECT fold, count(*), count(DISTINCT (scope, ranked_by)), count(deviation)
                 FROM measured GROUP BY fold ORDER BY fold"
            ),
            format!("1|{0}|{ranked}|0\n2|{0}|{ranked}|0\n3|{0}|{ranked}|0\n∅|{0}|{ranked}|{0}", 6 * ranked)
        );
        assert_eq!(
            session.table(
                "SELECT count(*) FROM measured o JOIN (
                     SELECT scope, ranked_by, metric, k, avg(value) AS value, stddev_samp(value) AS deviation,
                            avg(baseline) AS baseline, sum(users) AS users
                     FROM measured WHERE fold IS NOT NULL GROUP BY 1, 2, 3, 4) f USING (scope, ranked_by, metric, k)
                 WHERE o.fold IS NULL AND abs(o.value - f.value) < 1e-9 AND abs(o.deviation - f.deviation) < 1e-9
                   AND abs(o.baseline - f.baseline) < 1e-9 AND o.users = f.users"
            ),
            (6 * ranked).to_string()
        );
    }
    // Every customer with events is hidden once.
    assert_eq!(
        session.table(
            "SELECT (SELECT users FROM measured WHERE fold IS NULL AND ranked_by = 'random' AND metric = 'ndcg' AND k = 10)
                  = (SELECT count(DISTINCT user_id) FROM buys)"
        ),
        "t"
    );
}

#[test]
fn without_cold_nothing_changes_and_threads_change_no_bit() {
    let (_database, mut session) = shop("cold_same");
    session.run("SELECT segrec_train('shop')");
    for call in ["segrec_evaluate('shop')", "segrec_cross_validate('shop', 2)"] {
        assert_eq!(
            session.table(&format!("SELECT count(scope), count(ranked_by), count(*) > 20 FROM {call}")),
            "0|0|t",
            "{call}"
        );
    }
    assert_eq!(
        session.table(
            "SELECT * FROM segrec_evaluate('shop') EXCEPT SELECT * FROM segrec_evaluate('shop', cold => NULL)"
        ),
        ""
    );
    for cold in ["items", "users"] {
        session.run("SET segrec.threads = 1");
        session.run(&format!(
            "CREATE TABLE {cold}_alone AS SELECT * FROM segrec_evaluate('shop', cold => '{cold}')"
        ));
        session.run("SET segrec.threads = 3");
        assert_eq!(
            session.table(&format!(
                "SELECT * FROM segrec_evaluate('shop', cold => '{cold}') EXCEPT SELECT * FROM {cold}_alone"
            )),
            ""
        );
    }
}

#[track_caller]
fn expect(session: &mut Session, call: &str, code: SqlState, message: &str, detail: &str, hint: &str) {
    let error = session.expect_error(&format!("SELECT * FROM {call}"));
    let found = (error.message(), error.detail().unwrap_or_default(), error.hint().unwrap_or_default());
    assert_eq!((error.code(), found), (&code, (message, detail, hint)), "{call}");
}

#[test]
fn wrong_calls_are_errors_that_say_what_is_right() {
    let (_database, mut session) = shop("cold_errors");
    let invalid = SqlState::INVALID_PARAMETER_VALUE;
    let not_ready = SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE;
    for call in ["segrec_evaluate('shop', cold => 'item')", "segrec_cross_validate('shop', cold => 'item')"] {
        let hint = "\"cold\" must be one of 'items', 'users'.";
        expect(&mut session, call, invalid.clone(), "\"cold\" is \"item\"", "", hint);
    }
    for (argument, call) in [
        ("test", "segrec_evaluate('shop', test => 'buys', cold => 'items')"),
        ("per_segment", "segrec_evaluate('shop', per_segment => true, cold => 'users')"),
    ] {
        expect(
            &mut session,
            call,
            invalid.clone(),
            &format!("\"cold\" cannot be combined with \"{argument}\""),
            "Items or users are held out whole from the events of the model, and lists are measured for all users together.",
            "Omit one of the two arguments.",
        );
    }
    expect(
        &mut session,
        "segrec_evaluate('shop', cold => 'items')",
        not_ready.clone(),
        "model \"shop\" has no deployed version",
        "",
        "Train it with SELECT * FROM segrec_train('shop').",
    );
    session.run(
        r#"SELECT segrec_create_model('bare', 'buys', options => '{"als": {"factors": 4, "sweeps": 2}}');
           SELECT segrec_create_model('people', users => 'customers');
           SELECT segrec_train('bare'), segrec_train('people')"#,
    );
    for (cold, message) in
        [("items", "model \"bare\" reads no items"), ("users", "model \"bare\" reads no users")]
    {
        for call in ["segrec_evaluate", "segrec_cross_validate"] {
            expect(
                &mut session,
                &format!("{call}('bare', cold => '{cold}')"),
                not_ready.clone(),
                message,
                "A model keeps the kinds of relations that it was created with.",
                &format!("Create a model with the argument {cold}."),
            );
        }
    }
    for call in
        ["segrec_evaluate('people', cold => 'users')", "segrec_cross_validate('people', cold => 'users')"]
    {
        let error = session.expect_error(&format!("SELECT * FROM {call}"));
        assert_eq!(error.message(), "model \"people\" has no events to recommend from");
    }
    session.run(r#"SELECT segrec_alter_model('shop', '{"algorithm": "popularity"}')"#);
    expect(
        &mut session,
        "segrec_cross_validate('shop', cold => 'items')",
        not_ready.clone(),
        "model \"shop\" does not score new items",
        "The algorithm popularity scores items by their events alone.",
        "Use the algorithm hybrid, neighbours, als or content.",
    );
    session.run(
        r#"SELECT segrec_alter_model('shop', '{"algorithm": "hybrid", "items": {"features": ["nothing"]}}')"#,
    );
    expect(
        &mut session,
        "segrec_cross_validate('shop', cold => 'items')",
        not_ready.clone(),
        "relation \"buys\" contains nothing to evaluate on",
        "No column describes items: \"nothing\" is null in every row.",
        "Add columns to items that tell what they are.",
    );
    expect(
        &mut session,
        "segrec_cross_validate('shop', 20, cold => 'items')",
        not_ready.clone(),
        "relation \"buys\" contains nothing to evaluate on",
        "Of 240 items, one in 20 would be hidden, which must be at least 20.",
        "Add events, or use fewer folds.",
    );
    session.run("UPDATE customers SET hobby = NULL, age = NULL");
    let error = session.expect_error("SELECT * FROM segrec_cross_validate('shop', cold => 'users')");
    assert_eq!(error.message(), "relation \"buys\" contains nothing to evaluate on");
    assert_eq!(error.hint(), Some("Add columns to users that tell who they are."));
}

#[test]
fn how_new_items_fare_in_lists_is_a_metric_of_a_version_whose_training_decided_their_boost() {
    let (_database, mut session) = shop("cold_metrics");
    // Products sell from the hour in which they come until the end, so that the last events are on new and on old ones.
    session.run(
        "UPDATE buys SET at = timestamptz '2026-01-01' + (item_id + user_id * 37 % (241 - item_id)) * interval '1 hour';
         SELECT segrec_train('shop', 'always')",
    );
    let boost =
        "SELECT (decided ->> 'new_items')::float8 FROM segrec_catalog.versions ORDER BY version DESC LIMIT 1";
    assert!(session.value::<f64>(boost) > 0.0);
    let metrics = "SELECT metric, k, segment, value > 0 AND value < 1, baseline, ci_low <= value AND value <= ci_high, users > 100
                   FROM segrec.metrics WHERE metric LIKE 'new%' AND version = (SELECT max(version) FROM segrec.versions) ORDER BY 1, 2";
    assert_eq!(
        session.table(metrics),
        "new_recall|10|∅|t|0|t|t\nnew_recall|20|∅|t|0|t|t\nnew_share|10|∅|t|0|t|t\nnew_share|20|∅|t|0|t|t"
    );
    // A boost that is given is not measured; one that is decided is, also where there are no new items yet.
    session.run(r#"SELECT segrec_alter_model('shop', '{"items": {"new_items": 1}}'); SELECT segrec_train('shop', 'always')"#);
    assert_eq!(session.table(metrics), "");
    session.run(
        r#"SELECT segrec_alter_model('shop', '{"items": {"new_items": "auto"}}');
           DELETE FROM products WHERE product_id >= 1000; SELECT segrec_train('shop', 'always')"#,
    );
    assert_eq!(
        session.table(metrics),
        "new_recall|10|∅|t|0|t|t\nnew_recall|20|∅|t|0|t|t\nnew_share|10|∅|t|0|t|t\nnew_share|20|∅|t|0|t|t"
    );
}

#[test]
fn only_who_may_train_measures() {
    let (database, mut session) = shop("cold_rights");
    session.run("SELECT segrec_train('shop')");
    session.run(
        "CREATE ROLE cold_rights_reader LOGIN; GRANT SELECT ON buys, products, customers TO cold_rights_reader;
         SELECT segrec_grant('shop', 'cold_rights_reader', 'use')",
    );
    let mut reader = database.connect_as("cold_rights_reader");
    for cold in ["items", "users"] {
        for name in ["segrec_evaluate", "segrec_cross_validate"] {
            let error = reader.expect_error(&format!("SELECT * FROM {name}('shop', cold => '{cold}')"));
            assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE, "{name} {cold}");
        }
    }
}

#[test]
fn measuring_is_cancelled_and_bounded_like_a_training() {
    let database = Cluster::shared().database("cold_bounded");
    let mut session = database.connect();
    session.run(
        r#"CREATE TABLE events AS SELECT u AS user_id, (u * 7919 + n * n * 31 + n * u % 97) % 20000 AS item_id
           FROM generate_series(1::bigint, 30000) u, generate_series(1::bigint, 20) n;
           CREATE TABLE things AS SELECT i AS id, 'kind ' || i % 50 AS kind FROM generate_series(0::bigint, 19999) i;
           CREATE TABLE people AS SELECT u AS user_id, 'of ' || u % 90 AS town FROM generate_series(1::bigint, 30000) u;
           SELECT segrec_create_model('long', 'events', users => 'people', items => 'things', items_key => 'id',
                                      options => '{"als": {"factors": 128, "sweeps": 100}}')"#,
    );
    for cold in ["items", "users"] {
        let call = format!("SELECT * FROM segrec_cross_validate('long', cold => '{cold}')");
        session.run("SET segrec.training_memory = '64MB'");
        assert_eq!(session.expect_error(&call).code(), &SqlState::CONFIGURATION_LIMIT_EXCEEDED);
        session.run("RESET segrec.training_memory; SET statement_timeout = '1500ms'");
        assert_eq!(session.expect_error(&call).code(), &SqlState::QUERY_CANCELED);
        let pid: i32 = session.value("SELECT pg_backend_pid()");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        assert!(status.contains("\nThreads:\t1\n"), "{status}");
        session.run("RESET statement_timeout");
    }
}
