//! Documents that tests compare with what the server says, and rewrite with `INSTA_UPDATE=always`, which accepts snapshots
//! too.

use similar::TextDiff;

/// Whether documents are to be rewritten rather than compared.
#[must_use]
pub fn rewriting() -> bool {
    std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always")
}

/// The lines that differ, with a little of what surrounds them.
#[must_use]
pub fn difference(expected: &str, actual: &str) -> String {
    TextDiff::from_lines(expected, actual)
        .unified_diff()
        .context_radius(3)
        .header("expected", "actual")
        .to_string()
}
