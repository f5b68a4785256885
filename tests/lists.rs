//! Diverse and random lists, lists of segments, similar users and audiences.

use segrec_tests::{Cluster, Session, SqlState, planted};

fn trained(name: &str) -> (segrec_tests::Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    (database, session)
}

/// Creates the planted events with a model of another algorithm.
fn trained_with(name: &str, algorithm: &str) -> (segrec_tests::Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    planted::create(&mut session);
    session.run(&format!(
        r#"SELECT segrec_create_model('planted', 'events', options =>
               '{{"algorithm": "{algorithm}", "als": {{"factors": 8}}, "segmentation": {{"segments": 4}}}}');
           SELECT segrec_train('planted')"#
    ));
    (database, session)
}

/// The mean cosine of pairs of items in the lists of many users.
const LIKENESS: &str = "WITH list AS (
        SELECT u, item_id::text FROM generate_series(0::bigint, 599, 13) u, segrec_recommend(u, 10, diversity => {}) r),
     direction AS (
        SELECT item_id, factors, sqrt((SELECT sum(f::float8 * f) FROM unnest(factors) f)) AS length
        FROM segrec.item_factors WHERE segment IS NULL)
     SELECT avg((SELECT sum(x::float8 * y) FROM unnest(a.factors, b.factors) pair (x, y)) / (a.length * b.length))
     FROM list one JOIN list other USING (u)
     JOIN direction a ON a.item_id = one.item_id JOIN direction b ON b.item_id = other.item_id
     WHERE one.item_id < other.item_id";

#[test]
fn more_diversity_lowers_the_likeness_within_lists() {
    let (_database, mut session) = trained("lists_diverse");
    let means: Vec<f64> = ["0", "0.3", "0.6", "0.9"]
        .iter()
        .map(|diversity| session.value(&LIKENESS.replace("{}", diversity)))
        .collect();
    assert!(means.windows(2).all(|pair| pair[1] < pair[0]), "{means:?}");
    // With any diversity the best item stays first, and no item that the user has is recommended.
    let firsts: i64 = session.value(
        "SELECT count(*) FROM generate_series(0::bigint, 599, 13) u,
             segrec_recommend(u, 10, diversity => 1) d, segrec_recommend(u, 1) r
         WHERE d.rank = 1 AND d.item_id <> r.item_id",
    );
    let seen: i64 = session.value(
        "SELECT count(*) FROM generate_series(0::bigint, 599, 13) u CROSS JOIN LATERAL segrec_recommend(u, 10, diversity => 1, explore => 1) r
         JOIN events e ON e.user_id = u AND e.item_id = r.item_id",
    );
    assert_eq!((firsts, seen), (0, 0));
}

#[test]
fn without_diversity_and_exploration_the_list_is_the_best() {
    let (_database, mut session) = trained("lists_plain");
    for user in [0, 5, 77, 987_654] {
        let best = session.table(&format!("SELECT * FROM segrec_recommend({user}, 150)"));
        for call in ["diversity => 0", "explore => 0", "diversity => 0, explore => 0"] {
            assert_eq!(best, session.table(&format!("SELECT * FROM segrec_recommend({user}, 150, {call})")));
        }
        // A list of all items has the same items, in another order.
        let all = |session: &mut Session, call: &str| {
            session.table(&format!(
                "SELECT item_id, score, source FROM segrec_recommend({user}, 150, {call}) ORDER BY item_id"
            ))
        };
        let expected = all(&mut session, "explore => 0");
        assert_eq!(expected, all(&mut session, "diversity => 0.7"));
        assert_eq!(expected, all(&mut session, "explore => 0.7, diversity => 0.2"));
    }
}

#[test]
fn a_diverse_list_is_the_same_every_time_and_keeps_to_candidates() {
    let (database, mut session) = trained("lists_diverse_same");
    let query = "SELECT * FROM segrec_recommend(5, 8, candidates =>
        ARRAY(SELECT generate_series(0::bigint, 119, 3)), diversity => 0.5)";
    let list = session.table(query);
    assert_eq!(list, database.connect().table(query));
    assert_eq!(list.lines().count(), 8);
    let strange: i64 = session.value(&format!("SELECT count(*) FROM ({query}) list WHERE item_id % 3 <> 0"));
    assert_eq!(strange, 0);
    let guest = "SELECT * FROM segrec_recommend_for(ARRAY[2, 6]::bigint[], 8, diversity => 0.5)";
    assert_eq!(session.table(guest), session.table(guest));
    assert_ne!(
        session.table(guest),
        session.table("SELECT * FROM segrec_recommend_for(ARRAY[2, 6]::bigint[], 8)")
    );
}

#[test]
fn exploration_is_the_same_within_a_statement_and_differs_between_statements_and_users() {
    let (_database, mut session) = trained("lists_explore");
    let list = "(SELECT array_agg(item_id ORDER BY rank) FROM segrec_recommend({}, 10, explore => 0.8))";
    let again = list.replace("{}", "5");
    assert!(session.value::<bool>(&format!("SELECT {again} = {again}")));
    let by_text = again.replace("(5,", "('5',").replace("array_agg(item_id", "array_agg(item_id::bigint");
    assert!(session.value::<bool>(&format!("SELECT {again} = {by_text}")));
    let lists: Vec<String> = (0..5).map(|_| session.table(&format!("SELECT {again}"))).collect();
    assert!(lists.iter().any(|other| *other != lists[0]), "{lists:?}");
    // All unknown users have the same list, but not the same random draw.
    let drawn: i64 = session.value(
        "SELECT count(DISTINCT items) FROM (
             SELECT u, array_agg(item_id ORDER BY rank) AS items
             FROM generate_series(100000::bigint, 100009) u, segrec_recommend(u, 10, explore => 0.8) GROUP BY u) lists",
    );
    assert!(drawn > 5, "{drawn}");
}

#[test]
fn more_exploration_goes_further_from_the_best() {
    let (_database, mut session) = trained("lists_explore_more");
    let mut kept = |explore: f64| -> f64 {
        session.value::<f64>(&format!(
            "SELECT count(*)::float8 FROM generate_series(0::bigint, 599, 5) u, segrec_recommend(u, 10) best,
                 segrec_recommend(u, 10, explore => {explore}) drawn WHERE best.item_id = drawn.item_id"
        )) / 1200.0
    };
    let kept = [0.0, 0.2, 0.5, 1.0].map(&mut kept);
    assert!(kept.windows(2).all(|pair| pair[1] < pair[0]), "{kept:?}");
    // At random, a list has no more of the best ten items than of any other ten among more than a hundred.
    assert!(kept[0] == 1.0 && kept[3] < 0.2, "{kept:?}");
}

#[test]
fn shares_out_of_range_are_refused() {
    let (_database, mut session) = trained("lists_errors");
    for (argument, value, shown) in [
        ("diversity", "1.5", "1.5"),
        ("diversity", "-0.1", "-0.1"),
        ("explore", "'NaN'", "NaN"),
        ("explore", "2", "2"),
    ] {
        for call in ["segrec_recommend(5", "segrec_recommend_for(ARRAY[3]::bigint[]"] {
            let error = session.expect_error(&format!("SELECT {call}, {argument} => {value})"));
            assert_eq!(error.code(), &SqlState::INVALID_PARAMETER_VALUE);
            assert_eq!(error.message(), format!("\"{argument}\" is {shown}"));
            assert!(error.detail().unwrap().starts_with("1 "));
            assert_eq!(error.hint(), Some(&*format!("\"{argument}\" must be a number from 0 to 1.")));
        }
    }
    for (call, argument) in [
        ("segrec_recommend(5, diversity => NULL)", "diversity"),
        ("segrec_recommend_for(ARRAY[3]::bigint[], explore => NULL)", "explore"),
        ("segrec_recommend_segment(NULL)", "segment"),
        ("segrec_recommend_segment(1, NULL)", "n"),
        ("segrec_similar_users(5, NULL)", "n"),
        ("segrec_audience(5, exclude_seen => NULL)", "exclude_seen"),
    ] {
        let error = session.expect_error(&format!("SELECT {call}"));
        assert_eq!(error.code(), &SqlState::NULL_VALUE_NOT_ALLOWED, "{call}");
        assert_eq!(error.message(), format!("\"{argument}\" must not be null"));
    }
    let segments: Vec<i32> = session.column("SELECT segment FROM segrec.segments ORDER BY segment");
    let error = session.expect_error("SELECT segrec_recommend_segment(99)");
    assert_eq!(error.code(), &SqlState::UNDEFINED_OBJECT);
    assert_eq!(error.message(), "model \"planted\" has no segment 99");
    let segments: Vec<String> = segments.iter().map(i32::to_string).collect();
    let detail = format!("The segments of its deployed version are {}.", segments.join(", "));
    assert_eq!(error.detail(), Some(&*detail));
}

/// Counts the rows of a segment's list whose score is not the mean of `segrec_predict` over its members.
const NOT_THE_MEAN: &str = "SELECT count(*) FROM segrec.segments s
     CROSS JOIN LATERAL segrec_recommend_segment(s.segment, 200) r
     CROSS JOIN LATERAL (SELECT avg(segrec_predict(m.user_id, r.item_id)) AS score FROM segrec.segment_members m
                         WHERE m.segment = s.segment) members
     WHERE r.source NOT LIKE '%popular' AND abs(r.score - members.score) > 1e-4 * greatest(1, abs(members.score))";

#[test]
fn an_item_scores_for_a_segment_as_for_its_members_on_average() {
    for algorithm in ["hybrid", "als", "neighbours"] {
        let (_database, mut session) = trained_with(&format!("lists_segment_{algorithm}"), algorithm);
        assert_eq!(session.value::<i64>(NOT_THE_MEAN), 0, "{algorithm}");
        let share: f64 = session.value(
            "WITH taste AS (
                 SELECT segment, mode() WITHIN GROUP (ORDER BY user_id::bigint % 4) AS taste
                 FROM segrec.segment_members GROUP BY segment)
             SELECT avg((r.item_id::bigint % 4 = taste)::int)::float8 FROM taste, segrec_recommend_segment(segment, 15) r",
        );
        assert!(share > 0.95, "{algorithm}: {share}");
        let wrong: i64 = session.value(
            "SELECT count(*) FROM segrec_recommend_segment((SELECT min(segment) FROM segrec.segments), 5, 'planted',
                 ARRAY['3', '4', '5', '999', 'x', NULL, '4']) WHERE item_id NOT IN ('3', '4', '5')",
        );
        assert_eq!(wrong, 0);
        assert_eq!(
            session.value::<i64>("SELECT count(*) FROM segrec_recommend_segment((SELECT min(segment) FROM segrec.segments), 200)"),
            session.value::<i64>("SELECT count(DISTINCT item_id) FROM events")
        );
    }
}

#[test]
fn similar_users_share_the_planted_taste_and_are_the_nearest_by_factors() {
    let (_database, mut session) = trained("lists_similar");
    let share: f64 = session.value(
        "SELECT avg((s.user_id % 4 = u % 4)::int)::float8
         FROM generate_series(0::bigint, 599, 11) u, segrec_similar_users(u, 10) s",
    );
    assert!(share > 0.9, "{share}");
    let different: i64 = session.value(
        "WITH direction AS (
             SELECT user_id, factors, sqrt((SELECT sum(f::float8 * f) FROM unnest(factors) f)) AS length FROM segrec.user_factors),
         cosine AS (
             SELECT b.user_id, (SELECT sum(x::float8 * y) FROM unnest(a.factors, b.factors) pair (x, y)) / (a.length * b.length) AS cosine
             FROM direction a JOIN direction b ON a.user_id = '17' AND b.user_id <> '17')
         SELECT count(*) FROM segrec_similar_users('17', 25) s
         FULL JOIN (SELECT *, row_number() OVER (ORDER BY cosine DESC) AS rank FROM cosine ORDER BY cosine DESC LIMIT 25) plain USING (rank)
         WHERE abs(s.similarity - plain.cosine) < 1e-5 IS NOT TRUE",
    );
    assert_eq!(different, 0);
    let ranks: Vec<i32> = session.column("SELECT rank FROM segrec_similar_users(17, 1000) ORDER BY rank");
    let others: i64 = session.value("SELECT count(DISTINCT user_id) FROM events WHERE user_id <> 17");
    assert_eq!(ranks, (1..=others as i32).collect::<Vec<_>>());
}

#[test]
fn somebody_new_is_like_those_with_the_same_events_and_a_stranger_like_nobody() {
    let (_database, mut session) = trained("lists_similar_new");
    session.run("INSERT INTO events SELECT 5000, i FROM generate_series(1::bigint, 21, 4) i");
    let share: f64 =
        session.value("SELECT avg((user_id % 4 = 1)::int)::float8 FROM segrec_similar_users(5000, 10)");
    assert!(share > 0.9, "{share}");
    for nobody in ["987654", "'nobody'", "NULL::bigint"] {
        let rows: i64 = session.value(&format!("SELECT count(*) FROM segrec_similar_users({nobody})"));
        assert_eq!(rows, 0, "{nobody}");
    }
    let error = session.expect_error("SELECT segrec_similar_users(gen_random_uuid())");
    assert_eq!(error.code(), &SqlState::DATATYPE_MISMATCH);
    assert_eq!(error.message(), "the user ids of model \"planted\" are of type bigint, not uuid");
}

#[test]
fn an_audience_has_the_scores_of_everybodys_lists() {
    for algorithm in ["hybrid", "als", "neighbours"] {
        let (_database, mut session) = trained_with(&format!("lists_audience_{algorithm}"), algorithm);
        let (common, different): (i64, i64) = {
            let row = session
                .query_one(
                    "SELECT count(*), count(*) FILTER (WHERE abs(audience.score - list.score) > 1e-4)
                     FROM segrec_recommend_all('planted', 20) list
                     JOIN (SELECT i::text AS item_id, a.* FROM generate_series(0::bigint, 119, 7) i, segrec_audience(i, 600) a) audience
                         USING (user_id, item_id)
                     WHERE list.source NOT LIKE '%popular'",
                    &[],
                )
                .unwrap();
            (row.get(0), row.get(1))
        };
        assert!(common > 500 && different == 0, "{algorithm}: {different} of {common}");
        let share: f64 =
            session.value("SELECT avg((user_id::bigint % 4 = 3)::int)::float8 FROM segrec_audience(7, 50)");
        assert!(share > 0.9, "{algorithm}: {share}");
    }
}

#[test]
fn an_audience_leaves_out_who_has_the_item_unless_asked() {
    let (_database, mut session) = trained("lists_audience_seen");
    let having = "SELECT count(*) FROM segrec_audience(7, 600{}) a
                  JOIN events e ON e.item_id = 7 AND e.user_id::text = a.user_id";
    assert_eq!(session.value::<i64>(&having.replace("{}", "")), 0);
    let owners: i64 = session.value("SELECT count(*) FROM events WHERE item_id = 7");
    assert_eq!(session.value::<i64>(&having.replace("{}", ", exclude_seen => false")), owners);
    let rising: i64 = session.value(
        "SELECT count(*) FROM (SELECT score > lag(score) OVER (ORDER BY rank) AS rises,
                                      rank <> row_number() OVER (ORDER BY rank) AS gap
                               FROM segrec_audience('7')) steps WHERE rises OR gap",
    );
    assert_eq!(rising, 0);
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_audience(7)"), 100);
    for nothing in ["987654", "'nothing'", "NULL::bigint", "7, 0"] {
        assert_eq!(session.value::<i64>(&format!("SELECT count(*) FROM segrec_audience({nothing})")), 0);
    }
}

#[test]
fn ratings_have_segments_lists_and_audiences_in_their_unit() {
    let database = Cluster::shared().database("lists_ratings");
    let mut session = database.connect();
    planted::create(&mut session);
    session.run(
        r#"CREATE TABLE ratings AS SELECT user_id, item_id, 1 + (user_id % 4 = item_id % 4)::int * 3 + item_id % 2 AS stars FROM events;
           CREATE INDEX ON ratings (user_id);
           SELECT segrec_create_model('stars', 'ratings', weight_column => 'stars', options =>
               '{"algorithm": "rating", "als": {"factors": 4}, "segmentation": {"segments": 2}}');
           SELECT segrec_train('stars')"#,
    );
    let outside: i64 = session.value(
        "SELECT count(*) FROM segrec_audience(7, 50) a WHERE score NOT BETWEEN 1 AND 5
            OR abs(score - segrec_predict(user_id, '7')) > 1e-3",
    );
    assert_eq!(outside, 0);
    let list = session
        .table("SELECT DISTINCT source FROM segrec_recommend_segment(1, 5) WHERE score BETWEEN 1 AND 5");
    assert_eq!(list, "rating");
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_similar_users(3, 5)"), 5);
    assert_eq!(
        session.value::<i64>("SELECT count(*) FROM segrec_recommend(3, 5, diversity => 0.5, explore => 0.5)"),
        5
    );
}

#[test]
fn models_that_rank_by_nothing_say_so() {
    let (_database, mut session) = trained_with("lists_popularity", "popularity");
    let error = session.expect_error("SELECT segrec_audience(7)");
    assert_eq!(error.code(), &SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE);
    assert_eq!(error.message(), "the deployed version of model \"planted\" ranks by popularity");
    let sources = session.table(
        "SELECT DISTINCT source LIKE '%popular' FROM segrec.segments, segrec_recommend_segment(segment, 5)",
    );
    assert_eq!(sources, "t");
    session.run(
        "CREATE TABLE people AS SELECT id, id % 3 AS age FROM generate_series(1, 60) id;
         SELECT segrec_create_model('people', users => 'people', users_key => 'id');
         SELECT segrec_train('people')",
    );
    for call in [
        "segrec_recommend_segment(1, 5, 'people')",
        "segrec_similar_users(1, 5, 'people')",
        "segrec_audience(1, 5, 'people')",
    ] {
        let error = session.expect_error(&format!("SELECT {call}"));
        assert_eq!(error.message(), "model \"people\" has no events to recommend from", "{call}");
    }
}

#[test]
fn one_user_and_one_item_are_enough() {
    let database = Cluster::shared().database("lists_tiny");
    let mut session = database.connect();
    session.run(
        "CREATE TABLE events AS SELECT 1::bigint AS user_id, 1::bigint AS item_id; CREATE INDEX ON events (user_id);
         SELECT segrec_create_model('tiny', 'events'); SELECT segrec_train('tiny')",
    );
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_similar_users(1)"), 0);
    assert_eq!(
        session.value::<i64>("SELECT count(*) FROM segrec_recommend(1, diversity => 1, explore => 1)"),
        0
    );
    assert_eq!(
        session.value::<i64>("SELECT count(*) FROM segrec_recommend(2, diversity => 1, explore => 1)"),
        1
    );
    assert_eq!(
        session.value::<i64>("SELECT count(*) FROM segrec.segments, segrec_recommend_segment(segment)"),
        1
    );
    session.run("SELECT segrec_audience(1, exclude_seen => false)");
}
