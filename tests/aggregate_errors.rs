//! The errors of the aggregates and of the types behind them.

use segrec_tests::{Cluster, Session, SqlState};

#[track_caller]
fn expect(session: &mut Session, sql: &str, code: &SqlState, message: &str, detail: &str, hint: &str) {
    let error = session.expect_error(sql);
    let found = (error.message(), error.detail().unwrap_or_default(), error.hint().unwrap_or_default());
    assert_eq!((error.code(), found), (code, (message, detail, hint)), "{sql}");
}

#[test]
fn features_that_cannot_be_used() {
    let database = Cluster::shared().database("aggregates_features");
    let mut session = database.connect();
    let order = "Distances require the same features in the same order.";
    let same = "Specify the same features in every row, as in ARRAY[age, income]::real[].";
    let finite = "Features must be finite and have an absolute value of at most 1e15.";
    let scales = "Scale the features to comparable ranges, or exclude the row with WHERE or FILTER.";
    for (rows, code, message, detail, hint) in [
        (
            "('{1}'), ('{1,2}')",
            SqlState::DATA_EXCEPTION,
            "row has 2 features, but earlier rows have 1",
            order,
            same,
        ),
        (
            "('{}')",
            SqlState::DATA_EXCEPTION,
            "features are an empty array",
            "Distances require at least one feature.",
            "Specify at least one feature, or null to skip the row.",
        ),
        (
            "('{1,NULL}')",
            SqlState::NULL_VALUE_NOT_ALLOWED,
            "feature 2 is null",
            "Distances cannot be computed from null values.",
            "Replace it with coalesce, or exclude the row with WHERE or FILTER.",
        ),
        (
            "('{{1,2},{3,4}}')",
            SqlState::ARRAY_ELEMENT_ERROR,
            "features are an array with 2 dimensions",
            "The features of a row must be a single list of numbers.",
            "Specify a one-dimensional array, as in ARRAY[age, income]::real[].",
        ),
        ("('{1,NaN}')", SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "feature 2 is NaN", finite, scales),
        ("('{-Infinity}')", SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "feature 1 is -inf", finite, scales),
        ("('{2e15}')", SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "feature 1 is 2000000000000000", finite, scales),
        (
            "(array_fill(1, ARRAY[16001])::text)",
            SqlState::PROGRAM_LIMIT_EXCEEDED,
            "features are an array of 16001 values",
            "The maximum is 16000.",
            "Specify fewer features.",
        ),
    ] {
        for call in ["segrec_kmeans(f::real[], 2)", "segrec_silhouette(f::real[], 1)"] {
            let sql = format!("SELECT {call} FROM (VALUES {rows}) AS rows (f)");
            expect(&mut session, &sql, &code, message, detail, hint);
        }
    }
    expect(
        &mut session,
        "SELECT segrec_assign((SELECT segrec_kmeans('{1,2}', 1)), '{1,2,3}')",
        &SqlState::DATA_EXCEPTION,
        "row has 3 features, but the clusters have 2",
        order,
        same,
    );
    let error = session.expect_error("SELECT segrec_assign((SELECT segrec_kmeans('{1,2}', 1)), '{1,NaN}')");
    assert_eq!(error.message(), "feature 2 is NaN");
}

#[test]
fn numbers_of_segments_that_cannot_be() {
    let database = Cluster::shared().database("aggregates_k");
    let mut session = database.connect();
    for k in [0, -1, 4097] {
        expect(
            &mut session,
            &format!("SELECT segrec_kmeans('{{1}}', {k})"),
            &SqlState::INVALID_PARAMETER_VALUE,
            &format!("\"k\" is {k}"),
            "",
            "\"k\" must be an integer from 1 to 4096.",
        );
    }
    expect(
        &mut session,
        "SELECT segrec_kmeans('{1}', NULL)",
        &SqlState::NULL_VALUE_NOT_ALLOWED,
        "\"k\" must not be null",
        "",
        "Specify a value for \"k\".",
    );
    expect(
        &mut session,
        "SELECT segrec_kmeans('{1}', k) FROM (VALUES (2), (2), (3)) AS rows (k)",
        &SqlState::INVALID_PARAMETER_VALUE,
        "\"k\" is 3, but was 2 in an earlier row",
        "The rows of a group are clustered once, into one number of segments.",
        "Specify a constant, or a value that is the same in all rows of a group.",
    );
    expect(
        &mut session,
        "SELECT segrec_catalog.kmeans_step(NULL, '{1}', 2)",
        &SqlState::FEATURE_NOT_SUPPORTED,
        "support function of an aggregate was called directly",
        "Its state exists only within the aggregate.",
        "Call the aggregate, as in SELECT segrec_kmeans(features, 5) FROM customers.",
    );
}

#[test]
fn text_that_is_not_clusters_is_refused_with_the_reason() {
    let database = Cluster::shared().database("aggregates_invalid");
    let mut session = database.connect();
    let hint = "Write clusters as segrec_kmeans returns them, as in {\"dimensions\": 2, \"rows\": 3, \"inertia\": 0.5, \"segments\": [{\"size\": 3, \"centroid\": [1, 2.5]}]}.";
    for (text, reason) in [
        ("{}", "missing field `dimensions` at line 1 column 2"),
        ("k", "expected value at line 1 column 1"),
        (
            r#"{"dimensions": 1, "rows": 1, "inertia": 0, "segments": [{"size": 1, "centroid": [1], "label": 2}]}"#,
            "unknown field `label`, expected `size` or `centroid` at line 1 column 92",
        ),
        (
            r#"{"dimensions": 1, "rows": 1, "inertia": 0, "segments": []}"#,
            "The number of \"segments\" is 0, but must be from 1 to 4096.",
        ),
        (
            r#"{"dimensions": 0, "rows": 1, "inertia": 0, "segments": [{"size": 1, "centroid": []}]}"#,
            "\"dimensions\" is 0, but must be from 1 to 16000.",
        ),
        (
            r#"{"dimensions": 2, "rows": 1, "inertia": 0, "segments": [{"size": 1, "centroid": [1]}]}"#,
            "The centroid of segment 1 has 1 values, not 2.",
        ),
        (
            r#"{"dimensions": 1, "rows": 3, "inertia": 0, "segments": [{"size": 1, "centroid": [1]}, {"size": 1, "centroid": [2]}]}"#,
            "\"rows\" is 3, but the sizes of the segments add up to 2.",
        ),
        (
            r#"{"dimensions": 1, "rows": 1, "inertia": -1, "segments": [{"size": 1, "centroid": [1]}]}"#,
            "\"inertia\" is -1, but must be a number of at least 0.",
        ),
        (
            r#"{"dimensions": 1, "rows": 1, "inertia": 0, "segments": [{"size": 1, "centroid": [1e30]}]}"#,
            "The centroid of segment 1 has a value beyond 1e15.",
        ),
    ] {
        expect(
            &mut session,
            &format!("SELECT '{text}'::segrec_clusters"),
            &SqlState::INVALID_TEXT_REPRESENTATION,
            "invalid input for type segrec_clusters",
            reason,
            hint,
        );
    }
    for text in ["x", "00", "01", "0102", "0100", "010005010100000000"] {
        let error = session.expect_error(&format!("SELECT '{text}'::segrec_summary"));
        assert_eq!(error.code(), &SqlState::INVALID_TEXT_REPRESENTATION, "{text}");
        assert_eq!(error.message(), "invalid input for type segrec_summary", "{text}");
    }
}
