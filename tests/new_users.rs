//! Users without events: ranked by their row of users, whenever that is better than popularity, and measured by the length
//! of histories.

use segrec_tests::{Cluster, Database, Session};

/// 600 users with events and 30 without (from 1000), of three countries, who like the items of theirs; the age and the
/// number of visits, which may be infinite, say nothing.
const PEOPLE: &str = "
    CREATE TABLE people AS
    SELECT u AS user_id, (ARRAY['DE', 'FR', 'IT'])[1 + u % 3] AS country, 20 + hashint8(u) % 50 AS age,
           CASE WHEN u % 50 = 7 THEN 'infinity' WHEN u % 50 = 8 THEN 'NaN' ELSE (hashint8(u) % 9)::float8 END AS visits
    FROM (SELECT generate_series(0::bigint, 599) UNION ALL SELECT generate_series(1000, 1029)) AS ids (u);
    ALTER TABLE people ADD PRIMARY KEY (user_id);
    CREATE TABLE events AS
    SELECT u AS user_id, i AS item_id FROM generate_series(0::bigint, 599) u, generate_series(0::bigint, 89) i
    WHERE ('x' || substr(md5(u || ',' || i), 1, 6))::bit(24)::int / 16777216.0
          < CASE WHEN u % 3 = i % 3 THEN .3 ELSE .05 END;
    CREATE INDEX ON events (user_id)";

const LISTED: &str = "SELECT string_agg(DISTINCT l.source, ' '), avg((l.item_id % 3 = u % 3)::int) > .95
    FROM generate_series(1000::bigint, 1029) u, segrec_recommend(u, 10, 'm') l";

fn create(options: &str) -> String {
    format!(
        r#"SELECT segrec_create_model('m', 'events', users => 'people',
               options => '{{"segmentation": {{"method": "none"}}, "als": {{"factors": 8}}{options}}}')"#
    )
}

/// A database with these people, and a model of them with these options.
fn people(database: &str, options: &str) -> (Database<'static>, Session) {
    let database = Cluster::shared().database(database);
    let mut session = database.connect();
    session.run(PEOPLE);
    session.run(&create(options));
    (database, session)
}

#[test]
fn users_without_events_are_ranked_by_their_attributes_where_that_is_better_for_users_held_out_whole() {
    let (_database, mut session) = people("new_users_gate", "");
    session.run("SELECT segrec_train('m')");
    assert_eq!(session.table(LISTED), "attributes|t");
    // What was measured, and the decision.
    assert_eq!(
        session.table(
            "SELECT metric, k, segment, value > baseline + .1, ci_low < value AND value < ci_high, users
             FROM segrec.metrics WHERE history = 0"
        ),
        "ndcg|20|∅|t|t|600"
    );
    assert_eq!(
        session.table(
            "SELECT l.step, l.metric, abs(l.value - CASE l.step WHEN 1 THEN m.baseline ELSE m.value END) < 1e-9
             FROM segrec.training_log l, segrec.metrics m WHERE l.phase = 'new users' AND m.history = 0 AND l.step > 0 ORDER BY 1"
        ),
        "1|ndcg@20|t\n2|ndcg@20|t"
    );
    assert!(session.value::<i32>("SELECT (decided ->> 'attributes')::int FROM segrec.versions") > 3);
    // Scores are those of predictions and explanations, which name the columns.
    assert_eq!(
        session.table(
            "SELECT bool_and(segrec_predict(1001, l.item_id) = l.score), bool_and(e.item_id IS NULL),
                    bool_and(abs(e.contribution - l.score) < 1e-6),
                    bool_and((e.by_scorer ->> 'attributes.country')::float8 > abs((e.by_scorer ->> 'attributes.age')::float8)),
                    bool_and(e.factors = (e.by_scorer ->> 'popularity')::real), count(*)
             FROM segrec_recommend(1001, 10) l, segrec_explain(1001, l.item_id) e"
        ),
        "t|t|t|t|t|10"
    );
    // Filters and lengths are those of other lists; every item is ranked once.
    assert_eq!(
        session.table(
            "SELECT string_agg(item_id::text, ' ' ORDER BY rank), min(source) FROM segrec_recommend(1001, 10, candidates => '{5, 9, 1001, 8}') WHERE item_id % 3 = 2"
        ).split('|').next_back(),
        Some("attributes")
    );
    assert_eq!(
        session.table("SELECT count(*), count(DISTINCT item_id) FROM segrec_recommend(1001, 500)"),
        "90|90"
    );
    // Who is unknown, or has events, is served as before.
    assert_eq!(session.table("SELECT DISTINCT source FROM segrec_recommend(5000, 10)"), "popular");
    assert_eq!(
        session.value::<i64>(
            "SELECT count(*) FROM generate_series(0::bigint, 99) u, segrec_recommend(u, 10) WHERE source = 'attributes'"
        ),
        0
    );
    assert_eq!(
        session.table("SELECT attributes, popular > 0, calls > attributes + 100 FROM segrec.serving_statistics WHERE model = 'm'"),
        "33|t|t"
    );
}

#[test]
fn the_row_as_it_is_now_decides_without_a_training() {
    let (database, mut session) = people("new_users_live", "");
    session.run("SELECT segrec_train('m')");
    let mut other = database.connect();
    let kind = |user: i64| {
        format!(
            "SELECT string_agg(DISTINCT source, ' '), string_agg(DISTINCT (item_id % 3)::text, ' ') FROM segrec_recommend({user}, 8, 'm')"
        )
    };
    assert_eq!(other.table(&kind(1000)), "attributes|1");
    session.run("UPDATE people SET country = 'IT' WHERE user_id = 1000; INSERT INTO people VALUES (2000, 'FR', 30, 1)");
    assert_eq!(other.table(&kind(1000)), "attributes|2");
    assert_eq!(other.table(&kind(2000)), "attributes|1");
    session.run("DELETE FROM people WHERE user_id = 2000");
    assert!(other.table(&kind(2000)).starts_with("popular|"));
    // A user of the training whose events are gone, and whose first event comes.
    session.run("DELETE FROM events WHERE user_id = 4");
    assert_eq!(other.table(&kind(4)), "attributes|1");
    session.run("INSERT INTO events VALUES (4, 3), (1000, 3)");
    for user in [4, 1000] {
        assert!(!other.table(&kind(user)).starts_with("attributes"), "{user}");
    }
}

#[test]
fn the_option_forbids_attributes_or_takes_them_unasked() {
    let (_database, mut session) = people("new_users_option", r#", "users": {"new_users": "popularity"}"#);
    session.run("SELECT segrec_train('m')");
    assert_eq!(session.table(LISTED), "popular|f");
    assert_eq!(session.table("SELECT count(*) FROM segrec.metrics WHERE history = 0"), "0");
    assert_eq!(session.table("SELECT decided ->> 'attributes' FROM segrec.versions"), "0");
    // What says nothing is not used by itself, only where it was asked for.
    let retrain = |kind: &str| {
        format!(
            r#"SELECT segrec_alter_model('m', '{{"users": {{"new_users": "{kind}"}}}}'); SELECT segrec_train('m', 'always')"#
        )
    };
    session.run("UPDATE people SET country = (ARRAY['DE', 'FR', 'IT'])[1 + abs(hashint8(user_id + 7)) % 3]");
    session.run(&retrain("auto"));
    assert_eq!(session.table(LISTED), "popular|f");
    assert_eq!(session.table("SELECT count(*) FROM segrec.metrics WHERE history = 0"), "1");
    session.run(&retrain("attributes"));
    assert_eq!(session.table(LISTED), "attributes|f");
    session.run("UPDATE people SET country = 'DE', age = 1, visits = NULL");
    let error = session.expect_error("SELECT segrec_train('m')");
    assert!(format!("{error:?}").contains("no column of users can be used to rank new users"), "{error:?}");
    session.run(&retrain("auto"));
    assert_eq!(session.table(LISTED), "popular|f");
    let error = session.expect_error(
        r#"SELECT segrec_create_model('bare', 'events', options => '{"users": {"new_users": "attributes"}}')"#,
    );
    assert!(format!("{error:?}").contains("users.new_users"), "{error:?}");
}

#[test]
fn who_may_not_read_the_row_of_a_user_gets_what_is_popular() {
    let (database, mut session) = people("new_users_rights", "");
    session.run(
        "SELECT segrec_train('m');
         CREATE ROLE new_users_rights_role LOGIN;
         SELECT segrec_grant('m', 'new_users_rights_role', 'use')",
    );
    let mut role = database.connect_as("new_users_rights_role");
    assert_eq!(role.table(LISTED), "popular|f");
    session.run("GRANT SELECT (user_id, age) ON people TO new_users_rights_role");
    assert_eq!(role.table(LISTED), "popular|f");
    session.run("GRANT SELECT ON people TO new_users_rights_role");
    assert_eq!(role.table(LISTED), "attributes|t");
    session.run(
        "ALTER TABLE people ENABLE ROW LEVEL SECURITY; CREATE POLICY others ON people USING (user_id <> 1001)",
    );
    assert_eq!(role.table("SELECT DISTINCT source FROM segrec_recommend(1000, 5)"), "attributes");
    assert_eq!(role.table("SELECT DISTINCT source FROM segrec_recommend(1001, 5)"), "popular");
    assert_eq!(session.table(LISTED), "attributes|t");
}

#[test]
fn columns_that_are_dropped_or_retyped_after_the_training_count_as_null() {
    let (database, mut session) = people("new_users_columns", "");
    session.run("SELECT segrec_train('m')");
    let mut other = database.connect();
    assert_eq!(other.table(LISTED), "attributes|t");
    session.run("ALTER TABLE people DROP COLUMN age, ADD COLUMN city text");
    for own in [&mut session, &mut other] {
        assert_eq!(own.table(LISTED), "attributes|t");
    }
    session.run("ALTER TABLE people ALTER visits TYPE text USING 'many'");
    for own in [&mut session, &mut other, &mut database.connect()] {
        assert_eq!(own.table(LISTED), "attributes|t");
    }
    session.run("ALTER TABLE people ALTER country TYPE numeric USING 7");
    for own in [&mut session, &mut other, &mut database.connect()] {
        assert_eq!(own.table(LISTED), "attributes|f");
    }
    session.run("ALTER TABLE people DROP COLUMN country, DROP COLUMN visits");
    for own in [&mut session, &mut other, &mut database.connect()] {
        assert_eq!(own.table(LISTED), "popular|f");
    }
}

#[test]
fn values_that_are_not_finite_or_unknown_count_as_null() {
    let (_database, mut session) = people("new_users_values", "");
    session.run("SELECT segrec_train('m')");
    for (visits, country) in
        [("NaN", "DE"), ("-infinity", "DE"), ("1e300", "DE"), ("-1e300", "nowhere"), ("0", "")]
    {
        session.run(&format!(
            "UPDATE people SET visits = '{visits}', country = '{country}' WHERE user_id = 1000"
        ));
        assert_eq!(
            session.table(
                "SELECT min(source), count(*), bool_and(score BETWEEN -10 AND 10), max(source) FROM segrec_recommend(1000, 90)"
            ),
            "attributes|90|t|attributes",
            "{visits}"
        );
        let found: String = session
            .value("SELECT string_agg(DISTINCT (item_id % 3)::text, ' ') FROM segrec_recommend(1000, 20)");
        // Values that are null leave the list to the country.
        if ["NaN", "-infinity"].contains(&visits) {
            assert_eq!(found, "0", "{visits}");
        }
    }
    session.run("UPDATE people SET visits = NULL, country = NULL, age = NULL WHERE user_id = 1000");
    assert_eq!(session.table("SELECT DISTINCT source FROM segrec_recommend(1000, 5)"), "attributes");
}

#[test]
fn the_ranking_moves_with_an_export_where_a_superuser_imports_it() {
    let (database, mut session) = people("new_users_export", "");
    session.run("SELECT segrec_train('m')");
    let lists = "SELECT u, l.* FROM generate_series(1000::bigint, 1009) u, segrec_recommend(u, 20, 'm') l ORDER BY 1, 2";
    let histories = "SELECT history, value, users FROM segrec.metrics WHERE history IS NOT NULL ORDER BY 1";
    let (before, measured) = (session.table(lists), session.table(histories));
    assert!(before.contains("attributes"));
    session.run("CREATE TABLE dump AS SELECT * FROM segrec_export('m', 1); SELECT segrec_drop_model('m')");
    session.run(&create(""));
    session.run("SELECT segrec_import('m', 'dump'); SELECT segrec_deploy('m', 1)");
    assert_eq!(session.table(lists), before);
    assert_eq!(session.table(histories), measured);
    // Bytes in our own format cannot be checked, so others import the version without them.
    session.run(
        "CREATE ROLE new_users_export_role LOGIN; GRANT SELECT ON dump, people, events TO new_users_export_role",
    );
    let mut role = database.connect_as("new_users_export_role");
    role.run(&create("").replace("'m'", "'own'"));
    role.run("SELECT segrec_import('own', 'dump'); SELECT segrec_deploy('own', 1)");
    let notices: Vec<String> = role.notices().iter().map(|notice| notice.message().to_owned()).collect();
    let told = "the version is imported without the ranking of new users by their attributes";
    assert!(notices.iter().any(|notice| notice == told), "{notices:?}");
    assert_eq!(role.table("SELECT DISTINCT source FROM segrec_recommend(1001, 5, 'own')"), "popular");
    assert_eq!(
        role.table("SELECT * FROM segrec_recommend(5, 20, 'own')"),
        session.table("SELECT * FROM segrec_recommend(5, 20, 'm')")
    );
    // A version whose numbers do not match its rows is refused.
    session.run(
        "UPDATE dump SET content = jsonb_set(content::jsonb, '{decided,attributes}', '3')::text WHERE part = 'version'",
    );
    let error = session.expect_error("SELECT segrec_import('m', 'dump')");
    assert_eq!(error.detail(), Some("Its sections do not match its scorers."), "{error:?}");
}

#[test]
fn the_lists_of_all_users_rank_members_without_events_by_their_attributes() {
    let (_database, mut session) = people("new_users_all", r#", "users": {"new_users": "attributes"}"#);
    session.run(
        r#"SELECT segrec_alter_model('m', '{"segmentation": {"method": "kmeans", "on": "attributes", "segments": 3}}');
           SELECT segrec_train('m', 'always')"#,
    );
    session.run(
        "UPDATE people SET country = 'DE' WHERE user_id = 1001; DELETE FROM people WHERE user_id = 1002",
    );
    assert_eq!(
        session.table(
            "SELECT string_agg(DISTINCT source, ' ' ORDER BY source), count(DISTINCT user_id) FROM segrec_recommend_all('m', 10)
             WHERE user_id::bigint >= 1000 AND user_id::bigint <> 1002"
        ),
        "attributes|29"
    );
    assert_eq!(
        session.table(
            "SELECT DISTINCT item_id::bigint % 3 FROM segrec_recommend_all('m', 8) WHERE user_id = '1001'"
        ),
        "0"
    );
    let (all, own) = session
        .table(
            "SELECT (SELECT string_agg(item_id, ' ' ORDER BY rank) FROM segrec_recommend_all('m', 10) WHERE user_id = '1003'),
                    (SELECT string_agg(item_id::text, ' ' ORDER BY rank) FROM segrec_recommend(1003, 10, 'm'))",
        )
        .split_once('|')
        .map(|(all, own)| (all.to_owned(), own.to_owned()))
        .unwrap();
    assert_eq!(all, own);
    assert_eq!(
        session.value::<i64>("SELECT count(*) FROM segrec_recommend_all('m', 10) WHERE user_id = '1002' AND source = 'attributes'"),
        0
    );
    assert!(
        session.value::<bool>(
            r#"WITH with_attributes AS MATERIALIZED (SELECT memory, disk FROM segrec_estimate('m')),
                    without AS MATERIALIZED (SELECT segrec_alter_model('m', '{"users": {"new_users": "popularity"}}'))
               SELECT o.memory > 0 FROM with_attributes o, without"#
        )
    );
}

#[test]
fn a_training_measures_users_by_the_length_of_their_histories() {
    let database = Cluster::shared().database("new_users_histories");
    let mut session = database.connect();
    // From 2 to 11 events, of which the last one is held out.
    session.run(
        r#"CREATE TABLE visits AS
           SELECT u AS user_id, 4 * (hashint8(u * 100 + n) & 15) + u % 4 AS item_id, timestamptz '2026-01-01' + n * interval '1 day' AS at
           FROM generate_series(0::bigint, 999) u, generate_series(0, u % 10 + 1) n;
           CREATE INDEX ON visits (user_id);
           SELECT segrec_create_model('visits', 'visits', time_column => 'at', options => '{
               "holdout": {"split": "last"}, "segmentation": {"method": "none"}, "als": {"factors": 8}}');
           SELECT segrec_train('visits', 'always')"#,
    );
    let rows = "SELECT history FROM segrec.metrics WHERE history IS NOT NULL";
    assert_eq!(
        session.table(&format!("{rows} AND metric = 'ndcg' AND k = 20 AND segment IS NULL ORDER BY 1")),
        "1\n2\n3\n5\n10"
    );
    assert_eq!(session.table(&format!("SELECT count(*) FROM ({rows}) own")), "5");
    // Each measured user counts in one of them, and so they add up to the row of all.
    assert_eq!(
        session.table(
            "SELECT sum(m.users) = min(a.users), abs(sum(m.users * m.value) / sum(m.users) - min(a.value)) < 1e-9,
                    abs(sum(m.users * m.baseline) / sum(m.users) - min(a.baseline)) < 1e-9,
                    bool_and(m.ci_low <= m.value AND m.value <= m.ci_high)
             FROM segrec.metrics m, segrec.metrics a
             WHERE m.history IS NOT NULL AND a.history IS NULL AND a.segment IS NULL AND (a.metric, a.k) = ('ndcg', 20)"
        ),
        "t|t|t|t"
    );
    // There are enough users with at most five events to say whether popularity would help them.
    assert_eq!(
        session.table("SELECT step, metric, value BETWEEN 0 AND 1 FROM segrec.training_log WHERE phase = 'short histories' ORDER BY 1"),
        (1..=5).map(|step| format!("{step}|ndcg@20|t")).collect::<Vec<_>>().join("\n")
    );
}
