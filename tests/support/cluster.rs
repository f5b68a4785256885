//! A throwaway PostgreSQL cluster: its folder, its configuration, and how it is started and stopped. See database.rs
//! for its databases and cleanup.rs for its removal.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::cleanup::Keeper;
use crate::database::{Database, Template};
use crate::session::Session;

/// The superuser of each cluster.
pub(crate) const SUPERUSER: &str = "postgres";

/// A cluster in its own folder, reachable only through a Unix socket in that folder.
pub struct Cluster {
    pub(crate) directory: PathBuf,
    programs: PathBuf,
    pub(crate) template: Template,
    _keeper: Keeper,
}

/// The configuration of a cluster that has not been started.
#[derive(Default)]
pub struct Configuration {
    programs: Option<PathBuf>,
    settings: Vec<(String, String)>,
    durable: bool,
}

/// The ways to stop a server, which are PostgreSQL's shutdown modes.
#[derive(Clone, Copy, Debug)]
pub enum Shutdown {
    /// Ends the sessions and writes a checkpoint.
    Fast,
    /// Ends at once; the next start recovers from the WAL.
    Immediate,
}

impl Cluster {
    /// The cluster that tests share, started by the first one that calls this. Do not stop it or change what is visible
    /// in other databases. Roles belong to the whole cluster, so name them after the test.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts a cluster for one test.
    #[must_use]
    pub fn start() -> Self {
        Self::configure().start()
    }

    /// Configures a cluster for one test.
    #[must_use]
    pub fn configure() -> Configuration {
        Configuration::default()
    }

    /// Creates a database for one test, with the extension installed.
    pub fn database(&self, name: &str) -> Database<'_> {
        Database::from_template(self, name)
    }

    /// Creates a database for one test, without the extension.
    pub fn empty_database(&self, name: &str) -> Database<'_> {
        Database::empty(self, name)
    }

    /// Creates a database for one test with another encoding than UTF8, without the extension.
    pub fn encoded_database(&self, name: &str, encoding: &str) -> Database<'_> {
        Database::encoded(self, name, encoding)
    }

    /// Opens a session of `role` in `database`.
    pub fn connect(&self, database: &str, role: &str) -> Session {
        Session::open(&self.directory, database, role)
    }

    /// Opens a session while the server may be down.
    pub fn try_connect(&self, database: &str, role: &str) -> Result<Session, postgres::Error> {
        Session::try_open(&self.directory, database, role)
    }

    /// A client program of the server (`psql`, `pg_dump`, …), configured to connect to this cluster.
    #[must_use]
    pub fn program(&self, name: &str) -> Command {
        self.client(program(&self.programs, name))
    }

    /// Any other program, configured to connect to this cluster by libpq's environment variables.
    #[must_use]
    pub fn client(&self, path: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(path);
        command
            .env("PGHOST", &self.directory)
            .env("PGPORT", "5432")
            .env("PGUSER", SUPERUSER)
            .env("PGCLIENTENCODING", "UTF8")
            .env_remove("PGOPTIONS")
            .env_remove("PGDATABASE")
            .current_dir(crate::repository());
        command
    }

    /// Starts a streaming replica of this cluster, which may not have caught up yet.
    #[must_use]
    pub fn replica(&self) -> Self {
        let cluster = Self::in_new_directory(self.programs.clone());
        run(self
            .server_program("pg_basebackup")
            .env("PGHOST", &self.directory)
            .args([
                "-U",
                SUPERUSER,
                "--checkpoint=fast",
                "--wal-method=stream",
                "--write-recovery-conf",
                "-D",
            ])
            .arg(cluster.data()));
        cluster.append_settings(&[("unix_socket_directories", cluster.directory.to_str().unwrap())]);
        cluster.start_server();
        cluster
    }

    /// Waits until this replica has replayed all that `primary` has written so far.
    pub fn wait_for(&self, primary: &Self) {
        let written: String =
            primary.connect("postgres", SUPERUSER).value("SELECT pg_current_wal_lsn()::text");
        let mut session = self.connect("postgres", SUPERUSER);
        let caught_up = format!("SELECT pg_last_wal_replay_lsn() >= '{written}'");
        for _ in 0..6000 {
            if session.value(&caught_up) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the replica did not catch up in a minute; its log:\n{}", self.log());
    }

    /// Stops the server; the folder stays, and [`Cluster::start_again`] continues with it.
    pub fn stop(&self, how: Shutdown) {
        let mode = format!("{how:?}").to_lowercase();
        run(self.server_program("pg_ctl").args(["stop", "-w", "-m", &mode, "-D"]).arg(self.data()));
    }

    /// Kills the postmaster and every backend with SIGKILL, as a crash of the machine would.
    pub fn kill(&self) {
        let postmaster = self.postmaster();
        let children = children_of(&postmaster);
        for process in std::iter::once(&postmaster).chain(&children) {
            // A backend may end by itself once the postmaster is gone.
            let _ = Command::new("sh").args(["-c", "kill -KILL $0", process]).output();
        }
        // Waits until all are reaped, because a starting server treats even a zombie as running.
        let all = || std::iter::once(&postmaster).chain(&children);
        while all().any(|process| parent(process).is_some()) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts the server of a stopped or killed cluster.
    pub fn start_again(&self) {
        self.start_server();
    }

    /// Stops the server with a checkpoint and starts it again.
    pub fn restart(&self) {
        self.stop(Shutdown::Fast);
        self.start_server();
    }

    /// Adds settings to the configuration, which take effect at the next start or reload.
    pub fn append_settings(&self, settings: &[(&str, &str)]) {
        let path = self.data().join("postgresql.conf");
        let mut text = fs::read_to_string(&path).unwrap();
        for (name, value) in settings {
            text.push_str(&format!("{name} = '{}'\n", value.replace('\'', "''")));
        }
        fs::write(path, text).unwrap();
    }

    /// The data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// The folder of the Unix socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.directory
    }

    /// The server's log. Databases in several encodings write into the same file, so it may not be valid UTF-8.
    #[must_use]
    pub fn log(&self) -> String {
        let log = fs::read(self.directory.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// The process id of the postmaster.
    fn postmaster(&self) -> String {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).expect("the server is not running");
        file.lines().next().unwrap().to_owned()
    }

    fn in_new_directory(programs: PathBuf) -> Self {
        let directory = tempfile::Builder::new().prefix("segrec-").tempdir().unwrap().keep();
        if let Some((user, group)) = server_account() {
            chown(&directory, Some(user), Some(group)).unwrap();
        }
        let keeper = Keeper::of(&directory);
        Self { directory, programs, template: Template::default(), _keeper: keeper }
    }

    fn start_server(&self) {
        let log = self.directory.join("log");
        let started = self
            .server_program("pg_ctl")
            .args(["start", "-w", "-t", "60", "-D"])
            .arg(self.data())
            .arg("-l")
            .arg(&log)
            .output()
            .unwrap();
        assert!(started.status.success(), "the server did not start; its log:\n{}", self.log());
    }

    /// A program of the server that runs as the owner of the data directory.
    fn server_program(&self, name: &str) -> Command {
        self.as_server(program(&self.programs, name))
    }

    /// A program that runs as the owner of the data directory, as the server does.
    pub fn as_server(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        // Backtraces are on, so that tests notice if an error contains one.
        command
            .env("RUST_BACKTRACE", "1")
            // The libpq of a relocated server, for modules that the server loads (such as the WAL receiver of a
            // replica).
            .env("LD_LIBRARY_PATH", self.programs.join("../lib"))
            .env("PGPORT", "5432")
            .current_dir(&self.directory);
        if let Some((user, group)) = server_account() {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Configuration {
    /// Uses the programs of another server, whose folder is one of [`older_servers`].
    #[must_use]
    pub fn programs(mut self, folder: PathBuf) -> Self {
        self.programs = Some(folder);
        self
    }

    /// Sets a parameter of postgresql.conf.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Flushes writes to disk as a production server does. (Even without it, commits survive [`Cluster::kill`], because
    /// the operating system keeps what the server has written.)
    #[must_use]
    pub fn durable(mut self) -> Self {
        self.durable = true;
        self
    }

    /// Creates the cluster and starts its server.
    #[must_use]
    pub fn start(self) -> Cluster {
        let cluster = Cluster::in_new_directory(self.programs.unwrap_or_else(server));
        run(cluster
            .server_program("initdb")
            .args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "-U", SUPERUSER, "-D"])
            .arg(cluster.data()));
        cluster.append_settings(&[
            ("listen_addresses", ""),
            ("unix_socket_directories", cluster.directory.to_str().unwrap()),
            ("max_worker_processes", "16"),
            ("shared_buffers", "64MB"),
            ("timezone", "UTC"),
            ("log_timezone", "UTC"),
        ]);
        if !self.durable {
            cluster.append_settings(&[("fsync", "off"), ("full_page_writes", "off")]);
        }
        let settings: Vec<_> =
            self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        cluster.append_settings(&settings);
        cluster.start_server();
        cluster
    }
}

/// The folder with the programs of the server under test.
fn server() -> PathBuf {
    let folder = std::env::var("SEGREC_SERVER").unwrap_or_else(|_| {
        panic!(
            "SEGREC_SERVER is not set: it names the folder with the programs (initdb, psql, …) of the \
             PostgreSQL server in which the extension is installed. `make test` sets it; to run one test, \
             `scripts/test NAME`."
        )
    });
    folder.into()
}

/// The folders with the programs of older servers in which the extension is also installed.
#[must_use]
pub fn older_servers() -> Vec<PathBuf> {
    std::env::var("SEGREC_OLDER_SERVERS").unwrap_or_default().split_whitespace().map(PathBuf::from).collect()
}

/// A program in the given folder.
fn program(programs: &Path, name: &str) -> PathBuf {
    let path = programs.join(name);
    assert!(path.exists(), "there is no {}", path.display());
    path
}

/// The account that the server runs as if the tests run as root, as which PostgreSQL refuses to run.
fn server_account() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let accounts = fs::read_to_string("/etc/passwd").unwrap();
    let account = |name: &str| {
        let line = accounts.lines().find(|line| line.starts_with(&format!("{name}:")))?;
        let fields: Vec<_> = line.split(':').collect();
        Some((fields[2].parse().unwrap(), fields[3].parse().unwrap()))
    };
    Some(account("postgres").or_else(|| account("nobody")).expect("no account to run PostgreSQL as"))
}

fn children_of(process: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let names = processes.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| parent(name).is_some_and(|parent| parent == process)).collect()
}

/// The parent of a process, if the process exists.
fn parent(process: &str) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1).map(str::to_owned)
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
