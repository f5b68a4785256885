//! `segrec_train` and versions: what a training stores, and what it never leaves behind.

use segrec_tests::{
    Cluster, Session, Shutdown, SqlState, limit_addresses, limited_group, planted, remove_group,
};
use std::time::{Duration, Instant};

#[test]
fn planted_segments_are_recovered() {
    let database = Cluster::shared().database("training_segments");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    // The share of users who are in the segment of most users of their taste.
    let pure: f64 = session.value(
        "SELECT sum(most)::float8 / sum(total)::float8 FROM (
             SELECT max(n) AS most, sum(n) AS total FROM (
                 SELECT user_id::bigint % 4 AS taste, segment, count(*) AS n
                 FROM segrec.segment_members GROUP BY 1, 2) counts GROUP BY taste) tastes",
    );
    // A quarter would be expected by chance; a user with one or two items may be in any segment.
    assert!(pure > 0.97, "{pure}");
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec.segments"), 4);
    assert_eq!(
        session.value::<i64>("SELECT count(*) FROM segrec.segment_members"),
        session.value::<i64>("SELECT count(DISTINCT user_id) FROM events")
    );
}

#[test]
fn a_training_beats_popularity_and_says_so() {
    let database = Cluster::shared().database("training_beats");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    let table = session.table(
        "SELECT version, metric, value > 1.5 * baseline, deployed, split, reason FROM segrec.versions",
    );
    assert_eq!(table, "1|ndcg@20|t|t|random|the first version is always deployed");
    let metrics = session
        .table("SELECT metric, count(*) FROM segrec.metrics WHERE segment IS NULL AND history IS NULL GROUP BY 1 ORDER BY 1");
    assert_eq!(
        metrics,
        "average_precision|2\ncoverage|2\ndiversity|2\nf1|2\ngini|2\nhit_rate|2\nndcg|2\nnovelty|2\npopularity_lift|2\nprecision|2\nrecall|2\nreciprocal_rank|2"
    );
    let outside: i64 = session.value(
        "SELECT count(*) FROM segrec.metrics WHERE metric <> 'coverage' AND NOT (ci_low <= value AND value <= ci_high)",
    );
    assert_eq!(outside, 0);
    let falling: bool = session.value(
        "SELECT bool_and(falls) FROM (SELECT loss <= lag(loss) OVER (ORDER BY step) * 1.000001 AS falls
         FROM segrec.training_log WHERE phase = 'backbone') steps",
    );
    assert!(falling);
}

#[test]
fn the_views_fit_together() {
    let database = Cluster::shared().database("training_views");
    let mut session = database.connect();
    planted::create(&mut session);
    let options = r#"{"algorithm": "als", "als": {"factors": 8}, "segmentation": {"segments": 4}}"#;
    session.run(&format!("SELECT segrec_create_model('planted', 'events', options => '{options}')"));
    session.run("SELECT segrec_train('planted')");
    assert_eq!(session.table("SELECT round(sum(share)::numeric, 6) FROM segrec.segments"), "1.000000");
    assert_eq!(
        session.table(
            "SELECT bool_and(s.users = m.users) FROM segrec.segments s
             JOIN (SELECT segment, count(*) AS users FROM segrec.segment_members GROUP BY 1) m USING (segment)"
        ),
        "t"
    );
    // The first item of a segment is of its taste, and is bought there more often than elsewhere.
    assert_eq!(
        session.table("SELECT count(*), min(lift) > 2 FROM segrec.segment_items WHERE rank = 1"),
        "4|t"
    );
    assert_eq!(session.table("SELECT DISTINCT cardinality(factors) FROM segrec.item_factors"), "8");
    // A score is the product of the factors that the views show.
    let worst: f64 = session.value(
        "SELECT max(abs(r.score - (SELECT sum(p * q) FROM unnest(u.factors, i.factors) AS both_factors (p, q))))::float8
         FROM segrec.user_factors u
         CROSS JOIN LATERAL segrec_recommend(u.user_id::bigint, 5) r
         JOIN segrec.segments s ON s.segment = u.segment
         JOIN segrec.item_factors i ON i.item_id = r.item_id::text
             AND i.segment IS NOT DISTINCT FROM CASE WHEN s.own_factors THEN u.segment END
         WHERE u.user_id::int % 50 = 0 AND r.source IN ('segment', 'backbone')",
    );
    assert!(worst < 1e-4, "{worst}");
}

#[test]
fn the_same_data_and_seed_give_the_same_version_at_any_number_of_threads() {
    let database = Cluster::shared().database("training_same");
    let mut session = database.connect();
    planted::create(&mut session);
    let mut fingerprint = |threads: i32, name: &str, order: &str| {
        session.run(&format!(
            "DROP TABLE IF EXISTS copy CASCADE; CREATE TABLE copy AS SELECT * FROM events ORDER BY {order}"
        ));
        session.run(&format!("SET segrec.threads = {threads}"));
        session
            .run(&format!("SELECT segrec_create_model('{name}', 'copy', options => '{}')", planted::OPTIONS));
        session.run(&format!("SELECT segrec_train('{name}')"));
        let print: String = session.value(&format!(
            "SELECT md5(string_agg(line, ',' ORDER BY line)) FROM (
                 SELECT segment || item_id || factors::text AS line FROM segrec.item_factors WHERE model = '{name}'
                 UNION ALL SELECT user_id || segment || factors::text FROM segrec.user_factors WHERE model = '{name}'
                 UNION ALL SELECT metric || k || value::text FROM segrec.metrics WHERE model = '{name}') lines"
        ));
        session.run(&format!("SELECT segrec_drop_model('{name}')"));
        print
    };
    let one = fingerprint(1, "one", "user_id, item_id");
    assert_eq!(one, fingerprint(2, "two", "item_id, user_id"));
    assert_eq!(one, fingerprint(4, "four", "md5(user_id::text || item_id)"));
}

#[test]
fn versions_are_numbered_deployed_rolled_back_and_dropped() {
    let database = Cluster::shared().database("training_versions");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    let deployed = |session: &mut Session| session.table("SELECT deployed_version FROM segrec.models");
    session.run("SELECT segrec_train('planted', 'never')");
    assert_eq!(deployed(&mut session), "1");
    session.run("SELECT segrec_train('planted', 'always')");
    assert_eq!(deployed(&mut session), "3");
    assert_eq!(session.table("SELECT segrec_rollback('planted')"), "1");
    assert_eq!(deployed(&mut session), "1");
    let error = session.expect_error("SELECT segrec_rollback('planted')");
    assert_eq!(error.code(), &SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE);
    session.run("SELECT segrec_deploy('planted', 2)");
    assert_eq!(deployed(&mut session), "2");
    let error = session.expect_error("SELECT segrec_drop_version('planted', 2)");
    assert_eq!(error.code(), &SqlState::OBJECT_IN_USE);
    let error = session.expect_error("SELECT segrec_deploy('planted', 9)");
    assert_eq!(error.message(), "model \"planted\" has no version 9");
    assert_eq!(error.detail(), Some("Its versions are 1, 2, 3."));
    session.run("SELECT segrec_drop_version('planted', 1)");
    session.run("SELECT segrec_drop_version('planted', 3)");
    assert_eq!(session.table("SELECT version FROM segrec.versions"), "2");
    assert_eq!(session.table("SELECT DISTINCT version_id FROM segrec_catalog.version_users"), "2");
    session.run("SELECT segrec_train('planted')");
    assert_eq!(
        session.table("SELECT max(version) FROM segrec.versions"),
        "4",
        "numbers are never used again"
    );
    session.run("SELECT segrec_drop_model('planted')");
    assert_eq!(nothing_left(&mut session), "0|0|0|0|0|0");
}

/// Returns the numbers of rows of the tables of versions.
fn nothing_left(session: &mut Session) -> String {
    session.table(
        "SELECT (SELECT count(*) FROM segrec_catalog.models), (SELECT count(*) FROM segrec_catalog.versions),
                (SELECT count(*) FROM segrec_catalog.segments), (SELECT count(*) FROM segrec_catalog.metrics),
                (SELECT count(*) FROM segrec_catalog.training_log),
                (SELECT count(*) FROM segrec_catalog.version_users)",
    )
}

#[test]
fn a_worse_recipe_is_not_deployed_and_a_changed_one_is_measured_beside_the_old() {
    let database = Cluster::shared().database("training_if_better");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    session.run(r#"SELECT segrec_alter_model('planted', '{"als": {"factors": 1, "sweeps": 1}}')"#);
    let row = session.table("SELECT version, deployed, value < previous FROM segrec_train('planted')");
    assert_eq!(row, "2|f|t");
    let reason: String = session.value("SELECT reason FROM segrec.versions WHERE version = 2");
    assert!(reason.starts_with("ndcg@20 is worse than with the options of version 1: "), "{reason}");
    session.run(r#"SELECT segrec_alter_model('planted', '{"als": {"factors": 8, "sweeps": null}}')"#);
    let row = session.table("SELECT version, deployed, value = previous FROM segrec_train('planted')");
    assert_eq!(row, "3|t|t", "the same recipe on the same data");
}

#[test]
fn damaged_data_is_not_deployed() {
    let database = Cluster::shared().database("training_damaged");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    session.run("UPDATE events SET item_id = ('x' || substr(md5(user_id || '-' || item_id), 1, 6))::bit(24)::int % 120");
    let row = session.table("SELECT version, deployed, value < previous FROM segrec_train('planted')");
    assert_eq!(row, "2|f|t");
    let reason: String = session.value("SELECT reason FROM segrec.versions WHERE version = 2");
    assert!(reason.starts_with("ndcg@20 fell: "), "{reason}");
}

#[test]
fn a_time_column_splits_by_time() {
    let database = Cluster::shared().database("training_time");
    let mut session = database.connect();
    planted::create(&mut session);
    session.run(&format!(
        "ALTER TABLE events ADD at timestamptz;
         UPDATE events SET at = '2026-01-01'::timestamptz + (user_id * 13 + item_id * 7) % 90 * interval '1 day';
         SELECT segrec_create_model('timed', 'events', time_column => 'at', options => '{}');
         SELECT segrec_train('timed')",
        planted::OPTIONS
    ));
    assert_eq!(session.table("SELECT split, value > baseline FROM segrec.versions"), "time|t");
}

/// Creates more events, so that a training takes several seconds.
fn create_long(session: &mut Session) {
    session.run(
        "CREATE TABLE events AS SELECT u AS user_id, (u * 7919 + n * n * 31 + n * u % 97) % 20000 AS item_id
         FROM generate_series(1::bigint, 30000) u, generate_series(1::bigint, 20) n;
         SELECT segrec_create_model('long', 'events', options => '{\"als\": {\"factors\": 128, \"sweeps\": 100}}')",
    );
    session.notices();
}

/// Runs a training in another session until it has reached the given share of its phases, then calls `stop`.
fn interrupt(
    database: &segrec_tests::Database<'_>,
    after: Duration,
    stop: impl FnOnce(&mut Session, i32),
) -> (Duration, SqlState) {
    let mut trainer = database.connect();
    let mut other = database.connect();
    let pid: i32 = trainer.value("SELECT pg_backend_pid()");
    let training = std::thread::spawn(move || {
        let error = trainer.expect_error("SELECT segrec_train('long')");
        (Instant::now(), error.code().clone())
    });
    std::thread::sleep(after);
    let stopped = Instant::now();
    stop(&mut other, pid);
    let (ended, code) = training.join().unwrap();
    (ended.saturating_duration_since(stopped), code)
}

#[test]
fn a_cancelled_training_stops_soon_and_leaves_nothing() {
    let database = Cluster::shared().database("training_cancel");
    let mut session = database.connect();
    create_long(&mut session);
    for milliseconds in [50, 300, 700, 1500, 2500] {
        let (_, code) = interrupt(&database, Duration::from_millis(milliseconds), |other, pid| {
            assert!(other.value::<bool>(&format!("SELECT pg_cancel_backend({pid})")));
        });
        assert_eq!(code, SqlState::QUERY_CANCELED);
    }
    session.run("SET statement_timeout = '700ms'");
    let error = session.expect_error("SELECT segrec_train('long')");
    assert_eq!(error.code(), &SqlState::QUERY_CANCELED);
    session.run("RESET statement_timeout");
    assert_eq!(nothing_left(&mut session), "1|0|0|0|0|0");
    // The session still works, and has no threads that are still running.
    let pid: i32 = session.value("SELECT pg_backend_pid()");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    assert!(status.contains("\nThreads:\t1\n"), "{status}");
}

#[test]
fn a_second_training_and_other_changes_are_told_at_once() {
    let database = Cluster::shared().database("training_second");
    let mut session = database.connect();
    create_long(&mut session);
    let (_, code) = interrupt(&database, Duration::from_millis(400), |other, pid| {
        for call in ["segrec_train('long')", "segrec_drop_model('long')", "segrec_drop_version('long', 1)"] {
            let error = other.expect_error(&format!("SELECT {call}"));
            assert_eq!(error.code(), &SqlState::LOCK_NOT_AVAILABLE, "{call}");
            assert_eq!(error.message(), "model \"long\" is being trained or changed by another session");
            assert_eq!(error.detail(), Some(format!("It is locked by process {pid}.").as_str()));
        }
        other.run("SELECT segrec_create_model('another', 'events')");
        other.run(&format!("SELECT pg_cancel_backend({pid})"));
    });
    assert_eq!(code, SqlState::QUERY_CANCELED);
}

#[test]
fn a_killed_server_keeps_the_old_version_and_nothing_of_the_new() {
    let cluster = Cluster::start();
    let database = cluster.database("training_killed");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    let before = session.table("SELECT * FROM segrec_recommend(1, 20)");
    let mut trainer = database.connect();
    let training = std::thread::spawn(move || {
        // Trains until the server is killed.
        while trainer.batch_execute("SELECT segrec_train('planted', 'never')").is_ok() {}
    });
    std::thread::sleep(Duration::from_millis(900));
    cluster.kill();
    training.join().unwrap();
    cluster.start_again();
    let mut session = database.connect();
    assert_eq!(before, session.table("SELECT * FROM segrec_recommend(1, 20)"));
    let incomplete: i64 = session.value(
        "SELECT count(*) FROM segrec.versions v WHERE state <> 'ready'
         OR NOT EXISTS (SELECT FROM segrec_catalog.segments JOIN segrec_catalog.versions USING (version_id) WHERE version = v.version)",
    );
    assert_eq!(incomplete, 0);
    session.run("SELECT segrec_train('planted', 'always')");
    cluster.stop(Shutdown::Fast);
}

#[test]
fn progress_is_told_in_notices() {
    let database = Cluster::shared().database("training_notices");
    let mut session = database.connect();
    planted::create(&mut session);
    session
        .run(&format!("SELECT segrec_create_model('planted', 'events', options => '{}')", planted::OPTIONS));
    session.notices();
    session.run("SELECT segrec_train('planted')");
    let notices: Vec<String> =
        session.notices().iter().map(|n| n.message().split_once(": ").unwrap().1.to_owned()).collect();
    for phase in ["reading events of \"events\"", "backbone", "segments", "measuring", "writing the version"]
    {
        assert!(notices.iter().any(|notice| notice == phase), "{phase} in {notices:?}");
    }
}

#[test]
fn a_training_above_the_memory_setting_is_refused_before_it_begins() {
    let database = Cluster::shared().database("training_memory");
    let mut session = database.connect();
    create_long(&mut session);
    session.run("SET segrec.training_memory = '64MB'");
    let error = session.expect_error("SELECT segrec_train('long')");
    assert_eq!(error.code(), &SqlState::CONFIGURATION_LIMIT_EXCEEDED);
    assert!(error.message().starts_with("the training requires about "), "{}", error.message());
    assert!(error.hint().unwrap().starts_with("Set segrec.training_memory to at least '"));
}

#[test]
fn a_deployment_finds_users_in_the_history_by_their_keys() {
    let database = Cluster::shared().database("training_history");
    let mut session = database.connect();
    session.run(
        "CREATE TABLE events AS SELECT u AS user_id, u * n % 50 AS item_id
         FROM generate_series(1::bigint, 8000) u, generate_series(1::bigint, 3) n;
         SELECT segrec_create_model('many', 'events', options => '{\"algorithm\": \"popularity\", \"segmentation\": {\"method\": \"none\"}}')",
    );
    // Neither the history nor the version has statistics when the deployment compares all users.
    session.run("SELECT segrec_train('many'); SELECT segrec_train('many', 'never')");
    drop(session); // which then says what it read
    let mut session = database.connect();
    let pages = "(SELECT sum(idx_blks_hit + idx_blks_read)::bigint FROM pg_statio_all_tables
                  WHERE relname IN ('version_users', 'segment_history'))";
    session.wait_until(&format!("SELECT {pages} > 0"));
    std::thread::sleep(std::time::Duration::from_millis(500));
    let before: i64 = session.value(&format!("SELECT {pages}"));
    database.connect().run("SELECT segrec_deploy('many', 2)");
    session.wait_until(&format!("SELECT {pages} > {before}"));
    std::thread::sleep(std::time::Duration::from_millis(500));
    // Finding a user by key reads two or three pages of an index, and the whole index has some dozens.
    let pages: i64 = session.value::<i64>(&format!("SELECT {pages}")) - before;
    assert!(pages < 8000 * 10, "{pages} pages of indexes for 8000 users");
}

#[test]
fn a_training_for_which_the_system_gives_no_memory_is_refused_and_the_server_lives() {
    let cluster = Cluster::start();
    let database = cluster.database("training_limit");
    let mut session = database.connect();
    create_long(&mut session);
    let pid: i32 = session.value("SELECT pg_backend_pid()");
    // The memory is too small for the rows, and then for the training.
    for more in [16 << 20, 160 << 20] {
        limit_addresses(&cluster, pid, more);
        let error = session.expect_error("SELECT segrec_train('long')");
        assert_eq!(error.code(), &SqlState::OUT_OF_MEMORY, "{error:?}");
        assert!(error.message().ends_with(" MB, more than the system provides"), "{}", error.message());
        assert!(error.detail().unwrap().starts_with("A limit of the process (ulimit -v) "), "{error:?}");
        assert_eq!(session.value::<i32>("SELECT pg_backend_pid()"), pid);
    }
    assert!(!cluster.log().contains("terminated by signal"), "{}", cluster.log());
}

#[test]
fn whatever_a_limit_of_memory_leaves_a_training_ends_or_is_refused_and_the_server_lives() {
    let cluster = Cluster::start();
    let database = cluster.database("training_limits");
    let mut session = database.connect();
    create_long(&mut session);
    session.run(
        "SELECT segrec_alter_model('long', '{\"als\": {\"factors\": 32, \"sweeps\": 1}, \"algorithm\": \"als\"}')",
    );
    let estimate: u64 = session.value::<i64>("SELECT memory FROM segrec_estimate('long')") as u64;
    let (mut refused, mut trained) = (0, 0);
    // The rows that were read count in addition to the estimate, and PostgreSQL takes memory of its own to write a
    // version.
    for percent in (100..=260).step_by(20) {
        let mut session = database.connect();
        let pid: i32 = session.value("SELECT pg_backend_pid()");
        limit_addresses(&cluster, pid, estimate * percent / 100);
        match session.batch_execute("SELECT segrec_train('long')") {
            Ok(()) => trained += 1,
            Err(error) => {
                assert_eq!(error.code(), Some(&SqlState::OUT_OF_MEMORY), "at {percent} %: {error:?}");
                refused += 1;
            }
        }
        assert_eq!(session.value::<i32>("SELECT pg_backend_pid()"), pid);
    }
    assert!(refused > 0 && trained > 0, "{refused} refused, {trained} trained");
    assert!(!cluster.log().contains("terminated by signal"), "{}", cluster.log());
}

#[test]
fn a_training_for_which_its_control_group_has_no_room_is_refused() {
    let cluster = Cluster::start();
    let database = cluster.database("training_group");
    let mut session = database.connect();
    create_long(&mut session);
    let pid: i32 = session.value("SELECT pg_backend_pid()");
    let Some(group) = limited_group(pid, 200 << 20) else {
        println!("skipped: no control group can be made here");
        return;
    };
    let error = session.expect_error("SELECT segrec_train('long')");
    drop(session);
    assert_eq!(error.code(), &SqlState::OUT_OF_MEMORY, "{error:?}");
    let detail = error.detail().unwrap();
    let left =
        detail.strip_prefix("The control group of the server has ").unwrap_or_else(|| panic!("{detail}"));
    let left: u64 = left.trim_end_matches(" MB left.").parse().unwrap();
    assert!((1..=200).contains(&left), "{detail}");
    remove_group(&group);
}

#[test]
fn an_estimate_counts_what_there_is_and_bounds_what_a_training_takes() {
    let database = Cluster::shared().database("training_estimate");
    let mut session = database.connect();
    create_long(&mut session);
    session.run(
        r#"SELECT segrec_alter_model('long', '{"als": {"factors": 16, "sweeps": 2}, "algorithm": "als"}')"#,
    );
    let counted = "SELECT users = u AND items = i AND events = e AND allowed = 1024::bigint * 1024 * 1024 * 4
         FROM segrec_estimate('long'),
              (SELECT count(DISTINCT user_id) u, count(DISTINCT item_id) i, count(*) e FROM events) counted";
    session.run("SET segrec.training_memory = '4GB'");
    assert!(session.value::<bool>(counted));
    let [memory, disk] = ["memory", "disk"]
        .map(|what| session.value::<i64>(&format!("SELECT {what} FROM segrec_estimate('long')")));
    session.run("SELECT segrec_train('long')");
    let stored: i64 = session.value(
        "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class WHERE relnamespace = 'segrec_catalog'::regnamespace AND relname IN ('version_users', 'version_items', 'version_item_rows', 'version_segment_items')",
    );
    assert!(stored < disk && disk < 6 * stored, "{stored} of {disk}");
    // A limit below the estimate is an error.
    session.run(&format!("SET segrec.training_memory = '{}MB'", memory / 1_200_000));
    let error = session.expect_error("SELECT segrec_train('long')");
    assert_eq!(error.code(), &SqlState::CONFIGURATION_LIMIT_EXCEEDED);
    session.run("CREATE ROLE training_estimate LOGIN");
    let mut stranger = database.connect_as("training_estimate");
    let error = stranger.expect_error("SELECT * FROM segrec_estimate('long')");
    assert_eq!(error.code(), &SqlState::UNDEFINED_OBJECT);
}

#[test]
fn a_training_that_fails_leaves_a_line_in_the_log_with_its_sqlstate() {
    let cluster = Cluster::start();
    let database = cluster.database("training_log");
    let mut session = database.connect();
    session.run(
        "CREATE TABLE raw AS SELECT '1'::text AS user_id, 1::bigint AS item_id;
         CREATE VIEW events AS SELECT user_id::bigint AS user_id, item_id FROM raw;
         SELECT segrec_create_model('m', 'events');
         INSERT INTO raw VALUES ('one', 1)",
    );
    session.expect_error("SELECT segrec_train('m')");
    session.expect_error("SELECT segrec_train('nosuch')");
    let log = cluster.log();
    for line in [
        "LOG:  training of model \"m\" failed: 22P02: invalid input syntax for type bigint: \"one\"",
        "LOG:  training of model \"nosuch\" failed: 42704: model \"nosuch\" does not exist",
    ] {
        assert!(log.contains(line), "{log}");
    }
}
