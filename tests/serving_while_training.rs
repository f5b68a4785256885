//! Sessions continue to recommend while the model is trained and deployed repeatedly, and while the server is killed in
//! between.

use postgres::Error;
use segrec_tests::{Cluster, Database, leftovers, planted};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const CYCLES: i64 = 20;
const READERS: usize = 3;

/// Stops the readers even if the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Whether the connection was lost: a killed server closes connections, and refuses new ones while it starts.
fn is_lost_connection(error: &Error) -> bool {
    error.as_db_error().is_none_or(|error| ["57P01", "57P02", "57P03"].contains(&error.code().code()))
}

/// Recommends for many users in one statement, repeatedly, and returns the generations that it saw, in order.
fn read(cluster: &Cluster, database: &Database<'_>, stop: &AtomicBool) -> Vec<i64> {
    // Short sleeps allow a deployment in the middle of a statement.
    let statement = "SELECT array_agg(DISTINCT item_id / 1000), count(*)
        FROM generate_series(0::bigint, 49) u, LATERAL (SELECT pg_sleep(0.0004 * (u % 2)) OFFSET 0) moment,
             LATERAL segrec_recommend(u, 5)";
    let mut seen = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let mut session = match cluster.try_connect(database.name(), "postgres") {
            Ok(session) => session,
            Err(error) => {
                assert!(is_lost_connection(&error), "{error:?}");
                thread::sleep(Duration::from_millis(10));
                continue;
            }
        };
        while !stop.load(Ordering::Relaxed) {
            match session.query_one(statement, &[]) {
                Ok(row) => {
                    let generations: Vec<i64> = row.get(0);
                    assert_eq!((generations.len(), row.get::<_, i64>(1)), (1, 250), "{generations:?}");
                    seen.extend(generations);
                }
                Err(error) => {
                    assert!(is_lost_connection(&error), "{error:?}");
                    break;
                }
            }
        }
    }
    seen.dedup();
    seen
}

#[test]
fn readers_see_whole_versions_and_nothing_else_while_models_change_and_servers_die() {
    let cluster = Cluster::start();
    let database = cluster.database("churn");
    let mut session = database.connect();
    planted::create(&mut session);
    // Each generation has its own item numbers. A view has no index, so events are not read at serving time.
    session.run(&format!(
        "CREATE TABLE generation (number bigint NOT NULL);
         INSERT INTO generation VALUES (0);
         CREATE VIEW generated AS SELECT user_id, item_id + 1000 * number AS item_id FROM events, generation;
         SELECT segrec_create_model('churn', 'generated', options => '{}');
         SELECT segrec_train('churn', 'always')",
        planted::OPTIONS
    ));
    let stopped = AtomicBool::new(false);
    let seen: Vec<Vec<i64>> = thread::scope(|scope| {
        let stop = Stop(&stopped);
        let readers: Vec<_> =
            (0..READERS).map(|_| scope.spawn(|| read(&cluster, &database, &stopped))).collect();
        for cycle in 1..=CYCLES {
            session.run("UPDATE generation SET number = number + 1");
            if cycle % 4 == 0 {
                // The server is killed during a training.
                let training = scope.spawn(|| {
                    let mut session = database.connect();
                    session.batch_execute("SELECT segrec_train('churn', 'always')")
                });
                thread::sleep(Duration::from_millis(20 * cycle as u64));
                cluster.kill();
                if let Err(error) = training.join().unwrap() {
                    assert!(is_lost_connection(&error), "{error:?}");
                }
                cluster.start_again();
                session = database.connect();
            }
            session.run("SELECT segrec_train('churn', 'always')");
        }
        // The readers have time to reach the last version.
        thread::sleep(Duration::from_millis(300));
        drop(stop);
        readers.into_iter().map(|reader| reader.join().unwrap()).collect()
    });
    for seen in &seen {
        assert!(seen.is_sorted(), "{seen:?}");
        assert!(seen.len() as i64 > CYCLES / 2 && seen.last() == Some(&CYCLES), "{seen:?}");
    }
    // Besides the tables, at most the shared file of the deployed version is left.
    let left = leftovers::shared_files(&cluster);
    assert!(left.len() <= 1 && left.iter().all(|name| name.starts_with("pgsql_tmp_segrec")), "{left:?}");
    assert_eq!(
        session.table("SELECT count(*) FILTER (WHERE deployed), max(version) >= 21 FROM segrec.versions"),
        "1|t"
    );
}
