//! Publishes the progress of a training to other sessions. They cannot see rows of an open transaction, so each
//! training writes a small file beside those of [`super::shared_file`], and replaces it at every report.

use super::shared_file::{FOLDER, create_folder, prefix, remove_dropped};
use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use pgrx::pg_sys;
use std::fs;
use std::path::{Path, PathBuf};

/// The prefix of the progress files of this database, to which the process id is appended.
fn name() -> String {
    format!("{}progress.", prefix())
}

/// The progress file of this process, removed when the training ends. If the process is killed, the next training
/// removes it.
pub struct Published {
    path: PathBuf,
}

impl Published {
    /// Publishes nothing yet, but removes files of dead processes.
    pub fn new() -> Self {
        remove_dropped();
        for (pid, path) in files() {
            // Signal 0 only checks whether the process exists.
            if kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH) {
                let _ = fs::remove_file(path);
            }
        }
        // SAFETY: set once when the backend starts.
        let pid = unsafe { pg_sys::MyProcPid };
        Self { path: Path::new(FOLDER).join(format!("{}{pid}", name())) }
    }

    /// Publishes a text. Errors are ignored: if the disk is full, only the report is lost.
    pub fn publish(&self, text: &str) {
        let unfinished = self.path.with_extension("new");
        let _ = create_folder()
            .and_then(|()| fs::write(&unfinished, text))
            .and_then(|()| fs::rename(&unfinished, &self.path));
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn files() -> impl Iterator<Item = (i32, PathBuf)> {
    let begin = name();
    fs::read_dir(FOLDER).into_iter().flatten().flatten().filter_map(move |entry| {
        let name = entry.file_name();
        let pid = name.to_str()?.strip_prefix(&begin)?.parse().ok()?;
        Some((pid, entry.path()))
    })
}

/// The texts published by processes of this database, with the process ids.
pub fn published() -> Vec<(i32, String)> {
    files().filter_map(|(pid, path)| Some((pid, fs::read_to_string(path).ok()?))).collect()
}
