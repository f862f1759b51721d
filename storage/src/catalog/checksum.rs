//! Proves that the catalog says what was written into it.

use rusqlite::{Connection, OptionalExtension as _, Transaction};

use super::{read_low_water, read_rows};

/// Renews the checksum after a change, in its transaction.
pub(super) fn write(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM catalog_checksum", [])?;
    let crc32 = compute(transaction)?;
    transaction.execute("INSERT INTO catalog_checksum VALUES (?1)", [crc32])?;
    Ok(())
}

/// Whether the checksum is that of the rows, and SQLite finds its own pages in order.
pub(super) fn is_right(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "PRAGMA integrity_check(1)";
    let verdict: String = connection.query_row(sql, [], |row| row.get(0))?;
    let sql = "SELECT crc32 FROM catalog_checksum";
    let written: Option<i64> = connection.query_row(sql, [], |row| row.get(0)).optional()?;
    Ok(verdict == "ok" && written == Some(compute(connection)?))
}

/// The CRC-32 of everything the catalog says.
fn compute(connection: &Connection) -> rusqlite::Result<i64> {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&read_low_water(connection)?.to_le_bytes());
    for row in read_rows(connection)? {
        let numbers = [
            row.row_count,
            row.start,
            row.end,
            row.size_bytes,
            row.sealed,
        ];
        for text in [row.id, row.signal] {
            hasher.update(text.as_bytes());
            hasher.update(&[0]);
        }
        for number in numbers {
            hasher.update(&number.to_le_bytes());
        }
    }
    Ok(i64::from(hasher.finalize()))
}
