//! `segrec_recommend` and related functions: which items are recommended to which users, and which never are.

use segrec_tests::{Cluster, Session, SqlState, planted};

fn trained(name: &str) -> (segrec_tests::Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    (database, session)
}

#[test]
fn recommend_follows_the_planted_taste() {
    let (_database, mut session) = trained("recommend_taste");
    let share: f64 = session.value(
        "SELECT avg((r.item_id % 4 = u % 4)::int)::float8
         FROM generate_series(0::bigint, 599, 7) u, segrec_recommend(u, 5) r",
    );
    // A quarter would be expected by chance. A user has seven items on average, and some have one or two.
    assert!(share > 0.9, "{share}");
}

#[test]
fn recommend_never_returns_seen_items_and_ranks_without_gaps() {
    let (_database, mut session) = trained("recommend_seen");
    let seen: i64 = session.value(
        "SELECT count(*) FROM generate_series(0::bigint, 599, 11) u CROSS JOIN LATERAL segrec_recommend(u, 50) r
         JOIN events e ON e.user_id = u AND e.item_id = r.item_id",
    );
    assert_eq!(seen, 0);
    let wrong: i64 = session.value(
        "SELECT count(*) FROM (
             SELECT u, count(*) AS n, min(rank) AS first, max(rank) AS last, count(DISTINCT item_id) AS items
             FROM generate_series(0::bigint, 599, 11) u, segrec_recommend(u, 50) r GROUP BY u) lists
         WHERE n <> 50 OR first <> 1 OR last <> 50 OR items <> 50",
    );
    assert_eq!(wrong, 0);
}

#[test]
fn fewer_rows_come_back_only_where_fewer_exist() {
    let (_database, mut session) = trained("recommend_all_items");
    let rows: i64 = session.value("SELECT count(*) FROM segrec_recommend(3, 1000)");
    let unseen: i64 = session.value(
        "SELECT (SELECT count(DISTINCT item_id) FROM events) - (SELECT count(*) FROM events WHERE user_id = 3)",
    );
    assert_eq!(rows, unseen);
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(3, 0)"), 0);
}

#[test]
fn seen_items_come_back_when_asked_for() {
    let (_database, mut session) = trained("recommend_with_seen");
    let seen: i64 = session.value(
        "SELECT count(*) FROM segrec_recommend(3, 20, exclude_seen => false) r
         JOIN events e ON e.user_id = 3 AND e.item_id = r.item_id",
    );
    assert!(seen > 3, "{seen}");
}

#[test]
fn only_candidates_come_and_all_of_them_that_are_unseen() {
    let (_database, mut session) = trained("recommend_candidates");
    let items: Vec<i64> = session.column(
        "SELECT item_id FROM segrec_recommend(8, 10, candidates =>
            ARRAY(SELECT i FROM generate_series(0::bigint, 119) i
                  WHERE i NOT IN (SELECT item_id FROM events WHERE user_id = 8) ORDER BY i LIMIT 6)
            || ARRAY[NULL, 999999]::bigint[]
            || ARRAY(SELECT item_id FROM events WHERE user_id = 8 LIMIT 3)) ORDER BY rank",
    );
    assert_eq!(items.len(), 6, "{items:?}");
    let own = items.iter().position(|item| item % 4 == 0);
    assert!(own.is_none_or(|place| place == 0), "the user's taste comes first: {items:?}");
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(8, 10, candidates => '{}')"), 0);
}

#[test]
fn a_list_is_the_same_every_time_and_scores_fall() {
    let (database, mut session) = trained("recommend_same");
    let query = "SELECT rank, item_id, score, source FROM segrec_recommend(5, 20)";
    let first = session.table(query);
    assert_eq!(first, session.table(query));
    assert_eq!(first, database.connect().table(query));
    let rising: i64 = session.value(
        "SELECT count(*) FROM (SELECT score > lag(score) OVER (ORDER BY rank) AS rises
         FROM segrec_recommend(5, 20) WHERE source = 'segment') steps WHERE rises",
    );
    assert_eq!(rising, 0);
}

#[test]
fn an_unknown_user_is_answered_with_what_is_popular() {
    let (_database, mut session) = trained("recommend_unknown");
    for call in
        ["segrec_recommend(987654, 3)", "segrec_recommend('nobody', 3)", "segrec_recommend(NULL::bigint, 3)"]
    {
        assert_eq!(session.table(&format!("SELECT DISTINCT source FROM {call}")), "popular", "{call}");
    }
    let first: i64 = session.value("SELECT item_id FROM segrec_recommend(987654, 1)");
    let most: i64 =
        session.value("SELECT item_id FROM events GROUP BY item_id ORDER BY count(*) DESC, item_id LIMIT 1");
    assert_eq!(first, most);
}

#[test]
fn a_user_who_comes_after_the_training_is_folded_in() {
    let (_database, mut session) = trained("recommend_fold_in");
    session.run("INSERT INTO events SELECT 5000, i FROM generate_series(1::bigint, 21, 4) i");
    let (share, source): (f64, String) = {
        let row = session
            .query_one(
                "SELECT avg((item_id % 4 = 1)::int)::float8, min(source) FROM segrec_recommend(5000, 5)",
                &[],
            )
            .unwrap();
        (row.get(0), row.get(1))
    };
    assert_eq!((share, source.as_str()), (1.0, "fold_in"));
    let segment: i32 = session.value("SELECT segrec_segment_of(5000::bigint)");
    assert_eq!(segment, session.value::<i32>("SELECT segrec_segment_of(1::bigint)"));
}

#[test]
fn an_event_counts_at_once_where_an_index_leads_with_the_user() {
    let (_database, mut session) = trained("recommend_live");
    let before: i64 = session.value("SELECT item_id FROM segrec_recommend(6, 1)");
    session.run(&format!("INSERT INTO events VALUES (6, {before})"));
    let after: Vec<i64> = session.column("SELECT item_id FROM segrec_recommend(6, 120)");
    assert!(!after.contains(&before));
    session.run("DELETE FROM events WHERE user_id = 6");
    assert_eq!(session.table("SELECT DISTINCT source FROM segrec_recommend(6, 3)"), "segment_popular");
}

#[test]
fn without_an_index_the_events_of_the_training_count_and_the_model_says_so() {
    let database = Cluster::shared().database("recommend_not_live");
    let mut session = database.connect();
    planted::create(&mut session);
    session.run("DROP INDEX events_user_id_idx");
    session
        .run(&format!("SELECT segrec_create_model('planted', 'events', options => '{}')", planted::OPTIONS));
    let notices = session.notices();
    assert_eq!(notices.len(), 1);
    assert_eq!(notices[0].message(), "recommendations will use the events of \"events\" as of the training");
    assert!(notices[0].hint().unwrap().contains("CREATE INDEX ON public.events (user_id)"));
    session.run("SELECT segrec_train('planted')");
    let before: i64 = session.value("SELECT item_id FROM segrec_recommend(6, 1)");
    session.run(&format!("INSERT INTO events VALUES (6, {before})"));
    assert_eq!(before, session.value::<i64>("SELECT item_id FROM segrec_recommend(6, 1)"));
}

#[test]
fn recommend_for_answers_a_guest_by_their_items() {
    let (_database, mut session) = trained("recommend_guest");
    let share: f64 = session.value(
        "SELECT avg((item_id % 4 = 2)::int)::float8 FROM segrec_recommend_for(ARRAY[2, 6, 10, 14]::bigint[], 5)",
    );
    assert_eq!(share, 1.0);
    let own: i64 = session.value(
        "SELECT count(*) FROM segrec_recommend_for(ARRAY[2, 6, 10, 14]::bigint[], 100) WHERE item_id IN (2, 6, 10, 14)",
    );
    assert_eq!(own, 0);
    for nothing in ["'{}'::bigint[]", "NULL::bigint[]", "ARRAY[NULL, -1]::bigint[]"] {
        let sources =
            session.table(&format!("SELECT DISTINCT source FROM segrec_recommend_for({nothing}, 4)"));
        assert_eq!(sources, "popular", "{nothing}");
    }
}

#[test]
fn recommend_all_gives_every_user_the_list_that_recommend_gives() {
    let (_database, mut session) = trained("recommend_everybody");
    let users: i64 = session.value("SELECT count(DISTINCT user_id) FROM segrec_recommend_all('planted', 7)");
    assert_eq!(users, session.value::<i64>("SELECT count(DISTINCT user_id) FROM events"));
    let different: i64 = session.value(
        "SELECT count(*) FROM segrec_recommend_all(n => 7) a
         FULL JOIN (SELECT u::text AS user_id, r.rank, r.item_id::text AS item_id, r.source
                    FROM generate_series(0::bigint, 599) u, segrec_recommend(u, 7) r) one
             USING (user_id, rank, item_id, source)
         WHERE a.score IS NULL OR one.user_id IS NULL",
    );
    assert_eq!(different, 0);
}

#[test]
fn ids_of_every_type_with_odd_characters_work() {
    let database = Cluster::shared().database("recommend_ids");
    let mut session = database.connect();
    planted::create(&mut session);
    session.run(
        r#"CREATE TABLE "Odd ""table""" AS
           SELECT md5(user_id::text)::uuid AS "user", 'it''em "' || item_id || E'" \\ \u00e9 %s;--' AS "the item" FROM events;
           CREATE INDEX ON "Odd ""table""" ("user");
           SELECT segrec_create_model('odd "name''s"', '"Odd ""table"""', 'user', 'the item',
                                      options => '{"als": {"factors": 8}, "segmentation": {"segments": 4}}');
           SELECT segrec_train('odd "name''s"')"#,
    );
    let lists = session.table("SELECT rank, item_id FROM segrec_recommend(md5('3')::uuid::text, 3)");
    assert!(lists.starts_with("1|it'em \""), "{lists}");
    let known: i64 = session.value(
        r#"SELECT count(*) FROM segrec_recommend(md5('3')::uuid::text, 5) r
           WHERE EXISTS (SELECT FROM "Odd ""table""" o WHERE o."the item" = r.item_id)"#,
    );
    assert_eq!(known, 5);
    let by_text = session.table("SELECT item_id FROM segrec_recommend(upper(md5('3')::uuid::text), 3)");
    assert_eq!(by_text, session.table("SELECT item_id FROM segrec_recommend('{' || md5('3') || '}', 3)"));
    let error = session.expect_error("SELECT segrec_recommend(md5('3')::uuid)");
    assert_eq!(error.code(), &SqlState::DATATYPE_MISMATCH);
    assert_eq!(error.message(), "the item ids of model \"odd \"name's\"\" are of type text, not uuid");
    session.value::<i32>("SELECT segrec_segment_of(md5('3')::uuid)");
}

#[test]
fn uuid_items_come_back_as_uuids() {
    let database = Cluster::shared().database("recommend_uuid");
    let mut session = database.connect();
    planted::create(&mut session);
    session.run(&format!(
        "CREATE TABLE u AS SELECT md5('u' || user_id)::uuid AS user_id, md5('i' || item_id)::uuid AS item_id FROM events;
         CREATE INDEX ON u (user_id);
         SELECT segrec_create_model('uuids', 'u', options => '{}');
         SELECT segrec_train('uuids')",
        planted::OPTIONS
    ));
    let matching: i64 = session.value(
        "SELECT count(*) FROM segrec_recommend(md5('u9')::uuid, 6) r JOIN generate_series(0, 119) i ON md5('i' || i)::uuid = r.item_id
         WHERE i % 4 = 1",
    );
    assert_eq!(matching, 6);
    let guest: i64 = session.value(
        "SELECT count(*) FROM segrec_recommend_for(ARRAY[md5('i1')::uuid, md5('i5')::uuid], 3,
             candidates => ARRAY[md5('i9')::uuid, md5('i2')::uuid])",
    );
    assert_eq!(guest, 2);
}

#[test]
fn models_that_cannot_answer_leave_calls_without_a_name_alone() {
    let (database, mut session) = trained("recommend_unable");
    let list = session.table("SELECT * FROM segrec_recommend(1)");
    session.run("CREATE TABLE people AS SELECT u AS id, u % 5 AS kind FROM generate_series(1, 90) u");
    session.run("SELECT segrec_create_model('untrained', 'events')");
    session.run("SELECT segrec_create_model('people', users => 'people', users_key => 'id')");
    for session in [&mut session, &mut database.connect()] {
        for _ in 0..2 {
            assert_eq!(session.table("SELECT * FROM segrec_recommend(1)"), list);
        }
        session.run("SELECT segrec_segment_of(1), segrec_predict(1, 2)");
    }
    // Now both models have segments, but still only one has lists.
    session.run("SELECT segrec_train('people')");
    for session in [&mut session, &mut database.connect()] {
        assert_eq!(session.table("SELECT * FROM segrec_recommend(1)"), list);
        let error = session.expect_error("SELECT segrec_segment_of(1)");
        assert_eq!(error.detail(), Some("The models with a deployed version are \"people\", \"planted\"."));
    }
    session.run("SELECT segrec_drop_model('planted')");
    let error = session.expect_error("SELECT segrec_recommend(1)");
    assert_eq!(error.code(), &SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE);
    assert_eq!(error.message(), "no model is specified, and none of 2 models could be used");
    session.run("SELECT segrec_segment_of(1); SELECT segrec_drop_model('people')");
    let error = session.expect_error("SELECT segrec_recommend(1)");
    assert_eq!(error.message(), "model \"untrained\" has no deployed version");
    let error = session.expect_error("SELECT segrec_recommend(1, model => '')");
    assert_eq!(error.code(), &SqlState::UNDEFINED_OBJECT);
}

#[test]
fn a_filter_that_matches_nothing_gives_nothing() {
    let (_database, mut session) = trained("recommend_empty_filter");
    session.run(
        "CREATE FUNCTION wrapped(candidates bigint[]) RETURNS bigint LANGUAGE plpgsql AS
        $$ BEGIN RETURN (SELECT count(*) FROM segrec_recommend(8, 3, candidates => candidates)); END $$",
    );
    for (filter, rows) in [
        ("NULL", 0),
        ("'{}'", 0),
        ("'{NULL}'", 0),
        ("'[2:2]={NULL}'", 0),
        ("(SELECT array_agg(item_id) FROM events WHERE false)", 0),
        ("ARRAY(SELECT item_id FROM events WHERE false)", 0),
        // This is the default value.
        ("'[0:0]={NULL}'", 3),
    ] {
        for call in [
            "segrec_recommend(8, 3,",
            "segrec_recommend('8', 3,",
            "segrec_recommend_for(ARRAY[1], 3,",
            "segrec_recommend_for('{1}', 3,",
            "segrec_recommend_segment(1, 3,",
        ] {
            let filter = match call.contains('\'') || call.contains("segment") {
                true => filter.replace("item_id", "item_id::text"),
                false => filter.to_owned(),
            };
            let call = format!("SELECT count(*) FROM {call} candidates => {filter})");
            assert_eq!(session.value::<i64>(&call), rows, "{call}");
        }
        assert_eq!(session.value::<i64>(&format!("SELECT wrapped({filter})")), rows, "{filter}");
    }
    for call in
        ["segrec_recommend(8, 3)", "segrec_recommend_for(ARRAY[1], 3)", "segrec_recommend_segment(1, 3)"]
    {
        assert_eq!(session.value::<i64>(&format!("SELECT count(*) FROM {call}")), 3, "{call}");
    }
    // If it is read from a row of a table, the default value is treated like any other.
    session.run("CREATE TABLE filters AS SELECT '[0:0]={NULL}'::bigint[] AS filter");
    assert_eq!(
        session.value::<i64>("SELECT count(*) FROM filters, segrec_recommend(8, 3, candidates => filter)"),
        3
    );
}

#[test]
fn the_model_is_the_named_one_the_default_or_the_only_one() {
    let (_database, mut session) = trained("recommend_which");
    session
        .run("SELECT segrec_create_model('other', 'events', options => '{\"algorithm\": \"popularity\"}')");
    session.run("SELECT segrec_train('other')");
    let error = session.expect_error("SELECT segrec_recommend(1)");
    assert_eq!(error.code(), &SqlState::AMBIGUOUS_PARAMETER);
    assert_eq!(error.message(), "no model is specified, and 2 models could be used");
    assert_eq!(error.detail(), Some("The models with a deployed version are \"other\", \"planted\"."));
    session.run("SET segrec.default_model = 'planted'");
    session.run("SELECT segrec_recommend(1)");
    session.run("SELECT segrec_create_model('untrained', 'events')");
    let error = session.expect_error("SELECT segrec_recommend(1, model => 'untrained')");
    assert_eq!(error.code(), &SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE);
    assert_eq!(error.hint(), Some("Train it with SELECT * FROM segrec_train('untrained')."));
}

#[test]
fn a_model_dropped_by_another_session_is_gone_at_the_next_call() {
    let (database, mut session) = trained("recommend_dropped");
    session.run("SELECT segrec_recommend(1)");
    database.connect().run("SELECT segrec_drop_model('planted')");
    let error = session.expect_error("SELECT segrec_recommend(1, model => 'planted')");
    assert_eq!(error.code(), &SqlState::UNDEFINED_OBJECT);
    assert_eq!(error.message(), "model \"planted\" does not exist");
    // A new model of the same name is another model.
    session
        .run(&format!("SELECT segrec_create_model('planted', 'events', options => '{}')", planted::OPTIONS));
    assert_eq!(
        session.expect_error("SELECT segrec_recommend(1)").code(),
        &SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE
    );
}

#[test]
fn a_version_whose_rows_were_not_restored_is_told_as_such() {
    let database = Cluster::shared().database("recommend_partial");
    let mut session = database.connect();
    planted::train_blended(&mut session);
    for (table, call) in [
        ("version_items", "SELECT segrec_recommend(1)"),
        ("version_sections", "SELECT segrec_recommend(1)"),
        ("version_item_rows", "SELECT segrec_recommend(1)"),
        ("versions", "SELECT segrec_recommend(1)"),
        ("versions", "SELECT segrec_segment_of(1::bigint)"),
        ("versions", "SELECT segrec_export('planted')"),
    ] {
        session.run(&format!("BEGIN; DELETE FROM segrec_catalog.{table}"));
        let error = session.expect_error(call);
        assert_eq!(error.code(), &SqlState::T_R_SERIALIZATION_FAILURE, "{table}: {error:?}");
        assert_eq!(error.message(), "rows of a version of model \"planted\" do not exist");
        session.run("ROLLBACK");
    }
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(1, 7)"), 7);
}

#[test]
fn a_version_whose_rows_were_changed_by_hand_is_told_as_damaged() {
    let database = Cluster::shared().database("recommend_damaged");
    let mut session = database.connect();
    planted::train_blended(&mut session);
    for change in [
        "UPDATE segrec_catalog.version_items SET factors = '{1}' WHERE item = 3",
        "UPDATE segrec_catalog.version_items SET item_id = 'x' WHERE item = 3",
        "UPDATE segrec_catalog.version_item_rows SET weights = '{1}' WHERE item = 3",
        "UPDATE segrec_catalog.versions SET decided = '{}'",
    ] {
        session.run(&format!("BEGIN; {change}"));
        let error = session.expect_error("SELECT segrec_recommend(1)");
        assert_eq!(error.code(), &SqlState::DATA_CORRUPTED, "{change}: {error:?}");
        assert_eq!(error.message(), "stored version is damaged");
        assert!(error.detail().is_some() && error.hint().is_some(), "{error:?}");
        session.run("ROLLBACK");
    }
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(1, 7)"), 7);
}

#[test]
fn a_lateral_join_over_users_works_with_parallel_workers() {
    let (_database, mut session) = trained("recommend_lateral");
    session.run(
        "CREATE TABLE customers AS SELECT DISTINCT user_id AS id FROM events; ANALYZE customers;
         SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
         ALTER TABLE customers SET (parallel_workers = 2)",
    );
    let query =
        "SELECT count(*), sum(r.item_id) FROM customers c CROSS JOIN LATERAL segrec_recommend(c.id, 5) r";
    let plan = session.table(&format!("EXPLAIN (COSTS off) {query}"));
    assert!(plan.contains("Parallel Seq Scan on customers"), "{plan}");
    let parallel = session.table(query);
    session.run("SET max_parallel_workers_per_gather = 0");
    assert_eq!(parallel, session.table(query));
}

#[test]
fn a_session_that_recommended_has_no_threads_of_its_own() {
    let (_database, mut session) = trained("recommend_threads");
    session.run("SELECT segrec_recommend(u) FROM generate_series(0::bigint, 50) u");
    session.run("SELECT count(*) FROM segrec_recommend_all()");
    let pid: i32 = session.value("SELECT pg_backend_pid()");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    assert!(status.contains("\nThreads:\t1\n"), "{status}");
}
