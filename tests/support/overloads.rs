//! Plants rivals of all names that the extension's SQL uses: operators and functions that would be better matches, and
//! types and relations with the names of system objects, in a schema of another user. SQL that resolves a name there
//! calls a rival, and each rival reports that it was called.
//!
//! The names are read from the SQL itself and the available types from the server, so no list is maintained by hand.

use crate::{Cluster, Session, repository};
use std::path::Path;

/// Creates the schema and its rivals. overloads.sql says with which combinations of types each name is created.
pub fn plant(session: &mut Session, schema: &str) {
    let quoted: String = session.query_one("SELECT quote_ident($1)", &[&schema]).unwrap().get(0);
    session.run(&format!("CREATE SCHEMA {quoted}; GRANT USAGE ON SCHEMA {quoted} TO PUBLIC"));
    session.run("BEGIN; SET LOCAL search_path = pg_catalog");
    let place = "SELECT set_config('overloads.source', $1, true), set_config('overloads.place', $2, true)";
    session.execute(place, &[&sql_of_the_extension(), &schema]).unwrap();
    session.run(include_str!("overloads.sql"));
    session.run(&format!("GRANT SELECT ON ALL TABLES IN SCHEMA {quoted} TO PUBLIC; COMMIT"));
}

/// Returns the rivals of a schema that were called by any process, as they report it. They are read from the server's
/// log, which has them even if the transaction was rolled back. Use a different name for each schema.
#[must_use]
pub fn called(cluster: &Cluster, schema: &str) -> Vec<String> {
    let log = cluster.log();
    let mark = format!("WARNING:  {schema} was called: ");
    let mut calls: Vec<_> =
        log.lines().filter_map(|line| line.split_once(&mark)).map(|(_, call)| call.to_owned()).collect();
    calls.sort_unstable();
    calls.dedup();
    calls
}

/// Returns all SQL that installs the extension or that it runs, without comments.
fn sql_of_the_extension() -> String {
    let mut text = String::new();
    each_file(&repository().join("sql/schema"), &mut |script| {
        for line in script.lines() {
            text.push_str(line.split("--").next().unwrap());
            text.push('\n');
        }
    });
    each_file(&repository().join("src/catalog"), &mut |source| {
        let code: String = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        // What is between quotes is SQL, or words that do no harm.
        text.extend(code.split('"').skip(1).step_by(2).flat_map(|literal| [literal, "\n"]));
    });
    text
}

fn each_file(folder: &Path, read: &mut dyn FnMut(&str)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => each_file(&path, read),
            false => read(&std::fs::read_to_string(path).unwrap()),
        }
    }
}
