//! What is offered back to a server that lost it: it was put back to an older state, and this
//! device holds what it had delivered since.

use std::collections::BTreeMap;

use kanso_domain::accounts::Settings;
use kanso_domain::{Entity, Record, Timestamp, Version};
use kanso_protocol::entries::{EntryMembers, EntryRecord};
use kanso_protocol::habits::{HabitMembers, HabitRecord};
use kanso_protocol::sync::OnConflictName;
use rusqlite::Connection;
use serde_json::{Map, Value};

use super::codec::key_of;
use super::overlay::overlay;
use super::{Key, NewOperation, ReplicaError, outbox};
use crate::clock::Ids;
use crate::edits::{Change, operation};

/// A record as it was delivered here once, and as the server has it now.
#[derive(Debug)]
pub(super) struct Compared {
    pub(super) ours: Record,
    pub(super) theirs: Option<Record>,
}

/// The members that decide together when a habit is due.
const SCHEDULE: [&str; 4] = ["frequency_type", "weekdays", "interval", "times_per_week"];

/// The members by which days are judged, and which have a history.
const JUDGED: [&str; 7] = [
    "frequency_type",
    "weekdays",
    "interval",
    "times_per_week",
    "type",
    "target_value",
    "target_direction",
];

/// Puts what the server lost into the outbox, before everything else, and puts what waits there on
/// the versions that the server will have. Answers with how many records are offered.
pub(super) fn offer(
    connection: &Connection,
    mut compared: Vec<Compared>,
    settings: &Settings,
    now: Timestamp,
    ids: &dyn Ids,
) -> Result<u64, ReplicaError> {
    // A habit goes before its entries.
    compared.sort_by_key(|pair| {
        let is_entry = pair.ours.entity() == Entity::Entry;
        (is_entry, pair.ours.stamp().seq)
    });
    let mut offers = Vec::new();
    let mut expected = BTreeMap::new();
    for pair in compared {
        let key = key_of(&pair.ours);
        match judge(&pair)? {
            Verdict::TheServerKnowsBetter => {}
            Verdict::Same => drop(expected.insert(key, pair.theirs)),
            Verdict::Contested(change) => {
                let contested = operation(ids.next_id(), now, key, change);
                offers.push(with(contested, OnConflictName::Reject));
            }
            Verdict::Lost(change) => {
                let lost = operation(ids.next_id(), now, key, change);
                let lost = with(lost, OnConflictName::Merge);
                let action = lost.request.clone().action();
                let after = overlay(pair.theirs, [(action, now)], settings);
                expected.insert(key, after);
                offers.push(lost);
            }
        }
    }
    outbox::prepend(connection, &offers)?;
    for (key, record) in expected {
        rebase(connection, key, record, settings, ids)?;
    }
    Ok(offers.len() as u64)
}

fn with(mut operation: NewOperation, on_conflict: OnConflictName) -> NewOperation {
    operation.request.on_conflict = Some(on_conflict);
    operation
}

enum Verdict {
    /// Both say the same, in whichever versions.
    Same,
    /// The server's is not older.
    TheServerKnowsBetter,
    /// The server's is from before.
    Lost(Change),
    /// The server's has fewer edits, but another device gave it back in its own state: a person
    /// has to look at it.
    Contested(Change),
}

fn judge(pair: &Compared) -> Result<Verdict, ReplicaError> {
    let Compared { ours, theirs } = pair;
    let Some(theirs) = theirs else {
        let members = Value::Object(members(ours)?);
        return Ok(Verdict::Lost(Change::Create(members)));
    };
    let differing = differing(ours, theirs)?;
    let (mine, stored) = (ours.stamp(), theirs.stamp());
    Ok(if stored.is_deleted() {
        Verdict::TheServerKnowsBetter
    } else if differing.is_empty() {
        Verdict::Same
    } else if mine.version <= stored.version {
        Verdict::TheServerKnowsBetter
    } else if stored.updated_at <= mine.updated_at {
        Verdict::Lost(Change::Update(stored.version, Value::Object(differing)))
    } else if stored.created_at == mine.created_at {
        // Somebody wrote it since it was put back, and nobody knows in which version that was. The
        // server knows which members were edited after the first, and lets the others merge.
        Verdict::Lost(Change::Update(Version::FIRST, Value::Object(differing)))
    } else {
        Verdict::Contested(Change::Update(mine.version, Value::Object(differing)))
    })
}

/// The members that a person edits.
fn members(record: &Record) -> Result<Map<String, Value>, ReplicaError> {
    let json = match record {
        Record::Habit(habit) => serde_json::to_value(HabitMembers::of(&HabitRecord::from(habit))),
        Record::Entry(entry) => serde_json::to_value(EntryMembers::of(&EntryRecord::from(entry))),
    };
    match json {
        Ok(Value::Object(members)) => Ok(members),
        Ok(other) => Err(ReplicaError::damaged(other)),
        Err(error) => Err(ReplicaError::damaged(error)),
    }
}

/// The members of `record` that `theirs` does not have like that.
fn differing(record: &Record, theirs: &Record) -> Result<Map<String, Value>, ReplicaError> {
    let (ours, theirs) = (members(record)?, members(theirs)?);
    let is_other = |name: &str| ours.get(name) != theirs.get(name);
    let is_other_schedule = SCHEDULE.into_iter().any(is_other);
    let mut differing = ours.clone();
    differing.retain(|name, _| {
        is_other(name) || (is_other_schedule && SCHEDULE.contains(&name.as_str()))
    });
    if let Record::Habit(habit) = record
        && JUDGED.iter().any(|name| differing.contains_key(*name))
    {
        // It judges days from when it did, not from the day on which it is given back.
        let newest = habit.details.history.versions().last();
        let from = newest.map(|version| Value::from(version.effective_from.to_string()));
        differing.extend(from.map(|from| ("effective_from".to_owned(), from)));
    }
    Ok(differing)
}

/// Puts what a person wrote about the record and the server has not taken on the versions that it
/// will have there. Each gets another id: the server may know the old one with another body.
fn rebase(
    connection: &Connection,
    key: Key,
    mut record: Option<Record>,
    settings: &Settings,
    ids: &dyn Ids,
) -> Result<(), ReplicaError> {
    for waiting in outbox::written(connection, key)? {
        let request = outbox::request(&waiting.body)?;
        let version = record.as_ref().map(|record| record.stamp().version.get());
        if request.base_version.is_some() && request.base_version != version {
            outbox::reissue(connection, &waiting, ids.next_id(), version)?;
        }
        let action = request.action();
        record = overlay(record, [(action, waiting.created_at)], settings);
    }
    Ok(())
}
