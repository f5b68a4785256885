//! Comparing a text with a file that is part of the repository.
//!
//! `SEGREC_UPDATE_SNAPSHOTS=1` writes the file instead; read the difference before committing it.

use std::fs;

use similar::TextDiff;

/// Whether files are to be rewritten rather than compared.
#[must_use]
pub fn updating() -> bool {
    std::env::var("SEGREC_UPDATE_SNAPSHOTS").is_ok_and(|value| value == "1")
}

/// Fails with the difference if `actual` is not what `tests/snapshots/NAME` holds.
#[track_caller]
pub fn assert_matches(name: &str, actual: &str) {
    let path = crate::repository().join("tests/snapshots").join(name);
    if updating() {
        fs::write(&path, actual).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == actual,
        "tests/snapshots/{name} differs. If the change is meant, run SEGREC_UPDATE_SNAPSHOTS=1 make test.\n{}",
        difference(&expected, actual)
    );
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
