//! A row of the mirror: a delivered record with a checksum over all of its columns.

use kanso_domain::sync::Digest;
use kanso_domain::{Entity, Record, Seq, Version};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::codec::{entity, from_json, habit_of, key_of, seq, to_json};
use super::give_back::members;
use super::stand_in::stand_in;
use super::{RecordKey, ReplicaError};

/// Columns that [`MirrorRow::read`] reads, in this order.
pub(super) const COLUMNS: &str =
    "entity, id, habit_id, seq, record, version, is_live, checksum, reading";

/// Extent to which this version can read a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reading {
    /// All members that this version knows.
    Exact,
    /// Some of them. A stand-in with the others is shown.
    Partial,
    /// Only the key and the version. Nothing is shown.
    Unread,
}

impl Reading {
    const fn number(self) -> i64 {
        match self {
            Self::Exact => 0,
            Self::Partial => 1,
            Self::Unread => 2,
        }
    }

    const fn of_number(number: i64) -> Self {
        match number {
            0 => Self::Exact,
            1 => Self::Partial,
            // Also of a damaged column: the row is then read again.
            _ => Self::Unread,
        }
    }
}

/// Members of a record that the server computes. A device cannot set them.
const COMPUTED: [&str; 9] = [
    "id",
    "version",
    "created_at",
    "updated_at",
    "deleted_at",
    "schedule_history",
    "archived_spans",
    "current_streak",
    "longest_streak",
];

/// A record of the mirror as it is stored.
///
/// `seq`, `version` and `is_live` repeat members of the JSON, so that a digest or a comparison of
/// thousands of rows needs no parsing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MirrorRow {
    pub(super) key: RecordKey,
    habit_id: Uuid,
    pub(super) seq: i64,
    pub(super) version: i64,
    pub(super) is_live: bool,
    /// The record as it was delivered, with members that this version does not know.
    pub(super) json: String,
    pub(super) reading: Reading,
    /// Checksum stored with the row; `None` in a row of an older version of this library.
    sealed: Option<i64>,
}

impl MirrorRow {
    fn of(record: &Record) -> Result<Self, ReplicaError> {
        Ok(Self::with(record, to_json(record)?, Reading::Exact))
    }

    fn with(record: &Record, json: String, reading: Reading) -> Self {
        let stamp = record.stamp();
        let row = Self {
            key: key_of(record),
            habit_id: habit_of(record),
            seq: stamp.seq.get(),
            version: stamp.version.get(),
            is_live: !stamp.is_deleted(),
            json,
            reading,
            sealed: None,
        };
        row.sealed()
    }

    fn sealed(self) -> Self {
        // Computed last, because the checksum covers all other columns.
        let sealed = Some(self.checksum());
        Self { sealed, ..self }
    }

    /// Builds the row of a delivered record. `json` is stored as it came.
    ///
    /// `None` if this version does not know the entity, or finds neither an id nor a version.
    pub(crate) fn delivered(entity_name: &str, seq: Seq, json: &str) -> Option<Self> {
        let entity = entity(entity_name).ok()?;
        if let Ok(record) = from_json(entity, seq, json) {
            return Some(Self::with(&record, json.to_owned(), Reading::Exact));
        }
        if let Some(record) = stand_in(entity, seq, json) {
            return Some(Self::with(&record, json.to_owned(), Reading::Partial));
        }
        let raw: Value = serde_json::from_str(json).ok()?;
        let id = |name: &str| raw.get(name)?.as_str()?.parse::<Uuid>().ok();
        let key = RecordKey {
            entity,
            id: id("id")?,
        };
        let row = Self {
            key,
            habit_id: match entity {
                Entity::Habit => key.id,
                Entity::Entry => id("habit_id").unwrap_or_default(),
            },
            seq: seq.get(),
            version: Version::new(raw.get("version")?.as_i64()?)?.get(),
            is_live: raw.get("deleted_at").is_none_or(Value::is_null),
            json: json.to_owned(),
            reading: Reading::Unread,
            sealed: None,
        };
        Some(row.sealed())
    }

    /// Returns the row as this version reads it, if it was stored by another one.
    pub(super) fn read_again(&self) -> Option<Self> {
        let seq = Seq::new(self.seq)?;
        Self::delivered(self.key.entity.as_str(), seq, &self.json)
    }

    /// Reads a row of [`COLUMNS`].
    ///
    /// # Errors
    /// `Damaged` if a column holds a value of another type than was written.
    pub(super) fn read(row: &rusqlite::Row<'_>) -> Result<Self, ReplicaError> {
        Ok(Self {
            key: RecordKey {
                entity: entity(&row.get::<_, String>(0)?)?,
                id: row.get(1)?,
            },
            habit_id: row.get(2)?,
            seq: row.get(3)?,
            json: row.get(4)?,
            version: row.get(5)?,
            is_live: row.get(6)?,
            sealed: row.get(7)?,
            reading: Reading::of_number(row.get(8)?),
        })
    }

    /// Returns true if the row is as it was written.
    ///
    /// A row without a checksum counts as intact if its JSON is a record that matches the columns.
    pub(super) fn is_intact(&self) -> bool {
        match self.sealed {
            Some(sealed) => sealed == self.checksum(),
            None => seq(self.seq)
                .and_then(|seq| from_json(self.key.entity, seq, &self.json))
                .and_then(|record| Self::of(&record))
                .is_ok_and(|read| {
                    (read.key, read.version, read.is_live) == (self.key, self.version, self.is_live)
                }),
        }
    }

    pub(super) const fn is_sealed(&self) -> bool {
        self.sealed.is_some()
    }

    /// Returns the record, or its stand-in; `None` if nothing of it can be shown.
    ///
    /// # Errors
    /// `Damaged` if the row is not as it was written.
    pub(super) fn record(&self) -> Result<Option<Record>, ReplicaError> {
        let seq = seq(self.seq)?;
        match from_json(self.key.entity, seq, &self.json) {
            Ok(record) => Ok(Some(record)),
            // Unknown to this version, and not damaged: the checksum is right.
            Err(_) if self.is_intact() => Ok(stand_in(self.key.entity, seq, &self.json)),
            Err(error) => Err(error),
        }
    }

    /// Returns the members that a user can edit. A record that this version reads only in part has
    /// them as they came, also those that are not known.
    pub(super) fn members(&self) -> Result<Map<String, Value>, ReplicaError> {
        if self.reading == Reading::Exact
            && let Some(record) = self.record()?
        {
            return members(&record);
        }
        let mut raw: Map<String, Value> =
            serde_json::from_str(&self.json).map_err(ReplicaError::damaged)?;
        raw.retain(|name, _| !COMPUTED.contains(&name.as_str()));
        Ok(raw)
    }

    /// Returns the share of this row in the digest.
    pub(super) fn digest(&self) -> Digest {
        digest(self.key, self.version, self.is_live)
    }

    /// Computes the FNV-1a checksum, 64 bits (IETF draft-eastlake-fnv), over all columns.
    ///
    /// Each step of FNV-1a is reversible, so a change of any single byte always changes the result.
    /// The checksum detects faults of the disk; it is not a protection against an attacker.
    pub(super) fn checksum(&self) -> i64 {
        let entity = self.key.entity.as_str().as_bytes();
        // Fixed widths for numbers and ids, so that no two different rows have the same bytes.
        let numbers = [self.seq, self.version, i64::from(self.is_live)];
        let numbers = numbers.iter().flat_map(|number| number.to_be_bytes());
        let ids = [self.key.id, self.habit_id];
        let ids = ids.iter().flat_map(|id| id.into_bytes());
        let bytes = entity.iter().copied().chain(ids).chain(numbers);
        let hash = bytes
            .chain(self.json.bytes())
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
            });
        hash.cast_signed()
    }

    /// Writes the row to `to` and replaces an existing row of the same record.
    pub(super) fn write(
        &self,
        connection: &Connection,
        to: MirrorTable,
    ) -> Result<(), ReplicaError> {
        let table = to.name();
        let sql = format!(
            "INSERT OR REPLACE INTO {table} ({COLUMNS})
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
        );
        connection.prepare_cached(&sql)?.execute(params![
            self.key.entity.as_str(),
            self.key.id,
            self.habit_id,
            self.seq,
            self.json,
            self.version,
            self.is_live,
            self.checksum(),
            self.reading.number(),
        ])?;
        Ok(())
    }
}

/// Returns the share of a record with these columns in the digest. A tombstone adds nothing.
pub(super) fn digest(key: RecordKey, version: i64, is_live: bool) -> Digest {
    let id = key.id.as_u128();
    match Version::new(version) {
        Some(version) if is_live => Digest::of(key.entity, id, version),
        _ => Digest::EMPTY,
    }
}

/// SQL table that holds delivered records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MirrorTable {
    /// The mirror.
    Base,
    /// Records of a resync that is not complete.
    Staged,
}

impl MirrorTable {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Staged => "staged",
        }
    }
}

/// Key of a damaged row: the raw bytes of its key columns.
///
/// The columns may hold anything, so they may not form a valid [`RecordKey`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RawRecordKey {
    entity: Vec<u8>,
    id: Vec<u8>,
}

impl RawRecordKey {
    pub(super) fn read(row: &rusqlite::Row<'_>) -> Result<Self, ReplicaError> {
        let bytes = |column| -> Result<Vec<u8>, ReplicaError> {
            Ok(match row.get_ref(column)? {
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
                // The table is `STRICT`, so its key columns hold nothing but text and blobs.
                _ => Vec::new(),
            })
        };
        Ok(Self {
            entity: bytes(0)?,
            id: bytes(1)?,
        })
    }

    pub(super) fn is_of(&self, key: RecordKey) -> bool {
        self.entity == key.entity.as_str().as_bytes() && self.id == key.id.as_bytes()
    }

    pub(super) fn remove(&self, connection: &Connection) -> Result<(), ReplicaError> {
        connection
            .prepare_cached("DELETE FROM base WHERE CAST(entity AS BLOB) = ?1 AND id = ?2")?
            .execute(params![self.entity, self.id])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use kanso_domain::Entity;

    use super::*;

    #[test]
    fn every_byte_of_a_row_counts() {
        let row = MirrorRow {
            key: RecordKey {
                entity: Entity::Entry,
                id: Uuid::from_u128(7),
            },
            habit_id: Uuid::from_u128(8),
            seq: 3,
            version: 2,
            is_live: true,
            json: "{\"version\":2}".to_owned(),
            reading: Reading::Exact,
            sealed: None,
        };
        assert_eq!(
            row.checksum(),
            3_179_463_158_914_413_080,
            "stored by older releases"
        );
        let others = [
            MirrorRow {
                seq: 4,
                ..row.clone()
            },
            MirrorRow {
                version: 3,
                ..row.clone()
            },
            MirrorRow {
                is_live: false,
                ..row.clone()
            },
            MirrorRow {
                habit_id: Uuid::from_u128(9),
                ..row.clone()
            },
            MirrorRow {
                json: "{\"version\":3}".to_owned(),
                ..row.clone()
            },
        ];
        for other in others {
            assert_ne!(other.checksum(), row.checksum(), "{other:?}");
        }
    }
}
