//! A database with an outbox and an inbox, for the tests of services.

use prost::Message;
use rusqlite::Transaction;

use super::{OUTBOX_SCHEMA, inbox::INBOX_SCHEMA};
use crate::{
    database::{Database, DatabaseError, Statements},
    proto::StepReply,
};

/// A service's database in a file that goes away with it.
pub(crate) struct Fixture {
    pub(crate) database: Database,
    _directory: tempfile::TempDir,
}

impl Fixture {
    pub(crate) fn new(schema: &str, seed: fn(&Transaction<'_>) -> rusqlite::Result<()>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let schema = [schema, OUTBOX_SCHEMA, INBOX_SCHEMA].concat();
        let path = directory.path().join("service.db");
        let database = Database::open(&path, "service", &schema, seed).unwrap();
        Self {
            database,
            _directory: directory,
        }
    }

    /// Runs `work` as one transaction, as a handler does.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Statements<'_>) -> Result<T, DatabaseError> + Send + 'static,
    ) -> T {
        self.database.transaction(work).await.unwrap()
    }

    /// The kinds of the messages that wait to be sent.
    pub(crate) async fn kinds(&self) -> Vec<String> {
        self.run(|tx| {
            tx.query("SELECT kind FROM outbox ORDER BY sequence", [], |row| {
                row.get(0)
            })
        })
        .await
    }

    /// The replies that wait to be sent: `"step"` or `"step: reason"`.
    pub(crate) async fn replies(&self) -> Vec<String> {
        let bodies: Vec<Vec<u8>> = self
            .run(|tx| {
                let sql = "SELECT body FROM outbox WHERE kind = 'step.reply' ORDER BY sequence";
                tx.query(sql, [], |row| row.get(0))
            })
            .await;
        let replies = bodies
            .iter()
            .map(|body| StepReply::decode(body.as_slice()).unwrap());
        let text = |reply: StepReply| match reply.succeeded {
            true => reply.step,
            false => format!("{}: {}", reply.step, reply.reason),
        };
        replies.map(text).collect()
    }
}
