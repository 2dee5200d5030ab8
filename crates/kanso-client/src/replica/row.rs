//! A row of the server's records: a record as it was delivered, and the proof that it still is.

use kanso_domain::sync::Digest;
use kanso_domain::{Record, Version};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::codec::{entity, from_json, habit_of, key_of, seq, to_json};
use super::{Key, ReplicaError};

/// The columns that [`Row::read`] reads, in its order.
pub(super) const COLUMNS: &str = "entity, id, habit_id, seq, record, version, is_live, checksum";

/// A record as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) key: Key,
    habit_id: Uuid,
    pub(super) seq: i64,
    pub(super) version: i64,
    pub(super) is_live: bool,
    pub(super) json: String,
    /// What was written beside the row; none in a row of an older version of this program.
    sealed: Option<i64>,
}

impl Row {
    pub(super) fn of(record: &Record) -> Result<Self, ReplicaError> {
        let stamp = record.stamp();
        let row = Self {
            key: key_of(record),
            habit_id: habit_of(record),
            seq: stamp.seq.get(),
            version: stamp.version.get(),
            is_live: !stamp.is_deleted(),
            json: to_json(record)?,
            sealed: None,
        };
        let sealed = Some(row.checksum());
        Ok(Self { sealed, ..row })
    }

    /// # Errors
    /// `Damaged` where a column cannot be what was written.
    pub(super) fn read(row: &rusqlite::Row<'_>) -> Result<Self, ReplicaError> {
        Ok(Self {
            key: Key {
                entity: entity(&row.get::<_, String>(0)?)?,
                id: row.get(1)?,
            },
            habit_id: row.get(2)?,
            seq: row.get(3)?,
            json: row.get(4)?,
            version: row.get(5)?,
            is_live: row.get(6)?,
            sealed: row.get(7)?,
        })
    }

    /// Whether it is what was written. A row without a checksum is taken at its word if that is a
    /// record of what the columns say.
    pub(super) fn is_intact(&self) -> bool {
        match self.sealed {
            Some(sealed) => sealed == self.checksum(),
            None => self
                .record()
                .and_then(|record| Self::of(&record))
                .is_ok_and(|read| {
                    (read.key, read.version, read.is_live) == (self.key, self.version, self.is_live)
                }),
        }
    }

    pub(super) const fn is_sealed(&self) -> bool {
        self.sealed.is_some()
    }

    pub(super) fn record(&self) -> Result<Record, ReplicaError> {
        from_json(self.key.entity, seq(self.seq)?, &self.json)
    }

    /// What it adds to the digest.
    pub(super) fn digest(&self) -> Digest {
        digest(self.key, self.version, self.is_live)
    }

    /// FNV-1a, 64 bits (IETF draft-eastlake-fnv), over everything: each step is reversible, so
    /// that no change of a single byte leaves it as it was.
    pub(super) fn checksum(&self) -> i64 {
        let entity = self.key.entity.as_str().as_bytes();
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

    /// Writes it to base or to what is staged, over what is there.
    pub(super) fn write(&self, connection: &Connection, to: Table) -> Result<(), ReplicaError> {
        let table = to.name();
        let sql = format!(
            "INSERT OR REPLACE INTO {table} ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
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
        ])?;
        Ok(())
    }
}

/// What a record with these columns adds to the digest.
pub(super) fn digest(key: Key, version: i64, is_live: bool) -> Digest {
    let id = key.id.as_u128();
    match Version::new(version) {
        Some(version) if is_live => Digest::of(key.entity, id, version),
        _ => Digest::EMPTY,
    }
}

/// Where delivered records are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// The server's records.
    Base,
    /// The same while everything is delivered anew.
    Staged,
}

impl Table {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Staged => "staged",
        }
    }
}

/// Names a row by its bytes, whatever they are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RawKey {
    entity: Vec<u8>,
    id: Vec<u8>,
}

impl RawKey {
    pub(super) fn read(row: &rusqlite::Row<'_>) -> Result<Self, ReplicaError> {
        let bytes = |column| -> Result<Vec<u8>, ReplicaError> {
            Ok(match row.get_ref(column)? {
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
                _ => Vec::new(),
            })
        };
        Ok(Self {
            entity: bytes(0)?,
            id: bytes(1)?,
        })
    }

    pub(super) fn is_of(&self, key: Key) -> bool {
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
        let row = Row {
            key: Key {
                entity: Entity::Entry,
                id: Uuid::from_u128(7),
            },
            habit_id: Uuid::from_u128(8),
            seq: 3,
            version: 2,
            is_live: true,
            json: "{\"version\":2}".to_owned(),
            sealed: None,
        };
        assert_eq!(
            row.checksum(),
            3_179_463_158_914_413_080,
            "stored by older releases"
        );
        let others = [
            Row {
                seq: 4,
                ..row.clone()
            },
            Row {
                version: 3,
                ..row.clone()
            },
            Row {
                is_live: false,
                ..row.clone()
            },
            Row {
                habit_id: Uuid::from_u128(9),
                ..row.clone()
            },
            Row {
                json: "{\"version\":3}".to_owned(),
                ..row.clone()
            },
        ];
        for other in others {
            assert_ne!(other.checksum(), row.checksum(), "{other:?}");
        }
    }
}
