//! The decision: what becomes of the operations of one write.

mod groups;

use std::collections::{BTreeMap, BTreeSet};

use super::merge::Edit;
use super::table::{Editable as _, Pen, Table};
use super::{
    Action, Changeset, Command, Conflict, Current, Deferral, Digest, Head, OperationOutcome,
    Receipt, ReceiptOutcome, RejectionCode, Submission, Terms,
};
use crate::accounts::Settings;
use crate::calendar::Today;
use crate::entries::{Entry, EntryDetails, EntryFields};
use crate::habits::{Habit, HabitDetails, HabitFields, StoredStreak};
use crate::record::Provenance;
use crate::validation::Invalid;
use crate::{Entity, EntryId, HabitId, OpId, QuantityChange, Record, Seq, Timestamp};

use OperationOutcome::{Applied, Buried, Deferred, Duplicate, Gone, Merged, Noop, Rejected};

/// Carries out `submissions` in order on `current` at `now`. One that fails does not stop the
/// others, but for those of its group; each sees what those before it did. Pure: the same input
/// gives the same changeset.
pub fn decide(current: Current, submissions: &[Submission], now: Timestamp) -> Changeset {
    let mut ledger = Ledger::new(current, now);
    let split = groups::split(submissions);
    let mut outcomes = Vec::with_capacity(submissions.len());
    for group in submissions.chunk_by(|a, b| a.group.is_some() && a.group == b.group) {
        outcomes.extend(match &group[0].group {
            None => vec![ledger.submit(&group[0])],
            Some(name) if split.contains(name.as_str()) => ledger.refuse_split(group),
            Some(_) => ledger.submit_group(group),
        });
    }
    ledger.close(outcomes)
}

/// The state of a write while its submissions are carried out one after another.
struct Ledger {
    pen: Pen,
    before: Seq,
    /// What the live records that are seen here added up to.
    seen: Digest,
    settings: Settings,
    habits: Table<HabitId, Habit>,
    entries: Table<EntryId, Entry>,
    receipts: BTreeMap<OpId, Receipt>,
    new_receipts: Vec<Receipt>,
}

impl Ledger {
    fn new(current: Current, now: Timestamp) -> Self {
        let mut ledger = Self {
            pen: Pen {
                head: current.head,
                now,
                device: None,
            },
            before: current.head.seq,
            seen: Digest::EMPTY,
            settings: current.settings,
            habits: Table::new(Entity::Habit, current.habits, current.buried_habits),
            entries: Table::new(Entity::Entry, current.entries, current.buried_entries),
            receipts: current.receipts,
            new_receipts: Vec::new(),
        };
        ledger.seen = ledger.digest();
        ledger
    }

    /// Of the live records that are seen here. All entries of a habit that is deleted or revived
    /// are among them ([`super::Keys::entries_of`]); those of other habits change one by one.
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
        let digest = self.pen.head.digest.minus(self.seen).plus(self.digest());
        let (habits, entries) = (self.habits.into_saves(), self.entries.into_saves());
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
                ..self.pen.head
            },
            habits,
            entries,
            stale_streaks,
            receipts: self.new_receipts,
            outcomes,
        }
    }

    fn submit(&mut self, submission: &Submission) -> OperationOutcome {
        let Some(key) = submission.key else {
            return self.carry_out(submission);
        };
        if let Some(receipt) = self.receipts.get(&key.op_id) {
            if receipt.key != key {
                return Rejected(RejectionCode::OpIdReused.into());
            }
            return self.repeat(receipt.outcome.clone(), &submission.command);
        }
        let outcome = self.carry_out(submission);
        self.keep(submission, &outcome);
        outcome
    }

    /// Notes the outcome of a submission for whoever asks again.
    fn keep(&mut self, submission: &Submission, outcome: &OperationOutcome) {
        let Some((key, outcome)) = submission.key.zip(kept(outcome)) else {
            return;
        };
        let receipt = Receipt {
            key,
            device: submission.device,
            outcome,
        };
        self.receipts.insert(key.op_id, receipt.clone());
        self.new_receipts.push(receipt);
    }

    /// The answer to a retry: what was answered the first time, beside the newest record.
    fn repeat(&self, first: ReceiptOutcome, command: &Command) -> OperationOutcome {
        match (first, self.stored(command)) {
            (ReceiptOutcome::Done { version, seq }, record) => Duplicate {
                version,
                seq,
                record,
            },
            (ReceiptOutcome::Rejected(rejection), _) => Rejected(rejection),
            (ReceiptOutcome::Gone, Some(record)) => Gone(record),
            (ReceiptOutcome::Gone, None) => Buried(command.entity()),
            (ReceiptOutcome::Conflict, Some(record)) => OperationOutcome::Conflict(Conflict {
                your_base: command.base(),
                clashing: differing(command, &record),
                mergeable: Vec::new(),
                record,
            }),
            (ReceiptOutcome::Conflict, None) => {
                Rejected(RejectionCode::NotFound(command.entity()).into())
            }
        }
    }

    /// The record that `command` is about, or the tombstone of the habit that it belongs to.
    fn stored(&self, command: &Command) -> Option<Record> {
        let (id, named) = match command {
            Command::Habit(id, _) => {
                return self.habits.records.get(id).cloned().map(Record::Habit);
            }
            Command::Entry(id, action) => (id, action.fields().and_then(|fields| fields.habit_id)),
            Command::Increment(id, _) => (id, None),
            Command::Unreadable(_) => return None,
        };
        let entry = self.entries.records.get(id);
        let habit_id = entry.map(|entry| entry.details.habit_id).or(named);
        let gone = habit_id.and_then(|habit_id| self.deleted_habit(habit_id));
        gone.or_else(|| entry.cloned().map(Record::Entry))
    }

    fn carry_out(&mut self, submission: &Submission) -> OperationOutcome {
        self.pen.device = submission.device;
        let terms = submission.terms;
        match &submission.command {
            Command::Habit(id, action) => self.habit(*id, action, terms),
            Command::Entry(id, action) => self.entry(*id, action, terms),
            Command::Increment(id, change) => self.increment(*id, *change),
            Command::Unreadable(invalid) => Rejected(invalid.clone().into()),
        }
    }

    fn habit(
        &mut self,
        id: HabitId,
        action: &Action<HabitFields>,
        terms: Terms,
    ) -> OperationOutcome {
        let was_deleted = self.deleted_habit(id).is_some();
        let today = Today::at(self.pen.now, &self.settings);
        let pen = &mut self.pen;
        let outcome = match action {
            Action::Create(fields) => match HabitDetails::create(fields, today) {
                Ok(details) => {
                    let make = |stamp| Habit {
                        id,
                        details,
                        stamp,
                        streak: StoredStreak::default(),
                        provenance: Provenance::default(),
                    };
                    self.habits
                        .create(id, &Edit::create(fields, terms), today, pen, make)
                }
                Err(invalid) => Rejected(invalid.into()),
            },
            Action::Update { base, fields } => {
                let edit = Edit {
                    base: *base,
                    terms,
                    fields,
                };
                self.habits.update(id, &edit, today, pen)
            }
            Action::Delete { base } => self.habits.delete(id, *base, terms.on_conflict, pen),
        };
        if was_deleted && self.deleted_habit(id).is_none() {
            // Devices dropped its entries with it, and must get them back.
            let is_its = |entry: &Entry| entry.details.habit_id == id;
            self.entries.send_again(&mut self.pen, is_its);
        }
        outcome
    }

    fn entry(
        &mut self,
        id: EntryId,
        action: &Action<EntryFields>,
        terms: Terms,
    ) -> OperationOutcome {
        let stored = self.entries.records.get(&id);
        let gone = stored.and_then(|entry| self.deleted_habit(entry.details.habit_id));
        let pen = &mut self.pen;
        match (action, stored, gone) {
            // A deleted habit's entries are as good as deleted: nothing is left to do.
            (Action::Delete { .. }, Some(entry), Some(_)) => Noop(Record::Entry(entry.clone())),
            (Action::Delete { base }, ..) => self.entries.delete(id, *base, terms.on_conflict, pen),
            (_, _, Some(gone)) => Gone(gone),
            (Action::Update { base, fields }, ..) => {
                let edit = Edit {
                    base: *base,
                    terms,
                    fields,
                };
                let today = Today::at(pen.now, &self.settings);
                self.entries.update(id, &edit, today, pen)
            }
            (Action::Create(fields), ..) => self.create_entry(id, fields, terms),
        }
    }

    fn create_entry(
        &mut self,
        id: EntryId,
        fields: &EntryFields,
        terms: Terms,
    ) -> OperationOutcome {
        let details = match EntryDetails::create(fields, &self.settings) {
            Ok(details) => details,
            Err(invalid) => return Rejected(invalid.into()),
        };
        if let Some(gone) = self.deleted_habit(details.habit_id) {
            return Gone(gone);
        }
        if !self.habits.records.contains_key(&details.habit_id) {
            return if self.habits.is_buried(details.habit_id) {
                Buried(Entity::Habit)
            } else {
                Deferred(Deferral::HabitUnknown(details.habit_id))
            };
        }
        if let Some(stored) = self.entries.records.get(&id)
            && stored.stamp.is_deleted()
            && terms.revive
            && let Err(invalid) = stored.details.updated(fields, &self.settings)
        {
            // It comes back where it was, or not at all.
            return Rejected(invalid.into());
        }
        let today = Today::at(self.pen.now, &self.settings);
        let make = |stamp| Entry {
            id,
            details,
            stamp,
            provenance: Provenance::default(),
        };
        let edit = Edit::create(fields, terms);
        self.entries.create(id, &edit, today, &mut self.pen, make)
    }

    fn increment(&mut self, id: EntryId, change: QuantityChange) -> OperationOutcome {
        let stored = self.entries.records.get(&id);
        let gone = stored.and_then(|entry| self.deleted_habit(entry.details.habit_id));
        if let Some(gone) = gone {
            return Gone(gone);
        }
        self.entries.add(id, &mut self.pen, |entry| {
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
fn differing(command: &Command, record: &Record) -> Vec<&'static str> {
    let named = match (command, record) {
        (Command::Habit(_, action), Record::Habit(habit)) => {
            action.fields().map(|fields| habit.named(fields))
        }
        (Command::Entry(_, action), Record::Entry(entry)) => {
            action.fields().map(|fields| entry.named(fields))
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
        Gone(_) | Buried(_) => Some(ReceiptOutcome::Gone),
        Rejected(rejection) => Some(ReceiptOutcome::Rejected(rejection.clone())),
        Deferred(_) => None,
    }
}

#[cfg(test)]
mod tests;
