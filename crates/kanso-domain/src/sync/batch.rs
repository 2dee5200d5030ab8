//! The decision: what becomes of the operations of one write.

mod groups;

use std::collections::{BTreeMap, BTreeSet};

use super::merge::ProposedEdit;
use super::working_set::{Editable as _, Stamper, WorkingSet};
use super::{
    Action, Changeset, Conflict, ConflictPolicy, Deferral, Digest, Edit, Head, Loaded, Operation,
    OperationOutcome, Receipt, ReceiptOutcome, RejectionCode,
};
use crate::accounts::Settings;
use crate::calendar::Today;
use crate::entries::{Entry, EntryDetails, EntryFields};
use crate::habits::{Habit, HabitDetails, HabitFields, StoredStreak};
use crate::record::Provenance;
use crate::validation::Invalid;
use crate::{Entity, EntryId, HabitId, OpId, QuantityChange, Record, Seq, Timestamp};

use OperationOutcome::{Applied, Deferred, Duplicate, Gone, Merged, Noop, Purged, Rejected};

/// Carries out `operations` in order on `current` at `now`. One that fails does not stop the
/// others, but for those of its group; each sees what those before it did. Pure: the same input
/// gives the same changeset.
pub fn decide(current: Loaded, operations: &[Operation], now: Timestamp) -> Changeset {
    let mut batch = Batch::new(current, now);
    let split = groups::split(operations);
    let mut outcomes = Vec::with_capacity(operations.len());
    for group in operations.chunk_by(|a, b| a.group.is_some() && a.group == b.group) {
        outcomes.extend(match &group[0].group {
            None => vec![batch.submit(&group[0])],
            Some(name) if split.contains(name.as_str()) => batch.refuse_split(group),
            Some(_) => batch.submit_group(group),
        });
    }
    batch.close(outcomes)
}

/// The state of a write while its operations are carried out one after another.
struct Batch {
    stamper: Stamper,
    before: Seq,
    /// What the live records that are seen here added up to.
    seen: Digest,
    settings: Settings,
    habits: WorkingSet<HabitId, Habit>,
    entries: WorkingSet<EntryId, Entry>,
    receipts: BTreeMap<OpId, Receipt>,
    new_receipts: Vec<Receipt>,
}

impl Batch {
    fn new(current: Loaded, now: Timestamp) -> Self {
        let mut batch = Self {
            stamper: Stamper {
                head: current.head,
                now,
                device: None,
            },
            before: current.head.seq,
            seen: Digest::EMPTY,
            settings: current.settings,
            habits: WorkingSet::new(Entity::Habit, current.habits, current.purged_habits),
            entries: WorkingSet::new(Entity::Entry, current.entries, current.purged_entries),
            receipts: current.receipts,
            new_receipts: Vec::new(),
        };
        batch.seen = batch.digest();
        batch
    }

    /// Of the live records that are seen here. All entries of a habit that is deleted or revived
    /// are among them ([`super::LoadSet::entries_of`]); those of other habits change one by one.
    fn digest(&self) -> Digest {
        let live = |habit: &&Habit| !habit.stamp.is_deleted();
        let habits = self.habits.records.values().filter(live);
        let shown = |entry: &&Entry| {
            !entry.stamp.is_deleted() && self.deleted_habit(entry.details.habit_id).is_none()
        };
        let entries = self.entries.records.values().filter(shown);
        let habits: Digest = habits.map(Digest::of_habit).sum();
        entries.map(Digest::of_entry).fold(habits, Digest::plus)
    }

    fn close(self, outcomes: Vec<OperationOutcome>) -> Changeset {
        let digest = self
            .stamper
            .head
            .digest
            .minus(self.seen)
            .plus(self.digest());
        let (habits, entries) = (self.habits.into_writes(), self.entries.into_writes());
        let edited = habits.iter().map(|save| &save.record);
        let mut stale_streaks: BTreeSet<_> = edited
            .filter(|habit| !habit.stamp.is_deleted())
            .map(|habit| habit.id)
            .collect();
        stale_streaks.extend(entries.iter().map(|save| save.record.details.habit_id));
        Changeset {
            before: self.before,
            head: Head {
                digest,
                ..self.stamper.head
            },
            habits,
            entries,
            stale_streaks,
            receipts: self.new_receipts,
            outcomes,
        }
    }

    fn submit(&mut self, operation: &Operation) -> OperationOutcome {
        let Some(key) = operation.key else {
            return self.carry_out(operation);
        };
        if let Some(receipt) = self.receipts.get(&key.op_id) {
            if !key.is_retry_of(&receipt.key) {
                return Rejected(RejectionCode::OpIdReused.into());
            }
            return self.repeat(receipt.outcome.clone(), &operation.action);
        }
        let outcome = self.carry_out(operation);
        self.keep(operation, &outcome);
        outcome
    }

    /// Notes the outcome of a operation for whoever asks again.
    fn keep(&mut self, operation: &Operation, outcome: &OperationOutcome) {
        let Some((key, outcome)) = operation.key.zip(kept(outcome)) else {
            return;
        };
        let receipt = Receipt {
            key,
            device: operation.device,
            outcome,
        };
        self.receipts.insert(key.op_id, receipt.clone());
        self.new_receipts.push(receipt);
    }

    /// The answer to a retry: what was answered the first time, beside the newest record.
    fn repeat(&self, first: ReceiptOutcome, action: &Action) -> OperationOutcome {
        match (first, self.stored(action)) {
            (ReceiptOutcome::Done { version, seq }, record) => Duplicate {
                version,
                seq,
                record,
            },
            (ReceiptOutcome::Rejected(rejection), _) => Rejected(rejection),
            (ReceiptOutcome::Gone, Some(record)) => Gone(record),
            (ReceiptOutcome::Gone, None) => Purged(action.entity()),
            (ReceiptOutcome::Conflict, Some(record)) => OperationOutcome::Conflict(Conflict {
                your_base: action.base(),
                clashing: differing(action, &record),
                mergeable: Vec::new(),
                record,
            }),
            (ReceiptOutcome::Conflict, None) => {
                Rejected(RejectionCode::NotFound(action.entity()).into())
            }
        }
    }

    /// The record that `command` is about, or the tombstone of the habit that it belongs to.
    fn stored(&self, action: &Action) -> Option<Record> {
        let (id, named) = match action {
            Action::Habit(id, _) => {
                return self.habits.records.get(id).cloned().map(Record::Habit);
            }
            Action::Entry(id, edit) => (id, edit.fields().and_then(|fields| fields.habit_id)),
            Action::Increment(id, _) => (id, None),
            Action::Unreadable(_) => return None,
        };
        let entry = self.entries.records.get(id);
        let habit_id = entry.map(|entry| entry.details.habit_id).or(named);
        let gone = habit_id.and_then(|habit_id| self.deleted_habit(habit_id));
        gone.or_else(|| entry.cloned().map(Record::Entry))
    }

    fn carry_out(&mut self, operation: &Operation) -> OperationOutcome {
        self.stamper.device = operation.device;
        let policy = operation.policy;
        match &operation.action {
            Action::Habit(id, edit) => self.habit(*id, edit, policy),
            Action::Entry(id, edit) => self.entry(*id, edit, policy),
            Action::Increment(id, change) => self.increment(*id, *change),
            Action::Unreadable(invalid) => Rejected(invalid.clone().into()),
        }
    }

    fn habit(
        &mut self,
        id: HabitId,
        edit: &Edit<HabitFields>,
        policy: ConflictPolicy,
    ) -> OperationOutcome {
        let was_deleted = self.deleted_habit(id).is_some();
        let today = Today::at(self.stamper.now, &self.settings);
        let stamper = &mut self.stamper;
        let outcome = match edit {
            Edit::Create(fields) => match HabitDetails::create(fields, today) {
                Ok(details) => {
                    let make = |stamp| Habit {
                        id,
                        details,
                        stamp,
                        streak: StoredStreak::default(),
                        provenance: Provenance::default(),
                    };
                    self.habits.create(
                        id,
                        &ProposedEdit::create(fields, policy),
                        today,
                        stamper,
                        make,
                    )
                }
                Err(invalid) => Rejected(invalid.into()),
            },
            Edit::Update { base, fields } => {
                let proposed = ProposedEdit {
                    base: *base,
                    policy,
                    fields,
                };
                self.habits.update(id, &proposed, today, stamper)
            }
            Edit::Delete { base } => self.habits.delete(id, *base, policy.on_conflict, stamper),
        };
        if was_deleted && self.deleted_habit(id).is_none() {
            // Devices dropped its entries with it, and must get them back.
            let is_its = |entry: &Entry| entry.details.habit_id == id;
            self.entries.send_again(&mut self.stamper, is_its);
        }
        outcome
    }

    fn entry(
        &mut self,
        id: EntryId,
        edit: &Edit<EntryFields>,
        policy: ConflictPolicy,
    ) -> OperationOutcome {
        let stored = self.entries.records.get(&id);
        let gone = stored.and_then(|entry| self.deleted_habit(entry.details.habit_id));
        let stamper = &mut self.stamper;
        match (edit, stored, gone) {
            // A deleted habit's entries are as good as deleted: nothing is left to do.
            (Edit::Delete { .. }, Some(entry), Some(_)) => Noop(Record::Entry(entry.clone())),
            (Edit::Delete { base }, ..) => {
                self.entries.delete(id, *base, policy.on_conflict, stamper)
            }
            (_, _, Some(gone)) => Gone(gone),
            (Edit::Update { base, fields }, ..) => {
                let proposed = ProposedEdit {
                    base: *base,
                    policy,
                    fields,
                };
                let today = Today::at(stamper.now, &self.settings);
                self.entries.update(id, &proposed, today, stamper)
            }
            (Edit::Create(fields), ..) => self.create_entry(id, fields, policy),
        }
    }

    fn create_entry(
        &mut self,
        id: EntryId,
        fields: &EntryFields,
        policy: ConflictPolicy,
    ) -> OperationOutcome {
        let details = match EntryDetails::create(fields, &self.settings) {
            Ok(details) => details,
            Err(invalid) => return Rejected(invalid.into()),
        };
        if let Some(gone) = self.deleted_habit(details.habit_id) {
            return Gone(gone);
        }
        if !self.habits.records.contains_key(&details.habit_id) {
            return if self.habits.is_purged(details.habit_id) {
                Purged(Entity::Habit)
            } else {
                Deferred(Deferral::HabitUnknown(details.habit_id))
            };
        }
        if let Some(stored) = self.entries.records.get(&id)
            && stored.stamp.is_deleted()
            && policy.revive
            && let Err(invalid) = stored.details.updated(fields, &self.settings)
        {
            // It comes back where it was, or not at all.
            return Rejected(invalid.into());
        }
        let today = Today::at(self.stamper.now, &self.settings);
        let make = |stamp| Entry {
            id,
            details,
            stamp,
            provenance: Provenance::default(),
        };
        let proposed = ProposedEdit::create(fields, policy);
        self.entries
            .create(id, &proposed, today, &mut self.stamper, make)
    }

    fn increment(&mut self, id: EntryId, change: QuantityChange) -> OperationOutcome {
        let stored = self.entries.records.get(&id);
        let gone = stored.and_then(|entry| self.deleted_habit(entry.details.habit_id));
        if let Some(gone) = gone {
            return Gone(gone);
        }
        self.entries.add(id, &mut self.stamper, |entry| {
            let mut changed = entry.clone();
            let value = entry.details.value.changed(change);
            changed.details.value =
                value.map_err(|error| Invalid::one("value", error.to_string()))?;
            Ok(changed)
        })
    }

    fn deleted_habit(&self, id: HabitId) -> Option<Record> {
        let habit = self.habits.records.get(&id)?;
        habit
            .stamp
            .is_deleted()
            .then(|| Record::Habit(habit.clone()))
    }
}

/// The members on which `command` and `record` disagree.
fn differing(action: &Action, record: &Record) -> Vec<&'static str> {
    let named = match (action, record) {
        (Action::Habit(_, edit), Record::Habit(habit)) => {
            edit.fields().map(|fields| habit.named(fields))
        }
        (Action::Entry(_, edit), Record::Entry(entry)) => {
            edit.fields().map(|fields| entry.named(fields))
        }
        _ => None,
    };
    let named = named.unwrap_or_default().into_iter();
    named.map(|(_, name)| name).collect()
}

/// What of an outcome a retry must find again; a deferred command is tried anew.
fn kept(outcome: &OperationOutcome) -> Option<ReceiptOutcome> {
    match outcome {
        Applied(record) | Merged(record) | Noop(record) => {
            let stamp = record.stamp();
            Some(ReceiptOutcome::Done {
                version: stamp.version,
                seq: stamp.seq,
            })
        }
        Duplicate { version, seq, .. } => Some(ReceiptOutcome::Done {
            version: *version,
            seq: *seq,
        }),
        OperationOutcome::Conflict(_) => Some(ReceiptOutcome::Conflict),
        Gone(_) | Purged(_) => Some(ReceiptOutcome::Gone),
        Rejected(rejection) => Some(ReceiptOutcome::Rejected(rejection.clone())),
        Deferred(_) => None,
    }
}

#[cfg(test)]
mod tests;
