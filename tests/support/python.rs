//! The programs in Python that the repository contains, and the packages that they need.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::repository;

/// The folder of a virtual environment with the packages of `examples/requirements.txt`, made by `scripts/python` the
/// first time.
pub fn environment() -> &'static PathBuf {
    static ENVIRONMENT: OnceLock<PathBuf> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let output = Command::new(repository().join("scripts/python"))
            .arg("examples")
            .output()
            .expect("scripts/python");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "scripts/python examples: {said}");
        String::from_utf8(output.stdout).unwrap().trim_end().into()
    })
}
