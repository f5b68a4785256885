//! Tests that the table of options in docs/reference.md is the one that the engine reads.

#![allow(clippy::unwrap_used, missing_docs)]

use segrec_engine::options::{OPTIONS, OptionEntry, Scope};
use std::path::Path;

const BEGIN: &str = "<!-- options: written by engine/tests/option_reference.rs -->\n";
const END: &str = "<!-- options end -->\n";

fn row(option: &OptionEntry) -> String {
    let OptionEntry { name, kind, default, help, .. } = option;
    let needs: Vec<String> = option.needs.iter().map(|need| format!("`{}`", need.input.name())).collect();
    let tried = if option.scope == Scope::Recipe { "yes" } else { "no" };
    format!("| `{name}` | {} | `{default}` | {} | {tried} | {help} |\n", kind.takes(), needs.join(", "))
}

#[test]
fn the_reference_has_the_table_of_options() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    let header = "| option | takes | default | may need | in studies | what |\n|---|---|---|---|---|---|\n";
    let table: String = std::iter::once(header.to_owned()).chain(OPTIONS.iter().map(row)).collect();
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(&path, [before, BEGIN, &table, END, after].concat()).unwrap();
        return;
    }
    assert!(
        written == table,
        "the table of options in docs/reference.md is not that of the engine. Write it with \
         INSTA_UPDATE=always cargo test -p segrec-engine --test option_reference"
    );
}
