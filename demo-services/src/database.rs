//! A service's own database: one SQLite file, one connection, one thread that owns it. Every
//! statement is a CLIENT span with its text.

use std::{
    cell::Cell,
    path::{Path, PathBuf},
    thread,
};

use rusqlite::{Connection, Params, Row, Transaction, TransactionBehavior, ffi};
use tokio::sync::{mpsc, oneshot};
use tonic::Status;
use tracing::{Span, error};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::telemetry::{fail, span};

/// Transactions that may wait for the thread; a caller beyond that waits to hand its work over.
const QUEUE_TRANSACTIONS: usize = 256;

/// Why the database could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The file or its directory cannot be opened or created.
    #[error("cannot open the database {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The thread that owns the connection could not be started.
    #[error("cannot start the database thread")]
    Thread(#[from] std::io::Error),
    /// A statement failed; the whole transaction was rolled back.
    #[error("statement failed")]
    Statement(#[from] rusqlite::Error),
    /// The database thread is gone.
    #[error("the database is closed")]
    Closed,
}

/// What a caller over gRPC gets to see of a failure; the details go into the log.
pub(crate) fn refuse(error: DatabaseError) -> Status {
    error!(
        "exception.type" = "database_error",
        "exception.message" = %error,
        "The database could not be used"
    );
    Status::internal("the database could not be used")
}

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// A handle on the database thread; the thread ends with the last handle.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    jobs: mpsc::Sender<Job>,
    namespace: &'static str,
}

impl Database {
    /// Opens or creates the file, applies `schema` (which must not mind being applied twice) and
    /// lets `seed` fill a file that is new.
    pub(crate) fn open(
        path: &Path,
        namespace: &'static str,
        schema: &str,
        seed: fn(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<Self, DatabaseError> {
        let connection = prepare(path, schema, seed).map_err(|source| DatabaseError::Open {
            path: path.to_owned(),
            source,
        })?;
        let (jobs, queue) = mpsc::channel::<Job>(QUEUE_TRANSACTIONS);
        thread::Builder::new()
            .name("database".into())
            .spawn(move || work(connection, queue))?;
        Ok(Self { jobs, namespace })
    }

    /// Runs `work` as one transaction on the database thread, below the caller's span. An error
    /// rolls everything back.
    pub(crate) async fn transaction<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Statements<'_>) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        self.run(true, work).await
    }

    /// The same without spans: for polling, which belongs to no request.
    pub(crate) async fn untraced<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Statements<'_>) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        self.run(false, work).await
    }

    async fn run<T: Send + 'static>(
        &self,
        traced: bool,
        work: impl FnOnce(&Statements<'_>) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let (answer, answered) = oneshot::channel();
        let caller = Span::current();
        let namespace = self.namespace;
        let job: Job = Box::new(move |connection| {
            // The span does not follow the work to another thread by itself.
            let result = caller.in_scope(|| in_transaction(connection, namespace, traced, work));
            // The caller may have given up waiting; the transaction is done all the same.
            drop(answer.send(result));
        });
        self.jobs
            .send(job)
            .await
            .map_err(|_| DatabaseError::Closed)?;
        answered.await.map_err(|_| DatabaseError::Closed)?
    }
}

fn prepare(
    path: &Path,
    schema: &str,
    seed: fn(&Transaction<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Survives a killed process; a demo does not have to survive a power cut.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", -512)?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(schema)?;
    if transaction.query_one("PRAGMA user_version", [], |row| row.get::<_, i64>(0))? == 0 {
        seed(&transaction)?;
        transaction.pragma_update(None, "user_version", 1)?;
    }
    transaction.commit()?;
    Ok(connection)
}

fn work(mut connection: Connection, mut queue: mpsc::Receiver<Job>) {
    while let Some(job) = queue.blocking_recv() {
        job(&mut connection);
    }
}

fn in_transaction<T>(
    connection: &mut Connection,
    namespace: &'static str,
    traced: bool,
    work: impl FnOnce(&Statements<'_>) -> Result<T, DatabaseError>,
) -> Result<T, DatabaseError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
    let statements = Statements {
        transaction,
        namespace,
        traced,
        wrote: Cell::new(false),
    };
    let result = work(&statements)?;
    statements.commit()?;
    Ok(result)
}

/// The statements of one transaction.
pub(crate) struct Statements<'a> {
    transaction: Transaction<'a>,
    namespace: &'static str,
    traced: bool,
    wrote: Cell<bool>,
}

impl Statements<'_> {
    /// Changes rows; answers how many.
    pub(crate) fn execute(
        &self,
        sql: &'static str,
        params: impl Params,
    ) -> Result<usize, DatabaseError> {
        self.wrote.set(true);
        let changed = self.observe(sql, |_| {
            self.transaction.prepare_cached(sql)?.execute(params)
        })?;
        Ok(changed)
    }

    /// All rows, in the statement's order.
    pub(crate) fn query<T>(
        &self,
        sql: &'static str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, DatabaseError> {
        let rows = self.observe(sql, |span| {
            let mut statement = self.transaction.prepare_cached(sql)?;
            let rows = statement
                .query_map(params, read)?
                .collect::<rusqlite::Result<Vec<T>>>()?;
            span.set_attribute(
                "db.response.returned_rows",
                i64::try_from(rows.len()).unwrap_or(i64::MAX),
            );
            Ok(rows)
        })?;
        Ok(rows)
    }

    /// The first row, if there is one.
    pub(crate) fn query_optional<T>(
        &self,
        sql: &'static str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, DatabaseError> {
        Ok(self.query(sql, params, read)?.into_iter().next())
    }

    fn commit(self) -> Result<(), DatabaseError> {
        let Self {
            transaction,
            namespace,
            traced,
            wrote,
        } = self;
        // A read has nothing to make durable, so that its commit is not worth a span.
        let traced = traced && wrote.get();
        observe("COMMIT", namespace, traced, |_| transaction.commit())?;
        Ok(())
    }

    fn observe<T>(
        &self,
        sql: &'static str,
        run: impl FnOnce(&Span) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        observe(sql, self.namespace, self.traced, run)
    }
}

fn observe<T>(
    sql: &'static str,
    namespace: &'static str,
    traced: bool,
    run: impl FnOnce(&Span) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    if !traced {
        return run(&Span::none());
    }
    let summary = Summary::of(sql);
    let span = span("client", &summary.to_string());
    span.set_attribute("db.system.name", "sqlite");
    span.set_attribute("db.namespace", namespace);
    span.set_attribute("db.operation.name", summary.operation);
    span.set_attribute("db.query.summary", summary.to_string());
    span.set_attribute("db.query.text", sql);
    if let Some(table) = summary.table {
        span.set_attribute("db.collection.name", table);
    }
    let result = span.in_scope(|| run(&span));
    if let Err(error) = &result {
        if let Some(code) = error
            .sqlite_error()
            .map(|error: &ffi::Error| error.extended_code)
        {
            span.set_attribute("db.response.status_code", code.to_string());
        }
        fail(&span, "sqlite_error", error.to_string());
    }
    result
}

/// What a statement does, in two words: `SELECT products`.
#[derive(Debug, PartialEq, Eq)]
struct Summary {
    operation: &'static str,
    table: Option<&'static str>,
}

impl Summary {
    fn of(sql: &'static str) -> Self {
        let mut words = sql.split(|c: char| c.is_whitespace() || c == '(' || c == ',');
        let operation = words.next().unwrap_or(sql);
        let table = if operation == "UPDATE" {
            words.find(|word| !word.is_empty())
        } else {
            words.find(|word| matches!(*word, "FROM" | "INTO"));
            words.find(|word| !word.is_empty())
        };
        Self { operation, table }
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.operation)?;
        self.table.map_or(Ok(()), |table| write!(f, " {table}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS things (name TEXT PRIMARY KEY)";

    fn seed(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        transaction
            .execute("INSERT INTO things (name) VALUES ('seeded')", [])
            .map(drop)
    }

    async fn names(database: &Database) -> Vec<String> {
        database
            .transaction(|tx| tx.query("SELECT name FROM things ORDER BY name", [], |r| r.get(0)))
            .await
            .unwrap()
    }

    #[test]
    fn a_statement_is_summed_up_by_its_operation_and_table() {
        let summary = |sql| Summary::of(sql).to_string();

        assert_eq!(
            summary("SELECT a, b FROM products WHERE sku = ?1"),
            "SELECT products"
        );
        assert_eq!(
            summary("INSERT INTO outbox (id) VALUES (?1)"),
            "INSERT outbox"
        );
        assert_eq!(
            summary("INSERT OR IGNORE INTO inbox (id) VALUES (?1)"),
            "INSERT inbox"
        );
        assert_eq!(summary("UPDATE stock SET available = 1"), "UPDATE stock");
        assert_eq!(summary("DELETE FROM cart_lines"), "DELETE cart_lines");
        assert_eq!(summary("COMMIT"), "COMMIT");
    }

    #[tokio::test]
    async fn a_new_file_is_seeded_once_and_only_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("things.db");

        drop(Database::open(&path, "things", SCHEMA, seed).unwrap());
        let reopened = Database::open(&path, "things", SCHEMA, seed).unwrap();

        assert_eq!(names(&reopened).await, ["seeded"]);
    }

    #[tokio::test]
    async fn a_failed_transaction_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("things.db");
        let database = Database::open(&path, "things", SCHEMA, seed).unwrap();

        let failed = database
            .transaction(|tx| {
                tx.execute("INSERT INTO things (name) VALUES ('new')", [])?;
                tx.execute("INSERT INTO things (name) VALUES ('seeded')", [])
            })
            .await;

        assert!(matches!(failed, Err(DatabaseError::Statement(_))));
        assert_eq!(names(&database).await, ["seeded"]);
    }
}
