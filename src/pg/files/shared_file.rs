//! Files in the server's folder for temporary files that all sessions map: their names, and the mapping.
//!
//! The folder is skipped by base backups, and PostgreSQL deletes what is in it when it starts, also after a
//! crash. A file is written under another name and renamed when it is complete, so whoever opens it sees all
//! of it, and whoever has mapped it keeps it when it is deleted.

use pgrx::pg_sys;
use std::collections::HashSet;
use std::ffi::CStr;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// PostgreSQL's folder for temporary files, below the data folder in which every backend works. It deletes
/// files whose names begin like the folder's.
pub const FOLDER: &str = "base/pgsql_tmp";
/// What our names begin with.
const PREFIX: &str = "pgsql_tmp_segrec";
/// Between two looks whether a lock is free.
const LOCK_POLL: Duration = Duration::from_millis(5);

/// The bytes of a file, shared with all who map it.
pub struct Mapped(memmap2::Mmap);

impl Mapped {
    /// Maps a file that nobody changes any more.
    pub fn new(file: &File) -> io::Result<Self> {
        // SAFETY: files of ours are complete before they have their name, and then only deleted.
        unsafe { memmap2::Mmap::map(file) }.map(Self)
    }

    /// The whole file.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What the files of this database begin with.
pub fn prefix() -> String {
    // SAFETY: set when the backend connected to its database, constant since.
    format!("{PREFIX}.{}.", u32::from(unsafe { pg_sys::MyDatabaseId }))
}

/// The file of a version, told from one of the same number in an older installation by the oid of its table.
pub fn version_file(version_id: i64, table: pg_sys::Oid) -> PathBuf {
    Path::new(FOLDER).join(format!("{}{version_id}.{}", prefix(), u32::from(table)))
}

/// A file of this database besides those of versions, told from that of an older installation by the oid of a table.
pub fn database_file(name: &str, table: pg_sys::Oid) -> PathBuf {
    // SAFETY: set when the backend connected to its database, constant since.
    let database = u32::from(unsafe { pg_sys::MyDatabaseId });
    Path::new(FOLDER).join(format!("{PREFIX}_{name}.{database}.{}", u32::from(table)))
}

/// What may be done with the folder of data.
fn folder_mode() -> u32 {
    // SAFETY: set when the server starts, constant since.
    unsafe { pg_sys::data_directory_mode as u32 }
}

/// Makes the folder where it is not there.
pub fn create_folder() -> io::Result<()> {
    match DirBuilder::new().mode(folder_mode()).create(FOLDER) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// A file that becomes [`version_file`] when it is complete, and is deleted if it does not.
pub struct Unfinished {
    path: PathBuf,
    /// The file, for reading and writing.
    pub file: File,
}

impl Unfinished {
    /// Creates it, and the folder where it is not there.
    pub fn create(complete: &Path) -> io::Result<Self> {
        create_folder()?;
        remove_dropped();
        let mut name = complete.as_os_str().to_owned();
        name.push(format!(".{}", std::process::id()));
        let path = PathBuf::from(name);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(folder_mode() & 0o666);
        let file = options.open(&path)?;
        Ok(Self { path, file })
    }

    /// Its path while it is not complete.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name.
    pub fn complete(self, name: &Path) -> io::Result<()> {
        fs::rename(&self.path, name)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After a rename there is nothing to delete.
        let _ = fs::remove_file(&self.path);
    }
}

/// The files in the folder, by their names.
fn files() -> impl Iterator<Item = (String, PathBuf)> {
    let entries = fs::read_dir(FOLDER).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
}

/// Deletes files of versions of this database: `should_delete` is asked with the version, and, of a file that is complete, with the
/// oid of its table.
pub fn remove_files(should_delete: impl Fn(i64, Option<pg_sys::Oid>) -> bool) {
    let prefix = prefix();
    for (name, path) in files() {
        let Some(rest) = name.strip_prefix(&prefix) else { continue };
        let (version, table) = rest.split_once('.').unwrap_or((rest, ""));
        // Behind the table of one that is not complete stands a process.
        let table = table.parse().ok().map(|table: u32| table.into());
        if version.parse().is_ok_and(|version| should_delete(version, table)) {
            let _ = fs::remove_file(path);
        }
    }
}

/// Deletes the file of that name of older installations of this database.
pub fn remove_older(name: &str, table: pg_sys::Oid) {
    let current = database_file(name, table);
    let Some(stem) = current.file_stem().and_then(|stem| stem.to_str()) else { return };
    for (name, path) in files() {
        if name.starts_with(&format!("{stem}.")) && path != current {
            let _ = fs::remove_file(path);
        }
    }
}

/// Deletes the files of databases that were dropped, of which nobody else takes care.
pub fn remove_dropped() {
    // SAFETY: reads a variable.
    if !unsafe { pg_sys::IsTransactionState() } {
        return;
    }
    // First the files, then the catalog as it is now: a database is there before any file of it.
    let files: Vec<(u32, PathBuf)> =
        files().filter_map(|(name, path)| Some((database_of(&name)?, path))).collect();
    let databases: HashSet<u32> = files.iter().map(|(database, _)| *database).collect();
    // SAFETY: within a transaction.
    unsafe { pg_sys::AcceptInvalidationMessages() };
    // SAFETY: within a transaction, on a database's oid; the name is a copy in the current memory context.
    let dropped = |database: &u32| unsafe { pg_sys::get_database_name((*database).into()).is_null() };
    let dropped: HashSet<u32> = databases.into_iter().filter(dropped).collect();
    for (_, path) in files.iter().filter(|(database, _)| dropped.contains(database)) {
        let _ = fs::remove_file(path);
    }
}

/// The database whose file one of ours is, by its name.
fn database_of(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.split('.').nth(1)?.parse().ok()
}

/// The right to write files of this database: of several sessions that miss one, one writes it.
pub struct WriteLock(#[expect(dead_code, reason = "the lock goes when the file is closed")] File);

impl WriteLock {
    /// Waits for it; interrupts are heard. It ends with the process, however that ends.
    pub fn begin() -> io::Result<Self> {
        // SAFETY: set when the backend connected to its database, constant since; ends with a zero byte.
        let folder = unsafe { CStr::from_ptr(pg_sys::DatabasePath) };
        let folder = File::open(folder.to_string_lossy().as_ref())?;
        loop {
            match folder.try_lock() {
                Ok(()) => return Ok(Self(folder)),
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_POLL),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            pg_sys::check_for_interrupts!();
        }
    }
}
