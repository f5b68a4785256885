//! The metrics of arbitrary lists and rows: their values, compared with scikit-learn 1.9.1 and calculations by hand,
//! and their treatment of nulls, repeated items, empty lists and NaN.

use segrec_engine::evaluation::registry::{METRICS, MeasuredOf};
use segrec_tests::{Cluster, Session, SqlState};

#[track_caller]
fn expect_value(session: &mut Session, expression: &str, expected: f64) {
    let found: Option<f64> = session.value(&format!("SELECT {expression}"));
    let near = found.is_some_and(|found| (found - expected).abs() < 1e-12);
    assert!(near, "{expression}: {found:?}, not {expected}");
}

#[track_caller]
fn expect_null(session: &mut Session, expression: &str) {
    assert_eq!(session.value::<Option<f64>>(&format!("SELECT {expression}")), None, "{expression}");
}

#[test]
fn every_function_that_a_metric_names_exists() {
    let database = Cluster::shared().database("metrics_named");
    let mut session = database.connect();
    for name in METRICS.iter().filter_map(|metric| metric.function) {
        let exists: bool = session.value(&format!(
            "SELECT EXISTS (SELECT FROM pg_proc WHERE proname = '{name}' AND pronamespace = 'public'::regnamespace)"
        ));
        assert!(exists, "{name}");
    }
}

#[test]
fn metrics_of_lists_are_those_of_scikit_learn() {
    let database = Cluster::shared().database("metrics_lists");
    let mut session = database.connect();
    // order = [5, 1, 2, 7, 9, 3, 4, 6, 10, 8]; relevant = [2, 5, 8]
    // truth = [[int(i in relevant) for i in order]]; score = [range(10, 0, -1)]
    // cut = [int(i in order[:5]) for i in order]
    let all = "'{5,1,2,7,9,3,4,6,10,8}'";
    for (call, expected) in [
        // precision_score(truth[0], cut), recall_score(truth[0], cut), f1_score(truth[0], cut)
        ("segrec_precision(LIST, RELEVANT, 5)", 0.4),
        ("segrec_recall(LIST, RELEVANT, 5)", 0.6666666666666666),
        ("segrec_f1(LIST, RELEVANT, 5)", 0.5),
        ("segrec_precision(LIST, RELEVANT)", 0.3),
        // ndcg_score(truth, score, k=5), ndcg_score(truth, score, k=1), ndcg_score(truth, score)
        ("segrec_ndcg(LIST, RELEVANT, 5)", 0.7039180890341348),
        ("segrec_ndcg(LIST, RELEVANT, 1)", 1.0),
        ("segrec_ndcg(LIST, RELEVANT)", 0.8395700624665825),
        // label_ranking_average_precision_score(truth, score)
        ("segrec_average_precision(LIST, RELEVANT)", 0.6555555555555556),
        // By hand: there are hits at ranks 1 and 3, and three were possible.
        ("segrec_average_precision(LIST, RELEVANT, 5)", (1.0 + 2.0 / 3.0) / 3.0),
        // By hand: two were possible at the top.
        ("segrec_average_precision(LIST, RELEVANT, 2)", 0.5),
        ("segrec_hit_rate(LIST, '{3,8}', 5)", 0.0),
        ("segrec_hit_rate(LIST, '{3,8}', 6)", 1.0),
        ("segrec_reciprocal_rank(LIST, '{3,8}', 5)", 0.0),
        ("segrec_reciprocal_rank(LIST, '{3,8}')", 1.0 / 6.0),
    ] {
        let bigint = call.replace("LIST", &format!("{all}::bigint[]")).replace("RELEVANT", "'{8,2,5}'");
        expect_value(&mut session, &bigint, expected);
        let text = call.replace("LIST", &format!("{all}::text[]")).replace("RELEVANT", "'{8,2,5}'");
        expect_value(&mut session, &text, expected);
        let uuid = |items: &str| {
            format!(
                "(SELECT array_agg(md5(i::text)::uuid ORDER BY o) FROM unnest({items}::int[]) WITH ORDINALITY AS u (i, o))"
            )
        };
        let uuids = call
            .replace("LIST", &uuid(all))
            .replace("RELEVANT", &uuid("'{8,2,5}'"))
            .replace("'{3,8}'", &uuid("'{3,8}'"));
        expect_value(&mut session, &uuids, expected);
    }
    // These types are cast implicitly.
    expect_value(&mut session, "segrec_recall(ARRAY[1, 2], ARRAY[2::smallint, 3])", 0.5);
    expect_value(&mut session, "segrec_recall('{a,b}'::varchar[], '{b,ä}'::varchar[])", 0.5);
}

#[test]
fn nulls_repeats_and_empty_lists() {
    let database = Cluster::shared().database("metrics_edges");
    let mut session = database.connect();
    let of_lists = METRICS.iter().filter(|metric| metric.of == MeasuredOf::List);
    for metric in of_lists.filter_map(|metric| metric.function) {
        for nothing in ["NULL::bigint[]", "'{}'::bigint[]", "'{NULL}'::bigint[]"] {
            // A user without relevant items is left out of averages, unlike a user without recommendations.
            expect_null(&mut session, &format!("{metric}('{{1,2}}', {nothing}, 5)"));
            expect_value(&mut session, &format!("{metric}({nothing}, '{{1,2}}', 5)"), 0.0);
            expect_value(&mut session, &format!("{metric}({nothing}, '{{1,2}}')"), 0.0);
        }
        expect_value(&mut session, &format!("{metric}('{{1,2}}'::bigint[], '{{2,1,NULL,2}}', 2)"), 1.0);
        expect_value(&mut session, &format!("{metric}('{{NULL,1,NULL,2}}'::bigint[], '{{1,2}}', 2)"), 1.0);
        for k in ["0", "-3"] {
            let error = session.expect_error(&format!("SELECT {metric}('{{1}}'::bigint[], '{{1}}', {k})"));
            let found = (error.code(), error.message(), error.detail(), error.hint());
            let expected = (
                &SqlState::INVALID_PARAMETER_VALUE,
                &*format!("\"k\" is {k}"),
                Some("Lists are truncated after k items."),
                Some("\"k\" must be an integer of at least 1, or null for the whole list."),
            );
            assert_eq!(found, expected);
        }
    }
    // The second 7 takes up a rank, but is not a second hit.
    expect_value(&mut session, "segrec_precision('{7,7,3}'::bigint[], '{7,3}', 3)", 2.0 / 3.0);
    expect_value(&mut session, "segrec_recall('{7,7,3}'::bigint[], '{7,3}', 2)", 0.5);
    expect_value(
        &mut session,
        "segrec_average_precision('{7,7,3}'::bigint[], '{7,3}')",
        (1.0 + 2.0 / 3.0) / 2.0,
    );
    // A list shorter than k counts as if its remaining places were misses.
    expect_value(&mut session, "segrec_precision('{7}'::bigint[], '{7,3}', 10)", 0.1);
    expect_value(&mut session, "segrec_precision('{7}'::bigint[], '{7,3}')", 1.0);
}

#[test]
fn figures_of_rows_are_those_of_scikit_learn_also_in_parallel() {
    let database = Cluster::shared().database("metrics_rows");
    let mut session = database.connect();
    // i = numpy.arange(1, 5001)
    session.run(
        "CREATE TABLE measured AS
         SELECT i, (i * 37 % 101) / 101.0::float8 AS score, i * i % 7 = 1 AS relevant,
                (i * 37 % 101) / 10.0 AS predicted, (i * 53 % 97) / 10.0 AS actual, i * i % 101 AS value
         FROM generate_series(1, 5000) AS i;
         ANALYZE measured",
    );
    let figures = [
        // roc_auc_score(i * i % 7 == 1, i * 37 % 101 / 101)
        ("segrec_auc(score, relevant)", 0.49940955825825756),
        // actual = i * 53 % 97 / 10; predicted = i * 37 % 101 / 10
        // root_mean_squared_error(actual, predicted), mean_absolute_error, mean_squared_error
        ("segrec_rmse(predicted, actual)", 4.045946366426525),
        ("segrec_mae(predicted, actual)", 3.30418),
        ("segrec_mse(predicted, actual)", 16.369682),
        // x = numpy.sort(i * i % 101); ((2 * i - 5001) * x).sum() / (5000 * x.sum())
        ("segrec_gini(value)", 0.3499047562297291),
    ];
    for settings in [
        "SET max_parallel_workers_per_gather = 0",
        "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
         SET max_parallel_workers_per_gather = 2",
    ] {
        session.run(settings);
        for (call, expected) in figures {
            expect_value(&mut session, &format!("{call} FROM measured"), expected);
        }
        // m = mean(v); e = std(v, ddof=1) / sqrt(5); m ± scipy.stats.norm.ppf(.975) * e
        let values = "FROM measured, unnest(ARRAY[.2, .4, .9, .1, .5, NULL]) AS v WHERE i = 1";
        expect_value(&mut session, &format!("(segrec_interval(v)).low {values}"), 0.14700860614029237);
        expect_value(&mut session, &format!("(segrec_interval(v)).high {values}"), 0.6929913938597076);
    }
    for call in figures.map(|figure| figure.0).into_iter().chain(["segrec_interval(value)"]) {
        let plan = session.table(&format!("EXPLAIN (COSTS OFF) SELECT {call} FROM measured"));
        assert!(plan.contains("Finalize Aggregate") && plan.contains("Partial Aggregate"), "{plan}");
    }
}

#[test]
fn figures_of_few_rows_and_of_windows() {
    let database = Cluster::shared().database("metrics_few");
    let mut session = database.connect();
    let rows = "FROM (VALUES (1, 2.0, 4.0, true), (2, 5.0, 4.0, false), (3, 5.0, NULL, NULL), (4, NULL, 1.0, true)) AS rows (i, a, b, c)";
    expect_value(&mut session, &format!("segrec_rmse(a, b) {rows}"), 2.5f64.sqrt());
    expect_value(&mut session, &format!("segrec_mae(a, b) {rows}"), 1.5);
    expect_value(&mut session, &format!("segrec_mse(a, b) FILTER (WHERE i > 1) {rows}"), 1.0);
    expect_value(&mut session, &format!("segrec_auc(a, c) {rows}"), 0.0);
    expect_value(
        &mut session,
        "segrec_auc(s, r) FROM (VALUES ('-inf'::float8, true), ('-inf', false), (1, true)) AS rows (s, r)",
        0.75,
    );
    expect_value(&mut session, "segrec_gini(v) FROM unnest('{0,0,0,5}'::float8[]) AS v", 0.75);
    expect_value(&mut session, "segrec_gini(v) FROM unnest('{3,3,NULL}'::float8[]) AS v", 0.0);
    for nothing in [
        "segrec_rmse(a, b) FILTER (WHERE i > 2)",
        "segrec_auc(a, c) FILTER (WHERE c)",
        "segrec_auc(a, c) FILTER (WHERE i > 9)",
        "segrec_gini(a) FILTER (WHERE i > 3)",
        "segrec_gini(0)",
        "(segrec_interval(a) FILTER (WHERE i = 1)).low",
    ] {
        expect_null(&mut session, &format!("{nothing} {rows}"));
    }
    // A window frame continues with the state of the row before, so computing a result must not change the state.
    let running = "SELECT segrec_auc(s, s > 2) OVER (ORDER BY s), segrec_gini(s) OVER (ORDER BY s),
                          segrec_mse(s, 0) OVER (ORDER BY s) FROM unnest('{1,2,3,4}'::float8[]) AS s";
    assert_eq!(
        session.table(running),
        "∅|0|1\n∅|0.16666666666666666|2.5\n1|0.2222222222222222|4.666666666666667\n1|0.25|7.5"
    );
}

#[test]
fn numbers_that_are_none_are_refused() {
    let database = Cluster::shared().database("metrics_errors");
    let mut session = database.connect();
    let difference = "Errors are differences of finite numbers.";
    let shares = "The Gini coefficient requires finite numbers of at least 0.";
    for (call, message, detail) in [
        ("segrec_rmse('nan', 1)", "\"predicted\" is NaN", difference),
        ("segrec_mae(1, 'inf')", "\"actual\" is inf", difference),
        ("segrec_auc('nan', true)", "\"score\" is NaN", "It cannot be compared with other scores."),
        ("segrec_gini(-1)", "\"value\" is -1", shares),
        ("segrec_gini('inf')", "\"value\" is inf", shares),
    ] {
        let error = session.expect_error(&format!("SELECT {call}"));
        let found = (error.code(), error.message(), error.detail(), error.hint());
        let hint = "Correct it, or exclude the row with WHERE or FILTER.";
        assert_eq!(found, (&SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message, Some(detail), Some(hint)));
    }
}

#[test]
fn metrics_of_lists_are_inlined_and_can_stand_in_an_index() {
    let database = Cluster::shared().database("metrics_inlined");
    let mut session = database.connect();
    session.run("CREATE TABLE lists AS SELECT '{1,2}'::bigint[] AS shown, '{2}'::bigint[] AS bought");
    let plan = session.table("EXPLAIN (VERBOSE, COSTS OFF) SELECT segrec_ndcg(shown, bought, 10) FROM lists");
    assert!(plan.contains("list_metric('ndcg'::text, shown, bought, '10'::bigint)"), "{plan}");
    session.run("CREATE INDEX ON lists (segrec_ndcg(shown, bought, 10))");
    // A role that may not read the catalog's tables can use metrics.
    session
        .run("CREATE ROLE metrics_reader; GRANT SELECT ON lists TO metrics_reader; SET ROLE metrics_reader");
    assert_eq!(
        session.table("SELECT segrec_recall(shown, bought, 1), segrec_recall(shown, bought) FROM lists"),
        "0|1"
    );
}
