//! Out of memory: every function succeeds or ends with an error of its statement or, at worst, of its session, and the
//! server stays up.

use crate::endless::{WORST, world};
use segrec_tests::{Cluster, Session, SqlState, draws, limit_addresses, limited_group, remove_group, rounds};

/// The memory limits in megabytes above what a session has already: from less than loading the library takes to more
/// than its worst input does.
const HEIGHTS: std::ops::Range<u64> = 1..400;

/// The memory limits of a control group in megabytes: from what PostgreSQL's own part of a statement takes to more than
/// the worst input does.
const IN_GROUPS: std::ops::Range<u64> = 48..300;

/// The statements that keep the most memory, which are run with more limits.
const HUNGRY: [&str; 12] = [
    "SELECT segrec_gini(x) FROM own.rows, generate_series(1, 40)",
    "SELECT segrec_auc(x, yes) FROM own.rows, generate_series(1, 40)",
    "SELECT segrec_adjusted_rand(label || i, label) FROM own.rows, generate_series(1, 10) i",
    "SELECT segrec_kmeans(features, 4096) FROM own.long_points, generate_series(1, 60)",
    "SELECT segrec_silhouette(features, g) FROM own.long_points, generate_series(1, 60)",
    "SELECT segrec_davies_bouldin(features, g) FROM own.long_points, generate_series(1, 60)",
    "SELECT segrec_gini(x) FROM own.rows GROUP BY g % 5000",
    "SELECT segrec_gini(x) OVER (ORDER BY g) FROM own.rows LIMIT 3000",
    "SELECT length(centroids::segrec_clusters::text) FROM own.input",
    "SELECT segrec_ndcg(texts, texts) FROM own.input",
    "SELECT segrec_train('deep', 'always')",
    "SELECT count(*) FROM segrec_recommend(7, 2000000000, 'deep', diversity => 0.5)",
];

/// The number of statements with each result.
#[derive(Default, Debug)]
struct Ends {
    answered: usize,
    refused: usize,
    timed_out: usize,
    session_ended: usize,
    other: usize,
}

impl Ends {
    /// Runs a statement in a session that is limited to the given number of megabytes.
    fn run(&mut self, cluster: &Cluster, session: &mut Session, statement: &str, megabytes: u64) {
        session.run("SET statement_timeout = '1500ms'");
        let Err(error) = session.batch_execute(statement) else {
            self.answered += 1;
            return;
        };
        let described = format!("{statement} with {megabytes} MB: {error:?}");
        let Some(error) = error.as_db_error() else { panic!("{described}\n{}", cluster.log()) };
        match (error.severity(), error.code()) {
            ("FATAL", code) => {
                assert_eq!(code, &SqlState::OUT_OF_MEMORY, "{described}");
                self.session_ended += 1;
            }
            (_, code) if *code == SqlState::OUT_OF_MEMORY => self.refused += 1,
            (_, code) if *code == SqlState::QUERY_CANCELED => self.timed_out += 1,
            (_, code) => {
                assert_ne!(code, &SqlState::INTERNAL_ERROR, "{described}");
                self.other += 1;
            }
        }
    }
}

#[test]
fn with_any_limit_of_memory_a_function_answers_or_fails_and_the_server_lives() {
    let mut draw = draws("memory");
    let cluster = Cluster::start();
    let (database, session) = world(&cluster);
    drop(session);
    let mut watcher = database.connect();
    let started: String = watcher.value("SELECT pg_postmaster_start_time()::text");
    let mut ends = Ends::default();
    for _ in 0..rounds(1) {
        let all = WORST.iter().map(|(_, statement)| *statement);
        for statement in all.chain(HUNGRY).chain(HUNGRY).chain(HUNGRY) {
            let mut session = database.connect_as("endless_nobody");
            if draw.bool() {
                // The library is loaded before the limit is set.
                session.run("SELECT segrec_precision('{1}'::bigint[], '{1}')");
            }
            let megabytes = draw.u64(HEIGHTS);
            limit_addresses(&cluster, session.value("SELECT pg_backend_pid()"), megabytes << 20);
            ends.run(&cluster, &mut session, statement, megabytes);
        }
    }
    println!("{ends:?}");
    assert!(ends.answered > 0 && ends.refused > 0, "{ends:?}");
    assert_eq!(watcher.value::<String>("SELECT pg_postmaster_start_time()::text"), started);
    assert!(!cluster.log().contains("terminated by signal"), "{}", cluster.log());
}

/// Only one of this many statements is run in a control group, drawn anew each time, because a group has to empty
/// before the next one.
const SHARE_IN_GROUPS: u64 = 4;

#[test]
fn in_a_control_group_without_room_a_function_answers_or_fails_and_the_server_lives() {
    if rounds(1) == 1 {
        println!("skipped: a part of make soak, since a full group may also end what PostgreSQL itself does");
        return;
    }
    let mut draw = draws("memory_group");
    // Shared memory counts for the group of the first process that touches it.
    let cluster = Cluster::configure().set("shared_buffers", "8MB").start();
    let (database, session) = world(&cluster);
    drop(session);
    let mut watcher = database.connect();
    let started: String = watcher.value("SELECT pg_postmaster_start_time()::text");
    let mut ends = Ends::default();
    for _ in 0..rounds(1) {
        // PostgreSQL copies the literals of a statement itself, without a check of whether there is room.
        let of_tables =
            WORST.iter().map(|(_, statement)| *statement).filter(|text| !text.contains("repeat("));
        let all = of_tables.filter(|_| draw.u64(0..SHARE_IN_GROUPS) == 0);
        for statement in all.collect::<Vec<_>>().into_iter().chain(HUNGRY) {
            let mut session = database.connect_as("endless_nobody");
            // A parallel worker would not be in the group, and so not see how little room its leader has for its state.
            session.run(
                "SET max_parallel_workers_per_gather = 0; SELECT segrec_precision('{1}'::bigint[], '{1}')",
            );
            let megabytes = draw.u64(IN_GROUPS);
            let Some(group) = limited_group(session.value("SELECT pg_backend_pid()"), megabytes << 20) else {
                println!("skipped: no control group can be made here");
                return;
            };
            ends.run(&cluster, &mut session, statement, megabytes);
            drop(session);
            remove_group(&group);
        }
    }
    println!("{ends:?}");
    assert!(ends.answered > 0 && ends.refused > 0, "{ends:?}");
    assert_eq!(watcher.value::<String>("SELECT pg_postmaster_start_time()::text"), started);
    assert!(!cluster.log().contains("terminated by signal"), "{}", cluster.log());
}

#[test]
fn what_the_system_does_not_give_is_an_error_that_says_how_much_was_asked_for() {
    let cluster = Cluster::start();
    let database = cluster.database("memory_asked");
    let mut session = database.connect();
    session.run("SELECT segrec_gini(g) FROM generate_series(1, 10) g");
    let pid: i32 = session.value("SELECT pg_backend_pid()");
    limit_addresses(&cluster, pid, 40 << 20);
    for statement in [
        "SELECT segrec_gini(g) FROM generate_series(1, 9000000) g",
        "SELECT segrec_adjusted_rand(g, g) FROM generate_series(1, 3000000) g",
    ] {
        let error = session.expect_error(statement);
        assert_eq!(error.code(), &SqlState::OUT_OF_MEMORY, "{error:?}");
        assert!(error.message().starts_with("the state of an aggregate requires about "), "{error:?}");
        assert!(error.message().ends_with(" MB, more than the system provides"), "{error:?}");
        assert_eq!(error.hint(), Some("Raise that limit, or process fewer rows or shorter arrays."));
        // Half of the memory was in use, and is released.
        session.run("SELECT segrec_gini(g) FROM generate_series(1, 1000) g");
    }
    assert_eq!(session.value::<i32>("SELECT pg_backend_pid()"), pid);
}

#[test]
fn aggregates_hold_what_work_mem_allows_and_a_quarter_of_a_gigabyte() {
    let database = Cluster::shared().database("memory_bound");
    let mut session = database.connect();
    let many = "SELECT segrec_gini(g) FROM generate_series(1, 17000000) g";
    let error = session.expect_error(many);
    assert_eq!(error.code(), &SqlState::OUT_OF_MEMORY, "{error:?}");
    assert_eq!(error.message(), "aggregates require about 384 MB, more than they may use");
    assert_eq!(
        error.detail(),
        Some(
            "The aggregates of a session may use 256 MB in total, which depends on work_mem and hash_mem_multiplier."
        )
    );
    assert_eq!(
        error.hint(),
        Some("Raise work_mem, or aggregate fewer rows at once or a sample of them (TABLESAMPLE).")
    );
    // Memory of the failed statement no longer counts.
    session.run("SET work_mem = '500MB'");
    session.run(many);
}
