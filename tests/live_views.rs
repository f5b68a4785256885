//! Events, users and items that are read at calls through views: by the plan of one user's or item's rows, if the planner
//! says that it is cheap, with the rights of the caller and of the owners of views, and not otherwise.

use segrec_tests::{Cluster, Database, Session, SqlState, planted};

/// The planted events in the tables of a shop, a row of `orders` for each, with a view that joins them again.
const SHOP: &str = "
    CREATE TABLE orders AS SELECT row_number() OVER (ORDER BY user_id, item_id) AS order_id, user_id AS customer_id, item_id FROM events;
    CREATE TABLE order_items AS SELECT order_id, item_id AS product_id FROM orders;
    ALTER TABLE orders DROP item_id, ADD PRIMARY KEY (order_id);
    CREATE INDEX ON orders (customer_id); CREATE INDEX ON order_items (order_id);
    CREATE VIEW purchases AS SELECT customer_id AS user_id, product_id AS item_id FROM orders JOIN order_items USING (order_id);
    ANALYZE orders, order_items";

fn shop(name: &str) -> (Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    planted::create(&mut session);
    session.run(SHOP);
    (database, session)
}

fn train(session: &mut Session, relation: &str) {
    session.run(&format!(
        "SELECT segrec_create_model('shop', '{relation}', options => '{}'); SELECT segrec_train('shop', 'always')",
        planted::OPTIONS
    ));
}

/// A purchase of a customer.
fn buy(customer: i64, product: i64) -> String {
    format!(
        "WITH ordered AS (INSERT INTO orders SELECT max(order_id) + 1, {customer} FROM orders RETURNING order_id)
         INSERT INTO order_items SELECT order_id, {product} FROM ordered"
    )
}

const FIRST: &str = "SELECT item_id FROM segrec_recommend(3, 1)";
const LIVE: &str = "SELECT live, live_reason FROM segrec.models";

/// Whether an event of user 3 that `session` writes counts in the next call of `reader`; it is taken back.
fn counts(session: &mut Session, reader: &mut Session) -> bool {
    let first: i64 = reader.value(FIRST);
    session.run(&buy(3, first));
    let counts = reader.value::<i64>(FIRST) != first;
    session.run(&format!(
        "DELETE FROM order_items WHERE order_id = (SELECT max(order_id) FROM orders) AND product_id = {first};
         DELETE FROM orders WHERE order_id = (SELECT max(order_id) FROM orders)"
    ));
    counts
}

#[test]
fn a_purchase_counts_at_once_through_a_view_that_joins_indexed_tables() {
    let (database, mut session) = shop("live_views_join");
    train(&mut session, "purchases");
    assert!(session.notices().iter().all(|notice| !notice.message().contains("as of the training")));
    let mut other = database.connect();
    assert!(counts(&mut session, &mut other));
    // Who joined after the training is folded in.
    session.run(&format!("{}; {}", buy(5000, 1), buy(5000, 5)));
    let sources = "SELECT bool_or(source LIKE '%popular') FROM segrec_recommend(5000, 5)";
    assert_eq!(other.table(sources), "f");
    assert_eq!(other.table("SELECT count(*) FROM segrec_recommend(5000, 200) WHERE item_id IN (1, 5)"), "0");
    let [live, reason] =
        ["live", "live_reason"].map(|of| session.table(&format!("SELECT {of} FROM segrec.models")));
    assert_eq!(live, "t");
    let cost = reason.strip_prefix("the plan of one user's rows costs ").unwrap();
    assert!((1.0..800.0).contains(&cost.parse::<f64>().unwrap()), "{cost}");
    assert_eq!(session.table("SELECT live, live_reason FROM segrec.health"), "t|∅");
}

#[test]
fn a_view_is_live_as_long_as_its_plan_is_cheap_and_the_model_says_why_not() {
    let (database, mut session) = shop("live_views_plan");
    // So that reading thousands of rows is as expensive as reading hundreds of pages.
    database.connect().run(&format!("ALTER DATABASE \"{}\" SET cpu_tuple_cost = 1", database.name()));
    let mut session = {
        session.run("DROP INDEX orders_customer_id_idx");
        database.connect()
    };
    train(&mut session, "purchases");
    let notices = session.notices();
    let told = notices.iter().find(|notice| notice.message().contains("as of the training")).unwrap();
    assert_eq!(told.message(), "recommendations will use the events of \"purchases\" as of the training");
    let detail = told.detail().unwrap();
    assert!(
        detail.starts_with("The plan of one user's rows costs ") && detail.ends_with("more than 800."),
        "{detail}"
    );
    assert!(told.hint().unwrap().contains("create indexes on the tables of the view"));
    let said = session.table(LIVE);
    assert!(said.starts_with("f|the plan of one user's rows costs "), "{said}");
    assert_eq!(session.table("SELECT live, live_reason FROM segrec.health"), said);
    let mut reader = database.connect();
    assert!(!counts(&mut session, &mut reader));
    // Sessions notice indexes of the tables at once; the views of the catalog, which plan nothing, with the next definition.
    session.run("CREATE INDEX again ON orders (customer_id)");
    assert!(counts(&mut session, &mut reader));
    session.run("SELECT segrec_rebind('shop', events => 'purchases')");
    assert!(session.table(LIVE).starts_with("t|the plan of one user's rows costs "));
    session.run("DROP INDEX again");
    assert!(!counts(&mut session, &mut reader));
    session.run("SELECT segrec_train('shop')");
    assert!(session.table(LIVE).starts_with("f|"));
}

#[test]
fn users_who_have_much_are_read_where_it_takes_a_small_part_of_everything() {
    let database = Cluster::shared().database("live_views_much");
    let mut session = database.connect();
    session.run(
        "CREATE TABLE lists AS SELECT i AS list_id, i % 4000 AS user_id FROM generate_series(1::bigint, 400000) i;
         CREATE TABLE entries AS SELECT i AS list_id, i % 5000 AS item_id FROM generate_series(1::bigint, 400000) i;
         CREATE INDEX ON lists (user_id); CREATE INDEX ON entries (list_id); ANALYZE lists, entries;
         CREATE VIEW heard AS SELECT user_id, item_id FROM lists JOIN entries USING (list_id);
         SELECT segrec_create_model('heard', 'heard', options => '{\"algorithm\": \"popularity\"}')",
    );
    assert!(session.notices().is_empty());
    let found = "SELECT live_by_plan, plan_reason FROM segrec_catalog.models";
    let said = session.table(found);
    let cost: f64 = said.strip_prefix("t|the plan of one user's rows costs ").unwrap().parse().unwrap();
    assert!((800.0..2000.0).contains(&cost), "{cost}");
    // A table that is read as a whole is none, although it costs no more.
    session.run("DROP INDEX lists_user_id_idx; SELECT segrec_rebind('heard', events => 'heard')");
    assert!(session.table(found).starts_with("f|the plan of one user's rows costs "));
}

#[test]
fn a_view_with_a_volatile_function_is_read_by_trainings_only() {
    let (database, mut session) = shop("live_views_volatile");
    session.run(
        "CREATE SEQUENCE asked; SELECT setval('asked', 1);
         CREATE FUNCTION passes(bigint) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$BEGIN RETURN true; END$$;
         CREATE VIEW judged AS SELECT * FROM purchases WHERE passes(item_id)",
    );
    train(&mut session, "judged");
    let said = "f|the view calls a volatile function for one user's rows";
    assert_eq!(session.table(LIVE), said);
    let notices = session.notices();
    let told = notices.iter().find(|notice| notice.message().contains("as of the training")).unwrap();
    assert!(told.hint().unwrap().contains("STABLE"));
    let mut reader = database.connect();
    assert!(!counts(&mut session, &mut reader));
    session.run(
        "CREATE OR REPLACE FUNCTION passes(bigint) RETURNS boolean LANGUAGE plpgsql VOLATILE AS
         $$BEGIN RAISE EXCEPTION 'called'; END$$",
    );
    assert_eq!(reader.table("SELECT count(*) FROM segrec_recommend(3)"), "10");
    // As soon as it is none, it is called.
    session.run("ALTER FUNCTION passes STABLE");
    assert_eq!(database.connect().expect_error(FIRST).message(), "called");
}

#[test]
fn a_view_over_a_foreign_table_is_read_by_trainings_only() {
    let (database, mut session) = shop("live_views_foreign");
    session.run(
        "CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
         COPY (TABLE events) TO '/tmp/segrec_live_views_foreign.csv' CSV;
         CREATE FOREIGN TABLE elsewhere (user_id bigint, item_id bigint) SERVER files
             OPTIONS (filename '/tmp/segrec_live_views_foreign.csv', format 'csv');
         CREATE VIEW remote AS TABLE elsewhere",
    );
    train(&mut session, "remote");
    assert_eq!(session.table(LIVE), "f|a foreign table is read for one user's rows");
    session.run("COPY (SELECT 1 WHERE false) TO '/tmp/segrec_live_views_foreign.csv' CSV");
    let known = "SELECT bool_and(source IN ('segment', 'backbone')) FROM segrec_recommend(3)";
    assert_eq!(database.connect().table(known), "t");
}

#[test]
fn security_barrier_views_are_live() {
    let (database, mut session) = shop("live_views_barrier");
    session.run("ALTER VIEW purchases SET (security_barrier)");
    train(&mut session, "purchases");
    assert!(counts(&mut session, &mut database.connect()));
}

#[test]
fn whoever_may_not_read_the_view_is_answered_as_of_the_training_and_nothing_of_it_runs() {
    let (database, mut session) = shop("live_views_rights");
    session.run(
        "CREATE ROLE live_views_guest LOGIN;
         CREATE FUNCTION trap(bigint) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
             $$BEGIN IF current_user = 'live_views_guest' THEN RAISE EXCEPTION 'planned by the guest'; END IF; RETURN true; END$$;
         CREATE VIEW guarded AS SELECT * FROM purchases WHERE trap(1)",
    );
    train(&mut session, "guarded");
    session.run("SELECT segrec_grant('shop', 'live_views_guest', 'use')");
    let mut guest = database.connect_as("live_views_guest");
    assert!(!counts(&mut session, &mut guest));
    // The views of the catalog plan nothing either, whatever the reader may read, and wait for nobody.
    session.run("GRANT SELECT ON guarded TO live_views_guest");
    guest.run("SET lock_timeout = '2s'");
    session.run("BEGIN; LOCK orders IN ACCESS EXCLUSIVE MODE");
    assert!(guest.table(LIVE).starts_with("t|the plan of"));
    assert_eq!(guest.table("SELECT live FROM segrec.health"), "t");
    session.run("ROLLBACK");
    // Now it is read, as with any SELECT.
    assert_eq!(guest.expect_error(FIRST).message(), "planned by the guest");
    let within = guest.expect_error(FIRST);
    assert!(within.where_().unwrap().contains("guarded"), "{within:?}");
}

#[test]
fn what_a_view_shows_by_a_setting_of_the_session_is_read_at_each_call() {
    let (_database, mut session) = shop("live_views_setting");
    session.run(
        "ALTER TABLE orders ADD tenant int; UPDATE orders SET tenant = 1;
         CREATE VIEW own AS SELECT user_id, item_id FROM (SELECT customer_id AS user_id, product_id AS item_id, tenant
             FROM orders JOIN order_items USING (order_id)) AS all_of_them
         WHERE tenant = current_setting('app.tenant')::int;
         SET app.tenant = 1",
    );
    train(&mut session, "own");
    session.run(
        "INSERT INTO orders VALUES (90001, 5000, 1), (90002, 5000, 2); INSERT INTO order_items VALUES (90001, 8), (90002, 9)",
    );
    let has = "SELECT bool_or(item_id = 8), bool_or(item_id = 9) FROM segrec_recommend(5000, 200)";
    for (tenant, said) in [(1, "f|t"), (2, "t|f"), (1, "f|t")] {
        session.run(&format!("SET app.tenant = {tenant}"));
        assert_eq!(session.table(has), said, "tenant {tenant}");
    }
}

#[test]
fn sessions_follow_a_view_that_is_replaced_or_dropped() {
    let (database, mut session) = shop("live_views_replaced");
    train(&mut session, "purchases");
    let mut reader = database.connect();
    assert!(counts(&mut session, &mut reader));
    session.run(
        "CREATE OR REPLACE VIEW purchases AS SELECT user_id, item_id FROM events;
         INSERT INTO events VALUES (7000, 4)",
    );
    assert_eq!(reader.table("SELECT bool_or(source LIKE '%popular') FROM segrec_recommend(7000, 3)"), "f");
    assert!(!counts(&mut session, &mut reader));
    session.run("DROP VIEW purchases");
    reader.notices();
    assert_eq!(reader.table("SELECT count(*) FROM segrec_recommend(3, 3)"), "3");
    let told = reader.notices();
    assert_eq!(told[0].message(), "model \"shop\" serves results as of its training");
    assert_eq!(session.table(LIVE), "f|the events relation does not exist");
}

#[test]
fn an_error_of_a_view_is_the_error_of_the_call_with_its_context() {
    let (database, mut session) = shop("live_views_error");
    train(&mut session, "purchases");
    session.run(
        "CREATE OR REPLACE VIEW purchases AS SELECT customer_id AS user_id, product_id / (product_id - product_id) AS item_id
         FROM orders JOIN order_items USING (order_id)",
    );
    let error = database.connect().expect_error(FIRST);
    assert_eq!(error.code(), &SqlState::DIVISION_BY_ZERO);
    assert!(error.where_().unwrap().contains("purchases"), "{error:?}");
}

#[test]
fn the_rows_of_users_are_read_through_views() {
    let database = Cluster::shared().database("live_views_users");
    let mut session = database.connect();
    session.run(
        r#"CREATE TABLE people AS SELECT u AS id, u % 2 * 50 + u % 7 AS age, false AS gone FROM generate_series(1::bigint, 300) u;
           ALTER TABLE people ADD PRIMARY KEY (id);
           CREATE VIEW members AS SELECT id AS user_id, age FROM people WHERE NOT gone;
           SELECT segrec_create_model('people', users => 'members', options => '{"segmentation": {"segments": 2}}');
           SELECT segrec_train('people');
           INSERT INTO people VALUES (1000, 53, false), (1001, 53, true)"#,
    );
    let of = |user: i64| format!("SELECT segrec_segment_of({user}::bigint)");
    assert_eq!(session.value::<Option<i32>>(&of(1000)), session.value::<Option<i32>>(&of(1)));
    assert_eq!(session.value::<Option<i32>>(&of(1001)), None);
    assert!(session.table(LIVE).starts_with("t|the plan of one user's rows costs "));
}

#[test]
fn items_that_come_later_are_found_through_views() {
    let database = Cluster::shared().database("live_views_items");
    let mut session = database.connect();
    session.run(crate::refresh::SHOP);
    session.run(
        "ALTER TABLE products RENAME TO stock; CREATE VIEW products AS SELECT * FROM stock;
         SELECT segrec_create_model('shop', 'buys', items => 'products', items_key => 'product_id',
             options => '{\"segmentation\": {\"method\": \"none\"}, \"als\": {\"factors\": 8}, \"items\": {\"new_items\": 1}}');
         SELECT segrec_train('shop', 'always')",
    );
    let later = "SELECT count(*) > 0 FROM segrec_recommend(3, 60) WHERE item_id >= 1000";
    let mut other = database.connect();
    assert!(!other.value::<bool>(later));
    session.run(&crate::refresh::NEW.replace("products", "stock"));
    assert!(other.value::<bool>(later));
}

#[test]
fn views_that_run_as_the_caller_read_what_the_caller_may_read() {
    let (database, mut session) = shop("live_views_invoker");
    if session.value::<i32>("SELECT current_setting('server_version_num')::int") < 150_000 {
        return;
    }
    session.run("ALTER VIEW purchases SET (security_invoker); CREATE ROLE live_views_invoker LOGIN");
    train(&mut session, "purchases");
    session.run(
        "SELECT segrec_grant('shop', 'live_views_invoker', 'use'); GRANT SELECT ON purchases TO live_views_invoker",
    );
    let mut guest = database.connect_as("live_views_invoker");
    assert!(!counts(&mut session, &mut guest), "not without rights on the tables");
    session.run("GRANT SELECT ON orders, order_items TO live_views_invoker");
    assert!(counts(&mut session, &mut guest));
    session.run(
        "ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON orders USING (customer_id = current_setting('app.me')::bigint)",
    );
    guest.run("SET app.me = 3");
    assert!(counts(&mut session, &mut guest));
    guest.run("SET app.me = 4");
    assert!(!counts(&mut session, &mut guest), "hidden rows: as of the training");
}
