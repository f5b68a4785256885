//! A statement that is cancelled at any moment ends soon and leaves nothing behind, and its session can continue.

use segrec_tests::{Cluster, Shutdown, SqlState, draws, leftovers, planted, rounds};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const LONG: [&str; 3] = [
    "SELECT segrec_train('planted', 'always')",
    "SELECT segrec_evaluate('planted')",
    "SELECT segrec_kmeans(ARRAY[user_id, item_id, user_id % 7, item_id % 5]::real[], 40) FROM events",
];

/// Returns the bytes of a process's private memory.
fn private_memory(pid: i32) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let of = |line: &str| {
        let kilobytes = line.strip_prefix("Private_Clean:").or(line.strip_prefix("Private_Dirty:"))?;
        kilobytes.trim().trim_end_matches(" kB").parse::<u64>().ok()
    };
    rollup.lines().filter_map(of).sum::<u64>() * 1024
}

#[test]
fn a_session_cancelled_at_random_moments_goes_on_at_once_and_does_not_grow() {
    let mut draw = draws("cancels");
    let cluster = Cluster::start();
    let database = cluster.database("cancels");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    let mut durations = Vec::new();
    for statement in LONG {
        let start = Instant::now();
        session.run(statement);
        durations.push(start.elapsed().as_millis() as u64);
    }
    let pid: i32 = session.value("SELECT pg_backend_pid()");
    let mut other = database.connect();
    let (mut slowest, mut cancelled, mut warm) = (Duration::ZERO, 0, 0);
    let count = rounds(200);
    for round in 0..count {
        let place = draw.usize(0..LONG.len());
        let after = Duration::from_millis(draw.u64(0..durations[place] + 1));
        let (begun, beginning) = mpsc::channel();
        let ended = std::thread::scope(|scope| {
            let work = scope.spawn(|| {
                begun.send(()).unwrap();
                let result = session.batch_execute(LONG[place]);
                (Instant::now(), result)
            });
            beginning.recv().unwrap();
            std::thread::sleep(after);
            let asked = Instant::now();
            let cancelling = other.batch_execute(&format!("SELECT pg_cancel_backend({pid})"));
            assert!(
                cancelling.is_ok(),
                "round {round}, {}: {cancelling:?}; the server's log:\n{}",
                LONG[place],
                cluster.log()
            );
            let (ended, result) = work.join().unwrap();
            match result {
                Ok(()) => None,
                Err(error) => {
                    let code = error.as_db_error().unwrap_or_else(|| panic!("{error}")).code().clone();
                    assert_eq!(code, SqlState::QUERY_CANCELED, "round {round}: {error:?}");
                    Some(ended.saturating_duration_since(asked))
                }
            }
        });
        // A cancel that came too late may hit this statement instead.
        let answered = session.batch_execute("SELECT 1");
        assert!(ended.is_none() || answered.is_ok(), "round {round}: {answered:?}");
        if let Some(took) = ended {
            cancelled += 1;
            slowest = slowest.max(took);
        }
        if round == count / 4 {
            warm = private_memory(pid);
        }
        // Drops the versions of trainings that completed.
        session.run("SELECT segrec_drop_version(model, version) FROM segrec.versions WHERE NOT deployed");
    }
    let memory = private_memory(pid);
    println!(
        "{cancelled} of {count} cancelled, the slowest ended after {slowest:?}; {warm} bytes after a quarter, {memory} at the end"
    );
    assert!(cancelled > count / 3, "{cancelled}");
    assert!(memory < warm + (16 << 20), "{warm} bytes after a quarter, {memory} at the end");
    assert_eq!(leftovers::half_written(&mut session), 0);
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    assert!(status.contains("\nThreads:\t1\n"), "{status}");
    session.run("SELECT segrec_train('planted', 'always')");
}

#[test]
fn a_training_is_ended_by_whatever_ends_a_session_and_leaves_nothing() {
    let mut draw = draws("ends");
    let cluster = Cluster::start();
    let database = cluster.database("ends");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    let start = Instant::now();
    session.run("SELECT segrec_train('planted', 'always')");
    session.run("SELECT segrec_drop_version('planted', 1)");
    let duration = start.elapsed().as_millis() as u64;
    let list = "SELECT * FROM segrec_recommend(3, 20)";
    let before = session.table(list);
    for round in 0..rounds(9) {
        let mut trainer = database.connect();
        let pid: i32 = trainer.value("SELECT pg_backend_pid()");
        let training = std::thread::spawn(move || {
            loop {
                if let Err(error) = trainer.batch_execute("SELECT segrec_train('planted', 'never')") {
                    return error;
                }
            }
        });
        std::thread::sleep(Duration::from_millis(draw.u64(0..duration)));
        match round % 3 {
            0 => session.run(&format!("SELECT pg_terminate_backend({pid})")),
            1 => cluster.restart(),
            _ => {
                cluster.stop(Shutdown::Immediate);
                cluster.start_again();
            }
        }
        let error = training.join().unwrap();
        let code = error.as_db_error().map(|error| error.code().code().to_owned());
        assert!(code.as_deref().is_none_or(|code| ["57P01", "57P02"].contains(&code)), "{error:?}");
        session = database.connect();
        assert_eq!(session.table(list), before);
        session.run("SELECT segrec_drop_version(model, version) FROM segrec.versions WHERE NOT deployed");
        assert_eq!(leftovers::half_written(&mut session), 0);
    }
}
