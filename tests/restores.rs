//! Restores in every order that `pg_restore` supports: by parallel jobs, in sections, definitions and data separately,
//! and by the owner of a database. Nothing fails and nothing is lost.

use segrec_tests::{Cluster, Database, Session, planted};
use std::path::{Path, PathBuf};

/// Creates two models with rows in every table of models, and relations made from their answers.
fn create(session: &mut Session) {
    planted::create_and_train(session);
    session.run(
        r#"CREATE TABLE people AS SELECT u AS user_id, u % 3 * 10 + u % 7 AS age FROM generate_series(1::bigint, 300) u;
           ALTER TABLE people ADD PRIMARY KEY (user_id);
           SELECT segrec_create_model('people', users => 'people', options => '{"segmentation": {"method": "hierarchical", "segments": 3}}');
           SELECT segrec_train('people'); SELECT segrec_train('planted', 'always'); SELECT segrec_train('people');
           SELECT segrec_label_segment('people', 2, 'the second'); SELECT segrec_grant('people', 'public', 'use');
           SELECT segrec_add_rule('planted', 'block', items => '{3,17}', reason => 'recalled'), segrec_add_rule('planted', 'pin', items => '{9}', place => 2, segment => 1),
                  segrec_add_rule('planted', 'boost', items => '{11}', value => 1.5), segrec_add_rule('planted', 'require', items => '{4,8}', value => 2);
           CREATE MATERIALIZED VIEW lists AS
               SELECT user_id, list.* FROM people, LATERAL segrec_recommend(user_id, 3, 'planted') list"#,
    );
    session.run(r#"CALL segrec_tune('planted', '{"als.factors": [2, 4]}', trials => 2)"#);
    session.run("CALL segrec_run_schedule('planted', 1000000)");
}

/// Returns the rows of each table of the catalog and of the materialized view, and the answers of functions.
fn everything(session: &mut Session) -> Vec<String> {
    session.run("SET extra_float_digits = 3");
    let tables: Vec<String> = session.column(
        "SELECT oid::regclass::text FROM pg_class
         WHERE relnamespace = 'segrec_catalog'::regnamespace AND relkind = 'r' AND relname <> 'jobs' ORDER BY 1",
    );
    let tables = tables.into_iter().chain(["lists".to_owned()]);
    let rows =
        |table| format!("SELECT '{table}', row::text FROM {table} AS row ORDER BY row::text COLLATE \"C\"");
    let sequences = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'segrec_catalog' AND sequencename <> 'jobs_job_seq' ORDER BY 1".to_owned();
    let lists = "SELECT * FROM segrec_recommend_all('planted', 5) ORDER BY 1, 2".to_owned();
    let everything: Vec<String> =
        tables.map(rows).chain([sequences, lists]).map(|query| session.table(&query)).collect();
    let filled = everything.iter().filter(|rows| !rows.is_empty()).count();
    assert!(filled >= 23, "{filled} of {}", everything.len());
    everything
}

fn run(database: &Database<'_>, program: &str, arguments: &[&str], file: &Path, role: &str) {
    let mut command = database.program(program);
    command.args(arguments).arg(if program == "pg_dump" { "--file" } else { "--dbname" });
    command.env("PGUSER", role);
    match program {
        "pg_dump" => command.arg(file),
        _ => command.arg(database.name()).arg(file),
    };
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // Before PostgreSQL 15 the schema public belongs to the bootstrap superuser, and grants on it are in every dump.
    let ours: Vec<&str> =
        said.lines().filter(|line| !line.ends_with("no privileges were granted for \"public\"")).collect();
    assert!(output.status.success() && ours.is_empty(), "{program} {arguments:?}: {said}");
}

/// Returns the path of a dump that is removed with the cluster.
fn file(cluster: &Cluster, name: &str) -> PathBuf {
    cluster.data().join("..").join(name)
}

#[test]
fn a_restore_by_several_jobs_or_in_parts_brings_everything_back() {
    let cluster = Cluster::shared();
    let database = cluster.database("restores_from");
    let mut session = database.connect();
    create(&mut session);
    let before = everything(&mut session);
    let dump = file(cluster, "restores.dump");
    run(&database, "pg_dump", &["--format=custom"], &dump, "postgres");
    let sections = ["--section=pre-data", "--section=data", "--section=post-data"];
    let ways: [&[&[&str]]; 4] = [
        &[&["--jobs=4"]],
        &[&[sections[0]], &[sections[1], "--jobs=4"], &[sections[2], "--jobs=2"]],
        &[&["--schema-only"], &["--data-only", "--jobs=4"]],
        &[&["--schema-only"], &["--data-only", "--disable-triggers", "--single-transaction"]],
    ];
    for (number, steps) in ways.iter().enumerate() {
        let restored = cluster.empty_database(&format!("restores_to_{number}"));
        for step in *steps {
            run(&restored, "pg_restore", step, &dump, "postgres");
        }
        let mut session = restored.connect();
        if steps[0] == ["--schema-only"] {
            // PostgreSQL refreshes it while restoring the definitions, when there are no data yet.
            session.run("REFRESH MATERIALIZED VIEW lists");
        }
        assert_eq!(everything(&mut session), before, "{steps:?}");
        // Training continues, with keys that are not in use.
        session.run("SELECT segrec_train('planted', 'always'); SELECT segrec_train('people')");
        session.run(
            "SELECT segrec_label_segment('people', 1, 'first'); SELECT segrec_drop_version('planted', 1)",
        );
        session.run("SELECT segrec_create_model('third', 'events'); SELECT segrec_drop_model('people')");
    }
}

#[test]
fn the_owner_of_a_database_restores_with_the_rights_that_operations_names() {
    let cluster = Cluster::start();
    let database = cluster.empty_database("restores_owned");
    let target = cluster.empty_database("restores_owned_to");
    let mut admin = database.connect();
    admin.run("CREATE ROLE shop_owner LOGIN");
    for database in [&database, &target] {
        admin.run(&format!("ALTER DATABASE \"{}\" OWNER TO shop_owner", database.name()));
        database.connect().run("GRANT CREATE ON SCHEMA public TO shop_owner");
    }
    let mut owner = database.connect_as("shop_owner");
    owner.run("CREATE EXTENSION pg_segrec");
    create(&mut owner);
    let before = everything(&mut admin);
    let dump = file(&cluster, "owned.dump");
    // Without any right to the catalog, everything except models is dumped.
    run(
        &database,
        "pg_dump",
        &["--format=custom", "--exclude-schema=segrec_catalog", "--exclude-table=lists"],
        &dump,
        "shop_owner",
    );
    run(&target, "pg_restore", &["--jobs=4", "--no-comments"], &dump, "shop_owner");
    let mut there = target.connect();
    assert_eq!(there.table("SELECT count(*) FROM segrec.models"), "0");
    there.run("DROP EXTENSION pg_segrec CASCADE; DROP TABLE events, people");
    // The owner is given the rights for the time of the dump and the restore.
    admin.run("GRANT pg_read_all_data TO shop_owner");
    run(&database, "pg_dump", &["--format=custom"], &dump, "shop_owner");
    admin.run("REVOKE pg_read_all_data FROM shop_owner");
    let mut owner = target.connect_as("shop_owner");
    owner.run("CREATE EXTENSION pg_segrec");
    there.run(
        "GRANT INSERT ON ALL TABLES IN SCHEMA segrec_catalog TO shop_owner;
         GRANT UPDATE ON ALL SEQUENCES IN SCHEMA segrec_catalog TO shop_owner",
    );
    run(&target, "pg_restore", &["--jobs=4"], &dump, "shop_owner");
    there.run(
        "REVOKE INSERT ON ALL TABLES IN SCHEMA segrec_catalog FROM shop_owner;
         REVOKE UPDATE ON ALL SEQUENCES IN SCHEMA segrec_catalog FROM shop_owner",
    );
    assert_eq!(everything(&mut there), before);
    owner.run("SELECT segrec_train('planted')");
}
