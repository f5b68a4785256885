//! `segrec_tune`: studies of options, their trials, and when they are visible to whom.

use segrec_tests::{Cluster, Session, SqlState, planted};
use std::time::Duration;

fn create(session: &mut Session) {
    planted::create(session);
    session.run(&format!("SELECT segrec_create_model('m', 'events', options => '{}')", planted::OPTIONS));
}

const SPACE: &str =
    r#"{"als.factors": [2, 4, 16], "als.regularization": {"low": 0.003, "high": 0.3, "scale": "log"}}"#;

#[test]
fn a_study_begins_with_the_models_own_options_and_its_best_trial_is_never_worse() {
    let database = Cluster::shared().database("tuning_first");
    let mut session = database.connect();
    create(&mut session);
    session.run("SELECT segrec_train('m')");
    session.notices();
    session.run(&format!("CALL segrec_tune('m', '{SPACE}', 5)"));
    assert_eq!(
        session.table(
            "SELECT study, trial, share, options, metric, error, state FROM segrec.trials WHERE trial = 1"
        ),
        "1|1|1|{}|ndcg@10|∅|done"
    );
    assert_eq!(
        session.table(
            "SELECT count(*), bool_and(state = 'done' AND seconds > 0), count(DISTINCT options),
                    count(*) FILTER (WHERE best), max(value) = max(value) FILTER (WHERE best),
                    bool_and(trial = 1 OR (options->'als'->>'regularization')::float8 BETWEEN 0.003 AND 0.3)
             FROM segrec.trials WHERE model = 'm'"
        ),
        "5|t|5|1|t|t"
    );
    assert_eq!(
        session.table(
            "SELECT abs(t.value - e.value) < 1e-9 FROM segrec.trials t, segrec_evaluate('m') e
             WHERE trial = 1 AND e.metric = 'ndcg' AND e.k = 10"
        ),
        "t",
        "the first trial reaches what the version does"
    );
    let notices: Vec<String> = session.notices().iter().map(|notice| notice.message().to_owned()).collect();
    assert_eq!(notices[0], "starting study 1: 5 trials");
    assert_eq!(notices.iter().filter(|notice| notice.starts_with("trial ")).count(), 6, "{notices:?}");
    let options = session.table(&format!("SELECT '{}'::jsonb::text", planted::OPTIONS));
    assert_eq!(session.table("SELECT options::text FROM segrec.models"), options);
}

#[test]
fn the_best_trial_is_applied_where_asked_for_and_any_by_its_number() {
    let database = Cluster::shared().database("tuning_apply");
    let mut session = database.connect();
    planted::create(&mut session);
    // The model's own options are deliberately bad.
    session.run(
        r#"SELECT segrec_create_model('m', 'events', options =>
            '{"als": {"factors": 1, "regularization": 100}, "algorithm": "als", "segmentation": {"method": "none"}}')"#,
    );
    session.run(
        r#"CALL segrec_tune('m', '{"als": {"factors": [8], "regularization": [0.01, 0.03]}}', search => 'grid', apply => true)"#,
    );
    assert_eq!(
        session.table("SELECT options->'als'->'factors', (options->'als'->>'regularization')::float8 < 1, options->'algorithm' FROM segrec.models"),
        "8|t|\"als\""
    );
    session.run("SELECT segrec_apply_trial('m', 1, 3)");
    assert_eq!(
        session.table("SELECT options->'als' FROM segrec.models"),
        r#"{"factors": 8, "regularization": 0.03}"#
    );
    for (study, trial) in [(1, 9), (7, 1)] {
        let error = session.expect_error(&format!("SELECT segrec_apply_trial('m', {study}, {trial})"));
        assert_eq!(error.code(), &SqlState::UNDEFINED_OBJECT);
        assert_eq!(error.message(), format!("model \"m\" has no trial {trial} of study {study}"));
    }
}

#[test]
fn a_grid_tries_all_combinations_in_order_and_at_most_as_many_as_asked_for() {
    let database = Cluster::shared().database("tuning_grid");
    let mut session = database.connect();
    create(&mut session);
    let call = r#"CALL segrec_tune('m', '{"neighbours.kept": [10, 20], "als": {"factors": [4, 8]}}', 4, 'recall@5', 'grid')"#;
    session.run(call);
    assert_eq!(
        session.table("SELECT trial, options FROM segrec.trials ORDER BY trial"),
        "1|{}\n\
         2|{\"als\": {\"factors\": 4}, \"neighbours\": {\"kept\": 10}}\n\
         3|{\"als\": {\"factors\": 4}, \"neighbours\": {\"kept\": 20}}\n\
         4|{\"als\": {\"factors\": 8}, \"neighbours\": {\"kept\": 10}}"
    );
    session.run(call);
    assert_eq!(
        session.table("SELECT a.value = b.value FROM segrec.trials a JOIN segrec.trials b USING (trial) WHERE a.study = 1 AND b.study = 2"),
        "t\nt\nt\nt",
        "a finished study is not continued, and the same trial reaches the same"
    );
}

#[test]
fn halving_lets_the_best_third_go_on_with_more_users() {
    let database = Cluster::shared().database("tuning_halving");
    let mut session = database.connect();
    create(&mut session);
    session.run(&format!("CALL segrec_tune('m', '{SPACE}', 9, search => 'halving')"));
    assert_eq!(
        session.table("SELECT round(share::numeric, 3), count(*) BETWEEN 1 AND 9, bool_or(options = '{}') FROM segrec.trials GROUP BY share ORDER BY share"),
        "0.111|t|t\n0.333|t|t\n1.000|t|t"
    );
    let counts: Vec<i64> = session.column("SELECT count(*) FROM segrec.trials GROUP BY share ORDER BY share");
    assert!(counts[0] == 9 && (3..=4).contains(&counts[1]) && (1..=3).contains(&counts[2]), "{counts:?}");
    assert_eq!(session.table("SELECT count(*), min(share) FROM segrec.trials WHERE best"), "1|1");
    assert_eq!(
        session.table(
            "SELECT count(*) FROM segrec.trials late WHERE share > 0.2 AND NOT EXISTS (
                 SELECT FROM segrec.trials early WHERE early.share < late.share AND early.options = late.options)"
        ),
        "0"
    );
}

#[test]
fn a_trial_that_fails_is_recorded_and_the_study_goes_on() {
    let database = Cluster::shared().database("tuning_failed");
    let mut session = database.connect();
    create(&mut session);
    session.run(r#"CALL segrec_tune('m', '{"segmentation.on": ["attributes", "behaviour"], "als.factors": [4]}', 5, search => 'grid')"#);
    assert_eq!(
        session.table("SELECT trial, state, value IS NULL, error FROM segrec.trials ORDER BY trial"),
        "1|done|f|∅\n\
         2|failed|t|option \"segmentation.on\" requires users: The model has no users.\n\
         3|done|f|∅"
    );
}

#[test]
fn everything_that_is_wrong_about_a_study_is_reported_together_and_leaves_no_study() {
    let database = Cluster::shared().database("tuning_wrong");
    let mut session = database.connect();
    create(&mut session);
    let error = session.expect_error(
        r#"CALL segrec_tune('m', '{"als": {"factor": [1]}, "seed": [1, 2], "als.sweeps": [0]}', 5, 'ndgc@10', 'greedy')"#,
    );
    assert_eq!(error.code(), &SqlState::INVALID_PARAMETER_VALUE);
    assert_eq!(error.message(), "5 arguments of the study are invalid");
    assert_eq!(
        error.detail(),
        Some(
            "\"search\" is \"greedy\"\n\
             \"metric\" is \"ndgc@10\"\n\
             unknown option \"als.factor\"\n\
             invalid value 0 for option \"als.sweeps\"\n\
             option \"seed\" cannot be tuned because it changes what is measured"
        )
    );
    assert!(error.hint().unwrap().contains("Did you mean \"als.factors\"?"));
    for (call, message) in [
        (
            r#"'m', '{"als.factors": {"low": 2, "high": 8}}', search => 'grid'"#,
            "option \"als.factors\" has a range, but search 'grid' requires lists",
        ),
        (r#"'m', '{"als.factors": [4]}', 0"#, "\"trials\" is 0"),
        (r#"'m', '{"als.factors": [4]}', metric => 'rmse'"#, "\"metric\" is \"rmse\""),
        ("'m', '{}'", "\"space\" is empty"),
        ("'m', NULL", "\"space\" must not be null"),
        ("'x', '{}'", "model \"x\" does not exist"),
    ] {
        assert_eq!(session.expect_error(&format!("CALL segrec_tune({call})")).message(), message, "{call}");
    }
    session.run("BEGIN");
    let error = session.expect_error(&format!("CALL segrec_tune('m', '{SPACE}', 2)"));
    assert_eq!(error.code().code(), "2D000", "a transaction around it cannot be committed");
    session.run("ROLLBACK");
    assert_eq!(session.table("SELECT count(*) FROM segrec.trials"), "0");
}

#[test]
fn trials_are_seen_while_a_study_runs_and_a_cancelled_one_goes_on_with_the_same() {
    let database = Cluster::shared().database("tuning_resumed");
    let mut session = database.connect();
    session.run(
        r#"CREATE TABLE events AS SELECT u AS user_id, (u * 7919 + n * n * 31 + n * u % 97) % 2000 AS item_id
         FROM generate_series(1::bigint, 3000) u, generate_series(1::bigint, 20) n;
         SELECT segrec_create_model('m', 'events', options => '{"algorithm": "als", "als": {"factors": 32, "sweeps": 4}}')"#,
    );
    let call = r#"CALL segrec_tune('m', '{"als.factors": {"low": 16, "high": 64}}', 6)"#;
    let mut tuner = database.connect();
    let pid: i32 = tuner.value("SELECT pg_backend_pid()");
    let tuning = std::thread::spawn(move || tuner.expect_error(call).code().clone());
    let made = "SELECT count(*) FROM segrec.trials WHERE state <> 'waiting'";
    while session.value::<i64>(made) < 2 {
        assert!(!tuning.is_finished());
        std::thread::sleep(Duration::from_millis(20));
    }
    // Between two trials the study is not locked.
    let locked = format!(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'object' AND granted AND mode = 'ExclusiveLock' AND pid = {pid}"
    );
    while session.value::<i64>(&locked) == 0 {
        assert!(!tuning.is_finished());
        std::thread::sleep(Duration::from_millis(1));
    }
    // Meanwhile another session that runs the same study gets an error, but trainings are possible.
    let error = session.expect_error(call);
    assert_eq!(error.code(), &SqlState::LOCK_NOT_AVAILABLE);
    assert_eq!(error.message(), "another session is running a trial of study 1");
    assert_eq!(error.detail(), Some(format!("It is locked by process {pid}.").as_str()));
    session.run(&format!("SELECT pg_cancel_backend({pid})"));
    assert_eq!(tuning.join().unwrap(), SqlState::QUERY_CANCELED);
    session.run("CREATE TABLE before AS SELECT * FROM segrec.trials");
    assert_eq!(
        session.table("SELECT count(*), bool_or(state = 'waiting'), bool_or(state = 'failed') FROM before"),
        "6|t|f"
    );
    session.notices();
    session.run(call);
    assert!(session.notices()[0].message().starts_with("resuming study 1: "));
    assert_eq!(
        session.table(
            "SELECT count(*), bool_and(t.state = 'done'), bool_and(t.options = b.options),
                    bool_and(b.state = 'waiting' OR t.value = b.value AND t.seconds = b.seconds)
             FROM segrec.trials t JOIN before b USING (study, trial)"
        ),
        "6|t|t|t"
    );
    assert_eq!(session.table("SELECT count(DISTINCT study) FROM segrec.trials"), "1");
}

#[test]
fn ratings_are_tuned_by_their_errors_of_which_the_smallest_is_best() {
    let database = Cluster::shared().database("tuning_ratings");
    let mut session = database.connect();
    planted::create(&mut session);
    session.run(
        r#"ALTER TABLE events ADD rating real; UPDATE events SET rating = 1 + (user_id + item_id) % 5;
         SELECT segrec_create_model('m', 'events', weight_column => 'rating', options => '{"algorithm": "rating"}')"#,
    );
    session.run(r#"CALL segrec_tune('m', '{"rating.factors": [2, 8]}', metric => 'rmse', search => 'grid')"#);
    assert_eq!(
        session.table("SELECT count(*), min(value) = min(value) FILTER (WHERE best) FROM segrec.trials"),
        "3|t"
    );
}

#[test]
fn only_who_may_train_tunes_and_whoever_may_not_use_the_model_does_not_know_of_its_trials() {
    let database = Cluster::shared().database("tuning_rights");
    let mut admin = database.connect();
    planted::create(&mut admin);
    for role in ["owner", "reader", "stranger"] {
        admin.run(&format!("CREATE ROLE tuning_rights_{role} LOGIN"));
    }
    admin.run("GRANT SELECT ON events TO tuning_rights_owner, tuning_rights_reader");
    let mut owner = database.connect_as("tuning_rights_owner");
    owner.run(&format!("SELECT segrec_create_model('m', 'events', options => '{}')", planted::OPTIONS));
    owner.run(r#"CALL segrec_tune('m', '{"als.factors": [4]}')"#);
    assert_eq!(owner.value::<i64>("SELECT count(*) FROM segrec.trials"), 2);
    let mut reader = database.connect_as("tuning_rights_reader");
    assert_eq!(reader.value::<i64>("SELECT count(*) FROM segrec.trials"), 2);
    let mut stranger = database.connect_as("tuning_rights_stranger");
    assert_eq!(stranger.value::<i64>("SELECT count(*) FROM segrec.trials"), 0);
    for call in [
        r#"CALL segrec_tune('m', '{"als.factors": [4]}')"#,
        "SELECT segrec_apply_trial('m', 1, 1)",
        "SELECT segrec_catalog.begin_study('m', '{}', 1, 'ndcg@10', 'grid', false)",
        "SELECT segrec_catalog.run_trial(1)",
        "SELECT segrec_catalog.finish_study(1, true)",
    ] {
        assert_eq!(reader.expect_error(call).code(), &SqlState::INSUFFICIENT_PRIVILEGE, "{call}");
        assert_eq!(stranger.expect_error(call).code(), &SqlState::UNDEFINED_OBJECT, "{call}");
    }
    for table in ["studies", "trials"] {
        let error = owner.expect_error(&format!("SELECT * FROM segrec_catalog.{table}"));
        assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE);
    }
    owner.run("SELECT segrec_drop_model('m')");
    assert_eq!(admin.value::<i64>("SELECT count(*) FROM segrec_catalog.trials"), 0);
}
