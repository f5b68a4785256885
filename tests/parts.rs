//! The parts of a hybrid besides factors and neighbours of items: neighbours of users, what is popular now, and the
//! transformer.

use segrec_tests::{Cluster, Database, Session, SqlState};

/// A thousand users of ten tastes with forty items each, who take them in a circle: after one item mostly the next one.
const CIRCLES: &str = "
    CREATE TABLE steps AS
    SELECT user_id, (user_id % 10 * 40 + (user_id * 7 + step + abs(hashint8(user_id * 1000 + step)) % 3) % 40)::bigint AS item_id,
           '2026-01-01'::timestamptz + step * interval '1 hour' + user_id * interval '1 second' AS happened_at
    FROM generate_series(1, 600::bigint) AS user_id, generate_series(0, 19) AS step;
    CREATE INDEX ON steps (user_id);";

/// A shop in which something else is in fashion every week, for everybody.
pub const FASHION: &str = "
    CREATE TABLE sales AS
    SELECT buyer AS user_id, item_id, sold_at
    FROM (SELECT abs(hashint8(n * 13)) % 500 AS buyer,
                 '2026-01-01'::timestamptz + n * interval '10 minutes' AS sold_at,
                 CASE WHEN abs(hashint8(n * 7)) % 3 = 0 THEN abs(hashint8(n * 31)) % 300
                      ELSE (n / 1008) % 15 * 20 + abs(hashint8(n * 17)) % 20 END::bigint AS item_id
          FROM generate_series(1, 15000::bigint) AS n) AS sale;
    CREATE INDEX ON sales (user_id);
    CREATE INDEX ON sales (sold_at);";

pub fn filled(name: &str, tables: &str) -> (Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    session.run(tables);
    (database, session)
}

pub fn train(session: &mut Session, relation: &str, time: &str, options: &str) {
    session.run(&format!(
        "SELECT segrec_create_model('parts', '{relation}', time_column => '{time}',
             options => '{{\"als\": {{\"factors\": 8}}, \"segmentation\": {{\"segments\": 4}}, {options}}}');
         SELECT segrec_train('parts', 'always')"
    ));
}

/// Whether lists, scores, explanations, audiences and lists of all users say the same.
fn all_agree(session: &mut Session, users: &str) {
    assert_eq!(
        session.table(&format!(
            "SELECT count(*) > 100, bool_and(own.item_id = every.item_id::bigint), bool_and(abs(own.score - every.score) < 1e-3),
                    bool_and(abs(own.score - segrec_predict(every.user_id::bigint, own.item_id)) < 1e-3)
             FROM segrec_recommend_all(n => 3) AS every
             JOIN LATERAL segrec_recommend(every.user_id::bigint, 3) AS own USING (rank) WHERE every.user_id::bigint IN ({users})"
        )),
        "t|t|t|t"
    );
    assert_eq!(
        session.table(
            "SELECT bool_and(abs(list.score - (SELECT sum(contribution) FROM segrec_explain(u, list.item_id))) < 1e-3)
             FROM generate_series(1::bigint, 20) AS u, segrec_recommend(u, 2) AS list"
        ),
        "t"
    );
    assert_eq!(
        session.table(
            "SELECT count(*), bool_and(abs(score - segrec_predict(user_id::bigint, 3)) < 1e-3) FROM segrec_audience(3, 20)"
        ),
        "20|t"
    );
    assert_eq!(
        session.table(
            "SELECT bool_and(abs(score - (SELECT avg(segrec_predict(user_id, list.item_id))
                                          FROM segrec.segment_members WHERE segment = 1)) < 1e-3)
             FROM segrec_recommend_segment(1, 5) AS list"
        ),
        "t"
    );
}

/// Exports the deployed version and imports it in a second model, whose lists must be the same.
fn travels(session: &mut Session, relation: &str, time: &str) {
    let lists =
        |model: &str| format!("SELECT * FROM segrec_recommend_all('{model}', 5) ORDER BY user_id, rank");
    let before = session.table(&lists("parts"));
    session.run(&format!(
        "CREATE TABLE dump AS SELECT * FROM segrec_export('parts');
         SELECT segrec_create_model('other', '{relation}', time_column => '{time}');
         SELECT segrec_deploy('other', segrec_import('other', 'dump'))"
    ));
    assert_eq!(session.table(&lists("other")), before);
    let scorers = |model: &str| {
        format!(
            "SELECT scorer, share, gain, ci_low, microseconds, megabytes FROM segrec.scorers WHERE model = '{model}'"
        )
    };
    assert_eq!(session.table(&scorers("other")), session.table(&scorers("parts")));
    session.run("SELECT segrec_drop_model('other')");
}

#[test]
fn rows_of_users_are_kept_with_them_and_forgotten_with_them() {
    let (_database, mut session) = filled("parts_users", CIRCLES);
    train(
        &mut session,
        "steps",
        "happened_at",
        r#""user_neighbours": {"share": 0.3}, "popular_now": {"share": 0}"#,
    );
    assert_eq!(
        session.table(
            "SELECT count(row_items) > 500, min(cardinality(row_items)) > 5, bool_and(cardinality(row_items) = cardinality(row_weights))
             FROM segrec_catalog.version_users"
        ),
        "t|t|t"
    );
    all_agree(&mut session, "SELECT generate_series(1, 60)");
    // The part does not depend on the user's own items, so it is the base of an explanation.
    assert_eq!(
        session.table(
            "SELECT count(*) > 5 FROM generate_series(1::bigint, 20) AS u, segrec_recommend(u, 1) AS list,
                    segrec_explain(u, list.item_id) AS own WHERE own.item_id IS NULL AND (by_scorer ->> 'user_neighbours')::real > 0"
        ),
        "t"
    );
    travels(&mut session, "steps", "happened_at");
    // A guest with the same items has no row, and gets a list all the same.
    assert_eq!(
        session.value::<i64>("SELECT count(*) FROM segrec_recommend_for(ARRAY[1, 2, 3]::bigint[], 5)"),
        5
    );
    session.run("SELECT segrec_forget_user('parts', 5::bigint)");
    assert_eq!(session.table("SELECT count(*) FROM segrec_catalog.version_users WHERE user_id = '5'"), "0");
    // Rows that make no sense are not imported.
    for (path, value) in [
        ("{row_items,0}", "-1"),
        ("{row_items}", "[]"),
        ("{row_weights,0}", "\"NaN\""),
        ("{row_weights}", "null"),
    ] {
        session.run(&format!(
            "SELECT segrec_create_model('other', 'steps', time_column => 'happened_at');
             CREATE TABLE wrong AS SELECT part, CASE part WHEN 'user' THEN jsonb_set(content::jsonb, '{path}', '{value}')::text
                                                ELSE content END AS content FROM dump"
        ));
        let error = session.expect_error("SELECT segrec_import('other', 'wrong')");
        assert_eq!(error.code(), &SqlState::INVALID_PARAMETER_VALUE, "{path} {value}: {error:?}");
        session.run("DROP TABLE wrong; SELECT segrec_drop_model('other')");
    }
}

#[test]
fn what_is_popular_now_is_decided_on_the_latest_events_and_follows_events_as_they_come() {
    let (_database, mut session) = filled("parts_now", FASHION);
    train(&mut session, "sales", "sold_at", r#""user_neighbours": {"share": 0}"#);
    let share = "SELECT own ->> 'share' FROM segrec.versions, jsonb_array_elements(decided -> 'blend') AS own WHERE own ->> 'scorer' = 'popular_now'";
    assert!(session.value::<String>(share).parse::<f64>().unwrap() >= 0.1);
    // The view of scorers says what it is worth, what it costs, and which others were left out.
    assert_eq!(
        session.table(
            "SELECT share > 0, gain, microseconds > 0, round(megabytes * 1048576)::int, metric
             FROM segrec.scorers WHERE scorer = 'popular_now'"
        ),
        "t|∅|t|1200|ndcg@20"
    );
    assert_eq!(
        session.table("SELECT scorer, weight, share, gain, microseconds, megabytes FROM segrec.scorers WHERE scorer IN ('user_neighbours', 'sasrec')"),
        "user_neighbours|0|0|∅|∅|0\nsasrec|0|0|∅|∅|0"
    );
    assert_eq!(
        session.table(
            "SELECT every.scorer, every.weight = (own ->> 'weight')::float8, every.share = (own ->> 'share')::float8
             FROM segrec.scorers AS every LEFT JOIN (SELECT jsonb_array_elements(decided -> 'blend') AS own FROM segrec.versions) AS blend
             ON own ->> 'scorer' = every.scorer WHERE (every.weight > 0 OR own IS NOT NULL) AND (every.weight = (own ->> 'weight')::float8) IS NOT TRUE"
        ),
        ""
    );
    travels(&mut session, "sales", "sold_at");
    all_agree(&mut session, "SELECT generate_series(1, 60)");
    // Two hundred others buy what nobody bought lately: everybody's lists have it, and those of strangers.
    let new =
        "SELECT count(*) FROM generate_series(1::bigint, 20) AS u, segrec_recommend(u, 10) WHERE item_id = 7";
    let stranger =
        "SELECT string_agg(item_id || ' ' || source, ',' ORDER BY rank) FROM segrec_recommend(99999, 1)";
    assert!(session.value::<i64>(new) < 10);
    assert!(!session.value::<String>(stranger).starts_with("7 "));
    session.run("INSERT INTO sales SELECT 1000 + n, 7, (SELECT max(sold_at) FROM sales) + n * interval '1 second' FROM generate_series(1, 200) n");
    assert!(session.value::<i64>(new) > 15);
    assert_eq!(session.value::<String>(stranger), "7 popular_now");
    all_agree(&mut session, "SELECT generate_series(1, 60)");
    // In a transaction that is rolled back they are its own, and events of the future count in none.
    session.run(
        "BEGIN; INSERT INTO sales SELECT 2000 + n, 11, (SELECT max(sold_at) FROM sales) + n * interval '1 second' FROM generate_series(1, 2000) n",
    );
    assert_eq!(session.value::<String>(stranger), "11 popular_now");
    session.run("ROLLBACK; INSERT INTO sales SELECT 3000 + n, 13, now() + interval '9 years' FROM generate_series(1, 5000) n");
    assert_eq!(session.value::<String>(stranger), "7 popular_now");
    // Which are many, but none is read again by every call.
    session.run("BEGIN");
    let fetched = "SELECT pg_stat_get_xact_tuples_fetched('sales'::regclass)";
    let before: i64 = session.value(fetched);
    assert_eq!(session.value::<String>(stranger), "7 popular_now");
    let after: i64 = session.value(fetched);
    assert!(after - before < 20, "{before} {after}");
    session.run("COMMIT");
    // Whoever may not read the events, and whoever sees them through a policy, gets what it was at the training.
    session.run(
        "CREATE ROLE parts_guest; GRANT USAGE ON SCHEMA public TO parts_guest; SELECT segrec_grant('parts', 'parts_guest', 'use');
         SET ROLE parts_guest",
    );
    assert!(session.value::<String>(stranger).ends_with(" popular_now"));
    assert!(!session.value::<String>(stranger).starts_with("7 "));
    session.run("RESET ROLE; DROP OWNED BY parts_guest; DROP ROLE parts_guest");
}

#[test]
fn what_is_popular_now_is_left_out_where_the_latest_events_are_not_held_out() {
    let (_database, mut session) = filled("parts_not_now", FASHION);
    train(&mut session, "sales", "sold_at", r#""holdout": {"split": "random"}"#);
    assert_eq!(session.table("SELECT decided -> 'blend' @> '[{\"scorer\": \"popular_now\"}]', decided ->> 'popular_now' FROM segrec.versions"), "f|0.0");
    let error = session.expect_error(
        r#"SELECT segrec_alter_model('parts', options => '{"popular_now": {"half_life": "soon"}}')"#,
    );
    assert_eq!(
        error.hint(),
        Some(
            "\"popular_now.half_life\" must be \"auto\" or a duration such as \"90 days\" or \"12 hours\"; the default is \"auto\"."
        )
    );
    session.run(r#"SELECT segrec_alter_model('parts', options => '{"popular_now": {"half_life": "2 days", "share": 0.5}}')"#);
    session.run("SELECT segrec_train('parts', 'always')");
    assert_eq!(
        session.table("SELECT options -> 'popular_now' ->> 'half_life', decided ->> 'popular_now' FROM segrec.versions ORDER BY version DESC LIMIT 1"),
        "2 days|172800.0"
    );
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(3, 5)"), 5);
}

#[test]
fn the_transformer_learns_what_comes_next_alone_and_in_a_hybrid() {
    let (_database, mut session) = filled("parts_sasrec", CIRCLES);
    let small = r#""holdout": {"split": "last"}, "sasrec": {"epochs": 6, "window": 10, "adapters": true}"#;
    train(&mut session, "steps", "happened_at", &format!(r#""algorithm": "sasrec", {small}"#));
    let reached = "SELECT value > 1.5 * baseline FROM segrec.metrics WHERE metric = 'ndcg' AND k = 20 AND segment IS NULL AND history IS NULL";
    assert_eq!(session.table(reached), "t");
    // Whatever segments have of their own, all ways to ask say the same.
    all_agree(&mut session, "SELECT generate_series(1, 60)");
    assert_eq!(session.table("SELECT decided ->> 'adapters' FROM segrec.versions"), "true");
    assert_eq!(
        session.table(
            "SELECT phase, count(*) FROM segrec.training_log WHERE phase LIKE 's%net%' OR phase = 'sasrec' GROUP BY phase HAVING count(*) >= 6 ORDER BY phase"
        ),
        "sasrec|12\nsegment networks|9"
    );
    travels(&mut session, "steps", "happened_at");
    // A guest's last item says what comes next; what a user does now changes the list.
    let guest =
        |items: &str| format!("SELECT item_id FROM segrec_recommend_for(ARRAY[{items}]::bigint[], 1)");
    assert_ne!(session.value::<i64>(&guest("3, 4, 5, 20")), session.value::<i64>(&guest("20, 3, 4, 5")));
    let first = "SELECT string_agg(item_id::text, ' ' ORDER BY rank) FROM segrec_recommend(7, 5)";
    let before: String = session.value(first);
    session.run(
        "INSERT INTO steps VALUES (7, 123, '2026-05-01'), (7, 124, '2026-05-02'), (7, 125, '2026-05-03')",
    );
    assert_ne!(session.value::<String>(first), before);
    session.run("SELECT segrec_drop_model('parts')");
    train(
        &mut session,
        "steps",
        "happened_at",
        &small.replace(r#""window": 10"#, r#""window": 10, "share": 0.5"#),
    );
    assert_eq!(
        session.table("SELECT decided -> 'blend' @> '[{\"scorer\": \"sasrec\"}]' FROM segrec.versions"),
        "t"
    );
    assert_eq!(
        session.table(
            "SELECT bool_and((gain IS NULL) = (weight = 0)), bool_and(ci_low < gain AND gain < ci_high), count(gain) >= 2,
                    bool_or(scorer = 'sasrec' AND gain > 0 AND microseconds > 0 AND megabytes > .1) FROM segrec.scorers"
        ),
        "t|t|t|t"
    );
    all_agree(&mut session, "SELECT generate_series(1, 60)");
    // It orders items by their times, which must be known.
    session.run("SELECT segrec_drop_model('parts')");
    let error = session.expect_error(
        r#"SELECT segrec_create_model('parts', 'steps', options => '{"algorithm": "sasrec"}')"#,
    );
    assert_eq!(error.code(), &SqlState::INVALID_PARAMETER_VALUE);
    assert!(error.message().contains("time_column"), "{}", error.message());
}

/// A shop in which another shelf of the same items is in fashion every week for students than for everybody else.
const FASHIONS: &str = "
    CREATE TABLE buyers AS
    SELECT buyer AS user_id, CASE WHEN buyer % 2 = 0 THEN 'student' ELSE 'other' END AS kind FROM generate_series(0, 499::bigint) AS buyer;
    ALTER TABLE buyers ADD PRIMARY KEY (user_id);
    CREATE TABLE sales AS
    SELECT buyer::bigint AS user_id, sold_at,
           CASE WHEN abs(hashint8(n * 7)) % 3 = 0 THEN 300 + abs(hashint8(n * 31)) % 100
                ELSE (n / 1008 + buyer % 2 * 7) % 15 * 10 + abs(hashint8(n * 17)) % 10 END::bigint AS item_id
    FROM (SELECT n, abs(hashint8(n * 13)) % 500 AS buyer, '2026-01-01'::timestamptz + n * interval '10 minutes' AS sold_at
          FROM generate_series(1, 15000::bigint) AS n) AS sale
    UNION ALL SELECT 400 + n, '2026-01-02'::timestamptz + n * interval '1 minute', 999 FROM generate_series(0, 9) AS n;
    CREATE INDEX ON sales (user_id);
    CREATE INDEX ON sales (sold_at);";

/// Trains a model with a segment of each kind of buyers.
fn train_kinds(session: &mut Session) {
    session.run(
        r#"SELECT segrec_create_model('parts', 'sales', time_column => 'sold_at', users => 'buyers',
               options => '{"als": {"factors": 8}, "segmentation": {"method": "column", "label_column": "kind"},
                            "user_neighbours": {"share": 0}}');
           SELECT segrec_train('parts', 'always')"#,
    );
}

/// How many of twenty buyers with an odd or an even id have an item in their lists.
fn listed(session: &mut Session, item: i64, odd: i64) -> i64 {
    session.value(&format!(
        "SELECT count(*) FROM generate_series(0::bigint, 19) AS u, segrec_recommend(2 * u + {odd}, 5, 'parts') WHERE item_id = {item}"
    ))
}

#[test]
fn what_is_popular_now_in_a_segment_follows_the_events_of_its_users() {
    let (database, mut session) = filled("parts_segments", FASHIONS);
    train_kinds(&mut session);
    assert_eq!(
        session.table("SELECT decided ->> 'popular_now_by_segment', (SELECT count(recent) > 300 FROM segrec_catalog.version_segment_items) FROM segrec.versions"),
        "true|t"
    );
    all_agree(&mut session, "SELECT generate_series(1, 60)");
    travels(&mut session, "sales", "sold_at");
    // A hundred of the others buy what nobody bought lately: their lists have it, and those of students do not.
    let stray = 999;
    assert_eq!([listed(&mut session, stray, 0), listed(&mut session, stray, 1)], [0, 0]);
    let buy = |users: &str, item: i64| {
        format!(
            "INSERT INTO sales SELECT {users}, (SELECT max(sold_at) FROM sales) + n * interval '1 second', {item} FROM generate_series(50, 149) n"
        )
    };
    session.run(&buy("2 * n + 1", stray));
    assert!(listed(&mut session, stray, 1) > 15 && listed(&mut session, stray, 0) == 0);
    all_agree(&mut session, "SELECT generate_series(1, 60)");
    // In a transaction that is rolled back, it is so of its own events too.
    session.run(&format!("BEGIN; {}", buy("2 * n", stray)));
    assert!(listed(&mut session, stray, 0) > 15);
    session.run("ROLLBACK");
    assert_eq!(listed(&mut session, stray, 0), 0);
    // Whoever may not read the events gets what it was at the training.
    session.run(
        "CREATE ROLE segments_guest; GRANT USAGE ON SCHEMA public TO segments_guest; SELECT segrec_grant('parts', 'segments_guest', 'use');
         SET ROLE segments_guest",
    );
    assert_eq!([listed(&mut session, stray, 0), listed(&mut session, stray, 1)], [0, 0]);
    session.run("RESET ROLE; DROP OWNED BY segments_guest; DROP ROLE segments_guest");
    // What is stored of a segment is a sum, in which nobody who is forgotten can be found. To a session that begins later, what
    // they did is what strangers do, which counts for everybody.
    session.run("SELECT segrec_forget_user('parts', 2 * n + 1) FROM generate_series(50::bigint, 149) n");
    let mut session = database.connect();
    assert!(listed(&mut session, stray, 1) > 15 && listed(&mut session, stray, 0) > 15);
}

#[test]
fn counts_of_segments_that_make_no_sense_are_not_imported() {
    let (_database, mut session) = filled("parts_wrong_segments", FASHIONS);
    train_kinds(&mut session);
    session.run("CREATE TABLE dump AS SELECT * FROM segrec_export('parts')");
    for (part, path, value) in [
        ("segment_item", "{recent}", "-1"),
        ("segment_item", "{recent}", "\"NaN\""),
        ("segment_item", "{recent}", "null"),
        ("version", "{decided,popular_now_by_segment}", "false"),
        ("version", "{decided,popular_now_by_segment}", "7"),
    ] {
        session.run(&format!(
            "SELECT segrec_create_model('other', 'sales', time_column => 'sold_at');
             CREATE TABLE wrong AS SELECT part, CASE part WHEN '{part}' THEN jsonb_set(content::jsonb, '{path}', '{value}')::text
                                                ELSE content END AS content FROM dump"
        ));
        let error = session.expect_error("SELECT segrec_import('other', 'wrong')");
        assert_eq!(error.code(), &SqlState::INVALID_PARAMETER_VALUE, "{part} {path} {value}: {error:?}");
        session.run("DROP TABLE wrong; SELECT segrec_drop_model('other')");
    }
    // An export of before segments had counts is as good as before.
    session.run(
        "SELECT segrec_create_model('other', 'sales', time_column => 'sold_at');
         UPDATE dump SET content = CASE part WHEN 'version' THEN (content::jsonb #- '{decided,popular_now_by_segment}')::text
                                             ELSE (content::jsonb - 'recent')::text END WHERE part IN ('version', 'segment_item');
         SELECT segrec_deploy('other', segrec_import('other', 'dump'))",
    );
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(3, 5, 'other')"), 5);
}

#[test]
fn segments_that_do_not_differ_see_what_is_popular_now_among_everybody() {
    let same = FASHIONS.replace(" + buyer % 2 * 7", "");
    let (_database, mut session) = filled("parts_same_segments", &same);
    train_kinds(&mut session);
    assert_eq!(
        session.table("SELECT decided ->> 'popular_now_by_segment', decided ->> 'popular_now' <> '0.0', (SELECT count(recent) FROM segrec_catalog.version_segment_items) FROM segrec.versions"),
        "false|t|0"
    );
}
