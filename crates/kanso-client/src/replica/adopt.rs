//! Bringing a whole replica to another account: the server was set up anew, the account was made
//! again, or the user has another one now.
//!
//! Everything that this device shows becomes a create in the outbox, under its old id. Waiting
//! operations are part of the shown records, so they need not be sent as well. Tombstones stay behind:
//! the new account never had their records. Failures stay, for the user to decide.

use kanso_domain::{Entity, Timestamp};
use kanso_protocol::sync::ActionName;
use rusqlite::{Connection, Transaction, params};
use serde_json::{Map, Value};

use super::change::{Change, operation};
use super::give_back::members;
use super::row::MirrorTable;
use super::{BoundAccount, RecordKey, Replica, ReplicaError, Session, account, identity};
use super::{mirror, outbox, own_versions, view};
use crate::clock::Ids;

/// Amount of data that a device brings to another account, or has brought to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Adoption {
    /// Number of habits.
    pub habits: u64,
    /// Number of entries.
    pub entries: u64,
    /// Number of operations that the old account had not acknowledged. The records have them.
    pub waiting: u64,
    /// Number of rejected operations, which stay until the user has decided on them.
    pub failures: u64,
}

impl Replica {
    /// Returns what [`Replica::adopt`] would bring to another account.
    pub(crate) fn adoptable(&self) -> Result<Adoption, ReplicaError> {
        let status = self.status()?;
        let records = records(&self.connection)?;
        Ok(counted(&records, status.waiting, status.failures))
    }

    /// Binds the replica to `to`, and puts everything that it shows into the outbox, in one
    /// transaction.
    pub(crate) fn adopt(
        &mut self,
        to: &BoundAccount,
        session: &Session,
        now: Timestamp,
        ids: &dyn Ids,
    ) -> Result<Adoption, ReplicaError> {
        let status = self.status()?;
        let transaction = self.begin()?;
        let records = records(&transaction)?;
        let adoption = counted(&records, status.waiting, status.failures);
        forget_account(&transaction)?;
        own_versions::clear(&transaction)?;
        // The other account has never seen this device.
        identity::draw_device_id(&transaction, ids.next_id())?;
        account::bind(&transaction, to, session)?;
        for (key, members) in records {
            let create = Change::Create(Value::Object(members));
            outbox::append(&transaction, &operation(ids.next_id(), now, key, create))?;
        }
        let settings = account::settings(&transaction)?;
        view::refresh_all(&transaction, &settings)?;
        transaction.commit()?;
        Ok(adoption)
    }
}

type Members = Map<String, Value>;

fn counted(records: &[(RecordKey, Members)], waiting: u64, failures: u64) -> Adoption {
    let habits = records
        .iter()
        .filter(|(key, _)| key.entity == Entity::Habit)
        .count() as u64;
    Adoption {
        habits,
        entries: records.len() as u64 - habits,
        waiting,
        failures,
    }
}

/// Removes everything that belongs to the history of the old account. The settings stay in force
/// until those of the new account are known.
fn forget_account(transaction: &Transaction<'_>) -> Result<(), ReplicaError> {
    transaction.execute_batch(
        "DELETE FROM outbox;
         DELETE FROM deeds;
         DELETE FROM base;
         DELETE FROM staged;
         UPDATE replica
         SET cursor = NULL, is_resyncing = 0, resync_cursor = NULL, offers_back = 0,
             history_start = NULL, last_sync_at = NULL, digest = 0, checked_at = NULL,
             is_session_lost = 0, unread_results = 0, settings_seq = NULL, offers_settings = 2;",
    )?;
    Ok(())
}

/// Returns the members of all records that this device has, habits first.
fn records(connection: &Connection) -> Result<Vec<(RecordKey, Members)>, ReplicaError> {
    let mut keys = shown(connection, Entity::Habit)?;
    keys.extend(unread(connection)?);
    keys.extend(shown(connection, Entity::Entry)?);
    let mut records = Vec::new();
    for key in keys {
        records.extend(record_members(connection, key)?.map(|members| (key, members)));
    }
    Ok(records)
}

/// Returns the keys of the shown records. An entry without its habit would wait for it for ever.
fn shown(connection: &Connection, entity: Entity) -> Result<Vec<RecordKey>, ReplicaError> {
    let mut statement = connection.prepare_cached(
        "SELECT entity, id FROM shown
         WHERE entity = ?1
           AND (entity = 'habit'
                OR habit_id IN (SELECT id FROM shown WHERE entity = 'habit')
                OR habit_id IN (SELECT id FROM base WHERE entity = 'habit' AND reading = 2))
         ORDER BY local_date, id",
    )?;
    outbox::read_keys(&mut statement.query(params![entity.as_str()])?)
}

/// Returns the keys of records that this version cannot read at all and that were not deleted.
fn unread(connection: &Connection) -> Result<Vec<RecordKey>, ReplicaError> {
    let mut statement = connection.prepare_cached(
        "SELECT entity, id FROM base
         WHERE reading = 2 AND is_live = 1
           AND NOT EXISTS (SELECT 1 FROM outbox
                           WHERE outbox.entity = base.entity AND outbox.record_id = base.id
                             AND json_valid(body) AND body ->> '$.action' = 'delete')
         ORDER BY entity DESC, id",
    )?;
    outbox::read_keys(&mut statement.query([])?)
}

/// Returns the members of a record as it is shown. Of a record that this version reads only in part,
/// they are as they came, with the waiting edits.
fn record_members(
    connection: &Connection,
    key: RecordKey,
) -> Result<Option<Members>, ReplicaError> {
    let row = mirror::row(connection, MirrorTable::Base, key)
        .ok()
        .flatten();
    match (view::record(connection, key)?, row) {
        (Some(view), _) if !view.is_stand_in => members(&view.record).map(Some),
        (_, Some(row)) => {
            let mut all = row.members()?;
            for body in outbox::bodies(connection, key)? {
                let Ok(request) = outbox::request(&body) else {
                    continue;
                };
                if let (ActionName::Create | ActionName::Update, Some(Value::Object(fields))) =
                    (request.action, request.fields)
                {
                    all.extend(fields);
                }
            }
            Ok(Some(all))
        }
        (Some(view), None) => members(&view.record).map(Some),
        (None, None) => Ok(None),
    }
}
