//! Rules, as rows: what they block is in no list from the commit on, and what they pin has its place.

use segrec_tests::{Cluster, Database, Session, SqlState, planted};

/// The planted events with a table of their items: twelve categories, prices from 0 to 119, and moments.
fn ruled(name: &str) -> (Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    planted::create(&mut session);
    session.run(
        r#"CREATE TABLE products AS
               SELECT item_id, 'kind ' || item_id % 12 AS kind, item_id::numeric AS price, item_id % 5 = 0 AS adult,
                      '2026-01-01 00:00+00'::timestamptz + item_id * interval '1 day' AS added_at, '2026-01-01'::date + item_id::int AS day,
                      'product ' || item_id / 5 AS product, '{}'::jsonb AS other, item_id % 7 AS "od""d', $1"
               FROM (SELECT DISTINCT item_id FROM events) AS item;
           ALTER TABLE products ADD PRIMARY KEY (item_id); ANALYZE;
           SELECT segrec_create_model('shop', 'events', items => 'products',
               options => '{"als": {"factors": 8}, "segmentation": {"segments": 4}, "items": {"features": ["product"], "group_column": "product"}}');
           SELECT segrec_train('shop', 'always')"#,
    );
    (database, session)
}

/// What every function that lists items says of some items: whether any list has one of them.
fn listed(session: &mut Session, items: &str) -> String {
    let of = |list: &str| format!("EXISTS (SELECT FROM {list} AS own WHERE item_id::bigint IN ({items}))");
    session.table(&format!(
        "SELECT {}, {}, {}, {}, {}",
        of("generate_series(0::bigint, 599, 7) u, segrec_recommend(u, 20)"),
        of("segrec_recommend_for('{1,2,3}'::bigint[], 100)"),
        of("segrec_recommend_segment(1, 100)"),
        of("segrec_recommend_all(n => 20)"),
        of("segrec_similar_items(7::bigint, 100)"),
    ))
}

const ALL: &str = "t|t|t|t|t";
const NONE: &str = "f|f|f|f|f";

#[test]
fn what_a_rule_blocks_is_in_no_list_from_the_commit_on() {
    let (database, mut session) = ruled("rules_block");
    let mut other = database.connect();
    for (rule, items) in [
        ("items => '{4,8,12,16,20,24}'", "4, 8, 12, 16, 20, 24"),
        (r#"condition => '{"kind": "kind 4"}'"#, "SELECT item_id FROM products WHERE kind = 'kind 4'"),
        (
            r#"condition => '{"kind": ["kind 4", "kind 5"], "price": {"from": 20, "to": 80.5}}'"#,
            "SELECT item_id FROM products WHERE kind IN ('kind 4', 'kind 5') AND price BETWEEN 20 AND 80.5",
        ),
        (r#"condition => '{"price": {"to": 60}}'"#, "SELECT item_id FROM products WHERE price <= 60"),
        (r#"condition => '{"price": [4, 8, 12, 16, 20]}'"#, "4, 8, 12, 16, 20"),
        (r#"condition => '{"adult": true}'"#, "SELECT item_id FROM products WHERE adult"),
        (
            r#"condition => '{"added_at": {"from": "2026-02-01 02:00:00+02"}}'"#,
            "SELECT item_id FROM products WHERE added_at >= '2026-02-01 00:00+00'",
        ),
        (
            r#"condition => '{"day": {"from": "2026-02-01", "to": "2026-02-20"}}'::json"#,
            "SELECT item_id FROM products WHERE day BETWEEN '2026-02-01' AND '2026-02-20'",
        ),
        (r#"condition => '{"od\"d'', $1": 3}'"#, r#"SELECT item_id FROM products WHERE "od""d', $1" = 3"#),
    ] {
        for session in [&mut session, &mut other] {
            assert_eq!(listed(session, items), ALL, "{rule}");
        }
        session.run("BEGIN");
        let id: i64 = session.value(&format!("SELECT segrec_add_rule('shop', 'block', {rule})"));
        // The transaction sees its own rule, and others see it once it is committed.
        assert_eq!(listed(&mut session, items), NONE, "{rule}");
        assert_eq!(listed(&mut other, items), ALL, "{rule}");
        session.run("COMMIT");
        for session in [&mut session, &mut other] {
            assert_eq!(listed(session, items), NONE, "{rule}");
            // Lists are as long as they were.
            let lines = "SELECT count(*) FROM segrec_recommend_all(n => 10)";
            assert_eq!(session.value::<i64>(lines), 6000, "{rule}");
        }
        session.run(&format!("SELECT segrec_drop_rule('shop', {id})"));
        for session in [&mut session, &mut other] {
            assert_eq!(listed(session, items), ALL, "{rule}");
        }
    }
    // Candidates do not open what is blocked, and rows count as they are now.
    session.run(r#"SELECT segrec_add_rule('shop', 'block', items => '{7,7,9999}'), segrec_add_rule('shop', 'block', condition => '{"kind": "gone"}')"#);
    let few = "SELECT item_id FROM segrec_recommend(-1, 5, candidates => '{7,8,9}') ORDER BY 1";
    assert_eq!(other.table(few), "8\n9");
    session.run("UPDATE products SET kind = 'gone' WHERE item_id = 8");
    assert_eq!(other.table(few), "9");
    // Scores of single items are not lists.
    assert_eq!(other.table("SELECT segrec_predict(1::bigint, 8::bigint) IS NOT NULL"), "t");
}

#[test]
fn rules_that_are_rolled_back_were_never_there() {
    let (database, mut session) = ruled("rules_rollback");
    let mut other = database.connect();
    let items = |session: &mut Session| {
        session.table("SELECT item_id FROM segrec_recommend(-1, 9, candidates => '{7,8,9}') ORDER BY 1")
    };
    assert_eq!(items(&mut session), "7\n8\n9");
    session.run("BEGIN; SELECT segrec_add_rule('shop', 'block', items => '{7}'); SAVEPOINT one");
    assert_eq!(items(&mut session), "8\n9");
    session.run("SELECT segrec_add_rule('shop', 'block', items => '{8}')");
    assert_eq!(items(&mut session), "9");
    session.run("ROLLBACK TO one");
    assert_eq!(items(&mut session), "8\n9");
    session.run("SELECT segrec_add_rule('shop', 'block', items => '{9}')");
    assert_eq!(items(&mut session), "8");
    session.run("ROLLBACK");
    assert_eq!(items(&mut session), "7\n8\n9");
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec.rules"), 0);
    // The first rule of another session after that.
    other.run("SELECT segrec_add_rule('shop', 'block', items => '{8,9}')");
    assert_eq!(items(&mut session), "7");
    // A statement that began before a rule sees no rule, and a transaction that reads one snapshot none of later ones.
    session.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    assert_eq!(items(&mut session), "7");
    other.run("SELECT segrec_drop_rule('shop', max(id)) FROM segrec.rules");
    assert_eq!(items(&mut session), "7");
    session.run("COMMIT");
    assert_eq!(items(&mut session), "7\n8\n9");
}

#[test]
fn a_rule_holds_for_its_time_and_its_segment() {
    let (_database, mut session) = ruled("rules_valid");
    let few = "SELECT item_id FROM segrec_recommend(-1, 9, candidates => '{7,8,9}') ORDER BY 1";
    session.run(
        "SELECT segrec_add_rule('shop', 'block', items => '{7}', valid_to => now() - interval '1 minute');
         SELECT segrec_add_rule('shop', 'block', items => '{8}', valid_from => now() + interval '1 day', valid_to => 'infinity');
         SELECT segrec_add_rule('shop', 'block', items => '{9}', valid_from => '-infinity', valid_to => clock_timestamp() + interval '2 seconds')",
    );
    assert_eq!(session.table(few), "7\n8");
    session.run("SELECT pg_sleep(2.1)");
    assert_eq!(session.table(few), "7\n8\n9");
    session.run("SELECT segrec_add_rule('shop', 'block', items => '{7}', valid_from => clock_timestamp() + interval '1 second')");
    assert_eq!(session.table(few), "7\n8\n9");
    session.run("SELECT pg_sleep(1.1)");
    assert_eq!(session.table(few), "8\n9");
    session.run("SELECT segrec_drop_rule('shop', id) FROM segrec.rules");
    // Only lists of the segment's users, and of the segment.
    session.run(
        r#"SELECT segrec_add_rule('shop', 'block', segment => 2, items => ARRAY(SELECT item_id::text FROM products WHERE item_id < 60));
           SELECT segrec_add_rule('shop', 'block', segment => 2, condition => '{"price": {"from": 60, "to": 99}}')"#,
    );
    for lists in [
        "segrec.segment_members, segrec_recommend(user_id, 12, exclude_seen => false) WHERE user_id::bigint % 9 = 0",
        "generate_series(1, 4) AS segment, segrec_recommend_segment(segment, 12)",
        "segrec.segment_members JOIN segrec_recommend_all(n => 5) USING (user_id)",
    ] {
        let sql = format!("SELECT segment, min(item_id::bigint) >= 100 FROM {lists} GROUP BY 1 ORDER BY 1");
        assert_eq!(session.table(&sql), "1|f\n2|t\n3|f\n4|f", "{lists}");
    }
    assert_eq!(
        session.table("SELECT count(*) > 0 FROM segrec_similar_items(7::bigint, 50) WHERE item_id < 60"),
        "t"
    );
    assert_eq!(session.table("SELECT count(*) > 0 FROM segrec_recommend(-1, 50) WHERE item_id < 60"), "t");
}

#[test]
fn pinned_items_have_their_places_on_every_page() {
    let (_database, mut session) = ruled("rules_pin");
    let list = |session: &mut Session, list: &str| {
        session.column::<String>(&format!("SELECT item_id::text FROM {list}"))
    };
    let user: i64 = session.value(
        "SELECT min(u) FROM generate_series(1::bigint, 500) u WHERE NOT EXISTS (SELECT FROM events WHERE user_id = u AND item_id IN (110, 112, 113))",
    );
    let lists = [
        format!("segrec_recommend({user}, 20"),
        "segrec_recommend(-1, 20".to_owned(),
        format!("segrec_recommend({user}, 20, diversity => 0.4"),
        "segrec_recommend_for('{98,99}'::bigint[], 20".to_owned(),
        "segrec_recommend_segment(1, 20".to_owned(),
    ];
    let before: Vec<Vec<String>> = lists
        .iter()
        .map(|own| list(&mut session, &format!("{own}, exclude => '{{110,112,113}}')")))
        .collect();
    session.run(
        "SELECT segrec_add_rule('shop', 'pin', items => '{110,113}', place => 4), segrec_add_rule('shop', 'pin', items => '{112,9999}'),
                segrec_add_rule('shop', 'pin', items => '{113}', place => 9)",
    );
    for (own, before) in lists.iter().zip(before) {
        let now = list(&mut session, &format!("{own})"));
        let pinned = session.table(&format!("SELECT rank, item_id FROM {own}) WHERE source = 'pinned'"));
        assert_eq!(pinned, "1|112\n4|110\n5|113", "{own}");
        // The others keep their order.
        let others: Vec<&String> =
            now.iter().filter(|item| !["110", "112", "113"].contains(&item.as_str())).collect();
        assert_eq!(others, before.iter().take(17).collect::<Vec<_>>(), "{own}");
        // Pages continue each other.
        let short = own.replace(" 20", " 4");
        let pages: Vec<String> =
            (0..5).flat_map(|page| list(&mut session, &format!("{short}, skip => {})", 4 * page))).collect();
        match own.contains("diversity") {
            true => {
                assert_eq!([&pages[0], &pages[3], &pages[4]], ["112", "110", "113"], "{own}");
                let distinct: std::collections::HashSet<&String> = pages.iter().collect();
                assert_eq!(distinct.len(), 20, "{own}");
            }
            false => assert_eq!(pages, now, "{own}"),
        }
    }
    // The score is the item's own, and a short list ends with what is pinned further down.
    assert_eq!(session.table(&format!("SELECT abs(score - segrec_predict({user}::bigint, item_id)) < 1e-5 FROM segrec_recommend({user}, 3) WHERE source = 'pinned'")), "t");
    let few =
        "SELECT rank, item_id, source = 'pinned' FROM segrec_recommend(-1, 9, candidates => '{5,110,112}')";
    assert_eq!(session.table(few), "1|112|t\n2|5|f\n3|110|t");
    // Only what may be shown and what the user may get: not what they have, the call excludes, or a rule blocks.
    let pinned = "SELECT item_id FROM segrec_recommend(5000, 9) WHERE source = 'pinned' ORDER BY 1";
    assert_eq!(session.table(pinned), "110\n112\n113");
    session.run("INSERT INTO events (user_id, item_id) SELECT 5000, 112");
    assert_eq!(session.table(pinned), "110\n113");
    assert_eq!(
        session.table(
            "SELECT rank, item_id FROM segrec_recommend(5000, 9, exclude => '{110}') WHERE source = 'pinned'"
        ),
        "5|113"
    );
    session.run(r#"SELECT segrec_alter_model('shop', '{"items": {"available": "adult"}}')"#);
    assert_eq!(session.table(pinned), "110");
    session.run(r#"SELECT segrec_alter_model('shop', '{"items": {"available": null}}'); SELECT segrec_add_rule('shop', 'block', items => '{113}')"#);
    assert_eq!(session.table(pinned), "110");
    // They count in their groups.
    assert_eq!(
        session.table(
            "SELECT item_id FROM segrec_recommend(-1, 100, max_per_group => 1) WHERE item_id / 5 = 22"
        ),
        "112"
    );
    // Lists that are no user's have no places.
    assert_eq!(
        session.table("SELECT count(*) FROM segrec_recommend_all(n => 5) WHERE source = 'pinned'"),
        "0"
    );
    // A segment's.
    session.run("SELECT segrec_drop_rule('shop', id) FROM segrec.rules; SELECT segrec_add_rule('shop', 'pin', items => '{77}', segment => 3)");
    assert_eq!(
        session.table("SELECT segment, count(*) FILTER (WHERE item_id = '77' AND source = 'pinned' AND rank = 1) FROM generate_series(1, 4) AS segment, segrec_recommend_segment(segment, 5) GROUP BY 1 ORDER BY 1"),
        "1|0\n2|0\n3|1\n4|0"
    );
}

#[test]
fn what_is_no_rule_is_an_error_that_says_what_to_type() {
    let (_database, mut session) = ruled("rules_errors");
    session.run("SELECT segrec_create_model('bare', 'events'); CREATE TABLE people AS SELECT 1::bigint AS user_id, 2 AS age; SELECT segrec_create_model('people', users => 'people')");
    for (arguments, code, message, hint) in [
        ("NULL, 'block', '{1}'", "22004", "\"model\" must not be null", "Specify a value"),
        ("'shop', NULL, '{1}'", "22004", "\"action\" must not be null", "Specify a value"),
        ("'shop', 'hide', '{1}'", "22023", "\"action\" is \"hide\"", "one of 'block', 'pin'"),
        ("'shop', 'block'", "22023", "\"items\" and \"condition\" are both null", "items => '{7,12}'"),
        (
            "'shop', 'block', '{1}', '{}'",
            "22023",
            "\"items\" cannot be combined with \"condition\"",
            "another one",
        ),
        ("'shop', 'block', '{}'", "22023", "\"items\" is empty", "at least one"),
        ("'shop', 'block', '{1,NULL}'", "22023", "\"items\" contains null", "array_remove"),
        ("'shop', 'block', '{seven}'", "22023", "\"items\" contains \"seven\"", "as lists return them"),
        (
            "'shop', 'block', array_fill('1'::text, ARRAY[10001])",
            "22023",
            "\"items\" has 10001 elements",
            "at most 10000",
        ),
        ("'shop', 'block', '{1}', place => 3", "22023", "\"place\" cannot be combined", "Omit it"),
        ("'shop', 'pin', '{1}', place => 0", "22023", "\"place\" is 0", "at least 1"),
        (
            "'shop', 'pin', condition => '{\"kind\": \"kind 1\"}'",
            "22023",
            "\"items\" must not be null",
            "Name the items",
        ),
        ("'shop', 'block', '{1}', segment => 99", "42704", "segment 99", ""),
        (
            "'shop', 'block', '{1}', valid_from => '2026-02-01', valid_to => '2026-02-01'",
            "22023",
            "\"valid_to\" is not after \"valid_from\"",
            "later",
        ),
        (
            "'shop', 'block', condition => '{\"kinds\": \"a\"}'",
            "22023",
            "names the column \"kinds\"",
            "Did you mean \"kind\"?",
        ),
        (
            "'shop', 'block', condition => '{\"zzzzzzzz\": \"a\"}'",
            "22023",
            "names the column \"zzzzzzzz\"",
            "Name one of its columns",
        ),
        (
            "'shop', 'block', condition => '{\"kind\": 1}'",
            "22023",
            "\"condition\" cannot be used",
            "double quotes",
        ),
        (
            "'shop', 'block', condition => '{\"price\": \"1\"}'",
            "22023",
            "\"condition\" cannot be used",
            "without quotes",
        ),
        (
            "'shop', 'block', condition => '{\"price\": 1e308, \"adult\": \"yes\"}'",
            "22023",
            "\"condition\" cannot be used",
            "true or false",
        ),
        (
            "'shop', 'block', condition => '{\"day\": \"yesterday\"}'",
            "22023",
            "\"condition\" cannot be used",
            "2026-12-31",
        ),
        (
            "'shop', 'block', condition => '{\"day\": {\"from\": \"2026-02-02\", \"to\": \"2026-02-01\"}}'",
            "22023",
            "\"condition\" cannot be used",
            "Exchange",
        ),
        (
            "'shop', 'block', condition => '{\"kind\": {\"from\": \"a\"}}'",
            "22023",
            "\"condition\" cannot be used",
            "list of values",
        ),
        (
            "'shop', 'block', condition => '{\"price\": {\"least\": 1}}'",
            "22023",
            "\"condition\" cannot be used",
            "from",
        ),
        ("'shop', 'block', condition => '{\"price\": {}}'", "22023", "\"condition\" cannot be used", "from"),
        (
            "'shop', 'block', condition => '{\"price\": null}'",
            "22023",
            "\"condition\" cannot be used",
            "values",
        ),
        (
            "'shop', 'block', condition => '{\"price\": [[1]]}'",
            "22023",
            "\"condition\" cannot be used",
            "Write it as",
        ),
        (
            "'shop', 'block', condition => '{\"price\": []}'",
            "22023",
            "\"condition\" cannot be used",
            "Write it as",
        ),
        (
            "'shop', 'block', condition => '{\"other\": \"a\"}'",
            "22023",
            "\"condition\" cannot be used",
            "numbers, texts",
        ),
        ("'shop', 'block', condition => '{}'", "22023", "\"condition\" cannot be used", "Write it as"),
        ("'shop', 'block', condition => '[]'", "22023", "\"condition\" cannot be used", "Write it as"),
        ("'shop', 'block', condition => 7", "42804", "JSON document", "jsonb"),
        ("'bare', 'block', condition => '{\"kind\": \"a\"}'", "55000", "reads no items", "items"),
        ("'people', 'block', '{1}'", "55000", "people", ""),
        ("'shopp', 'block', '{1}'", "42704", "shopp", ""),
    ] {
        let error = session.expect_error(&format!("SELECT segrec_add_rule({arguments})"));
        assert_eq!(error.code().code(), code, "{arguments}: {error:?}");
        assert!(error.message().contains(message), "{arguments}: {error:?}");
        assert!(error.hint().is_some_and(|given| given.contains(hint)), "{arguments}: {error:?}");
    }
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec.rules"), 0);
    let error = session.expect_error("SELECT segrec_drop_rule('shop', 5)");
    assert_eq!((error.code().code(), error.message()), ("42704", "model \"shop\" has no rule 5"));
    assert_eq!(session.expect_error("SELECT segrec_drop_rule('shop', NULL)").code().code(), "22004");
    // A rule of another model.
    session.run("SELECT segrec_add_rule('bare', 'block', '{1}', reason => 'tried')");
    let of_other = "SELECT segrec_drop_rule('shop', id) FROM segrec.rules";
    assert_eq!(session.expect_error(of_other).code().code(), "42704");
    // Limits hold over all rules of a model.
    session.run("SELECT segrec_add_rule('bare', 'block', ARRAY(SELECT (10000 * g + i)::text FROM generate_series(1, 10000) i)) FROM generate_series(1, 9) g");
    let error = session.expect_error(
        "SELECT segrec_add_rule('bare', 'block', ARRAY(SELECT i::text FROM generate_series(1, 10000) i))",
    );
    assert_eq!(error.code().code(), "54000");
    assert_eq!(error.message(), "model \"bare\" would have 100001 items in rules");
}

#[test]
fn hostile_rules_do_no_harm() {
    let (_database, mut session) = ruled("rules_hostile");
    // Megabytes and depth are refused, or are text like any other.
    for call in [
        "segrec_add_rule('shop', repeat('x', 10000000), '{1}')",
        "segrec_add_rule('shop', 'block', ARRAY[repeat('1', 10000000)])",
        "segrec_add_rule('shop', 'block', '{1}', reason => repeat('x', 20000000))",
        "segrec_add_rule('shop', 'block', condition => jsonb_build_object('kind', repeat('x', 20000000)))",
        "segrec_add_rule('shop', 'block', condition => jsonb_build_object(repeat('x', 10000000), 1))",
        "segrec_add_rule('shop', 'block', condition => (repeat('[', 5000) || repeat(']', 5000))::jsonb)",
        "segrec_add_rule('shop', 'block', condition => jsonb_build_object('kind', (SELECT jsonb_agg('x' || g) FROM generate_series(1, 1001) g)))",
        "segrec_add_rule('shop', 'block', condition => '{\"price\": 1e400}')",
        "segrec_add_rule('shop', 'block', condition => '{\"price\": \"NaN\"}')",
    ] {
        let error = session.expect_error(&format!("SELECT {call}"));
        assert!(["22023", "54000"].contains(&error.code().code()), "{call}: {error:?}");
        assert!(
            error.message().len() < 300 && error.detail().is_none_or(|detail| detail.len() < 600),
            "{call}"
        );
    }
    // Values are compared and not executed, and names are quoted.
    session.run(
        r#"ALTER TABLE products ADD "kind"" = 'x' OR true --" text;
           SELECT segrec_add_rule('shop', 'block', condition => '{"kind\" = ''x'' OR true --": "''; DROP TABLE products; --"}');
           SELECT segrec_add_rule('shop', 'block', condition => jsonb_build_object('kind', E'kind 3\u001f\\'));
           SELECT segrec_add_rule('shop', 'block', condition => '{"price": {"from": -1.7e308, "to": -1}}', reason => 'it''s "free" %s \ 🎁')"#,
    );
    assert_eq!(listed(&mut session, "3, 15, 27"), ALL);
    session.run(r#"UPDATE products SET "kind"" = 'x' OR true --" = '''; DROP TABLE products; --' WHERE item_id IN (3, 15, 27)"#);
    assert_eq!(listed(&mut session, "3, 15, 27"), NONE);
    assert_eq!(session.value::<i64>("SELECT count(*) FROM products"), 120);
    // What compares with nothing: NaN, infinity and null.
    session.run(
        "UPDATE products SET price = 'NaN' WHERE item_id = 40; UPDATE products SET price = NULL WHERE item_id = 41;
         ALTER TABLE products ADD ratio float8 DEFAULT '-infinity'",
    );
    session.run(r#"SELECT segrec_add_rule('shop', 'block', condition => '{"ratio": {"to": 5}}', valid_to => '2000-01-01')"#);
    assert_eq!(listed(&mut session, "40"), ALL);
    assert_eq!(listed(&mut session, "41"), ALL);
    // Operators and functions of others are not found.
    session.run(
        "CREATE SCHEMA traps; CREATE FUNCTION traps.trapped(text, text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'trapped'; END$$;
         CREATE OPERATOR traps.= (LEFTARG = text, RIGHTARG = text, FUNCTION = traps.trapped);
         CREATE FUNCTION traps.concat(text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'trapped'; END$$;
         CREATE FUNCTION traps.count(bigint) RETURNS bigint LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'trapped'; END$$;
         CREATE TABLE traps.rules (model_id bigint); SET search_path = traps, public, pg_catalog",
    );
    session.run(r#"SELECT segrec_add_rule('shop', 'block', condition => '{"kind": "kind 9"}')"#);
    assert_eq!(session.value::<i64>("SELECT count(*) FROM public.segrec_recommend(-1::bigint, 100) WHERE item_id OPERATOR(pg_catalog.%) 12 OPERATOR(pg_catalog.=) 9"), 0);
    session.run("SELECT segrec_drop_rule('shop', id) FROM segrec.rules");
}

#[test]
fn a_column_that_changes_under_a_session_is_an_error_until_the_rule_is_dropped() {
    let (database, mut session) = ruled("rules_columns");
    let mut other = database.connect();
    session.run(
        r#"SELECT segrec_add_rule('shop', 'block', condition => '{"kind": "kind 3"}', reason => 'tried')"#,
    );
    assert_eq!(listed(&mut other, "3, 15"), NONE);
    for (change, back, detail) in [
        (
            "ALTER TABLE products RENAME kind TO sort",
            "ALTER TABLE products RENAME sort TO kind",
            "Relation \"products\" has no column \"kind\".",
        ),
        (
            "ALTER TABLE products ALTER kind TYPE int USING substr(kind, 6)::int",
            "ALTER TABLE products ALTER kind TYPE text USING 'kind ' || kind",
            "\"kind\" is integer, but is compared with \"kind 3\".",
        ),
        (
            "ALTER TABLE products ALTER kind TYPE text[] USING ARRAY[kind]",
            "ALTER TABLE products ALTER kind TYPE varchar(9) USING kind[1]",
            "\"kind\" is text[].",
        ),
    ] {
        session.run(change);
        for list in
            ["segrec_recommend(1, 5)", "segrec_recommend_all(n => 5)", "segrec_similar_items(4::bigint, 5)"]
        {
            let error = other.expect_error(&format!("SELECT * FROM {list}"));
            assert_eq!(error.code().code(), "55000", "{error:?}");
            assert_eq!(error.detail(), Some(detail));
            assert!(error.hint().unwrap().contains("segrec_drop_rule"), "{error:?}");
        }
        session.run(back);
        assert_eq!(listed(&mut other, "3, 15"), NONE);
    }
    session.run("ALTER TABLE products DROP kind; SELECT segrec_drop_rule('shop', id) FROM segrec.rules");
    assert_eq!(listed(&mut other, "3, 15"), ALL);
}

#[test]
fn who_may_use_a_model_sees_its_rules_and_only_its_owner_changes_them() {
    let (database, mut session) = ruled("rules_roles");
    session.run(
        r#"CREATE ROLE rules_guest; CREATE ROLE rules_stranger; GRANT USAGE ON SCHEMA public TO rules_guest, rules_stranger;
           SELECT segrec_grant('shop', 'rules_guest', 'train'); GRANT SELECT ON events TO rules_guest;
           GRANT SELECT (item_id, product) ON products TO rules_guest;
           SELECT segrec_add_rule('shop', 'block', items => '{7,3}', reason => 'recalled', valid_to => '2999-01-01 00:00+00')"#,
    );
    let mut guest = database.connect();
    guest.run("SET ROLE rules_guest; SET TimeZone = 'UTC'");
    assert_eq!(
        guest.table("SELECT model, action, items, condition, segment, place, valid_from, valid_to, reason, created_by, created_at <= now() FROM segrec.rules"),
        "shop|block|{7,3}|∅|∅|∅|∅|2999-01-01 00:00:00+00|recalled|postgres|t"
    );
    for call in ["segrec_add_rule('shop', 'block', '{1}')", "segrec_drop_rule('shop', 1)"] {
        let error = guest.expect_error(&format!("SELECT {call}"));
        assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE, "{error:?}");
        assert!(error.message().contains("must be owner"), "{error:?}");
    }
    assert_eq!(
        guest.expect_error("SELECT * FROM segrec_catalog.rules").code(),
        &SqlState::INSUFFICIENT_PRIVILEGE
    );
    assert_eq!(guest.table("SELECT item_id FROM segrec_recommend(-1, 5, candidates => '{3,7,8}')"), "8");
    // Conditions are verified with the rights of the caller, or of the owner of a function.
    session.run(
        r#"SELECT segrec_add_rule('shop', 'block', condition => '{"price": 8}'); CREATE SCHEMA served; GRANT USAGE ON SCHEMA served TO rules_guest;
           SELECT segrec_create_functions('shop', 'served'); GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA served TO rules_guest"#,
    );
    let error = guest.expect_error("SELECT * FROM segrec_recommend(-1, 5)");
    assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE, "{error:?}");
    assert_eq!(
        guest.value::<i64>(
            "SELECT count(*) FROM served.recommend(-1::bigint, 200) WHERE item_id IN (3, 7, 8)"
        ),
        0
    );
    session.run("GRANT SELECT (price) ON products TO rules_guest");
    assert_eq!(guest.table("SELECT item_id FROM segrec_recommend(-1, 5, candidates => '{3,7,8,9}')"), "9");
    let mut stranger = database.connect();
    stranger.run("SET ROLE rules_stranger");
    assert_eq!(stranger.value::<i64>("SELECT count(*) FROM segrec.rules"), 0);
    assert_eq!(stranger.expect_error("SELECT segrec_drop_rule('shop', 1)").code().code(), "42704");
    // Rules are neither changed in a read-only transaction nor while another role maintains a table.
    session.run("SET default_transaction_read_only = on");
    assert_eq!(session.expect_error("SELECT segrec_add_rule('shop', 'block', '{1}')").code().code(), "25006");
    session.run("RESET default_transaction_read_only");
    session.run("SELECT segrec_drop_model('shop')");
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_catalog.rules"), 0);
    session.run("DROP OWNED BY rules_guest, rules_stranger; DROP ROLE rules_guest, rules_stranger");
}

#[test]
fn rules_outlive_versions_and_hold_for_items_that_come_later() {
    let (_database, mut session) = ruled("rules_later");
    session.run(
        "SELECT segrec_add_rule('shop', 'block', items => '{5000}'), segrec_add_rule('shop', 'pin', items => '{5001}');
         INSERT INTO products (item_id, kind, product) VALUES (5000, 'kind 1', 'product 1'), (5001, 'kind 1', 'product 1'), (5002, 'kind 1', 'product 1')",
    );
    let new = "SELECT string_agg(DISTINCT item_id || CASE source WHEN 'pinned' THEN ' pinned' ELSE '' END, ',') FROM generate_series(0::bigint, 300, 20) u, segrec_recommend(u, 200) WHERE item_id >= 5000";
    let later: String = session.value(&format!("SELECT coalesce(({new}), '')"));
    assert!(!later.contains("5000"), "{later}");
    session.run(
        "INSERT INTO events (user_id, item_id) SELECT u, 5000 + u % 3 FROM generate_series(1, 90) u; SELECT segrec_train('shop', 'always')",
    );
    assert_eq!(session.value::<String>(new), "5001 pinned,5002");
}

#[test]
fn rules_hold_on_replicas() {
    let cluster = Cluster::start();
    let database = cluster.database("rules_replica");
    let mut writer = database.connect();
    planted::create_and_train(&mut writer);
    let replica = cluster.replica();
    replica.wait_for(&cluster);
    let mut reader = replica.connect(database.name(), "postgres");
    let few = "SELECT item_id FROM segrec_recommend(-1, 9, candidates => '{7,8,9}') ORDER BY 1";
    assert_eq!(reader.table(few), "7\n8\n9");
    writer.run("SELECT segrec_add_rule('planted', 'block', items => '{7}')");
    replica.wait_for(&cluster);
    assert_eq!(reader.table(few), "8\n9");
    writer.run("SELECT segrec_add_rule('planted', 'pin', items => '{9}')");
    replica.wait_for(&cluster);
    assert_eq!(
        reader.table(
            "SELECT rank, item_id, source = 'pinned' FROM segrec_recommend(-1, 9, candidates => '{7,8,9}')"
        ),
        "1|9|t\n2|8|f"
    );
    assert_eq!(
        reader.expect_error("SELECT segrec_add_rule('planted', 'block', items => '{8}')").code().code(),
        "25006"
    );
    writer.run("SELECT segrec_drop_rule('planted', id) FROM segrec.rules");
    replica.wait_for(&cluster);
    assert_eq!(reader.table(few), "7\n8\n9");
}
