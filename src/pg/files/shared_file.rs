//! Files that all sessions map, in the server's directory for temporary files: their names, creation and mapping.
//!
//! Base backups skip that directory, and PostgreSQL empties it when it starts, including after a crash. A file is
//! written under a temporary name and renamed when it is complete, so nobody can open a partial file, and existing
//! mappings survive its deletion.

use pgrx::pg_sys;
use std::collections::HashSet;
use std::ffi::CStr;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// PostgreSQL's directory for temporary files, relative to the data directory, which is the working directory of
/// backends. At start PostgreSQL deletes the files in it whose names begin like its own.
pub const FOLDER: &str = "base/pgsql_tmp";
/// The prefix of our file names.
const PREFIX: &str = "pgsql_tmp_segrec";
/// The interval between attempts to take a file lock.
const LOCK_POLL: Duration = Duration::from_millis(5);

/// A memory-mapped file.
pub struct Mapped(memmap2::Mmap);

impl Mapped {
    /// Maps a file that is never modified again.
    pub fn new(file: &File) -> io::Result<Self> {
        // SAFETY: files of ours are complete before they have their name, and then only deleted.
        unsafe { memmap2::Mmap::map(file) }.map(Self)
    }

    /// The contents of the file.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The common prefix of the files of this database.
pub fn prefix() -> String {
    // SAFETY: set once when the backend connects to its database.
    format!("{PREFIX}.{}.", u32::from(unsafe { pg_sys::MyDatabaseId }))
}

/// The path of a version's file, of a generation of its items. The oid of the table distinguishes installations of the
/// extension.
pub fn version_file(version_id: i64, generation: i64, table: pg_sys::Oid) -> PathBuf {
    Path::new(FOLDER).join(format!("{}{version_id}_{generation}.{}", prefix(), u32::from(table)))
}

/// The path of another file of this database. The oid of a table distinguishes installations of the extension.
pub fn database_file(name: &str, table: pg_sys::Oid) -> PathBuf {
    // SAFETY: set once when the backend connects to its database.
    let database = u32::from(unsafe { pg_sys::MyDatabaseId });
    Path::new(FOLDER).join(format!("{PREFIX}_{name}.{database}.{}", u32::from(table)))
}

/// The mode of directories in the data directory.
fn folder_mode() -> u32 {
    // SAFETY: set once when the server starts.
    unsafe { pg_sys::data_directory_mode as u32 }
}

/// Creates the directory if it does not exist.
pub fn create_folder() -> io::Result<()> {
    match DirBuilder::new().mode(folder_mode()).create(FOLDER) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// A file that is renamed to its final name when complete, and deleted otherwise.
pub struct Unfinished {
    path: PathBuf,
    /// The file, opened for reading and writing.
    pub file: File,
}

impl Unfinished {
    /// Creates the file, and the directory if it does not exist.
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

    /// The temporary path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Renames the file to its final name.
    pub fn complete(self, name: &Path) -> io::Result<()> {
        fs::rename(&self.path, name)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Fails harmlessly if the file was renamed.
        let _ = fs::remove_file(&self.path);
    }
}

/// The names and paths of the files in the directory.
fn files() -> impl Iterator<Item = (String, PathBuf)> {
    let entries = fs::read_dir(FOLDER).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
}

/// Deletes files of versions of this database for which `should_delete` returns true. It receives the version, the
/// generation and, for complete files, the oid of its table.
pub fn remove_files(should_delete: impl Fn(i64, i64, Option<pg_sys::Oid>) -> bool) {
    let prefix = prefix();
    for (name, path) in files() {
        let Some(rest) = name.strip_prefix(&prefix) else { continue };
        let (version, table) = rest.split_once('.').unwrap_or((rest, ""));
        let (version, generation) = version.split_once('_').unwrap_or((version, ""));
        // In a temporary name, a process id follows the oid of the table, so parsing it fails.
        let table = table.parse().ok().map(|table: u32| table.into());
        if let (Ok(version), Ok(generation)) = (version.parse(), generation.parse())
            && should_delete(version, generation, table)
        {
            let _ = fs::remove_file(path);
        }
    }
}

/// Deletes the file with this name that older installations in this database left.
pub fn remove_older(name: &str, table: pg_sys::Oid) {
    let current = database_file(name, table);
    let Some(stem) = current.file_stem().and_then(|stem| stem.to_str()) else { return };
    for (name, path) in files() {
        if name.starts_with(&format!("{stem}.")) && path != current {
            let _ = fs::remove_file(path);
        }
    }
}

/// Deletes the files of dropped databases, which no session of theirs can delete.
pub fn remove_dropped() {
    // SAFETY: reads a variable.
    if !unsafe { pg_sys::IsTransactionState() } {
        return;
    }
    // List the files before reading the catalog: a database exists before any of its files.
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

/// The oid of the database to which a file of ours belongs.
fn database_of(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.split('.').nth(1)?.parse().ok()
}

/// A lock for writing files of this database, so that only one of several sessions writes a missing file.
pub struct WriteLock(#[expect(dead_code, reason = "the lock goes when the file is closed")] File);

impl WriteLock {
    /// Waits for the lock, checking for interrupts. It is released when the process ends in any way.
    pub fn begin() -> io::Result<Self> {
        // SAFETY: set once when the backend connects to its database; NUL-terminated.
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
