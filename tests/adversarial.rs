//! Attacks: owners who set traps, names that try to break out of quotes, and unexpected privileges. None of them may
//! run code as another role or show data to it.

use segrec_tests::{Cluster, Database, Session, SqlState, planted};

/// Creates a model `m` of `NAME_owner` on a table, from which a superuser has already had an answer. Returns sessions
/// of both.
fn trap(name: &str) -> (Database<'static>, Session, Session) {
    let database = Cluster::shared().database(name);
    let mut victim = database.connect();
    planted::create(&mut victim);
    victim.run(&format!(
        "CREATE ROLE {name}_owner LOGIN; CREATE SCHEMA trap AUTHORIZATION {name}_owner;
         CREATE TABLE trap.events AS TABLE events; CREATE INDEX ON trap.events (user_id);
         ALTER TABLE trap.events OWNER TO {name}_owner"
    ));
    let mut owner = database.connect_as(&format!("{name}_owner"));
    owner.run(&format!("SELECT segrec_create_model('m', 'trap.events', options => '{}')", planted::OPTIONS));
    owner.run(
        "SELECT segrec_train('m');
         CREATE TABLE trap.sprung (as_role text); GRANT ALL ON trap.sprung TO PUBLIC; GRANT USAGE ON SCHEMA trap TO PUBLIC;
         CREATE FUNCTION trap.spring() RETURNS boolean LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO trap.sprung VALUES (current_user); RETURN true; END $$",
    );
    // From here on the session holds the version and a prepared query.
    assert_eq!(victim.value::<i64>("SELECT count(*) FROM segrec_recommend(3, 5)"), 5);
    (database, owner, victim)
}

/// Expects that the victim gets the stored answers of the training, and that none of the owner's code has run as the
/// victim.
#[track_caller]
fn expect_unsprung(victim: &mut Session, stored: &str) {
    assert_eq!(victim.table("SELECT item_id FROM segrec_recommend(3, 5)"), stored);
    assert_eq!(victim.table("SELECT * FROM trap.sprung"), "");
}

#[test]
fn a_view_put_in_the_place_of_the_events_runs_nothing_as_who_is_recommended() {
    let (_database, mut owner, mut victim) = trap("hostile_view");
    let stored = victim.table("SELECT item_id FROM segrec_recommend(3, 5)");
    owner.run(
        "ALTER TABLE trap.events RENAME TO moved;
         CREATE VIEW trap.events AS SELECT * FROM trap.moved WHERE trap.spring()",
    );
    expect_unsprung(&mut victim, &stored);
}

#[test]
fn a_column_that_becomes_a_type_with_a_trap_runs_nothing_as_who_is_recommended() {
    let (_database, mut owner, mut victim) = trap("hostile_type");
    let stored = victim.table("SELECT item_id FROM segrec_recommend(3, 5)");
    owner.run(
        "CREATE TYPE trap.number AS (n bigint);
         CREATE FUNCTION trap.wrap(bigint) RETURNS trap.number LANGUAGE sql AS 'SELECT ROW($1)::trap.number';
         CREATE FUNCTION trap.cast(trap.number) RETURNS bigint LANGUAGE plpgsql AS
             $$ BEGIN PERFORM trap.spring(); RETURN ($1).n; END $$;
         CREATE CAST (trap.number AS bigint) WITH FUNCTION trap.cast(trap.number) AS IMPLICIT;
         ALTER TABLE trap.events ALTER item_id TYPE trap.number USING trap.wrap(item_id)",
    );
    owner.run("TRUNCATE trap.sprung");
    expect_unsprung(&mut victim, &stored);
}

#[test]
fn another_schema_in_the_place_of_that_of_the_events_runs_nothing_as_who_is_recommended() {
    let (database, mut owner, mut victim) = trap("hostile_schema");
    let stored = victim.table("SELECT item_id FROM segrec_recommend(3, 5)");
    database
        .connect()
        .run(&format!("GRANT CREATE ON DATABASE \"{}\" TO hostile_schema_owner", database.name()));
    owner.run(
        "CREATE SCHEMA second; ALTER SCHEMA trap RENAME TO first; ALTER SCHEMA second RENAME TO trap;
         GRANT USAGE ON SCHEMA trap TO PUBLIC;
         CREATE TABLE trap.sprung (as_role text); GRANT ALL ON trap.sprung TO PUBLIC;
         CREATE FUNCTION trap.spring() RETURNS boolean LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO trap.sprung VALUES (current_user); RETURN true; END $$;
         CREATE VIEW trap.events AS SELECT * FROM first.events WHERE trap.spring()",
    );
    expect_unsprung(&mut victim, &stored);
}

#[test]
fn default_privileges_open_no_table_of_the_catalog() {
    let database = Cluster::shared().empty_database("hostile_defaults");
    let mut session = database.connect();
    session.run(
        "CREATE ROLE hostile_defaults_reader LOGIN;
         ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO hostile_defaults_reader, PUBLIC;
         ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO hostile_defaults_reader;
         CREATE EXTENSION pg_segrec",
    );
    planted::create(&mut session);
    session.run("REVOKE ALL ON events FROM hostile_defaults_reader, PUBLIC");
    session.run(&format!("SELECT segrec_create_model('m', 'events', options => '{}')", planted::OPTIONS));
    session.run("SELECT segrec_train('m')");
    let mut reader = database.connect_as("hostile_defaults_reader");
    let open: Vec<String> = reader.column(
        "SELECT oid::regclass::text FROM pg_class
         WHERE relnamespace = 'segrec_catalog'::regnamespace AND relname NOT LIKE 'usable\\_%'
           AND (relkind IN ('r', 'p', 'v') AND has_table_privilege(oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')
                OR relkind = 'S' AND has_sequence_privilege(oid, 'SELECT, USAGE, UPDATE'))",
    );
    assert_eq!(open, Vec::<String>::new());
    assert_eq!(
        reader.expect_error("SELECT * FROM segrec_catalog.version_users").code(),
        &SqlState::INSUFFICIENT_PRIVILEGE
    );
}

#[test]
fn names_that_try_to_break_out_are_only_names() {
    let database = Cluster::shared().database("hostile_names");
    let mut session = database.connect();
    session.run(
        r#"CREATE TABLE untouched (a int);
           CREATE SCHEMA "s""; DROP TABLE untouched; --";
           CREATE TABLE "s""; DROP TABLE untouched; --"."t'; DROP TABLE untouched; --" AS
               SELECT u AS "u""; DROP TABLE untouched; --", (u * 7 + i * i) % 40 AS "i'); DROP TABLE untouched; --",
                      'it''s' AS "$1", 1.5 AS "%I %L %s"
               FROM generate_series(1::bigint, 60) u, generate_series(1, 9) i;
           CREATE INDEX ON "s""; DROP TABLE untouched; --"."t'; DROP TABLE untouched; --" ("u""; DROP TABLE untouched; --");
           SELECT segrec_create_model('m''; DROP TABLE untouched; --',
               '"s""; DROP TABLE untouched; --"."t''; DROP TABLE untouched; --"',
               user_column => 'u"; DROP TABLE untouched; --', item_column => 'i''); DROP TABLE untouched; --',
               type_column => '$1', weight_column => '%I %L %s', options => '{"als": {"factors": 4}, "events": {"type_weights": {"it''s": 2}}}');
           SELECT segrec_train('m''; DROP TABLE untouched; --');
           SELECT segrec_recommend(3); SELECT segrec_recommend('3''; DROP TABLE untouched; --');
           SELECT segrec_forget_user('m''; DROP TABLE untouched; --', '3''; DROP TABLE untouched; --');
           CREATE TABLE "d""; DROP TABLE untouched; --" AS SELECT * FROM segrec_export('m''; DROP TABLE untouched; --');
           SELECT segrec_import('m''; DROP TABLE untouched; --', '"d""; DROP TABLE untouched; --"')"#,
    );
    assert_eq!(session.value::<i64>("SELECT count(*) FROM untouched"), 0);
}
