//! Sessions that train, change, drop and read the same and different models at the same time: each statement succeeds
//! or fails with a reason, no two wait for each other forever, and the final state is consistent.

use segrec_tests::{Cluster, Database, SqlState, draws, leftovers, planted, rounds};
use std::collections::BTreeMap;

const MODELS: [&str; 2] = ["one", "two"];
const SESSIONS: usize = 5;

/// The errors that may be returned: the SQLSTATE and a part of the message.
const REFUSALS: [(&str, &str); 10] = [
    ("55P03", "is being trained or changed by another session"),
    ("42704", "\" does not exist"),
    ("42704", "has no version"),
    ("42704", "has no segment"),
    ("42710", "already exists"),
    ("55000", "has no earlier version to roll back to"),
    ("55000", "has no deployed version"),
    ("55006", "is deployed"),
    ("22004", "\"version\" must not be null"),
    // A version was dropped or a model changed between two reads.
    ("40001", ""),
];

fn statement(draw: &mut fastrand::Rng) -> String {
    let model = MODELS[draw.usize(..MODELS.len())];
    let version =
        format!("(SELECT max(version) - {} FROM segrec.versions WHERE model = '{model}')", draw.u32(0..3));
    let user = draw.i64(0..planted::USERS);
    match draw.u32(0..16) {
        0..=2 => format!("SELECT segrec_train('{model}', 'always')"),
        3 => format!("SELECT segrec_train('{model}')"),
        4 => format!("SELECT segrec_alter_model('{model}', '{{\"als\": {{\"factors\": {}}}}}')", draw.u32(2..9)),
        5 => format!("SELECT segrec_drop_model('{model}')"),
        6 | 7 => {
            let options = planted::OPTIONS;
            format!("SELECT segrec_create_model('{model}', events => 'events', options => '{options}')")
        }
        8 => format!("SELECT segrec_rollback('{model}')"),
        9 => format!("SELECT segrec_deploy('{model}', {version})"),
        10 => format!("SELECT segrec_drop_version('{model}', {version})"),
        11 => format!("SELECT * FROM segrec_recommend_all('{model}', 3)"),
        12 => "SELECT count(*) FROM segrec.segment_members, LATERAL (SELECT count(*) FROM segrec.item_factors) f".to_owned(),
        13 => format!("SELECT segrec_label_segment('{model}', 1, 'label {user}')"),
        _ => format!("SELECT * FROM segrec_recommend({user}, 10, '{model}')"),
    }
}

/// Runs statements for some rounds, and returns how often each kind succeeded and failed.
fn session(database: &Database<'_>, mut draw: fastrand::Rng) -> BTreeMap<(String, bool), usize> {
    let mut session = database.connect();
    let mut counts = BTreeMap::new();
    for _ in 0..rounds(60) {
        let statement = statement(&mut draw);
        let result = session.batch_execute(&statement);
        if let Err(error) = &result {
            let error = error.as_db_error().unwrap_or_else(|| panic!("{error}\nin: {statement}"));
            let refused = REFUSALS
                .iter()
                .any(|(code, reason)| error.code().code() == *code && error.message().contains(reason));
            assert!(refused, "{error:?}\nin: {statement}");
        }
        let verb = statement.split(['(', ',']).next().unwrap_or_default().trim_start_matches("SELECT ");
        *counts.entry((verb.to_owned(), result.is_ok())).or_insert(0) += 1;
    }
    counts
}

#[test]
fn sessions_that_train_change_and_drop_models_at_once_are_done_or_refused_and_never_deadlock() {
    let cluster = Cluster::configure().set("deadlock_timeout", "100ms").start();
    let database = cluster.database("concurrency");
    let mut admin = database.connect();
    planted::create(&mut admin);
    admin.run("ALTER ROLE postgres SET statement_timeout = '60s'; ALTER ROLE postgres SET client_min_messages = error");
    let mut draw = draws("concurrency");
    let counts: Vec<BTreeMap<(String, bool), usize>> = std::thread::scope(|scope| {
        let sessions: Vec<_> = (0..SESSIONS)
            .map(|_| {
                let draw = fastrand::Rng::with_seed(draw.u64(..));
                let database = &database;
                scope.spawn(move || session(database, draw))
            })
            .collect();
        sessions.into_iter().map(|session| session.join().unwrap()).collect()
    });
    let mut total: BTreeMap<(String, bool), usize> = BTreeMap::new();
    for (what, count) in counts.into_iter().flatten() {
        *total.entry(what).or_default() += count;
    }
    println!("{total:#?}");
    for verb in ["segrec_train", "segrec_create_model", "segrec_alter_model", "segrec_drop_model"] {
        assert!(total.contains_key(&(verb.to_owned(), true)), "{verb} was never done: {total:#?}");
    }
    assert_eq!(leftovers::half_written(&mut admin), 0);
    assert!(!cluster.log().contains("deadlock detected"), "{}", cluster.log());
    assert!(!cluster.log().contains("was terminated by signal"), "{}", cluster.log());
    // The models can still be used.
    for model in MODELS {
        admin.run(&format!("SELECT segrec_drop_model(model) FROM segrec.models WHERE model = '{model}'"));
        admin.run(&format!(
            "SELECT segrec_create_model('{model}', 'events', options => '{}'); SELECT segrec_train('{model}');
             SELECT segrec_train('{model}', 'always'); SELECT segrec_rollback('{model}'); SELECT segrec_drop_version('{model}', 2)",
            planted::OPTIONS
        ));
    }
    assert_eq!(admin.value::<i64>("SELECT count(*) FROM segrec_recommend(3, 10, 'two')"), 10);
}

#[test]
fn changes_of_options_at_once_are_all_kept() {
    let database = Cluster::shared().database("concurrency_options");
    let (mut first, mut second, mut watcher) = (database.connect(), database.connect(), database.connect());
    planted::create(&mut first);
    first.run("SELECT segrec_create_model('planted', 'events')");
    first.run(r#"BEGIN; SELECT segrec_alter_model('planted', '{"seed": 7}')"#);
    std::thread::scope(|scope| {
        let waiting = scope
            .spawn(move || second.run(r#"SELECT segrec_alter_model('planted', '{"als": {"factors": 9}}')"#));
        watcher.wait_until_locked_out("SELECT segrec_alter_model");
        first.run("COMMIT");
        waiting.join().unwrap();
    });
    let options: String = first
        .value("SELECT concat_ws(' ', options ->> 'seed', options #>> '{als,factors}') FROM segrec.models");
    assert_eq!(options, "7 9");
}

#[test]
fn what_adds_to_a_model_that_is_being_dropped_finds_no_model() {
    let database = Cluster::shared().database("concurrency_gone");
    let (mut first, mut watcher) = (database.connect(), database.connect());
    planted::create(&mut first);
    for statement in [
        "SELECT segrec_label_segment('planted', 1, 'the first')",
        "SELECT segrec_grant('planted', 'public', 'use')",
        "SELECT segrec_alter_model('planted', '{}')",
        "SELECT segrec_deploy('planted', 1)",
        "SELECT segrec_change_owner('planted', 'postgres')",
        "CALL segrec_tune('planted', '{\"als.factors\": [2, 4]}')",
        "CALL segrec_run_schedule('planted', 1000000)",
    ] {
        first.run(&format!(
            "SELECT segrec_create_model('planted', 'events', options => '{}')",
            planted::OPTIONS
        ));
        first.run("SELECT segrec_train('planted')");
        first.run("BEGIN; SELECT segrec_drop_model('planted')");
        let mut second = database.connect();
        second.run("SET lock_timeout = '70s'");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(move || {
                let error = second.expect_error(statement);
                assert_eq!(error.code(), &SqlState::UNDEFINED_OBJECT, "{error:?}");
                assert_eq!(error.message(), "model \"planted\" does not exist");
            });
            watcher.wait_until_locked_out(statement.split('(').next().unwrap());
            first.run("COMMIT");
            waiting.join().unwrap();
        });
    }
}

#[test]
fn a_model_that_a_prepared_transaction_locks_says_so_and_goes_on_after_it() {
    let cluster = Cluster::configure().set("max_prepared_transactions", "2").start();
    let database = cluster.database("prepared");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    session.run("BEGIN; SELECT segrec_train('planted'); PREPARE TRANSACTION 'trained'");
    let mut other = database.connect();
    other.run("SET statement_timeout = '20s'; SET lock_timeout = '2s'");
    for (statement, waits_for_a_row) in [
        ("SELECT segrec_train('planted')", false),
        ("SELECT segrec_alter_model('planted', '{}')", true),
        ("SELECT segrec_deploy('planted', 1)", true),
        ("SELECT segrec_drop_model('planted')", false),
    ] {
        let error = other.expect_error(statement);
        assert_eq!(error.code(), &SqlState::LOCK_NOT_AVAILABLE, "{statement}: {error:?}");
        if waits_for_a_row {
            assert_eq!(error.message(), "canceling statement due to lock timeout", "{statement}");
        } else {
            assert_eq!(
                error.detail(),
                Some("It is locked by prepared transaction 'trained'."),
                "{statement}"
            );
            assert!(error.hint().unwrap().contains("ROLLBACK PREPARED 'trained'"), "{statement}: {error:?}");
        }
    }
    assert_eq!(other.value::<i64>("SELECT count(*) FROM segrec_recommend(1, 3, 'planted')"), 3);
    session.run("COMMIT PREPARED 'trained'");
    assert_eq!(other.table("SELECT max(version) FROM segrec.versions"), "2");
    other.run("SELECT segrec_train('planted')");
}

#[test]
fn a_transaction_that_does_not_see_what_was_added_to_a_model_does_not_drop_it() {
    let database = Cluster::shared().database("concurrency_unseen");
    let (mut first, mut second) = (database.connect(), database.connect());
    planted::create_and_train(&mut first);
    for change in [
        "SELECT segrec_label_segment('planted', 1, 'the first')",
        "SELECT segrec_grant('planted', 'public', 'use')",
        "CALL segrec_run_schedule('planted', 1000000)",
        "SELECT segrec_deploy('planted', 1)",
    ] {
        first.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
        second.run(change);
        let error = first.expect_error("SELECT segrec_drop_model('planted')");
        assert_eq!(error.code(), &SqlState::T_R_SERIALIZATION_FAILURE, "{change}: {error:?}");
        first.run("ROLLBACK");
    }
    first.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT segrec_drop_model('planted'); COMMIT");
    assert_eq!(first.table("SELECT count(*) FROM segrec_catalog.segment_labels"), "0");
}

#[test]
fn a_statement_of_a_transaction_that_has_written_is_answered_while_versions_are_deployed_and_dropped() {
    let database = Cluster::shared().database("concurrency_written");
    let (mut first, mut second) = (database.connect(), database.connect());
    planted::create_and_train(&mut first);
    first.run(r#"SELECT segrec_alter_model('planted', '{"keep_versions": 1}')"#);
    second.run("CREATE TEMP TABLE written (n int); BEGIN; INSERT INTO written VALUES (1)");
    std::thread::scope(|scope| {
        let reading = scope.spawn(move || {
            let lists = "SELECT count(*) FROM generate_series(0::bigint, 39) u,
                LATERAL (SELECT pg_sleep(0.1 + 0 * u) OFFSET 0) moment, LATERAL segrec_recommend(u, 5)";
            second.value::<i64>(lists)
        });
        for _ in 0..3 {
            first.run("SELECT segrec_train('planted', 'always')");
        }
        assert_eq!(reading.join().unwrap(), 200);
    });
}
