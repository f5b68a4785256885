//! The order of a user's items: how it counts in lists, for live events and guests, and in what is told about lists.

use segrec_tests::{Cluster, Database, Session, SqlState};

/// Users who take five items of a topic and then turn to another. `happened_at` is their order, `shuffled_at` is not, and
/// is the same for all events of a user on an item: of several times the latest would tell how many there are.
const TOPICS: &str = "
    CREATE TABLE visits AS
    SELECT user_id, (topic * 15 + abs(hashint8(user_id * 1000 + step)) % 15)::bigint AS item_id,
           '2026-01-01'::timestamptz + step * interval '1 day' + user_id * interval '1 second' AS happened_at,
           '2026-01-01'::timestamptz + abs(hashint8(user_id * 7777 + topic * 15 + abs(hashint8(user_id * 1000 + step)) % 15))
               % 1000000 * interval '1 second' AS shuffled_at
    FROM generate_series(1, 400::bigint) AS user_id, generate_series(0, 29) AS step,
         LATERAL (SELECT abs(hashint8(user_id * 100 + step / 5)) % 20 AS topic) AS turn;
    CREATE INDEX ON visits (user_id);";

/// Options of a small model whose events have times.
const SMALL: &str =
    r#""segmentation": {"segments": 4}, "als": {"factors": 16}, "holdout": {"split": "last"}"#;

fn visits(name: &str) -> (Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    session.run(TOPICS);
    (database, session)
}

fn train(session: &mut Session, arguments: &str, options: &str) {
    session.run(&format!(
        "SELECT segrec_create_model('visits', 'visits'{arguments}, options => '{{{options}}}');
         SELECT segrec_train('visits', 'always')"
    ));
}

fn train_ordered(session: &mut Session, options: &str) {
    train(session, ", time_column => 'happened_at'", &format!("{SMALL}, {options}"));
}

const WEIGHTED: &str = r#""order": {"weight": 0.75, "distance": 0.5}"#;

/// The weight of each item of user 7 by their events: (1 + rank)^-0.75, where items of a moment share a rank.
const BY_HAND: &str = "
    WITH own AS (SELECT item_id, max(happened_at) AS latest FROM visits WHERE user_id = 7 GROUP BY 1)
    SELECT item_id, (1 + (SELECT count(*) FROM own o WHERE o.latest > own.latest)
                       + ((SELECT count(*) FROM own o WHERE o.latest = own.latest) - 1) / 2.0) ^ -0.75 AS by_hand
    FROM own";

/// Whether explanations of what user 7 gets first name each of their items with the weight that it has by hand.
fn weights_are_those_of_the_order(session: &mut Session) -> String {
    session.table(&format!(
        "SELECT count(*) > 10, bool_and(abs(weight - by_hand) < 1e-5)
         FROM segrec_recommend(7, 1) AS list, segrec_explain(7, list.item_id) AS own JOIN ({BY_HAND}) AS o USING (item_id)"
    ))
}

const DECIDED: &str = "SELECT (decided -> 'order' ->> 'weight')::real > 0, (decided -> 'order' ->> 'distance')::real > 0 FROM segrec.versions";

#[test]
fn the_order_counts_where_what_came_last_says_what_comes_next() {
    let (_database, mut session) = visits("order_auto");
    train_ordered(&mut session, r#""algorithm": "hybrid""#);
    assert!(session.table(DECIDED).starts_with("t|"));
    let metric = "SELECT value FROM segrec.metrics WHERE metric = 'ndcg' AND k = 20 AND segment IS NULL AND history IS NULL";
    let ordered: f64 = session.value(metric);
    session.run("SELECT segrec_drop_model('visits')");
    train_ordered(&mut session, r#""order": {"weight": 0}"#);
    assert_eq!(session.table(DECIDED), "f|f");
    let unordered: f64 = session.value(metric);
    assert!(ordered > 1.5 * unordered, "{ordered} {unordered}");
}

#[test]
fn the_order_does_not_count_where_it_says_nothing_or_is_not_known() {
    let (_database, mut session) = visits("order_shuffled");
    let neighbours = format!(r#"{SMALL}, "algorithm": "neighbours""#);
    train(&mut session, ", time_column => 'shuffled_at'", &neighbours);
    assert_eq!(session.table(DECIDED), "f|f");
    session.run("SELECT segrec_drop_model('visits')");
    train(&mut session, "", r#""segmentation": {"segments": 4}, "als": {"factors": 16}"#);
    assert_eq!(session.table(DECIDED), "f|f");
    assert_eq!(
        session.table(
            "SELECT count(ranks), bool_and(weight = 1) FROM segrec_catalog.version_users, segrec_explain(7, 3) WHERE item_id IS NOT NULL"
        ),
        "0|t"
    );
    let error = session
        .expect_error(r#"SELECT segrec_alter_model('visits', options => '{"order": {"weight": 0.5}}')"#);
    assert_eq!(error.code(), &SqlState::INVALID_PARAMETER_VALUE);
    assert!(error.message().contains("order.weight"), "{}", error.message());
    let error =
        session.expect_error(r#"SELECT segrec_alter_model('visits', options => '{"order": {"weight": 4}}')"#);
    assert!(error.hint().unwrap_or_default().contains("from 0 to 3"), "{error:?}");
}

#[test]
fn explanations_name_the_weights_of_the_order_and_live_events_change_all_ranks() {
    let (_database, mut session) = visits("order_live");
    train_ordered(&mut session, WEIGHTED);
    assert_eq!(weights_are_those_of_the_order(&mut session), "t|t");
    let topic = "SELECT mode() WITHIN GROUP (ORDER BY item_id / 15) FROM segrec_recommend(7, 5)";
    // Three more visits of one moment to another topic: they share a rank, and all others fall by three.
    session.run(
        "INSERT INTO visits (user_id, item_id, happened_at)
         SELECT 7, 15 * ((SELECT (mode() WITHIN GROUP (ORDER BY item_id / 15) + 1) % 20 FROM segrec_recommend(7, 5)) :: bigint)
                   + n, '2026-03-01' FROM generate_series(0, 2) n",
    );
    assert_eq!(weights_are_those_of_the_order(&mut session), "t|t");
    assert_eq!(
        session.value::<i64>(topic),
        session.value::<i64>("SELECT max(item_id) / 15 FROM visits WHERE happened_at = '2026-03-01'")
    );
    assert_eq!(
        session.table(
            "SELECT source, abs(list.score - segrec_predict(7, list.item_id)) < 1e-5,
                    abs(list.score - (SELECT sum(contribution) FROM segrec_explain(7, list.item_id))) < 1e-4
             FROM segrec_recommend(7, 1) AS list"
        ),
        "neighbours|t|t"
    );
    // The order alone changes as well: what was first is now last.
    let first = "SELECT string_agg(item_id::text, ' ' ORDER BY rank) FROM segrec_recommend(9, 10)";
    let before: String = session.value(first);
    session.run("UPDATE visits SET happened_at = '2026-06-01'::timestamptz - (happened_at - '2026-01-01') WHERE user_id = 9");
    assert_ne!(session.value::<String>(first), before);
}

#[test]
fn the_last_of_a_guests_items_is_the_newest() {
    let (_database, mut session) = visits("order_guests");
    train_ordered(&mut session, WEIGHTED);
    let topics = |session: &mut Session, items: &str| {
        let call = format!("segrec_recommend_for(ARRAY[{items}]::bigint[], 5)");
        session.value::<i64>(&format!("SELECT mode() WITHIN GROUP (ORDER BY item_id / 15) FROM {call}"))
    };
    assert_eq!(topics(&mut session, "31, 35, 38, 91, 94, 99"), 6);
    assert_eq!(topics(&mut session, "91, 94, 99, 31, 35, 38"), 2);
    // Of an item that is named twice the last place counts.
    assert_eq!(topics(&mut session, "31, 35, 38, 91, 94, 99, 31, 35, 38"), 2);
    assert_eq!(
        session.table(
            "SELECT bool_and(a = b) FROM segrec_recommend_for(ARRAY[31, 35, 91, 31]::bigint[], 5) AS a
             JOIN segrec_recommend_for(ARRAY[35, 91, 31]::bigint[], 5) AS b USING (rank)"
        ),
        "t"
    );
}

#[test]
fn all_lists_audiences_and_segments_weigh_histories_as_the_list_of_a_user_does() {
    let (_database, mut session) = visits("order_everywhere");
    for algorithm in ["hybrid", "neighbours", "als"] {
        train_ordered(&mut session, &format!(r#""algorithm": "{algorithm}", {WEIGHTED}"#));
        assert_eq!(
            session.table(
                "SELECT count(*), bool_and(own.item_id = every.item_id::bigint), bool_and(abs(own.score - every.score) < 1e-4)
                 FROM segrec_recommend_all(n => 5) AS every
                 JOIN LATERAL segrec_recommend(every.user_id::bigint, 5) AS own USING (rank)"
            ),
            "2000|t|t",
            "{algorithm}"
        );
        assert_eq!(
            session.table(
                "SELECT count(*), bool_and(abs(score - segrec_predict(user_id::bigint, 31)) < 1e-4) FROM segrec_audience(31, 50)"
            ),
            "50|t",
            "{algorithm}"
        );
        // The mean score of the members is the score for the segment.
        assert_eq!(
            session.table(
                "SELECT bool_and(abs(score - (SELECT avg(segrec_predict(user_id, list.item_id))
                                              FROM segrec.segment_members WHERE segment = 1)) < 1e-4)
                 FROM segrec_recommend_segment(1, 5) AS list"
            ),
            "t",
            "{algorithm}"
        );
        session.run("SELECT segrec_drop_model('visits')");
    }
}

#[test]
fn an_exported_version_keeps_its_order_and_ranks_that_make_no_sense_are_refused() {
    let (_database, mut session) = visits("order_exported");
    train_ordered(&mut session, WEIGHTED);
    session.run("SELECT segrec_create_model('other', 'visits', time_column => 'happened_at')");
    let lists = |session: &mut Session, model: &str| {
        session.table(&format!("SELECT * FROM segrec_recommend_all('{model}', 5) ORDER BY 1, 2"))
    };
    let before = lists(&mut session, "visits");
    session.run("CREATE TABLE dump AS SELECT * FROM segrec_export('visits')");
    session.run("SELECT segrec_deploy('other', segrec_import('other', 'dump'))");
    assert_eq!(lists(&mut session, "other"), before);
    for (part, path, value) in [
        ("user", "{ranks,0}", "-1"),
        ("user", "{ranks,0}", "null"),
        ("user", "{ranks}", "[]"),
        ("version", "{decided,order,weight}", "-1"),
        ("version", "{decided,order,distance}", "1e300"),
    ] {
        session.run(&format!(
            "CREATE TABLE wrong AS SELECT part, CASE part WHEN '{part}' THEN jsonb_set(content::jsonb, '{path}', '{value}')::text
                                                ELSE content END AS content FROM dump"
        ));
        let error = session.expect_error("SELECT segrec_import('other', 'wrong')");
        assert_eq!(error.code(), &SqlState::INVALID_PARAMETER_VALUE, "{path} {value}: {error:?}");
        session.run("DROP TABLE wrong");
    }
}
