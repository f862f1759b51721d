//! The inbox: which messages a service has handled. The row is written in the transaction that
//! handles the message, so that handling it twice is the same as handling it once.

use rusqlite::params;

use crate::{
    clock,
    database::{DatabaseError, Statements},
};

/// The inbox's part of a service's own schema.
pub(crate) const INBOX_SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS inbox (
    message_id TEXT PRIMARY KEY,
    handled_at_unix_ms INTEGER NOT NULL
) WITHOUT ROWID;";

/// True the first time it is asked for this message, in a transaction that is then committed.
pub(crate) fn is_new(tx: &Statements<'_>, message_id: &str) -> Result<bool, DatabaseError> {
    let inserted = tx.execute(
        "INSERT OR IGNORE INTO inbox (message_id, handled_at_unix_ms) VALUES (?1, ?2)",
        params![message_id, clock::unix_ms()],
    )?;
    Ok(inserted == 1)
}
