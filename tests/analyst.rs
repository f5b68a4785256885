//! The story for whoever analyses segments: what versions found stays, with sizes, moves and profiles over time.

use segrec_tests::{Cluster, Database, Session, SqlState, planted};

/// Events like those of `planted`, one each hour from 1 January 2026 on, and a model that keeps one version.
fn timed(name: &str) -> (Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    planted::create(&mut session);
    session.run(&format!(
        r#"CREATE TABLE timed AS
               SELECT user_id, item_id, timestamptz '2026-01-01 00:00:00+00' + row_number() OVER (ORDER BY user_id, item_id) * interval '1 hour' AS at
               FROM events WHERE user_id < 300;
           UPDATE timed SET at = '2026-06-01' WHERE (user_id, item_id) = (SELECT max(user_id), max(item_id) FROM timed WHERE user_id = 299);
           SELECT segrec_create_model('m', 'timed', time_column => 'at', options => '{}');
           SELECT segrec_alter_model('m', '{{"keep_versions": 1, "holdout": {{"split": "random"}}}}')"#,
        planted::OPTIONS
    ));
    (database, session)
}

const STATES: &str = "SELECT string_agg(version || ' ' || state, ', ' ORDER BY version) FROM segrec.versions";

/// The numbers of versions that have rows in the tables that serving reads, and in those of the history.
fn stored(session: &mut Session) -> String {
    session.table(
        "SELECT (SELECT count(DISTINCT version_id) FROM segrec_catalog.version_users),
                (SELECT count(DISTINCT version_id) FROM segrec_catalog.version_items),
                (SELECT count(DISTINCT version_id) FROM segrec_catalog.training_log),
                (SELECT count(DISTINCT version_id) FROM segrec_catalog.segment_profiles),
                (SELECT count(DISTINCT version_id) FROM segrec_catalog.metrics)",
    )
}

#[test]
fn what_a_deployed_version_found_stays_when_its_factors_go() {
    let (_database, mut session) = timed("analyst_history");
    session.run("SELECT segrec_train('m', 'always'); SELECT segrec_label_segment('m', 1, 'the first')");
    let found = [
        "SELECT segment, label, users, share, rule, since_version FROM segrec.segment_sizes WHERE version = 1 ORDER BY 1",
        "SELECT segment, label, feature, kind, value, overall, lift, share, rank FROM segrec.version_profiles WHERE version = 1 ORDER BY segment, rank",
        "SELECT metric, k, segment, value, ci_low, users, history FROM segrec.metrics WHERE version = 1 ORDER BY 1, 2, 3, 7",
        "SELECT as_of, finished_at, deployed_at, users, items, events, options, decided, metric, value FROM segrec.versions WHERE version = 1",
    ];
    let before = found.map(|query| session.table(query));
    assert!(before.iter().all(|rows| !rows.is_empty()), "{before:?}");
    session.run("SELECT * FROM segrec_recommend(3)");
    session.run("SELECT segrec_train('m', 'never')");
    for _ in 0..3 {
        session.run("SELECT segrec_train('m', 'always')");
    }
    // 5 is deployed, 4 is the target of a rollback, 1 and 3 were deployed, and 2 never was.
    assert_eq!(session.table(STATES), "1 history, 3 history, 4 ready, 5 ready");
    assert_eq!(stored(&mut session), "2|2|2|4|4");
    assert_eq!(found.map(|query| session.table(query)), before);
    assert_eq!(session.table("SELECT DISTINCT version FROM segrec.segments"), "5");
    // A session that served the version goes on with the one that is deployed now.
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(3)"), 10);
    for call in ["segrec_deploy('m', 3)", "segrec_compare('m', 5, 3)", "segrec_export('m', 3)"] {
        let error = session.expect_error(&format!("SELECT {call}"));
        assert_eq!(error.code(), &SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, "{call}");
        assert_eq!(error.message(), "the factors of version 3 of model \"m\" were dropped", "{call}");
        assert_eq!(
            error.hint(),
            Some("To keep the factors of more versions, raise keep_versions."),
            "{call}"
        );
    }
    assert_eq!(session.table("SELECT segrec_rollback('m')"), "4");
    assert_eq!(
        session.expect_error("SELECT segrec_rollback('m')").message(),
        "model \"m\" has no earlier version to roll back to"
    );
    // Who drops a version drops its history.
    session.run("SELECT segrec_drop_version('m', 1)");
    assert_eq!(session.table(STATES), "3 history, 4 ready, 5 ready");
    assert_eq!(session.table(found[0]), "");
    session.run("SELECT segrec_drop_model('m')");
    assert_eq!(stored(&mut session), "0|0|0|0|0");
}

#[test]
fn as_much_history_stays_as_the_options_say() {
    let (_database, mut session) = timed("analyst_keep");
    session.run(r#"SELECT segrec_alter_model('m', '{"keep_history": 2}')"#);
    for _ in 0..5 {
        session.run("SELECT segrec_train('m', 'always')");
    }
    assert_eq!(session.table(STATES), "2 history, 3 history, 4 ready, 5 ready");
    session
        .run(r#"SELECT segrec_alter_model('m', '{"keep_history": 0}'); SELECT segrec_train('m', 'always')"#);
    assert_eq!(session.table(STATES), "5 ready, 6 ready");
    assert_eq!(stored(&mut session), "2|2|2|2|2");
    let wrong = r#"SELECT segrec_alter_model('m', '{"keep_history": -1}')"#;
    assert_eq!(session.expect_error(wrong).code(), &SqlState::INVALID_PARAMETER_VALUE);
}

#[test]
fn versions_are_dated_by_their_latest_event() {
    let (_database, mut session) = timed("analyst_as_of");
    session.run("SELECT segrec_train('m')");
    let latest: String = session.value("SELECT max(at)::text FROM timed");
    assert_eq!(session.value::<String>("SELECT as_of::text FROM segrec.versions"), latest);
    session.run("INSERT INTO timed VALUES (1, 1, '2026-07-01'); SELECT segrec_train('m', 'always')");
    let dates =
        "SELECT DISTINCT version, as_of = (SELECT max(at) FROM timed WHERE version = 2 OR at < '2026-07-01'),
                        trained_at IS NOT NULL, deployed
                 FROM segrec.segment_sizes ORDER BY 1";
    assert_eq!(session.table(dates), "1|t|t|f\n2|t|t|t");
    // An import keeps the date.
    session.run(
        "CREATE TABLE dump AS SELECT * FROM segrec_export('m', 1);
         SELECT segrec_import('m', 'dump')",
    );
    assert_eq!(session.value::<String>("SELECT as_of::text FROM segrec.versions WHERE version = 3"), latest);
    session.run(&format!(
        "SELECT segrec_create_model('untimed', 'events', options => '{}'); SELECT segrec_train('untimed')",
        planted::OPTIONS
    ));
    assert_eq!(session.table("SELECT as_of, deployed FROM segrec.versions WHERE model = 'untimed'"), "∅|t");
}

/// Three users with tiers that change, two versions, and a rollback.
fn moving(name: &str) -> (Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    session.run(
        r#"CREATE TABLE tiers (user_id bigint PRIMARY KEY, tier text);
           INSERT INTO tiers VALUES (1, 'gold'), (2, 'gold'), (30001, 'silver');
           SELECT segrec_create_model('tiers', users => 'tiers',
               options => '{"segmentation": {"method": "column", "label_column": "tier"}}');
           SELECT segrec_train('tiers');
           UPDATE tiers SET tier = 'silver' WHERE user_id = 2;
           DELETE FROM tiers WHERE user_id = 30001;
           INSERT INTO tiers VALUES (4, 'gold');
           SELECT segrec_train('tiers')"#,
    );
    (database, session)
}

const MOVES: &str = "SELECT version, user_id, from_segment, from_label, to_segment, to_label, as_of FROM segrec.segment_moves ORDER BY moved_at, user_id";

#[test]
fn who_moved_from_which_segment_to_which_is_one_row() {
    let (_database, mut session) = moving("analyst_moves");
    // The first deployment moved nobody.
    let second = "2|2|1|gold|2|silver|∅\n2|30001|2|silver|∅|∅|∅\n2|4|∅|∅|1|gold|∅";
    assert_eq!(session.table(MOVES), second);
    session.run("SELECT segrec_label_segment('tiers', 2, 'plated'); SELECT segrec_rollback('tiers')");
    let back = "1|2|2|plated|1|gold|∅\n1|30001|∅|∅|2|plated|∅\n1|4|1|gold|∅|∅|∅";
    assert_eq!(session.table(MOVES), format!("{}\n{back}", second.replace("silver", "plated")));
    // Moves are dated by deployments, of which the versions may be gone.
    session.run("SELECT segrec_drop_version('tiers', 2)");
    assert_eq!(session.table(MOVES).lines().count(), 6);
    let dated = "SELECT count(*) FROM segrec.segment_moves WHERE moved_at IN (SELECT deployed_at FROM segrec.segment_sizes)";
    assert_eq!(session.value::<i64>(dated), 3);
    // One user is looked up by the key of the history.
    session.run("SET enable_seqscan = off");
    let plan =
        session.table("EXPLAIN SELECT * FROM segrec.segment_moves WHERE model = 'tiers' AND user_id = '2'");
    let by_key = plan.lines().any(|line| {
        line.contains("Index Cond")
            && line.contains("model_id = model.model_id")
            && line.contains("user_id = '2'")
    });
    assert!(by_key, "{plan}");
}

#[test]
fn a_forgotten_user_has_no_moves_and_sizes_stay() {
    let (_database, mut session) = moving("analyst_forgotten");
    let sizes = "SELECT version, segment, users, share FROM segrec.segment_sizes ORDER BY 1, 2";
    let before = session.table(sizes);
    assert_eq!(
        before,
        "1|1|2|0.6666666666666666\n1|2|1|0.3333333333333333\n2|1|2|0.6666666666666666\n2|2|1|0.3333333333333333"
    );
    session.run("SELECT segrec_forget_user('tiers', 30001)");
    let users: Vec<String> = session.column("SELECT DISTINCT user_id FROM segrec.segment_moves ORDER BY 1");
    assert_eq!(users, ["2", "4"]);
    assert_eq!(session.table(sizes), before);
}

/// Customers of three kinds, and a model of three segments.
fn customers(name: &str) -> (Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    session.run(
        r#"CREATE TABLE customers AS
               SELECT u AS user_id, (ARRAY[22, 40, 70])[u % 3 + 1] + u % 5 AS age,
                      (ARRAY['basic', 'family', 'premium'])[CASE WHEN u % 10 = 0 THEN 1 ELSE u % 3 + 1 END] AS plan
               FROM generate_series(1::bigint, 600) u;
           SELECT segrec_create_model('customers', users => 'customers', options => '{"segmentation": {"segments": 3}}');
           SELECT segrec_train('customers')"#,
    );
    (database, session)
}

const LABELS: &str = "SELECT label, label_source FROM segrec.segments ORDER BY segment";

#[test]
fn segments_have_names_from_their_profiles_until_somebody_names_them() {
    let (_database, mut session) = customers("analyst_names");
    let names: Vec<String> = session.column("SELECT label FROM segrec.segments ORDER BY label");
    assert_eq!(names, ["basic, low age", "family", "high age, premium"]);
    assert_eq!(session.table("SELECT DISTINCT label_source FROM segrec.segments"), "profile");
    // A segment keeps its name while it keeps its number, whatever becomes of its users.
    let before = session.table(LABELS);
    session
        .run("UPDATE customers SET plan = 'gold' WHERE plan = 'premium'; SELECT segrec_train('customers')");
    assert_eq!(session.table(LABELS), before);
    // What somebody named is never overwritten, and its name is given to no other segment.
    session.run("SELECT segrec_label_segment('customers', segment, 'gold') FROM segrec.segments WHERE label = 'family'");
    session.run(
        r#"SELECT segrec_alter_model('customers', '{"segmentation": {"segments": 5}}'); SELECT segrec_train('customers')"#,
    );
    let given = "SELECT label FROM segrec.segments WHERE label_source = 'given'";
    assert_eq!(session.table(given), "gold");
    let unique =
        "SELECT count(DISTINCT label), count(*), count(*) FILTER (WHERE segment <= 3) FROM segrec.segments";
    assert_eq!(session.table(unique), "5|5|3");
    session.run(
        "SELECT segrec_label_segment('customers', segment, NULL) FROM segrec.segments WHERE label = 'gold'",
    );
    let old = "SELECT label FROM segrec.segments WHERE segment <= 3 ORDER BY label";
    assert_eq!(session.column::<String>(old), names);
    // An export takes the names along.
    session.run(
        "CREATE TABLE dump AS SELECT * FROM segrec_export('customers');
         SELECT segrec_create_model('copy', users => 'customers'); SELECT segrec_import('copy', 'dump');
         SELECT segrec_deploy('copy', 1)",
    );
    let of = |model: &str| {
        format!("SELECT segment, label FROM segrec.segments WHERE model = '{model}' ORDER BY 1")
    };
    assert_eq!(session.table(&of("copy")), session.table(&of("customers")));
}

#[test]
fn segments_that_are_named_by_their_users_get_no_other_name() {
    let (_database, mut session) = moving("analyst_own_names");
    session.run("INSERT INTO tiers VALUES (9, NULL); SELECT segrec_train('tiers')");
    assert_eq!(session.table(LABELS), "gold|users\nsilver|users\n∅|∅");
}

#[test]
fn a_segment_is_described_in_sentences_by_what_the_views_say() {
    let (database, mut session) = customers("analyst_describe");
    let segment: i32 = session.value("SELECT segment FROM segrec.segments WHERE label = 'basic, low age'");
    let describe = format!("SELECT segrec_describe_segment('customers', {segment})");
    let described: String = session.value(&describe);
    let expected = format!(
        "Segment {segment} (\"basic, low age\") has 220 of the 600 users of version 1, that is 37 %. Of the users with plan = basic and age ≤ 40, \
         100 % are in this segment, and of its users 100 % are of that kind. Compared with all users, plan is basic for 100 % \
         instead of 40 % and age is 25.5 instead of 46 on average. There is no version before to compare it with."
    );
    assert_eq!(described, expected);
    // Ten customers grow old, some are new, some go.
    session.run(
        "UPDATE customers SET age = 70, plan = 'premium' WHERE user_id IN (SELECT user_id FROM customers WHERE age < 27 ORDER BY 1 LIMIT 10);
         INSERT INTO customers SELECT 1000 + u, 22 + u % 5, 'basic' FROM generate_series(1, 30) u;
         DELETE FROM customers WHERE user_id IN (SELECT user_id FROM customers WHERE age < 27 AND user_id < 1000 ORDER BY 1 LIMIT 5);
         SELECT segrec_train('customers'); SELECT segrec_label_segment('customers', segment, 'seniors') FROM segrec.segments WHERE label = 'high age, premium'",
    );
    let old: i32 = session.value("SELECT segment FROM segrec.segments WHERE label = 'seniors'");
    let described: String = session.value(&describe);
    let change = format!(
        "Since version 1 it has grown from 220 to 235 users: 30 are new, 10 went to segment {old} (\"seniors\"), and 5 are gone."
    );
    assert!(described.ends_with(&change), "{described}");
    // Who may use the model reads the same, and others nothing.
    session.run("CREATE ROLE analyst_describe_guest LOGIN");
    let mut guest = database.connect_as("analyst_describe_guest");
    assert_eq!(guest.expect_error(&describe).code(), &SqlState::UNDEFINED_OBJECT);
    session.run("SELECT segrec_grant('customers', 'analyst_describe_guest', 'use')");
    assert_eq!(guest.value::<String>(&describe), described);
    let error = session.expect_error("SELECT segrec_describe_segment('customers', 99)");
    assert_eq!(error.message(), "model \"customers\" has no segment 99");
}

#[test]
fn a_description_says_what_users_have_and_how_new_the_events_are() {
    let (_database, mut session) = timed("analyst_items");
    session.run("SELECT segrec_train('m')");
    let described: String = session.value("SELECT segrec_describe_segment('m', 1)");
    let common = session.table(
        "SELECT string_agg(round((100 * share)::numeric) || ' %' || CASE rank WHEN 1 THEN ' have' ELSE '' END || ' item ' || item_id, ', ' ORDER BY rank)
         FROM segrec.segment_items WHERE segment = 1 AND rank <= 3",
    );
    let (rest, last) = common.rsplit_once(", ").unwrap();
    assert!(described.contains(&format!("Of its users, {rest}, and {last}.")), "{described}\n{common}");
    let typical: String =
        session.value("SELECT item_id FROM segrec.segment_items WHERE segment = 1 AND rank_by_lift = 1");
    let first = format!("Most typical of them, compared with all users, are item {typical} (");
    assert!(described.contains(&first), "{described}");
    assert!(
        described.contains("; the latest event that the version knows is of 1 June 2026."),
        "{described}"
    );
    let error = {
        session.run("SELECT segrec_create_model('untrained', 'timed')");
        session.expect_error("SELECT segrec_describe_segment('untrained', 1)")
    };
    assert_eq!(error.message(), "model \"untrained\" has no deployed version");
}

#[test]
fn when_a_row_was_written_is_no_feature_unless_it_is_named() {
    let (_database, mut session) = customers("analyst_audit");
    session.run(
        r#"CREATE TABLE written AS SELECT *, timestamptz '2026-01-01' + user_id * interval '1 day' AS created_at, now() AS "updatedAt", 'me' AS modified_by,
                  timestamptz '2025-01-01' + age * interval '1 day' AS joined FROM customers;
           SELECT segrec_create_model('written', users => 'written', options => '{"segmentation": {"segments": 3}}')"#,
    );
    session.notices();
    session.run("SELECT segrec_train('written')");
    let notices = session.notices();
    let told = notices.iter().find(|notice| notice.message().starts_with("left alone")).unwrap();
    assert_eq!(
        told.message(),
        "left alone columns of \"written\": \"created_at\", \"updatedAt\", \"modified_by\""
    );
    assert_eq!(
        told.detail(),
        Some("By their names they say when or by whom a row was written, which is no feature.")
    );
    let listed = r#"{"segmentation": {"features": ["age", "plan", "joined", "created_at", "updatedAt", "modified_by"]}}"#;
    let hint = format!("To use them, list them with the others, as in {listed}.");
    assert_eq!(told.hint(), Some(hint.as_str()));
    let columns = "SELECT string_agg(DISTINCT split_part(feature, ' = ', 1), ' ' ORDER BY split_part(feature, ' = ', 1)) FROM segrec.segment_profiles WHERE model = 'written'";
    assert_eq!(session.table(columns), "age joined plan");
    // What the hint says is what to do.
    session.run(&format!(
        "SELECT segrec_alter_model('written', '{listed}'); SELECT segrec_train('written', 'always')"
    ));
    assert!(session.notices().iter().all(|notice| !notice.message().starts_with("left alone")));
    let read = session.table(columns);
    assert!(read.contains("created_at") && read.contains("joined"), "{read}");
}

#[test]
fn when_an_item_was_written_is_no_feature_unless_it_is_named() {
    let (_database, mut session) = timed("analyst_audit_items");
    session.run(
        r#"CREATE TABLE things AS SELECT i AS item_id, 'kind ' || i % 4 AS kind, timestamptz '2026-01-01' + i * interval '1 day' AS created_at, NULL::timestamptz AS deleted_at
               FROM generate_series(0::bigint, 119) i;
           SELECT segrec_create_model('things', 'timed', time_column => 'at', items => 'things',
               options => '{"als": {"factors": 4}, "items": {"available": "deleted_at"}}')"#,
    );
    session.notices();
    session.run("SELECT segrec_train('things')");
    let told: Vec<String> = session
        .notices()
        .iter()
        .filter(|notice| notice.message().starts_with("left alone"))
        .map(|notice| format!("{} {}", notice.message(), notice.hint().unwrap_or_default()))
        .collect();
    let expected = r#"left alone columns of "things": "created_at" To use them, list them with the others, as in {"items": {"features": ["kind", "created_at"]}}."#;
    assert_eq!(told, [expected]);
}

#[test]
fn who_may_label_names_segments_and_reads_and_changes_nothing_else() {
    let (database, mut session) = moving("analyst_label");
    session.run(
        "CREATE ROLE analyst_label_guest LOGIN; SELECT segrec_grant('tiers', 'analyst_label_guest', 'use')",
    );
    let mut guest = database.connect_as("analyst_label_guest");
    let label = "SELECT segrec_label_segment('tiers', 1, 'best')";
    for privilege in ["use", "train"] {
        session.run(&format!("SELECT segrec_grant('tiers', 'analyst_label_guest', '{privilege}')"));
        let error = guest.expect_error(label);
        assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE, "{privilege}");
        assert_eq!(error.message(), "permission denied to label segments of model \"tiers\"");
        let detail =
            "Only its owner postgres and roles with the privilege \"label\" on it may label its segments.";
        assert_eq!(error.detail(), Some(detail));
        let hint = "Ask a member of postgres to call segrec_grant for your role.";
        assert_eq!(error.hint(), Some(hint));
    }
    session.run(
        "SELECT segrec_revoke('tiers', 'analyst_label_guest', privilege) FROM (VALUES ('use'), ('train')) AS all_of (privilege);
         SELECT segrec_grant('tiers', 'analyst_label_guest', 'label')",
    );
    guest.run(label);
    assert_eq!(guest.table("SELECT label FROM segrec.segments ORDER BY segment"), "best\nsilver");
    assert_eq!(guest.value::<i32>("SELECT segrec_segment_of(1::bigint)"), 1);
    assert_eq!(guest.table("SELECT privilege FROM segrec.grants"), "label");
    for (call, message) in [
        ("segrec_train('tiers')", "permission denied to train model \"tiers\""),
        ("segrec_deploy('tiers', 1)", "must be owner of model \"tiers\""),
        ("segrec_rollback('tiers')", "must be owner of model \"tiers\""),
        ("segrec_alter_model('tiers', '{}')", "must be owner of model \"tiers\""),
        ("segrec_forget_user('tiers', 1)", "must be owner of model \"tiers\""),
        ("segrec_grant('tiers', 'public', 'label')", "must be owner of model \"tiers\""),
    ] {
        assert_eq!(guest.expect_error(&format!("SELECT {call}")).message(), message, "{call}");
    }
    session.run("SELECT segrec_revoke('tiers', 'analyst_label_guest', 'label')");
    assert_eq!(guest.expect_error(label).code(), &SqlState::UNDEFINED_OBJECT);
}

#[test]
fn what_happened_is_for_those_who_may_use_the_model() {
    let (database, mut session) = moving("analyst_rights");
    session.run("CREATE ROLE analyst_rights_guest LOGIN; REVOKE ALL ON tiers FROM public");
    let mut guest = database.connect_as("analyst_rights_guest");
    let views = ["segment_sizes", "segment_moves", "version_profiles"];
    let count = |session: &mut Session, view: &str| {
        session.value::<i64>(&format!("SELECT count(*) FROM segrec.{view}"))
    };
    for view in views {
        assert_eq!(count(&mut guest, view), 0, "{view}");
    }
    session.run("SELECT segrec_grant('tiers', 'analyst_rights_guest', 'use')");
    for view in views {
        assert_eq!(count(&mut guest, view), count(&mut session, view), "{view}");
    }
    assert_eq!(count(&mut guest, "segment_moves"), 3);
    let table = "SELECT FROM segrec_catalog.deployments";
    assert_eq!(guest.expect_error(table).code(), &SqlState::INSUFFICIENT_PRIVILEGE);
}
