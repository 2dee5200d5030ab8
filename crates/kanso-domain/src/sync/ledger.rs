//! The decision: what becomes of the operations of one write.

use std::collections::{BTreeMap, BTreeSet};

use super::table::{Editable, Pen, Table};
use super::{
    Action, Changeset, Command, Conflict, Current, Deferral, OperationOutcome, Receipt,
    ReceiptOutcome, RejectionCode, Submission,
};
use crate::accounts::Settings;
use crate::calendar::Today;
use crate::entries::{Entry, EntryDetails, EntryFields};
use crate::habits::{Habit, HabitDetails, HabitFields, StoredStreak};
use crate::{Entity, EntryId, HabitId, OpId, Record, Timestamp};

use OperationOutcome::{Applied, Deferred, Duplicate, Gone, Noop, Rejected};

/// Carries out `submissions` in order on `current` at `now`. One that fails does not stop the
/// others; each sees what those before it did. Pure: the same input gives the same changeset.
pub fn decide(current: Current, submissions: &[Submission], now: Timestamp) -> Changeset {
    let mut ledger = Ledger::new(current, now);
    let outcomes = submissions
        .iter()
        .map(|submission| ledger.submit(submission))
        .collect();
    ledger.close(outcomes)
}

/// The state of a write while its submissions are carried out one after another.
struct Ledger {
    pen: Pen,
    settings: Settings,
    habits: Table<HabitId, Habit>,
    entries: Table<EntryId, Entry>,
    receipts: BTreeMap<OpId, Receipt>,
    new_receipts: Vec<Receipt>,
}

impl Ledger {
    fn new(current: Current, now: Timestamp) -> Self {
        Self {
            pen: Pen {
                head: current.head,
                now,
            },
            settings: current.settings,
            habits: Table::new(Entity::Habit, current.habits),
            entries: Table::new(Entity::Entry, current.entries),
            receipts: current.receipts,
            new_receipts: Vec::new(),
        }
    }

    fn close(self, outcomes: Vec<OperationOutcome>) -> Changeset {
        let (habits, entries) = (self.habits.into_saves(), self.entries.into_saves());
        let edited = habits.iter().map(|save| &save.record);
        let mut stale_streaks: BTreeSet<_> = edited
            .filter(|habit| !habit.stamp.is_deleted())
            .map(|habit| habit.id)
            .collect();
        stale_streaks.extend(entries.iter().map(|save| save.record.details.habit_id));
        Changeset {
            head: self.pen.head,
            habits,
            entries,
            stale_streaks,
            receipts: self.new_receipts,
            outcomes,
        }
    }

    fn submit(&mut self, submission: &Submission) -> OperationOutcome {
        let Some(key) = submission.key else {
            return self.carry_out(&submission.command);
        };
        if let Some(receipt) = self.receipts.get(&key.op_id) {
            if receipt.key != key {
                return Rejected(RejectionCode::OpIdReused.into());
            }
            return self.repeat(receipt.outcome.clone(), &submission.command);
        }
        let outcome = self.carry_out(&submission.command);
        if let Some(kept) = kept(&outcome) {
            let receipt = Receipt {
                key,
                device: submission.device,
                outcome: kept,
            };
            self.receipts.insert(key.op_id, receipt.clone());
            self.new_receipts.push(receipt);
        }
        outcome
    }

    /// The answer to a retry: what was answered the first time, beside the newest record.
    fn repeat(&self, first: ReceiptOutcome, command: &Command) -> OperationOutcome {
        match (first, self.stored(command)) {
            (ReceiptOutcome::Done { version, seq }, _) => Duplicate { version, seq },
            (ReceiptOutcome::Rejected(rejection), _) => Rejected(rejection),
            (ReceiptOutcome::Gone, Some(record)) => Gone(record),
            (ReceiptOutcome::Conflict, Some(record)) => OperationOutcome::Conflict(Conflict {
                your_base: command.base(),
                clashing: clashing(command, &record),
                record,
            }),
            (ReceiptOutcome::Gone | ReceiptOutcome::Conflict, None) => {
                Rejected(RejectionCode::NotFound(command.entity()).into())
            }
        }
    }

    /// The record that `command` is about, or the tombstone of the habit that it belongs to.
    fn stored(&self, command: &Command) -> Option<Record> {
        match command {
            Command::Habit(id, _) => self.habits.records.get(id).cloned().map(Record::Habit),
            Command::Entry(id, action) => {
                let entry = self.entries.records.get(id);
                let named = action.fields().and_then(|fields| fields.habit_id);
                let habit_id = entry.map(|entry| entry.details.habit_id).or(named);
                let gone = habit_id.and_then(|habit_id| self.deleted_habit(habit_id));
                gone.or_else(|| entry.cloned().map(Record::Entry))
            }
            Command::Unreadable(_) => None,
        }
    }

    fn carry_out(&mut self, command: &Command) -> OperationOutcome {
        match command {
            Command::Habit(id, action) => self.habit(*id, action),
            Command::Entry(id, action) => self.entry(*id, action),
            Command::Unreadable(invalid) => Rejected(invalid.clone().into()),
        }
    }

    fn habit(&mut self, id: HabitId, action: &Action<HabitFields>) -> OperationOutcome {
        let today = Today::at(self.pen.now, &self.settings);
        match action {
            Action::Create(fields) => match HabitDetails::create(fields, today) {
                Ok(details) => self
                    .habits
                    .create(id, fields, &mut self.pen, |stamp| Habit {
                        id,
                        details,
                        stamp,
                        streak: StoredStreak::default(),
                    }),
                Err(invalid) => Rejected(invalid.into()),
            },
            Action::Update { base, fields } => {
                self.habits.update(id, *base, fields, today, &mut self.pen)
            }
            Action::Delete { base } => self.habits.delete(id, *base, &mut self.pen),
        }
    }

    fn entry(&mut self, id: EntryId, action: &Action<EntryFields>) -> OperationOutcome {
        let stored = self.entries.records.get(&id);
        let gone = stored.and_then(|entry| self.deleted_habit(entry.details.habit_id));
        match (action, stored, gone) {
            // A deleted habit's entries are as good as deleted: nothing is left to do.
            (Action::Delete { .. }, Some(entry), Some(_)) => Noop(Record::Entry(entry.clone())),
            (Action::Delete { base }, ..) => self.entries.delete(id, *base, &mut self.pen),
            (_, _, Some(gone)) => Gone(gone),
            (Action::Update { base, fields }, ..) => {
                let today = Today::at(self.pen.now, &self.settings);
                self.entries.update(id, *base, fields, today, &mut self.pen)
            }
            (Action::Create(fields), ..) => self.create_entry(id, fields),
        }
    }

    fn create_entry(&mut self, id: EntryId, fields: &EntryFields) -> OperationOutcome {
        let details = match EntryDetails::create(fields, &self.settings) {
            Ok(details) => details,
            Err(invalid) => return Rejected(invalid.into()),
        };
        if let Some(gone) = self.deleted_habit(details.habit_id) {
            return Gone(gone);
        }
        if !self.habits.records.contains_key(&details.habit_id) {
            return Deferred(Deferral::HabitUnknown(details.habit_id));
        }
        self.entries
            .create(id, fields, &mut self.pen, |stamp| Entry {
                id,
                details,
                stamp,
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
fn clashing(command: &Command, record: &Record) -> Vec<&'static str> {
    match (command, record) {
        (Command::Habit(_, action), Record::Habit(habit)) => action
            .fields()
            .map(|fields| habit.clashing(fields))
            .unwrap_or_default(),
        (Command::Entry(_, action), Record::Entry(entry)) => action
            .fields()
            .map(|fields| entry.clashing(fields))
            .unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// What of an outcome a retry must find again; a deferred command is tried anew.
fn kept(outcome: &OperationOutcome) -> Option<ReceiptOutcome> {
    match outcome {
        Applied(record) | Noop(record) => {
            let stamp = record.stamp();
            Some(ReceiptOutcome::Done {
                version: stamp.version,
                seq: stamp.seq,
            })
        }
        Duplicate { version, seq } => Some(ReceiptOutcome::Done {
            version: *version,
            seq: *seq,
        }),
        OperationOutcome::Conflict(_) => Some(ReceiptOutcome::Conflict),
        Gone(_) => Some(ReceiptOutcome::Gone),
        Rejected(rejection) => Some(ReceiptOutcome::Rejected(rejection.clone())),
        Deferred(_) => None,
    }
}

#[cfg(test)]
mod tests;
