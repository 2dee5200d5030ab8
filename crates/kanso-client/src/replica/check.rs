//! Check of all rows of the replica against their checksums.

use std::collections::BTreeSet;

use kanso_domain::Timestamp;
use rusqlite::{Connection, params};

use super::codec::instant;
use super::row::{COLUMNS, MirrorRow, MirrorTable, RawRecordKey};
use super::{RecordKey, Replica, ReplicaError, account, mirror, outbox, view};

/// Rows that need attention.
#[derive(Debug, Default)]
struct Findings {
    /// Rows whose bytes have changed.
    damaged: BTreeSet<RawRecordKey>,
    /// Rows of an older version of this library, which wrote no checksums.
    unsealed: Vec<MirrorRow>,
}

impl Replica {
    /// Returns the instant of the last check.
    pub(crate) fn checked_at(&self) -> Result<Option<Timestamp>, ReplicaError> {
        let sql = "SELECT checked_at FROM replica";
        let stored: Option<i64> = self
            .connection
            .prepare_cached(sql)?
            .query_row([], |row| row.get(0))?;
        // A damaged instant makes the check due.
        Ok(stored.and_then(|micros| instant(micros).ok()))
    }

    /// Checks all rows, removes the damaged ones and recomputes the digest. Returns the number of
    /// damaged rows.
    ///
    /// A removed row makes the digest differ from the server's, so the next comparison delivers the
    /// record again. Until then its view stays: it is more useful than a hole in a list.
    pub(crate) fn check(&mut self, now: Timestamp) -> Result<u64, ReplicaError> {
        let transaction = self.begin()?;
        let Findings { damaged, unsealed } = findings(&transaction)?;
        // Writing a row computes its checksum. From now on it is checked like all others.
        for row in unsealed {
            row.write(&transaction, MirrorTable::Base)?;
        }
        let settings = account::settings(&transaction)?;
        let stale = stale(&transaction)?;
        for key in stale {
            // The view of a damaged row stays until the record is delivered again.
            if !damaged.iter().any(|found| found.is_of(key)) {
                view::refresh(&transaction, key, &settings)?;
            }
        }
        for found in &damaged {
            found.remove(&transaction)?;
        }
        mirror::recount(&transaction)?;
        let sql = "UPDATE replica SET checked_at = ?1";
        transaction
            .prepare_cached(sql)?
            .execute(params![now.as_micros()])?;
        transaction.commit()?;
        Ok(damaged.len() as u64)
    }
}

fn findings(connection: &Connection) -> Result<Findings, ReplicaError> {
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM base"))?;
    let mut rows = statement.query([])?;
    let mut findings = Findings::default();
    while let Some(stored) = rows.next()? {
        match MirrorRow::read(stored) {
            // A damaged key cannot be read as a `RecordKey`, so rows are named by their raw bytes.
            Ok(row) if !row.is_intact() => {
                findings.damaged.insert(RawRecordKey::read(stored)?);
            }
            Ok(row) if !row.is_sealed() => findings.unsealed.push(row),
            Ok(_) => {}
            Err(ReplicaError::Damaged { .. }) => {
                findings.damaged.insert(RawRecordKey::read(stored)?);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(findings)
}

/// Returns the records whose view may not follow from mirror and outbox.
fn stale(connection: &Connection) -> Result<BTreeSet<RecordKey>, ReplicaError> {
    let mut statement = connection.prepare(
        "SELECT base.entity, base.id FROM base LEFT JOIN shown USING (entity, id)
         WHERE base.is_live = 1 AND (shown.id IS NULL OR shown.record <> base.record)
         UNION
         SELECT shown.entity, shown.id FROM shown LEFT JOIN base USING (entity, id)
         WHERE base.id IS NULL OR base.is_live <> 1",
    )?;
    // `record <> record` compares the JSON texts, which are equal for an untouched record.
    let mut keys: BTreeSet<RecordKey> = BTreeSet::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        match outbox::read_key(row) {
            Ok(key) => {
                keys.insert(key);
            }
            // The key columns are damaged, so there is no record to derive a view for.
            Err(ReplicaError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    // The query compares views with the mirror alone, so records with waiting operations are added.
    keys.extend(outbox::keys(connection)?);
    Ok(keys)
}
