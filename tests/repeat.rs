//! What users take again, as it is served.

use crate::parts::{filled, train};
use segrec_tests::{Session, SqlState};

/// Two hundred households that buy the same three things every week, on a day of their own, and two of 150 others. A quarter
/// of them missed the last week.
fn groceries(last: &str) -> String {
    format!(
        "CREATE TABLE baskets AS
         SELECT user_id, item_id, {last}::timestamptz - (7 * week + user_id % 7) * interval '1 day' - thing * interval '1 hour' AS bought_at
         FROM generate_series(1, 200::bigint) AS user_id, generate_series(0, 29) AS week, generate_series(0, 4) AS thing,
              LATERAL (SELECT user_id % 2 * 1000
                              + CASE WHEN thing < 3 THEN (user_id + 20 * thing) % 60
                                     ELSE 100 + abs(hashint8(user_id * 1000 + week * 10 + thing)) % 150 END AS item_id) AS bought
         WHERE week > 0 OR user_id % 4 > 0;
         CREATE INDEX ON baskets (user_id);"
    )
}

const OTHERS: &str =
    r#""repeat": {"share": "auto"}, "user_neighbours": {"share": 0}, "popular_now": {"share": 0}"#;

/// How many of the things that a household buys every week are among the first ten of its list, on average.
fn staples(session: &mut Session, users: &str) -> f64 {
    session
        .value::<String>(&format!(
            "SELECT avg((SELECT count(DISTINCT item_id) FROM baskets WHERE user_id = u AND item_id % 1000 < 100
                         AND item_id IN (SELECT item_id FROM segrec_recommend(u, 10))))::text FROM ({users}) AS own (u)"
        ))
        .parse()
        .unwrap()
}

/// Whether lists, scores, explanations, audiences and lists of all users say the same.
fn all_agree(session: &mut Session) {
    assert_eq!(
        session.table(
            "SELECT count(*) > 500, bool_and(own.item_id = every.item_id::bigint), bool_and(abs(own.score - every.score) < 1e-3),
                    bool_and(abs(own.score - segrec_predict(every.user_id::bigint, own.item_id)) < 1e-3),
                    bool_and(abs(own.score - (SELECT sum(contribution) FROM segrec_explain(every.user_id::bigint, own.item_id))) < 1e-3),
                    bool_and(own.source = every.source),
                    bool_and((own.source = 'repeat') = EXISTS (
                        SELECT FROM baskets WHERE baskets.user_id::text = every.user_id AND baskets.item_id = own.item_id)),
                    count(*) FILTER (WHERE own.source = 'repeat') > 50
             FROM segrec_recommend_all(n => 5) AS every
             JOIN LATERAL segrec_recommend(every.user_id::bigint, 5) AS own USING (rank)"
        ),
        "t|t|t|t|t|t|t|t"
    );
    assert_eq!(
        session.table(
            "SELECT count(*), bool_and(abs(score - segrec_predict(user_id::bigint, 4)) < 1e-3),
                    count(*) FILTER (WHERE EXISTS (SELECT FROM baskets own WHERE own.user_id::text = found.user_id AND item_id = 4)) > 0
             FROM segrec_audience(4, 20) AS found"
        ),
        "20|t|t"
    );
}

#[test]
fn what_a_household_buys_every_week_is_in_its_list_when_it_is_due() {
    let (_database, mut session) = filled("repeat_due", &groceries("now()"));
    train(&mut session, "baskets", "bought_at", OTHERS);
    assert_eq!(
        session.table(
            "SELECT (decided ->> 'repeat')::float8 > 0, share > 0, gain > 0, megabytes > 0
             FROM segrec.versions JOIN segrec.scorers USING (model, version) WHERE scorer = 'repeat'"
        ),
        "t|t|t|t"
    );
    assert_eq!(
        session.table(
            "SELECT metric, bool_and(value > baseline) FROM segrec.metrics WHERE metric IN ('repeat_ndcg', 'repeat_share', 'repeat_recall') GROUP BY 1 ORDER BY 1"
        ),
        "repeat_ndcg|t\nrepeat_recall|t\nrepeat_share|t"
    );
    all_agree(&mut session);
    let due =
        staples(&mut session, "SELECT 4 * n FROM generate_series(1::bigint, 50) AS n WHERE 4 * n % 7 > 0");
    assert!(due > 2.5, "{due}");
    // Household 4 buys item 4, and household 8 item 8: a live event says that they have it, also one of the future.
    let again = |user: i64| {
        format!(
            "SELECT COALESCE(sum((by_scorer ->> 'repeat')::float8), 0) FROM segrec_explain({user}, {user}) WHERE item_id = {user}"
        )
    };
    for (user, moment) in [(4, "now() - interval '1 minute'"), (8, "now() + interval '1 year'")] {
        let score = format!("SELECT segrec_predict({user}, {user})");
        let (before, scored) = (session.value::<f64>(&again(user)), session.value::<f32>(&score));
        session.run(&format!("INSERT INTO baskets VALUES ({user}, {user}, {moment})"));
        let (after, rescored) = (session.value::<f64>(&again(user)), session.value::<f32>(&score));
        assert!(after < 0.05 * before && rescored < scored, "{before} {after} {scored} {rescored}");
    }
    // A household that came after the training gets what it has bought since, and a guest has bought nothing.
    session.run("INSERT INTO baskets SELECT 999, item, now() - week * interval '7 days' FROM unnest(ARRAY[4, 24]) item, generate_series(2, 9) week");
    assert_eq!(
        session.value::<i64>("SELECT count(*) FROM segrec_recommend(999, 10) WHERE item_id IN (4, 24)"),
        2
    );
    assert_eq!(
        session.table(
            "SELECT count(*), count(*) FILTER (WHERE item_id IN (4, 24)) FROM segrec_recommend_for(ARRAY[4, 24]::bigint[], 10)"
        ),
        "10|0"
    );
}

#[test]
fn what_users_take_again_travels_and_stays_out_where_nobody_wants_it() {
    // These events have ended, and their lists do not fade.
    let (_database, mut session) = filled("repeat_travels", &groceries("'2020-08-01'"));
    train(&mut session, "baskets", "bought_at", OTHERS);
    all_agree(&mut session);
    let all = staples(&mut session, "SELECT generate_series(1::bigint, 200)");
    assert!(all > 2.5, "{all}");
    let lists =
        |model: &str| format!("SELECT * FROM segrec_recommend_all('{model}', 5) ORDER BY user_id, rank");
    let before = session.table(&lists("parts"));
    let import = "SELECT segrec_create_model('other', 'baskets', time_column => 'bought_at');
         SELECT segrec_deploy('other', segrec_import('other', 'dump'))";
    session.run(&format!("CREATE TABLE dump AS SELECT * FROM segrec_export('parts'); {import}"));
    assert_eq!(session.table(&lists("other")), before);
    session.run("SELECT segrec_drop_model('other')");
    for (path, value) in [("{repeats,0}", "\"NaN\""), ("{repeats,0}", "-1"), ("{repeats}", "[1, 2, 3]")] {
        session.run(&format!(
            "SELECT segrec_create_model('other', 'baskets', time_column => 'bought_at');
             CREATE TABLE wrong AS SELECT part, CASE part WHEN 'user' THEN jsonb_set(content::jsonb, '{path}', '{value}')::text
                                                ELSE content END AS content FROM dump"
        ));
        let error = session.expect_error("SELECT segrec_import('other', 'wrong')");
        assert_eq!(error.code(), &SqlState::INVALID_PARAMETER_VALUE, "{path} {value}: {error:?}");
        session.run("DROP TABLE wrong; SELECT segrec_drop_model('other')");
    }
    // Of users whose numbers are missing nothing is known, so their lists leave out what they have.
    let repeated = |model: &str| {
        format!(
            "SELECT count(*) FROM segrec_recommend_all('{model}', 5) AS list
             WHERE EXISTS (SELECT FROM baskets own WHERE own.user_id::text = list.user_id AND own.item_id::text = list.item_id)"
        )
    };
    assert!(session.value::<i64>(&repeated("parts")) > 200);
    session.run(&format!(
        "UPDATE dump SET content = (content::jsonb - 'repeats')::text WHERE part = 'user'; {import}"
    ));
    assert_eq!(session.value::<i64>(&repeated("other")), 0);
    // Who never wants repeats sets the share to 0, and nothing more is stored.
    session.run(
        r#"SELECT segrec_alter_model('parts', '{"repeat": {"share": 0}}'); SELECT segrec_train('parts', 'always')"#,
    );
    assert_eq!(session.value::<i64>(&repeated("parts")), 0);
    assert_eq!(
        session.table(
            "SELECT DISTINCT version, (decided ->> 'repeat')::float8, repeats IS NULL
             FROM segrec_catalog.versions JOIN segrec_catalog.version_users USING (version_id) WHERE version = 2"
        ),
        "2|0|t"
    );
}

#[test]
fn a_shop_in_which_nobody_takes_anything_again_leaves_it_out() {
    let (_database, mut session) = filled("repeat_never", &groceries("now()"));
    session.run(
        "CREATE TABLE once AS SELECT DISTINCT ON (user_id, item_id) * FROM baskets ORDER BY user_id, item_id, bought_at DESC;
         CREATE INDEX ON once (user_id)",
    );
    train(&mut session, "once", "bought_at", OTHERS);
    assert_eq!(
        session.table(
            "SELECT (decided ->> 'repeat')::float8, (SELECT count(*) FROM segrec.metrics WHERE metric LIKE 'repeat%'),
                    (SELECT count(repeats) FROM segrec_catalog.version_users),
                    (SELECT count(*) FROM segrec_recommend_all(n => 5) AS list WHERE EXISTS (SELECT FROM once own
                     WHERE own.user_id::text = list.user_id AND own.item_id::text = list.item_id))
             FROM segrec.versions"
        ),
        "0|0|0|0"
    );
}
