//! A connection that collects its notices, with shorthands for running SQL and examining the results.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postgres::error::DbError;
use postgres::types::FromSqlOwned;
use postgres::{Client, Config, NoTls, SimpleQueryMessage};

/// A session, which dereferences to [`postgres::Client`].
pub struct Session {
    client: Client,
    notices: Arc<Mutex<Vec<DbError>>>,
}

impl Session {
    pub(crate) fn open(socket: &Path, database: &str, role: &str) -> Self {
        Self::try_open(socket, database, role)
            .unwrap_or_else(|error| panic!("cannot connect to {database} as {role}: {}", describe(&error)))
    }

    pub(crate) fn try_open(socket: &Path, database: &str, role: &str) -> Result<Self, postgres::Error> {
        let notices = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&notices);
        let client = Config::new()
            .host_path(socket)
            .port(5432)
            .dbname(database)
            .user(role)
            .application_name("segrec-tests")
            .notice_callback(move |notice| heard.lock().unwrap().push(notice))
            .connect(NoTls)?;
        Ok(Self { client, notices })
    }

    /// Runs statements and ignores their results.
    #[track_caller]
    pub fn run(&mut self, sql: &str) {
        if let Err(error) = self.client.batch_execute(sql) {
            panic!("{}\nin: {sql}", describe(&error));
        }
    }

    /// Returns the only value of a query.
    #[track_caller]
    pub fn value<T: FromSqlOwned>(&mut self, sql: &str) -> T {
        let mut values = self.column(sql);
        assert_eq!(values.len(), 1, "expected one row from: {sql}");
        values.remove(0)
    }

    /// Repeats a query until it returns true; panics after a minute.
    #[track_caller]
    pub fn wait_until(&mut self, question: &str) {
        for _ in 0..6000 {
            if self.value::<bool>(question) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!(
            "not within a minute: {question}; sessions:\n{}",
            self.table("SELECT * FROM pg_stat_activity")
        );
    }

    /// Waits until another session of the same database, whose statement begins with `statement`, waits for a lock.
    #[track_caller]
    pub fn wait_until_locked_out(&mut self, statement: &str) {
        self.wait_until(&format!(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() \
             AND wait_event_type = 'Lock' AND starts_with(query, '{statement}'))"
        ));
    }

    /// Returns the first column of a query.
    #[track_caller]
    pub fn column<T: FromSqlOwned>(&mut self, sql: &str) -> Vec<T> {
        match self.client.query(sql, &[]) {
            Ok(rows) => rows.iter().map(|row| row.get(0)).collect(),
            Err(error) => panic!("{}\nin: {sql}", describe(&error)),
        }
    }

    /// Returns the result of a query as text: one row per line, `|` between columns, `∅` for NULL.
    #[track_caller]
    pub fn table(&mut self, sql: &str) -> String {
        let messages = match self.client.simple_query(sql) {
            Ok(messages) => messages,
            Err(error) => panic!("{}\nin: {sql}", describe(&error)),
        };
        let mut lines = Vec::new();
        for message in messages {
            if let SimpleQueryMessage::Row(row) = message {
                let fields: Vec<_> = (0..row.len()).map(|index| row.get(index).unwrap_or("∅")).collect();
                lines.push(fields.join("|"));
            }
        }
        lines.join("\n")
    }

    /// Returns the SQL error that a statement raises, with its code, message, detail and hint.
    #[track_caller]
    pub fn expect_error(&mut self, sql: &str) -> DbError {
        match self.client.batch_execute(sql) {
            Ok(()) => panic!("expected an error, but it succeeded: {sql}"),
            Err(error) => match error.as_db_error() {
                Some(error) => error.clone(),
                None => {
                    panic!("expected an SQL error, but the connection failed: {error}\nin: {sql}")
                }
            },
        }
    }

    /// Returns the notices and warnings since the last call.
    pub fn notices(&mut self) -> Vec<DbError> {
        std::mem::take(&mut *self.notices.lock().unwrap())
    }
}

impl Deref for Session {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

/// Returns an error in full, as psql prints it.
fn describe(error: &postgres::Error) -> String {
    let Some(error) = error.as_db_error() else {
        return error.to_string();
    };
    let mut text = format!("{}:  {} ({})", error.severity(), error.message(), error.code().code());
    for (label, part) in [("DETAIL", error.detail()), ("HINT", error.hint()), ("CONTEXT", error.where_())] {
        if let Some(part) = part {
            text.push_str(&format!("\n{label}:  {part}"));
        }
    }
    text
}
