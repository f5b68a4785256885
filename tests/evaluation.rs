//! `segrec_evaluate`, `segrec_cross_validate` and `segrec_compare`: which metrics are computed, and on which events.

use segrec_tests::{Cluster, Session, SqlState, planted};

/// Creates events later than the training of `planted`: for every third user, two items of their taste that they did
/// not have.
fn create_later(session: &mut Session) {
    session.run(
        "CREATE TABLE later AS
         SELECT user_id, item_id FROM (
             SELECT u AS user_id, i AS item_id, row_number() OVER (PARTITION BY u ORDER BY md5(u || '/' || i)) AS place
             FROM generate_series(0::bigint, 599, 3) u JOIN generate_series(0::bigint, 119) i ON u % 4 = i % 4
             WHERE EXISTS (SELECT FROM events WHERE user_id = u)
               AND EXISTS (SELECT FROM events WHERE item_id = i)
               AND NOT EXISTS (SELECT FROM events WHERE user_id = u AND item_id = i)) new
         WHERE place <= 2",
    );
}

#[test]
fn an_evaluation_measures_again_what_the_training_measured() {
    let database = Cluster::shared().database("evaluation_again");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    session.run("CREATE TABLE measured AS SELECT * FROM segrec_evaluate('planted')");
    let compared = session.table(
        "SELECT count(*) > 20, max(abs(e.value - m.value)) < 1e-9, max(abs(e.baseline - m.baseline)) < 1e-9,
                bool_and(e.users = m.users)
         FROM measured e JOIN segrec.metrics m USING (metric, k) WHERE m.segment IS NULL AND m.history IS NULL",
    );
    assert_eq!(compared, "t|t|t|t");
    assert_eq!(
        session.table("SELECT k, segment, value > baseline + 0.1, value < 1, users > 0 FROM measured WHERE metric = 'auc'"),
        "0|∅|t|t|t"
    );
    assert_eq!(session.table("SELECT count(*) FROM measured WHERE segment IS NOT NULL"), "0");
    assert_eq!(
        session.table("SELECT DISTINCT k FROM segrec_evaluate('planted', '{3, 7, 3}') ORDER BY 1"),
        "0\n3\n7"
    );
}

#[test]
fn segments_are_measured_where_asked_for_under_the_ids_of_the_version() {
    let database = Cluster::shared().database("evaluation_segments");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    assert_eq!(
        session.table(
            "SELECT segment FROM segrec_evaluate('planted', '{10}', per_segment => true)
             WHERE metric = 'ndcg' ORDER BY 1 NULLS FIRST"
        ),
        "∅\n1\n2\n3\n4"
    );
    let users: i64 = session.value(
        "SELECT sum(users * CASE WHEN segment IS NULL THEN 1 ELSE -1 END)::bigint
         FROM segrec_evaluate('planted', per_segment => true) WHERE metric = 'recall' AND k = 20",
    );
    assert_eq!(users, 0);
}

#[test]
fn a_version_is_never_scored_on_rows_it_was_trained_on() {
    let database = Cluster::shared().database("evaluation_trained");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    let rows: i64 = session.value("SELECT count(*) FROM events");
    let error = session.expect_error("SELECT * FROM segrec_evaluate('planted', test => 'events')");
    assert_eq!(error.code(), &SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE);
    assert_eq!(error.message(), "relation \"events\" contains nothing to evaluate on");
    let detail =
        format!("Of {rows} rows, {rows} contain a pair of user and item that version 1 was trained on.");
    assert_eq!(error.detail(), Some(detail.as_str()));
    assert!(error.hint().unwrap().starts_with("Provide events from after the training, "));
    session.run("CREATE TABLE nothing (user_id bigint, item_id bigint)");
    let error = session.expect_error("SELECT * FROM segrec_evaluate('planted', test => 'nothing')");
    assert_eq!(error.detail(), Some("There are no events."));
}

#[test]
fn test_rows_that_the_version_knows_or_does_not_know_at_all_are_left_out_and_counted() {
    let database = Cluster::shared().database("evaluation_half");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    create_later(&mut session);
    session.run("CREATE TABLE only_new AS SELECT * FROM segrec_evaluate('planted', test => 'later')");
    assert!(session.notices().iter().all(|notice| !notice.message().starts_with("ignored")));
    let new: i64 = session.value("SELECT count(*) FROM later");
    session.run(
        "INSERT INTO later SELECT * FROM events WHERE user_id < 100;
         INSERT INTO later VALUES (100000, 1), (100000, 2), (3, 100000), (6, 100000), (9, 100000)",
    );
    session.run("CREATE TABLE mixed AS SELECT * FROM segrec_evaluate('planted', test => 'later')");
    let known: i64 = session.value("SELECT count(*) FROM events WHERE user_id < 100");
    let total = new + known + 5;
    let notices: Vec<String> = session.notices().iter().map(|notice| notice.message().to_owned()).collect();
    for line in [
        format!(
            "ignored {known} of {total} rows of \"later\" that contain a pair of user and item that version 1 was trained on"
        ),
        format!("ignored 2 of {total} rows of \"later\" that contain a user unknown to version 1"),
        format!("ignored 3 of {total} rows of \"later\" that contain an item unknown to version 1"),
    ] {
        assert!(notices.contains(&line), "{line} in {notices:?}");
    }
    assert_eq!(session.table("SELECT * FROM only_new EXCEPT SELECT * FROM mixed"), "");
    assert_eq!(session.table("SELECT * FROM mixed EXCEPT SELECT * FROM only_new"), "");
}

#[test]
fn lists_on_test_rows_are_those_that_the_version_serves_as_of_its_training() {
    let database = Cluster::shared().database("evaluation_lists");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    create_later(&mut session);
    let measured = "SELECT metric, k, value, users FROM segrec_evaluate('planted', test => 'later')
                    WHERE metric IN ('recall', 'hit_rate') AND k = 10 ORDER BY 1";
    let by_hand = session.table(
        "WITH hits AS (
             SELECT user_id, count(*) AS held_out, count(*) FILTER (WHERE item_id IN (
                 SELECT r.item_id FROM segrec_recommend(user_id, 10) r)) AS hits
             FROM later GROUP BY user_id)
         SELECT 'hit_rate', 10, avg((hits > 0)::int)::float8, count(*) FROM hits
         UNION ALL SELECT 'recall', 10, avg(hits / held_out::float8), count(*) FROM hits",
    );
    let before = session.table(measured);
    let rounded = |table: &str| -> Vec<String> {
        table
            .lines()
            .map(|line| {
                let fields: Vec<&str> = line.split('|').collect();
                format!("{} {} {:.9} {}", fields[0], fields[1], fields[2].parse::<f64>().unwrap(), fields[3])
            })
            .collect()
    };
    assert_eq!(rounded(&before), rounded(&by_hand));
    assert!(
        before.lines().all(|line| line.split('|').nth(2).unwrap().parse::<f64>().unwrap() > 0.1),
        "{before}"
    );
    // Events after the training do not exclude items from lists, because otherwise no new item could be a hit.
    session.run("INSERT INTO events SELECT * FROM later");
    assert_eq!(session.table(measured), before);
}

#[test]
fn a_test_relation_has_the_columns_of_the_events() {
    let database = Cluster::shared().database("evaluation_columns");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    session.run(
        "CREATE TABLE other (customer bigint, item_id text);
         CREATE TABLE typed (user_id bigint, item_id text); CREATE SEQUENCE numbers;
         CREATE TABLE bad AS SELECT NULL::bigint AS user_id, 1::bigint AS item_id",
    );
    let code = |session: &mut Session, test: &str| {
        let call = format!("SELECT * FROM segrec_evaluate('planted', test => '{test}')");
        session.expect_error(&call).code().clone()
    };
    assert_eq!(code(&mut session, "other"), SqlState::UNDEFINED_COLUMN);
    assert_eq!(code(&mut session, "typed"), SqlState::DATATYPE_MISMATCH);
    assert_eq!(code(&mut session, "numbers"), SqlState::WRONG_OBJECT_TYPE);
    assert_eq!(code(&mut session, "bad"), SqlState::DATA_EXCEPTION);
}

#[test]
fn cross_validation_gives_every_fold_then_their_mean_and_deviation() {
    let database = Cluster::shared().database("evaluation_folds");
    let mut session = database.connect();
    planted::create(&mut session);
    session.run(&format!("SELECT segrec_create_model('m', 'events', options => '{}')", planted::OPTIONS));
    session.run("CREATE TABLE folds AS SELECT * FROM segrec_cross_validate('m', 3)");
    assert_eq!(
        session.table("SELECT DISTINCT fold FROM folds ORDER BY 1 NULLS LAST"),
        "1\n2\n3\n∅",
        "an untrained model too"
    );
    let worst = session.table(
        "SELECT max(abs(a.value - f.value)) < 1e-12, max(abs(a.deviation - f.deviation)) < 1e-12,
                max(abs(a.baseline - f.baseline)) < 1e-12, bool_and(a.users = f.users), count(*) > 20
         FROM folds a JOIN (
             SELECT metric, k, avg(value) AS value, stddev_samp(value) AS deviation, avg(baseline) AS baseline,
                    sum(users)::bigint AS users
             FROM folds WHERE fold IS NOT NULL GROUP BY metric, k) f USING (metric, k)
         WHERE a.fold IS NULL",
    );
    assert_eq!(worst, "t|t|t|t|t");
    assert_eq!(
        session.table("SELECT bool_and(value > 1.5 * baseline), bool_and(deviation IS NULL) FROM folds WHERE metric = 'ndcg' AND fold IS NOT NULL"),
        "t|t"
    );
    let again = session.table(
        "SELECT count(*) FROM (SELECT * FROM folds EXCEPT SELECT * FROM segrec_cross_validate('m', 3)) other",
    );
    assert_eq!(again, "0", "a pair is in the same fold every time");
}

#[test]
fn a_version_differs_from_itself_by_nothing_and_a_better_one_is_better_by_more_than_chance() {
    let database = Cluster::shared().database("evaluation_compare");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    assert_eq!(
        session.table(
            "SELECT count(*), bool_and(difference = 0 AND ci_low = 0 AND ci_high = 0 AND value = other_value)
             FROM segrec_compare('planted', 1, 1)"
        ),
        "14|t"
    );
    session.run(
        r#"SELECT segrec_alter_model('planted', '{"algorithm": "popularity", "segmentation": {"method": "none", "segments": null}}')"#,
    );
    session.run("SELECT segrec_train('planted', 'never')");
    let signs = |session: &mut Session, versions: &str| {
        session.table(&format!(
            "SELECT DISTINCT metric, sign(difference), sign(ci_low), sign(ci_high), users > 300,
                    abs(value - other_value - difference) < 1e-12
             FROM segrec_compare('planted', {versions}) WHERE metric IN ('ndcg', 'recall') ORDER BY 1"
        ))
    };
    assert_eq!(signs(&mut session, "1, 2"), "ndcg|1|1|1|t|t\nrecall|1|1|1|t|t");
    assert_eq!(signs(&mut session, "2, 1"), "ndcg|-1|-1|-1|t|t\nrecall|-1|-1|-1|t|t");
}

/// Creates ratings from 1 to 5 that depend on the tastes of the user and the item, and a model of them.
fn create_ratings(session: &mut Session) {
    planted::create(session);
    session.run(
        r#"ALTER TABLE events ADD rating real;
         UPDATE events SET rating = 1 + ((user_id + item_id) % 3)
             + CASE WHEN user_id % 4 = item_id % 4 THEN 2 ELSE 0 END;
         SELECT segrec_create_model('rated', 'events', weight_column => 'rating',
             options => '{"algorithm": "rating", "rating": {"factors": 4}}');
         SELECT segrec_train('rated')"#,
    );
    session.notices();
}

#[test]
fn ratings_are_measured_by_their_errors() {
    let database = Cluster::shared().database("evaluation_ratings");
    let mut session = database.connect();
    create_ratings(&mut session);
    assert_eq!(
        session.table("SELECT metric, k, value > 0, users > 300 FROM segrec_evaluate('rated') ORDER BY 1"),
        "mae|0|t|t\nmse|0|t|t\nrmse|0|t|t"
    );
    create_later(&mut session);
    session.run("ALTER TABLE later ADD rating real; UPDATE later SET rating = 3 + ((user_id + item_id) % 3)");
    let differences = session.table(
        "SELECT abs(e.rmse - p.rmse) < 1e-4, abs(e.mae - p.mae) < 1e-4
         FROM (SELECT max(value) FILTER (WHERE metric = 'rmse') AS rmse, max(value) FILTER (WHERE metric = 'mae') AS mae
               FROM segrec_evaluate('rated', test => 'later')) e,
              (SELECT sqrt(avg((predicted - rating)^2)) AS rmse, avg(abs(predicted - rating)) AS mae
               FROM (SELECT rating, segrec_predict(user_id, item_id, 'rated') AS predicted FROM later) pairs) p",
    );
    assert_eq!(differences, "t|t");
    assert_eq!(
        session.table("SELECT DISTINCT metric FROM segrec_cross_validate('rated', 2) ORDER BY 1"),
        "mae\nmse\nrmse"
    );
}

#[test]
fn versions_of_different_feedback_are_not_compared() {
    let database = Cluster::shared().database("evaluation_feedback");
    let mut session = database.connect();
    create_ratings(&mut session);
    session.run(r#"SELECT segrec_alter_model('rated', '{"algorithm": "popularity"}')"#);
    session.run("SELECT segrec_train('rated', 'never')");
    let error = session.expect_error("SELECT * FROM segrec_compare('rated', 1, 2)");
    assert_eq!(error.code(), &SqlState::INVALID_PARAMETER_VALUE);
    assert_eq!(error.message(), "versions 1 and 2 of model \"rated\" cannot be compared");
    assert_eq!(
        error.detail(),
        Some("Version 1 predicts ratings, but the other one ranks items, so that their metrics differ.")
    );
}

#[test]
fn a_measurement_is_refused_where_there_is_nothing_to_measure_or_an_argument_is_wrong() {
    let database = Cluster::shared().database("evaluation_errors");
    let mut session = database.connect();
    planted::create(&mut session);
    session.run("SELECT segrec_create_model('m', 'events')");
    session.run("CREATE TABLE people (user_id int, age int)");
    session.run("SELECT segrec_create_model('segments', users => 'people')");
    for (call, code, message) in [
        (
            "segrec_evaluate('m')",
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            "model \"m\" has no deployed version",
        ),
        ("segrec_evaluate('m', '{0}')", SqlState::INVALID_PARAMETER_VALUE, "\"k\" is 0"),
        ("segrec_evaluate('m', NULL)", SqlState::NULL_VALUE_NOT_ALLOWED, "\"k\" must not be null"),
        ("segrec_evaluate('m', '{10,NULL}')", SqlState::NULL_VALUE_NOT_ALLOWED, "\"k\" must not be null"),
        ("segrec_evaluate('x')", SqlState::UNDEFINED_OBJECT, "model \"x\" does not exist"),
        ("segrec_cross_validate('m', 1)", SqlState::INVALID_PARAMETER_VALUE, "\"folds\" is 1"),
        ("segrec_cross_validate('m', NULL)", SqlState::NULL_VALUE_NOT_ALLOWED, "\"folds\" must not be null"),
        ("segrec_compare('m', 1, 2)", SqlState::UNDEFINED_OBJECT, "model \"m\" has no version 1"),
        (
            "segrec_cross_validate('segments')",
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            "model \"segments\" has no events to recommend from",
        ),
    ] {
        let error = session.expect_error(&format!("SELECT * FROM {call}"));
        assert_eq!((error.code(), error.message()), (&code, message), "{call}");
    }
    session.run("CREATE TABLE single AS SELECT u AS user_id, u AS item_id FROM generate_series(1, 9) u");
    session.run("SELECT segrec_create_model('single', 'single'); SELECT segrec_train('single')");
    for call in
        ["segrec_evaluate('single')", "segrec_cross_validate('single')", "segrec_compare('single', 1, 1)"]
    {
        let error = session.expect_error(&format!("SELECT * FROM {call}"));
        assert_eq!(error.message(), "relation \"single\" contains nothing to evaluate on", "{call}");
    }
}

#[test]
fn measuring_is_cancelled_and_bounded_like_a_training() {
    let database = Cluster::shared().database("evaluation_bounded");
    let mut session = database.connect();
    session.run(
        r#"CREATE TABLE events AS SELECT u AS user_id, (u * 7919 + n * n * 31 + n * u % 97) % 20000 AS item_id
         FROM generate_series(1::bigint, 30000) u, generate_series(1::bigint, 20) n;
         SELECT segrec_create_model('long', 'events', options => '{"als": {"factors": 128, "sweeps": 100}}')"#,
    );
    session.run("SET segrec.training_memory = '64MB'");
    let error = session.expect_error("SELECT * FROM segrec_cross_validate('long')");
    assert_eq!(error.code(), &SqlState::CONFIGURATION_LIMIT_EXCEEDED);
    session.run("RESET segrec.training_memory; SET statement_timeout = '1500ms'");
    let error = session.expect_error("SELECT * FROM segrec_cross_validate('long')");
    assert_eq!(error.code(), &SqlState::QUERY_CANCELED);
    let pid: i32 = session.value("SELECT pg_backend_pid()");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    assert!(status.contains("\nThreads:\t1\n"), "{status}");
}

#[test]
fn only_the_owner_measures_and_reads_the_test_relation_with_their_own_rights() {
    let database = Cluster::shared().database("evaluation_rights");
    let mut admin = database.connect();
    planted::create(&mut admin);
    admin.run("CREATE TABLE secret AS SELECT * FROM events");
    for role in ["owner", "reader", "stranger"] {
        admin.run(&format!("CREATE ROLE evaluation_rights_{role} LOGIN"));
    }
    admin.run("GRANT SELECT ON events TO evaluation_rights_owner, evaluation_rights_reader");
    let mut owner = database.connect_as("evaluation_rights_owner");
    owner.run(&format!("SELECT segrec_create_model('m', 'events', options => '{}')", planted::OPTIONS));
    owner.run("SELECT segrec_train('m')");
    owner.run("SELECT * FROM segrec_evaluate('m')");
    let error = owner.expect_error("SELECT * FROM segrec_evaluate('m', test => 'secret')");
    assert_eq!(error.message(), "permission denied for table secret");
    let mut reader = database.connect_as("evaluation_rights_reader");
    let mut stranger = database.connect_as("evaluation_rights_stranger");
    for call in ["segrec_evaluate('m')", "segrec_cross_validate('m')", "segrec_compare('m', 1, 1)"] {
        let error = reader.expect_error(&format!("SELECT * FROM {call}"));
        assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE, "{call}");
        let error = stranger.expect_error(&format!("SELECT * FROM {call}"));
        assert_eq!(error.code(), &SqlState::UNDEFINED_OBJECT, "{call}");
    }
}
