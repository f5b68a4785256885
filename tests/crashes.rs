//! A server that is killed at any moment of a training, a deployment or a drop restarts with the version that was
//! deployed last, and with nothing half-written.

use segrec_tests::{Cluster, Session, draws, leftovers, planted, rounds};
use std::sync::Mutex;
use std::time::Duration;

/// The state after the last statement that was answered, and the statement in progress.
#[derive(Clone, Debug, Default)]
struct Known {
    deployed: i32,
    list: String,
    last_version: i32,
    under_way: &'static str,
}

const LIST: &str =
    "SELECT string_agg(item_id || ' ' || score, ',' ORDER BY rank) FROM segrec_recommend(3, 10, 'planted')";

/// Statements that are run in a loop on two models, one of which is created and dropped.
const WORK: [&str; 6] = [
    "SELECT segrec_train('planted', 'always')",
    "SELECT segrec_create_model('other', 'events', options => '{\"algorithm\": \"als\", \"als\": {\"factors\": 8}}')",
    "SELECT segrec_train('other')",
    "SELECT segrec_rollback('planted')",
    "SELECT segrec_drop_version('planted', min(version)) FROM segrec.versions WHERE model = 'planted' AND NOT deployed",
    "SELECT segrec_drop_model('other')",
];

fn look(session: &mut Session, under_way: &'static str) -> Result<Known, postgres::Error> {
    let state =
        "SELECT v.version, last_version FROM segrec.versions v JOIN segrec_catalog.models ON name = model
                 WHERE model = 'planted' AND deployed";
    let row = session.query_one(state, &[])?;
    let list: String = session.query_one(LIST, &[])?.get(0);
    Ok(Known { deployed: row.get(0), last_version: row.get(1), list, under_way })
}

/// Runs the statements until the connection to the server is lost.
fn work(session: &mut Session, known: &Mutex<Known>) -> Result<(), postgres::Error> {
    session.batch_execute(
        "DO $$BEGIN PERFORM segrec_drop_model(model) FROM segrec.models WHERE model = 'other'; END$$",
    )?;
    loop {
        for statement in WORK {
            known.lock().unwrap().under_way = statement;
            session.batch_execute(statement)?;
            *known.lock().unwrap() = look(session, "")?;
        }
    }
}

#[test]
fn a_server_killed_at_any_moment_serves_the_last_deployed_version_and_keeps_nothing_half_written() {
    let mut draw = draws("crashes");
    let cluster = Cluster::start();
    let database = cluster.database("crashes");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    session.run("SELECT segrec_train('planted', 'always')");
    let start = std::time::Instant::now();
    session.run("SELECT segrec_train('planted', 'always')");
    // A round of statements takes as long as about three trainings.
    let longest = 3 * start.elapsed().as_millis() as u64;
    let known = Mutex::new(look(&mut session, "").unwrap());
    let mut interrupted = std::collections::BTreeMap::new();
    for round in 0..rounds(50) {
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| work(&mut session, &known));
            std::thread::sleep(Duration::from_millis(draw.u64(0..longest)));
            cluster.kill();
            let error = worker.join().unwrap().unwrap_err();
            assert!(
                error.as_db_error().is_none_or(|error| ["57P01", "57P02"].contains(&error.code().code())),
                "{error:?}"
            );
        });
        cluster.start_again();
        session = database.connect();
        let before = known.lock().unwrap().clone();
        *interrupted.entry(before.under_way).or_insert(0) += 1;
        let now = look(&mut session, "").unwrap();
        if now.deployed == before.deployed {
            assert_eq!(now.list, before.list, "round {round}, {}", before.under_way);
        } else {
            // The statement in progress had just committed.
            let may_be = match before.under_way {
                train if train == WORK[0] => now.deployed == before.last_version + 1,
                rollback if rollback == WORK[3] => now.deployed <= before.last_version,
                _ => false,
            };
            assert!(may_be, "round {round}: {before:?}, {now:?}");
        }
        assert_eq!(leftovers::half_written(&mut session), 0, "round {round}, {}", before.under_way);
        *known.lock().unwrap() = now;
    }
    // Only files of deployed versions of existing models are left.
    let left = leftovers::shared_files(&cluster);
    assert!(left.len() <= 2 && left.iter().all(|name| name.starts_with("pgsql_tmp_segrec")), "{left:?}");
    println!("killed during: {interrupted:#?}");
}
