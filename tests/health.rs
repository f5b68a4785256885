//! `segrec.health`, and the column `live` of `segrec.models`: who sees them and what they say. No state of a relation
//! makes them fail.

use segrec_tests::{Cluster, Session, planted};

fn reason(session: &mut Session) -> String {
    let reason = session.table("SELECT live, live_reason FROM segrec.health WHERE model = 'planted'");
    let shown = session.table("SELECT live, live_reason FROM segrec.models WHERE model = 'planted'");
    match reason.as_str() {
        "t|∅" => assert!(shown.starts_with("t|index events_user_id_idx on "), "{shown}"),
        reason => assert_eq!(shown, reason),
    }
    reason
}

#[test]
fn whatever_becomes_of_a_relation_health_says_it_and_does_not_fail() {
    let database = Cluster::shared().database("health_states");
    let mut session = database.connect();
    planted::create(&mut session);
    session.run(&format!(
        "ALTER TABLE events ADD \"At\" timestamptz DEFAULT now();
         SELECT segrec_create_model('planted', 'events', time_column => 'At', options => '{}')",
        planted::OPTIONS
    ));
    assert_eq!(reason(&mut session), "f|it was never trained");
    session.run("SELECT segrec_train('planted', 'never')");
    assert_eq!(reason(&mut session), "f|no version is deployed");
    session.run("SELECT segrec_deploy('planted', 1)");
    assert_eq!(reason(&mut session), "t|∅");
    for (change, said) in [
        (
            "DROP INDEX events_user_id_idx",
            "f|no index of events leads with column user_id: CREATE INDEX ON events (user_id)",
        ),
        ("ALTER TABLE events RENAME user_id TO customer", "f|columns of events do not exist: user_id"),
        ("ALTER TABLE events DROP item_id, DROP \"At\"", "f|columns of events do not exist: item_id, \"At\""),
        (
            "ALTER TABLE events ALTER item_id TYPE text",
            "f|columns of events contain ids of another type: item_id is text, not bigint",
        ),
        ("ALTER TABLE events ALTER item_id TYPE int", "t|∅"),
        ("CREATE DOMAIN number AS bigint; ALTER TABLE events ALTER user_id TYPE number", "t|∅"),
        (
            "ALTER TABLE events RENAME TO renamed; CREATE SCHEMA other; ALTER TABLE renamed SET SCHEMA other",
            "t|∅",
        ),
        ("TRUNCATE events", "t|∅"),
        ("DROP TABLE events", "f|the events relation does not exist"),
        (
            "DELETE FROM segrec_catalog.versions",
            "f|the rows of the deployed version are missing: a restore omitted them",
        ),
        (
            "UPDATE segrec_catalog.models SET user_column = repeat('x', 100)",
            &format!("f|columns of events do not exist: {}", "x".repeat(100)),
        ),
    ] {
        session.run(&format!("BEGIN; {change}"));
        assert_eq!(reason(&mut session), said, "{change}");
        session.run("ROLLBACK");
    }
    for (name, events) in [
        ("view", "CREATE VIEW seen AS TABLE events"),
        ("partitioned", "CREATE TABLE parts (LIKE events) PARTITION BY RANGE (user_id); CREATE INDEX ON parts (user_id);
            CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (300) PARTITION BY RANGE (item_id);
            CREATE TABLE parts_11 PARTITION OF parts_1 DEFAULT; CREATE TABLE parts_2 PARTITION OF parts DEFAULT;
            INSERT INTO parts TABLE events; ANALYZE parts"),
    ] {
        session.run(events);
        let relation = if name == "view" { "seen" } else { "parts" };
        session.run(&format!(
            "SELECT segrec_create_model('{name}', '{relation}', options => '{{\"algorithm\": \"popularity\"}}'); SELECT segrec_train('{name}')"
        ));
    }
    let rows = "SELECT model, live, new_rows FROM segrec.health WHERE model <> 'planted' ORDER BY model";
    session.wait_until("SELECT new_rows = 0 FROM segrec.health WHERE model = 'partitioned'");
    assert_eq!(session.table(rows), "partitioned|t|0\nview|t|∅");
    session.run(
        "CREATE TABLE people AS SELECT u AS user_id, u % 2 AS half FROM generate_series(1::bigint, 50) u;
        SELECT segrec_create_model('people', users => 'people'); SELECT segrec_train('people')",
    );
    let people = "SELECT live_reason FROM segrec.health WHERE model = 'people'";
    assert_eq!(
        session.table(people),
        "no index of users leads with column user_id: CREATE INDEX ON people (user_id)"
    );
    session.run("CREATE INDEX ON people (user_id)");
    assert_eq!(session.table(people), "∅");
}

#[test]
fn health_counts_what_happened_since_it_was_well() {
    let database = Cluster::shared().database("health_counts");
    let mut session = database.connect();
    planted::create(&mut session);
    session.wait_until("SELECT n_live_tup > 0 FROM pg_stat_user_tables WHERE relname = 'events'");
    session
        .run(&format!("SELECT segrec_create_model('planted', 'events', options => '{}')", planted::OPTIONS));
    let counts = "SELECT deployed_version, last_outcome, failures_in_a_row, not_deployed_in_a_row, new_rows, jobs_running, jobs_waiting FROM segrec.health";
    assert_eq!(session.table(counts), "∅|∅|0|0|∅|0|0");
    session.run("SELECT segrec_train('planted')");
    session.wait_until("SELECT new_rows = 0 FROM segrec.health");
    assert_eq!(session.table(counts), "1|deployed|0|0|0|0|0");
    session.run("SELECT segrec_train('planted', 'never'); SELECT segrec_train('planted', 'never')");
    assert_eq!(session.table(counts), "1|not deployed|0|2|0|0|0");
    session.run("INSERT INTO events SELECT user_id + 1000, item_id FROM events LIMIT 500");
    session.wait_until("SELECT new_rows = 500 FROM segrec.health");
    // One training fails in the background, and one in a schedule.
    session.run(r#"SELECT segrec_alter_model('planted', '{"events": {"half_life": null}}'); ALTER TABLE events RENAME item_id TO product"#);
    let job: i64 = session.value("SELECT segrec_train_in_background('planted')");
    session.wait_until(&format!("SELECT state = 'failed' FROM segrec.jobs WHERE job = {job}"));
    session.batch_execute("CALL segrec_run_schedule('planted', 0)").unwrap_err();
    assert_eq!(session.table(counts), "1|failed|2|2|500|0|0");
    session.run("ALTER TABLE events RENAME product TO item_id; SELECT segrec_train('planted', 'always')");
    session.wait_until("SELECT new_rows = 0 FROM segrec.health");
    assert_eq!(session.table(counts), "5|deployed|0|0|0|0|0");
    assert_eq!(
        session.table(
            "SELECT deployed_age < interval '10 minutes', last_training_at > now() - interval '10 minutes',
                    disk BETWEEN 10000 AND 100000000 FROM segrec.health"
        ),
        "t|t|t"
    );
    // Each of two models has its share.
    session.run(&format!(
        "SELECT segrec_create_model('second', 'events', options => '{}'); SELECT segrec_train('second')",
        planted::OPTIONS
    ));
    let shares = "SELECT (SELECT sum(disk) FROM segrec.health) BETWEEN 0.99 * total AND 1.01 * total
        FROM (SELECT sum(pg_total_relation_size(oid)) AS total FROM pg_class
              WHERE relnamespace = 'segrec_catalog'::regnamespace AND relname IN ('version_users', 'version_items', 'version_item_rows', 'version_segment_items')) all_tables";
    assert_eq!(session.table(shares), "t");
}

#[test]
fn who_reads_all_statistics_sees_all_models_and_others_see_what_they_may_use() {
    let database = Cluster::shared().database("health_rights");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    session.run(&format!(
        "CREATE ROLE health_monitor LOGIN; GRANT pg_monitor TO health_monitor;
         CREATE ROLE health_user LOGIN; CREATE ROLE health_stranger LOGIN;
         SELECT segrec_create_model('granted', 'events', options => '{}'); SELECT segrec_grant('granted', 'health_user', 'use')",
        planted::OPTIONS
    ));
    let seen = "SELECT string_agg(model, ' ' ORDER BY model) FROM segrec.health";
    assert_eq!(session.table(seen), "granted planted");
    assert_eq!(database.connect_as("health_monitor").table(seen), "granted planted");
    assert_eq!(database.connect_as("health_user").table(seen), "granted");
    assert_eq!(database.connect_as("health_stranger").table(seen), "∅");
    // A role that monitors sees nothing else of the models.
    let mut monitor = database.connect_as("health_monitor");
    assert_eq!(monitor.table("SELECT count(*) FROM segrec.models"), "0");
    assert_eq!(monitor.table("SELECT count(*) FROM segrec.segment_members"), "0");
    // The view does not wait for sessions that alter a relation.
    session.run("BEGIN; LOCK events IN ACCESS EXCLUSIVE MODE");
    monitor.run("SET lock_timeout = '2s'");
    assert_eq!(monitor.table("SELECT live FROM segrec.health WHERE model = 'planted'"), "t");
    session.run("ROLLBACK");
}
