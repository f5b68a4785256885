//! How far a training is, for other sessions: rows of an open transaction nobody else sees, so each training keeps
//! a small file of its own beside those of [`super::shared_file`], replaced as a whole at every report.

use super::shared_file::{FOLDER, create_folder, prefix, remove_dropped};
use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use pgrx::pg_sys;
use std::fs;
use std::path::{Path, PathBuf};

/// What the names of the files of this database begin with; the process follows.
fn name() -> String {
    format!("{}progress.", prefix())
}

/// The file of this process, which goes when the training ends. A process that is ended in the middle leaves it to
/// the next training.
pub struct Published {
    path: PathBuf,
}

impl Published {
    /// Nothing is published yet. Removes what ended processes left.
    pub fn new() -> Self {
        remove_dropped();
        for (pid, path) in files() {
            // No signal is sent: this asks whether the process is there.
            if kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH) {
                let _ = fs::remove_file(path);
            }
        }
        // SAFETY: set when the backend started, constant since.
        let pid = unsafe { pg_sys::MyProcPid };
        Self { path: Path::new(FOLDER).join(format!("{}{pid}", name())) }
    }

    /// Publishes a text. A disk that is full or cannot be written costs the report, nothing else.
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

/// What the processes of this database published, with each its process.
pub fn published() -> Vec<(i32, String)> {
    files().filter_map(|(pid, path)| Some((pid, fs::read_to_string(path).ok()?))).collect()
}
