//! A database for one test. Databases with the extension are copies of a template, because copying is several times
//! faster than CREATE EXTENSION.

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::cluster::{Cluster, SUPERUSER};
use crate::session::Session;

/// The longest database name that PostgreSQL does not truncate, less room for a number.
const LONGEST_NAME: usize = 56;
const TEMPLATE: &str = "segrec_template";

/// A database that is dropped when its value goes out of scope.
pub struct Database<'cluster> {
    cluster: &'cluster Cluster,
    name: String,
}

/// Whether the template of a cluster has been created.
#[derive(Default)]
pub(crate) struct Template(OnceLock<()>);

impl<'cluster> Database<'cluster> {
    pub(crate) fn from_template(cluster: &'cluster Cluster, name: &str) -> Self {
        cluster.template.0.get_or_init(|| {
            let mut maintenance = cluster.connect("postgres", SUPERUSER);
            maintenance.run(&format!("DROP DATABASE IF EXISTS {TEMPLATE}"));
            maintenance.run(&format!("CREATE DATABASE {TEMPLATE}"));
            cluster.connect(TEMPLATE, SUPERUSER).run("CREATE EXTENSION pg_segrec");
        });
        Self::create(cluster, name, TEMPLATE)
    }

    pub(crate) fn empty(cluster: &'cluster Cluster, name: &str) -> Self {
        Self::create(cluster, name, "template1")
    }

    pub(crate) fn encoded(cluster: &'cluster Cluster, name: &str, encoding: &str) -> Self {
        let template = format!("template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'");
        Self::create(cluster, name, &template)
    }

    fn create(cluster: &'cluster Cluster, name: &str, template: &str) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(1);
        let end = name.floor_char_boundary(LONGEST_NAME);
        let name = format!("{}_{}", &name[..end], NUMBER.fetch_add(1, Ordering::Relaxed));
        cluster
            .connect("postgres", SUPERUSER)
            .run(&format!("CREATE DATABASE \"{name}\" TEMPLATE {template}"));
        Self { cluster, name }
    }

    /// The name of the database in PostgreSQL.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Opens a session of the superuser.
    pub fn connect(&self) -> Session {
        self.connect_as(SUPERUSER)
    }

    /// Opens a session of a role.
    pub fn connect_as(&self, role: &str) -> Session {
        self.cluster.connect(&self.name, role)
    }

    /// A client program of the server (`psql`, `pg_dump`, …), configured to connect to this database.
    #[must_use]
    pub fn program(&self, name: &str) -> Command {
        let mut command = self.cluster.program(name);
        command.env("PGDATABASE", &self.name);
        command
    }

    /// Any other program, configured to connect to this database by libpq's environment variables.
    #[must_use]
    pub fn client(&self, path: impl AsRef<OsStr>) -> Command {
        let mut command = self.cluster.client(path);
        command.env("PGDATABASE", &self.name);
        command
    }

    /// Returns the output of psql for a script, with errors and notices in order. psql runs in the root of the
    /// repository, so that `\i examples/shop.sql` works.
    #[must_use]
    pub fn psql(&self, script: &str) -> String {
        // The shell joins both outputs in one pipe, which keeps their order.
        let mut shell = self.client("sh");
        shell.args(["-c", r#"exec "$0" --no-psqlrc --quiet 2>&1"#]).arg(self.program("psql").get_program());
        let mut child = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let script = script.to_owned();
        let writer = std::thread::spawn(move || input.write_all(script.as_bytes()));
        let output = child.wait_with_output().unwrap();
        let _ = writer.join().unwrap(); // a psql that ended early has said why
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        // The server may be stopped or killed; then the folder is removed as a whole.
        let drop = format!("DROP DATABASE IF EXISTS \"{}\" WITH (FORCE)", self.name);
        let _ = self.cluster.program("psql").args(["-Xqc", &drop, "postgres"]).output();
    }
}
