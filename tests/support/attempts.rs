//! Makes hundreds of calls that may succeed or fail, and checks that no error is internal or a panic, that each call
//! ends soon after its timeout, and that the session survives them all.
//!
//! A call runs inside the function `attempt`, which returns its SQLSTATE and rolls back its effects; a hundred calls
//! share a round trip.

use crate::session::Session;
use postgres::SimpleQueryMessage;
use postgres::error::SqlState;
use std::collections::BTreeMap;

/// The number of calls of a round trip.
pub const BATCH: usize = 100;
/// The longest time of a call in seconds. The statement timeout is one second, so the rest is for a busy machine.
const LONGEST: f64 = 60.0;

/// The number of calls with each SQLSTATE (ZZ000 stands for success), the longest time of each routine, and the faults
/// found.
pub struct Attempts {
    process: String,
    states: BTreeMap<String, usize>,
    seconds: BTreeMap<String, f64>,
    faults: BTreeMap<String, String>,
}

/// Creates the function `attempt` for all roles.
pub fn prepare(session: &mut Session) {
    session.run(
        "CREATE FUNCTION public.attempt(call text, OUT state text, OUT said text, OUT seconds float8) LANGUAGE plpgsql AS $$
         DECLARE detail text; hint text; began timestamptz := clock_timestamp();
         BEGIN
             EXECUTE call;
             RAISE EXCEPTION USING ERRCODE = 'ZZ000';
         EXCEPTION WHEN OTHERS OR query_canceled OR assert_failure THEN
             GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, said = MESSAGE_TEXT,
                                     detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
             said := concat_ws(E'\\n', said, detail, hint);
             seconds := extract(epoch FROM clock_timestamp() - began);
         END $$;
         GRANT EXECUTE ON FUNCTION public.attempt TO PUBLIC",
    );
}

/// Identifies the process of the session and the start of its server.
fn process(session: &mut Session) -> String {
    session.table("SELECT pg_backend_pid(), pg_postmaster_start_time()")
}

/// Whether an error can only mean that the extension itself is wrong.
fn is_fault(state: &str, said: &str) -> bool {
    const TRACES: [&str; 6] = ["panicked", "backtrace", "unwrap()", "out of bounds", "overflow when", ".rs:"];
    state.starts_with("XX") || TRACES.iter().any(|trace| said.contains(trace))
}

impl Attempts {
    /// Starts without any calls, and sets the statement timeout of the session to one second.
    #[must_use]
    pub fn of(session: &mut Session) -> Self {
        session
            .run("SET client_min_messages = error; SET statement_timeout = '1s'; SET lock_timeout = '100ms'");
        let process = process(session);
        Self { process, states: BTreeMap::new(), seconds: BTreeMap::new(), faults: BTreeMap::new() }
    }

    /// Makes calls in one transaction, which begins with `before`, and rolls it back.
    #[track_caller]
    pub fn make(&mut self, session: &mut Session, before: &str, calls: &[String]) {
        let attempts: String =
            calls.iter().map(|call| format!("SELECT * FROM public.attempt($call${call}$call$);")).collect();
        let messages = match session.simple_query(&format!("BEGIN; {before}; {attempts} ROLLBACK")) {
            Ok(messages) => messages,
            // The timeout came just when `attempt` was returning.
            Err(error) if error.code() == Some(&SqlState::QUERY_CANCELED) => {
                *self.states.entry("57014".to_owned()).or_default() += calls.len();
                return session.run("ROLLBACK");
            }
            Err(error) => panic!("{error:?}\nafter {before}\nin one of\n{}", calls.join("\n")),
        };
        let mut rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some([0, 1, 2].map(|column| row.get(column).unwrap_or(""))),
            _ => None,
        });
        for call in calls {
            let [state, said, seconds] = rows.next().expect("each call is answered");
            self.count(state, said, seconds.parse().unwrap(), call, before);
        }
    }

    fn count(&mut self, state: &str, said: &str, seconds: f64, call: &str, before: &str) {
        let so_far = self.states.entry(state.to_owned()).or_default();
        *so_far += 1;
        if *so_far == 1 && std::env::var_os("SEGREC_SHOW").is_some() {
            println!("{state} {said}\n    {call}");
        }
        let routine =
            call.find("segrec_").map_or(call, |place| &call[place..]).split('(').next().unwrap_or_default();
        *self.seconds.entry(routine.to_owned()).or_default() += seconds;
        if is_fault(state, said) || seconds > LONGEST {
            let kind: String =
                said.chars().filter(|character| !character.is_ascii_digit()).take(25).collect();
            let fault = || format!("{state} after {seconds:.1} s: {said}\n  {before}; {call}");
            self.faults.entry(kind).or_insert_with(fault);
        }
    }

    /// Prints the counts of the results; panics if there was a fault, or if the session or the server went down.
    #[track_caller]
    pub fn report(&self, session: &mut Session) {
        let mut slowest: Vec<_> = self.seconds.iter().collect();
        slowest.sort_by(|one, other| other.1.total_cmp(one.1));
        println!("seconds by routine: {:.1?}", &slowest[..slowest.len().min(8)]);
        println!("{} calls: {:?}", self.states.values().sum::<usize>(), self.states);
        assert_eq!(process(session), self.process, "the server or the session went down");
        let faults: Vec<&str> = self.faults.values().map(String::as_str).collect();
        assert!(faults.is_empty(), "{} kinds of faults:\n{}", faults.len(), faults.join("\n"));
    }
}
