//! Giving records back to a server that lost them.
//!
//! A server whose database was restored from a backup lacks the newest changes. Devices still have
//! these records in their mirrors, and offer them back:
//!
//! 1. Each mirror record is compared with the record that the server has now ([`decide`]). If the
//!    server reports where its history parted from the mirror's, the comparison is by that position:
//!    a change after it was lost, whatever version another device has written since.
//! 2. A missing record becomes a create under its old id; a lost change becomes an update of the
//!    members that differ. These operations go to the front of the outbox.
//! 3. The user's waiting operations are put on the version on which the offer builds (`rebase`). A
//!    version that an offer is expected to make is no base: another device may make it first, and the
//!    operations would overwrite an edit that this device has never seen.
//!
//! Several devices may do this at the same time, so every decision depends only on the two records,
//! and the operations merge or turn into a no-op where another device was faster. Tombstones are
//! not given back: an administrator may have restored the backup to undo a deletion.

use kanso_domain::{Entity, Record, Seq, Timestamp, Version};
use kanso_protocol::entries::{EntryMembers, EntryRecord};
use kanso_protocol::habits::{HabitMembers, HabitRecord};
use kanso_protocol::sync::OnConflictName;
use rusqlite::Connection;
use serde_json::{Map, Value};

use super::ReplicaError;
use super::after_create::{self, UNREACHED, rebase};
use super::change::{Change, operation};
use super::codec::key_of;
use super::delivered::SharedState;
use super::outbox;
use super::row::MirrorRow;
use crate::clock::Ids;

/// One of two records that are compared.
#[derive(Debug)]
pub(super) struct Side {
    /// The record, or its stand-in if this version cannot read it completely.
    pub(super) record: Record,
    /// Members that a user can edit, as they came if this version cannot read them.
    pub(super) members: Map<String, Value>,
}

impl Side {
    /// Returns the side of a row; `None` if this version cannot read it at all.
    pub(super) fn of(row: &MirrorRow) -> Result<Option<Self>, ReplicaError> {
        let Some(record) = row.record()? else {
            return Ok(None);
        };
        let members = row.members()?;
        Ok(Some(Self { record, members }))
    }
}

/// A record as it was delivered to this device, and as the server has it now.
#[derive(Debug)]
pub(super) struct RecordPair {
    pub(super) ours: Side,
    pub(super) theirs: Option<Side>,
    /// Point at which the histories of the two part, if it is known.
    pub(super) parted: Option<PartedHistories>,
}

impl RecordPair {
    /// Returns the place of this pair in the order of giving back.
    //
    // Habits first: the server defers an entry whose habit it does not know. Within a kind, the
    // order of the lost history.
    fn order(&self) -> (bool, Seq) {
        let is_entry = self.ours.record.entity() == Entity::Entry;
        (is_entry, self.ours.record.stamp().seq)
    }
}

/// The end of the part that the mirror's history shares with the server's present one.
#[derive(Debug)]
pub(super) struct PartedHistories {
    /// Newest position that both have.
    pub(super) at: Seq,
    /// State of the record at that position; `None` if no state up to there was delivered.
    pub(super) shared: Option<SharedState>,
    /// True if the mirror's history began with an earlier restore.
    pub(super) was_restored: bool,
}

/// Members that together define when a habit is due. The server treats them as one field.
const SCHEDULE: [&str; 4] = ["frequency_type", "weekdays", "interval", "times_per_week"];

/// Members that decide whether a day counts as done. Their earlier values are kept as a history.
const GOAL: [&str; 7] = [
    "frequency_type",
    "weekdays",
    "interval",
    "times_per_week",
    "type",
    "target_value",
    "target_direction",
];

/// Puts the records that the server lost at the front of the outbox, and rebases the waiting
/// operations on what the server has. Returns the number of records.
pub(super) fn give_back(
    connection: &Connection,
    mut pairs: Vec<RecordPair>,
    now: Timestamp,
    ids: &dyn Ids,
) -> Result<u64, ReplicaError> {
    pairs.sort_by_key(RecordPair::order);
    let mut operations = Vec::new();
    for pair in pairs {
        let key = key_of(&pair.ours.record);
        let mut offer = |change, on_conflict| {
            let mut operation = operation(ids.next_id(), now, key, change);
            operation.request.on_conflict = Some(on_conflict);
            operations.push(operation);
        };
        let decision = match &pair.parted {
            Some(parted) => decide_parted(&pair, parted),
            None => decide(&pair),
        };
        let base = match decision {
            // The waiting operations keep their base version; where they clash with the server's
            // newer state, the user sees a conflict as always.
            Decision::KeepTheirs => continue,
            Decision::KeepTheirsFrom(base) => base,
            Decision::Update(base, fields, on_conflict) => {
                offer(Change::Update(base, Value::Object(fields)), on_conflict);
                base
            }
            // Until the server has answered the create, no version of the record is known.
            Decision::Create(fields) => {
                let change = Change::Create(Value::Object(fields));
                offer(change, OnConflictName::Merge);
                after_create::hold(connection, key)?;
                UNREACHED
            }
        };
        rebase(
            connection,
            outbox::waiting_edits(connection, key)?,
            base,
            ids,
        )?;
    }
    outbox::prepend(connection, &operations)?;
    Ok(operations.len() as u64)
}

/// Outcome of comparing a pair.
enum Decision {
    /// The server's record is as new as ours, or deleted.
    KeepTheirs,
    /// No change of ours was lost. The waiting operations know the server's record up to this version.
    KeepTheirsFrom(Version),
    /// The server lacks the record.
    Create(Map<String, Value>),
    /// The server lacks these changes of ours, which build on this version.
    Update(Version, Map<String, Value>, OnConflictName),
}

/// Compares the records of two histories of which the shared part is known.
///
/// Versions and times after the shared part are numbers of different histories, so they are never
/// compared here.
fn decide_parted(pair: &RecordPair, parted: &PartedHistories) -> Decision {
    let RecordPair { ours, theirs, .. } = pair;
    let Some(theirs) = theirs
        .as_ref()
        .filter(|theirs| !theirs.record.stamp().is_deleted())
    else {
        return decide_deleted(pair, parted);
    };
    let (mine, stored) = (ours.record.stamp(), theirs.record.stamp());
    let differing = differing(ours, theirs, |_| true);
    if differing.is_empty() {
        return Decision::KeepTheirsFrom(stored.version);
    }
    if mine.seq <= parted.at {
        // Both histories have our state, so no change of ours was lost. The server's record may be
        // newer in the shared part too: a change that this device had not read yet. Operations that
        // wait on the record are the reason why it is compared at all.
        return Decision::KeepTheirs;
    }
    if stored.created_at != mine.created_at {
        // One of the two was given back, in the state that a device had read. It may lack edits that
        // this device had read, or have later ones, so every difference becomes a conflict.
        //
        // The first version of a record is contained in every later one. But a record that was given
        // back after an earlier restore begins with all edits that went before.
        return if mine.version == Version::FIRST && !parted.was_restored {
            Decision::KeepTheirsFrom(UNREACHED)
        } else {
            Decision::Update(UNREACHED, differing, OnConflictName::Reject)
        };
    }
    if stored.seq <= parted.at {
        // Not written since the restore, so its version is the one that both histories have.
        return Decision::Update(stored.version, differing, OnConflictName::Merge);
    }
    let Some(shared) = &parted.shared else {
        // A base that is too old makes the server compare with more edits than needed: the cost is a
        // conflict too many, never an edit that is overwritten.
        return Decision::Update(Version::FIRST, differing, OnConflictName::Merge);
    };
    // The other members differ because another device edited them in the new history.
    let is_changed = |name: &str| shared.changed_since.contains(name);
    let lost = self::differing(ours, theirs, is_changed);
    if lost.is_empty() {
        Decision::KeepTheirsFrom(shared.version)
    } else {
        Decision::Update(shared.version, lost, OnConflictName::Merge)
    }
}

/// Compares a record with the server's tombstone of it, or with nothing: a first pull leaves tombstones
/// out.
///
/// If both histories had the record, another device deleted it after the restore. The delete wins. But
/// that device may not have known an edit that was lost, so the edit is offered: the server answers
/// `gone`, and the user learns of it.
fn decide_deleted(pair: &RecordPair, parted: &PartedHistories) -> Decision {
    let RecordPair { ours, .. } = pair;
    let Some(shared) = &parted.shared else {
        // Created after the shared part. A device that deleted it knew it.
        return decide(pair);
    };
    let mut lost = ours.members.clone();
    lost.retain(|name, _| shared.changed_since.contains(name.as_str()));
    if ours.record.stamp().seq <= parted.at || lost.is_empty() {
        decide(pair)
    } else {
        Decision::Update(shared.version, lost, OnConflictName::Merge)
    }
}

fn decide(pair: &RecordPair) -> Decision {
    let RecordPair { ours, theirs, .. } = pair;
    let Some(theirs) = theirs else {
        return Decision::Create(ours.members.clone());
    };
    let differing = differing(ours, theirs, |_| true);
    let (mine, stored) = (ours.record.stamp(), theirs.record.stamp());
    if stored.is_deleted() {
        // Deleted after the restore, by a device that knows the record. A delete wins (ADR 0008).
        Decision::KeepTheirs
    } else if differing.is_empty() {
        Decision::KeepTheirsFrom(stored.version)
    } else if mine.version <= stored.version {
        Decision::KeepTheirs
    } else if stored.updated_at <= mine.updated_at {
        // No write since the restore: the server has an earlier state of the same record, and an
        // update of that version brings it forward.
        Decision::Update(stored.version, differing, OnConflictName::Merge)
    } else if stored.created_at == mine.created_at {
        // The record was written since the restore, and the version of the backup is unknown. With
        // the first version as base, the server finds every member that was edited since the
        // creation, lets the others merge, and reports a conflict where they clash.
        Decision::Update(Version::FIRST, differing, OnConflictName::Merge)
    } else {
        // Another creation instant: another device has given the record back in its own state.
        // The server reports a conflict for any difference.
        Decision::Update(UNREACHED, differing, OnConflictName::Reject)
    }
}

/// Returns the members that a user can edit.
pub(crate) fn members(record: &Record) -> Result<Map<String, Value>, ReplicaError> {
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

/// Returns true if two JSON values mean the same: `12` and `12.0` are one number.
fn is_same(one: Option<&Value>, other: Option<&Value>) -> bool {
    let number = |value: Option<&Value>| value.and_then(Value::as_f64);
    match (number(one), number(other)) {
        (Some(one), Some(other)) => one.total_cmp(&other).is_eq(),
        _ => one == other,
    }
}

/// Returns the members of a record for which `is_meant` is true, and the whole schedule if a part of it
/// is meant: `weekly` without `times_per_week` is rejected.
pub(crate) fn members_where(
    all: &Map<String, Value>,
    is_meant: impl Fn(&str) -> bool,
) -> Map<String, Value> {
    let is_schedule_meant = SCHEDULE.into_iter().any(&is_meant);
    let mut meant = all.clone();
    meant.retain(|name, _| {
        is_meant(name) || (is_schedule_meant && SCHEDULE.contains(&name.as_str()))
    });
    meant
}

/// Returns the members of `ours` that `theirs` lacks or has with another value, of those for which
/// `is_wanted` is true.
fn differing(
    Side {
        record,
        members: ours,
    }: &Side,
    theirs: &Side,
    is_wanted: impl Fn(&str) -> bool,
) -> Map<String, Value> {
    let mut differing = members_where(ours, |name| {
        is_wanted(name) && !is_same(ours.get(name), theirs.members.get(name))
    });
    if let Record::Habit(habit) = record
        && GOAL.iter().any(|name| differing.contains_key(*name))
    {
        // The goal applies from the day on which the user changed it. Without this member the server
        // would take today, and would judge the days between by the old goal.
        let newest = habit.details.history.versions().last();
        let from = newest.map(|version| Value::from(version.effective_from.to_string()));
        differing.extend(from.map(|from| ("effective_from".to_owned(), from)));
    }
    differing
}
