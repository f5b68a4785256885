//! The file by which sessions share a version is only a copy: whatever happens to it, the answers come from the tables.

use segrec_tests::{Cluster, Session, planted};
use std::fs;
use std::path::PathBuf;

/// Returns the files of a cluster's versions.
fn files(cluster: &Cluster) -> Vec<PathBuf> {
    let folder = fs::read_dir(cluster.data().join("base/pgsql_tmp")).into_iter().flatten().flatten();
    let ours = folder.map(|entry| entry.path());
    ours.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("pgsql_tmp_segrec.")).collect()
}

fn only_file(cluster: &Cluster) -> PathBuf {
    let files = files(cluster);
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

fn list(session: &mut Session) -> String {
    session.table("SELECT * FROM segrec_recommend(3::bigint, 20)")
}

#[test]
fn a_damaged_truncated_or_foreign_file_is_written_again_and_the_log_says_so() {
    let cluster = Cluster::start();
    let database = cluster.database("cache_damage");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    let expected = list(&mut session);
    let whole = fs::read(only_file(&cluster)).unwrap();
    let mut everywhere: Vec<usize> = (0..whole.len()).step_by(whole.len() / 40).collect();
    everywhere.extend([0, 8, 25, 31, whole.len() - 1]);
    let damaged = everywhere.into_iter().map(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        bytes
    });
    let cut = [0, 10, whole.len() / 2, whole.len() - 1].map(|length| whole[..length].to_vec());
    let longer = [whole.clone(), b"and more".to_vec()].concat();
    let foreign = b"not of ours, ".repeat(2000);
    let mut written_again = 0;
    for bytes in damaged.chain(cut).chain([longer, foreign]) {
        let path = only_file(&cluster);
        fs::remove_file(&path).unwrap();
        fs::write(&path, &bytes).unwrap();
        let mut session = database.connect();
        assert_eq!(list(&mut session), expected);
        // Damage to parts that this list does not read is found by a call that reads everything.
        session.run("SELECT FROM segrec_recommend_all('planted', 1)");
        let now = fs::read(only_file(&cluster)).unwrap();
        if now != bytes {
            written_again += 1;
            assert!(now == whole, "the file is written as it was");
        }
    }
    // Bytes between sections have no meaning, but few of the changed bytes are among them.
    assert!(written_again >= 40, "{written_again}");
    assert!(cluster.log().matches("will be rewritten from the model's tables").count() >= written_again);
}

#[test]
fn a_file_of_another_version_under_the_name_of_this_one_is_written_again() {
    let cluster = Cluster::start();
    let database = cluster.database("cache_exchanged");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    let of_first = list(&mut session);
    let first = fs::read(only_file(&cluster)).unwrap();
    session.run("SELECT segrec_alter_model('planted', '{\"als\": {\"regularization\": 0.3}}')");
    session.run("SELECT segrec_train('planted', 'always')");
    let of_second = list(&mut session);
    assert_ne!(of_first, of_second);
    let path = only_file(&cluster);
    let second = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, first).unwrap();
    assert_eq!(list(&mut database.connect()), of_second);
    assert!(fs::read(only_file(&cluster)).unwrap() == second, "the file is written as it was");
    assert!(
        cluster.log().contains("will be rewritten from the model's tables: it belongs to another version")
    );
}

#[test]
fn another_deployment_is_served_at_the_next_statement_and_the_old_file_goes() {
    let cluster = Cluster::start();
    let database = cluster.database("cache_deploy");
    let (mut session, mut other) = (database.connect(), database.connect());
    planted::create_and_train(&mut session);
    list(&mut other);
    let first = only_file(&cluster);
    // A statement that began with the old version ends with it.
    other.run("BEGIN; DECLARE lists CURSOR FOR SELECT * FROM segrec_recommend_all('planted', 5)");
    other.run("FETCH 3 FROM lists");
    session.run("INSERT INTO events SELECT user_id + 100000, item_id FROM events");
    session.run("SELECT segrec_train('planted', 'always')");
    list(&mut session);
    let second = only_file(&cluster);
    assert_ne!(first, second);
    other.run("FETCH ALL FROM lists; COMMIT");
    assert_eq!(list(&mut other), list(&mut session));
    session.run("SELECT segrec_drop_model('planted')");
    assert!(files(&cluster).is_empty());
}

#[test]
fn a_server_that_starts_has_no_files_and_a_replica_writes_its_own() {
    let cluster = Cluster::start();
    let database = cluster.database("cache_restart");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    let expected = list(&mut session);
    drop(session);
    cluster.kill();
    cluster.start_again();
    assert!(files(&cluster).is_empty());
    let replica = cluster.replica();
    replica.wait_for(&cluster);
    assert!(files(&replica).is_empty());
    assert_eq!(list(&mut replica.connect(database.name(), "postgres")), expected);
    only_file(&replica);
    assert_eq!(list(&mut database.connect()), expected);
}

#[test]
fn rows_that_lie_in_another_order_serve_the_same() {
    let cluster = Cluster::start();
    let database = cluster.database("cache_order");
    let mut session = database.connect();
    planted::train_blended(&mut session);
    let lists = "SELECT * FROM segrec_recommend_all('planted', 20)";
    let expected = session.table(lists);
    let file = only_file(&cluster);
    for table in ["version_items", "version_item_rows", "version_segment_items"] {
        let table = format!("segrec_catalog.{table}");
        session.run(&format!(
            "CREATE TEMP TABLE kept AS SELECT * FROM {table};
             DELETE FROM {table};
             INSERT INTO {table} SELECT * FROM kept ORDER BY md5(kept::text);
             DROP TABLE kept"
        ));
    }
    fs::remove_file(&file).unwrap();
    assert_eq!(database.connect().table(lists), expected);
    assert_eq!(only_file(&cluster), file);
}

#[test]
fn many_sessions_that_miss_a_file_write_it_once() {
    let cluster = Cluster::start();
    let database = cluster.database("cache_herd");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    let expected = list(&mut session);
    fs::remove_file(only_file(&cluster)).unwrap();
    let sessions: Vec<Session> = (0..12).map(|_| database.connect()).collect();
    std::thread::scope(|scope| {
        for mut session in sessions {
            let expected = &expected;
            scope.spawn(move || assert_eq!(&list(&mut session), expected));
        }
    });
    only_file(&cluster);
}

#[test]
fn the_file_of_a_version_that_only_an_old_transaction_sees_goes_when_it_is_written() {
    let cluster = Cluster::start();
    let database = cluster.database("cache_old");
    let (mut session, mut old) = (database.connect(), database.connect());
    planted::create_and_train(&mut session);
    let expected = list(&mut session);
    old.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    session.run("SELECT segrec_drop_model('planted')");
    assert!(files(&cluster).is_empty());
    for _ in 0..2 {
        assert_eq!(list(&mut old), expected);
        assert!(files(&cluster).is_empty());
    }
}
