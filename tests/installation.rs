//! The schema and the role of an installation: no code of the schema's owner is run, only the owner of the catalog
//! writes to it, and any name of the schema works.

use segrec_tests::{Cluster, Database, Session, SqlState, overloads};

/// Creates the relations of models of every kind before any search path is hostile: an events table with a time, a
/// weight and a type, users and items with columns, and rows of numbers.
fn create_relations(session: &mut Session) {
    session.run(
        "CREATE TABLE public.events AS
             SELECT u AS user_id, i AS item_id, 1 + (u + i) % 3 AS weight, CASE i % 2 WHEN 0 THEN 'seen' ELSE 'bought' END AS kind,
                    timestamptz '2025-01-01' + ((u * 37 + i * i * 101) % 97) * interval '1 day' AS at
             FROM generate_series(1::bigint, 90) u, generate_series(1::bigint, 30) i WHERE i % 3 = u % 3;
         CREATE INDEX ON public.events (user_id);
         CREATE TABLE public.later AS
             SELECT u AS user_id, 1 + u % 30 AS item_id, 1 AS weight, 'seen' AS kind, timestamptz '2026-01-01' AS at
             FROM generate_series(1::bigint, 90) u;
         CREATE TABLE public.people AS
             SELECT u AS user_id, u % 2 * 30 + u % 5 AS age, CASE u % 3 WHEN 0 THEN 'a' ELSE 'b' END AS plan,
                    timestamptz '2024-01-01' + u * interval '1 day' AS since, u % 4 = 0 AS active
             FROM generate_series(1::bigint, 90) u;
         CREATE INDEX ON public.people (user_id);
         CREATE TABLE public.goods AS SELECT i AS item_id, 'label ' || i % 5 AS category FROM generate_series(1::bigint, 30) i;
         CREATE INDEX ON public.goods (item_id);
         CREATE TABLE public.numbers AS
             SELECT ARRAY[i, i % 3]::real[] AS features, i % 2 AS segment, (i % 2)::text AS name, i::float8 AS value, i > 4 AS relevant
             FROM generate_series(1, 8) i;
         CREATE TABLE public.received (part text, content text);
         GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO PUBLIC",
    );
}

/// The statements of an owner of models; `@` is the schema of the extension. They use no operators, functions or casts
/// except the extension's, so all other calls are made by the extension.
const OWNER: &[&str] = &[
    r#"SELECT @.segrec_create_model('m', 'public.events', time_column => 'at', weight_column => 'weight', type_column => 'kind',
        users => 'public.people', items => 'public.goods',
        options => '{"als": {"factors": 4}, "segmentation": {"segments": 3}, "neighbours": {"share": 0.4}}')"#,
    r#"SELECT @.segrec_create_model('p', users => 'public.people', options => '{"segmentation": {"method": "hierarchical", "segments": 2}}')"#,
    "SELECT @.segrec_estimate('m')",
    "SELECT @.segrec_train('m')",
    "SELECT @.segrec_train('p')",
    r#"SELECT @.segrec_alter_model('m', '{"als": {"factors": 5}}')"#,
    "SELECT @.segrec_rebind('m', events => 'public.events', users => 'public.people', items => 'public.goods')",
    "SELECT @.segrec_train('m', 'always')",
    "SELECT @.segrec_rollback('m')",
    "SELECT @.segrec_deploy('m', 2)",
    "SELECT @.segrec_label_segment('m', 1, 'first')",
    "SELECT @.segrec_drop_rule('m', @.segrec_add_rule('m', 'block', '{5}'))",
    "SELECT @.segrec_grant('m', 'public', 'use')",
    "SELECT @.segrec_grant('p', 'public', 'train')",
    "SELECT @.segrec_evaluate('m', per_segment => true)",
    "SELECT @.segrec_evaluate('m', test => 'public.later')",
    "SELECT @.segrec_cross_validate('m', 2)",
    "SELECT @.segrec_compare('m', 1, 2)",
    r#"CALL @.segrec_tune('m', '{"als.factors": [4, 5]}', trials => 2)"#,
    r#"CALL @.segrec_tune('m', '{"als.factors": {"low": 2, "high": 5}}', trials => 2, search => 'halving', apply => true)"#,
    "SELECT @.segrec_apply_trial('m', 1, 2)",
    "CALL @.segrec_run_schedule('m', 0)",
    "CALL @.segrec_run_schedule('m', 1000)",
    "INSERT INTO public.received SELECT * FROM @.segrec_export('m')",
    "SELECT @.segrec_import('m', 'public.received')",
    "INSERT INTO public.events SELECT 1000, item_id, weight, kind, at FROM public.events LIMIT 1",
    "SELECT @.segrec_train_in_background('m', 'never')",
    "SELECT @.segrec_train_all('p', 'never')",
    "SELECT @.segrec_example('installation example')",
    r#"DROP SCHEMA "installation example" CASCADE"#,
];

/// The statements of all users.
const EVERYBODY: &[&str] = &[
    "SELECT * FROM @.segrec_recommend(1::bigint, 5, 'm')",
    "SELECT * FROM @.segrec_recommend(1000::bigint, 5, 'm')",
    "SELECT * FROM @.segrec_recommend(77777::bigint, 5, 'm')",
    "SELECT * FROM @.segrec_recommend('1', 5, 'm', candidates => '{1,2,3}', diversity => 0.5, explore => 0.5)",
    "SELECT * FROM @.segrec_recommend_for('{1,5}'::bigint[], 5, 'm')",
    "SELECT * FROM @.segrec_recommend_all('m', 3)",
    "SELECT * FROM @.segrec_recommend_segment(1, 5, 'm')",
    "SELECT * FROM @.segrec_trending(5, 'm', segment => 1)",
    "SELECT @.segrec_predict(1::bigint, 2::bigint, 'm')",
    "SELECT * FROM @.segrec_explain(1::bigint, 5::bigint, 'm')",
    "SELECT * FROM @.segrec_similar_items(1::bigint, 5, 'm')",
    "SELECT * FROM @.segrec_similar_users(1::bigint, 5, 'm')",
    "SELECT * FROM @.segrec_audience(1::bigint, 5, 'm')",
    "SELECT @.segrec_segment_of(1::bigint, 'm'), @.segrec_segment_of(1000::bigint, 'm')",
    r#"SELECT @.segrec_classify('p', '{"age": 30, "plan": "a", "active": true}')"#,
    "SELECT * FROM @.segrec_cut('p', 3)",
    "SELECT @.segrec_describe_segment('m', 1), @.segrec_describe_segment('p', 1)",
    "SELECT @.segrec_precision('{1,2}'::bigint[], '{1}'), @.segrec_recall('{}'::pg_catalog.uuid[], NULL),
            @.segrec_f1('{a}'::pg_catalog.text[], '{a}')",
    "SELECT @.segrec_hit_rate('{1,2}'::bigint[], '{1}'), @.segrec_ndcg('{1,2}'::bigint[], '{1}', 1),
            @.segrec_average_precision('{1}'::bigint[], '{1}'), @.segrec_reciprocal_rank('{1}'::bigint[], '{1}')",
    "SELECT @.segrec_kmeans(features, 2), @.segrec_silhouette(features, segment), @.segrec_davies_bouldin(features, segment),
            @.segrec_adjusted_rand(segment, segment), @.segrec_adjusted_rand(name, name), @.segrec_rmse(value, value),
            @.segrec_mae(value, value), @.segrec_mse(value, value), @.segrec_auc(value, relevant), @.segrec_gini(value),
            @.segrec_interval(value)
     FROM public.numbers",
    "SELECT @.segrec_assign(clusters, '{1,2}'), @.segrec_centroids(clusters) FROM (SELECT @.segrec_kmeans(features, 2) AS clusters FROM public.numbers) AS made",
];

/// The statements that remove models.
const END: &[&str] = &[
    "SELECT @.segrec_forget_user('m', 1::bigint)",
    "SELECT @.segrec_drop_version('p', 1)",
    "SELECT @.segrec_revoke('m', 'public', 'use')",
    "SELECT @.segrec_change_owner('p', 'postgres')",
    "SELECT @.segrec_drop_model('m')",
];

/// Runs statements in a session with the search path `path`; the extension is in `schema`.
fn run_all(session: &mut Session, path: &str, schema: &str, statements: &[&str]) {
    session.run(&format!("SET search_path = {path}"));
    for statement in statements {
        session.run(&statement.replace('@', schema));
    }
}

/// Reads every view, in a session with the search path `path`.
fn read_views(clean: &mut Session, session: &mut Session, path: &str) {
    session.run(&format!("SET search_path = {path}"));
    for view in clean.column::<String>(
        "SELECT oid::regclass::text FROM pg_class
         WHERE relkind = 'v' AND relnamespace IN ('segrec'::regnamespace, 'segrec_catalog'::regnamespace)
           AND has_table_privilege('public', oid, 'SELECT')",
    ) {
        session.run(&format!("SELECT * FROM {view}"));
    }
}

/// Runs all statements with that search path, as the owner `NAME_owner` of models, as another role and as a superuser.
/// Returns the calls of rivals in the schema `NAME`.
fn calls_at_use(database: &Database<'_>, name: &str, path: &str, schema: &str) -> Vec<String> {
    let mut clean = database.connect();
    clean.run("SET search_path = pg_catalog");
    let mut owner = database.connect_as(&format!("{name}_owner"));
    run_all(&mut owner, path, schema, OWNER);
    clean.wait_until("SELECT bool_and(state NOT IN ('running', 'waiting')) FROM segrec.jobs");
    assert_eq!(clean.table("SELECT DISTINCT state, error FROM segrec.jobs"), "finished|∅");
    let mut other = database.connect_as(&format!("{name}_other"));
    let mut superuser = database.connect();
    for session in [&mut owner, &mut other, &mut superuser] {
        run_all(session, path, schema, EVERYBODY);
        read_views(&mut clean, session, path);
    }
    run_all(&mut other, path, schema, &["SELECT @.segrec_train('p', 'always')"]);
    run_all(
        &mut superuser,
        path,
        schema,
        &[
            "SELECT @.segrec_train('m')",
            r#"CALL @.segrec_tune('m', '{"als.factors": [3]}', trials => 2)"#,
            "CALL @.segrec_run_schedule('m', 0)",
            "CALL segrec_catalog.run_schedule('m', 0)",
            "SELECT @.segrec_cancel(1)",
        ],
    );
    // The owner no longer exists.
    clean.run("DELETE FROM segrec_catalog.model_owners WHERE model_id = 2");
    read_views(&mut clean, &mut superuser, path);
    run_all(&mut superuser, path, schema, END);
    overloads::called(Cluster::shared(), name)
}

/// Returns a database owned by `NAME_owner`, which is not a superuser, and creates a role `NAME_other`.
fn owned_database(name: &str) -> Database<'static> {
    let database = Cluster::shared().empty_database(name);
    database.connect().run(&format!(
        "CREATE ROLE {name}_owner LOGIN; CREATE ROLE {name}_other LOGIN; ALTER DATABASE \"{}\" OWNER TO {name}_owner",
        database.name()
    ));
    database
}

#[test]
fn nothing_of_the_schema_that_it_is_installed_in_is_called() {
    let name = "installation_rivals";
    let database = owned_database(name);
    let mut installer = database.connect_as("installation_rivals_owner");
    create_relations(&mut database.connect());
    overloads::plant(&mut installer, name);
    installer.run(&format!("CREATE EXTENSION pg_segrec SCHEMA {name}"));
    assert_eq!(overloads::called(Cluster::shared(), name), Vec::<String>::new(), "at installation");
    assert_eq!(calls_at_use(&database, name, "public", name), Vec::<String>::new(), "at use");
    installer.run("DROP EXTENSION pg_segrec");
    assert_eq!(overloads::called(Cluster::shared(), name), Vec::<String>::new(), "at removal");
}

#[test]
fn nothing_that_comes_first_in_the_path_is_called() {
    let name = "installation_path";
    let database = owned_database(name);
    let mut owner = database.connect_as("installation_path_owner");
    create_relations(&mut database.connect());
    overloads::plant(&mut owner, name);
    owner.run(&format!(
        "SET search_path = {name}, pg_catalog, public; CREATE EXTENSION pg_segrec SCHEMA public"
    ));
    // The owner of a database can set a search path for all its users.
    let path = format!("{name}, pg_catalog, public");
    owner.run(&format!("ALTER DATABASE \"{}\" SET search_path = {path}", database.name()));
    assert_eq!(calls_at_use(&database, name, &path, "public"), Vec::<String>::new());
}

#[test]
fn what_comes_first_in_the_path_is_a_rival() {
    let name = "installation_caught";
    let database = Cluster::shared().empty_database(name);
    let mut session = database.connect();
    overloads::plant(&mut session, name);
    session.run(&format!("SET search_path = {name}, pg_catalog"));
    for (what, statement) in [
        (
            "an operator of oid, regnamespace",
            "SELECT FROM pg_catalog.pg_class WHERE relnamespace = 'public'::regnamespace",
        ),
        ("relation pg_class", "SELECT FROM pg_class"),
        ("type oid", "SELECT '1'::oid"),
        ("to_regrole(text)", "SELECT to_regrole('x')"),
        ("current_database()", "SELECT current_database()"),
    ] {
        let before = overloads::called(Cluster::shared(), name).len();
        session.run(statement);
        let called = overloads::called(Cluster::shared(), name);
        assert!(
            called.len() > before && called.iter().any(|call| call.starts_with(what)),
            "{what}: {called:?}"
        );
    }
}

#[test]
fn the_owner_of_a_database_installs_it_and_writes_nothing_of_it() {
    let database = owned_database("installation_trusted");
    let mut owner = database.connect_as("installation_trusted_owner");
    owner.run("CREATE SCHEMA mine; SET search_path = mine, public; CREATE EXTENSION pg_segrec SCHEMA mine");
    assert_eq!(owner.table("SHOW search_path"), "mine, public");
    for statement in [
        "CREATE TABLE segrec_catalog.version_users_1 (a int)",
        "CREATE FUNCTION segrec.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER SCHEMA segrec_catalog RENAME TO moved",
        "DROP SCHEMA segrec CASCADE",
        "SELECT * FROM segrec_catalog.models",
        "UPDATE segrec_catalog.model_owners SET owner = 'postgres'",
        "ALTER FUNCTION mine.segrec_predict(bigint, bigint, text) OWNER TO installation_trusted_owner",
        "CREATE OR REPLACE PROCEDURE mine.segrec_run_schedule(model text, min_new_events bigint DEFAULT NULL) LANGUAGE sql AS ''",
        "ALTER EXTENSION pg_segrec DROP PROCEDURE mine.segrec_run_schedule(text, bigint)",
        "ALTER EXTENSION pg_segrec ADD SCHEMA mine",
    ] {
        let error = owner.expect_error(statement);
        let refusals = [SqlState::INSUFFICIENT_PRIVILEGE, SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE];
        assert!(refusals.contains(error.code()), "{statement}: {error:?}");
    }
    assert_eq!(
        owner.table("SELECT DISTINCT proowner::regrole FROM pg_proc WHERE pronamespace IN ('mine'::regnamespace, 'segrec_catalog'::regnamespace)"),
        "postgres"
    );
}

#[test]
fn a_schema_that_is_there_before_it_stops_the_installation() {
    for schema in ["segrec", "segrec_catalog"] {
        let database = owned_database(&format!("installation_before_{schema}"));
        let mut owner = database.connect_as(&format!("installation_before_{schema}_owner"));
        owner.run(&format!("CREATE SCHEMA {schema}"));
        assert_eq!(owner.expect_error("CREATE EXTENSION pg_segrec").code(), &SqlState::DUPLICATE_SCHEMA);
    }
}

#[test]
fn default_privileges_open_neither_schemas_nor_views() {
    let database = Cluster::shared().empty_database("installation_defaults");
    let mut session = database.connect();
    session.run(
        "CREATE ROLE installation_defaults_other LOGIN;
         ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO installation_defaults_other WITH GRANT OPTION;
         ALTER DEFAULT PRIVILEGES GRANT CREATE ON SCHEMAS TO PUBLIC;
         ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO installation_defaults_other WITH GRANT OPTION;
         ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO PUBLIC;
         CREATE EXTENSION pg_segrec",
    );
    let granted = "SELECT DISTINCT kind, acl.grantee::regrole, acl.privilege_type, acl.is_grantable FROM (
            SELECT 'schema' AS kind, nspacl AS acl, nspowner AS owner FROM pg_namespace WHERE nspname IN ('segrec', 'segrec_catalog')
            UNION ALL
            SELECT 'relation', relacl, relowner FROM pg_class
            WHERE relnamespace IN ('segrec'::regnamespace, 'segrec_catalog'::regnamespace)
        ) AS made, aclexplode(made.acl) AS acl WHERE acl.grantee <> made.owner ORDER BY 1";
    assert_eq!(session.table(granted), "relation|-|SELECT|f\nschema|-|USAGE|f");
}

#[test]
fn a_schema_with_an_odd_name_that_is_renamed_changes_nothing() {
    let database = Cluster::shared().empty_database("installation_renamed");
    let mut session = database.connect();
    create_relations(&mut session);
    session.run(r#"CREATE SCHEMA "Ext 1"; CREATE EXTENSION pg_segrec SCHEMA "Ext 1""#);
    run_all(&mut session, "''", r#""Ext 1""#, OWNER);
    session.wait_until("SELECT bool_and(state NOT IN ('running', 'waiting')) FROM segrec.jobs");
    run_all(&mut session, "''", r#""Ext 1""#, EVERYBODY);
    session.run(r#"ALTER SCHEMA "Ext 1" RENAME TO "it is 2""#);
    run_all(&mut session, "''", r#""it is 2""#, EVERYBODY);
    run_all(
        &mut session,
        "''",
        r#""it is 2""#,
        &[
            r#"CALL @.segrec_tune('m', '{"als.factors": [6]}', trials => 2)"#,
            "CALL @.segrec_run_schedule('m', 0)",
        ],
    );
    session.run("RESET search_path");
    assert_eq!(
        session.table("SELECT DISTINCT outcome FROM segrec.schedule_runs ORDER BY 1"),
        "skipped\ntrained"
    );
    assert_eq!(
        session.expect_error("ALTER EXTENSION pg_segrec SET SCHEMA public").code(),
        &SqlState::FEATURE_NOT_SUPPORTED
    );
    // pg_cron calls a function that no owner of a schema can replace.
    assert_eq!(
        session.table("SELECT count(*) FROM pg_proc WHERE oid = 'segrec_catalog.run_schedule(text, bigint)'::regprocedure"),
        "1"
    );
}

/// Returns the output of pg_dump of a database as a role, or its error.
fn dump(database: &Database<'_>, role: &str, options: &[&str]) -> Result<String, String> {
    let output = database.program("pg_dump").env("PGUSER", role).args(options).output().unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[test]
fn a_role_that_reads_all_data_dumps_the_models_and_the_owner_of_the_database_all_but_them() {
    let name = "installation_dumped";
    let database = owned_database(name);
    let mut admin = database.connect();
    admin.run(
        "CREATE ROLE installation_dumped_backup LOGIN; GRANT pg_read_all_data TO installation_dumped_backup",
    );
    let mut owner = database.connect_as("installation_dumped_owner");
    owner.run(
        "CREATE SCHEMA mine; CREATE TABLE mine.kept AS SELECT 7 AS n; CREATE EXTENSION pg_segrec SCHEMA mine",
    );
    create_relations(&mut admin);
    let create =
        "SELECT mine.segrec_create_model('m', 'public.events', options => '{\"als\": {\"factors\": 4}}')";
    owner.run(create);
    owner.run("SELECT mine.segrec_train('m')");
    let answers = "SELECT item_id, score FROM mine.segrec_recommend(1, 5, 'm')";
    let stored = owner.table(answers);

    let refused = dump(&database, "installation_dumped_owner", &[]).unwrap_err();
    // The pg_dump of PostgreSQL 18 asks for sequences first.
    let says_why = ["permission denied", "may lack SELECT privilege"];
    assert!(says_why.iter().any(|reason| refused.contains(reason)), "{refused}");
    let own = dump(&database, "installation_dumped_owner", &["--exclude-schema=segrec*"]).unwrap();
    assert!(
        own.contains("COPY mine.kept")
            && own.contains("CREATE EXTENSION")
            && !own.contains("COPY segrec_catalog")
    );

    let whole = dump(&database, "installation_dumped_backup", &[]).unwrap();
    let restored = Cluster::shared().empty_database("installation_restored");
    let said = restored.psql(&whole);
    assert!(!said.contains("ERROR"), "{said}");
    assert_eq!(restored.connect().table(answers), stored);
}

#[test]
fn the_last_statement_of_the_script_refuses_what_depends_on_objects_of_others() {
    let database = Cluster::shared().database("installation_closed");
    let mut session = database.connect();
    let path = segrec_tests::repository().join("sql/schema/closed.sql");
    let last = std::fs::read_to_string(path).unwrap();
    session.run(&last);
    session.run(
        "CREATE SCHEMA rival; CREATE TYPE rival.number AS (value integer);
         CREATE FUNCTION public.made(rival.number) RETURNS integer LANGUAGE sql AS 'SELECT 1';
         ALTER EXTENSION pg_segrec ADD FUNCTION public.made(rival.number)",
    );
    let error = session.expect_error(&last);
    assert_eq!(
        error.message(),
        "pg_segrec would depend on objects that do not belong to it: type rival.number"
    );
    assert_eq!(error.hint(), Some("Prevent changes of the schema while CREATE EXTENSION runs."));
    session.run("ALTER EXTENSION pg_segrec DROP FUNCTION public.made(rival.number)");
    session.run(&last);
}
