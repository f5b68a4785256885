//! Segments of any users: every method through SQL, ids that persist, labels, history, profiles, and classification
//! without a training.

use segrec_tests::{Cluster, Session, SqlState, planted};

/// 900 customers in three planted groups of sizes 450, 270 and 180, with a column of each kind: their age, spending,
/// country, newsletter and date of joining depend on the group, which is in the last column.
const CUSTOMERS: &str = "
    CREATE TABLE customers AS
    SELECT id AS user_id,
           CASE planted WHEN 0 THEN 25 WHEN 1 THEN 45 ELSE 68 END + (noise - .5) * 12 AS age,
           exp(CASE planted WHEN 0 THEN 3 WHEN 1 THEN 6 ELSE 4.5 END + (noise2 - .5)) AS spent,
           CASE WHEN noise3 < .9 THEN (ARRAY['FR', 'DE', 'IT'])[planted + 1] ELSE 'ES' END AS country,
           CASE WHEN noise < .1 THEN NULL ELSE (planted = 1) <> (noise2 < .05) END AS newsletter,
           date '2026-01-01' - (planted * 300 + (noise * 100)::int) AS joined,
           ARRAY[planted * 4 + noise, planted * -3 + noise2]::real[] AS taste,
           'always' AS constant,
           NULL::int AS nothing,
           (ARRAY['young', 'rich', 'old'])[planted + 1] AS planted
    FROM (SELECT id, CASE WHEN id % 10 < 5 THEN 0 WHEN id % 10 < 8 THEN 1 ELSE 2 END AS planted,
                 ('x' || substr(md5('a' || id), 1, 6))::bit(24)::int / 16777216.0 AS noise,
                 ('x' || substr(md5('b' || id), 1, 6))::bit(24)::int / 16777216.0 AS noise2,
                 ('x' || substr(md5('c' || id), 1, 6))::bit(24)::int / 16777216.0 AS noise3
          FROM generate_series(1::bigint, 900) id) AS drawn;
    ALTER TABLE customers ADD PRIMARY KEY (user_id);
    CREATE VIEW described AS SELECT user_id, age, spent, country, newsletter, joined, taste, constant, nothing FROM customers;";

/// The adjusted Rand index of the segments of the deployed version and the planted groups.
const AGREEMENT: &str = "
    SELECT segrec_adjusted_rand(m.segment::text, c.planted)
    FROM segrec.segment_members m JOIN customers c ON c.user_id::text = m.user_id";

fn customers(session: &mut Session) {
    session.run(CUSTOMERS);
}

fn model(session: &mut Session, options: &str) {
    session.run(&format!(
        "SELECT segrec_create_model('customers', users => 'described', options => '{{\"segmentation\": {options}}}')"
    ));
    session.run("SELECT segrec_train('customers')");
}

#[test]
fn planted_segments_are_recovered_by_every_method_that_finds_them() {
    let database = Cluster::shared().database("segmentation_methods");
    let mut session = database.connect();
    customers(&mut session);
    for (method, rest) in [
        ("kmeans", r#""segments": 3"#),
        ("kmeans", r#""segments": "auto""#),
        ("kmeans", r#""segments": 3, "scale": "robust""#),
        ("hierarchical", r#""segments": 3"#),
        ("hierarchical", r#""segments": "auto", "linkage": "average""#),
        ("mixture", r#""segments": 3"#),
    ] {
        model(&mut session, &format!("{{\"method\": \"{method}\", {rest}}}"));
        let agreement: f64 = session.value(AGREEMENT);
        assert!(agreement >= 0.95, "{method} {rest}: {agreement}");
        assert_eq!(session.table("SELECT count(*), sum(users) FROM segrec.segments"), "3|900", "{method}");
        session.run("SELECT segrec_drop_model('customers')");
    }
}

#[test]
fn density_finds_groups_and_marks_noise() {
    let database = Cluster::shared().database("segmentation_density");
    let mut session = database.connect();
    customers(&mut session);
    // Two of the customers are outliers.
    session.run(
        "CREATE VIEW points AS SELECT user_id, taste FROM customers
         UNION ALL VALUES (9001, ARRAY[60, 60]::real[]), (9002, ARRAY[-60, 40]::real[])",
    );
    session.run(
        r#"SELECT segrec_create_model('dense', users => 'points', options => '{"segmentation": {"method": "density"}}')"#,
    );
    session.run("SELECT segrec_train('dense')");
    let marked = session
        .table("SELECT user_id FROM segrec.segment_members WHERE noise AND user_id > '9000' ORDER BY 1");
    assert_eq!(marked, "9001\n9002");
    assert!(session.value::<i64>("SELECT count(*) FROM segrec.segment_members WHERE noise") < 90);
    let agreement: f64 = session.value(
        "SELECT segrec_adjusted_rand(m.segment::text, c.planted)
         FROM segrec.segment_members m JOIN customers c ON c.user_id::text = m.user_id WHERE NOT noise",
    );
    assert!(agreement > 0.95, "{agreement}");
}

/// 900 users in three planted groups: two dense ones that are near each other, and a sparse one.
const DENSITIES: &str = "
    CREATE TABLE densities AS
    SELECT id AS user_id, (ARRAY['one', 'other', 'loose'])[id % 3 + 1] AS planted,
           (ARRAY[noise * .4, .8 + noise * .4, 9 + noise * 8])[id % 3 + 1] AS x,
           (ARRAY[noise2 * .4, noise2 * .4, noise2 * 8])[id % 3 + 1] AS y
    FROM (SELECT id, ('x' || substr(md5('a' || id), 1, 6))::bit(24)::int / 16777216.0 - .5 AS noise,
                 ('x' || substr(md5('b' || id), 1, 6))::bit(24)::int / 16777216.0 - .5 AS noise2
          FROM generate_series(1::bigint, 900) id) AS drawn;
    ALTER TABLE densities ADD PRIMARY KEY (user_id)";

/// Creates and trains a model of them named `plotted`.
fn plotted(session: &mut Session, segmentation: &str) {
    session.run(&format!(
        r#"SELECT segrec_create_model('plotted', users => 'densities',
               options => '{{"segmentation": {{"features": ["x", "y"], {segmentation}}}}}');
           SELECT segrec_train('plotted')"#
    ));
}

#[test]
fn optics_finds_groups_of_unlike_density_where_no_one_radius_does() {
    let database = Cluster::shared().database("segmentation_optics");
    let mut session = database.connect();
    session.run(DENSITIES);
    let mut agreement = |segmentation: &str| -> f64 {
        plotted(&mut session, segmentation);
        let agreement = session.value(
            "SELECT segrec_adjusted_rand(m.segment::text, d.planted)
             FROM segrec.segment_members m JOIN densities d ON d.user_id::text = m.user_id",
        );
        session.run("SELECT segrec_drop_model('plotted')");
        agreement
    };
    let found = agreement(r#""method": "optics""#);
    assert!(found > 0.95, "{found}");
    for radius in ["\"auto\"", "0.05", "0.1", "0.2", "0.4", "0.8"] {
        let found = agreement(&format!(r#""method": "density", "radius": {radius}"#));
        assert!(found < 0.8, "{radius}: {found}");
    }
}

#[test]
fn every_segment_is_a_valley_of_the_reachability_plot() {
    let database = Cluster::shared().database("segmentation_plot");
    let mut session = database.connect();
    session.run(DENSITIES);
    plotted(&mut session, r#""method": "optics""#);
    assert_eq!(
        session.table(
            "SELECT count(*), count(DISTINCT user_id), min(place), max(place), count(*) - count(reachability),
                    bool_and(core_distance > 0), bool_and(reachability > 0) FROM segrec.segment_reachability"
        ),
        "900|900|1|900|1|t|t"
    );
    // The valleys follow one another, each behind a hill that is higher than nearly all bars within the valley.
    assert_eq!(
        session.table(
            "SELECT count(*), bool_and(reachability > high)
             FROM (SELECT *, lag(segment) OVER (ORDER BY place) AS before FROM segrec.segment_reachability) plot
             JOIN (SELECT segment, percentile_cont(.95) WITHIN GROUP (ORDER BY reachability) AS high
                   FROM segrec.segment_reachability GROUP BY segment) valleys USING (segment)
             WHERE segment <> before"
        ),
        "2|t"
    );
    // With a radius, no row is reached from farther away, and rows with too few neighbours are not core rows.
    session.run("SELECT segrec_drop_model('plotted')");
    plotted(&mut session, r#""method": "optics", "radius": 0.1"#);
    assert_eq!(
        session.table(
            "SELECT max(reachability) <= .1, max(core_distance) <= .1, count(*) FILTER (WHERE core_distance IS NULL) > 200
             FROM segrec.segment_reachability"
        ),
        "t|t|t"
    );
    session.run(
        r#"SELECT segrec_alter_model('plotted', '{"segmentation": {"method": "kmeans", "radius": null}}');
           SELECT segrec_train('plotted')"#,
    );
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec.segment_reachability"), 0);
}

#[test]
fn a_reachability_plot_is_seen_by_who_may_use_the_model_only() {
    let database = Cluster::shared().database("segmentation_plot_rights");
    let mut session = database.connect();
    session.run(DENSITIES);
    plotted(&mut session, r#""method": "optics""#);
    session.run("CREATE ROLE segmentation_plot_reader; SET ROLE segmentation_plot_reader");
    let rows = "SELECT count(*) FROM segrec.segment_reachability";
    assert_eq!(session.value::<i64>(rows), 0);
    assert_eq!(
        session.expect_error("SELECT * FROM segrec_catalog.segment_reachability").code(),
        &SqlState::INSUFFICIENT_PRIVILEGE
    );
    session.run("RESET ROLE; SELECT segrec_grant('plotted', 'segmentation_plot_reader', 'use')");
    session.run("SET ROLE segmentation_plot_reader");
    assert_eq!(session.value::<i64>(rows), 900);
    session.run("RESET ROLE; SELECT segrec_revoke('plotted', 'segmentation_plot_reader', 'use')");
    session.run("SET ROLE segmentation_plot_reader");
    assert_eq!(session.value::<i64>(rows), 0);
    session.run("RESET ROLE; DROP OWNED BY segmentation_plot_reader; DROP ROLE segmentation_plot_reader");
}

#[test]
fn a_reachability_plot_goes_with_its_version_and_a_forgotten_user_goes_from_it() {
    let database = Cluster::shared().database("segmentation_plot_removal");
    let mut session = database.connect();
    session.run(DENSITIES);
    plotted(&mut session, r#""method": "optics""#);
    session.run("SELECT segrec_train('plotted', 'always')");
    let stored = "SELECT string_agg(n::text, ' ' ORDER BY version_id)
                  FROM (SELECT version_id, count(*) AS n FROM segrec_catalog.segment_reachability GROUP BY 1) plots";
    assert_eq!(session.table(stored), "900 900");
    session.run("SELECT segrec_forget_user('plotted', 17)");
    assert_eq!(session.table(stored), "899 899");
    assert_eq!(
        session.table(
            "SELECT count(*), count(*) FILTER (WHERE user_id = '17') FROM segrec.segment_reachability"
        ),
        "899|0"
    );
    session.run("SELECT segrec_drop_version('plotted', 1)");
    assert_eq!(session.table(stored), "899");
    session.run("SELECT segrec_drop_model('plotted')");
    assert_eq!(session.table(stored), "∅");
}

#[test]
fn a_vote_of_labelled_users_classifies_the_others() {
    let database = Cluster::shared().database("segmentation_knn");
    let mut session = database.connect();
    customers(&mut session);
    session.run(
        "CREATE VIEW some_labels AS
         SELECT user_id, age, spent, country, newsletter, CASE WHEN user_id % 9 = 0 THEN planted END AS tier FROM customers",
    );
    session.run(
        r#"SELECT segrec_create_model('tiers', users => 'some_labels',
            options => '{"segmentation": {"method": "knn", "label_column": "tier"}}')"#,
    );
    session.run("SELECT segrec_train('tiers')");
    assert_eq!(session.table("SELECT label FROM segrec.segments ORDER BY label"), "old\nrich\nyoung");
    let right: f64 = session.value(
        "SELECT avg((s.label = c.planted)::int)::float8 FROM segrec.segment_members m
         JOIN segrec.segments s USING (segment) JOIN customers c ON c.user_id::text = m.user_id
         WHERE c.user_id % 9 <> 0",
    );
    assert!(right > 0.95, "{right}");
    assert_eq!(
        session.table(
            "SELECT bool_and(confidence = 1) FROM segrec.segment_members WHERE user_id::int % 9 = 0
             UNION ALL SELECT bool_and(confidence BETWEEN 0.3 AND 1) FROM segrec.segment_members"
        ),
        "t\nt"
    );
}

#[test]
fn a_column_gives_the_segments_as_they_are() {
    let database = Cluster::shared().database("segmentation_column");
    let mut session = database.connect();
    customers(&mut session);
    session.run(
        r#"SELECT segrec_create_model('own', users => 'customers',
            options => '{"segmentation": {"method": "column", "label_column": "planted"}}')"#,
    );
    session.run("SELECT segrec_train('own')");
    assert_eq!(
        session.table("SELECT label, users FROM segrec.segments ORDER BY users DESC"),
        "young|450\nrich|270\nold|180"
    );
    // Ids belong to labels, whatever their order and whichever users are new.
    let before = session.table("SELECT segment, label FROM segrec.segments ORDER BY label");
    session.run(
        "UPDATE customers SET planted = 'ancient' WHERE planted = 'old' AND user_id % 4 = 0;
         UPDATE customers SET planted = NULL WHERE user_id = 1;
         SELECT segrec_train('own')",
    );
    let after = session.table(
        "SELECT segment, label FROM segrec.segments WHERE label IN ('old', 'rich', 'young') ORDER BY label",
    );
    assert_eq!(after, before);
    assert_eq!(
        session.table(
            "SELECT segment, users FROM segrec.segments WHERE label IS NULL OR label = 'ancient' ORDER BY 1"
        ),
        "4|45\n5|1"
    );
}

#[test]
fn rfm_names_customers_by_the_documented_rules() {
    let database = Cluster::shared().database("segmentation_rfm");
    let mut session = database.connect();
    // Customer n orders n times, last n days before the end, for 10 n in total.
    session.run(
        "CREATE TABLE orders AS
         SELECT n::bigint AS user_id, o::bigint AS item_id, 10.0 AS paid,
                timestamptz '2026-06-30 00:00Z' - interval '1 day' * (101 - n) - interval '30 days' * (o - 1) AS at
         FROM generate_series(1, 100) n, generate_series(1, n) o;
         SELECT segrec_create_model('rfm', 'orders', weight_column => 'paid', time_column => 'at',
             options => '{\"als\": {\"factors\": 4}, \"segmentation\": {\"method\": \"rfm\", \"as_of\": \"2026-06-30\"}}');
         SELECT segrec_train('rfm')",
    );
    // Recency, frequency and monetary value all increase with n, so only the segments on the diagonal have users.
    assert_eq!(
        session.table("SELECT label, users FROM segrec.segments ORDER BY segment"),
        "champions|20\nloyal|20\nneeds attention|20\nhibernating|20\nlost|20"
    );
    assert_eq!(
        session.table(
            "SELECT s.label FROM segrec.segments s
             WHERE s.segment IN (segrec_segment_of(100::bigint), segrec_segment_of(1::bigint)) ORDER BY 1"
        ),
        "champions\nlost"
    );
    // A customer can be classified by the three numbers alone.
    assert_eq!(
        session.table(
            r#"SELECT label FROM segrec.segments
               WHERE segment = segrec_classify('rfm', '{"recency": 2, "frequency": 99, "monetary": 1000}')"#
        ),
        "champions"
    );
    let profile = session.table(
        "SELECT feature, value > overall FROM segrec.segment_profiles
         WHERE segment = (SELECT segment FROM segrec.segments WHERE label = 'champions') ORDER BY feature",
    );
    assert_eq!(profile, "frequency|t\nmonetary|t\nrecency|f");
}

#[test]
fn the_number_of_segments_is_chosen_with_a_reason() {
    let database = Cluster::shared().database("segmentation_auto");
    let mut session = database.connect();
    customers(&mut session);
    model(&mut session, "{}");
    assert_eq!(
        session.table("SELECT segments, reason FROM segrec.segment_choices WHERE chosen"),
        "3|the highest silhouette"
    );
    assert_eq!(
        session.table(
            "SELECT count(*) > 8, bool_and(davies_bouldin > 0 AND calinski_harabasz > 0 AND held_out IS NULL),
                    count(DISTINCT reason) FROM segrec.segment_choices"
        ),
        "t|t|2"
    );
    assert_eq!(
        session.table("SELECT metric, value = (SELECT max(silhouette) FROM segrec.segment_choices), items, events FROM segrec.versions"),
        "silhouette|t|∅|∅"
    );
    // If there are events, held-out events decide.
    planted::create(&mut session);
    session.run(
        r#"SELECT segrec_create_model('planted', 'events', options => '{"als": {"factors": 2}}');
           SELECT segrec_train('planted')"#,
    );
    let tried = session.table(
        "SELECT count(*) >= 1, count(*) FILTER (WHERE chosen) FROM segrec.segment_choices WHERE model = 'planted'",
    );
    assert_eq!(tried, "t|1");
}

#[test]
fn users_keep_their_segment_when_rows_are_added() {
    let database = Cluster::shared().database("segmentation_stable");
    let mut session = database.connect();
    customers(&mut session);
    session.run("CREATE TABLE grown AS SELECT * FROM described WHERE user_id <= 850");
    session.run(
        r#"SELECT segrec_create_model('grown', users => 'grown', options => '{"segmentation": {"segments": 6}}');
           SELECT segrec_train('grown');
           CREATE TABLE before AS SELECT user_id, segment FROM segrec.segment_members;
           INSERT INTO grown SELECT * FROM described WHERE user_id > 850;
           SELECT segrec_train('grown')"#,
    );
    let kept: f64 = session.value(
        "SELECT avg((m.segment = b.segment)::int)::float8 FROM before b JOIN segrec.segment_members m USING (user_id)",
    );
    assert!(kept >= 0.95, "{kept}");
    assert_eq!(session.table("SELECT DISTINCT since_version FROM segrec.segments"), "1", "no segment is new");
    let moved = session.table(
        "SELECT round((1 - value)::numeric, 6) = round((SELECT avg((m.segment = b.segment)::int)
                FROM before b JOIN segrec.segment_members m USING (user_id)), 6)
         FROM segrec.segment_drift WHERE measure = 'share_moved'",
    );
    assert_eq!(moved, "t");
    assert_eq!(
        session.table(
            "SELECT sum(users) FILTER (WHERE from_segment IS NULL), sum(users) FILTER (WHERE from_segment IS NOT NULL)
             FROM segrec.segment_transitions WHERE from_version = 1 AND to_version = 2"
        ),
        "50|850"
    );
    assert_eq!(
        session
            .table("SELECT count(*) >= 5, max(value) < 0.1 FROM segrec.segment_drift WHERE measure = 'psi'"),
        "t|t"
    );
}

#[test]
fn ids_are_never_used_again_and_labels_survive() {
    let database = Cluster::shared().database("segmentation_ids");
    let mut session = database.connect();
    customers(&mut session);
    model(&mut session, r#"{"segments": 3}"#);
    session.run("SELECT segrec_label_segment('customers', 1, 'the young')");
    assert_eq!(session.table("SELECT label FROM segrec.segments WHERE segment = 1"), "the young");
    session.run("SELECT segrec_train('customers')");
    assert_eq!(
        session.table("SELECT label, since_version FROM segrec.segments WHERE segment = 1"),
        "the young|1"
    );
    // With twice as many segments, the additional ones get new ids.
    session.run(
        r#"SELECT segrec_alter_model('customers', '{"segmentation": {"segments": 6}}');
           SELECT segrec_train('customers')"#,
    );
    let ids: Vec<i32> = session.column("SELECT segment FROM segrec.segments ORDER BY segment");
    assert_eq!(ids, [1, 2, 3, 4, 5, 6]);
    session.run(
        r#"SELECT segrec_alter_model('customers', '{"segmentation": {"segments": 2}}');
           SELECT segrec_train('customers');
           SELECT segrec_alter_model('customers', '{"segmentation": {"segments": 6}}');
           SELECT segrec_train('customers')"#,
    );
    let ids: Vec<i32> = session.column("SELECT segment FROM segrec.segments ORDER BY segment");
    assert!(ids.iter().filter(|&&id| id > 6).count() == 4, "{ids:?}");
    session.run("SELECT segrec_label_segment('customers', 1, NULL)");
    assert_eq!(session.table("SELECT DISTINCT label_source FROM segrec.segments"), "profile");
    let error = session.expect_error("SELECT segrec_label_segment('customers', 99, 'nobody')");
    assert_eq!(
        (error.code(), error.message()),
        (&SqlState::UNDEFINED_OBJECT, "model \"customers\" has no segment 99")
    );
}

#[test]
fn history_says_where_every_user_was_when() {
    let database = Cluster::shared().database("segmentation_history");
    let mut session = database.connect();
    session.run(
        r#"CREATE TABLE tiers (user_id bigint PRIMARY KEY, tier text);
           INSERT INTO tiers VALUES (1, 'gold'), (2, 'gold'), (3, 'silver');
           SELECT segrec_create_model('tiers', users => 'tiers',
               options => '{"segmentation": {"method": "column", "label_column": "tier"}}');
           SELECT segrec_train('tiers');
           UPDATE tiers SET tier = 'silver' WHERE user_id = 2;
           DELETE FROM tiers WHERE user_id = 3;
           INSERT INTO tiers VALUES (4, 'gold');
           SELECT segrec_train('tiers')"#,
    );
    let history =
        "SELECT user_id, segment, valid_to IS NULL FROM segrec.segment_history ORDER BY user_id, valid_from";
    assert_eq!(session.table(history), "1|1|t\n2|1|f\n2|2|t\n3|2|f\n4|1|t");
    assert_eq!(
        session.table(
            "SELECT from_segment, to_segment, users FROM segrec.segment_transitions ORDER BY 1 NULLS FIRST, 2 NULLS FIRST"
        ),
        "∅|1|1\n1|1|1\n1|2|1\n2|∅|1"
    );
    session.run("SELECT segrec_rollback('tiers')");
    assert_eq!(session.table(history), "1|1|t\n2|1|f\n2|2|f\n2|1|t\n3|2|f\n3|2|t\n4|1|f");
    assert_eq!(session.table("SELECT bool_and(valid_to >= valid_from) FROM segrec.segment_history"), "t");
}

#[test]
fn profiles_and_rules_say_what_a_segment_is() {
    let database = Cluster::shared().database("segmentation_profiles");
    let mut session = database.connect();
    customers(&mut session);
    model(&mut session, r#"{"segments": 3}"#);
    // The largest segment consists of young customers from France.
    assert_eq!(
        session.table(
            "SELECT round(value::numeric, 2) = round(share_of::numeric, 2), round(lift::numeric, 3) = round((value / overall)::numeric, 3)
             FROM segrec.segment_profiles,
                  (SELECT avg((country = 'FR')::int) AS share_of FROM customers WHERE planted = 'young') AS planted
             WHERE segment = 1 AND feature = 'country = FR'"
        ),
        "t|t"
    );
    assert_eq!(
        session.table("SELECT kind, value BETWEEN 19 AND 31, overall > 35 FROM segrec.segment_profiles WHERE segment = 1 AND feature = 'age'"),
        "number|t|t"
    );
    // The precision and recall of a rule are those of counting its users.
    let rules = session
        .table("SELECT count(rule), min(rule_precision) > .9, min(rule_recall) > .8 FROM segrec.segments");
    assert_eq!(rules, "3|t|t");
    let first = session
        .table("SELECT min(rank), max(rank) = count(*) FROM segrec.segment_profiles WHERE segment = 2");
    assert_eq!(first, "1|t");
}

#[test]
fn new_rows_are_classified_without_a_training() {
    let database = Cluster::shared().database("segmentation_classify");
    let mut session = database.connect();
    customers(&mut session);
    session.run("CREATE TABLE known AS SELECT * FROM customers WHERE user_id <= 800; ALTER TABLE known ADD PRIMARY KEY (user_id)");
    for method in ["kmeans", "hierarchical", "mixture"] {
        session.run(&format!(
            r#"SELECT segrec_create_model('known', users => 'known',
                   options => '{{"segmentation": {{"method": "{method}", "segments": 3, "features": ["age", "spent", "country", "newsletter", "joined", "taste"]}}}}');
               SELECT segrec_train('known')"#
        ));
        // Each user's row as JSON is classified as the user's segment in the training.
        let same: f64 = session.value(
            "SELECT avg((segrec_classify('known', to_jsonb(k)) = m.segment)::int)::float8
             FROM known k JOIN segrec.segment_members m ON m.user_id = k.user_id::text",
        );
        assert!(same > 0.999, "{method}: {same}");
        // A row inserted after the training has a segment at once.
        session.run("INSERT INTO known SELECT * FROM customers WHERE user_id > 800");
        let agreement: f64 = session.value(
            "SELECT segrec_adjusted_rand(segrec_segment_of(user_id)::text, planted) FROM known WHERE user_id > 800",
        );
        assert!(agreement > 0.95, "{method}: {agreement}");
        assert_eq!(session.table("SELECT segrec_segment_of(-5::bigint)"), "∅");
        session.run("DELETE FROM known WHERE user_id > 800; SELECT segrec_drop_model('known')");
    }
    model(&mut session, r#"{"segments": 3}"#);
    let error =
        session.expect_error(r#"SELECT segrec_classify('customers', '{"age": "old", "contry": "FR"}')"#);
    assert_eq!(error.message(), "2 features are invalid");
    assert_eq!(error.detail(), Some("\"age\" is \"old\"\nunknown name \"contry\""));
    assert_eq!(
        error.hint(),
        Some(
            "\"age\" must be a number.\n\
                                   Did you mean \"country\"?"
        )
    );
    assert_eq!(
        session.expect_error("SELECT segrec_classify('customers', '7')").message(),
        "features are not an object"
    );
}

#[test]
fn probabilities_of_a_mixture_are_readable() {
    let database = Cluster::shared().database("segmentation_mixture");
    let mut session = database.connect();
    customers(&mut session);
    model(&mut session, r#"{"method": "mixture", "segments": 3, "features": ["age", "spent"]}"#);
    assert_eq!(
        session.table(
            "SELECT count(*), bool_and(abs(total - 1) < 1e-4), bool_and(highest = own) FROM (
                 SELECT p.user_id, sum(p.probability) AS total, max(p.probability) AS highest,
                        max(p.probability) FILTER (WHERE p.segment = m.segment) AS own
                 FROM segrec.segment_probabilities p JOIN segrec.segment_members m USING (model, user_id)
                 GROUP BY 1) users"
        ),
        "900|t|t"
    );
}

#[test]
fn a_merge_tree_is_cut_again_without_a_training() {
    let database = Cluster::shared().database("segmentation_cut");
    let mut session = database.connect();
    customers(&mut session);
    model(&mut session, r#"{"method": "hierarchical", "segments": 3}"#);
    assert_eq!(session.value::<i64>("SELECT count(DISTINCT segment) FROM segrec_cut('customers', 7)"), 7);
    // The same number gives the segments of the version; larger numbers divide them.
    assert_eq!(
        session.table(
            "SELECT count(*) FROM (SELECT DISTINCT c.segment, m.segment FROM segrec_cut('customers', 3) c
             JOIN segrec.segment_members m USING (user_id)) pairs
             UNION ALL
             SELECT count(*) FROM (SELECT DISTINCT c.segment, m.segment FROM segrec_cut('customers', 7) c
             JOIN segrec.segment_members m USING (user_id)) pairs"
        ),
        "3\n7"
    );
    assert_eq!(
        session.expect_error("SELECT * FROM segrec_cut('customers', 0)").code(),
        &SqlState::INVALID_PARAMETER_VALUE
    );
    session.run(
        r#"SELECT segrec_alter_model('customers', '{"segmentation": {"method": "kmeans"}}');
           SELECT segrec_train('customers')"#,
    );
    assert_eq!(
        session.expect_error("SELECT * FROM segrec_cut('customers', 3)").message(),
        "the deployed version of model \"customers\" has no merge tree to cut"
    );
}

#[test]
fn segments_by_attributes_serve_the_recommender() {
    let database = Cluster::shared().database("segmentation_serving");
    let mut session = database.connect();
    planted::create(&mut session);
    // The tastes of users depend on their columns. User 5000 has no events, and user 5001 is added later.
    session.run(
        "CREATE TABLE people AS
         SELECT u AS user_id, (ARRAY['a', 'b', 'c', 'd'])[u % 4 + 1] AS taste, (u * 7919 % 60) AS age
         FROM generate_series(0::bigint, 599) u UNION ALL VALUES (5000, 'b', 30);
         ALTER TABLE people ADD PRIMARY KEY (user_id)",
    );
    for method in [
        r#""method": "kmeans", "on": "attributes", "features": ["taste"], "segments": 4"#,
        r#""method": "column", "label_column": "taste""#,
        r#""method": "kmeans", "on": "both", "features": ["taste"], "segments": 4"#,
    ] {
        session.run(&format!(
            r#"SELECT segrec_create_model('people', 'events', users => 'people',
                   options => '{{"als": {{"factors": 8}}, "segmentation": {{{method}}}}}');
               SELECT segrec_train('people')"#
        ));
        let agreement: f64 = session.value(
            "SELECT segrec_adjusted_rand(m.segment::text, p.taste) FROM segrec.segment_members m
             JOIN people p ON p.user_id::text = m.user_id",
        );
        assert!(agreement > 0.95, "{method}: {agreement}");
        // A user without events gets the popular items of similar users, which are of their taste.
        assert_eq!(
            session.table("SELECT count(*), count(*) FILTER (WHERE item_id % 4 = 1), min(source), max(source) FROM segrec_recommend(5000)"),
            "10|10|segment_popular|segment_popular",
            "{method}"
        );
        session.run("INSERT INTO people VALUES (5001, 'c', 20)");
        assert_eq!(
            session.table(
                "SELECT count(*) FILTER (WHERE item_id % 4 = 2), min(source) FROM segrec_recommend(5001)"
            ),
            "10|segment_popular",
            "{method}"
        );
        assert_eq!(
            session.table("SELECT count(*) FROM (SELECT user_id FROM segrec_recommend_all(n => 3) GROUP BY 1 HAVING count(*) = 3) users"),
            "601",
            "{method}"
        );
        session.run("DELETE FROM people WHERE user_id = 5001; SELECT segrec_drop_model('people')");
    }
}

#[test]
fn activity_and_categories_can_be_features() {
    let database = Cluster::shared().database("segmentation_activity");
    let mut session = database.connect();
    session.run(
        r#"CREATE TABLE goods AS SELECT i AS item_id, CASE WHEN i <= 20 THEN 'books' ELSE 'toys' END AS shelf
           FROM generate_series(1::bigint, 40) i;
           CREATE TABLE purchases AS
           SELECT u AS user_id, CASE WHEN u % 2 = 0 THEN 0 ELSE 20 END + 1 + (u * 13 + n * 7) % 20 AS item_id,
                  timestamptz '2026-03-01 00:00Z' + interval '1 hour' * (u * 17 % 900 + n) AS at
           FROM generate_series(1::bigint, 400) u, generate_series(1, 5) n;
           SELECT segrec_create_model('goods', 'purchases', time_column => 'at', items => 'goods', items_key => 'item_id',
               options => '{"als": {"factors": 4}, "segmentation": {"on": "attributes", "segments": 2,
                            "activity": ["categories"], "category_column": "shelf"}}');
           SELECT segrec_train('goods')"#,
    );
    let agreement: f64 =
        session.value("SELECT segrec_adjusted_rand(segment, user_id::int % 2) FROM segrec.segment_members");
    assert!(agreement > 0.99, "{agreement}");
    assert_eq!(
        session.table(
            "SELECT max(value) FROM segrec.segment_profiles WHERE feature = 'category books'
             UNION ALL SELECT min(value) FROM segrec.segment_profiles WHERE feature = 'category books'"
        ),
        "1\n0"
    );
}

#[test]
fn counts_by_type_can_be_features() {
    let database = Cluster::shared().database("segmentation_types");
    let mut session = database.connect();
    session.run(
        r#"CREATE TABLE clicks AS
           SELECT u AS user_id, (u * 3 + n) % 20 AS item_id,
                  CASE WHEN u % 3 = 0 AND n > 3 THEN 'buy' WHEN n = 1 THEN NULL ELSE 'view' END AS kind
           FROM generate_series(1::bigint, 300) u, generate_series(1::bigint, 6) n;
           SELECT segrec_create_model('clicks', 'clicks', type_column => 'kind',
               options => '{"als": {"factors": 4}, "segmentation": {"on": "attributes", "segments": 2, "activity": ["types"]}}');
           SELECT segrec_train('clicks')"#,
    );
    let agreement: f64 = session.value(
        "SELECT segrec_adjusted_rand((segment = 2)::int, (user_id::int % 3 = 0)::int) FROM segrec.segment_members",
    );
    assert!(agreement > 0.99, "{agreement}");
    // Counts include all users, held out or not.
    assert_eq!(
        session.table(
            "SELECT feature, value FROM segrec.segment_profiles
             WHERE segment = 2 AND feature LIKE 'events of type %' ORDER BY feature"
        ),
        "events of type buy|3\nevents of type view|2"
    );
    let error = session.expect_error(
        r#"SELECT segrec_create_model('x', 'clicks', options => '{"segmentation": {"activity": ["types"]}}')"#,
    );
    assert_eq!(error.message(), "option \"segmentation.activity\" requires a type_column");
}

#[test]
fn columns_that_say_nothing_are_reported_and_left_out() {
    let database = Cluster::shared().database("segmentation_left_out");
    let mut session = database.connect();
    customers(&mut session);
    session.run("CREATE VIEW wide AS SELECT *, '{}'::jsonb AS extra, user_id::text AS name FROM described WHERE user_id <= 900");
    session.run("CREATE VIEW names AS SELECT user_id, age, 'name ' || user_id || ' ' || n AS name FROM described, generate_series(1, 1) n");
    session.run("SELECT segrec_create_model('wide', users => 'wide'); SELECT segrec_train('wide')");
    let said: Vec<String> = session.notices().iter().map(|notice| notice.message().to_owned()).collect();
    for column in ["constant", "nothing", "extra"] {
        assert!(
            said.iter().any(|line| line.starts_with(&format!("ignored column \"{column}\""))),
            "{column}: {said:?}"
        );
    }
}

#[test]
fn degenerate_users_give_an_answer_or_a_clear_error() {
    let database = Cluster::shared().database("segmentation_degenerate");
    let mut session = database.connect();
    session.run("CREATE TABLE people (user_id bigint, age int, country text)");
    let error = |session: &mut Session| {
        let error = session.expect_error("SELECT segrec_train('people')");
        (error.message().to_owned(), error.detail().unwrap_or_default().to_owned())
    };
    session.run("SELECT segrec_create_model('people', users => 'people')");
    assert_eq!(error(&mut session).0, "relation \"people\" contains nothing to segment users by");
    session.run("INSERT INTO people VALUES (1, NULL, NULL)");
    let (_, detail) = error(&mut session);
    assert!(detail.starts_with("No column of users distinguishes them: "), "{detail}");
    session.run("INSERT INTO people VALUES (2, 5, 'FR'), (3, 6, 'FR'), (4, 5, 'DE')");
    for method in ["kmeans", "hierarchical", "mixture", "density", "optics"] {
        session.run(&format!(
            r#"SELECT segrec_alter_model('people', '{{"segmentation": {{"method": "{method}"}}}}');
               SELECT segrec_train('people')"#
        ));
        assert_eq!(session.value::<i64>("SELECT sum(users)::bigint FROM segrec.segments"), 4, "{method}");
        assert_eq!(
            session.value::<i64>(
                "SELECT count(*) FROM segrec.segment_members WHERE distance = 'NaN' OR confidence = 'NaN'"
            ),
            0
        );
    }
    session.run("INSERT INTO people VALUES (4, 7, 'IT'), (NULL, 1, 'IT')");
    let (message, detail) = error(&mut session);
    assert_eq!(message, "relation \"people\" contains rows without a unique id: 2");
    assert_eq!(detail, "Of 6 rows, 1 have a null id, 1 have a duplicate id.");
    session.run(
        r#"SELECT segrec_alter_model('people', '{"segmentation": {"method": null}, "events": {"on_bad_rows": "skip"}}');
           SELECT segrec_train('people')"#,
    );
    assert_eq!(session.value::<i64>("SELECT sum(users)::bigint FROM segrec.segments"), 4);
}

#[test]
fn wrong_options_say_what_to_write() {
    let database = Cluster::shared().database("segmentation_options");
    let mut session = database.connect();
    customers(&mut session);
    let mut refused = |arguments: &str, options: &str| {
        let error = session.expect_error(&format!(
            "SELECT segrec_create_model('m', {arguments}, options => '{{\"segmentation\": {options}}}')"
        ));
        format!("{} / {}", error.message(), error.hint().unwrap_or_default())
    };
    let users = "users => 'described'";
    assert!(
        refused(users, r#"{"method": "knn"}"#)
            .starts_with("option \"segmentation.label_column\" is not specified")
    );
    assert!(
        refused(users, r#"{"method": "rfm"}"#)
            .starts_with("option \"segmentation.method\" requires a time_column")
    );
    assert!(
        refused(users, r#"{"on": "behaviour"}"#).starts_with("option \"segmentation.on\" requires events")
    );
    assert!(
        refused(users, r#"{"method": "density", "segments": 4}"#)
            .contains("the method determines the number itself")
    );
    assert!(
        refused(users, r#"{"features": ["agee"]}"#)
            .starts_with("relation \"described\" has no column \"agee\"")
    );
    assert!(refused(users, r#"{"as_of": "soon"}"#).contains("a date or timestamp"));
    assert!(refused(users, r#"{"activity": ["clicks"]}"#).contains("\"events\", \"weight\""));
    assert!(refused("users => 'described', users_key => 'age'", "{}").contains("unsupported types"));
    let error = session.expect_error("SELECT segrec_create_model('m')");
    assert_eq!(error.message(), "\"events\" and \"users\" are both null");
    model(&mut session, r#"{"segments": 2}"#);
    let error = session.expect_error("SELECT segrec_recommend(1, model => 'customers')");
    assert_eq!(error.message(), "model \"customers\" has no events to recommend from");
}

#[test]
fn segments_need_the_right_to_read_everything_they_were_found_from() {
    let database = Cluster::shared().database("segmentation_rights");
    let mut session = database.connect();
    customers(&mut session);
    planted::create(&mut session);
    session.run(
        r#"CREATE ROLE segmentation_reader;
           SELECT segrec_create_model('m', 'events', users => 'customers',
               options => '{"als": {"factors": 4}, "segmentation": {"on": "attributes", "segments": 2}}');
           SELECT segrec_train('m');
           GRANT SELECT ON events TO segmentation_reader;
           SET ROLE segmentation_reader"#,
    );
    for view in
        ["models", "segments", "segment_members", "segment_profiles", "segment_history", "segment_choices"]
    {
        assert_eq!(session.value::<i64>(&format!("SELECT count(*) FROM segrec.{view}")), 0, "{view}");
    }
    session.run("RESET ROLE; GRANT SELECT ON customers TO segmentation_reader; SET ROLE segmentation_reader");
    assert!(session.value::<i64>("SELECT count(*) FROM segrec.segment_profiles") > 0);
    assert_eq!(
        session.expect_error("SELECT segrec_label_segment('m', 1, 'x')").code(),
        &SqlState::INSUFFICIENT_PRIVILEGE
    );
    session.run("RESET ROLE; DROP OWNED BY segmentation_reader; DROP ROLE segmentation_reader");
}

#[test]
fn a_segmentation_can_be_cancelled_and_leaves_nothing() {
    let database = Cluster::shared().database("segmentation_cancel");
    let mut session = database.connect();
    session.run(
        "CREATE TABLE people AS SELECT u AS user_id, random() AS a, random() AS b, random() AS c, random() AS d
         FROM generate_series(1::bigint, 60000) u",
    );
    for method in ["kmeans", "hierarchical", "mixture", "density", "optics"] {
        session.run(&format!(
            r#"SELECT segrec_create_model('people', users => 'people',
                   options => '{{"segmentation": {{"method": "{method}", "starts": 50}}}}');
               SET statement_timeout = '400ms'"#
        ));
        let error = session.expect_error("SELECT segrec_train('people')");
        assert_eq!(error.code(), &SqlState::QUERY_CANCELED, "{method}");
        session.run("RESET statement_timeout");
        assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec.versions"), 0);
        session.run("SELECT segrec_drop_model('people')");
    }
}

#[test]
fn the_same_rows_give_the_same_segments_at_any_number_of_threads() {
    let database = Cluster::shared().database("segmentation_same");
    let mut session = database.connect();
    customers(&mut session);
    for method in ["kmeans", "hierarchical", "mixture", "density", "optics"] {
        let mut seen = Vec::new();
        for threads in [1, 2, 3] {
            session.run(&format!("SET segrec.threads = {threads}"));
            model(&mut session, &format!("{{\"method\": \"{method}\"}}"));
            seen.push(session.table(
                "SELECT md5(string_agg(m::text, ',' ORDER BY user_id)) FROM segrec.segment_members m",
            ));
            session.run("SELECT segrec_drop_model('customers')");
        }
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{method}");
    }
}
