//! `segrec_create_functions`: functions for one model in a schema of its users, with parameters of the types of its
//! ids.

use segrec_tests::{Cluster, Database, Session, SqlState};

/// Creates a table of events whose ids have these types, and a model of it.
fn create(session: &mut Session, name: &str, user: &str, item: &str) {
    let id = |kind: &str, number: &str| match kind {
        "uuid" => format!("md5(({number})::text)::uuid"),
        "text" => format!("'id ' || ({number})"),
        kind => format!("({number})::{kind}"),
    };
    session.run(&format!(
        "CREATE TABLE {name} AS SELECT {} AS user_id, {} AS item_id FROM generate_series(1, 3000) i;
         CREATE INDEX ON {name} (user_id);
         SELECT segrec_create_model('{name}', '{name}', options => '{}'); SELECT segrec_train('{name}')",
        id(user, "i % 150"),
        id(item, "i * 7 % 61"),
        r#"{"als": {"factors": 4}, "segmentation": {"segments": 2}}"#
    ));
}

fn session(name: &str) -> (Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    session.run("SET client_min_messages = warning; CREATE SCHEMA shop");
    (database, session)
}

/// Creates a model of uuid users and bigint items, with its functions in the schema shop.
fn shop(name: &str) -> (Database<'static>, Session) {
    let (database, mut session) = session(name);
    create(&mut session, "buys", "uuid", "bigint");
    session.run("SELECT segrec_create_functions('buys', 'shop')");
    (database, session)
}

/// Returns the signatures of the functions of a schema, as a user sees them.
fn signatures(session: &mut Session) -> String {
    session.table(
        "SELECT proname, pg_get_function_arguments(oid), pg_get_function_result(oid), proacl::text ~ '(^|[{,])=X'
         FROM pg_proc WHERE pronamespace = 'shop'::regnamespace ORDER BY 1, 2",
    )
}

#[test]
fn a_call_returns_ids_of_the_types_that_they_have() {
    let (_database, mut session) = shop("functions_typed");
    for (typed, text) in [
        (
            "SELECT rank, item_id, score, source FROM shop.recommend(md5('5')::uuid)",
            "SELECT rank, item_id, score, source FROM segrec_recommend(md5('5'), model => 'buys')",
        ),
        (
            "SELECT rank, item_id FROM shop.recommend(md5('5')::uuid, 5, candidates => ARRAY[1, 2, 3, 4], exclude_seen => false)",
            "SELECT rank, item_id FROM segrec_recommend(md5('5'), 5, 'buys', '{1,2,3,4}', false)",
        ),
        (
            "SELECT rank, item_id FROM shop.recommend_for(ARRAY[3])",
            "SELECT rank, item_id FROM segrec_recommend_for('{3}', model => 'buys')",
        ),
        (
            "SELECT rank, item_id FROM shop.recommend_for('{3}', 4)",
            "SELECT rank, item_id FROM segrec_recommend_for('{3}', 4, 'buys')",
        ),
        ("SELECT * FROM shop.similar_items(3, 4)", "SELECT * FROM segrec_similar_items('3', 4, 'buys')"),
        (
            "SELECT * FROM shop.similar_users(md5('5')::uuid)",
            "SELECT * FROM segrec_similar_users(md5('5'), 10, 'buys')",
        ),
        ("SELECT * FROM shop.audience(3, 7)", "SELECT * FROM segrec_audience('3', 7, 'buys')"),
        (
            "SELECT * FROM shop.explain(md5('5')::uuid, 3)",
            "SELECT * FROM segrec_explain(md5('5'), '3', 'buys')",
        ),
        ("SELECT shop.predict(md5('5')::uuid, 3)", "SELECT segrec_predict(md5('5'), '3', 'buys')"),
        ("SELECT shop.segment_of(md5('5')::uuid)", "SELECT segrec_segment_of(md5('5'), 'buys')"),
        ("SELECT * FROM shop.recommend_all(3)", "SELECT * FROM segrec_recommend_all('buys', 3)"),
        (
            "SELECT * FROM shop.recommend_segment(1, 3)",
            "SELECT * FROM segrec_recommend_segment(1, 3, 'buys')",
        ),
    ] {
        let answer = session.table(typed);
        assert_eq!(answer, session.table(text), "{typed}");
        assert_ne!(answer, "", "{typed}");
    }
    for nothing in ["NULL", "'{}'", "(SELECT array_agg(item_id) FROM buys WHERE false)"] {
        let query = format!("SELECT count(*) FROM shop.recommend(md5('5')::uuid, candidates => {nothing})");
        assert_eq!(session.value::<i64>(&query), 0, "{nothing}");
    }
    session.run("CREATE TABLE bought AS SELECT b.*, r.* FROM (SELECT DISTINCT user_id FROM buys) b, shop.recommend(b.user_id, 2) r");
    assert_eq!(session.value::<i64>("SELECT count(*) FROM bought JOIN buys USING (item_id, user_id)"), 0);
    assert_eq!(session.value::<i64>("SELECT count(*) FROM bought"), 300);
}

#[test]
fn all_kinds_of_ids_go_together() {
    let (_database, mut session) = session("functions_kinds");
    for user in ["bigint", "integer", "uuid", "text"] {
        for item in ["bigint", "uuid", "text"] {
            let name = format!("{user}_{item}");
            create(&mut session, &name, user, item);
            session.run(&format!(
                "CREATE SCHEMA s_{name}; SELECT segrec_create_functions('{name}', 's_{name}')"
            ));
            for call in [
                "recommend(user_id, candidates => ARRAY[item_id], exclude_seen => false)",
                "recommend_for(ARRAY[item_id])",
                "recommend_segment(1)",
                "recommend_all(2)",
                "similar_items(item_id)",
                "similar_users(user_id)",
                "audience(item_id)",
                "predict(user_id, item_id)",
                "segment_of(user_id)",
            ] {
                let query =
                    format!("SELECT 1 / count(*) FROM (SELECT * FROM {name} LIMIT 1) e, s_{name}.{call}");
                session.run(&query);
            }
            session.run(&format!("SELECT e.* FROM {name}, s_{name}.explain(user_id, item_id) e LIMIT 1"));
            // The ids of a list are ids of events.
            let own = format!(
                "SELECT count(*) FROM (SELECT * FROM {name} LIMIT 1) e, s_{name}.recommend(e.user_id) r WHERE r.item_id IN (SELECT item_id FROM {name})"
            );
            assert_eq!(session.value::<i64>(&own), 10, "{name}");
        }
    }
}

#[test]
fn a_model_without_events_has_the_segment_of_a_user() {
    let (_database, mut session) = session("functions_segments");
    session.run(
        "CREATE TABLE people AS SELECT md5(u::text)::uuid AS id, u % 50 AS age FROM generate_series(1, 200) u;
         SELECT segrec_create_model('people', users => 'people', users_key => 'id'); SELECT segrec_train('people')",
    );
    assert_eq!(
        session.table("SELECT * FROM segrec_create_functions('people', 'shop')"),
        "shop.segment_of(uuid)"
    );
    session.run("SELECT 1 / (shop.segment_of(id) IS NOT NULL)::int FROM people LIMIT 1");
}

#[test]
fn execute_is_the_privilege_and_functions_may_do_what_their_maker_may() {
    let (database, mut owner) = shop("functions_execute");
    owner.run(
        "CREATE ROLE functions_maker LOGIN; CREATE ROLE functions_app LOGIN; CREATE SCHEMA made AUTHORIZATION functions_maker;
         SELECT segrec_grant('buys', 'functions_maker', 'use')",
    );
    let mut maker = database.connect_as("functions_maker");
    maker.run("SELECT segrec_create_functions('buys', 'made'); GRANT USAGE ON SCHEMA made TO functions_app");
    let mut app = database.connect_as("functions_app");
    let call = "SELECT count(*) FROM made.recommend(md5('5')::uuid)";
    let error = app.expect_error(call);
    assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE);
    assert_eq!(error.message(), "permission denied for function recommend");
    maker.run("GRANT EXECUTE ON FUNCTION made.recommend TO functions_app");
    assert_eq!(app.value::<i64>(call), 10);
    // The grant gives access to nothing else.
    assert_eq!(
        app.expect_error("SELECT segrec_recommend('1', model => 'buys')").code(),
        &SqlState::UNDEFINED_OBJECT
    );
    assert_eq!(
        app.expect_error("SELECT * FROM made.similar_items(3)").code(),
        &SqlState::INSUFFICIENT_PRIVILEGE
    );
    // When they are recreated, functions keep their grants.
    maker.run("SELECT segrec_create_functions('buys', 'made')");
    assert_eq!(app.value::<i64>(call), 10);
    owner.run("SELECT segrec_revoke('buys', 'functions_maker', 'use')");
    let error = app.expect_error(call);
    assert_eq!(
        (error.code(), error.message()),
        (&SqlState::UNDEFINED_OBJECT, "model \"buys\" does not exist")
    );
    // A role that may not use the model cannot create functions, nor can any role without CREATE on the schema.
    let error = maker.expect_error("SELECT segrec_create_functions('buys', 'made')");
    assert_eq!(error.code(), &SqlState::UNDEFINED_OBJECT);
    owner.run("SELECT segrec_grant('buys', 'functions_app', 'use')");
    let error = app.expect_error("SELECT segrec_create_functions('buys', 'shop')");
    assert_eq!(error.message(), "permission denied for schema shop");
}

#[test]
fn what_a_caller_has_set_says_nothing_inside() {
    let (database, mut session) = session("functions_path");
    create(&mut session, "buys", "bigint", "bigint");
    session.run(
        "CREATE FUNCTION shown(bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN hidden($1) IS NOT TRUE; END $$;
         CREATE FUNCTION hidden(bigint) RETURNS boolean LANGUAGE sql AS 'SELECT false';
         CREATE TABLE of_policy AS SELECT * FROM buys; CREATE INDEX ON of_policy (user_id);
         ALTER TABLE of_policy ENABLE ROW LEVEL SECURITY; ALTER TABLE of_policy FORCE ROW LEVEL SECURITY;
         CREATE POLICY seen ON of_policy USING (shown(item_id));
         CREATE ROLE functions_definer; GRANT SELECT ON of_policy TO functions_definer; GRANT CREATE, USAGE ON SCHEMA shop TO functions_definer;
         SELECT segrec_create_model('policed', 'of_policy', options => '{\"algorithm\": \"popularity\"}'); SELECT segrec_train('policed');
         SELECT segrec_grant('policed', 'functions_definer', 'use'); SET ROLE functions_definer;
         SELECT segrec_create_functions('policed', 'shop'); GRANT EXECUTE ON FUNCTION shop.recommend TO PUBLIC; RESET ROLE;
         GRANT USAGE ON SCHEMA shop TO PUBLIC; CREATE ROLE functions_thief LOGIN; CREATE SCHEMA trap AUTHORIZATION functions_thief",
    );
    let list = session.table("SELECT * FROM shop.recommend(5)");
    let mut thief = database.connect_as("functions_thief");
    thief.run(
        "CREATE TABLE trap.caught (who text); GRANT INSERT ON trap.caught TO PUBLIC; GRANT USAGE ON SCHEMA trap TO PUBLIC;
         CREATE FUNCTION trap.hidden(bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'caught as %', current_user; END $$;
         SET search_path = trap, public",
    );
    assert_eq!(thief.table("SELECT * FROM shop.recommend(5)"), list);
    assert_ne!(list, "");
}

#[test]
fn names_are_whatever_they_are() {
    let (_database, mut session) = session("functions_names");
    create(&mut session, "buys", "uuid", "bigint");
    for (place, model) in
        [(1, "o'hara"), (2, "a \"quoted\" \\ one"), (3, "x'); DROP TABLE buys; --"), (4, "größe 🦀")]
    {
        let literal = format!("'{}'", model.replace('\'', "''"));
        session.run(&format!(
            r#"CREATE SCHEMA "The ""{place}"" of 'it'";
               SELECT segrec_create_model({literal}, 'buys', options => '{{"algorithm": "popularity"}}');
               SELECT segrec_train({literal});
               SELECT segrec_create_functions({literal}, '"The ""{place}"" of ''it''"');
               SELECT 1 / count(*) FROM "The ""{place}"" of 'it'".recommend(md5('5')::uuid)"#
        ));
        session.run("SET standard_conforming_strings = off");
        let (literal_too, place_too) =
            (literal.replace('\\', "\\\\"), format!(r#""The ""{place}"" of ''it''""#));
        session.run(&format!("SELECT segrec_create_functions({literal_too}, '{place_too}')"));
        session.run("RESET standard_conforming_strings");
        let left = format!(
            "SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname LIKE 'The \"{place}%'"
        );
        assert_eq!(session.value::<i64>(&left), 12, "{model}");
        session.run(&format!("SELECT segrec_drop_model({literal})"));
        assert_eq!(session.value::<i64>(&left), 0, "{model}");
    }
    assert_eq!(session.value::<i64>("SELECT count(*) FROM buys"), 3000);
}

#[test]
fn functions_go_with_the_model_and_others_stay() {
    let (_database, mut session) = shop("functions_dropped");
    session.run(
        "CREATE ROLE functions_other; GRANT CREATE, USAGE ON SCHEMA public TO functions_other; CREATE SCHEMA of_other AUTHORIZATION functions_other;
         SELECT segrec_grant('buys', 'functions_other', 'use');
         SET ROLE functions_other; SELECT segrec_create_functions('buys', 'of_other'); RESET ROLE;
         CREATE FUNCTION shop.recommend(user_id bigint) RETURNS int LANGUAGE sql AS 'SELECT 1';
         ALTER FUNCTION shop.predict SECURITY INVOKER;
         CREATE OR REPLACE FUNCTION shop.segment_of(user_id uuid) RETURNS integer SECURITY DEFINER LANGUAGE sql AS 'SELECT 7';
         CREATE VIEW reads AS SELECT * FROM shop.similar_items(3)",
    );
    // Objects that depend on a function prevent this, as they prevent DROP FUNCTION.
    let error = session.expect_error("SELECT segrec_drop_model('buys')");
    assert_eq!(error.code(), &SqlState::DEPENDENT_OBJECTS_STILL_EXIST);
    session.run("DROP VIEW reads; SELECT segrec_drop_model('buys')");
    // A superuser acts for all roles, and only functions that somebody has changed are left.
    assert_eq!(
        session.table(
            "SELECT pronamespace::regnamespace, proname FROM pg_proc WHERE pronamespace::regnamespace::text IN ('shop', 'of_other') ORDER BY 1, 2"
        ),
        "shop|predict\nshop|recommend\nshop|segment_of"
    );
}

#[test]
fn functions_of_other_roles_are_left_and_named() {
    let (database, mut session) = session("functions_left");
    session.run(
        "CREATE ROLE functions_seller LOGIN; CREATE ROLE functions_reader; CREATE SCHEMA readers AUTHORIZATION functions_reader;
         GRANT CREATE, USAGE ON SCHEMA public, shop TO functions_seller",
    );
    let mut seller = database.connect_as("functions_seller");
    create(&mut seller, "buys", "uuid", "bigint");
    seller.run("SELECT segrec_grant('buys', 'functions_reader', 'use'); SELECT segrec_create_functions('buys', 'shop')");
    session.run("SET ROLE functions_reader; SELECT segrec_create_functions('buys', 'readers'); RESET ROLE");
    seller.notices();
    seller.run("SELECT segrec_drop_model('buys')");
    let notices = seller.notices();
    let notice = notices.iter().find(|notice| notice.message().contains("not dropped")).unwrap();
    assert_eq!(notice.message(), "12 functions of model \"buys\" were not dropped");
    assert!(
        notice
            .detail()
            .unwrap()
            .starts_with("They belong to other roles, such as functions_reader: readers.")
    );
    let left = "SELECT DISTINCT pronamespace::regnamespace FROM pg_proc WHERE pronamespace::regnamespace::text IN ('shop', 'readers')";
    assert_eq!(session.table(left), "readers");
    let error = session.expect_error("SELECT * FROM readers.recommend(md5('5')::uuid)");
    assert_eq!(error.code(), &SqlState::UNDEFINED_OBJECT);
}

#[test]
fn a_function_that_somebody_has_in_the_place_is_not_replaced() {
    let (_database, mut session) = session("functions_taken");
    create(&mut session, "buys", "uuid", "bigint");
    session.run("CREATE FUNCTION shop.predict(uuid, bigint) RETURNS real LANGUAGE sql AS 'SELECT 1::real'");
    let error = session.expect_error("SELECT segrec_create_functions('buys', 'shop')");
    assert_eq!(error.code(), &SqlState::DUPLICATE_FUNCTION);
    assert_eq!(
        session.value::<i64>("SELECT count(*) FROM pg_proc WHERE pronamespace = 'shop'::regnamespace"),
        1
    );
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_catalog.model_functions"), 0);
    // A function is not dropped either if it has replaced one of ours.
    session.run(
        "DROP FUNCTION shop.predict; SELECT segrec_create_functions('buys', 'shop'); DROP FUNCTION shop.predict;
         CREATE FUNCTION shop.predict(uuid, bigint) RETURNS real SECURITY DEFINER LANGUAGE sql AS 'SELECT 1::real'",
    );
    let error = session.expect_error("SELECT segrec_create_functions('buys', 'shop')");
    assert_eq!(error.code(), &SqlState::DUPLICATE_FUNCTION);
    session.run("SELECT segrec_drop_model('buys')");
    assert_eq!(
        session.table("SELECT proname FROM pg_proc WHERE pronamespace = 'shop'::regnamespace"),
        "predict"
    );
    for (schema, code) in
        [("NULL", SqlState::NULL_VALUE_NOT_ALLOWED), ("4294967295::oid", SqlState::INVALID_SCHEMA_NAME)]
    {
        session.run("DO $$ BEGIN IF NOT EXISTS (SELECT FROM segrec.models) THEN PERFORM segrec_create_model('buys', 'buys'); END IF; END $$");
        let error = session.expect_error(&format!("SELECT segrec_create_functions('buys', {schema})"));
        assert_eq!(error.code(), &code, "{schema}");
    }
}

#[test]
fn functions_are_dumped_restored_and_then_go_with_the_model() {
    let (database, mut session) = shop("functions_dump");
    session.run(
        "CREATE ROLE functions_restored; GRANT EXECUTE ON FUNCTION shop.recommend TO functions_restored",
    );
    let lists = "SELECT * FROM shop.recommend(md5('5')::uuid), shop.similar_items(3) s, shop.explain(md5('5')::uuid, 3) e";
    let (before, made) = (session.table(lists), signatures(&mut session));
    let dump = database.program("pg_dump").output().unwrap();
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    let restored = Cluster::shared().empty_database("functions_dump_restored");
    let printed = restored.psql(&String::from_utf8(dump.stdout).unwrap());
    assert!(!printed.contains("ERROR"), "{printed}");
    let mut session = restored.connect();
    assert_eq!(session.table(lists), before);
    assert_eq!(signatures(&mut session), made);
    session.run("SET ROLE functions_restored; RESET ROLE; SELECT segrec_create_functions('buys', 'shop')");
    assert_eq!(signatures(&mut session), made);
    session.run("SELECT segrec_drop_model('buys')");
    assert_eq!(signatures(&mut session), "");
}

#[test]
fn the_extension_is_held_by_the_functions_that_need_it() {
    let (_database, mut session) = shop("functions_extension");
    let error = session.expect_error("DROP EXTENSION pg_segrec");
    assert_eq!(error.code(), &SqlState::DEPENDENT_OBJECTS_STILL_EXIST);
    session.run("DROP EXTENSION pg_segrec CASCADE");
    assert_eq!(signatures(&mut session), "");
}
