//! Looking through the whole replica: whether each row is what was written.

use std::collections::BTreeSet;

use kanso_domain::Timestamp;
use rusqlite::{Connection, params};

use super::codec::instant;
use super::row::{COLUMNS, RawKey, Row, Table};
use super::{Key, Replica, ReplicaError, account, base, outbox, shown};

/// What a look at every row found.
#[derive(Debug, Default)]
struct Findings {
    damaged: BTreeSet<RawKey>,
    /// Rows of an older version of this program, which knew no checksums.
    unsealed: Vec<Row>,
}

impl Replica {
    /// When every row was last looked at.
    pub(crate) fn checked_at(&self) -> Result<Option<Timestamp>, ReplicaError> {
        let sql = "SELECT checked_at FROM replica";
        let stored: Option<i64> = self
            .connection
            .prepare_cached(sql)?
            .query_row([], |row| row.get(0))?;
        stored.map(instant).transpose()
    }

    /// Looks at every row and counts all of them anew. A damaged one is no record of the server's
    /// any more: it is missing from now on, and the next comparison with the server brings it
    /// back. What is shown of it stays until then. Answers with how many there were.
    pub(crate) fn check(&mut self, now: Timestamp) -> Result<u64, ReplicaError> {
        let transaction = self.begin()?;
        let Findings { damaged, unsealed } = look(&transaction)?;
        for row in unsealed {
            row.write(&transaction, Table::Base)?;
        }
        let settings = account::settings(&transaction)?;
        let stale = stale(&transaction)?;
        for key in stale {
            if !damaged.iter().any(|found| found.is_of(key)) {
                shown::refresh(&transaction, key, &settings)?;
            }
        }
        for found in &damaged {
            found.remove(&transaction)?;
        }
        base::recount(&transaction)?;
        let sql = "UPDATE replica SET checked_at = ?1";
        transaction
            .prepare_cached(sql)?
            .execute(params![now.as_micros()])?;
        transaction.commit()?;
        Ok(damaged.len() as u64)
    }
}

fn look(connection: &Connection) -> Result<Findings, ReplicaError> {
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM base"))?;
    let mut rows = statement.query([])?;
    let mut findings = Findings::default();
    while let Some(stored) = rows.next()? {
        match Row::read(stored) {
            Ok(row) if !row.is_intact() => {
                findings.damaged.insert(RawKey::read(stored)?);
            }
            Ok(row) if !row.is_sealed() => findings.unsealed.push(row),
            Ok(_) => {}
            Err(ReplicaError::Damaged { .. }) => {
                findings.damaged.insert(RawKey::read(stored)?);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(findings)
}

/// The records of which something else is shown than follows from base and outbox.
fn stale(connection: &Connection) -> Result<BTreeSet<Key>, ReplicaError> {
    let mut statement = connection.prepare(
        "SELECT base.entity, base.id FROM base LEFT JOIN shown USING (entity, id)
         WHERE base.is_live = 1 AND (shown.id IS NULL OR shown.record <> base.record)
         UNION
         SELECT shown.entity, shown.id FROM shown LEFT JOIN base USING (entity, id)
         WHERE base.id IS NULL OR base.is_live <> 1",
    )?;
    let mut keys: BTreeSet<Key> = BTreeSet::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        match outbox::read_key(row) {
            Ok(key) => {
                keys.insert(key);
            }
            // No record has this name: nothing can be derived for it.
            Err(ReplicaError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    keys.extend(outbox::keys(connection)?);
    Ok(keys)
}
