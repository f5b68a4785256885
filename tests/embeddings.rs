//! Columns of embeddings: `examples/embed_texts.py` fills them from the queue of docs/embeddings.md, and models read
//! them whatever their type.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::documentation::blocks_of;
use segrec_tests::{Cluster, Database, Session, packages, repository};

/// Products 1 to 10 have quick texts, 11 to 20 slow ones, 21 to 25 quick ones. The column, the queue and the triggers
/// are those of the document.
fn shop(name: &str) -> (Database<'static>, Session) {
    let page = fs::read_to_string(repository().join("docs/embeddings.md")).unwrap();
    let queue = blocks_of(&page).into_iter().map(|block| block.sql);
    let queue: Vec<String> =
        queue.filter(|sql| sql.contains("CREATE TABLE products_embedding_queue")).collect();
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
    let mut program = database.client(packages::python().join("bin/python"));
    program
        .args(["examples/embed_texts.py", "products", "--text", "concat_ws(' ', name, category)", "--once"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
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
    program.env("PYTHONPATH", folder).env("FOLDER", folder).args([
        "--encoder",
        "letters:encode",
        "--batch",
        "10",
    ]);
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

const EMBEDDED: &str =
    "SELECT count(embedding), (SELECT count(*) FROM products_embedding_queue) FROM products";

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
    assert_eq!(
        session.column::<i64>("SELECT id FROM products_embedding_queue ORDER BY place"),
        [31, 32, 33, 34, 1, 1]
    );
    session.run("INSERT INTO products_embedding_queue (id) VALUES (2)");
    let before: Vec<f32> = session.value("SELECT embedding FROM products WHERE id = 1");
    assert_eq!(finished(&program(&database).output().unwrap()), "5 rows embedded");
    assert_eq!(session.table(EMBEDDED), "26|0");
    assert_ne!(before, session.value::<Vec<f32>>("SELECT embedding FROM products WHERE id = 1"));
    assert_eq!(
        session.column::<i64>("SELECT id FROM products WHERE embedding IS NULL ORDER BY id"),
        [33, 34]
    );
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

/// Types that write and read texts, and cast, like those of pgvector.
fn create_types(session: &mut Session) {
    for name in ["vector", "halfvec", "sparsevec"] {
        session.run(&format!(
            "CREATE TYPE {name};
             CREATE FUNCTION {name}_in(cstring) RETURNS {name} IMMUTABLE STRICT LANGUAGE internal AS 'textin';
             CREATE FUNCTION {name}_out({name}) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'textout';
             CREATE TYPE {name} (INPUT = {name}_in, OUTPUT = {name}_out);"
        ));
    }
    for name in ["vector", "halfvec"] {
        session.run(&format!(
            "CREATE FUNCTION reals({name}) RETURNS real[] IMMUTABLE LANGUAGE sql AS $$ SELECT translate($1::text, '[]', '{{}}')::real[] $$;
             CREATE CAST ({name} AS real[]) WITH FUNCTION reals({name}) AS ASSIGNMENT"
        ));
    }
}

/// A database with pgvector, or with stand-ins for its types where the server has none.
fn with_pgvector(name: &str) -> (Database<'static>, Session) {
    let database = Cluster::shared().database(name);
    let mut session = database.connect();
    match session.value("SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector')") {
        true => session.run("CREATE EXTENSION vector"),
        false => create_types(&mut session),
    }
    (database, session)
}

/// 60 things in three groups with an embedding of each type, and 90 users, who take things of one group.
const THINGS: &str = "
    CREATE TABLE things AS
    SELECT id, reals, reals::float8[] AS doubles, translate(reals::text, '{}', '[]')::vector AS vector,
           translate(reals::text, '{}', '[]')::halfvec AS half,
           format('{%s:1,%s:0.5}/1000', id % 3 + 1, id % 7 + 500)::sparsevec AS sparse
    FROM (SELECT id, ARRAY[(id % 3 = 0)::int, (id % 3 = 1)::int, (id % 3 = 2)::int, id % 7 / 8.0]::real[] AS reals
          FROM generate_series(1::bigint, 60) AS id) AS drawn;
    CREATE TABLE takes AS
    SELECT u AS user_id, id AS item_id FROM generate_series(1::bigint, 90) AS u, things
    WHERE u % 3 = id % 3 AND hashint8(u * 1000 + id) % 2 = 0 OR hashint8(u * 1000 + id) % 29 = 0";

fn of_things(column: &str) -> String {
    format!(
        "SELECT segrec_create_model('{column}', 'takes', items => 'things', items_key => 'id', options =>
            '{{\"algorithm\": \"content\", \"segmentation\": {{\"method\": \"none\"}}, \"items\": {{\"features\": [\"{column}\"]}}}}')"
    )
}

#[test]
fn embeddings_of_items_are_read_from_every_type_that_holds_them() {
    let (_database, mut session) = with_pgvector("embeddings_items");
    session.run(THINGS);
    let mut lists = Vec::new();
    for (column, kind) in [
        ("reals", "vector"),
        ("doubles", "vector"),
        ("vector", "vector"),
        ("half", "vector"),
        ("sparse", "sparse_vector"),
    ] {
        session.run(&of_things(column));
        session.run(&format!("SELECT segrec_train('{column}', 'always')"));
        let read = session.table(&format!(
            "SELECT column_name, kind, weight FROM segrec.item_features WHERE model = '{column}'"
        ));
        assert_eq!(read, format!("{column}|{kind}|1"));
        let similar =
            format!("SELECT bool_and(item_id % 3 = 1) FROM segrec_similar_items(4, 10, '{column}')");
        assert_eq!(session.table(&similar), "t", "{column}");
        lists.push(session.table(&format!("SELECT item_id FROM segrec_recommend(7, 10, '{column}')")));
    }
    assert!(lists[..4].iter().all(|list| *list == lists[0]), "{lists:?}");
}

#[test]
fn embeddings_of_users_make_segments_from_every_type_that_holds_them() {
    let (_database, mut session) = with_pgvector("embeddings_users");
    session.run(THINGS);
    for column in ["reals", "doubles", "vector", "half"] {
        session.run(&format!(
            "SELECT segrec_create_model('{column}', users => 'things', users_key => 'id', options =>
                '{{\"segmentation\": {{\"on\": \"attributes\", \"method\": \"kmeans\", \"segments\": 3, \"features\": [\"{column}\"]}}}}');
             SELECT segrec_train('{column}')"
        ));
        assert_eq!(
            session.table(&format!(
                "SELECT count(*), count(DISTINCT segment), bool_and(classified = segment)
                 FROM (SELECT id % 3 AS kind, segrec_segment_of(id, '{column}') AS segment,
                              segrec_classify('{column}', to_jsonb(things)) AS classified FROM things) AS found"
            )),
            "60|3|t",
            "{column}"
        );
    }
    let error = session.expect_error(
        "SELECT segrec_create_model('sparse', users => 'things', users_key => 'id', options =>
            '{\"segmentation\": {\"on\": \"attributes\", \"features\": [\"sparse\"]}}')",
    );
    assert!(error.detail().unwrap().contains("\"sparse\" is sparsevec"), "{error:?}");
}

#[test]
fn sparse_vectors_that_are_wrong_are_null_or_an_error_that_names_the_column() {
    let database = Cluster::shared().database("embeddings_sparse");
    let mut session = database.connect();
    create_types(&mut session);
    session.run(THINGS);
    session.run(&of_things("sparse"));
    session.run(
        "UPDATE things SET sparse = '{1:NaN,2:1}/1000' WHERE id = 10; UPDATE things SET sparse = '{}/1000' WHERE id = 13;
         UPDATE things SET sparse = NULL WHERE id = 16; SELECT segrec_train('sparse')",
    );
    let notices: Vec<String> = session.notices().iter().map(|notice| notice.message().to_owned()).collect();
    let not_finite = "1 values of \"sparse\" of \"things\" are not finite and are treated as null";
    assert!(notices.iter().any(|notice| notice == not_finite), "{notices:?}");
    // Nothing is known about these three, so nothing resembles them.
    let similar =
        "SELECT count(*) FROM unnest('{10,13,16}'::bigint[]) AS id, segrec_similar_items(id, 5, 'sparse')";
    assert_eq!(session.value::<i64>(similar), 0);
    for (wrong, said) in [
        ("{1:1}/999", "column \"sparse\" has vectors with 1000 and 999 dimensions"),
        ("garbage", "column \"sparse\" contains a text that is not a sparse vector such as {1:0.5,7:2}/1000"),
    ] {
        session.run(&format!("UPDATE things SET sparse = '{wrong}' WHERE id = 60"));
        assert_eq!(session.expect_error("SELECT segrec_train('sparse')").message(), said);
    }
}
