//! Only relations that were checked are read, and values are read by their current types, even if relations are
//! renamed, replaced or altered under a model or a session.

use segrec_tests::{Cluster, Database, Session, SqlState, planted};

fn trained(name: &str) -> (Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    (database, session)
}

/// The kinds of ids, each with a type of that kind and an expression that converts a number to it.
const KINDS: [(&str, &str, &str); 4] = [
    ("bigint", "integer", "{}::integer"),
    ("text", "text", "'id ' || {}"),
    ("text", "varchar", "'id ' || {}"),
    ("uuid", "uuid", "md5({}::text)::uuid"),
];

/// Creates a table of events, with ids given by two expressions, and its index.
fn events_of(session: &mut Session, user: &str, item: &str) {
    let [user, item] =
        [(user, "user_id"), (item, "item_id")].map(|(made, column)| made.replace("{}", column));
    session.run(&format!(
        "DROP TABLE IF EXISTS ids; CREATE TABLE ids AS SELECT {user} AS user_id, {item} AS item_id FROM events;
         CREATE INDEX ON ids (user_id)"
    ));
}

#[test]
fn ids_that_become_another_kind_are_one_clear_error_in_old_and_new_sessions_and_never_read_as_what_they_are_not()
 {
    let (database, mut session) = trained("identity_kinds");
    for (kind, _, made) in KINDS {
        for (other, type_name, remade) in KINDS {
            if other == kind {
                continue;
            }
            for column in ["user_id", "item_id"] {
                events_of(&mut session, made, made);
                session.run(
                    "SELECT segrec_create_model('ids', 'ids', options => '{\"algorithm\": \"popularity\"}');
                     SELECT segrec_train('ids')",
                );
                let someone: String = session.value("SELECT min(user_id::text) FROM ids");
                let item: String = session.value("SELECT min(item_id::text) FROM ids");
                let recommend = format!("SELECT count(*) FROM segrec_recommend('{someone}'::text, 3, 'ids')");
                assert_eq!(session.value::<i64>(&recommend), 3);
                let mut warm = database.connect();
                assert_eq!(warm.value::<i64>(&recommend), 3);
                let using = remade.replace("{}", &format!("hashtext({column}::text)"));
                session.run(&format!("ALTER TABLE ids ALTER {column} TYPE {type_name} USING {using}"));
                for session in [&mut warm, &mut database.connect()] {
                    for call in [&recommend, "SELECT segrec_train('ids')", "SELECT segrec_evaluate('ids')"] {
                        let error = session.expect_error(call);
                        assert_eq!(
                            error.code(),
                            &SqlState::DATATYPE_MISMATCH,
                            "{kind} to {type_name}: {error}"
                        );
                        let what = column.trim_end_matches("_id");
                        assert!(
                            error.message().starts_with(&format!(
                                "model \"ids\" was created for {what} ids of type {kind}, but \"{column}\" of \"ids\" is now"
                            )),
                            "{error}"
                        );
                        assert!(error.hint().is_some());
                    }
                    // Calls that read no events still work.
                    session.run(&format!("SELECT * FROM segrec_similar_items('{item}'::text, 3, 'ids')"));
                    assert!(session.value::<i64>("SELECT count(*) FROM segrec_recommend_all('ids', 2)") > 0);
                }
                session.run("SELECT segrec_drop_model('ids')");
            }
        }
    }
}

#[test]
fn keys_of_users_and_items_that_become_another_kind_are_refused_by_the_next_training() {
    let (database, mut session) = trained("identity_keys");
    session.run(
        "CREATE TABLE people AS SELECT DISTINCT user_id AS id, user_id % 7 AS age FROM events;
         CREATE UNIQUE INDEX ON people (id);
         CREATE TABLE things AS SELECT DISTINCT item_id AS id, 'c' || item_id % 3 AS category FROM events;
         SELECT segrec_create_model('b', 'events', users => 'people', users_key => 'id', items => 'things', items_key => 'id',
             options => '{\"als\": {\"factors\": 4}, \"segmentation\": {\"on\": \"attributes\", \"activity\": [\"categories\"],
                          \"category_column\": \"category\", \"segments\": 2}}');
         SELECT segrec_train('b')",
    );
    for (relation, what) in [("people", "user"), ("things", "item")] {
        for (type_name, using) in [("text", "id::text"), ("uuid", "md5(id::text)::uuid")] {
            session.run(&format!(
                "CREATE TABLE kept AS TABLE {relation}; ALTER TABLE {relation} ALTER id TYPE {type_name} USING {using}"
            ));
            for session in [&mut session, &mut database.connect()] {
                let error = session.expect_error("SELECT segrec_train('b', 'always')");
                assert_eq!(error.code(), &SqlState::DATATYPE_MISMATCH);
                assert!(
                    error
                        .message()
                        .starts_with(&format!("model \"b\" was created for {what} ids of type bigint")),
                    "{error}"
                );
                // A user known to the training needs no row.
                assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(3, 4, 'b')"), 4);
            }
            session.run(&format!(
                "DROP TABLE {relation}; ALTER TABLE kept RENAME TO {relation};
                 SELECT segrec_drop_model('b');
                 SELECT segrec_create_model('b', 'events', users => 'people', users_key => 'id', items => 'things',
                     items_key => 'id', options => '{{\"als\": {{\"factors\": 4}}, \"segmentation\": {{\"on\": \"attributes\",
                     \"activity\": [\"categories\"], \"category_column\": \"category\", \"segments\": 2}}}}');
                 SELECT segrec_train('b')"
            ));
        }
    }
    assert_eq!(
        session.table("SELECT count(*) FROM segrec.segment_members WHERE model = 'b' AND user_id NOT IN (SELECT user_id::text FROM events)"),
        "0"
    );
}

#[test]
fn types_of_one_kind_change_under_a_session_and_events_are_read_on() {
    let (_database, mut session) = trained("identity_widened");
    session.run("INSERT INTO events VALUES (-7, 1), (-7, 5)");
    let sources = "SELECT DISTINCT source FROM segrec_recommend(-7, 3)";
    assert_eq!(session.table(sources), "fold_in");
    for type_name in ["integer", "smallint", "bigint"] {
        session.run(&format!(
            "ALTER TABLE events ALTER user_id TYPE {type_name}, ALTER item_id TYPE {type_name}"
        ));
        assert_eq!(session.table(sources), "fold_in", "{type_name}");
    }
    session.run("CREATE DOMAIN number AS bigint; ALTER TABLE events ALTER item_id TYPE number");
    assert_eq!(session.table(sources), "fold_in");
}

#[test]
fn a_relation_that_is_renamed_or_moved_is_read_where_it_is() {
    let (database, mut session) = trained("identity_renamed");
    session.run("INSERT INTO events VALUES (-7, 1), (-7, 5)");
    let sources = "SELECT DISTINCT source FROM segrec_recommend(-7, 3, 'planted')";
    assert_eq!(session.table(sources), "fold_in");
    session.run(
        "ALTER TABLE events RENAME TO moved;
         CREATE TABLE events (user_id bigint, item_id bigint); CREATE INDEX ON events (user_id)",
    );
    assert_eq!(session.table(sources), "fold_in");
    session
        .run("CREATE SCHEMA other; ALTER TABLE moved SET SCHEMA other; ALTER SCHEMA other RENAME TO third");
    assert_eq!(session.table(sources), "fold_in");
    assert_eq!(database.connect().table(sources), "fold_in");
}

#[test]
fn a_relation_that_cannot_be_read_any_more_is_told_once_and_answers_are_those_of_the_training() {
    let (database, mut session) = trained("identity_gone");
    let list = "SELECT item_id FROM segrec_recommend(3, 5)";
    let before = session.table(list);
    session.run("ALTER TABLE events RENAME user_id TO customer");
    for session in [&mut session, &mut database.connect()] {
        session.notices();
        assert_eq!(session.table(list), before);
        let warnings = session.notices();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert_eq!(warnings[0].severity(), "WARNING");
        assert_eq!(warnings[0].message(), "model \"planted\" serves results as of its training");
        assert_eq!(session.table(list), before);
        assert!(session.notices().is_empty());
    }
    session.run("ALTER TABLE events RENAME customer TO user_id; INSERT INTO events VALUES (-7, 1), (-7, 5)");
    assert_eq!(session.table("SELECT DISTINCT source FROM segrec_recommend(-7, 3)"), "fold_in");
    session.run("DROP TABLE events");
    assert_eq!(session.table(list), before);
    assert_eq!(session.notices().len(), 1);
}

/// A session with an old snapshot reads after another has replaced a relation by a view with a trap.
#[test]
fn a_view_put_in_the_place_of_a_relation_under_an_old_snapshot_runs_nothing_as_whoever_reads() {
    let database = Cluster::shared().database("identity_snapshot");
    let mut victim = database.connect();
    planted::create(&mut victim);
    victim.run(
        "CREATE ROLE identity_snapshot_owner LOGIN; CREATE SCHEMA trap AUTHORIZATION identity_snapshot_owner;
         GRANT USAGE ON SCHEMA trap TO PUBLIC; CREATE TABLE trap.events AS TABLE events; CREATE INDEX ON trap.events (user_id);
         CREATE TABLE trap.people AS SELECT DISTINCT user_id, user_id % 5 AS age FROM events; CREATE INDEX ON trap.people (user_id);
         ALTER TABLE trap.events OWNER TO identity_snapshot_owner; ALTER TABLE trap.people OWNER TO identity_snapshot_owner",
    );
    let mut owner = database.connect_as("identity_snapshot_owner");
    owner.run(
        "SELECT segrec_create_model('m', 'trap.events', users => 'trap.people',
             options => '{\"algorithm\": \"popularity\", \"segmentation\": {\"on\": \"attributes\", \"segments\": 2}}');
         SELECT segrec_train('m');
         CREATE TABLE trap.sprung (as_role text); GRANT ALL ON trap.sprung TO PUBLIC;
         CREATE FUNCTION trap.spring() RETURNS boolean LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO trap.sprung VALUES (current_user); RETURN true; END $$",
    );
    for (call, swapped) in [
        ("SELECT count(*) FROM segrec_recommend(3, 5, 'm')", "events"),
        ("SELECT segrec_segment_of(-1::bigint, 'm') IS NULL", "people"),
        ("SELECT count(*) FROM segrec_train('m', 'never')", "events"),
        ("SELECT count(*) FROM segrec_train('m', 'never')", "people"),
        ("SELECT count(*) FROM segrec_evaluate('m', test => 'trap.events')", "events"),
        ("SELECT events > 0 FROM segrec_estimate('m')", "events"),
    ] {
        let mut victim = database.connect();
        victim.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
        owner.run(&format!(
            "ALTER TABLE trap.{swapped} RENAME TO moved;
             CREATE VIEW trap.{swapped} AS SELECT * FROM trap.moved WHERE trap.spring()"
        ));
        // The call may succeed or fail, but runs no code of the view.
        let _ = victim.batch_execute(call);
        victim.run("ROLLBACK");
        assert_eq!(owner.table("SELECT * FROM trap.sprung"), "", "{call} with {swapped} swapped");
        owner.run(&format!("DROP VIEW trap.{swapped}; ALTER TABLE trap.moved RENAME TO {swapped}"));
    }
}
