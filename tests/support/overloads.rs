//! Rivals of all that the extension's SQL names: operators and functions that would be the better match, types and
//! relations of the system's names, planted in a schema that is somebody else's. Whatever resolves a name there calls
//! one, and each says that it was called.
//!
//! What is named is read from the SQL itself, and what types are in reach from the server: nothing here is typed by hand.

use crate::{Cluster, Session, repository};
use std::path::Path;

/// Makes the schema and plants it. Each name is planted in the combinations of types that overloads.sql says.
pub fn plant(session: &mut Session, schema: &str) {
    let quoted: String = session.query_one("SELECT quote_ident($1)", &[&schema]).unwrap().get(0);
    session.run(&format!("CREATE SCHEMA {quoted}; GRANT USAGE ON SCHEMA {quoted} TO PUBLIC"));
    session.run("BEGIN; SET LOCAL search_path = pg_catalog");
    let place = "SELECT set_config('overloads.source', $1, true), set_config('overloads.place', $2, true)";
    session.execute(place, &[&sql_of_the_extension(), &schema]).unwrap();
    session.run(include_str!("overloads.sql"));
    session.run(&format!("GRANT SELECT ON ALL TABLES IN SCHEMA {quoted} TO PUBLIC; COMMIT"));
}

/// Which rivals of a schema were called by whatever process, each as it says it: the server's log has them even where
/// the transaction was rolled back. Take a name of its own for every schema.
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

/// The text of all SQL that installs the extension or that it runs, without comments.
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
        // What is between quotes is SQL, or a word that does no harm.
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
