//! Everything that the documentation shows can be run, and prints what is shown.
//!
//! The `sql` blocks of each document are executed in order through psql, in one session on a database of their own.
//! A `text` block that directly follows is what psql must print; without one, the block must raise no error. There are
//! four annotations:
//!
//! - a fence of `sql ignore` is not executed;
//! - `<!-- output varies -->` before the `text` block compares only the columns and the number of rows;
//! - `<!-- sql: … -->` on a line of its own is executed but not shown, for data that a reader already has;
//! - `<!-- needs: FILE -->` as the first line: the document is executed only if the file exists in the folder of data
//!   that is not part of the repository. `SEGREC_DATA` names the folder, in the document too; the default is
//!   `../shared/data`.
//!
//! In a document that calls `python3`, this is the one of [`packages::python`].
//!
//! `INSTA_UPDATE=always` rewrites the `text` blocks that differ, and no others.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::ops::Range;
use std::path::PathBuf;

use segrec_tests::{Cluster, document, packages, repository};

/// A block of SQL in a document, and the output that the document shows.
#[derive(Debug, PartialEq)]
pub(crate) struct Block {
    /// The line on which it starts, counted from 1.
    line: usize,
    pub sql: String,
    output: Option<Output>,
}

/// A `text` block: its lines in the document, and how strictly it is compared.
#[derive(Debug, PartialEq)]
struct Output {
    lines: Range<usize>,
    varies: bool,
}

/// The result of executing a document.
#[derive(Debug, Default, PartialEq)]
struct Verdict {
    /// The document with the actual output.
    corrected: String,
    /// Blocks whose output differs from the document.
    differences: Vec<String>,
    /// Blocks that fail although the document shows no error.
    errors: Vec<String>,
}

/// Each test that the page on security names exists.
#[test]
fn every_test_that_the_page_on_security_names_is_a_test() {
    let page = fs::read_to_string(repository().join("docs/security.md")).unwrap();
    let mut named = 0;
    for name in page.split('`').skip(1).step_by(2) {
        let Some((file, test)) = name.split_once("::") else { continue };
        let path = repository().join("tests").join(file).with_extension("rs");
        if !path.exists() {
            continue; // a name of Rust's or of PostgreSQL's
        }
        named += 1;
        let code = fs::read_to_string(&path).unwrap();
        assert!(code.contains(&format!("#[test]\nfn {test}(")), "there is no test {name}");
    }
    assert!(named > 40, "the page names {named} tests");
}

#[test]
fn every_sql_block_of_the_documentation_prints_what_it_says() {
    let mut complaints = Vec::new();
    for path in documents() {
        let name = path.strip_prefix(repository()).unwrap().display().to_string();
        let text = fs::read_to_string(&path).unwrap();
        if let Some(file) = needed_file(&text).map(|file| data().join(file)).filter(|file| !file.exists()) {
            // `eprintln` is not used, because its output would be captured by the test harness.
            writeln!(io::stderr(), "{name} is not executed: there is no {}", file.display()).unwrap();
            continue;
        }
        let verdict = run_document(&name, &text);
        if document::rewriting() {
            fs::write(&path, &verdict.corrected).unwrap();
        } else {
            complaints.extend(verdict.differences);
        }
        complaints.extend(verdict.errors);
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

fn documents() -> Vec<PathBuf> {
    let documents =
        fs::read_dir(repository().join("docs")).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut paths: Vec<_> =
        documents.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    paths.sort();
    paths.insert(0, repository().join("README.md"));
    paths.retain(|path| path.exists());
    paths
}

/// Returns the folder of data that is not part of the repository.
fn data() -> PathBuf {
    repository().join(env::var_os("SEGREC_DATA").unwrap_or_else(|| "../shared/data".into()))
}

/// Returns the file in that folder that a document needs.
fn needed_file(text: &str) -> Option<&str> {
    text.lines().next()?.strip_prefix("<!-- needs: ")?.strip_suffix(" -->")
}

fn run_document(name: &str, text: &str) -> Verdict {
    let blocks = blocks_of(text);
    let database = Cluster::shared().empty_database("documentation");
    let mut set_up = format!("\\setenv SEGREC_DATA '{}'\n", data().display());
    if blocks.iter().any(|block| block.sql.contains("\\! python3 ")) {
        let (programs, path) = (packages::python().join("bin"), env::var("PATH").unwrap_or_default());
        set_up += &format!("\\setenv PATH '{}:{path}'\n", programs.display());
    }
    let printed = print_all(&blocks, |script| database.psql(&(set_up.clone() + script)));

    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut verdict = Verdict::default();
    // Blocks are replaced from the end, so that the line numbers of earlier blocks stay valid.
    for (block, actual) in blocks.iter().zip(printed).rev() {
        let place = format!("{name}:{}", block.line);
        if let Some(output) = &block.output {
            let expected = lines[output.lines.clone()].join("\n");
            let holds = match output.varies {
                true => shape(&expected) == shape(&actual),
                false => expected.trim_end() == actual,
            };
            if !holds {
                let difference = document::difference(&format!("{expected}\n"), &format!("{actual}\n"));
                verdict.differences.insert(0, format!("{place}: prints something else:\n{difference}"));
                lines.splice(output.lines.clone(), actual.lines().map(str::to_owned));
            }
        } else if actual.lines().any(|line| line.starts_with("ERROR:") || line.starts_with("FATAL:")) {
            verdict.errors.insert(0, format!("{place}: fails:\n{actual}\n"));
        }
    }
    verdict.corrected = lines.join("\n") + "\n";
    verdict
}

/// Returns the output of each block, without spaces at the ends of lines and empty lines at the end.
fn print_all(blocks: &[Block], psql: impl Fn(&str) -> String) -> Vec<String> {
    const END: &str = "=== end of block ===";
    let script: String = blocks.iter().map(|block| format!("{}\n\\echo '{END}'\n", block.sql)).collect();
    let printed = psql(&script);
    let mut parts: Vec<String> = vec![String::new()];
    for line in printed.lines() {
        if line == END {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push_str(line.trim_end());
            part.push('\n');
        }
    }
    assert!(parts.len() > blocks.len(), "psql ended early:\n{}", parts.last().unwrap());
    parts.truncate(blocks.len());
    parts.iter().map(|part| part.trim_end().to_owned()).collect()
}

/// Returns the columns and the number of rows of each table that psql printed, and whether there were errors.
fn shape(printed: &str) -> Vec<String> {
    let lines: Vec<&str> = printed.lines().collect();
    let is_rule = |line: &str| {
        line.contains('-') && line.trim_end().chars().all(|letter| letter == '-' || letter == '+')
    };
    let headers = lines
        .windows(2)
        .filter(|pair| is_rule(pair[1]))
        .map(|pair| pair[0].split('|').map(str::trim).collect::<Vec<_>>().join(" | "));
    let counts = lines
        .iter()
        .filter(|line| line.starts_with('(') && (line.ends_with("rows)") || line.ends_with("row)")));
    let errors = lines.iter().filter(|line| line.starts_with("ERROR:")).map(|_| "ERROR".to_owned());
    headers.chain(counts.map(|&line| line.to_owned())).chain(errors).collect()
}

/// Returns the blocks to execute, in order.
pub(crate) fn blocks_of(text: &str) -> Vec<Block> {
    let lines: Vec<&str> = text.lines().collect();
    let mut blocks: Vec<Block> = Vec::new();
    let mut varies = false;
    let mut follows = false; // whether only blank lines and markers lie between here and the last block
    let mut index = 0;
    while index < lines.len() {
        let line = lines[index];
        if let Some(fence) = line.strip_prefix("```") {
            let end =
                (index + 1..lines.len()).find(|&at| lines[at].trim_end() == "```").unwrap_or(lines.len());
            match fence.trim() {
                "sql" => {
                    blocks.push(Block {
                        line: index + 1,
                        sql: lines[index + 1..end].join("\n"),
                        output: None,
                    });
                    (follows, varies) = (true, false);
                }
                "text" if follows => {
                    if let Some(block) = blocks.last_mut() {
                        block.output = Some(Output { lines: index + 1..end, varies });
                    }
                    follows = false;
                }
                _ => follows = false,
            }
            index = end;
        } else if let Some(hidden) =
            line.strip_prefix("<!-- sql:").and_then(|rest| rest.trim_end().strip_suffix("-->"))
        {
            blocks.push(Block { line: index + 1, sql: hidden.trim().to_owned(), output: None });
            follows = false;
        } else if line.trim_end() == "<!-- output varies -->" {
            varies = true;
        } else if !line.trim().is_empty() {
            follows = false;
        }
        index += 1;
    }
    blocks
}

const SAMPLE: &str = "\
# Sample
<!-- sql: CREATE TABLE numbers AS SELECT generate_series(1, 2) AS number; -->
```sql
SELECT number FROM numbers;
```

```text
 number
--------
      1
      2
(2 rows)
```
```sql ignore
SELECT no_such_function();
```
```sql
SELECT number * random() AS number FROM numbers;
```
<!-- output varies -->
```text
 number
--------
  0.123
  0.456
(2 rows)
```
```sh
psql
```
```text
not the output of SQL
```
";

#[test]
fn a_document_that_tells_the_truth_passes() {
    let verdict = run_document("sample", SAMPLE);
    assert_eq!(verdict, Verdict { corrected: SAMPLE.to_owned(), ..Verdict::default() });
}

#[test]
fn a_document_that_shows_other_output_is_named_with_its_line_and_corrected() {
    let wrong = SAMPLE.replace("      2\n(2 rows)", "      3\n      4\n(3 rows)");
    let verdict = run_document("sample", &wrong);
    assert_eq!(verdict.differences.len(), 1, "{verdict:?}");
    assert!(verdict.differences[0].starts_with("sample:3: prints something else"), "{verdict:?}");
    assert!(verdict.differences[0].contains("-      3\n-      4\n-(3 rows)\n+      2\n"), "{verdict:?}");
    assert_eq!(verdict.corrected, SAMPLE);
}

#[test]
fn a_document_whose_varying_output_has_another_shape_fails() {
    let changes = [
        ("  0.456\n(2 rows)", "(1 row)"),
        (" number\n--------\n  0.123", " other\n--------\n  0.123"),
        (" number\n--------\n  0.123", "ERROR:  oh\n number\n--------\n  0.123"),
    ];
    for (from, to) in changes {
        let verdict = run_document("sample", &SAMPLE.replace(from, to));
        assert_eq!(verdict.differences.len(), 1, "{verdict:?}");
    }
}

#[test]
fn a_document_whose_sql_fails_is_named_with_its_line() {
    let verdict = run_document("sample", &SAMPLE.replace("```sql ignore", "```sql"));
    let expected = "sample:14: fails:\nERROR:  function no_such_function() does not exist";
    assert!(verdict.errors[0].starts_with(expected), "{verdict:?}");
}

#[test]
fn a_document_that_needs_data_names_the_file_in_its_first_line() {
    assert_eq!(needed_file("<!-- needs: shop/orders.csv -->\n# Shop\n"), Some("shop/orders.csv"));
    assert_eq!(needed_file(SAMPLE), None);
}
