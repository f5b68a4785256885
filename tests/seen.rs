//! What counts as seen, so that lists leave it out: by some types of events, and for some time.

use segrec_tests::{Cluster, Database, Session, SqlState, planted};

/// The planted events, of which a third are purchases, the others views; those on even items are ten days old, those on odd
/// ones sixty.
fn shop(name: &str, options: &str) -> (Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    planted::create(&mut session);
    session.run(&format!(
        "ALTER TABLE events ADD kind text, ADD at timestamptz;
         UPDATE events SET kind = CASE WHEN (user_id + item_id) % 3 = 0 THEN 'purchase' ELSE 'view' END,
                           at = now() - CASE item_id % 2 WHEN 0 THEN interval '10 days' ELSE interval '60 days' END;
         SELECT segrec_create_model('shop', 'events', type_column => 'kind', time_column => 'at', options => '{options}');
         SELECT segrec_train('shop', 'always')"
    ));
    (database, session)
}

fn options(events: &str) -> String {
    format!(
        r#"{{"als": {{"factors": 8}}, "segmentation": {{"segments": 4}}, "events": {{{events}}}, "holdout": {{"split": "random"}}}}"#
    )
}

/// Some users' lists of all items, as they are now.
const LIVE: &str =
    "(SELECT u AS user_id, item_id FROM generate_series(0::bigint, 599, 7) u, segrec_recommend(u, 200))";
/// The same as of the training.
const STORED: &str = "(SELECT user_id::bigint, item_id::bigint FROM segrec_recommend_all(n => 200) WHERE user_id::bigint % 7 = 0)";

/// Whether lists have all pairs of user and item but those with an event of which the condition holds.
fn leave_out(session: &mut Session, lists: &str, condition: &str) -> bool {
    session.table(&format!(
        "WITH list AS MATERIALIZED {lists},
              expected AS (SELECT user_id, item_id FROM (SELECT DISTINCT user_id FROM list) AS listed, generate_series(0::bigint, 119) AS item_id
                           EXCEPT SELECT user_id, item_id FROM events WHERE {condition})
         SELECT (SELECT count(DISTINCT user_id) > 80 FROM list), (SELECT count(*) FROM (TABLE list EXCEPT TABLE expected) AS more), (SELECT count(*) FROM (TABLE expected EXCEPT TABLE list) AS less)"
    )) == "t|0|0"
}

#[test]
fn what_was_only_viewed_may_come_back_and_what_was_bought_does_not() {
    let (_database, mut session) = shop("seen_types", &options(r#""seen_types": ["purchase"]"#));
    for lists in [LIVE, STORED] {
        assert!(leave_out(&mut session, lists, "kind = 'purchase'"), "{lists}");
    }
    // An item that comes back is listed like any other.
    assert_eq!(
        session.table("SELECT count(*) > 0, bool_and(source NOT LIKE '%popular%') FROM segrec_recommend(7, 10) list JOIN events USING (item_id) WHERE user_id = 7"),
        "t|t"
    );
    // Audiences have those who viewed the item, and not those who bought it.
    assert_eq!(
        session.table(
            "SELECT count(*) FILTER (WHERE kind = 'view') = (SELECT count(*) FROM events WHERE item_id = 4 AND kind = 'view'),
                    count(*) FILTER (WHERE kind = 'purchase')
             FROM segrec_audience(4, 1000) own JOIN events ON events.user_id::text = own.user_id AND item_id = 4"
        ),
        "t|0"
    );
    // A purchase takes an item out at once.
    session.run("INSERT INTO events SELECT 7, item_id, 'purchase', now() FROM segrec_recommend(7, 1)");
    assert!(leave_out(&mut session, LIVE, "kind = 'purchase'"));
    // Guests have no events of any type, so what they name is left out; and who wants everything says so.
    assert_eq!(session.table("SELECT count(*) FROM segrec_recommend_for('{1,2,3}'::bigint[], 200)"), "117");
    assert_eq!(session.table("SELECT count(*) FROM segrec_recommend(7, 200, exclude_seen => false)"), "120");
    // Without an index, or the right to read it, the events of the training tell.
    session.run("DELETE FROM events WHERE at > now() - interval '1 day'; DROP INDEX events_user_id_idx");
    assert!(leave_out(&mut session, LIVE, "kind = 'purchase'"));
}

#[test]
fn options_of_what_was_seen_hold_at_once_for_live_events_and_for_others_with_the_next_training() {
    let (database, mut session) = shop("seen_altered", &options(""));
    for lists in [LIVE, STORED] {
        assert!(leave_out(&mut session, lists, "true"), "{lists}");
    }
    assert_eq!(
        session.table("SELECT count(left_out), count(left_out_ages) FROM segrec_catalog.version_users"),
        "0|0"
    );
    session.run(r#"SELECT segrec_alter_model('shop', '{"events": {"seen_for": "30 days"}}')"#);
    assert!(leave_out(&mut session, LIVE, "item_id % 2 = 0"));
    assert!(leave_out(&mut session, STORED, "true"));
    session.run("SELECT segrec_train('shop', 'always')");
    for lists in [LIVE, STORED] {
        assert!(leave_out(&mut session, lists, "item_id % 2 = 0"), "{lists}");
    }
    session.run(r#"SELECT segrec_alter_model('shop', '{"events": {"seen_types": ["purchase"]}}')"#);
    assert!(leave_out(&mut session, LIVE, "item_id % 2 = 0 AND kind = 'purchase'"));
    // An item that is seen again is left out again.
    session.run("INSERT INTO events VALUES (7, 1, 'view', now()), (7, 3, 'purchase', now())");
    assert!(leave_out(&mut session, LIVE, "at > now() - interval '30 days' AND kind = 'purchase'"));
    session.run("DELETE FROM events WHERE at > now() - interval '1 day'");
    // Time passes for what is stored, too.
    session.run("UPDATE segrec_catalog.versions SET anchor = anchor - 21 * 86400 * 1000000::bigint");
    let mut later = database.connect();
    assert!(leave_out(&mut later, STORED, "false"));
}

#[test]
fn a_type_without_a_weight_counts_as_seen_and_is_not_learned() {
    let (_database, mut session) =
        shop("seen_unlisted", &options(r#""type_weights": {"view": 1}, "seen_types": ["purchase"]"#));
    for lists in [LIVE, STORED] {
        assert!(leave_out(&mut session, lists, "kind = 'purchase'"), "{lists}");
    }
    assert_eq!(
        session.table(
            "SELECT count(*) FROM segrec_catalog.version_users own JOIN segrec_catalog.version_items item ON item.item = ANY (own.items)
             JOIN events ON events.user_id::text = own.user_id AND events.item_id::text = item.item_id WHERE kind = 'purchase'"
        ),
        "0"
    );
}

#[test]
fn a_type_that_does_not_occur_is_a_warning_and_options_that_the_model_cannot_follow_are_refused() {
    let (_database, mut session) = shop("seen_warnings", &options(""));
    session.notices();
    session.run(r#"SELECT segrec_alter_model('shop', '{"events": {"seen_types": ["purchse", "view"]}}'); SELECT segrec_train('shop', 'always')"#);
    let warning = session.notices().into_iter().find(|notice| notice.severity() == "WARNING").unwrap();
    assert_eq!(
        warning.message(),
        "no row of \"events\" has the type \"purchse\", which events.seen_types names"
    );
    assert_eq!(warning.detail(), Some("The types that occur are \"purchase\", \"view\"."));
    for (value, hint) in [
        (
            r#"{"seen_types": "purchase"}"#,
            "\"events.seen_types\" must be a list of event types such as [\"purchase\"]",
        ),
        (
            r#"{"seen_types": [1]}"#,
            "\"events.seen_types\" must be a list of event types such as [\"purchase\"]",
        ),
        (r#"{"seen_for": "0 days"}"#, "\"events.seen_for\" must be a duration such as \"90 days\""),
    ] {
        let error =
            session.expect_error(&format!("SELECT segrec_alter_model('shop', '{{\"events\": {value}}}')"));
        assert_eq!(error.code(), &SqlState::INVALID_PARAMETER_VALUE);
        assert!(error.hint().unwrap().starts_with(hint), "{error:?}");
    }
    session.run("SELECT segrec_create_model('plain', 'events')");
    for (value, option, column) in [
        (r#"{"seen_types": ["purchase"]}"#, "events.seen_types", "type_column"),
        (r#"{"seen_for": "30 days"}"#, "events.seen_for", "time_column"),
    ] {
        let error =
            session.expect_error(&format!("SELECT segrec_alter_model('plain', '{{\"events\": {value}}}')"));
        assert_eq!(error.message(), format!("option \"{option}\" requires a {column}"));
    }
}

#[test]
fn what_was_seen_travels_with_a_version_and_is_checked() {
    let (_database, mut session) =
        shop("seen_travels", &options(r#""seen_types": ["purchase"], "seen_for": "30 days""#));
    let lists =
        |model: &str| format!("SELECT * FROM segrec_recommend_all('{model}', 200) ORDER BY user_id, rank");
    let before = session.table(&lists("shop"));
    session.run(
        "CREATE TABLE dump AS SELECT * FROM segrec_export('shop');
         SELECT segrec_create_model('other', 'events', type_column => 'kind', time_column => 'at');
         SELECT segrec_deploy('other', segrec_import('other', 'dump'))",
    );
    assert_eq!(session.table(&lists("other")), before);
    session.run("SELECT segrec_drop_model('other')");
    for (path, value) in [
        ("{left_out}", "[5, 3]"),
        ("{left_out}", "[999]"),
        ("{left_out_ages,0}", "-1"),
        ("{left_out}", "null"),
    ] {
        session.run(&format!(
            "SELECT segrec_create_model('other', 'events', type_column => 'kind', time_column => 'at');
             CREATE TABLE wrong AS SELECT part, CASE part WHEN 'user' THEN jsonb_set(content::jsonb, '{path}', '{value}')::text
                                                ELSE content END AS content FROM dump"
        ));
        let error = session.expect_error("SELECT segrec_import('other', 'wrong')");
        assert_eq!(error.code(), &SqlState::INVALID_PARAMETER_VALUE, "{path} {value}: {error:?}");
        session.run("DROP TABLE wrong; SELECT segrec_drop_model('other')");
    }
}

#[test]
fn a_training_measures_what_comes_back_where_the_latest_events_are_held_out() {
    let (_database, mut session) = shop("seen_measured", &options(""));
    // Everybody buys in the last days what they viewed long ago, and views nothing new.
    session.run(
        r#"CREATE TABLE returns AS SELECT user_id, item_id, 'view' AS kind, now() - (20 + user_id % 7) * interval '1 day' AS at FROM events;
           INSERT INTO returns SELECT DISTINCT ON (user_id) user_id, item_id, 'purchase', now() - (user_id % 5) * interval '1 hour' FROM returns
               ORDER BY user_id, hashint8(user_id * 1000 + item_id);
           SELECT segrec_create_model('returns', 'returns', type_column => 'kind', time_column => 'at',
               options => '{"als": {"factors": 8}, "segmentation": {"segments": 4}, "events": {"seen_types": ["purchase"]}, "holdout": {"split": "time", "share": 0.09}}');
           SELECT segrec_train('returns', 'always')"#,
    );
    assert_eq!(session.table("SELECT split FROM segrec.versions WHERE model = 'returns'"), "time");
    let recall = session.value::<f64>(
        "SELECT value FROM segrec.metrics WHERE model = 'returns' AND metric = 'recall' AND k = 20 AND segment IS NULL",
    );
    assert!(recall > 0.3, "{recall}");
}
