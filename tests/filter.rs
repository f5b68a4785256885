//! `events.filter`, `users.filter` and `items.filter`: a model reads nothing but the rows that pass, wherever it reads, as in
//! models of tenants that share tables.

use segrec_tests::{Cluster, Database, Session, SqlState, planted};

/// The planted events of two shops in one table, with an index that leads with the shop. The items of the second have numbers
/// from 1000 on, its users are those of the first.
const SHOPS: &str = "
    CREATE TABLE visits AS
    SELECT shop_id, user_id, item_id + (shop_id - 1) * 1000 AS item_id, timestamptz '2026-01-01' + user_id * interval '1 hour' AS at
    FROM events, generate_series(1, 2) AS shop_id WHERE shop_id = 1 OR user_id % 2 = 0;
    CREATE INDEX ON visits (shop_id, user_id); ANALYZE visits";

fn create(session: &mut Session, model: &str, shop: i32) {
    session.run(&format!(
        r#"SELECT segrec_create_model('{model}', 'visits',
               options => '{{"als": {{"factors": 8}}, "segmentation": {{"segments": 4}}, "events": {{"filter": {{"shop_id": {shop}}}}}}}')"#
    ));
}

fn shops(name: &str) -> (Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    planted::create(&mut session);
    session.run(SHOPS);
    for (model, shop) in [("one", 1), ("two", 2)] {
        create(&mut session, model, shop);
        session.run(&format!("SELECT segrec_train('{model}', 'always')"));
    }
    (database, session)
}

#[test]
fn tenants_of_one_table_never_see_items_of_others() {
    let (database, mut session) = shops("filter_tenants");
    assert!(session.notices().iter().all(|notice| !notice.message().contains("as of the training")));
    let mut other = database.connect();
    for (model, shop, items) in [("one", 1, "item_id::bigint < 1000"), ("two", 2, "item_id::bigint >= 1000")]
    {
        for list in [
            format!("generate_series(0::bigint, 599, 7) u, segrec_recommend(u, 200, '{model}')"),
            format!("segrec_recommend(-1, 200, '{model}')"),
            format!("segrec_recommend_for('{{1,5,1001,1005}}'::bigint[], 200, '{model}')"),
            format!("segrec_recommend_segment(1, 200, '{model}')"),
            format!("segrec_recommend_all('{model}', n => 200)"),
            format!(
                "(SELECT DISTINCT item_id AS item FROM visits WHERE shop_id = {shop}) own, segrec_similar_items(item, 200, '{model}')"
            ),
        ] {
            assert_eq!(other.table(&format!("SELECT bool_and({items}) FROM {list}")), "t", "{model}: {list}");
        }
        assert_eq!(
            session.table(&format!(
                "SELECT v.events = (SELECT count(DISTINCT (user_id, item_id)) FROM visits WHERE shop_id = {shop}),
                        e.events = (SELECT count(*) FROM visits WHERE shop_id = {shop})
                 FROM segrec.versions v, segrec_estimate('{model}') e WHERE v.model = '{model}'"
            )),
            "t|t",
            "{model}"
        );
    }
    let live = "SELECT model, live, live_reason FROM segrec.models ORDER BY model";
    let said = "t|index visits_shop_id_user_id_idx on visits leads with shop_id, user_id";
    assert_eq!(session.table(live), format!("one|{said}\ntwo|{said}"));
    assert_eq!(session.table("SELECT bool_and(new_rows IS NULL) FROM segrec.health"), "t");
}

#[test]
fn an_event_counts_at_once_in_the_model_of_its_tenant_alone() {
    let (database, mut session) = shops("filter_live");
    let mut other = database.connect();
    let first = |model: &str| format!("SELECT item_id FROM segrec_recommend(6, 1, '{model}')");
    let [one, two]: [i64; 2] = ["one", "two"].map(|model| other.value(&first(model)));
    session.run(&format!("INSERT INTO visits VALUES (2, 6, {two}, now()), (2, 6, {one}, now())"));
    assert_eq!(other.value::<i64>(&first("one")), one);
    assert_ne!(other.value::<i64>(&first("two")), two);
    // Somebody who is new to one shop is known to the other.
    session
        .run("INSERT INTO visits SELECT 2, 9000, item, now() FROM unnest('{1001,1005,1009}'::bigint[]) item");
    let sources = |model: &str| {
        format!("SELECT bool_or(source LIKE '%popular') FROM segrec_recommend(9000, 5, '{model}')")
    };
    assert_eq!(other.table(&sources("two")), "f");
    assert_eq!(other.table(&sources("one")), "t");
}

#[test]
fn an_index_counts_if_the_filter_compares_what_comes_before_the_user() {
    let (database, mut session) = shops("filter_index");
    let mut other = database.connect();
    let live = |session: &mut Session| session.table("SELECT live FROM segrec.models WHERE model = 'one'");
    let counts = |session: &mut Session, other: &mut Session| {
        let first: i64 = other.value("SELECT item_id FROM segrec_recommend(6, 1, 'one')");
        session.run(&format!("INSERT INTO visits VALUES (1, 6, {first}, NULL)"));
        let now: i64 = other.value("SELECT item_id FROM segrec_recommend(6, 1, 'one')");
        session.run("DELETE FROM visits WHERE at IS NULL");
        now != first
    };
    session.run("DROP INDEX visits_shop_id_user_id_idx");
    for (index, expected) in [
        ("(shop_id)", false),
        ("(user_id, shop_id)", true),
        ("(at, user_id)", false),
        ("(shop_id, at, user_id)", false),
        ("((shop_id + 0), user_id)", false),
        ("(shop_id, user_id) WHERE shop_id = 2", false),
        ("(shop_id) INCLUDE (user_id)", false),
        ("USING hash (user_id)", true),
        ("(shop_id, user_id, at)", true),
    ] {
        session.run(&format!("CREATE INDEX tried ON visits {index}"));
        assert_eq!(counts(&mut session, &mut other), expected, "{index}");
        assert_eq!(live(&mut session), if expected { "t" } else { "f" }, "{index}");
        session.run("DROP INDEX tried");
    }
    assert_eq!(
        session.table("SELECT live_reason FROM segrec.models WHERE model = 'one'"),
        "no index of events leads with column user_id: CREATE INDEX ON visits (shop_id, user_id)"
    );
    create(&mut session, "three", 1);
    let notices = session.notices();
    let told = notices.iter().find(|notice| notice.message().contains("as of the training")).unwrap();
    assert!(told.hint().unwrap().contains("run CREATE INDEX ON public.visits (shop_id, user_id)."));
}

#[test]
fn a_changed_filter_holds_at_once_for_what_is_read_now_and_with_the_next_training_for_the_rest() {
    let (database, mut session) = shops("filter_altered");
    let mut other = database.connect();
    session.run("INSERT INTO visits SELECT 3, 6, item_id, now() FROM segrec_recommend(6, 3, 'one')");
    let list = "SELECT item_id FROM segrec_recommend(6, 3, 'one') ORDER BY rank";
    let before = other.table(list);
    session.run(r#"SELECT segrec_alter_model('one', '{"events": {"filter": {"shop_id": 3}}}')"#);
    assert_ne!(other.table(list), before, "the user has visited these in the shop that counts now");
    assert_eq!(other.table("SELECT count(*) FROM segrec_recommend(6, 200, 'one')"), "117");
    session.run(r#"SELECT segrec_alter_model('one', '{"events": {"filter": {"shop_id": 2}}}'); SELECT segrec_train('one', 'always')"#);
    assert_eq!(other.table("SELECT bool_and(item_id >= 1000) FROM segrec_recommend(6, 200, 'one')"), "t");
    // A null takes the filter away.
    session.run(r#"SELECT segrec_alter_model('one', '{"events": {"filter": null}}'); SELECT segrec_train('one', 'always')"#);
    let all = "SELECT items = (SELECT count(DISTINCT item_id) FROM visits) FROM segrec.versions WHERE model = 'one' AND deployed";
    assert_eq!(other.table(all), "t");
}

#[test]
fn filters_of_items_and_users_hold_for_lists_rules_and_rows_at_once() {
    let database = Cluster::shared().database("filter_items");
    let mut session = database.connect();
    planted::create(&mut session);
    session.run(
        r#"CREATE TYPE stage AS ENUM ('draft', 'sold');
           CREATE TABLE products AS SELECT item_id, false AS deleted, 'sold'::stage AS stage, 'of ' || item_id % 4 AS kind
               FROM (SELECT DISTINCT item_id FROM events) AS item;
           ALTER TABLE products ADD PRIMARY KEY (item_id);
           CREATE TABLE people AS SELECT u AS user_id, u % 4 AS taste, NULL::timestamptz AS left_at FROM generate_series(0::bigint, 699) u;
           ALTER TABLE people ADD PRIMARY KEY (user_id);
           UPDATE people SET left_at = now() WHERE user_id >= 690;
           SELECT segrec_create_model('m', 'events', items => 'products', users => 'people',
               options => '{"als": {"factors": 8}, "segmentation": {"segments": 4, "on": "attributes", "features": ["taste"]},
                            "items": {"features": ["kind"], "filter": {"deleted": false, "stage": "sold"}}, "users": {"filter": {"left_at": null}}}');
           SELECT segrec_train('m', 'always')"#,
    );
    let mut other = database.connect();
    let lists = |session: &mut Session, items: &str| {
        let of =
            |list: &str| format!("EXISTS (SELECT FROM {list} AS own WHERE item_id::bigint IN ({items}))");
        session.table(&format!(
            "SELECT {}, {}, {}, {}, {}",
            of("generate_series(0::bigint, 599, 7) u, segrec_recommend(u, 100)"),
            of("segrec_recommend_for('{1,2,3}'::bigint[], 100)"),
            of("segrec_recommend_segment(1, 100)"),
            of("segrec_recommend_all(n => 20)"),
            of("segrec_similar_items(5::bigint, 100)"),
        ))
    };
    assert_eq!(lists(&mut other, "4, 8, 12, 16, 20"), "t|t|t|t|t");
    session.run(
        "UPDATE products SET deleted = true WHERE item_id % 8 = 0; UPDATE products SET stage = 'draft' WHERE item_id % 8 = 4",
    );
    assert_eq!(lists(&mut other, "SELECT item_id FROM products WHERE item_id % 4 = 0"), "f|f|f|f|f");
    assert_eq!(other.table("SELECT count(*) FROM segrec_recommend(3, 10)"), "10");
    // Of users, those who left have no row, in the training and since.
    assert_eq!(session.table("SELECT users FROM segrec.versions WHERE deployed"), "690");
    session.run("INSERT INTO people VALUES (800, 1, NULL), (801, 1, now())");
    let segments = "SELECT segrec_segment_of(800::bigint) IS NULL, segrec_segment_of(801::bigint) IS NULL";
    assert_eq!(other.table(segments), "f|t");
    // A rule on a condition is about items that pass.
    session.run(r#"UPDATE products SET deleted = false; SELECT segrec_add_rule('m', 'block', condition => '{"kind": "of 0"}')"#);
    assert_eq!(lists(&mut other, "SELECT item_id FROM products WHERE item_id % 4 = 0"), "f|f|f|f|f");
}

#[test]
fn what_a_filter_cannot_compare_is_told_with_the_value_and_the_type() {
    let database = Cluster::shared().database("filter_wrong");
    let mut session = database.connect();
    planted::create(&mut session);
    session.run(
        "CREATE TYPE stage AS ENUM ('draft', 'sold'); CREATE DOMAIN shop AS int CHECK (VALUE > 0);
         ALTER TABLE events ADD shop_id shop, ADD small smallint, ADD price numeric, ADD share real, ADD deleted boolean,
             ADD word text, ADD code char(4), ADD id uuid, ADD day date, ADD at timestamptz, ADD stage stage, ADD tags text[], ADD spot point",
    );
    let create = |filter: &str| {
        format!(
            r#"SELECT segrec_create_model('m', 'events', options => '{{"events": {{"filter": {filter}}}}}')"#
        )
    };
    let error = session.expect_error(&create(r#"{"shop_di": 7}"#));
    assert_eq!(error.code(), &SqlState::UNDEFINED_COLUMN);
    assert_eq!(error.message(), "relation \"events\" has no column \"shop_di\"");
    assert_eq!(error.hint(), Some("Did you mean \"shop_id\"?"));
    for (column, value, type_name) in [
        ("shop_id", "\"seven\"", "shop"),
        ("shop_id", "7.5", "shop"),
        ("shop_id", "true", "shop"),
        ("small", "40000", "smallint"),
        ("price", "\"1\"", "numeric"),
        ("share", "1e300", "real"),
        ("deleted", "\"false\"", "boolean"),
        ("deleted", "0", "boolean"),
        ("word", "7", "text"),
        ("id", "\"no uuid\"", "uuid"),
        ("day", "\"01/02/2026\"", "date"),
        ("at", "\"now\"", "timestamp with time zone"),
        ("stage", "\"lost\"", "stage"),
        ("tags", "\"a\"", "text[]"),
        ("spot", "\"(1,1)\"", "point"),
    ] {
        let error = session.expect_error(&create(&format!(r#"{{"{column}": {value}}}"#)));
        assert_eq!(error.code(), &SqlState::INVALID_PARAMETER_VALUE, "{column}: {value}");
        assert_eq!(
            error.message(),
            "option events.filter compares columns of \"events\" with values that they cannot have"
        );
        let detail = error.detail().unwrap();
        assert!(detail.starts_with(&format!("\"{column}\" is {type_name}, and compared with ")), "{detail}");
    }
    for (filter, said) in [
        (r#"{"word": ["a"]}"#, "option \"events.filter\" compares \"word\" with an array"),
        (r#"{"word": {"from": 1}}"#, "option \"events.filter\" compares \"word\" with an object"),
        ("7", "option \"events.filter\" is 7"),
        ("null", "option \"events.filter\" is null"),
    ] {
        assert_eq!(session.expect_error(&create(filter)).message(), said);
    }
    let needs = session.expect_error(
        r#"SELECT segrec_create_model('m', 'events', options => '{"users": {"filter": {"a": 1}}}')"#,
    );
    assert!(needs.message().contains("users.filter"), "{needs:?}");
    // All that can be compared, by the index as by the query.
    session.run(
        "UPDATE events SET shop_id = 7, small = 3, price = 1.5, share = 0.1, deleted = false, word = E'it''s; \\\\ \"quoted\"', code = 'ab',
             id = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', day = '2026-12-31', at = '2026-12-31 18:00Z', stage = 'sold';
         SET datestyle = 'German'; SET timezone = 'Asia/Tokyo'",
    );
    for (condition, rows) in [
        (r#""shop_id": 7"#, true),
        (r#""shop_id": 8"#, false),
        (r#""small": 3"#, true),
        (r#""price": 1.50"#, true),
        (r#""share": 0.1"#, true),
        (r#""deleted": false"#, true),
        (r#""deleted": true"#, false),
        (r#""word": "it's; \\ \"quoted\"""#, true),
        (r#""word": "x' OR true --""#, false),
        (r#""code": "ab  ""#, true),
        (r#""id": "{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}""#, true),
        (r#""day": "2026-12-31""#, true),
        (r#""at": "2026-12-31T19:00:00+01:00""#, true),
        (r#""stage": "sold""#, true),
        (r#""stage": "draft""#, false),
        (r#""tags": null"#, true),
        (r#""spot": null, "shop_id": 7, "word": null"#, false),
    ] {
        let options = format!(r#"{{"events": {{"filter": {{{condition}}}}}}}"#);
        session
            .execute("SELECT segrec_create_model('m', 'events', options => $1::text::jsonb, if_exists => 'replace')", &[&options])
            .unwrap_or_else(|error| panic!("{condition}: {error:?}"));
        let events: i64 = session.value("SELECT events FROM segrec_estimate('m')");
        assert_eq!(events > 0, rows, "{condition}");
    }
}

#[test]
fn planted_operators_and_casts_are_not_called() {
    let database = Cluster::shared().database("filter_planted");
    let mut session = database.connect();
    planted::create(&mut session);
    session.run(
        r#"CREATE TYPE stage AS ENUM ('draft', 'sold'); ALTER TABLE events ADD stage stage DEFAULT 'sold', ADD word text DEFAULT 'a', ADD shop_id int DEFAULT 7;
           CREATE SCHEMA planted;
           CREATE FUNCTION planted.trap(stage, stage) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'called'; END$$;
           CREATE FUNCTION planted.trap(text, text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'called'; END$$;
           CREATE FUNCTION planted.trap(int, int) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'called'; END$$;
           CREATE OPERATOR planted.= (FUNCTION = planted.trap, LEFTARG = stage, RIGHTARG = stage);
           CREATE OPERATOR planted.= (FUNCTION = planted.trap, LEFTARG = text, RIGHTARG = text);
           CREATE OPERATOR planted.= (FUNCTION = planted.trap, LEFTARG = int, RIGHTARG = int);
           CREATE FUNCTION planted.cast_trap(text) RETURNS stage LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'called'; END$$;
           CREATE CAST (text AS stage) WITH FUNCTION planted.cast_trap(text) AS IMPLICIT;
           SET search_path = planted, pg_catalog, public;
           SELECT segrec_create_model('m', 'events', options =>
               '{"als": {"factors": 8}, "events": {"filter": {"stage": "sold", "word": "a", "shop_id": 7}}}');
           SELECT segrec_train('m')"#,
    );
    assert_eq!(session.table("SELECT count(*) FROM segrec_recommend(3, 10)"), "10");
}

#[test]
fn without_its_column_a_filter_lets_nothing_be_read() {
    let (database, mut session) = shops("filter_dropped");
    session.run(
        r#"CREATE TABLE products AS SELECT DISTINCT item_id, false AS deleted FROM visits; ALTER TABLE products ADD PRIMARY KEY (item_id);
           SELECT segrec_rebind('one', events => 'visits');
           SELECT segrec_create_model('three', 'visits', items => 'products',
               options => '{"als": {"factors": 8}, "events": {"filter": {"shop_id": 1}}, "items": {"filter": {"deleted": false}}}');
           SELECT segrec_train('three', 'always')"#,
    );
    let mut other = database.connect();
    let list = "SELECT item_id FROM segrec_recommend(6, 5, 'one')";
    let before = other.table(list);
    other.table("SELECT * FROM segrec_recommend(6, 5, 'three')");
    session.run("ALTER TABLE visits DROP shop_id; CREATE INDEX ON visits (user_id)");
    other.notices();
    assert_eq!(other.table(list), before, "as of the training");
    let told = other.notices();
    assert!(told[0].detail().unwrap().contains("has no column \"shop_id\""), "{told:?}");
    assert_eq!(
        session.table("SELECT live, live_reason FROM segrec.models WHERE model = 'one'"),
        "f|columns of events do not exist: shop_id"
    );
    let error = session.expect_error("SELECT segrec_train('one')");
    assert_eq!(error.code(), &SqlState::UNDEFINED_COLUMN);
    assert!(error.detail().unwrap().contains("events.filter => 'shop_id'"), "{error:?}");
    // What may not be shown is not shown because nobody knows.
    session.run("ALTER TABLE products DROP deleted");
    let error = other.expect_error("SELECT * FROM segrec_recommend(6, 5, 'three')");
    assert_eq!(error.code(), &SqlState::UNDEFINED_COLUMN);
    // A relation without the column cannot take its place.
    let error = session.expect_error("SELECT segrec_rebind('two', events => 'events')");
    assert_eq!(error.code(), &SqlState::UNDEFINED_COLUMN);
}

#[test]
fn whoever_may_not_read_the_column_of_a_filter_reads_no_rows() {
    let (database, mut session) = shops("filter_rights");
    session.run(
        "CREATE ROLE filter_guest LOGIN; SELECT segrec_grant('one', 'filter_guest', 'use');
         GRANT SELECT (user_id, item_id) ON visits TO filter_guest",
    );
    let mut guest = database.connect_as("filter_guest");
    let first = "SELECT item_id FROM segrec_recommend(6, 1, 'one')";
    let item: i64 = guest.value(first);
    session.run(&format!("INSERT INTO visits VALUES (1, 6, {item}, now())"));
    assert_eq!(guest.value::<i64>(first), item);
    session.run("GRANT SELECT (shop_id) ON visits TO filter_guest");
    assert_ne!(guest.value::<i64>(first), item);
}

#[test]
fn schedules_and_evaluations_count_the_events_that_pass() {
    let (_database, mut session) = shops("filter_counts");
    session
        .run("INSERT INTO visits SELECT 2, 7000 + n, 1000 + n % 100, now() FROM generate_series(1, 500) n");
    session.run("CALL segrec_run_schedule('one', 100)");
    assert_eq!(session.table("SELECT max(version) FROM segrec.versions WHERE model = 'one'"), "1");
    session.run("CALL segrec_run_schedule('two', 100)");
    assert_eq!(session.table("SELECT max(version) FROM segrec.versions WHERE model = 'two'"), "2");
    session.run(
        "CREATE TABLE later AS SELECT DISTINCT own.shop_id, own.user_id, other.item_id
             FROM visits own JOIN visits other ON other.shop_id = own.shop_id AND other.user_id = own.user_id + 1
             WHERE own.user_id < 100
                 AND NOT EXISTS (SELECT FROM visits same WHERE (same.user_id, same.item_id) = (own.user_id, other.item_id));
         INSERT INTO later VALUES (2, NULL, 1)",
    );
    // A row without an id would be an error.
    assert_eq!(session.table("SELECT count(*) > 0 FROM segrec_evaluate('one', test => 'later')"), "t");
    session.run("ALTER TABLE later DROP shop_id");
    let error = session.expect_error("SELECT segrec_evaluate('one', test => 'later')");
    assert_eq!(error.code(), &SqlState::UNDEFINED_COLUMN);
}

#[test]
fn what_is_popular_now_is_what_is_popular_with_the_tenant() {
    let (_database, mut session) = crate::parts::filled("filter_popular", crate::parts::FASHION);
    session.run(
        r#"ALTER TABLE sales ADD shop_id int DEFAULT 1;
           CREATE INDEX ON sales (shop_id, sold_at); DROP INDEX sales_sold_at_idx;
           CREATE INDEX ON sales (shop_id, user_id)"#,
    );
    crate::parts::train(
        &mut session,
        "sales",
        "sold_at",
        r#""popular_now": {"share": 0.5}, "user_neighbours": {"share": 0}, "events": {"filter": {"shop_id": 1}}"#,
    );
    let stranger = "SELECT item_id FROM segrec_recommend(-1, 1)";
    let trained: i64 = session.value(stranger);
    let bought = |shop: i32, item: i64| {
        format!(
            "INSERT INTO sales (user_id, item_id, sold_at, shop_id)
             SELECT 10000 + n, {item}, (SELECT max(sold_at) FROM sales WHERE sold_at < now()) + n * interval '1 second', {shop}
             FROM generate_series(1, 300) n"
        )
    };
    session.run(&bought(2, 7));
    assert_eq!(session.value::<i64>(stranger), trained);
    session.run(&bought(1, 8));
    assert_eq!(session.value::<i64>(stranger), 8);
}

#[test]
fn filters_work_on_views_whose_tables_have_the_index() {
    let (database, mut session) = shops("filter_views");
    session.run(
        r#"CREATE VIEW seen AS SELECT shop_id, user_id, item_id FROM visits WHERE at IS NOT NULL;
           SELECT segrec_rebind('one', events => 'seen')"#,
    );
    assert!(
        session
            .table("SELECT live_reason FROM segrec.models WHERE model = 'one'")
            .starts_with("the plan of one user's rows costs ")
    );
    let mut other = database.connect();
    let first = "SELECT item_id FROM segrec_recommend(6, 1, 'one')";
    let item: i64 = other.value(first);
    session.run(&format!("INSERT INTO visits VALUES (2, 6, {item}, now())"));
    assert_eq!(other.value::<i64>(first), item);
    session.run(&format!("INSERT INTO visits VALUES (1, 6, {item}, now())"));
    assert_ne!(other.value::<i64>(first), item);
}
