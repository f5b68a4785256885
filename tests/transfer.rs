//! A version in another database is as good as where it was trained, and is checked before it becomes part of a model.

use segrec_tests::{Cluster, Database, Session, SqlState, older_servers, planted};
use std::io::{Read, Write};

/// Returns the output of `segrec_export`, in the format of COPY.
fn exported(session: &mut Session, export: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    session
        .copy_out(&format!("COPY (SELECT * FROM {export}) TO STDOUT"))
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

/// Returns another database with the exported rows in a table `dump`.
fn received(name: &str, bytes: &[u8]) -> (Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    session.run("CREATE TABLE dump (part text, content text)");
    let mut writer = session.copy_in("COPY dump FROM STDIN").unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap();
    (database, session)
}

#[test]
fn an_imported_version_answers_guests_and_users_as_where_it_was_trained() {
    travel(&Cluster::shared().database("transfer_from"), "transfer_to");
}

#[test]
fn a_version_of_an_older_server_is_imported() {
    for (number, programs) in older_servers().into_iter().enumerate() {
        let older = Cluster::configure().programs(programs).start();
        travel(&older.database("transfer_from"), &format!("transfer_from_older_{number}"));
    }
}

/// Trains in a database, imports in a new one of that name, and compares everything in the two.
fn travel(database: &Database<'_>, name: &str) {
    let mut session = database.connect();
    planted::train_blended(&mut session);
    // All digits are transferred, whatever the session's setting.
    session.run("SET extra_float_digits = -15");
    let bytes = exported(&mut session, "segrec_export('planted')");
    session.run("RESET extra_float_digits");
    let (other, mut there) = received(name, &bytes);
    there.run(&format!(
        "CREATE TABLE events (user_id bigint, item_id bigint);
         SELECT segrec_create_model('elsewhere', 'events', options => '{}')",
        planted::OPTIONS
    ));
    assert_eq!(there.table("SELECT segrec_import('elsewhere', 'dump')"), "1");
    assert_eq!(there.table("SELECT deployed, reason FROM segrec.versions"), "f|it was imported");
    there.run("SELECT segrec_deploy('elsewhere', 1)");
    for query in [
        "SELECT * FROM segrec_recommend_all(n => 20) ORDER BY 1, 2",
        "SELECT * FROM segrec_recommend_for(ARRAY[1, 5, 9]::bigint[], 50)",
        "SELECT * FROM segrec_recommend_segment(2, 50)",
        "SELECT * FROM segrec_similar_items(7::bigint, 50)",
        "SELECT * FROM segrec_similar_users(7::bigint, 50)",
        "SELECT * FROM segrec_audience(7::bigint, 50)",
        "SELECT * FROM segrec_explain(3, 7)",
        "SELECT segment, users, share, own_factors, gain, rule FROM segrec.segments ORDER BY 1",
        "SELECT segment, centroid, item_gram FROM segrec_catalog.segments WHERE version_id = (SELECT deployed_version_id FROM segrec_catalog.models) ORDER BY 1",
        "SELECT user_id, segment, factors FROM segrec.user_factors ORDER BY 1",
        "SELECT segment, item_id, factors FROM segrec.item_factors ORDER BY 2, 1 NULLS FIRST",
        "SELECT item_id, neighbour_id, weight FROM segrec.item_neighbours ORDER BY 1, 2",
        "SELECT metric, k, segment, value, ci_low FROM segrec.metrics WHERE version = (SELECT deployed_version FROM segrec.models) ORDER BY 1, 2, 3, history",
    ] {
        let here = session.table(query);
        assert!(here.lines().count() > 1, "{query}");
        assert_eq!(there.table(query), here, "{query}");
    }
    // Users are transferred too, if their events are the same, and training continues.
    there.run("CREATE INDEX ON events (user_id)");
    let mut events = Vec::new();
    session.copy_out("COPY events TO STDOUT").unwrap().read_to_end(&mut events).unwrap();
    let mut writer = there.copy_in("COPY events FROM STDIN").unwrap();
    writer.write_all(&events).unwrap();
    writer.finish().unwrap();
    let users =
        "SELECT u, list.* FROM generate_series(0::bigint, 610) u, segrec_recommend(u, 20) list ORDER BY 1, 2";
    let mut there = other.connect(); // which sees the index
    assert_eq!(there.table(users), session.table(users));
    assert_eq!(there.table("SELECT version FROM segrec_train('elsewhere', 'always')"), "2");
    there.run("SELECT segrec_rollback('elsewhere'); SELECT segrec_drop_version('elsewhere', 2); SELECT segrec_drop_model('elsewhere')");
}

#[test]
fn segments_of_users_move_with_what_finds_the_segment_of_new_ones_where_a_superuser_imports_them() {
    let database = Cluster::shared().database("transfer_people");
    let mut session = database.connect();
    let people = "CREATE TABLE people AS
           SELECT u AS user_id, u % 3 * 10 + u % 7 AS age, 'city ' || u % 4 AS city FROM generate_series(1::bigint, 300) u;
           ALTER TABLE people ADD PRIMARY KEY (user_id);
           SELECT segrec_create_model('people', users => 'people',
               options => '{\"segmentation\": {\"method\": \"hierarchical\", \"segments\": 3}}')";
    session.run(people);
    session.run("SELECT segrec_train('people')");
    let bytes = exported(&mut session, "segrec_export('people', 1)");
    let (other, mut there) = received("transfer_people_to", &bytes);
    there.run(people);
    there.run("SELECT segrec_import('people', 'dump'); SELECT segrec_deploy('people', 1)");
    for query in [
        "SELECT * FROM segrec.segment_members ORDER BY user_id",
        "SELECT * FROM segrec.segment_profiles ORDER BY segment, rank",
        "SELECT * FROM segrec_cut('people', 5) ORDER BY 1",
        "SELECT segrec_classify('people', '{\"age\": 14, \"city\": \"city 1\"}')",
    ] {
        assert_eq!(there.table(query), session.table(query), "{query}");
    }
    // Bytes in our own format cannot be checked, so they are accepted only from roles that could do anything anyway.
    there.run("CREATE ROLE transfer_people_role LOGIN; GRANT SELECT ON people, dump TO transfer_people_role");
    let mut role = other.connect_as("transfer_people_role");
    role.run("SELECT segrec_create_model('own', users => 'people'); SELECT segrec_import('own', 'dump'); SELECT segrec_deploy('own', 1)");
    let notices = role.notices();
    assert!(
        notices.iter().any(|notice| notice.message().starts_with("the version is imported without")),
        "{notices:?}"
    );
    let error = role.expect_error("SELECT segrec_classify('own', '{\"age\": 14}')");
    assert_eq!(error.code(), &SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE);
    assert_eq!(
        role.table("SELECT segrec_segment_of(4::bigint, 'own')"),
        there.table("SELECT segrec_segment_of(4::bigint, 'people')")
    );
}

#[test]
fn a_reachability_plot_moves_along_and_one_of_other_users_is_refused() {
    let database = Cluster::shared().database("transfer_plot");
    let mut session = database.connect();
    let people = "CREATE TABLE people AS
           SELECT u AS user_id, u % 3 * 10 + u % 7 / 10.0 AS age, u % 11 / 10.0 AS income FROM generate_series(1::bigint, 300) u;
           ALTER TABLE people ADD PRIMARY KEY (user_id);
           SELECT segrec_create_model('own', users => 'people', options => '{\"segmentation\": {\"method\": \"optics\"}}')";
    session.run(people);
    session.run("SELECT segrec_train('own')");
    let bytes = exported(&mut session, "segrec_export('own', 1)");
    let (_other, mut there) = received("transfer_plot_to", &bytes);
    there.run(people);
    for (path, value) in [
        ("user_place", "300"),
        ("user_place", "-1"),
        ("place", "0"),
        ("reachability", "-1"),
        ("reachability", "\"NaN\""),
        ("core_distance", "\"Infinity\""),
    ] {
        there.run(&format!(
            "BEGIN; UPDATE dump SET content = jsonb_set(content::jsonb, '{{{path}}}', '{value}')::text
             WHERE ctid IN (SELECT ctid FROM dump WHERE part = 'reached' ORDER BY content LIMIT 1)"
        ));
        refused(&mut there, path);
        there.run("ROLLBACK");
    }
    there.run("SELECT segrec_import('own', 'dump'); SELECT segrec_deploy('own', 1)");
    let plot = "SELECT place, user_id, segment, reachability, core_distance FROM segrec.segment_reachability ORDER BY 1";
    assert_eq!(session.table(plot).lines().count(), 300);
    assert_eq!(there.table(plot), session.table(plot));
}

#[test]
fn only_the_owner_exports_and_imports() {
    let database = Cluster::shared().database("transfer_rights");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    session.run(
        "CREATE ROLE transfer_rights_role LOGIN; GRANT SELECT ON events TO transfer_rights_role;
         SELECT segrec_grant('planted', 'transfer_rights_role', 'train');
         CREATE TABLE dump AS SELECT * FROM segrec_export('planted')",
    );
    let mut role = database.connect_as("transfer_rights_role");
    for call in ["segrec_export('planted')", "segrec_import('planted', 'dump')"] {
        let error = role.expect_error(&format!("SELECT {call}"));
        assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE, "{call}");
    }
    role.run(&format!("SELECT segrec_create_model('own', 'events', options => '{}')", planted::OPTIONS));
    // The rows are read with the caller's rights, even through a view and its functions.
    let error = role.expect_error("SELECT segrec_import('own', 'dump')");
    assert_eq!(error.message(), "permission denied for table dump");
    session.run(
        "GRANT SELECT ON dump TO transfer_rights_role; GRANT CREATE ON SCHEMA public TO transfer_rights_role",
    );
    role.run(
        "CREATE FUNCTION who(text) RETURNS text STABLE LANGUAGE sql AS
             $$ SELECT CASE WHEN current_user = 'transfer_rights_role' THEN $1 END $$;
         CREATE VIEW asking AS SELECT part, who(content) AS content FROM dump",
    );
    assert_eq!(role.table("SELECT segrec_import('own', 'asking')"), "1");
    let error = role.expect_error("CREATE TABLE no (part text); SELECT segrec_import('own', 'no')");
    assert_eq!(error.code(), &SqlState::INVALID_PARAMETER_VALUE);
}

/// Expects that the contents of `dump` are refused by a check.
#[track_caller]
fn refused(session: &mut Session, what: &str) {
    match session.batch_execute("SELECT segrec_import('own', 'dump')") {
        Ok(()) => panic!("it was imported with {what}"),
        Err(error) => assert_ne!(error.code().unwrap(), &SqlState::INTERNAL_ERROR, "{what}: {error}"),
    }
}

#[test]
fn what_does_not_fit_together_is_refused_and_leaves_nothing() {
    let database = Cluster::shared().database("transfer_hostile");
    let mut session = database.connect();
    planted::train_blended(&mut session);
    session.run(
        "CREATE TABLE good AS SELECT part, content FROM segrec_export('planted');
         CREATE ROLE transfer_hostile_role LOGIN; GRANT SELECT ON events, good TO transfer_hostile_role;
         GRANT CREATE ON SCHEMA public TO transfer_hostile_role",
    );
    let mut role = database.connect_as("transfer_hostile_role");
    role.run(&format!(
        "SELECT segrec_create_model('own', 'events', options => '{}');
         CREATE TABLE dump AS SELECT * FROM good",
        planted::OPTIONS
    ));
    // Each attack is a part, and a change of one or all of its rows.
    let set = |path: &str, value: &str| format!("jsonb_set(content::jsonb, '{path}', '{value}')::text");
    let long: String = format!("[{}]", ["1"; 9].join(","));
    let with = |value: &str| format!("[{}]", [value, "1", "1", "1", "1", "1", "1", "1"].join(","));
    // The value has as many numbers as a Gramian, in rows.
    let square = |value: &str| format!("[{}]", vec![with(value); 8].join(","));
    let attacks = [
        ("version", set("{decided,als,factors}", "9")),
        ("version", set("{decided,als,factors}", "1000000000000000")),
        ("version", set("{decided,als,factors}", "-1")),
        ("version", set("{decided,als,regularization}", "0")),
        ("version", set("{decided,algorithm}", "\"rating\"")),
        ("version", set("{decided,algorithm}", "\"auto\"")),
        ("version", set("{decided}", "null")),
        ("version", set("{options,als,factors}", "-5")),
        ("version", set("{format}", "1")),
        ("version", set("{user_id_kind}", "\"text\"")),
        ("version", set("{users}", "0")),
        ("version", set("{users}", "9000000000000")),
        ("version", set("{items}", "7")),
        ("version", set("{segments}", "1000000")),
        ("version", set("{median_weight}", "\"NaN\"")),
        ("version", set("{item_gram}", "[\"NaN\"]")),
        ("version", set("{item_gram}", "[]")),
        ("version", set("{item_gram}", &long)),
        ("version", set("{item_gram}", &square("1"))),
        ("segment", set("{item_gram}", "[1]")),
        ("segment", set("{item_gram}", &square("1"))),
        ("segment", set("{segment}", "-1")),
        ("segment", set("{segment}", "2147483647")),
        ("segment", set("{centroid}", "[]")),
        ("version", "'[]'".to_owned()),
        ("version", "'{'".to_owned()),
        ("version", "repeat('[', 100000)".to_owned()),
        ("segment", set("{users}", "0")),
        ("segment", set("{centroid}", &long)),
        ("segment", set("{centroid}", &with("\"NaN\""))),
        ("segment", set("{segment}", "77")),
        ("segment", set("{users}", "9000000000000000000")),
        ("item", set("{item}", "100000")),
        ("item", set("{item}", "-1")),
        ("item", set("{factors}", &long)),
        ("item", set("{factors}", "[]")),
        ("item", set("{factors}", &with("null"))),
        ("item", set("{factors}", &with("\"Infinity\""))),
        ("item", set("{factors}", &format!("[{}]", with("1")))),
        ("item", set("{popularity}", "\"NaN\"")),
        ("item", set("{item_id}", "\"no number\"")),
        ("item", set("{item_id}", "\"7\"")),
        ("item", set("{item_id}", "\"-00000\"")),
        ("section", set("{scorer}", "\"ratings\"")),
        ("section", set("{name}", "\"others\"")),
        ("section", set("{kind}", "\"dense\"")),
        ("section", set("{kind}", "\"opaque\"")),
        ("section", set("{kind}", "\"what is this\"")),
        ("section", set("{section}", "7")),
        ("section", set("{rows}", "1")),
        ("item_row", set("{section}", "7")),
        ("item_row", set("{item}", "100000")),
        ("item_row", set("{item}", "-1")),
        ("item_row", set("{items}", "[1000000]")),
        ("item_row", set("{items}", "[3, 2]")),
        ("item_row", set("{items}", "null")),
        ("item_row", set("{weights}", "[1]")),
        ("item_row", set("{weights}", "null")),
        ("segment_item", set("{item}", "100000")),
        ("segment_item", set("{segment}", "99")),
        ("segment_item", set("{factors}", &long)),
        ("segment_item", set("{popularity}", "-1")),
        ("user", set("{segment}", "99")),
        ("user", set("{factors}", &long)),
        ("user", set("{factors}", &with("\"-Infinity\""))),
        ("user", set("{items}", "[5, 100000]")),
        ("user", set("{items}", "[5, 5]")),
        ("user", set("{items}", "[-1]")),
        ("user", set("{confidences}", "[1]")),
        ("user", set("{place}", "-1")),
        ("user", set("{place}", "2147483647")),
        ("user", set("{user_id}", "\"someone\"")),
        ("user", set("{user_id}", "\"007\"")),
        ("user", set("{distance}", "\"NaN\"")),
        ("user", set("{user_id}", "null")),
        ("user", "'5'".to_owned()),
        ("user", "'\"x\"'".to_owned()),
    ];
    let nothing = "SELECT (SELECT count(*) FROM segrec.versions WHERE model = 'own'),
        (SELECT count(*) FROM pg_class WHERE relname LIKE 'version\\_%\\_%' AND relkind = 'r')";
    let before = role.table(nothing);
    for (part, content) in attacks {
        role.run("BEGIN");
        role.run(&format!(
            "UPDATE dump SET content = {content}
             WHERE ctid IN (SELECT ctid FROM dump WHERE part = '{part}' ORDER BY content LIMIT 1)"
        ));
        refused(&mut role, &format!("{part} {content}"));
        role.run("ROLLBACK");
    }
    // Rows are missing, added or repeated.
    for part in ["version", "segment", "item"] {
        for change in [
            format!("DELETE FROM dump WHERE part = '{part}'"),
            format!("INSERT INTO dump SELECT * FROM dump WHERE part = '{part}'"),
            format!("DELETE FROM dump WHERE ctid IN (SELECT ctid FROM dump WHERE part = '{part}' LIMIT 1)"),
        ] {
            role.run(&format!("BEGIN; {change}"));
            refused(&mut role, &change);
            role.run("ROLLBACK");
        }
    }
    assert_eq!(role.table(nothing), before);
    role.run("SELECT segrec_import('own', 'dump'); SELECT segrec_deploy('own', 1)");
    assert_eq!(role.value::<i64>("SELECT count(*) FROM segrec_recommend(3::bigint, 10, 'own')"), 10);
}
