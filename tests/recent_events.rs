//! The reading of events of all users that came after the training: what becomes of it when the relation changes, when
//! somebody plans it otherwise, and in transactions of every kind.

use crate::parts::{FASHION, filled, train};
use segrec_tests::{Cluster, Session};

/// The items of a stranger's list: what is popular now.
const STRANGER: &str = "SELECT item_id FROM segrec_recommend(-1, 1)";

fn fashionable(name: &str) -> (segrec_tests::Database<'static>, Session) {
    let (database, mut session) = filled(name, FASHION);
    train(
        &mut session,
        "sales",
        "sold_at",
        r#""popular_now": {"share": 0.5}, "user_neighbours": {"share": 0}"#,
    );
    (database, session)
}

/// Lets many users buy an item, after all others did.
fn bought(item: i64, users: i64) -> String {
    format!(
        "INSERT INTO sales SELECT 10000 + n, {item}, (SELECT max(sold_at) FROM sales WHERE sold_at < now()) + n * interval '1 second'
         FROM generate_series(1, {users}) n"
    )
}

#[test]
fn recent_events_are_those_that_the_statement_sees() {
    let (database, mut session) = fashionable("recent_seen");
    session.run(&bought(7, 200));
    assert_eq!(session.value::<i64>(STRANGER), 7);
    // What a savepoint takes back does not count, nor does what it took back count for others.
    session.run(&format!("BEGIN; SAVEPOINT before; {}", bought(11, 2000)));
    assert_eq!(session.value::<i64>(STRANGER), 11);
    session.run("ROLLBACK TO before");
    assert_eq!(session.value::<i64>(STRANGER), 7);
    session.run(&format!("SAVEPOINT after; {}; RELEASE after", bought(12, 2500)));
    assert_eq!(session.value::<i64>(STRANGER), 12);
    let mut other = database.connect();
    assert_eq!(other.value::<i64>(STRANGER), 7);
    session.run("ROLLBACK");
    // A snapshot stays what it is.
    other.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    assert_eq!(other.value::<i64>(STRANGER), 7);
    session.run(&bought(13, 3000));
    assert_eq!(session.value::<i64>(STRANGER), 13);
    assert_eq!(other.value::<i64>(STRANGER), 7);
    other.run("COMMIT");
    assert_eq!(other.value::<i64>(STRANGER), 13);
    // Neither a cursor nor parallel workers count otherwise.
    session.run(&format!("BEGIN; DECLARE list CURSOR FOR {STRANGER}"));
    session.run(&bought(14, 4000));
    assert_eq!(session.value::<i64>("FETCH list"), 13);
    session.run("COMMIT; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0");
    let many = format!(
        "SELECT count(*) FROM (SELECT user_id FROM sales WHERE user_id < 100) one, LATERAL ({STRANGER}) two WHERE item_id = 14"
    );
    assert!(session.value::<i64>(&many) > 2000);
}

#[test]
fn a_relation_that_changes_leaves_what_was_popular_at_the_training() {
    let (database, mut session) = fashionable("recent_changed");
    let trained: i64 = session.value(STRANGER);
    session.run(&bought(7, 200));
    assert_eq!(session.value::<i64>(STRANGER), 7);
    for (change, expected) in [
        ("DROP INDEX sales_sold_at_idx", trained),
        ("CREATE INDEX ON sales (sold_at)", 7),
        ("DROP INDEX sales_sold_at_idx", trained),
        ("CREATE INDEX ON sales USING brin (sold_at)", trained),
        ("CREATE INDEX ON sales (sold_at) WHERE user_id > 0", trained),
        ("CREATE INDEX ON sales (sold_at DESC NULLS LAST)", 7),
        ("ALTER TABLE sales ALTER sold_at TYPE timestamp", 7),
        ("ALTER TABLE sales ALTER sold_at TYPE date", trained),
        (
            "ALTER TABLE sales ALTER sold_at TYPE timestamptz;
             INSERT INTO sales SELECT 20000 + n, 7, (SELECT max(sold_at) FROM sales) + interval '1 day' + n * interval '1 second'
             FROM generate_series(1, 200) n",
            7,
        ),
        ("ALTER TABLE sales RENAME item_id TO product_id", trained),
        ("ALTER TABLE sales RENAME product_id TO item_id", 7),
        ("ALTER TABLE sales RENAME TO bought; CREATE TABLE sales (LIKE bought INCLUDING ALL)", 7),
        ("DROP TABLE sales; ALTER TABLE bought RENAME TO sales", 7),
        ("ALTER TABLE sales ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY", 7),
    ] {
        session.run(change);
        // A new session and one that knew the relation before say the same.
        for mut fresh in [None, Some(database.connect())] {
            let session = fresh.as_mut().unwrap_or(&mut session);
            assert_eq!(session.value::<i64>(STRANGER), expected, "{change}");
        }
    }
}

#[test]
fn operators_of_others_have_no_say_in_recent_events() {
    let (database, mut session) = fashionable("recent_operators");
    session.run(
        "CREATE ROLE recent_reader; GRANT SELECT ON sales TO recent_reader; GRANT USAGE, CREATE ON SCHEMA public TO recent_reader;
         CREATE TABLE sprung (what text); GRANT ALL ON sprung TO recent_reader; SET ROLE recent_reader;
         CREATE FUNCTION public.spring(timestamptz, timestamptz) RETURNS boolean LANGUAGE plpgsql AS
             'BEGIN INSERT INTO public.sprung VALUES (current_user); RETURN true; END';
         CREATE OPERATOR public.> (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = public.spring);
         CREATE OPERATOR public.<= (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = public.spring);
         CREATE OPERATOR public.< (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = public.spring);
         RESET ROLE",
    );
    session.run(&bought(7, 200));
    session.run("SET search_path = public, pg_catalog");
    assert_eq!(session.value::<i64>(STRANGER), 7);
    assert_eq!(session.value::<i64>("SELECT count(*) FROM sprung"), 0);
    session.run("RESET search_path; DROP OWNED BY recent_reader CASCADE; DROP ROLE recent_reader");
    drop(database);
}

#[test]
fn a_flood_of_events_is_read_over_several_calls() {
    let (_database, mut session) = fashionable("recent_flood");
    assert_ne!(session.value::<i64>(STRANGER), 7);
    session.run(&bought(7, 300_000));
    // A call reads for some time only; the next ones go on until all is read.
    session.run("SET statement_timeout = '2s'");
    for _ in 0..200 {
        session.run(STRANGER);
    }
    assert_eq!(session.value::<i64>(STRANGER), 7);
}

#[test]
fn a_replica_follows_what_is_popular_now() {
    let cluster = Cluster::start();
    let database = cluster.database("recent_replica");
    let mut session = database.connect();
    session.run(FASHION);
    train(&mut session, "sales", "sold_at", r#""popular_now": {"share": 0.5}"#);
    let replica = cluster.replica();
    replica.wait_for(&cluster);
    let mut reader = replica.connect(database.name(), "postgres");
    assert_eq!(reader.value::<i64>(STRANGER), session.value::<i64>(STRANGER));
    session.run(&bought(7, 200));
    replica.wait_for(&cluster);
    assert_eq!(reader.value::<i64>(STRANGER), 7);
}
