//! Tiny and constant data give a result, and never a crash.

use segrec_tests::{Cluster, Session};

/// Trains on the events of `query` and returns the session.
fn trained(name: &str, query: &str, options: &str) -> (segrec_tests::Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    session.run(&format!(
        "CREATE TABLE events (user_id bigint, item_id bigint, weight real DEFAULT 1, at timestamptz DEFAULT now());
         CREATE INDEX ON events (user_id);
         INSERT INTO events (user_id, item_id) {query};
         SELECT segrec_create_model('tiny', 'events', options => '{options}');
         SELECT segrec_train('tiny')"
    ));
    (database, session)
}

#[test]
fn one_event() {
    let (_database, mut session) = trained("degenerate_one", "VALUES (1, 1)", "{}");
    assert_eq!(session.table("SELECT * FROM segrec_recommend(1)"), "");
    assert_eq!(session.table("SELECT item_id, source FROM segrec_recommend(2)"), "1|popular");
    assert_eq!(session.table("SELECT segment, users, share FROM segrec.segments"), "1|1|1");
    assert_eq!(session.table("SELECT value IS NULL, baseline IS NULL FROM segrec.versions"), "t|t");
    assert_eq!(session.table("SELECT segrec_segment_of(1::bigint), segrec_segment_of(2::bigint)"), "1|∅");
}

#[test]
fn one_user() {
    let (_database, mut session) =
        trained("degenerate_user", "SELECT 1, i FROM generate_series(1, 30) i", "{}");
    assert_eq!(session.table("SELECT * FROM segrec_recommend(1)"), "");
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(2, 100)"), 30);
}

#[test]
fn one_item() {
    let (_database, mut session) =
        trained("degenerate_item", "SELECT u, 1 FROM generate_series(1, 300) u", "{}");
    assert_eq!(session.table("SELECT * FROM segrec_recommend(1)"), "");
    assert_eq!(session.table("SELECT item_id FROM segrec_recommend(1, exclude_seen => false)"), "1");
}

#[test]
fn every_user_identical() {
    let (_database, mut session) = trained(
        "degenerate_identical",
        "SELECT u, i FROM generate_series(1, 1000) u, generate_series(1, 5) i",
        r#"{"als": {"factors": 4}, "segmentation": {"segments": 10}}"#,
    );
    assert_eq!(session.table("SELECT * FROM segrec_recommend(1)"), "");
    assert_eq!(session.value::<i64>("SELECT sum(users)::bigint FROM segrec.segments"), 1000);
}

#[test]
fn more_segments_and_factors_than_users_and_items() {
    let (_database, mut session) = trained(
        "degenerate_more",
        "SELECT u, (u + i) % 7 FROM generate_series(1, 7) u, generate_series(1, 3) i",
        r#"{"als": {"factors": 200}, "segmentation": {"segments": 4000}}"#,
    );
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(1, 100)"), 4);
}

#[test]
fn events_repeated_a_thousand_times() {
    let (_database, mut session) = trained(
        "degenerate_repeated",
        "SELECT u % 50, u % 7 FROM generate_series(1, 50000) u",
        r#"{"als": {"factors": 16}}"#,
    );
    assert_eq!(session.table("SELECT events, items FROM segrec.versions"), "50000|7");
    session.run("SELECT segrec_recommend(1)");
}

#[test]
fn extreme_weights() {
    let (_database, mut session) = trained(
        "degenerate_weights",
        "SELECT u, i FROM generate_series(1, 20) u, generate_series(1, 20) i WHERE u % 3 <> i % 3",
        "{}",
    );
    session.run(
        "UPDATE events SET weight = CASE WHEN item_id = 1 THEN 3e38 WHEN item_id = 2 THEN 1e-30 ELSE 1 END;
         SELECT segrec_create_model('weighted', 'events', weight_column => 'weight', options => '{\"events\": {\"duplicates\": \"max\"}}')",
    );
    // The training either ends with finite factors or says what is wrong.
    let result = session.batch_execute("SELECT segrec_train('weighted')");
    if let Err(error) = result {
        assert_eq!(error.as_db_error().unwrap().code().code(), "22003");
    } else {
        assert_eq!(
            session.value::<i64>("SELECT count(*) FROM segrec.item_factors, unnest(factors) f WHERE f = 'NaN' OR abs(f) = 'Infinity'"),
            0
        );
    }
}

#[test]
fn method_none_makes_one_segment_of_everybody() {
    let (_database, mut session) = trained(
        "degenerate_none",
        "SELECT u, (u * i) % 97 FROM generate_series(1, 900) u, generate_series(1, 12) i",
        r#"{"algorithm": "als", "als": {"factors": 8}, "segmentation": {"method": "none"}}"#,
    );
    assert_eq!(session.table("SELECT segment, users, own_factors FROM segrec.segments"), "1|900|f");
    assert_eq!(session.table("SELECT DISTINCT source FROM segrec_recommend(1, 5)"), "backbone");
}
