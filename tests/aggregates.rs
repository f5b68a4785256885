//! The aggregates and functions that need no model: `segrec_kmeans` and the functions of its clusters, the measures of
//! a division, and the types behind them.

use segrec_tests::{Cluster, Database, Session, SqlState};

/// Creates a table `points(id, planted, features real[])`: ids from 1, four groups of equal size around corners ten
/// apart, with pseudo-random offsets from a hash.
fn points(name: &str, rows: u32) -> (Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    session.run(&format!(
        "CREATE FUNCTION pg_temp.noise(bits text) RETURNS float8 IMMUTABLE LANGUAGE sql
             RETURN ('x' || bits)::bit(24)::int / 16777216.0;
         CREATE TABLE points AS
         SELECT id, id % 4 AS planted,
                ARRAY[10 * (id % 2) + pg_temp.noise(substr(bits, 1, 6)),
                      10 * (id % 4 / 2) + pg_temp.noise(substr(bits, 7, 6)),
                      pg_temp.noise(substr(bits, 13, 6))]::real[] AS features
         FROM (SELECT id, md5(id::text) AS bits FROM generate_series(1, {rows}) AS id) AS drawn;
         ANALYZE points"
    ));
    (database, session)
}

/// Makes all plans parallel for which that is possible.
const IN_PARALLEL: &str = "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
     SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2";

/// The sizes of the segments in the corners, in the order of corners.
const CORNERS: &str = "SELECT size, round(centroid[1]) AS x, round(centroid[2]) AS y
     FROM segrec_centroids((SELECT segrec_kmeans(features, 4) FROM points)) ORDER BY x, y";

#[test]
fn planted_groups_are_found_in_one_pass_and_in_parallel() {
    // There are more rows than the summary keeps unchanged, so it is reduced.
    let (_database, mut session) = points("aggregates_parallel", 100_000);
    let corners = "25000|0|0\n25000|0|10\n25000|10|0\n25000|10|10";
    // The inertia is that of three features with a variance of 1/12 each.
    let inertia = "SELECT round((segrec_kmeans(features, 4)::text::jsonb ->> 'inertia')::numeric / 25000, 1) FROM points";
    session.run("SET max_parallel_workers_per_gather = 0");
    // The middle of a group is half a unit from its corner, so it might round either way.
    session.run("UPDATE points SET features = ARRAY[features[1] - .5, features[2] - .5, features[3]]");
    assert_eq!(session.table(CORNERS).replace("-0", "0"), corners);
    assert_eq!(session.table(inertia), "1.0");
    session.run(IN_PARALLEL);
    let plan = session.table("EXPLAIN (COSTS OFF) SELECT segrec_kmeans(features, 4) FROM points");
    assert!(plan.contains("Finalize Aggregate") && plan.contains("Partial Aggregate"), "{plan}");
    assert_eq!(session.table(CORNERS).replace("-0", "0"), corners);
    assert_eq!(session.table(inertia), "1.0");
}

#[test]
fn the_same_rows_in_the_same_order_give_the_same_clusters() {
    let (_database, mut session) = points("aggregates_deterministic", 40_000);
    session.run("SET max_parallel_workers_per_gather = 0");
    let query = "SELECT segrec_kmeans(features, 7 ORDER BY id)::text FROM points";
    let first: String = session.value(query);
    session.run("SET segrec.threads = 1");
    assert_eq!(first, session.value::<String>(query));
}

#[test]
fn groups_and_frames_are_divided_by_themselves() {
    let (_database, mut session) = points("aggregates_groups", 400);
    let alone = "SELECT bool_and(found::text = (SELECT segrec_kmeans(features, 2 ORDER BY id)::text FROM points AS inner_rows WHERE ";
    for (found, rows) in [
        (
            "SELECT planted, segrec_kmeans(features, 2 ORDER BY id) AS found FROM points GROUP BY planted",
            "inner_rows.planted = outer_rows.planted",
        ),
        (
            "SELECT planted, segrec_kmeans(features, 2) OVER (
                 PARTITION BY planted ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS found
             FROM points",
            "inner_rows.planted = outer_rows.planted",
        ),
        (
            "SELECT id, segrec_kmeans(features, 2) OVER (ORDER BY id) AS found FROM points",
            "inner_rows.id <= outer_rows.id",
        ),
        (
            "SELECT id, segrec_kmeans(features, 2) OVER (ORDER BY id ROWS BETWEEN 9 PRECEDING AND 5 FOLLOWING) AS found
             FROM points",
            "inner_rows.id BETWEEN outer_rows.id - 9 AND outer_rows.id + 5",
        ),
    ] {
        let query = format!("{alone} {rows})) FROM ({found}) AS outer_rows");
        assert_eq!(session.table(&query), "t", "{found}");
    }
}

#[test]
fn the_nearest_centroid_is_assigned() {
    let (_database, mut session) = points("aggregates_assign", 5000);
    session.run("CREATE TABLE found AS SELECT segrec_kmeans(features, 6) AS clusters FROM points");
    let wrong = session.table(
        "SELECT count(*) FROM points, found
         WHERE segrec_assign(clusters, features) <> (
             SELECT segment FROM segrec_centroids(clusters)
             ORDER BY (centroid[1] - features[1]) ^ 2 + (centroid[2] - features[2]) ^ 2 + (centroid[3] - features[3]) ^ 2
             LIMIT 1)",
    );
    assert_eq!(wrong, "0");
    // If rows are few, sizes are exact counts, in decreasing order.
    let sizes = session.table("SELECT segment, size FROM found, segrec_centroids(clusters)");
    let counts = session.table(
        "SELECT segrec_assign(clusters, features) AS segment, count(*) FROM points, found GROUP BY 1 ORDER BY 1",
    );
    assert_eq!(sizes, counts);
    let falling = "SELECT bool_and(size <= before) FROM (SELECT size, lag(size, 1, size) OVER (ORDER BY segment) AS before
                   FROM found, segrec_centroids(clusters)) AS sizes";
    assert_eq!(session.table(falling), "t");
    assert_eq!(
        session.table("SELECT segrec_assign(clusters, NULL), segrec_assign(NULL, '{1}') FROM found"),
        "∅|∅"
    );
    let attributes =
        "SELECT DISTINCT provolatile, proisstrict, proparallel FROM pg_proc WHERE proname = 'segrec_assign'";
    assert_eq!(session.table(attributes), "i|t|s");
}

#[test]
fn clusters_that_are_stored_apart_from_their_rows_are_told_apart() {
    let (_database, mut session) = points("aggregates_stored_apart", 2000);
    // The values take several kilobytes each, alternating with a small one.
    session.run(
        "CREATE TABLE kept AS SELECT k, segrec_kmeans(features, k) AS clusters FROM points, unnest('{400, 401, 500, 2}'::int[]) AS k GROUP BY k;
         CREATE TABLE calls AS SELECT id, k FROM points, kept WHERE id <= 200",
    );
    let apart = "SELECT count(*) FROM kept WHERE pg_column_size(clusters) > 4000";
    assert_eq!(session.table(apart), "3");
    let wrong = "SELECT count(*) FROM (SELECT * FROM calls ORDER BY id, k) AS calls JOIN points USING (id) JOIN kept USING (k)
                 WHERE segrec_assign(clusters, features) <> segrec_assign((clusters::text)::segrec_clusters, features)";
    for plan in ["SET enable_hashjoin = on", "SET enable_hashjoin = off; SET enable_mergejoin = off"] {
        session.run(plan);
        assert_eq!(session.table(wrong), "0");
    }
}

#[test]
fn rows_without_features_are_skipped_and_no_rows_give_null() {
    let database = Cluster::shared().database("aggregates_nulls");
    let mut session = database.connect();
    assert_eq!(
        session.table(
            "SELECT segrec_kmeans(f, 2), segrec_silhouette(f, 1), segrec_davies_bouldin(f, 1),
                    segrec_adjusted_rand(1, NULL), segrec_adjusted_rand(NULL::text, 'a')
             FROM (VALUES (NULL::real[]), (NULL)) AS rows (f)"
        ),
        "∅|∅|∅|∅|∅"
    );
    assert_eq!(session.table("SELECT segrec_kmeans('{1}', 2) WHERE false"), "∅");
    assert_eq!(
        session.table("SELECT segrec_kmeans(f, 5) FROM (VALUES (NULL::real[]), ('{2}'), (NULL), ('{2}'), ('[5:5]={4}')) AS rows (f)"),
        r#"{"dimensions": 1, "rows": 3, "inertia": 0, "segments": [{"size": 2, "centroid": [2]}, {"size": 1, "centroid": [4]}]}"#
    );
    assert_eq!(
        session.table(
            "SELECT segrec_silhouette(f, s), segrec_davies_bouldin(f, s)
             FROM (VALUES ('{1}'::real[], 1), (NULL, 2), ('{7}', NULL), ('{2}', 1)) AS rows (f, s)"
        ),
        "∅|∅"
    );
}

#[test]
fn figures_of_a_division_are_those_of_their_definitions() {
    let (_database, mut session) = points("aggregates_figures", 300);
    session.run("ALTER TABLE points ADD segment int; UPDATE points SET segment = CASE WHEN id % 10 = 0 THEN -5 ELSE planted END");
    let by_definition = "
        WITH pairs AS (
            SELECT a.id, a.segment AS own, b.segment AS other,
                   sqrt((a.features[1] - b.features[1]) ^ 2 + (a.features[2] - b.features[2]) ^ 2 + (a.features[3] - b.features[3]) ^ 2) AS distance
            FROM points AS a, points AS b WHERE a.id <> b.id),
        means AS (SELECT id, own, other, avg(distance) AS mean FROM pairs GROUP BY id, own, other),
        rows AS (SELECT id, min(mean) FILTER (WHERE own = other) AS a, min(mean) FILTER (WHERE own <> other) AS b
                 FROM means GROUP BY id)
        SELECT avg((b - a) / greatest(a, b)) FROM rows";
    let expected: f64 = session.value(by_definition);
    let found: f64 = session.value("SELECT segrec_silhouette(features, segment) FROM points");
    assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    session.run(IN_PARALLEL);
    let found: f64 = session.value("SELECT segrec_silhouette(features, segment) FROM points");
    assert!((found - expected).abs() < 1e-6, "in parallel: {found} {expected}");

    // scikit-learn 1.9: davies_bouldin_score([[0], [2], [10], [12], [20]], [0, 0, 1, 1, 2]) and
    // adjusted_rand_score([0, 0, 1, 2], [0, 0, 1, 1]).
    let rows = "(VALUES ('{0}'::real[], 0, 0, 0), ('{2}', 0, 0, 0), ('{10}', 1, 1, 1), ('{12}', 1, 2, 1), ('{20}', 2, NULL, 1)) AS rows (f, s, a, b)";
    assert_eq!(
        session.table(&format!("SELECT round(segrec_davies_bouldin(f, s)::numeric, 6) FROM {rows}")),
        "0.170370"
    );
    assert_eq!(
        session.table(&format!("SELECT round(segrec_adjusted_rand(a, b)::numeric, 6), round(segrec_adjusted_rand('s' || a, 'é' || b)::numeric, 6) FROM {rows}")),
        "0.571429|0.571429"
    );
    assert_eq!(session.table("SELECT segrec_adjusted_rand(planted, planted * 7) FROM points"), "1");
}

#[test]
fn figures_of_many_rows_come_from_a_sample() {
    let (_database, mut session) = points("aggregates_sample", 60_000);
    session.run("SET max_parallel_workers_per_gather = 0");
    let query = "SELECT segrec_silhouette(features, planted) FROM points";
    let exact: f64 = session.value(&format!("{query} WHERE id <= 8000"));
    let sampled: f64 = session.value(query);
    session.run(IN_PARALLEL);
    let in_parallel: f64 = session.value(query);
    for figure in ["segrec_silhouette(features, planted)", "segrec_adjusted_rand(planted, id)"] {
        let plan = session.table(&format!("EXPLAIN (COSTS OFF) SELECT {figure} FROM points"));
        assert!(plan.contains("Partial Aggregate"), "{plan}");
    }
    for figure in [sampled, in_parallel] {
        assert!((figure - exact).abs() < 0.01, "{exact} {sampled} {in_parallel}");
    }
}

#[test]
fn clusters_are_read_back_as_they_were_written() {
    let (database, mut session) = points("aggregates_text", 3000);
    session.run(
        "CREATE TABLE kept (id int, clusters segrec_clusters);
         INSERT INTO kept SELECT 0, segrec_kmeans(ARRAY[features[1] / 3e20, features[2] * 7e11, -0.0]::real[], 5) FROM points;
         INSERT INTO kept SELECT k, segrec_kmeans(features, k) FROM points, generate_series(1, 300, 23) AS k GROUP BY k;
         CREATE TABLE copied (LIKE kept);
         INSERT INTO copied SELECT id, clusters::text::segrec_clusters FROM kept",
    );
    let same = "SELECT count(*), count(*) FILTER (WHERE segrec_catalog.clusters_send(kept.clusters) = segrec_catalog.clusters_send(copied.clusters))
                FROM kept JOIN copied USING (id)";
    assert_eq!(session.table(same), "15|15");
    for format in ["text", "csv", "binary"] {
        session.run("TRUNCATE copied");
        let directory: String = session.value("SELECT current_setting('data_directory')");
        let file = format!("{directory}/{}.{format}", database.name());
        session.run(&format!(
            "COPY kept TO '{file}' (FORMAT {format}); COPY copied FROM '{file}' (FORMAT {format})"
        ));
        assert_eq!(session.table(same), "15|15", "{format}");
    }
    let restored = Cluster::shared().empty_database("aggregates_restored");
    let dump = database.program("pg_dump").args(["--table=kept"]).output().unwrap();
    let script = String::from_utf8(dump.stdout).unwrap();
    let printed = restored.psql(&format!("CREATE EXTENSION pg_segrec;\n{script}"));
    assert!(!printed.contains("ERROR"), "{printed}");
    let all = "SELECT md5(string_agg(clusters::text, ',' ORDER BY id)) FROM public.kept";
    assert_eq!(restored.connect().table(all), session.table(all));
}

#[test]
fn states_can_be_kept_and_merged_later() {
    let (_database, mut session) = points("aggregates_states", 80_000);
    // Extensions that distribute tables transfer states as text like this.
    session.run(
        "SET max_parallel_workers_per_gather = 0;
         CREATE AGGREGATE gather(real[], bigint) (SFUNC = segrec_catalog.kmeans_step, STYPE = segrec_summary);
         CREATE AGGREGATE divide(segrec_summary) (
             SFUNC = segrec_catalog.summary_merge, STYPE = segrec_summary, FINALFUNC = segrec_catalog.kmeans_final);
         CREATE TABLE gathered AS SELECT id / 40001 AS half, gather(features, 4)::text AS state FROM points GROUP BY 1",
    );
    let again = "SELECT bool_and(state::segrec_summary::text = state) FROM gathered";
    assert_eq!(session.table(again), "t");
    let sizes = "SELECT size FROM segrec_centroids((SELECT divide(state::segrec_summary) FROM gathered))";
    assert_eq!(session.table(sizes), "20000\n20000\n20000\n20000");
    // Merging does not change its inputs.
    assert_eq!(session.table(sizes), "20000\n20000\n20000\n20000");
    let error = session.expect_error(
        "SELECT divide(state) FROM (SELECT state::segrec_summary FROM gathered
         UNION ALL SELECT gather('{1,2,3}', 5)) AS states",
    );
    assert_eq!(error.message(), "\"k\" is 5, but was 4 in an earlier row");
    let error = session.expect_error(
        "SELECT divide(state) FROM (SELECT state::segrec_summary FROM gathered
         UNION ALL SELECT gather('{1,2}', 4)) AS states",
    );
    assert_eq!(error.message(), "row has 2 features, but earlier rows have 3");
}

/// Returns the bytes of the backend's private memory, and the number of its threads.
fn memory_and_threads(session: &mut Session) -> (u64, u64) {
    let pid: i32 = session.value("SELECT pg_backend_pid()");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let number = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    (1024 * number("RssAnon:"), number("Threads:"))
}

#[test]
fn a_cancelled_aggregate_leaves_a_usable_session() {
    let database = Cluster::shared().database("aggregates_cancel");
    let mut session = database.connect();
    session.run(
        "SET max_parallel_workers_per_gather = 0;
         CREATE TABLE long AS SELECT id, array_agg(sin(id * value)::real) AS features
         FROM generate_series(1, 12000) AS id, generate_series(1, 64) AS value GROUP BY id",
    );
    for threads in [2, 1] {
        session.run(&format!("SET segrec.threads = {threads}"));
        for milliseconds in [20, 200, 700] {
            session.run(&format!("SET statement_timeout = {milliseconds}"));
            let error = session.expect_error("SELECT segrec_kmeans(features, 4000) FROM long");
            assert_eq!(error.code(), &SqlState::QUERY_CANCELED, "{milliseconds}: {}", error.message());
        }
        session.run("RESET statement_timeout");
        assert_eq!(memory_and_threads(&mut session).1, 1);
        let clusters = "SELECT count(*) FROM segrec_centroids((SELECT segrec_kmeans(features, 8) FROM long))";
        assert_eq!(session.value::<i64>(clusters), 8);
        assert_eq!(memory_and_threads(&mut session).1, 1);
    }
}

#[test]
fn groups_frames_and_errors_give_their_memory_back() {
    let (_database, mut session) = points("aggregates_memory", 20_000);
    session.run("SET max_parallel_workers_per_gather = 0");
    let mut work = || {
        // There are twenty states of two hundred kilobytes, thousands of small ones, and one that fails.
        session.run(
            "SELECT count(segrec_kmeans) FROM (SELECT segrec_kmeans(features, 3) FROM points, generate_series(1, 20) AS g GROUP BY g) AS s;
             SELECT count(segrec_kmeans) FROM (SELECT segrec_kmeans(features, 3) FROM points GROUP BY id / 7) AS s;
             SELECT count(w) FROM (SELECT segrec_kmeans(features, 3) OVER (ORDER BY id ROWS 20 PRECEDING) AS w FROM points LIMIT 5000) AS s",
        );
        session.expect_error("SELECT segrec_kmeans(features, 1 + id / 20000) FROM points");
        memory_and_threads(&mut session).0
    };
    work();
    let before = work();
    // The allocator may keep some megabytes once. A leak of a third of a megabyte a round would exceed them.
    let rounds: Vec<u64> = (0..15).map(|_| work()).collect();
    assert!(rounds[14] < before + (5 << 20), "{before} {rounds:?}");
}
