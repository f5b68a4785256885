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

/// Lists of every function, with the user, guest, segment or item that each is for.
const LISTS: [&str; 6] = [
    "SELECT u::text AS who, own.* FROM generate_series(0::bigint, 599, 23) u, segrec_recommend(u, @) own",
    "SELECT g::text AS who, own.* FROM generate_series(0::bigint, 119, 11) g, segrec_recommend_for(ARRAY[g, 119 - g], @) own",
    "SELECT 'nobody' AS who, own.* FROM segrec_recommend(-1::bigint, @) own",
    "SELECT s::text AS who, own.* FROM generate_series(1, 4) s, segrec_recommend_segment(s, @) own",
    "SELECT user_id AS who, rank, item_id, score, source FROM segrec_recommend_all(n => @) WHERE user_id::bigint % 23 = 0",
    "SELECT i::text AS who, own.*, 'similar' AS source FROM generate_series(0::bigint, 119, 7) i, segrec_similar_items(i, @) own",
];

#[test]
fn boosted_and_buried_items_stand_where_the_changed_scores_of_all_items_put_them() {
    let (_database, mut session) = ruled("rules_scores");
    let lists: Vec<String> = LISTS
        .iter()
        .enumerate()
        .map(|(number, list)| {
            format!("SELECT {number} AS list, who, rank, item_id::bigint AS item_id, score, source FROM ({list}) AS own")
        })
        .collect();
    let lists = |n: usize| lists.join(" UNION ALL ").replace('@', &n.to_string());
    session.run(&format!("CREATE TEMP TABLE whole AS {}", lists(200)));
    for (rules, factor) in [
        ("'boost', items => '{5,50,119,777}', value => 3", "CASE WHEN item_id IN (5, 50, 119) THEN 3 ELSE 1 END"),
        ("'boost', items => '{5,50,118}', value => 1000", "CASE WHEN item_id IN (5, 50, 118) THEN 1000 ELSE 1 END"),
        (
            "'bury', items => ARRAY(SELECT g::text FROM generate_series(1, 119, 4) g), value => 0.2",
            "CASE item_id % 4 WHEN 1 THEN 0.2 ELSE 1 END",
        ),
        (
            r#"'boost', condition => '{"kind": ["kind 4", "kind 4"]}', value => 2.5"#,
            "CASE item_id % 12 WHEN 4 THEN 2.5 ELSE 1 END",
        ),
        (
            r#"'bury', condition => '{"adult": true}', value => 0.001"#,
            "CASE item_id % 5 WHEN 0 THEN 0.001 ELSE 1 END",
        ),
        (
            r#"'boost', condition => '{"price": {"from": 20, "to": 80}}', value => 1.5), segrec_add_rule('shop', 'boost', condition => '{"kind": "kind 7"}', value => 2),
               segrec_add_rule('shop', 'bury', items => '{31,32,33,34,35,36,79}', value => 0.1), segrec_add_rule('shop', 'boost', items => '{33,9}', value => 4"#,
            "CASE WHEN item_id BETWEEN 20 AND 80 THEN 1.5 ELSE 1 END * CASE item_id % 12 WHEN 7 THEN 2 ELSE 1 END
             * CASE WHEN item_id IN (31, 32, 33, 34, 35, 36, 79) THEN 0.1 ELSE 1 END * CASE WHEN item_id IN (33, 9) THEN 4 ELSE 1 END",
        ),
    ] {
        session.run(&format!("SELECT segrec_add_rule('shop', {rules})"));
        // What is expected comes from the whole lists without rules.
        let differing = format!(
            "WITH changed AS (
                 SELECT list, who, rank AS before, item_id, source, source IN ('segment_popular', 'popular_now', 'popular') AS fills,
                        (CASE WHEN score < 0 THEN score / ({factor})::float8 ELSE score * ({factor})::float8 END)::real AS score
                 FROM whole),
             expected AS (
                 SELECT *, row_number() OVER (PARTITION BY list, who ORDER BY fills, score DESC, before) AS rank FROM changed)
             SELECT list, who, rank, e.item_id, own.item_id, e.score, own.score
             FROM expected e FULL JOIN ({}) AS own USING (list, who, rank)
             WHERE COALESCE(rank, 0) <= 9 AND (e.item_id, e.source) IS DISTINCT FROM (own.item_id, own.source)
                   AND COALESCE(abs(e.score - own.score) > 1e-5, true) OR abs(e.score - own.score) > 1e-4
             ORDER BY 1, 2, 3 LIMIT 9",
            lists(9)
        );
        assert_eq!(session.table(&differing), "", "{rules}");
        session.run("SELECT segrec_drop_rule('shop', id) FROM segrec.rules");
    }
    // Scores of single items are not changed.
    let before = session.table("SELECT segrec_predict(1::bigint, 8::bigint)");
    session.run("SELECT segrec_add_rule('shop', 'boost', items => '{8}', value => 5)");
    assert_eq!(session.table("SELECT segrec_predict(1::bigint, 8::bigint)"), before);
}

#[test]
fn a_boost_brings_items_to_lists_that_the_scorers_would_not_propose() {
    let database = Cluster::shared().database("rules_far");
    let mut session = database.connect();
    // Four tastes again, in a catalogue of which a user's candidates are a small part.
    session.run(
        "CREATE TABLE events AS
             SELECT u AS user_id, i AS item_id FROM generate_series(0::bigint, 299) u, generate_series(0::bigint, 1999) i
             WHERE ('x' || substr(md5(u || ',' || i), 1, 6))::bit(24)::int / 16777216.0
                   < CASE WHEN u % 4 = i % 4 THEN .05 ELSE .001 END;
         CREATE INDEX ON events (user_id);
         CREATE TABLE products AS SELECT DISTINCT item_id, 'none' AS kind FROM events; ALTER TABLE products ADD PRIMARY KEY (item_id); ANALYZE;
         SELECT segrec_create_model('shop', 'events', items => 'products',
             options => '{\"als\": {\"factors\": 8}, \"segmentation\": {\"segments\": 2}, \"neighbours\": {\"share\": 0.5, \"kept\": 10}, \"user_neighbours\": {\"share\": 0}}');
         SELECT segrec_train('shop', 'always');
         CREATE TABLE own AS SELECT item_id, segrec_predict(8::bigint, item_id) AS score FROM products
             WHERE item_id NOT IN (SELECT item_id FROM events WHERE user_id = 8)",
    );
    let list = |n: i32| {
        format!(
            "SELECT * FROM segrec_recommend(8::bigint, {n}) WHERE source NOT IN ('segment_popular', 'popular')"
        )
    };
    // Items of which little good is said, far outside of the list.
    let far = "SELECT item_id FROM own WHERE score > 0.02 ORDER BY score LIMIT 3";
    session.run(&format!(
        "CREATE TABLE far AS {far}; UPDATE products SET kind = 'far' WHERE item_id IN ({far})"
    ));
    let among = format!("SELECT count(*) FROM ({}) AS list JOIN far USING (item_id)", list(100));
    assert_eq!(session.value::<i64>(&among), 0);
    // What puts the best of them at place 5, and others anywhere.
    let factor: f64 = session.value(&format!(
        "SELECT 1.0001 * (SELECT score FROM ({}) AS list WHERE rank = 5)::float8 / (SELECT max(score) FROM own JOIN far USING (item_id))",
        list(5)
    ));
    assert!((1.0..1000.0).contains(&factor), "{factor}");
    let before = session.table(&list(10));
    for rule in [
        "items => ARRAY(SELECT item_id::text FROM far)".to_owned(),
        r#"condition => '{"kind": "far"}'"#.to_owned(),
    ] {
        session.run(&format!("SELECT segrec_add_rule('shop', 'boost', {rule}, value => {factor})"));
        let differing = format!(
            "WITH plain AS MATERIALIZED (SELECT item_id FROM unnest('{{{}}}'::bigint[]) AS item_id),
                  changed AS (
                      SELECT item_id, own.score * CASE WHEN far.item_id IS NULL THEN 1 ELSE {factor} END AS score
                      FROM own LEFT JOIN far USING (item_id) WHERE far.item_id IS NOT NULL OR item_id IN (SELECT item_id FROM plain)),
                  expected AS (SELECT *, row_number() OVER (ORDER BY score DESC, item_id) AS rank FROM changed)
             SELECT rank, e.item_id, own.item_id FROM expected e JOIN segrec_recommend(8::bigint, 10) own USING (rank)
             WHERE e.item_id <> own.item_id OR abs(e.score - own.score) > 1e-4",
            before.lines().map(|line| line.split('|').nth(1).unwrap()).collect::<Vec<_>>().join(",")
        );
        assert_eq!(session.table(&differing), "", "{rule}");
        let best =
            "SELECT rank FROM segrec_recommend(8::bigint, 10) JOIN far USING (item_id) ORDER BY 1 LIMIT 1";
        assert_eq!(session.table(best), "5", "{rule}");
        // Lists of all users have them as well.
        session.run("SELECT segrec_drop_rule('shop', id) FROM segrec.rules");
        session.run(&format!("SELECT segrec_add_rule('shop', 'boost', {rule}, value => 1000)"));
        let of_all = "SELECT count(*) FROM segrec_recommend_all(n => 5) own JOIN far ON own.item_id = far.item_id::text WHERE user_id = '8'";
        assert_eq!(session.value::<i64>(of_all), 3, "{rule}");
        session.run("SELECT segrec_drop_rule('shop', id) FROM segrec.rules");
    }
    assert_eq!(session.table(&list(10)), before);
}

#[test]
fn scores_change_for_a_time_and_a_segment_and_in_what_follows_from_them() {
    let (_database, mut session) = ruled("rules_scores_valid");
    let first = "SELECT item_id FROM segrec_recommend(-1, 1, candidates => '{7,8,9}')";
    let order = "SELECT item_id FROM segrec_recommend(-1, 3, candidates => '{7,8,9}')";
    let before = session.column::<i64>(order);
    let (best, last) = (before[0], before[2]);
    session.run(&format!(
        "SELECT segrec_add_rule('shop', 'boost', '{{{last}}}', value => 900, valid_to => now() - interval '1 minute'),
                segrec_add_rule('shop', 'boost', '{{{last}}}', value => 900, valid_from => clock_timestamp() + interval '1 second', valid_to => clock_timestamp() + interval '3 seconds')"
    ));
    assert_eq!(session.value::<i64>(first), best);
    session.run("SELECT pg_sleep(1.1)");
    assert_eq!(session.value::<i64>(first), last);
    session.run("SELECT pg_sleep(2.1)");
    assert_eq!(session.value::<i64>(first), best);
    session.run("SELECT segrec_drop_rule('shop', id) FROM segrec.rules");
    // Who is in the segment, and the segment itself.
    session.run("SELECT segrec_add_rule('shop', 'boost', ARRAY(SELECT item_id::text FROM products WHERE adult), segment => 2, value => 1000)");
    for lists in [
        "segrec.segment_members, segrec_recommend(user_id, 8, exclude_seen => false) WHERE user_id::bigint % 9 = 0",
        "generate_series(1, 4) AS segment, segrec_recommend_segment(segment, 8)",
        "segrec.segment_members JOIN segrec_recommend_all(n => 5) USING (user_id)",
    ] {
        let sql =
            format!("SELECT segment, bool_and(item_id::bigint % 5 = 0) FROM {lists} GROUP BY 1 ORDER BY 1");
        assert_eq!(session.table(&sql), "1|f\n2|t\n3|f\n4|f", "{lists}");
    }
    session.run("SELECT segrec_drop_rule('shop', id) FROM segrec.rules");
    // Pages continue each other, few of a group are the best of it, and candidates, blocks and pins come first.
    session.run(&format!(
        r#"SELECT segrec_add_rule('shop', 'boost', condition => '{{"adult": true}}', value => 3), segrec_add_rule('shop', 'bury', '{{{best}}}', value => 0.01),
                  segrec_add_rule('shop', 'boost', '{{3}}', value => 100), segrec_add_rule('shop', 'pin', '{{3}}', place => 2)"#
    ));
    let whole = session.column::<i64>("SELECT item_id FROM segrec_recommend(-1, 40)");
    let pages: Vec<i64> = (0..4)
        .flat_map(|page| {
            session.column::<i64>(&format!(
                "SELECT item_id FROM segrec_recommend(-1, 10, skip => {})",
                10 * page
            ))
        })
        .collect();
    assert_eq!(pages, whole);
    assert_eq!(whole[1], 3);
    assert_eq!(
        session.table("SELECT count(*), count(DISTINCT item_id / 5), min(item_id % 5), count(*) FILTER (WHERE item_id % 5 = 0) > 12 FROM segrec_recommend(-1, 15, max_per_group => 1)"),
        "15|15|0|t"
    );
    session.run("SELECT segrec_add_rule('shop', 'block', '{5,10}')");
    assert_eq!(
        session.value::<i64>("SELECT count(*) FROM segrec_recommend(-1, 119) WHERE item_id IN (5, 10)"),
        0
    );
    // Rows count as they are now.
    session.run(&format!("UPDATE products SET adult = item_id = {last}"));
    assert_eq!(session.value::<i64>(first), last);
}

#[test]
fn pages_have_as_many_items_of_a_group_as_a_rule_requires() {
    let (_database, mut session) = ruled("rules_require");
    let user = 1;
    let plain = session.column::<i64>(&format!("SELECT item_id FROM segrec_recommend({user}, 120)"));
    // Of a kind that is not the user's, and of four that they have not.
    let of_group = |item: &&i64| **item % 12 == 4;
    let group: Vec<i64> = plain.iter().filter(of_group).copied().collect();
    assert!(plain[..10].iter().filter(of_group).count() < 2 && group.len() >= 8, "{plain:?}");
    for (rule, group) in [
        (r#"condition => '{"kind": "kind 4"}'"#.to_owned(), &group[..]),
        (
            format!("items => '{{{},{},{},{},9999}}'", group[7], group[2], group[5], group[6]),
            &[group[2], group[5], group[6], group[7]],
        ),
    ] {
        session.run(&format!("SELECT segrec_add_rule('shop', 'require', {rule}, value => 3)"));
        let mut shown = Vec::new();
        for page in 0..4 {
            let rows = session.column::<i64>(&format!(
                "SELECT item_id FROM segrec_recommend({user}, 10, skip => {})",
                10 * page
            ));
            assert_eq!(rows.len(), 10, "{rule}");
            // The page that the plain list would show of what is left, and the best of the group instead of its last ones.
            let left: Vec<i64> = plain.iter().copied().filter(|item| !shown.contains(item)).collect();
            let has = left[..10].iter().filter(|item| group.contains(item)).count();
            let best = left[10..].iter().filter(|item| group.contains(item));
            let added: Vec<i64> = best.take(3_usize.saturating_sub(has)).copied().collect();
            let mut kept = left[..10].to_vec();
            for _ in &added {
                let last = kept.iter().rposition(|item| !group.contains(item)).unwrap();
                kept.remove(last);
            }
            let expected: Vec<i64> =
                left.iter().copied().filter(|item| kept.contains(item) || added.contains(item)).collect();
            assert_eq!(rows, expected, "{rule}, page {page}");
            shown.extend(rows);
        }
        let ranks = format!("SELECT min(rank), max(rank) FROM segrec_recommend({user}, 10, skip => 20)");
        assert_eq!(session.table(&ranks), "21|30");
        for list in [
            "segrec_recommend(-1, 10)",
            "segrec_recommend_for('{1,5}'::bigint[], 10)",
            "segrec_recommend_segment(1, 10)",
            "segrec_recommend(1, 10, diversity => 0.5)",
        ] {
            let items = session.column::<i64>(&format!("SELECT item_id::bigint FROM {list}"));
            assert!(items.iter().filter(|item| group.contains(item)).count() >= 3, "{list} {items:?}");
            assert_eq!(items.len(), 10);
        }
        session.run("SELECT segrec_drop_rule('shop', id) FROM segrec.rules");
    }
    // Where fewer exist, as many as exist; and a page has no more than its places.
    session.run("SELECT segrec_add_rule('shop', 'require', items => '{7,8,9,10}', value => 6)");
    let count =
        "SELECT count(*), count(*) FILTER (WHERE item_id IN (7, 8, 9, 10)) FROM segrec_recommend(-1, ";
    assert_eq!(session.table(&format!("{count} 10)")), "10|4");
    assert_eq!(session.table(&format!("{count} 10, exclude => '{{8}}')")), "10|3");
    assert_eq!(session.table(&format!("{count} 3)")), "3|3");
    assert_eq!(session.table(&format!("{count} 3, candidates => '{{7,30,31,32,33}}')")), "3|1");
    // A rule that is younger takes places of what is not required, and of what there is more than required.
    session.run("SELECT segrec_add_rule('shop', 'require', items => '{20,21}', value => 2)");
    assert_eq!(session.table(&format!("{count} 4)")), "4|4");
    session.run("SELECT segrec_drop_rule('shop', min(id)) FROM segrec.rules; SELECT segrec_add_rule('shop', 'require', items => '{7,8,9,10}', value => 2)");
    assert_eq!(
        session.table("SELECT string_agg(item_id::text, ',' ORDER BY item_id) FROM segrec_recommend(-1, 4, candidates => '{7,8,9,10,20,21}')"),
        session.table("SELECT string_agg(item_id::text, ',' ORDER BY item_id) FROM (SELECT item_id FROM segrec_recommend(-1, 2, candidates => '{7,8,9,10}') UNION SELECT unnest('{20,21}'::bigint[])) AS own")
    );
    // Pinned items keep their places and count.
    session.run("SELECT segrec_add_rule('shop', 'pin', items => '{20}', place => 3), segrec_add_rule('shop', 'pin', items => '{60,61}', place => 9)");
    let first = session.table("SELECT rank, item_id, source FROM segrec_recommend(-1, 5)");
    assert!(first.contains("3|20|pinned") && first.contains("|21|"), "{first}");
    let second = session.column::<i64>("SELECT item_id FROM segrec_recommend(-1, 5, skip => 5)");
    assert_eq!([second[3], second[4]], [60, 61]);
    let both = session.column::<i64>("SELECT DISTINCT item_id FROM segrec_recommend(-1, 5) UNION ALL SELECT item_id FROM segrec_recommend(-1, 5, skip => 5)");
    let distinct: std::collections::HashSet<&i64> = both.iter().collect();
    assert_eq!(distinct.len(), 10);
    // A group's members may not be more than the call allows of one product.
    session.run(r#"SELECT segrec_drop_rule('shop', id) FROM segrec.rules; SELECT segrec_add_rule('shop', 'require', condition => '{"product": "product 3"}', value => 4)"#);
    let of_product = "SELECT count(*), count(*) FILTER (WHERE item_id / 5 = 3) FROM segrec_recommend(-1, 10";
    assert_eq!(session.table(&format!("{of_product})")), "10|4");
    assert_eq!(session.table(&format!("{of_product}, max_per_group => 2)")), "10|2");
}

#[test]
fn an_explanation_names_the_rules_that_are_about_the_item() {
    let (database, mut session) = ruled("rules_explained");
    let rules = |session: &mut Session, user: i64, item: i64| {
        session.table(&format!("SELECT DISTINCT rules FROM segrec_explain({user}, {item})"))
    };
    assert_eq!(rules(&mut session, 1, 8), "{}");
    let user: i64 =
        session.value("SELECT min(user_id::bigint) FROM segrec.segment_members WHERE segment = 2");
    let other: i64 =
        session.value("SELECT min(user_id::bigint) FROM segrec.segment_members WHERE segment = 3");
    session.run(
        r#"SELECT segrec_add_rule('shop', 'block', items => '{8,9}'), segrec_add_rule('shop', 'pin', items => '{8}', segment => 2),
                  segrec_add_rule('shop', 'boost', condition => '{"kind": "kind 8"}', value => 2), segrec_add_rule('shop', 'bury', condition => '{"price": {"to": 8}}', value => 0.5),
                  segrec_add_rule('shop', 'require', items => '{8}', value => 1), segrec_add_rule('shop', 'boost', items => '{8}', value => 2, valid_to => '2020-01-01'),
                  segrec_add_rule('shop', 'bury', items => '{7}', value => 0.5)"#,
    );
    let ids = session.column::<i64>("SELECT id FROM segrec.rules ORDER BY id");
    let named = |places: &[usize]| {
        format!("{{{}}}", places.iter().map(|&place| ids[place].to_string()).collect::<Vec<_>>().join(","))
    };
    assert_eq!(rules(&mut session, user, 8), named(&[0, 1, 2, 3, 4]));
    assert_eq!(rules(&mut session, other, 8), named(&[0, 2, 3, 4]));
    assert_eq!(rules(&mut session, other, 7), named(&[3, 6]));
    assert_eq!(rules(&mut session, other, 20), named(&[2]));
    assert_eq!(rules(&mut session, other, 30), "{}");
    // Also for who has nothing that speaks for it; contributions still add up.
    let nobody = "SELECT item_id IS NULL, rules FROM segrec_explain(-1, 8)";
    assert_eq!(session.table(nobody), format!("t|{}", named(&[0, 2, 3, 4])));
    assert_eq!(session.table(&format!("SELECT abs(sum(contribution) - segrec_predict({user}::bigint, 8::bigint)) < 1e-4 FROM segrec_explain({user}, 8)")), "t");
    // The row is read with the rights of the caller.
    session.run("CREATE ROLE rules_reader; GRANT USAGE ON SCHEMA public TO rules_reader; SELECT segrec_grant('shop', 'rules_reader', 'use')");
    let mut reader = database.connect();
    reader.run("SET ROLE rules_reader");
    assert_eq!(
        reader.expect_error("SELECT * FROM segrec_explain(1, 8)").code(),
        &SqlState::INSUFFICIENT_PRIVILEGE
    );
    session.run("GRANT SELECT ON products TO rules_reader");
    assert_eq!(rules(&mut reader, other, 20), named(&[2]));
    session.run("DROP OWNED BY rules_reader; DROP ROLE rules_reader");
}

#[test]
fn what_is_no_rule_is_an_error_that_says_what_to_type() {
    let (_database, mut session) = ruled("rules_errors");
    session.run("SELECT segrec_create_model('bare', 'events'); CREATE TABLE people AS SELECT 1::bigint AS user_id, 2 AS age; SELECT segrec_create_model('people', users => 'people')");
    for (arguments, code, message, hint) in [
        ("NULL, 'block', '{1}'", "22004", "\"model\" must not be null", "Specify a value"),
        ("'shop', NULL, '{1}'", "22004", "\"action\" must not be null", "Specify a value"),
        (
            "'shop', 'hide', '{1}'",
            "22023",
            "\"action\" is \"hide\"",
            "one of 'block', 'pin', 'boost', 'bury', 'require'",
        ),
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
        ("'shop', 'boost', '{1}', place => 3, value => 2", "22023", "the action \"boost\"", "Omit it"),
        ("'shop', 'pin', '{1}', place => 0", "22023", "\"place\" is 0", "at least 1"),
        ("'shop', 'block', '{1}', value => 2", "22023", "\"value\" cannot be combined", "Omit it"),
        ("'shop', 'pin', '{1}', value => 2", "22023", "\"value\" cannot be combined", "Omit it"),
        (
            "'shop', 'boost', '{1}'",
            "22023",
            "\"value\" must not be null if \"action\" is \"boost\"",
            "above 1",
        ),
        ("'shop', 'boost', '{1}', value => 1", "22023", "\"value\" is 1", "above 1 and of at most 1000"),
        ("'shop', 'boost', '{1}', value => 1000.5", "22023", "\"value\" is 1000.5", "at most 1000"),
        ("'shop', 'boost', '{1}', value => 'NaN'", "22023", "\"value\" is NaN", "above 1"),
        ("'shop', 'bury', '{1}'", "22023", "\"value\" must not be null", "below 1"),
        ("'shop', 'bury', '{1}', value => 1", "22023", "\"value\" is 1", "at least 0.001 and below 1"),
        ("'shop', 'bury', '{1}', value => 0", "22023", "\"value\" is 0", "at least 0.001"),
        ("'shop', 'bury', '{1}', value => -2", "22023", "\"value\" is -2", "at least 0.001"),
        ("'shop', 'require', '{1}'", "22023", "\"value\" must not be null", "whole number"),
        (
            "'shop', 'require', '{1}', value => 1.5",
            "22023",
            "\"value\" is 1.5",
            "a whole number from 1 to 10000",
        ),
        ("'shop', 'require', '{1}', value => 0", "22023", "\"value\" is 0", "from 1"),
        ("'shop', 'require', '{1}', value => 'Infinity'", "22023", "\"value\" is inf", "to 10000"),
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
        ("'shop', 'boost', value => 2", "22023", "\"items\" and \"condition\" are both null", "items =>"),
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
        r#"SELECT segrec_add_rule('shop', 'block', condition => '{"price": 8}'), segrec_add_rule('shop', 'boost', condition => '{"price": 9}', value => 2); CREATE SCHEMA served; GRANT USAGE ON SCHEMA served TO rules_guest;
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
    let first = "SELECT item_id FROM segrec_recommend(-1, 1, candidates => '{7,8,9}')";
    let last =
        reader.table("SELECT item_id FROM segrec_recommend(-1, 1, candidates => '{7,8,9}', skip => 2)");
    assert_ne!(reader.table(first), last);
    writer.run(&format!("SELECT segrec_add_rule('planted', 'boost', items => '{{{last}}}', value => 1000)"));
    replica.wait_for(&cluster);
    assert_eq!(reader.table(first), last);
    writer.run(&format!("SELECT segrec_drop_rule('planted', id) FROM segrec.rules; SELECT segrec_add_rule('planted', 'require', items => '{{{last}}}', value => 1)"));
    replica.wait_for(&cluster);
    assert_eq!(reader.table(first), last);
}
