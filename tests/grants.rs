//! Grants on models: what they allow, to whom, and what stays hidden without one.

use segrec_tests::{Cluster, Database, DbError, Session, SqlState, planted};

/// Returns a database whose model `m` belongs to `NAME_owner`, and a session of `NAME_guest`, which may not read its
/// events.
fn guarded(name: &str) -> (Database<'static>, Session, Session) {
    let database = Cluster::shared().database(name);
    let mut admin = database.connect();
    planted::create(&mut admin);
    admin.run(&format!(
        "CREATE ROLE {name}_owner LOGIN; CREATE ROLE {name}_guest LOGIN; ALTER TABLE events OWNER TO {name}_owner"
    ));
    let mut owner = database.connect_as(&format!("{name}_owner"));
    owner.run(&format!("SELECT segrec_create_model('m', 'events', options => '{}')", planted::OPTIONS));
    owner.run("SELECT segrec_train('m')");
    let guest = database.connect_as(&format!("{name}_guest"));
    (database, owner, guest)
}

#[track_caller]
fn expect(error: &DbError, code: &SqlState, message: &str, detail: &str, hint: &str) {
    assert_eq!(error.code(), code);
    assert_eq!(error.message(), message);
    assert_eq!(error.detail().unwrap_or_default(), detail);
    assert_eq!(error.hint().unwrap_or_default(), hint);
}

#[test]
fn who_may_use_a_model_recommends_without_reading_its_events_and_changes_nothing() {
    let (_database, mut owner, mut guest) = guarded("grants_use");
    let list = "SELECT * FROM segrec_recommend(3, 20)";
    assert_eq!(guest.expect_error(list).code(), &SqlState::UNDEFINED_OBJECT);
    owner.run("SELECT segrec_grant('m', 'grants_use_guest', 'use')");
    assert_eq!(guest.expect_error("SELECT FROM events").code(), &SqlState::INSUFFICIENT_PRIVILEGE);
    for query in [
        list,
        "SELECT * FROM segrec_recommend('3', 20)",
        "SELECT * FROM segrec_recommend(987654)",
        "SELECT * FROM segrec_recommend_for(ARRAY[1, 5, 9]::bigint[])",
        "SELECT * FROM segrec_recommend_all('m', 3) ORDER BY 1, 2",
        "SELECT segrec_predict(3, 7), segrec_segment_of(3::bigint), segrec_segment_of(987654::bigint)",
        "SELECT * FROM segrec_explain(3, 7)",
        "SELECT * FROM segrec_similar_items(7::bigint)",
        "SELECT * FROM segrec.segment_members ORDER BY user_id",
        "SELECT * FROM segrec.grants",
    ] {
        assert_eq!(guest.table(query), owner.table(query), "{query}");
    }
    assert_eq!(guest.table("SELECT * FROM segrec.grants"), "m|grants_use_guest|use");
    let train = "Ask a member of grants_use_owner to call segrec_grant for your role.";
    let detail = "Only its owner grants_use_owner and roles with the privilege \"train\" on it may train it.";
    for call in [
        "SELECT segrec_train('m')",
        "SELECT segrec_evaluate('m')",
        "SELECT segrec_evaluate('m', test => 'events')",
        "SELECT segrec_cross_validate('m')",
        "SELECT segrec_compare('m', 1, 1)",
        r#"CALL segrec_tune('m', '{"als.factors": [4]}')"#,
    ] {
        let error = guest.expect_error(call);
        let message = "permission denied to train model \"m\"";
        expect(&error, &SqlState::INSUFFICIENT_PRIVILEGE, message, detail, train);
    }
    for call in [
        "segrec_alter_model('m', '{}')",
        "segrec_deploy('m', 1)",
        "segrec_rollback('m')",
        "segrec_drop_version('m', 1)",
        "segrec_drop_model('m')",
        "segrec_apply_trial('m', 1, 1)",
        "segrec_grant('m', 'grants_use_guest', 'train')",
        "segrec_revoke('m', 'grants_use_guest', 'use')",
    ] {
        let error = guest.expect_error(&format!("SELECT {call}"));
        assert_eq!(error.message(), "must be owner of model \"m\"", "{call}");
        assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE, "{call}");
    }
    owner.run("SELECT segrec_revoke('m', 'grants_use_guest', 'use')");
    assert_eq!(guest.expect_error(list).code(), &SqlState::UNDEFINED_OBJECT);
    assert_eq!(guest.table("SELECT * FROM segrec.grants"), "");
}

#[test]
fn live_events_are_for_those_who_may_read_them_and_stored_ones_for_the_others() {
    let (database, mut owner, mut guest) = guarded("grants_live");
    owner.run("SELECT segrec_grant('m', 'grants_live_guest', 'use')");
    let mut admin = database.connect();
    let first = "SELECT item_id FROM segrec_recommend(3, 1, 'm')";
    // The guest's call loads the version in this session, but prepares no query of the events.
    assert_eq!(guest.value::<i64>(first), owner.value::<i64>(first));
    let item: i64 = owner.value(first);
    owner.run(&format!("INSERT INTO events VALUES (3, {item})"));
    assert_ne!(owner.value::<i64>(first), item, "whoever reads events excludes the new one at once");
    assert_eq!(guest.value::<i64>(first), item, "whoever may not is answered as of the training");
    // The current role decides at each call, whichever role loaded the version.
    for (role, live) in [("owner", true), ("guest", false), ("owner", true), ("guest", false)] {
        admin.run(&format!("SET ROLE grants_live_{role}"));
        assert_eq!(admin.value::<i64>(first) != item, live, "{role}");
        admin.run("RESET ROLE");
    }
    // SELECT on all columns that are read is required; one of them is not enough.
    for (statement, live) in [
        ("GRANT SELECT (user_id) ON events TO grants_live_guest", false),
        ("GRANT SELECT (item_id) ON events TO grants_live_guest", true),
        ("REVOKE SELECT (user_id, item_id) ON events FROM grants_live_guest", false),
    ] {
        owner.run(statement);
        assert_eq!(guest.value::<i64>(first) != item, live, "{statement}");
    }
}

#[test]
fn a_relation_in_a_schema_that_is_closed_to_the_caller_is_not_read() {
    let database = Cluster::shared().database("grants_schema");
    let mut admin = database.connect();
    planted::create(&mut admin);
    admin.run(&format!(
        "CREATE ROLE grants_schema_guest LOGIN;
         CREATE SCHEMA closed; ALTER TABLE events SET SCHEMA closed; GRANT SELECT ON closed.events TO grants_schema_guest;
         SELECT segrec_create_model('m', 'closed.events', options => '{}');
         SELECT segrec_train('m');
         SELECT segrec_grant('m', 'grants_schema_guest', 'use')",
        planted::OPTIONS
    ));
    let mut guest = database.connect_as("grants_schema_guest");
    let first = "SELECT item_id FROM segrec_recommend(3, 1)";
    let item: i64 = guest.value(first);
    admin.run(&format!("INSERT INTO closed.events VALUES (3, {item})"));
    assert_eq!(guest.value::<i64>(first), item);
    admin.run("GRANT USAGE ON SCHEMA closed TO grants_schema_guest");
    assert_ne!(guest.value::<i64>(first), item);
}

#[test]
fn the_rows_of_users_are_for_those_who_may_read_them() {
    let database = Cluster::shared().database("grants_users");
    let mut admin = database.connect();
    admin.run(
        r#"CREATE TABLE people AS SELECT u AS user_id, u % 2 * 50 + u % 7 AS age FROM generate_series(1::bigint, 300) u;
           ALTER TABLE people ADD PRIMARY KEY (user_id);
           CREATE ROLE grants_users_guest LOGIN;
           SELECT segrec_create_model('people', users => 'people', options => '{"segmentation": {"segments": 2}}');
           SELECT segrec_train('people');
           SELECT segrec_grant('people', 'grants_users_guest', 'use');
           INSERT INTO people VALUES (1000, 53)"#,
    );
    let mut guest = database.connect_as("grants_users_guest");
    let segments = "SELECT segrec_segment_of(1::bigint), segrec_segment_of(1000::bigint)";
    let [old, new] = [1, 1000].map(|user| format!("SELECT segrec_segment_of({user}::bigint)"));
    assert_eq!(guest.value::<i32>(&old), admin.value::<i32>(&old));
    assert_eq!(guest.value::<Option<i32>>(&new), None);
    admin.run("GRANT SELECT ON people TO grants_users_guest");
    assert_eq!(guest.table(segments), admin.table(segments));
    assert_eq!(guest.value::<Option<i32>>(&new), admin.value::<Option<i32>>(&old));
}

#[test]
fn row_level_security_of_a_guest_holds_for_what_is_read_now() {
    let (_database, mut owner, mut guest) = guarded("grants_rls");
    owner.run(
        "ALTER TABLE events ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON events USING (user_id = current_setting('app.me')::bigint);
         GRANT SELECT ON events TO grants_rls_guest;
         SELECT segrec_grant('m', 'grants_rls_guest', 'use')",
    );
    let first = |user: i64| format!("SELECT item_id FROM segrec_recommend({user}, 1)");
    let items = [3, 4].map(|user| owner.value::<i64>(&first(user)));
    owner.run(&format!("INSERT INTO events VALUES (3, {}), (4, {})", items[0], items[1]));
    guest.run("SET app.me = 3");
    assert_ne!(guest.value::<i64>(&first(3)), items[0], "a row that the guest sees counts at once");
    assert_eq!(guest.value::<i64>(&first(4)), items[1], "hidden rows: as of the training");
    guest.run("SET app.me = 4");
    assert_eq!(guest.value::<i64>(&first(3)), items[0]);
    assert_ne!(guest.value::<i64>(&first(4)), items[1]);
}

#[test]
fn who_may_train_trains_measures_and_tunes_with_their_own_rights() {
    let (_database, mut owner, mut guest) = guarded("grants_train");
    owner.run("SELECT segrec_grant('m', 'grants_train_guest', 'train')");
    assert_eq!(guest.value::<i64>("SELECT count(*) FROM segrec_recommend(3)"), 10, "train includes use");
    let error = guest.expect_error("SELECT segrec_train('m')");
    assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE);
    assert_eq!(error.message(), "permission denied for table events");
    owner.run("GRANT SELECT ON events TO grants_train_guest");
    guest.run("SELECT segrec_train('m', 'always')");
    guest.run("SELECT segrec_evaluate('m')");
    guest.run(
        "CREATE TEMP TABLE later AS SELECT user_id, (item_id + 4) % 120 AS item_id FROM events;
         SELECT segrec_evaluate('m', test => 'later')",
    );
    guest.run("SELECT segrec_cross_validate('m', 2)");
    guest.run("SELECT segrec_compare('m', 1, 2)");
    guest.run(r#"CALL segrec_tune('m', '{"als.factors": [4, 6]}', trials => 2)"#);
    assert_eq!(guest.value::<i64>("SELECT max(study) FROM segrec.trials WHERE state = 'done'"), 1);
    // Only the owner may change options, so a study that would change them is refused before it begins.
    let error = guest.expect_error(r#"CALL segrec_tune('m', '{"als.factors": [5]}', apply => true)"#);
    assert_eq!(error.message(), "must be owner of model \"m\"");
    assert_eq!(guest.value::<i64>("SELECT max(study) FROM segrec.trials"), 1);
    for call in [
        "segrec_apply_trial('m', 1, 1)",
        "segrec_alter_model('m', '{}')",
        "segrec_catalog.finish_study(1, true)",
    ] {
        let error = guest.expect_error(&format!("SELECT {call}"));
        assert_eq!(error.message(), "must be owner of model \"m\"", "{call}");
    }
    assert_eq!(
        owner.table("SELECT owner, deployed_version FROM segrec.models"),
        "grants_train_owner|2",
        "the model is still its owner's"
    );
}

#[test]
fn grants_reach_members_and_everybody() {
    let (database, mut owner, mut guest) = guarded("grants_members");
    let mut admin = database.connect();
    admin.run("CREATE ROLE \"Grants members\"; GRANT \"Grants members\" TO grants_members_guest");
    let models = "SELECT count(*) FROM segrec.models";
    owner.run(r#"SELECT segrec_grant('m', '"Grants members"', 'use')"#);
    assert_eq!(guest.value::<i64>(models), 1);
    assert_eq!(guest.table("SELECT grantee FROM segrec.grants"), "\"Grants members\"");
    admin.run("REVOKE \"Grants members\" FROM grants_members_guest");
    assert_eq!(guest.value::<i64>(models), 0, "who is no member any more");
    owner.run("SELECT segrec_grant('m', 'PUBLIC', 'use'), segrec_grant('m', 'public', 'use')");
    assert_eq!(guest.value::<i64>(models), 1);
    assert_eq!(guest.table("SELECT grantee FROM segrec.grants ORDER BY 1"), "\"Grants members\"\npublic");
    owner.run("SELECT segrec_revoke('m', 'public', 'use')");
    assert_eq!(guest.value::<i64>(models), 0);
    // Members of some roles have their rights only after SET ROLE, as for GRANT on tables.
    admin.run(
        "CREATE ROLE grants_members_apart LOGIN NOINHERIT; GRANT \"Grants members\" TO grants_members_apart",
    );
    let mut apart = database.connect_as("grants_members_apart");
    assert_eq!(apart.value::<i64>(models), 0);
    apart.run("SET ROLE \"Grants members\"");
    assert_eq!(apart.value::<i64>(models), 1);
}

#[test]
fn wrong_grants_say_what_is_right() {
    let (_database, mut owner, _) = guarded("grants_wrong");
    for verb in ["segrec_grant", "segrec_revoke"] {
        let error = owner.expect_error(&format!("SELECT {verb}('m', 'grants_wrong_guest', 'select')"));
        let hint = "\"privilege\" must be one of 'use', 'label', 'train'.";
        expect(&error, &SqlState::INVALID_PARAMETER_VALUE, "\"privilege\" is \"select\"", "", hint);
        for name in ["nobody at all", "-", "4294967295", "0"] {
            let error = owner.expect_error(&format!(r#"SELECT {verb}('m', '"{name}"', 'use')"#));
            expect(
                &error,
                &SqlState::UNDEFINED_OBJECT,
                &format!("role \"\"{name}\"\" does not exist"),
                "A role is specified as in GRANT: in lower case, or in double quotes.",
                "Specify a role from pg_roles, or 'public' for all roles.",
            );
        }
        for name in ["-", "4294967295", "0"] {
            let error = owner.expect_error(&format!("SELECT {verb}('m', '{name}', 'use')"));
            assert_eq!(error.code(), &SqlState::UNDEFINED_OBJECT, "{name}");
        }
        for (model, role, privilege, argument) in [
            ("NULL", "'public'", "'use'", "model"),
            ("'m'", "NULL", "'use'", "role"),
            ("'m'", "'public'", "NULL", "privilege"),
        ] {
            let error = owner.expect_error(&format!("SELECT {verb}({model}, {role}, {privilege})"));
            assert_eq!(error.message(), format!("\"{argument}\" must not be null"));
        }
        let error = owner.expect_error(&format!("SELECT {verb}('n', 'public', 'use')"));
        assert_eq!(error.message(), "model \"n\" does not exist");
    }
    owner.notices();
    owner.run("SELECT segrec_revoke('m', 'grants_wrong_guest', 'use')");
    let notices = owner.notices();
    assert_eq!(notices[0].message(), "\"grants_wrong_guest\" has not been granted \"use\" on model \"m\"");
    assert_eq!(owner.table("SELECT * FROM segrec.grants"), "");
}

#[test]
fn grants_outlive_neither_their_model_nor_their_role_and_survive_a_dump() {
    let (database, mut owner, mut guest) = guarded("grants_dump");
    let mut admin = database.connect();
    admin.run("CREATE ROLE grants_dump_gone; CREATE ROLE grants_dump_late");
    for role in ["grants_dump_guest", "grants_dump_gone", "public"] {
        owner.run(&format!("SELECT segrec_grant('m', '{role}', 'train')"));
    }
    owner.run("SELECT segrec_revoke('m', 'public', 'train'), segrec_grant('m', 'public', 'use')");
    admin.run("DROP ROLE grants_dump_gone");
    let grants = "SELECT grantee, privilege FROM segrec.grants ORDER BY 1";
    let kept = "grants_dump_guest|train\npublic|use";
    assert_eq!(guest.table(grants), kept);
    let dump = database.program("pg_dump").output().unwrap();
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    let restored = Cluster::shared().empty_database("grants_restored");
    let printed = restored.psql(&String::from_utf8(dump.stdout).unwrap());
    assert!(!printed.contains("ERROR"), "{printed}");
    let mut again = restored.connect();
    assert_eq!(again.table(grants), kept);
    let stored = "SELECT count(*) FROM segrec_catalog.model_grants";
    assert_eq!(
        again.value::<i64>(stored),
        2,
        "no number of a dropped role is restored, which may be another's"
    );
    assert_eq!(admin.value::<i64>(stored), 3);
    owner.run("SELECT segrec_grant('m', 'grants_dump_late', 'use')");
    assert_eq!(admin.value::<i64>(stored), 3, "the next grant clears what is left of the dropped role");
    owner.run("SELECT segrec_drop_model('m')");
    assert_eq!(admin.value::<i64>(stored), 0);
}

#[test]
fn types_of_the_owner_run_nothing_as_the_caller() {
    let database = Cluster::shared().database("grants_trap");
    let mut admin = database.connect();
    admin.run("CREATE ROLE grants_trap_owner LOGIN; CREATE SCHEMA trap AUTHORIZATION grants_trap_owner");
    let mut owner = database.connect_as("grants_trap_owner");
    owner.run(
        "CREATE TYPE trap.kind AS ENUM ('view', 'buy');
         CREATE FUNCTION trap.spring(trap.kind) RETURNS text LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'running as %', current_user; END $$;
         CREATE CAST (trap.kind AS text) WITH FUNCTION trap.spring(trap.kind);
         CREATE TYPE trap.int8 AS (a int);
         CREATE FUNCTION trap.spring(trap.int8) RETURNS pg_catalog.int8 LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'running as %', current_user; END $$;
         CREATE CAST (trap.int8 AS pg_catalog.int8) WITH FUNCTION trap.spring(trap.int8);
         CREATE TABLE trap.events AS
             SELECT u AS user_id, (u * 7 + i * i) % 40 AS item_id, ROW(i)::trap.int8 AS row_id,
                    (ARRAY['view', 'buy', NULL]::trap.kind[])[1 + i % 3] AS kind
             FROM generate_series(1::bigint, 60) u, generate_series(1, 9) i;
         CREATE INDEX ON trap.events (user_id)",
    );
    let error = owner.expect_error("SELECT segrec_create_model('m', 'trap.events', item_column => 'row_id')");
    assert_eq!(error.code(), &SqlState::DATATYPE_MISMATCH);
    owner.run(
        r#"SELECT segrec_create_model('m', 'trap.events', type_column => 'kind',
               options => '{"events": {"type_weights": {"view": 1, "buy": 3}}, "als": {"factors": 4}}');
           SELECT segrec_train('m')"#,
    );
    let left_out =
        "ignored 180 of 540 rows of \"events\" that have a type that is not listed in events.type_weights";
    assert!(owner.notices().iter().any(|notice| notice.message() == left_out), "a null type stays null");
    assert_eq!(admin.value::<i64>("SELECT count(*) FROM segrec_recommend(3)"), 10);
    admin.run("SELECT segrec_train('m')");
}

#[test]
fn what_a_session_has_found_before_is_what_the_tables_say_now() {
    let database = Cluster::shared().database("grants_found");
    let mut owner = database.connect();
    planted::create_and_train(&mut owner);
    owner.run("SELECT segrec_train('planted', 'always'); CREATE ROLE grants_reader LOGIN; CREATE ROLE grants_heir LOGIN");
    let mut reader = database.connect_as("grants_reader");
    let list = "SELECT count(*) FROM segrec_recommend(3, 10, 'planted')";
    let only = "SELECT count(*) FROM segrec_recommend(3, 10)";
    let version = |session: &mut Session| -> i32 {
        session.run("SELECT * FROM segrec_recommend(3, 10)");
        session.value("SELECT version FROM segrec.versions WHERE deployed")
    };
    // A grant is given and revoked for the role, for one of which it is a member, and for PUBLIC.
    for (grantee, before, after) in [
        ("grants_reader", "", ""),
        ("public", "", ""),
        ("grants_heir", "GRANT grants_heir TO grants_reader", "REVOKE grants_heir FROM grants_reader"),
    ] {
        owner.run(before);
        for call in [list, only] {
            assert_eq!(reader.expect_error(call).code(), &SqlState::UNDEFINED_OBJECT, "{grantee}");
        }
        owner.run(&format!("SELECT segrec_grant('planted', '{grantee}', 'use')"));
        for call in [list, only, list, only] {
            assert_eq!(reader.value::<i64>(call), 10, "{grantee}");
        }
        owner.run(after);
        if after.is_empty() {
            owner.run(&format!("SELECT segrec_revoke('planted', '{grantee}', 'use')"));
        }
        for call in [list, only] {
            assert_eq!(reader.expect_error(call).code(), &SqlState::UNDEFINED_OBJECT, "{grantee}");
        }
    }
    // A session sees its own deployment at once, and no longer after a rollback.
    assert_eq!(version(&mut owner), 2);
    owner.run("BEGIN; SELECT segrec_rollback('planted')");
    assert_eq!(version(&mut owner), 1);
    owner.run("ROLLBACK");
    assert_eq!(version(&mut owner), 2);
    // A transaction with a single snapshot keeps the version it began with, and leaves nothing of it behind.
    owner.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    let before = owner.table("SELECT * FROM segrec_recommend(3, 10)");
    let mut other = database.connect();
    other.run(r#"SELECT segrec_alter_model('planted', '{"als": {"factors": 3}}'); SELECT segrec_train('planted', 'always')"#);
    assert_eq!(owner.table("SELECT * FROM segrec_recommend(3, 10)"), before);
    owner.run("COMMIT");
    assert_ne!(owner.table("SELECT * FROM segrec_recommend(3, 10)"), before);
    assert_eq!(
        owner.table("SELECT * FROM segrec_recommend(3, 10)"),
        other.table("SELECT * FROM segrec_recommend(3, 10)")
    );
    // With a second model, a call without a name can no longer be answered; and a new model of the same name is a
    // different model.
    other.run(r#"SELECT segrec_create_model('second', 'events', options => '{"algorithm": "popularity"}')"#);
    assert_eq!(owner.value::<i64>(only), 10);
    other.run("SELECT segrec_train('second')");
    assert_eq!(owner.expect_error(only).code(), &SqlState::AMBIGUOUS_PARAMETER);
    other.run("SELECT segrec_drop_model('planted'); SELECT segrec_drop_model('second')");
    assert_eq!(owner.expect_error(list).code(), &SqlState::UNDEFINED_OBJECT);
    other.run("SELECT segrec_create_model('planted', 'events')");
    assert_eq!(owner.expect_error(list).message(), "model \"planted\" has no deployed version");
    // The model of a dropped owner belongs to the owner of the catalog.
    other.run("SELECT segrec_train('planted'); SELECT segrec_change_owner('planted', 'grants_heir'); GRANT SELECT ON events TO grants_heir");
    let mut heir = database.connect_as("grants_heir");
    assert_eq!(heir.value::<i64>(list), 10);
    other.run("SELECT segrec_change_owner('planted', 'grants_reader')");
    assert_eq!(heir.value::<i64>(list), 10, "who may read the events may use the model");
    other.run("REVOKE SELECT ON events FROM grants_heir");
    assert_eq!(heir.expect_error(list).code(), &SqlState::UNDEFINED_OBJECT);
    assert_eq!(reader.value::<i64>(list), 10);
    assert_eq!(owner.value::<i64>(list), 10);
    drop(reader);
    other.run("DROP ROLE grants_reader");
    assert_eq!(owner.value::<i64>(list), 10);
}
