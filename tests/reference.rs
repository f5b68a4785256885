//! Compares the signatures and views in docs/reference.md with the catalog. `INSTA_UPDATE=always` rewrites the tables
//! of views.

use segrec_tests::{Cluster, document, repository};
use std::collections::BTreeSet;

fn reference() -> String {
    std::fs::read_to_string(repository().join("docs/reference.md")).unwrap()
}

/// Compares the rows of the table whose header follows `anchor` with `expected`.
#[track_caller]
fn expect_rows(anchor: &str, header: &str, expected: &[String]) {
    let text = reference();
    let after = text.find(anchor).unwrap_or_else(|| panic!("docs/reference.md has no {anchor:?}"));
    let table =
        after + text[after..].find(header).unwrap_or_else(|| panic!("no table {header:?} after {anchor:?}"));
    let rows: Vec<&str> = text[table..].lines().take_while(|line| line.starts_with('|')).skip(2).collect();
    if rows == expected {
        return;
    }
    assert!(
        document::rewriting(),
        "the table after {anchor:?} differs:\n{}",
        document::difference(&rows.join("\n"), &expected.join("\n"))
    );
    let head: Vec<&str> = text[table..].lines().take(2).collect();
    let length: usize = text[table..].lines().take(2 + rows.len()).map(|line| line.len() + 1).sum();
    let rewritten = format!(
        "{}{}\n{}\n{}",
        &text[..table],
        head.join("\n"),
        expected.join("\n"),
        &text[table + length..]
    );
    std::fs::write(repository().join("docs/reference.md"), rewritten).unwrap();
}

#[test]
fn views_are_those_of_the_catalog() {
    let database = Cluster::shared().database("reference_views");
    let mut session = database.connect();
    let views: Vec<String> = session.column(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'segrec'::regnamespace AND relkind = 'v' ORDER BY 1",
    );
    let documented: BTreeSet<String> =
        reference().lines().filter_map(|line| line.strip_prefix("### segrec.")).map(str::to_owned).collect();
    assert_eq!(documented, views.iter().cloned().collect());
    for view in views {
        let columns: Vec<String> = session.column(&format!(
            "SELECT format('| `%s` | %s | %s |', attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum))
             FROM pg_attribute WHERE attrelid = 'segrec.{view}'::regclass AND attnum > 0 ORDER BY attnum"
        ));
        expect_rows(&format!("### segrec.{view}\n"), "| column | type | what |", &columns);
    }
}

#[test]
fn signatures_are_those_of_the_catalog() {
    let database = Cluster::shared().database("reference_signatures");
    let functions: Vec<String> = database.connect().column(
        "SELECT proname || '(' || pg_get_function_arguments(oid) || ')' || coalesce(' → ' || pg_get_function_result(oid), '')
         FROM pg_proc WHERE proname LIKE 'segrec\\_%' AND pronamespace = 'public'::regnamespace",
    );
    let text = reference();
    let documented: BTreeSet<String> = text
        .split("```signature\n")
        .skip(1)
        .filter_map(|block| block.split("```").next())
        .flat_map(|block| block.split("\n\n"))
        .map(|signature| signature.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(documented, functions.into_iter().collect());
}
