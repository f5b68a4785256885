//! Weights, holdouts and deployments of trainings on faulty data: failed loads, misspelt types, times that tie or lie
//! in the future, weights out of proportion.

use segrec_tests::{Cluster, Database, Session, planted};

/// Creates the purchases of a shop, with a time, a weight and a type.
fn shop(name: &str) -> (Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    session.run(
        "CREATE TABLE buys AS
         SELECT u::bigint AS user_id, i::bigint AS item_id, timestamptz '2025-01-01' + ((u * 37 + i * 101) % 300) * interval '1 day' AS at,
                1::float8 AS w, 'buy'::text AS what
         FROM generate_series(1, 120) u, generate_series(1, 90) i
         WHERE (i % 3 = u % 3 AND (u * 7 + i * 13) % 5 < 3) OR (u * 11 + i * 17) % 41 = 0",
    );
    (database, session)
}

fn create(session: &mut Session, model: &str, events: &str, options: &str) {
    session.run(&format!(
        "SELECT segrec_create_model('{model}', '{events}', weight_column => 'w', time_column => 'at', type_column => 'what',
                                    options => '{options}')"
    ));
}

/// Returns the severity and the detail of the notice whose message begins with `begins`; `None` if there is none.
fn told(session: &mut Session, begins: &str) -> Option<(String, String)> {
    let notices = session.notices();
    let found = notices.iter().find(|notice| notice.message().starts_with(begins));
    found.map(|notice| (notice.severity().to_owned(), notice.detail().unwrap_or_default().to_owned()))
}

#[test]
fn data_that_shrank_are_not_deployed_until_somebody_says_so() {
    let (_database, mut session) = shop("measuring_shrank");
    create(&mut session, "shop", "buys", r#"{"als": {"factors": 8}}"#);
    session.run("SELECT segrec_train('shop')");
    session.run(
        "CREATE TABLE kept AS TABLE buys; CREATE TABLE few AS SELECT * FROM buys ORDER BY at LIMIT 20;
         TRUNCATE buys; INSERT INTO buys TABLE few",
    );
    session.notices();
    assert_eq!(session.table("SELECT version, deployed FROM segrec_train('shop')"), "2|f");
    let (severity, detail) = told(&mut session, "the version is not deployed").unwrap();
    assert_eq!(severity, "WARNING");
    assert!(
        detail.starts_with("fewer than half of the data that version 1 was trained on are left: "),
        "{detail}"
    );
    assert_eq!(session.table("SELECT reason FROM segrec.versions WHERE version = 2"), detail.as_str());
    // A tenth of the users, or half of the items, is not deployed either.
    session.run("TRUNCATE buys; INSERT INTO buys SELECT * FROM kept WHERE user_id % 10 = 0");
    assert_eq!(session.table("SELECT version, deployed FROM segrec_train('shop')"), "3|f");
    session.run("TRUNCATE buys; INSERT INTO buys SELECT * FROM kept WHERE item_id < 40");
    assert_eq!(session.table("SELECT version, deployed FROM segrec_train('shop')"), "4|f");
    assert_eq!(session.table("SELECT deployed_version FROM segrec.models"), "1");
    // The training is told to deploy, as after somebody checked the data.
    assert_eq!(session.table("SELECT version, deployed FROM segrec_train('shop', 'always')"), "5|t");
    assert_eq!(session.table("SELECT version, deployed FROM segrec_train('shop')"), "6|t");
}

#[test]
fn what_cannot_be_measured_does_not_replace_what_was() {
    let (_database, mut session) = shop("measuring_unmeasured");
    create(&mut session, "shop", "buys", r#"{"als": {"factors": 8}}"#);
    session.run("SELECT segrec_train('shop')");
    // There are as many users, items and events as before, but each user has the same item again and again.
    session.run("UPDATE buys SET item_id = CASE WHEN user_id <= 90 THEN user_id ELSE 1 END");
    session.notices();
    assert_eq!(session.table("SELECT deployed, value IS NULL FROM segrec_train('shop')"), "f|t");
    assert_eq!(
        session.table("SELECT reason FROM segrec.versions WHERE version = 2"),
        "no events could be held out to evaluate it, but version 1 was evaluated"
    );
    assert!(told(&mut session, "no events of \"buys\" could be held out").is_some());
}

#[test]
fn segments_of_fewer_than_half_of_the_users_are_not_deployed() {
    let database = Cluster::shared().database("measuring_segments");
    let mut session = database.connect();
    session.run(
        "CREATE TABLE people AS SELECT id, id % 7 AS age, id % 5 AS visits FROM generate_series(1, 400) id;
         SELECT segrec_create_model('people', users => 'people', users_key => 'id', options => '{\"segmentation\": {\"segments\": 3}}');
         SELECT segrec_train('people');
         DELETE FROM people WHERE id > 190",
    );
    assert_eq!(session.table("SELECT deployed FROM segrec_train('people')"), "f");
    assert_eq!(
        session.table("SELECT reason FROM segrec.versions WHERE version = 2"),
        "fewer than half of the data that version 1 was trained on are left: 190 of 400 users"
    );
    session.run("INSERT INTO people SELECT id, 1, 2 FROM generate_series(191, 200) id");
    assert_eq!(session.table("SELECT deployed FROM segrec_train('people')"), "t");
}

#[test]
fn misspelt_types_stop_a_training_and_types_that_are_left_out_do_not() {
    let (_database, mut session) = shop("measuring_types");
    session.run("UPDATE buys SET what = CASE WHEN user_id = 1 THEN 'purchase' WHEN user_id = 2 THEN 'cart' ELSE 'view' END");
    create(
        &mut session,
        "shop",
        "buys",
        r#"{"als": {"factors": 8}, "events": {"type_weights": {"purchase": 5, "veiw": 1}}}"#,
    );
    let [rows, views, carts] = ["true", "what = 'view'", "what = 'cart'"]
        .map(|condition| session.value::<i64>(&format!("SELECT count(*) FROM buys WHERE {condition}")));
    let error = session.expect_error("SELECT segrec_train('shop')");
    assert_eq!(error.code().code(), "22023");
    assert_eq!(
        error.message(),
        format!(
            "{} of {rows} rows of \"buys\" have a type that is not listed in events.type_weights, and \"veiw\" does not occur",
            views + carts
        )
    );
    assert_eq!(
        error.detail(),
        Some(format!("These types are \"view\" ({views}), \"cart\" ({carts}).").as_str())
    );
    assert!(error.hint().unwrap().contains("weight of 0"));
    // A few purchases among many views are not an error, because all listed types occur.
    for weights in [r#"{"purchase": 5}"#, r#"{"purchase": 5, "veiw": 0}"#, r#"{"view": 1, "veiw": 1}"#] {
        session.run(&format!(
            "SELECT segrec_alter_model('shop', '{{\"events\": {{\"type_weights\": {weights}}}}}')"
        ));
        session.notices();
        session.run("SELECT segrec_train('shop')");
        let (severity, detail) = told(&mut session, "ignored").unwrap();
        assert_eq!((severity.as_str(), detail.contains("\"cart\" (")), ("NOTICE", true), "{detail}");
    }
    // The error names the negative weight.
    let error = session.expect_error(
        r#"SELECT segrec_alter_model('shop', '{"events": {"type_weights": {"view": 1, "cart": -2}}}')"#,
    );
    assert_eq!(error.message(), "option \"events.type_weights\" specifies the weight -2 for \"cart\"");
}

#[test]
fn times_that_tie_are_measured_in_another_way_and_that_is_said() {
    let (_database, mut session) = shop("measuring_ties");
    session.run(
        "CREATE TABLE months AS SELECT user_id, item_id, date '2025-01-01' + (user_id + item_id)::int % 6 * 31 AS at, w, what FROM buys;
         CREATE TABLE import AS SELECT user_id, item_id, timestamptz '2025-01-01' AS at, w, what FROM buys;
         CREATE TABLE once AS SELECT user_id, item_id, timestamptz '2025-01-01' + user_id * interval '1 day' AS at, w, what FROM buys;
         CREATE TABLE single AS SELECT u::bigint AS user_id, u::bigint % 9 AS item_id, timestamptz '2025-01-01' AS at, 1.0::float8 AS w, 'buy'::text AS what
                                FROM generate_series(1, 100) u",
    );
    for events in ["months", "import", "once"] {
        create(&mut session, events, events, r#"{"als": {"factors": 8}}"#);
        session.notices();
        session.run(&format!("SELECT segrec_train('{events}')"));
        let (severity, detail) =
            told(&mut session, &format!("events of \"{events}\" were held out by last")).unwrap();
        assert_eq!(severity, "NOTICE");
        assert!(detail.starts_with("By time: "), "{detail}");
        assert_eq!(
            session.table(&format!(
                "SELECT split, value IS NOT NULL FROM segrec.versions WHERE model = '{events}'"
            )),
            "last|t"
        );
    }
    // Each command that measures reports it once.
    session.run("SELECT segrec_train('once', 'always')");
    for measure in
        ["SELECT count(*) FROM segrec_compare('once', 2, 1)", "SELECT count(*) FROM segrec_evaluate('once')"]
    {
        session.notices();
        session.run(measure);
        assert!(told(&mut session, "events of \"once\" were held out by last").is_some(), "{measure}");
    }
    session.notices();
    session.run(r#"CALL segrec_tune('once', '{"als.factors": [4, 8]}', trials => 2)"#);
    assert!(told(&mut session, "events of \"once\" were held out by last").is_some());
    create(&mut session, "single", "single", r#"{"als": {"factors": 8}}"#);
    session.notices();
    session.run("SELECT segrec_train('single')");
    let (_, detail) = told(&mut session, "no events of \"single\" could be held out").unwrap();
    assert_eq!(detail.lines().count(), 3, "{detail}");
    assert_eq!(
        session.table("SELECT value, reason FROM segrec.versions WHERE model = 'single'"),
        "∅|the first version is always deployed, though no events could be held out to evaluate it"
    );
}

#[test]
fn an_event_in_the_future_is_told_and_has_no_power_over_others() {
    let (_database, mut session) = shop("measuring_future");
    create(
        &mut session,
        "shop",
        "buys",
        r#"{"algorithm": "popularity", "events": {"half_life": "30 days"}}"#,
    );
    session.run(
        "INSERT INTO buys VALUES (1, 1, '2025-12-01', 1, 'buy'), (2, 2, '2025-12-01', 1, 'buy');
         SELECT segrec_train('shop')",
    );
    let list =
        "SELECT rank, item_id, round(score::numeric, 5) FROM segrec_recommend(-1, 20, 'shop') ORDER BY 1";
    let before = session.table(list);
    session.run("UPDATE buys SET at = '9999-12-31' WHERE at = '2025-12-01' AND user_id = 1");
    session.notices();
    session.run("SELECT segrec_train('shop')");
    let (severity, detail) = told(&mut session, "1 of ").unwrap();
    assert_eq!(severity, "NOTICE");
    assert!(detail.starts_with("Ages are measured from the latest event before now"), "{detail}");
    assert_eq!(session.table(list), before);
    // A schedule does not wait because of future events either.
    session.run("INSERT INTO buys SELECT 3000 + u, i, now() - interval '1 day', 1, 'buy' FROM generate_series(1, 40) u, generate_series(1, 10) i; DELETE FROM buys WHERE user_id < 60");
    session.notices();
    session.run("CALL segrec_run_schedule('shop', 10)");
    assert_eq!(session.table("SELECT outcome, new_events FROM segrec.schedule_runs"), "trained|400");
}

#[test]
fn weights_out_of_all_proportion_train_and_what_counts_nothing_is_counted() {
    let (_database, mut session) = shop("measuring_weights");
    session.run("CREATE INDEX ON buys (user_id)");
    for (name, half_life, change) in [
        ("heavy", "null", "UPDATE buys SET w = 1e8 WHERE user_id = 7"),
        ("beyond", "null", "UPDATE buys SET w = 1e39 WHERE user_id = 7"),
        ("small", "null", "UPDATE buys SET w = 1e-46"),
        ("short", "\"1 day\"", "UPDATE buys SET w = 1"),
    ] {
        session.run(change);
        for algorithm in ["popularity", "als", "hybrid"] {
            let options = format!(
                r#"{{"algorithm": "{algorithm}", "als": {{"factors": 8}}, "events": {{"half_life": {half_life}}}}}"#
            );
            let model = format!("{name} {algorithm}");
            create(&mut session, &model, "buys", &options);
            session.run(&format!("SELECT segrec_train('{model}')"));
            assert_eq!(
                session.table(&format!(
                    "SELECT value > 0, users, items FROM segrec.versions WHERE model = '{model}'"
                )),
                "t|120|90"
            );
            // Current events have the weights of the training: nothing has changed, so factors are those of the
            // training.
            if algorithm == "als" {
                let apart: f64 = session.value(&format!(
                    "SELECT max(abs(f.score - r.score))::float8 FROM segrec_recommend_all('{model}', 3) r,
                     LATERAL segrec_recommend(r.user_id::bigint, 3, '{model}') f WHERE f.item_id = r.item_id::bigint"
                ));
                assert!(apart < 1e-6, "{model} {apart}");
            }
        }
    }
    create(&mut session, "hour", "buys", r#"{"algorithm": "popularity", "events": {"half_life": "1 hour"}}"#);
    session.notices();
    session.run("SELECT segrec_train('hour')");
    let (severity, _) = session
        .notices()
        .iter()
        .find(|notice| notice.message().ends_with("events of \"buys\" have no effect"))
        .map(|notice| (notice.severity().to_owned(), ()))
        .unwrap();
    assert_eq!(severity, "NOTICE");
}

#[test]
fn nothing_that_a_user_has_is_recommended_whether_it_counts_or_not() {
    let (_database, mut session) = shop("measuring_seen");
    session.run(
        "INSERT INTO buys SELECT user_id, 1 + (item_id + 7) % 90, at, 0, 'buy' FROM buys WHERE (user_id + item_id) % 11 = 0;
         CREATE TABLE live AS TABLE buys; CREATE INDEX ON live (user_id)",
    );
    for events in ["buys", "live"] {
        for algorithm in ["als", "hybrid", "popularity"] {
            for own in [
                r#"{}"#,
                r#"{"max_user_events": 3}"#,
                r#"{"half_life": "5 days"}"#,
                r#"{"half_life": "1 hour"}"#,
            ] {
                let options =
                    format!(r#"{{"algorithm": "{algorithm}", "als": {{"factors": 8}}, "events": {own}}}"#);
                create(&mut session, "m", events, &options);
                session.run("SELECT segrec_train('m')");
                let seen = |of: &str| {
                    format!(
                        "SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM buys b WHERE b.user_id = u AND b.item_id = l.item_id::bigint)) || ' of ' || (count(*) > 500) FROM {of}"
                    )
                };
                let what = format!("{events} {algorithm} {own}");
                assert_eq!(
                    session.table(&seen(
                        "generate_series(1, 120) u, LATERAL segrec_recommend(u::bigint, 10, 'm') l"
                    )),
                    "0 of true",
                    "{what}"
                );
                assert_eq!(
                    session.table(&seen(
                        "(SELECT user_id::bigint AS u, item_id FROM segrec_recommend_all('m', 10)) l"
                    )),
                    "0 of true",
                    "{what}"
                );
                // If popularity ranks better on these few events, there are no personal scores.
                let scores: bool = session.value("SELECT NOT EXISTS (SELECT FROM segrec.algorithm_choices WHERE algorithm = 'popularity' AND chosen)");
                if scores && algorithm != "popularity" {
                    let item = "SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM buys b WHERE b.user_id = l.user_id::bigint AND b.item_id = 5)) || ' of ' || (count(*) > 0) FROM segrec_audience(5::bigint, 100, 'm') l";
                    assert_eq!(session.table(item), "0 of true", "{what}");
                }
                session.run("SELECT segrec_drop_model('m')");
            }
        }
    }
}

#[test]
fn cosines_are_never_above_one() {
    let database = Cluster::shared().database("measuring_cosines");
    let mut session = database.connect();
    session.run(
        "CREATE TABLE three AS SELECT u::bigint AS user_id, i::bigint AS item_id FROM generate_series(1, 60) u, generate_series(1, 30) i WHERE i % 3 = u % 3;
         CREATE INDEX ON three (user_id);
         SELECT segrec_create_model('three', 'three', options => '{\"algorithm\": \"als\", \"als\": {\"factors\": 8}}');
         SELECT segrec_train('three')",
    );
    assert_eq!(
        session.table(
            "SELECT max(users.similarity) <= 1, max(users.similarity) > 0.999, min(users.similarity) >= -1
             FROM generate_series(1, 60) u, LATERAL segrec_similar_users(u::bigint, 60, 'three') users"
        ),
        "t|t|t"
    );
    assert_eq!(
        session.table(
            "SELECT max(items.score) <= 1, max(items.score) > 0.999, min(items.score) >= -1
             FROM generate_series(1, 30) i, LATERAL segrec_similar_items(i::bigint, 30, 'three') items"
        ),
        "t|t|t"
    );
}

#[test]
fn the_score_of_an_item_for_a_stranger_is_the_one_that_is_predicted() {
    let database = Cluster::shared().database("measuring_strangers");
    let mut session = database.connect();
    planted::create(&mut session);
    session.run(
        "CREATE TABLE stars AS SELECT user_id, item_id, 1 + (user_id * 7 + item_id * 3) % 5 AS stars FROM events;
         CREATE INDEX ON stars (user_id);
         CREATE TABLE people AS SELECT u::bigint AS id, u % 3 AS plan FROM generate_series(0, 700) u",
    );
    for algorithm in ["hybrid", "als", "neighbours", "ease", "popularity", "rating"] {
        session.run(&format!(
            "SELECT segrec_create_model('m', 'stars', weight_column => 'stars', users => 'people', users_key => 'id',
                                        options => '{{\"algorithm\": \"{algorithm}\", \"als\": {{\"factors\": 8}}, \"segmentation\": {{\"segments\": 4}}}}');
             SELECT segrec_train('m', 'always')"
        ));
        // The users are unknown everywhere, known only to the table of users, and not a valid id.
        for user in ["99999::bigint", "650::bigint", "'nobody'::text"] {
            let compared = session.table(&format!(
                "SELECT count(*) FILTER (WHERE r.score IS DISTINCT FROM segrec_predict({user}, r.item_id, 'm')) || ' of ' || (count(*) > 100)
                 FROM segrec_recommend({user}, 200, 'm') r"
            ));
            assert_eq!(compared, "0 of true", "{algorithm} {user}");
        }
        if algorithm == "rating" {
            assert_eq!(
                session.table("SELECT DISTINCT source FROM segrec_recommend(99999::bigint, 10, 'm')"),
                "rating"
            );
            assert_eq!(
                session.table(
                    "SELECT count(*) FILTER (WHERE abs(l.score - segrec_predict(l.user_id, l.item_id, 'm')) > 1e-5) || ' of ' || (count(*) > 20)
                     FROM segrec_recommend_all('m', 5) l WHERE l.user_id::bigint >= 595"
                ),
                "0 of true"
            );
        }
        session.run("SELECT segrec_drop_model('m')");
    }
}
