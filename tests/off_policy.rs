//! Off-policy evaluation of anybody's logs: `segrec_ips` and the other estimators, beside their formulas in plain SQL.

use segrec_tests::{Cluster, Database, Session, SqlState};

/// A log of 20,000 rows, in which the weights are from 0 to 9.
fn logged(name: &str) -> (Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    session.run(
        "SELECT setseed(0.5);
         CREATE TABLE log AS
         SELECT (random() < 0.1)::int::float8 AS reward, 0.05 + 0.9 * random() AS propensity, 0.45 * random() AS target,
                0.2 * random() AS prediction, 0.2 * random() AS expected, g % 3 AS segment
         FROM generate_series(1, 20000) AS g;
         ANALYZE log",
    );
    session.notices();
    (database, session)
}

const WEIGHT: &str = "(target / propensity)";

#[test]
fn every_estimator_is_its_formula() {
    let (_database, mut session) = logged("off_policy_formulas");
    let clipped = format!("least({WEIGHT}, 1.5)");
    let switched = format!("CASE WHEN {WEIGHT} <= 1.5 THEN {WEIGHT} ELSE 0 END");
    for (call, formula) in [
        ("segrec_ips(reward, propensity, target)", format!("avg(reward * {WEIGHT})")),
        ("segrec_ips(reward, propensity, target, 1.5)", format!("avg(reward * {clipped})")),
        ("segrec_snips(reward, propensity, target)", format!("sum(reward * {WEIGHT}) / sum({WEIGHT})")),
        (
            "segrec_snips(reward, propensity, target, 1.5)",
            format!("sum(reward * {clipped}) / sum({clipped})"),
        ),
        ("segrec_dm(expected)", "avg(expected)".to_owned()),
        (
            "segrec_dr(reward, propensity, target, prediction, expected)",
            format!("avg(expected + (reward - prediction) * {WEIGHT})"),
        ),
        (
            "segrec_dr(reward, propensity, target, prediction, expected, 1.5)",
            format!("avg(expected + (reward - prediction) * {clipped})"),
        ),
        (
            "segrec_sndr(reward, propensity, target, prediction, expected)",
            format!("avg(expected) + sum((reward - prediction) * {WEIGHT}) / sum({WEIGHT})"),
        ),
        (
            "segrec_sndr(reward, propensity, target, prediction, expected, 1.5)",
            format!("avg(expected) + sum((reward - prediction) * {clipped}) / sum({clipped})"),
        ),
        (
            "segrec_switch_dr(reward, propensity, target, prediction, expected, 1.5)",
            format!("avg(expected + (reward - prediction) * {switched})"),
        ),
        (
            "segrec_effective_sample_size(reward, propensity, target)",
            format!("sum({WEIGHT}) ^ 2 / sum({WEIGHT} ^ 2)"),
        ),
        (
            "segrec_effective_sample_size(reward, propensity, target, 1.5)",
            format!("sum({clipped}) ^ 2 / sum({clipped} ^ 2)"),
        ),
    ] {
        let apart: f64 = session.value(&format!("SELECT abs({call} / ({formula}) - 1) FROM log"));
        assert!(apart < 1e-9, "{call}: {apart}");
        let apart: f64 = session.value(&format!(
            "SELECT max(abs(estimate / formula - 1)) FROM (SELECT {call} AS estimate, {formula} AS formula FROM log GROUP BY segment) AS own"
        ));
        assert!(apart < 1e-9, "{call} by segment: {apart}");
    }
}

#[test]
fn intervals_are_around_the_estimate_and_narrower_with_more_rows() {
    let (_database, mut session) = logged("off_policy_intervals");
    for estimator in [
        "segrec_ips@(reward, propensity, target)",
        "segrec_snips@(reward, propensity, target)",
        "segrec_dm@(expected)",
        "segrec_dr@(reward, propensity, target, prediction, expected)",
        "segrec_sndr@(reward, propensity, target, prediction, expected)",
        "segrec_switch_dr@(reward, propensity, target, prediction, expected, 1.5)",
        "segrec_ips@(reward, propensity, target, 1.5)",
        "segrec_snips@(reward, propensity, target, 1.5)",
        "segrec_dr@(reward, propensity, target, prediction, expected, 1.5)",
        "segrec_sndr@(reward, propensity, target, prediction, expected, 1.5)",
    ] {
        let (value, interval) = (estimator.replace('@', ""), estimator.replace('@', "_interval"));
        let holds: bool = session.value(&format!(
            "SELECT (own).bernstein_low < (own).low AND (own).low < value AND value < (own).high AND (own).high < (own).bernstein_high
                    AND (own).high - (own).low < 0.5 * ((few).high - (few).low)
             FROM (SELECT {value} AS value, {interval} AS own FROM log) AS everybody,
                  (SELECT {interval} AS few FROM (SELECT * FROM log LIMIT 1000) AS first) AS few"
        ));
        assert!(holds, "{estimator}");
    }
    // The bootstrap of a plain mean is the interval of its standard error, but for chance.
    let apart: f64 = session.value(
        "SELECT abs(((segrec_dm_interval(expected)).high - (segrec_dm_interval(expected)).low)
                    / ((segrec_interval(expected)).high - (segrec_interval(expected)).low) - 1) FROM log",
    );
    assert!(apart < 0.15, "{apart}");
}

#[test]
fn workers_find_what_one_process_finds() {
    let (_database, mut session) = logged("off_policy_workers");
    let query = "SELECT segrec_snips(reward, propensity, target), (segrec_snips_interval(reward, propensity, target)).bernstein_low,
                        segrec_effective_sample_size(reward, propensity, target) FROM log";
    let figures = |session: &mut Session| -> Vec<f64> {
        let row = session.table(query);
        row.split('|').map(|figure| figure.parse().unwrap()).collect()
    };
    session.run("SET max_parallel_workers_per_gather = 0");
    let alone = figures(&mut session);
    session.run(
        "SET max_parallel_workers_per_gather = 2; SET min_parallel_table_scan_size = 0; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0",
    );
    assert!(session.table(&format!("EXPLAIN {query}")).contains("Partial Aggregate"));
    for (alone, together) in alone.into_iter().zip(figures(&mut session)) {
        assert!((together / alone - 1.0).abs() < 1e-9, "{alone} {together}");
    }
}

#[test]
fn rows_with_nulls_are_skipped_and_no_rows_are_null() {
    let database = Cluster::shared().database("off_policy_nulls");
    let mut session = database.connect();
    assert_eq!(
        session.table(
            "SELECT segrec_ips(r, p, t), segrec_snips(r, p, t, c), segrec_effective_sample_size(r, p, t), segrec_ips_interval(r, p, t) IS NULL
             FROM (VALUES (1, 0.5, 0.25, NULL::float8), (NULL, 0.5, 0.25, 1), (1, NULL, 0.25, 1), (1, 0.5, NULL, 1)) AS log (r, p, t, c)"
        ),
        "0.5|1|1|t"
    );
    assert_eq!(
        session.table(
            "SELECT segrec_ips(1, 1, 1) FILTER (WHERE false), segrec_snips(1, 1, 0), segrec_ips(1, 1, 0), segrec_effective_sample_size(1, 1, 0),
                    segrec_dm(NULL), segrec_dm_interval(1) FROM generate_series(1, 3)"
        ),
        "∅|∅|0|∅|∅|(1,1,1,1)"
    );
}

#[test]
fn numbers_that_are_no_probabilities_are_named() {
    let database = Cluster::shared().database("off_policy_numbers");
    let mut session = database.connect();
    for (call, message) in [
        ("segrec_ips(1, 0, 0.5)", "\"propensity\" is 0"),
        ("segrec_ips(1, 1.5, 0.5)", "\"propensity\" is 1.5"),
        ("segrec_ips(1, 'NaN', 0.5)", "\"propensity\" is NaN"),
        ("segrec_snips(1, 0.5, -0.1)", "\"target\" is -0.1"),
        ("segrec_snips('Infinity', 0.5, 0.5)", "\"reward\" is inf"),
        ("segrec_ips(1, 0.5, 0.5, 0)", "\"clip\" is 0"),
        ("segrec_dr(1, 0.5, 0.5, 'NaN', 1)", "\"prediction\" is NaN"),
        ("segrec_dr(1, 0.5, 0.5, 1, '-Infinity')", "\"expected\" is -inf"),
        ("segrec_switch_dr(1, 0.5, 0.5, 1, 1, -1)", "\"threshold\" is -1"),
        ("segrec_dm('NaN')", "\"expected\" is NaN"),
    ] {
        let error = session.expect_error(&format!("SELECT {call}"));
        assert_eq!(error.code(), &SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "{call}");
        assert_eq!(error.message(), message);
        assert!(error.hint().is_some() && error.detail().is_some());
    }
}

#[test]
fn a_notice_tells_once_of_an_estimate_that_few_rows_decide() {
    let database = Cluster::shared().database("off_policy_degenerate");
    let mut session = database.connect();
    session.notices();
    let log = "FROM (SELECT 1.0 AS r, CASE WHEN g % 500 = 0 THEN 0.000001 ELSE 1 END AS p, 0.5 AS t, g % 2 AS s FROM generate_series(1, 1000) g) AS log";
    session.table(&format!("SELECT segrec_ips(r, p, t), segrec_snips(r, p, t) {log} GROUP BY s"));
    let notices = session.notices();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].message().contains("rows decide this estimate"), "{notices:?}");
    assert!(notices[0].hint().unwrap().contains("clip"));
    session.table(&format!("SELECT segrec_snips(r, p, t, 2) {log}"));
    assert_eq!(session.notices().len(), 0);
}
