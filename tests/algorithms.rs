//! Every algorithm passes the same suite: it is trained, measured, serves and explains lists, and is stored in tables
//! that all users of the model can read.

use segrec_tests::{Cluster, Session, SqlState, planted};

const RANKING: [&str; 5] = ["hybrid", "als", "neighbours", "ease", "popularity"];

fn train(session: &mut Session, model: &str, options: &str) {
    session.run(&format!("SELECT segrec_create_model('{model}', 'events', options => '{options}')"));
    session.run(&format!("SELECT segrec_train('{model}')"));
    session.notices();
}

fn options(algorithm: &str) -> String {
    format!(r#"{{"algorithm": "{algorithm}", "als": {{"factors": 8}}, "segmentation": {{"segments": 4}}}}"#)
}

#[test]
fn every_algorithm_trains_serves_and_beats_or_is_popularity() {
    let database = Cluster::shared().database("algorithms_serve");
    let mut session = database.connect();
    planted::create(&mut session);
    for algorithm in RANKING {
        train(&mut session, algorithm, &options(algorithm));
        let least = if algorithm == "popularity" { "1" } else { "1.5" };
        let reached = session.table(&format!(
            "SELECT metric, value >= {least} * baseline, deployed FROM segrec.versions WHERE model = '{algorithm}'"
        ));
        assert_eq!(reached, "ndcg@20|t|t", "{algorithm}");
        // Lists are full, with the best first, and have no items that the user already has.
        let lists = session.table(&format!(
            "SELECT count(*), bool_and(r.rank = r.place), bool_and(r.score <= r.before), count(e.item_id)
             FROM generate_series(0::bigint, 40) u
             CROSS JOIN LATERAL (
                 SELECT *, row_number() OVER (ORDER BY rank) AS place,
                        COALESCE(lag(score) OVER (PARTITION BY source ORDER BY rank), score) AS before
                 FROM segrec_recommend(u, 5, '{algorithm}')) r
             LEFT JOIN events e ON e.user_id = u AND e.item_id = r.item_id"
        ));
        assert_eq!(lists, "205|t|t|0", "{algorithm}");
        // The lists for all users are the same as for each user.
        let differing: i64 = session.value(&format!(
            "SELECT count(*) FROM segrec_recommend_all('{algorithm}', 5) every
             LEFT JOIN LATERAL segrec_recommend(every.user_id::bigint, 5, '{algorithm}') own
                 ON own.rank = every.rank AND own.item_id::text = every.item_id AND own.source = every.source
                 AND abs(own.score - every.score) < 1e-4
             WHERE every.user_id::int < 40 AND own.rank IS NULL"
        ));
        assert_eq!(differing, 0, "{algorithm}");
    }
}

#[test]
fn the_contributions_of_an_explanation_add_up_to_the_score() {
    let database = Cluster::shared().database("algorithms_explain");
    let mut session = database.connect();
    planted::create(&mut session);
    for algorithm in RANKING {
        train(&mut session, algorithm, &options(algorithm));
        let worst: f64 = session.value(&format!(
            "SELECT max(abs(r.score - (SELECT sum(contribution) FROM segrec_explain(u, r.item_id, '{algorithm}'))))::float8
             FROM generate_series(0::bigint, 40) u CROSS JOIN LATERAL segrec_recommend(u, 3, '{algorithm}') r"
        ));
        assert!(worst < 1e-4, "{algorithm}: {worst}");
        let predicted: f64 = session.value(&format!(
            "SELECT max(abs(r.score - segrec_predict(u, r.item_id, '{algorithm}')))::float8
             FROM generate_series(0::bigint, 40) u CROSS JOIN LATERAL segrec_recommend(u, 3, '{algorithm}') r"
        ));
        assert!(predicted < 1e-4, "{algorithm}: {predicted}");
        // Only the user's own items appear in explanations.
        let foreign: i64 = session.value(&format!(
            "SELECT count(*) FROM generate_series(0::bigint, 40) u
             CROSS JOIN LATERAL segrec_recommend(u, 1, '{algorithm}') r
             CROSS JOIN LATERAL segrec_explain(u, r.item_id, '{algorithm}') e
             WHERE e.item_id IS NOT NULL
               AND NOT EXISTS (SELECT FROM events WHERE user_id = u AND item_id = e.item_id)"
        ));
        assert_eq!(foreign, 0, "{algorithm}");
    }
    assert_eq!(
        session
            .table("SELECT segrec_predict(1, -5, 'als') IS NULL, count(*) FROM segrec_explain(1, -5, 'als')"),
        "t|0"
    );
}

#[test]
fn similar_items_are_of_the_same_taste() {
    let database = Cluster::shared().database("algorithms_similar");
    let mut session = database.connect();
    planted::create(&mut session);
    for algorithm in ["neighbours", "ease", "als"] {
        train(&mut session, algorithm, &options(algorithm));
        let share: f64 = session.value(&format!(
            "SELECT avg((s.item_id % 4 = i % 4)::int)::float8
             FROM generate_series(0::bigint, 119) i CROSS JOIN LATERAL segrec_similar_items(i, 5, '{algorithm}') s"
        ));
        assert!(share > 0.9, "{algorithm}: {share}");
    }
    // The view shows the same rows that the function reads.
    assert_eq!(
        session.table(
            "SELECT bool_and(s.score = n.weight), count(*) = 5 FROM segrec_similar_items(7::bigint, 5, 'neighbours') s
             LEFT JOIN segrec.item_neighbours n ON n.model = 'neighbours' AND n.item_id = '7' AND n.neighbour_id = s.item_id::text"
        ),
        "t|t"
    );
}

#[test]
fn a_score_of_neighbours_is_the_sum_that_the_view_shows() {
    let database = Cluster::shared().database("algorithms_sum");
    let mut session = database.connect();
    planted::create(&mut session);
    for method in ["ridge", "filter", "cosine", "tf_idf", "rp3"] {
        train(
            &mut session,
            method,
            &format!(
                r#"{{"algorithm": "neighbours", "neighbours": {{"method": "{method}"}}, "segmentation": {{"method": "none"}}}}"#
            ),
        );
        let worst: f64 = session.value(&format!(
            "SELECT max(abs(r.score - (
                 SELECT sum(n.weight) FROM segrec.item_neighbours n
                 WHERE n.model = '{method}' AND n.neighbour_id = r.item_id::text
                   AND n.item_id::bigint IN (SELECT item_id FROM events WHERE user_id = 3)))
                 / abs(r.score))::float8
             FROM segrec_recommend(3::bigint, 10, '{method}') r WHERE r.source = 'neighbours'"
        ));
        assert!(worst < 1e-4, "{method}: {worst}");
        let value: bool = session
            .value(&format!("SELECT value > 1.5 * baseline FROM segrec.versions WHERE model = '{method}'"));
        assert!(value, "{method}");
    }
}

#[test]
fn auto_says_what_it_tried_and_keeps_what_ranks_best() {
    let database = Cluster::shared().database("algorithms_auto");
    let mut session = database.connect();
    planted::create(&mut session);
    train(&mut session, "auto", &options("auto"));
    assert_eq!(
        session.table(
            "SELECT string_agg(algorithm, ' '), count(*) FILTER (WHERE chosen) FROM segrec.algorithm_choices"
        ),
        "popularity neighbours ease als hybrid|1"
    );
    let table = session.table(
        "SELECT v.value = c.value, c.algorithm <> 'popularity', c.reason IN
             ('the best on held-out events', 'none that costs more is better by a standard error')
         FROM segrec.versions v JOIN segrec.algorithm_choices c USING (model) WHERE c.chosen",
    );
    assert_eq!(table, "t|t|t");
    assert_eq!(session.table("SELECT count(*) FROM segrec_recommend(5::bigint, 5)"), "5");
    session.run(r#"SELECT segrec_alter_model('auto', '{"time_limit": "1 us"}')"#);
    session.run("SELECT segrec_train('auto', deploy => 'always')");
    assert_eq!(
        session.table(
            "SELECT string_agg(algorithm, ' ') FROM segrec.algorithm_choices WHERE version = 2 AND value IS NOT NULL"
        ),
        "popularity"
    );
}

#[test]
fn popularity_forgets_with_the_half_life() {
    let database = Cluster::shared().database("algorithms_half_life");
    let mut session = database.connect();
    session.run(
        "CREATE TABLE events AS
         SELECT u AS user_id, CASE WHEN u <= 300 THEN 1 ELSE 2 END AS item_id,
                CASE WHEN u <= 300 THEN timestamptz '2026-01-01' ELSE timestamptz '2026-06-01' END AS at
         FROM generate_series(1, 400) u
         UNION ALL SELECT u, 3, timestamptz '2026-06-01' + u * interval '1 minute' FROM generate_series(1, 400) u",
    );
    for (model, half_life) in [("all", "null"), ("recent", "\"30 days\"")] {
        session.run(&format!(
            "SELECT segrec_create_model('{model}', 'events', time_column => 'at', options => '{{\"algorithm\": \"popularity\",
             \"segmentation\": {{\"method\": \"none\"}}, \"events\": {{\"half_life\": {half_life}}}}}')"
        ));
        session.run(&format!("SELECT segrec_train('{model}')"));
    }
    let order = |session: &mut Session, model: &str| {
        session.table(&format!("SELECT string_agg(item_id::text, ' ' ORDER BY rank) FROM segrec_recommend(-1::bigint, 3, '{model}')"))
    };
    assert_eq!(order(&mut session, "all"), "3 1 2");
    assert_eq!(order(&mut session, "recent"), "3 2 1");
}

#[test]
fn ratings_are_predicted_in_their_own_units_and_explained() {
    let database = Cluster::shared().database("algorithms_rating");
    let mut session = database.connect();
    // Users of one kind like even items, those of the other odd ones; the kind is an attribute of users.
    session.run(
        "CREATE TABLE people AS SELECT u AS user_id, CASE WHEN u % 2 = 0 THEN 'even' ELSE 'odd' END AS kind
         FROM generate_series(0, 219) u;
         CREATE UNIQUE INDEX ON people (user_id);
         CREATE TABLE ratings AS
         SELECT u AS user_id, i AS item_id, CASE WHEN u % 2 = i % 2 THEN 5 ELSE 1 END
                + CASE WHEN (u + i) % 7 = 0 THEN -1 * sign(CASE WHEN u % 2 = i % 2 THEN 1 ELSE -1 END) ELSE 0 END AS stars
         FROM generate_series(0, 199) u, generate_series(0, 39) i WHERE (u * 7 + i * 3) % 5 < 2;
         CREATE INDEX ON ratings (user_id)",
    );
    session.run(
        "SELECT segrec_create_model('stars', 'ratings', weight_column => 'stars', users => 'people',
                                    options => '{\"algorithm\": \"rating\", \"segmentation\": {\"method\": \"none\"}}')",
    );
    session.run("SELECT segrec_train('stars')");
    assert_eq!(
        session.table("SELECT metric, value < .6 * baseline, deployed FROM segrec.versions"),
        "rmse|t|t"
    );
    assert_eq!(
        session.table(
            "SELECT string_agg(metric, ' ' ORDER BY metric) FROM segrec.metrics WHERE segment IS NULL"
        ),
        "mae mse rmse"
    );
    let within: bool = session.value(
        "SELECT min(p) >= 1 AND max(p) <= 5 AND min(p) < 2 AND max(p) > 4
         FROM generate_series(0, 199) u, generate_series(0, 39) i, segrec_predict(u::bigint, i::bigint) p",
    );
    assert!(within);
    // The predictions for a user without ratings depend on the kind.
    assert_eq!(
        session.table("SELECT segrec_predict(210::bigint, 4) > segrec_predict(210::bigint, 5) + 1"),
        "t"
    );
    // A user about whom nothing is known gets a prediction in the middle.
    assert_eq!(session.table("SELECT segrec_predict(999::bigint, 4) BETWEEN 2 AND 4"), "t");
    // A new rating takes effect at once.
    session.run("INSERT INTO ratings SELECT 211, i, CASE WHEN i % 2 = 0 THEN 5 ELSE 1 END FROM generate_series(0, 19) i");
    assert_eq!(
        session.table("SELECT segrec_predict(211::bigint, 30) > segrec_predict(211::bigint, 31) + 1"),
        "t"
    );
    let worst: f64 = session.value(
        "SELECT max(abs(least(greatest(s, 1), 5) - p))::float8
         FROM (VALUES (3), (4), (211), (210)) u (id), generate_series(30::bigint, 39) i,
              LATERAL (SELECT sum(contribution) AS s FROM segrec_explain(u.id::bigint, i)) e,
              segrec_predict(u.id::bigint, i) p",
    );
    assert!(worst < 1e-3, "{worst}");
    assert_eq!(
        session.table("SELECT count(*), bool_and(score BETWEEN 1 AND 5), min(source) FROM segrec_recommend(3::bigint, 5)"),
        "5|t|rating"
    );
}

#[test]
fn ratings_may_be_negative_and_other_feedback_may_not() {
    let database = Cluster::shared().database("algorithms_feedback");
    let mut session = database.connect();
    session.run(
        "CREATE TABLE ratings AS SELECT u AS user_id, i AS item_id, (u * i) % 5 - 2 AS opinion
         FROM generate_series(1, 60) u, generate_series(1, 12) i WHERE (u + i) % 3 > 0",
    );
    session.run("SELECT segrec_create_model('opinions', 'ratings', weight_column => 'opinion', options => '{\"algorithm\": \"rating\"}')");
    session.run("SELECT segrec_train('opinions')");
    assert_eq!(session.table("SELECT min(p) >= -2 AND max(p) <= 2 FROM segrec_predict(1::bigint, 2) p"), "t");
    let error = session.expect_error(
        "SELECT segrec_create_model('wrong', 'ratings', weight_column => 'opinion', options => '{\"feedback\": \"explicit\"}')",
    );
    assert_eq!(
        error.message(),
        "option \"feedback\" is \"explicit\", but algorithm \"hybrid\" does not learn from ratings"
    );
    assert_eq!(
        error.hint(),
        Some("Choose the algorithm \"rating\" or \"auto\", as in {\"algorithm\": \"rating\"}.")
    );
}

#[test]
fn ease_is_refused_where_the_catalogue_does_not_fit() {
    let database = Cluster::shared().database("algorithms_ease");
    let mut session = database.connect();
    session
        .run("CREATE TABLE events AS SELECT i % 50 AS user_id, i AS item_id FROM generate_series(1, 9000) i");
    session.run("SELECT segrec_create_model('large', 'events', options => '{\"algorithm\": \"ease\"}')");
    session.run("SET segrec.training_memory = '64MB'");
    let error = session.expect_error("SELECT segrec_train('large')");
    assert_eq!(error.code(), &SqlState::CONFIGURATION_LIMIT_EXCEEDED);
    assert!(error.message().contains("training"), "{}", error.message());
}
