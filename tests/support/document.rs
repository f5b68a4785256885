//! Compares documents with what the server returns, and rewrites them if `INSTA_UPDATE=always` is set, as insta does
//! with snapshots.

use similar::TextDiff;

/// Whether documents are rewritten rather than compared.
#[must_use]
pub fn rewriting() -> bool {
    std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always")
}

/// Returns the lines that differ, with a few lines of context.
#[must_use]
pub fn difference(expected: &str, actual: &str) -> String {
    TextDiff::from_lines(expected, actual)
        .unified_diff()
        .context_radius(3)
        .header("expected", "actual")
        .to_string()
}
