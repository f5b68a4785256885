//! Columns of embeddings: `examples/embed_texts.py` fills them from the queue of docs/embeddings.md, and models read
//! them whatever their type.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::documentation::blocks_of;
use segrec_tests::{Cluster, Database, Session, python, repository};

/// Products 1 to 10 have quick texts, 11 to 20 slow ones, 21 to 25 quick ones. The column, the queue and the triggers
/// are those of the document.
fn shop(name: &str) -> (Database<'static>, Session) {
    let page = fs::read_to_string(repository().join("docs/embeddings.md")).unwrap();
    let queue = blocks_of(&page).into_iter().map(|block| block.sql);
    let queue: Vec<String> = queue.filter(|sql| sql.contains("CREATE TABLE products_embedding_queue")).collect();
    assert_eq!(queue.len(), 1);
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    session.run(
        "CREATE TABLE products (id bigint PRIMARY KEY, name text, category text, price int);
         INSERT INTO products SELECT id, format('%s tent %s', CASE WHEN id BETWEEN 11 AND 20 THEN 'slow' ELSE 'quick' END, id), 'camping', 1
         FROM generate_series(1, 25) AS id",
    );
    session.run(&queue[0]);
    session.run("INSERT INTO products_embedding_queue (id) SELECT id FROM products ORDER BY id");
    (database, session)
}

/// The program, which ends when the queue is empty.
fn program(database: &Database<'_>) -> Command {
    let psql = database.program("psql");
    let mut program = Command::new(python::environment().join("bin/python"));
    program
        .args(["examples/embed_texts.py", "products", "--text", "concat_ws(' ', name, category)", "--once"])
        .current_dir(repository())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in psql.get_envs() {
        match value {
            Some(value) => program.env(name, value),
            None => program.env_remove(name),
        };
    }
    program
}

/// The program with an encoder of its own: the number of letters of a text, and 1. At a slow text it makes the file
/// `begun` in the folder, and waits there for the file `go`.
fn slow_program(database: &Database<'_>, folder: &Path) -> Command {
    let encoder = "import os, pathlib, time\n\
        folder = pathlib.Path(os.environ['FOLDER'])\n\
        def encode(texts):\n    \
            if any('slow' in text for text in texts):\n        \
                (folder / 'begun').touch()\n        \
                while not (folder / 'go').exists():\n            \
                    time.sleep(0.01)\n    \
            return [[len(text), 1] for text in texts]\n";
    fs::write(folder.join("letters.py"), encoder).unwrap();
    let mut program = program(database);
    program.env("PYTHONPATH", folder).env("FOLDER", folder).args(["--encoder", "letters:encode", "--batch", "10"]);
    program
}

fn finished(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// Waits until the program is at a slow text.
fn wait_until_begun(child: &mut Child, folder: &Path) {
    while !folder.join("begun").exists() {
        assert!(child.try_wait().unwrap().is_none(), "the program ended");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

const EMBEDDED: &str = "SELECT count(embedding), (SELECT count(*) FROM products_embedding_queue) FROM products";

#[test]
fn texts_are_embedded_once_and_again_when_they_change() {
    let (database, mut session) = shop("embeddings_queue");
    assert_eq!(finished(&program(&database).output().unwrap()), "25 rows embedded");
    assert_eq!(session.table(EMBEDDED), "25|0");
    assert_eq!(
        session.table(
            "SELECT DISTINCT cardinality(embedding), abs((SELECT sum(x * x) FROM unnest(embedding) x) - 1) < 1e-5 FROM products"
        ),
        "256|t"
    );
    // The model knows that a tent is for camping, though the words differ.
    session.run(
        "INSERT INTO products VALUES (31, 'campsite', NULL, 1), (32, 'sonata', NULL, 1), (33, ' - ', NULL, 1), (34, NULL, NULL, 1);
         UPDATE products SET price = 2; UPDATE products SET name = name WHERE id < 5;
         UPDATE products SET name = 'a sleeping bag' WHERE id = 1; DELETE FROM products WHERE id = 2",
    );
    session.run("UPDATE products SET name = 'a warm sleeping bag' WHERE id = 1");
    assert_eq!(session.column::<i64>("SELECT id FROM products_embedding_queue ORDER BY place"), [31, 32, 33, 34, 1, 1]);
    session.run("INSERT INTO products_embedding_queue (id) VALUES (2)");
    let before: Vec<f32> = session.value("SELECT embedding FROM products WHERE id = 1");
    assert_eq!(finished(&program(&database).output().unwrap()), "5 rows embedded");
    assert_eq!(session.table(EMBEDDED), "26|0");
    assert_ne!(before, session.value::<Vec<f32>>("SELECT embedding FROM products WHERE id = 1"));
    assert_eq!(session.column::<i64>("SELECT id FROM products WHERE embedding IS NULL ORDER BY id"), [33, 34]);
    let cosine = |other: i32| {
        format!(
            "SELECT sum(x * y)::float8 FROM products a, products b, unnest(a.embedding, b.embedding) AS pair (x, y)
             WHERE a.id = 3 AND b.id = {other}"
        )
    };
    assert!(session.value::<f64>(&cosine(31)) > session.value::<f64>(&cosine(32)) + 0.2);
}

#[test]
fn a_program_that_is_killed_loses_its_batch_only_and_others_take_the_rest() {
    let (database, mut session) = shop("embeddings_killed");
    let folder = tempfile::tempdir().unwrap();
    let mut child = slow_program(&database, folder.path()).spawn().unwrap();
    wait_until_begun(&mut child, folder.path());
    assert_eq!(session.table(EMBEDDED), "10|15");
    // Another one skips what the first holds.
    assert_eq!(finished(&slow_program(&database, folder.path()).output().unwrap()), "5 rows embedded");
    assert_eq!(session.table(EMBEDDED), "15|10");
    child.kill().unwrap();
    child.wait().unwrap();
    session.wait_until(
        "SELECT count(*) = 10 FROM (SELECT FROM products_embedding_queue FOR UPDATE SKIP LOCKED) AS free",
    );
    assert_eq!(session.table(EMBEDDED), "15|10");
    fs::write(folder.path().join("go"), "").unwrap();
    assert_eq!(finished(&slow_program(&database, folder.path()).output().unwrap()), "10 rows embedded");
    assert_eq!(session.table(EMBEDDED), "25|0");
}

#[test]
fn a_text_that_changes_while_it_is_embedded_is_not_blocked_and_keeps_the_newer_embedding() {
    let (database, mut session) = shop("embeddings_changed");
    let folder = tempfile::tempdir().unwrap();
    let mut child = slow_program(&database, folder.path()).spawn().unwrap();
    wait_until_begun(&mut child, folder.path());
    session.run("SET lock_timeout = '10s'; UPDATE products SET name = 'quick' WHERE id = 15");
    assert_eq!(finished(&slow_program(&database, folder.path()).output().unwrap()), "6 rows embedded");
    let newer = "SELECT embedding = ARRAY[length('quick camping'), 1]::real[] FROM products WHERE id = 15";
    assert!(session.value::<bool>(newer));
    fs::write(folder.path().join("go"), "").unwrap();
    assert_eq!(finished(&child.wait_with_output().unwrap()), "19 rows embedded");
    assert!(session.value::<bool>(newer));
    assert_eq!(session.table(EMBEDDED), "25|0");
}
