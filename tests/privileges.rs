//! The privileges that each operation and each view requires.

use segrec_tests::{Cluster, Session, SqlState, planted};

/// Returns a database whose model belongs to the role `NAME_owner`. `NAME_reader` may read the events, `NAME_stranger`
/// may not.
fn shared_model(name: &str) -> (segrec_tests::Database<'static>, [Session; 3]) {
    let database = Cluster::shared().database(name);
    let mut admin = database.connect();
    planted::create(&mut admin);
    for role in ["owner", "reader", "stranger"] {
        admin.run(&format!("CREATE ROLE {name}_{role} LOGIN"));
    }
    admin.run(&format!(
        "GRANT SELECT ON events TO {name}_owner, {name}_reader; ALTER TABLE events OWNER TO {name}_owner"
    ));
    let mut owner = database.connect_as(&format!("{name}_owner"));
    owner.run(&format!("SELECT segrec_create_model('m', 'events', options => '{}')", planted::OPTIONS));
    owner.run("SELECT segrec_train('m')");
    let reader = database.connect_as(&format!("{name}_reader"));
    let stranger = database.connect_as(&format!("{name}_stranger"));
    (database, [owner, reader, stranger])
}

#[test]
fn a_role_without_superuser_trains_and_owns_its_model() {
    let (_database, [mut owner, _, _]) = shared_model("privileges_owner");
    assert_eq!(owner.table("SELECT owner FROM segrec.models"), "privileges_owner_owner");
    owner.run("SELECT segrec_recommend(1)");
    owner.run("SELECT segrec_train('m', 'always')");
    owner.run("SELECT segrec_rollback('m')");
    owner.run("SELECT segrec_drop_version('m', 2)");
    owner.run("SELECT segrec_drop_model('m')");
}

#[test]
fn a_role_that_may_read_the_events_is_answered_but_changes_nothing() {
    let (_database, [_, mut reader, _]) = shared_model("privileges_reader");
    assert_eq!(reader.value::<i64>("SELECT count(*) FROM segrec_recommend(1)"), 10);
    assert_eq!(reader.value::<i64>("SELECT count(*) FROM segrec_recommend_segment(1)"), 10);
    assert_eq!(reader.value::<i64>("SELECT count(*) FROM segrec_similar_users(1)"), 10);
    assert_eq!(reader.value::<i64>("SELECT count(*) FROM segrec_audience(1)"), 100);
    assert_eq!(reader.value::<i64>("SELECT count(*) FROM segrec.segments"), 4);
    for call in [
        "segrec_alter_model('m', '{}')",
        "segrec_rebind('m', events => 'events')",
        "segrec_deploy('m', 1)",
        "segrec_rollback('m')",
        "segrec_drop_version('m', 1)",
        "segrec_drop_model('m')",
    ] {
        let error = reader.expect_error(&format!("SELECT {call}"));
        assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE, "{call}");
        assert_eq!(error.message(), "must be owner of model \"m\"");
        assert_eq!(error.detail(), Some("Its owner is privileges_reader_owner."));
    }
}

#[test]
fn a_role_that_may_not_read_the_events_sees_neither_the_model_nor_its_members() {
    let (_database, [_, _, mut stranger]) = shared_model("privileges_stranger");
    for call in ["segrec_recommend", "segrec_recommend_segment", "segrec_similar_users", "segrec_audience"] {
        let error = stranger.expect_error(&format!("SELECT {call}(1, model => 'm')"));
        assert_eq!(error.code(), &SqlState::UNDEFINED_OBJECT, "{call}");
        assert_eq!(error.detail(), Some("There is no model that you may use."));
    }
    for view in [
        "models",
        "grants",
        "versions",
        "segments",
        "segment_members",
        "segment_items",
        "item_factors",
        "user_factors",
        "metrics",
        "training_log",
    ] {
        assert_eq!(stranger.value::<i64>(&format!("SELECT count(*) FROM segrec.{view}")), 0, "{view}");
    }
    for table in [
        "models",
        "versions",
        "segments",
        "segment_reachability",
        "version_users",
        "version_items",
        "version_sections",
        "version_item_rows",
        "version_segment_items",
    ] {
        let error = stranger.expect_error(&format!("SELECT * FROM segrec_catalog.{table}"));
        assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE, "{table}");
    }
    let error = stranger.expect_error("SELECT segrec_create_model('mine', 'events')");
    assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE);
    assert_eq!(error.message(), "permission denied for table events");
}

#[test]
fn nobody_writes_the_catalog_directly() {
    let (_database, [mut owner, _, _]) = shared_model("privileges_direct");
    for statement in [
        "UPDATE segrec_catalog.model_owners SET owner = 'postgres'",
        "INSERT INTO segrec_catalog.metrics VALUES (1, 1, 'x', 1, 1, 1, 1, 1, 1, 1)",
        "DELETE FROM segrec_catalog.versions",
        "DROP TABLE segrec_catalog.version_users",
    ] {
        assert_eq!(owner.expect_error(statement).code(), &SqlState::INSUFFICIENT_PRIVILEGE, "{statement}");
    }
}

#[test]
fn row_level_security_of_the_caller_holds() {
    let (database, [mut owner, mut reader, _]) = shared_model("privileges_rls");
    owner.run(
        "ALTER TABLE events ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON events USING (user_id = current_setting('app.me')::bigint)",
    );
    // A role that sees only some rows may not see what was learned from all of them.
    reader.run("SET app.me = '1'");
    let error = reader.expect_error("SELECT segrec_recommend(1, model => 'm')");
    assert_eq!(error.code(), &SqlState::UNDEFINED_OBJECT);
    assert_eq!(reader.value::<i64>("SELECT count(*) FROM segrec.user_factors"), 0);
    // The reader's own model is trained on the rows that the reader sees.
    reader.run(&format!("SELECT segrec_create_model('own', 'events', options => '{}')", planted::OPTIONS));
    reader.run("SELECT segrec_train('own')");
    assert_eq!(reader.table("SELECT users FROM segrec.versions WHERE model = 'own'"), "1");
    drop(database);
}

#[test]
fn a_search_path_of_the_caller_changes_nothing() {
    let (database, [mut owner, _, _]) = shared_model("privileges_path");
    database.connect().run("CREATE SCHEMA trap AUTHORIZATION privileges_path_owner");
    owner.run(
        "CREATE TABLE trap.models (a int); CREATE TABLE trap.pg_class (a int);
         CREATE FUNCTION trap.unnest(int[]) RETURNS SETOF int LANGUAGE sql AS 'SELECT 1/0';
         CREATE FUNCTION trap.statement_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz';
         SET search_path = trap, pg_catalog, public",
    );
    owner.run("SELECT segrec_train('m')");
    assert_eq!(owner.value::<i64>("SELECT count(*) FROM segrec_recommend(1)"), 10);
    assert_eq!(
        owner.table("SELECT current_user, current_setting('search_path')"),
        "privileges_path_owner|trap, pg_catalog, public"
    );
}

#[test]
fn the_caller_is_the_caller_again_after_an_error() {
    let (_database, [mut owner, _, _]) = shared_model("privileges_again");
    owner.run(
        "DO $$ BEGIN
             BEGIN PERFORM segrec_train('m', 'wrong'); EXCEPTION WHEN OTHERS THEN NULL; END;
             BEGIN PERFORM segrec_deploy('m', 77); EXCEPTION WHEN OTHERS THEN NULL; END;
             BEGIN PERFORM segrec_recommend(md5('x')::uuid); EXCEPTION WHEN OTHERS THEN NULL; END;
             IF current_user <> session_user THEN RAISE EXCEPTION 'acting as %', current_user; END IF;
         END $$",
    );
}

#[test]
fn who_may_read_only_a_view_of_the_events_does_not_see_what_all_of_them_taught() {
    let (database, [mut owner, mut reader, _]) = shared_model("privileges_view");
    database.connect().run("GRANT CREATE ON SCHEMA public TO privileges_view_owner");
    owner.run(&format!(
        "CREATE VIEW mine AS SELECT * FROM events WHERE user_id = 1;
         GRANT SELECT ON mine TO privileges_view_reader;
         SELECT segrec_create_model('viewed', 'mine', options => '{}');
         SELECT segrec_train('viewed')",
        planted::OPTIONS
    ));
    // The view is live, by its plan.
    assert_eq!(owner.table("SELECT live FROM segrec.models WHERE model = 'viewed'"), "t");
    assert_eq!(reader.table("SELECT model FROM segrec.models"), "m");
    let error = reader.expect_error("SELECT segrec_recommend(1, model => 'viewed')");
    assert_eq!(error.code(), &SqlState::UNDEFINED_OBJECT);
    drop(database);
}

#[test]
fn who_may_not_use_the_schema_of_the_events_knows_nothing_of_the_model() {
    let (database, [mut owner, mut reader, _]) = shared_model("privileges_schema");
    let mut admin = database.connect();
    admin.run(
        "CREATE SCHEMA closed AUTHORIZATION privileges_schema_owner; ALTER TABLE events SET SCHEMA closed;
         GRANT SELECT ON closed.events TO PUBLIC",
    );
    assert_eq!(reader.expect_error("SELECT FROM closed.events").code(), &SqlState::INSUFFICIENT_PRIVILEGE);
    for call in ["segrec_recommend(1, model => 'm')", "segrec_explain(1, 5)", "segrec_similar_users(1)"] {
        assert_eq!(
            reader.expect_error(&format!("SELECT {call}")).code(),
            &SqlState::UNDEFINED_OBJECT,
            "{call}"
        );
    }
    for view in ["models", "versions", "segment_members", "user_factors", "metrics"] {
        assert_eq!(reader.value::<i64>(&format!("SELECT count(*) FROM segrec.{view}")), 0, "{view}");
    }
    owner.run("GRANT USAGE ON SCHEMA closed TO privileges_schema_reader");
    assert_eq!(reader.value::<i64>("SELECT count(*) FROM segrec_recommend(1)"), 10);
}

#[test]
fn what_an_error_said_is_shown_to_who_may_train_only() {
    let (database, [mut owner, mut reader, _]) = shared_model("privileges_errors");
    let mut admin = database.connect();
    // Inserts what messages might contain into every column that stores one.
    admin.run(
        "INSERT INTO segrec_catalog.versions (model_id, version, state, started_at, reason, options)
             SELECT model_id, 2, 'failed', now(), 'the card of Smith', '{}' FROM segrec_catalog.models;
         INSERT INTO segrec_catalog.schedules (model_id, cron, min_new_events, role, job)
             SELECT model_id, '0 3 * * *', 1, 'privileges_errors_owner', 7 FROM segrec_catalog.models;
         INSERT INTO segrec_catalog.schedule_runs (model_id, started_at, finished_at, outcome, error)
             SELECT model_id, now(), now(), 'failed', 'the card of Smith' FROM segrec_catalog.models;
         INSERT INTO segrec_catalog.jobs (job, model_id, role, pid, state, error)
             SELECT 1, model_id, 'privileges_errors_reader', 1, 'failed', 'the card of Smith' FROM segrec_catalog.models;
         INSERT INTO segrec_catalog.studies (model_id, space, metric, search, trials, options)
             SELECT model_id, '{}', 'ndcg@10', 'grid', 1, '{}' FROM segrec_catalog.models;
         INSERT INTO segrec_catalog.trials SELECT study_id, 1, 1, '{}', 'failed', NULL, 'the card of Smith' FROM segrec_catalog.studies",
    );
    let failed = "SELECT reason FROM segrec.versions WHERE state = 'failed'";
    let others = "SELECT (SELECT error FROM segrec.trials), (SELECT error FROM segrec.schedule_runs),
                         (SELECT last_error FROM segrec.schedules), (SELECT error FROM segrec.jobs)";
    assert_eq!(owner.table(failed), "the card of Smith");
    assert_eq!(owner.table(others), ["the card of Smith"; 4].join("|"));
    assert_eq!(
        reader.table(failed),
        "the training failed; the reason is shown only to roles that may train the model"
    );
    assert_eq!(reader.table(others), ["∅"; 4].join("|"));
    for (schema, view) in reader
        .query("SELECT nspname::text, relname::text FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
                WHERE nspname IN ('segrec', 'segrec_catalog') AND relkind = 'v' AND has_table_privilege(pg_class.oid, 'SELECT')", &[])
        .unwrap()
        .iter()
        .map(|row| (row.get::<_, String>(0), row.get::<_, String>(1)))
    {
        let rows = reader.table(&format!("SELECT * FROM {schema}.{view}"));
        assert!(!rows.contains("Smith"), "{schema}.{view}: {rows}");
    }
    owner.run("SELECT segrec_grant('m', 'privileges_errors_reader', 'train')");
    assert_eq!(reader.table(others), ["the card of Smith"; 4].join("|"));
}
