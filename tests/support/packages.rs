//! The packages of programs that the repository contains in other languages.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::repository;

/// The folder of a virtual environment with the packages of `examples/requirements.txt`, made by `scripts/python` the
/// first time.
pub fn python() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| installed("scripts/python", "examples"))
}

/// The folder of the packages of `examples/drivers/package-lock.json`, made by `scripts/node` the first time.
pub fn node() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| installed("scripts/node", "examples/drivers"))
}

/// The folder that a script of the repository prints when it has installed what a folder requires.
fn installed(script: &str, folder: &str) -> PathBuf {
    let output = Command::new(repository().join(script)).arg(folder).output().expect(script);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script} {folder}: {said}");
    String::from_utf8(output.stdout).unwrap().trim_end().into()
}
