//! The decision: carries out the operations of one write.

mod groups;
mod receipts;
mod room;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::editable::{EditContext, Editable as _};
use super::merge::ProposedEdit;
use super::working_set::{Stamper, WorkingSet};
use super::{
    Action, Changeset, ConflictPolicy, Deferral, Digest, Edit, Head, Loaded, Operation,
    OperationOutcome, Quota, Receipt, RejectionCode, Seen, Usage,
};
use crate::accounts::Settings;
use crate::calendar::Today;
use crate::entries::{Entry, EntryDetails, EntryFields};
use crate::habits::{Habit, HabitDetails, HabitFields, StoredStreak};
use crate::record::{Member, Provenance};
use crate::validation::Invalid;
use crate::{Entity, EntryId, HabitId, OpId, QuantityChange, Record, Seq, Timestamp};

use OperationOutcome::{Applied, Deferred, Duplicate, Gone, Noop, OverQuota, Purged, Rejected};

/// Carries out `operations` in order on the state `loaded` at the time `now`.
///
/// The earlier edits of the sender count as seen, and the account has no quota; [`decide_push`] takes both.
/// Each operation sees the results of the operations before it. A failed operation does not stop
/// the others, except those of its group. The function is pure: a storage can call it again after a
/// serialization failure and gets the same changeset.
///
/// ```
/// use kanso_domain::accounts::Settings;
/// use kanso_domain::habits::HabitFields;
/// use kanso_domain::sync::{
///     Action, Edit, Epoch, Head, Loaded, Operation, OperationOutcome, decide,
/// };
/// use kanso_domain::text::Title;
/// use kanso_domain::{HabitId, Timestamp};
/// use uuid::Uuid;
///
/// let now: Timestamp = "2026-01-15T12:00:00Z".parse()?;
/// let loaded = Loaded::empty(Head::beginning(Epoch::new(7), now), Settings::default());
/// let id = HabitId::new(Uuid::from_u128(1));
/// let title = Title::new("Read")?;
/// let fields = HabitFields { title: Some(title), ..HabitFields::default() };
/// let create = Operation::once(Action::Habit(id, Edit::Create(fields)));
/// let delete = Operation::once(Action::Habit(HabitId::new(Uuid::nil()), Edit::Delete {
///     base: kanso_domain::sync::Base::Any,
///     erases_texts: false,
/// }));
///
/// let changeset = decide(loaded, &[create, delete], now);
///
/// assert!(matches!(changeset.outcomes[0], OperationOutcome::Applied(_)));
/// assert!(matches!(changeset.outcomes[1], OperationOutcome::Rejected(_)));
/// assert_eq!(changeset.habits.len(), 1);
/// assert_eq!(changeset.head.seq.get(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decide(loaded: Loaded, operations: &[Operation], now: Timestamp) -> Changeset {
    decide_push(
        loaded,
        operations,
        Seen::everything(),
        Quota::UNLIMITED,
        now,
    )
}

/// Carries out the operations of a push like [`decide`], for a sender that has seen `seen` and an
/// account that may hold `quota`.
pub fn decide_push(
    loaded: Loaded,
    operations: &[Operation],
    seen: Seen,
    quota: Quota,
    now: Timestamp,
) -> Changeset {
    let mut batch = Batch::new(loaded, seen, quota, now);
    let split = groups::split(operations);
    let mut outcomes = Vec::with_capacity(operations.len());
    // `chunk_by` joins neighbours only. A group whose operations are apart shows up as two chunks
    // of one name; `split` has found those names before, and all their operations are rejected.
    for group in operations.chunk_by(|a, b| a.group.is_some() && a.group == b.group) {
        outcomes.extend(match &group[0].group {
            None => vec![batch.submit(&group[0])],
            Some(name) => match groups::flaw(group, split.contains(name.as_str())) {
                Some(flaw) => batch.refuse_group(group, &flaw),
                None => batch.submit_group(group),
            },
        });
    }
    Changeset {
        erases_texts: operations.iter().any(|it| it.action.erases_texts()),
        ..batch.close(outcomes)
    }
}

/// The state of a write between two of its operations.
struct Batch {
    stamper: Stamper,
    before: Seq,
    /// Digest of the visible records before the first operation.
    digest_before: Digest,
    settings: Settings,
    quota: Quota,
    /// Number of live habits that are not loaded.
    unloaded_habits: usize,
    /// Usage of everything that is not loaded.
    unloaded_usage: Usage,
    habits: WorkingSet<HabitId, Habit>,
    entries: WorkingSet<EntryId, Entry>,
    first_entries: BTreeMap<HabitId, Date>,
    receipts: BTreeMap<OpId, Receipt>,
    new_receipts: Vec<Receipt>,
    /// Usage of the new receipts.
    new_receipt_usage: Usage,
}

impl Batch {
    fn new(loaded: Loaded, seen: Seen, quota: Quota, now: Timestamp) -> Self {
        let mut batch = Self {
            stamper: Stamper {
                head: loaded.head,
                now,
                device: None,
                seen,
            },
            before: loaded.head.seq,
            digest_before: Digest::EMPTY,
            settings: loaded.settings,
            quota: quota.with(loaded.own_quota),
            unloaded_habits: 0,
            unloaded_usage: Usage::NONE,
            habits: WorkingSet::new(Entity::Habit, loaded.habits, loaded.purged_habits),
            entries: WorkingSet::new(Entity::Entry, loaded.entries, loaded.purged_entries),
            first_entries: loaded.first_entries,
            receipts: loaded.receipts,
            new_receipts: Vec::new(),
            new_receipt_usage: Usage::NONE,
        };
        batch.digest_before = batch.visible_digest();
        batch.unloaded_habits = batch.unloaded(loaded.live_habits);
        batch.unloaded_usage = loaded.usage - batch.usage();
        batch
    }

    /// Returns the digest of the loaded records that are visible: live habits, and live entries of
    /// habits that are not deleted.
    ///
    /// All entries of a habit that may be deleted or revived are loaded
    /// ([`super::LoadSet::entries_of`]), because they leave or enter the digest together. Entries
    /// of other habits change one at a time.
    fn visible_digest(&self) -> Digest {
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
        // The batch holds only the loaded part of the user's records, so it cannot compute the
        // digest of all of them. The digest is a sum, so it is enough to replace the share of the
        // loaded records: subtract their digest before the operations and add their digest after
        // them. Records that were not loaded did not change.
        let digest = self
            .stamper
            .head
            .digest
            .minus(self.digest_before)
            .plus(self.visible_digest());
        let usage = self.usage();
        let (habits, entries) = (self.habits.into_writes(), self.entries.into_writes());
        // A deleted habit has no streak to compute. An entry can move its habit's streak by a
        // change of its day, kind or value, and by its deletion, so the habit of each written entry
        // is stale.
        let edited = habits.iter().map(|write| &write.record);
        let mut stale_streaks: BTreeSet<_> = edited
            .filter(|habit| !habit.stamp.is_deleted())
            .map(|habit| habit.id)
            .collect();
        stale_streaks.extend(entries.iter().map(|write| write.record.details.habit_id));
        Changeset {
            before: self.before,
            head: Head {
                digest,
                ..self.stamper.head
            },
            usage,
            habits,
            entries,
            stale_streaks,
            receipts: self.new_receipts,
            outcomes,
            erases_texts: false,
        }
    }

    fn submit(&mut self, operation: &Operation) -> OperationOutcome {
        let Some(key) = operation.key else {
            return self.carry_out(operation);
        };
        // Before anything else: a retry must not see the present state, in which its own first
        // attempt may already have changed the record.
        if let Some(receipt) = self.receipts.get(&key.op_id) {
            if !key.is_retry_of(&receipt.key) {
                return Rejected(RejectionCode::OpIdReused.into());
            }
            let outcome = self.answer_retry(receipt.outcome.clone(), &operation.action);
            // The device made this version, even if it never got the answer.
            if let (Duplicate { version, .. }, Some(id)) = (&outcome, operation.action.record_id())
            {
                self.stamper.seen.add(id, *version);
            }
            return outcome;
        }
        if let Some(exceeded) = self.exceeded_by_a_receipt(&operation.action) {
            return OverQuota(exceeded);
        }
        // The receipt is part of the same changeset as the effect, so a crash can never keep one
        // without the other.
        let outcome = self.carry_out(operation);
        self.store_receipt(operation, &outcome);
        outcome
    }

    /// Returns the record that `action` is about, or the tombstone of the habit that it belongs to.
    fn stored_record(&self, action: &Action) -> Option<Record> {
        // The entry of a create may not exist yet; then the request itself gives the habit.
        let (id, given_habit) = match action {
            Action::Habit(id, _) => {
                return self.habits.records.get(id).cloned().map(Record::Habit);
            }
            Action::Entry(id, edit) => (id, edit.fields().and_then(|fields| fields.habit_id)),
            Action::Increment(id, _) => (id, None),
            Action::Unreadable(_) => return None,
        };
        let entry = self.entries.records.get(id);
        let habit_id = entry.map(|entry| entry.details.habit_id).or(given_habit);
        let gone = habit_id.and_then(|habit_id| self.deleted_habit(habit_id));
        gone.or_else(|| entry.cloned().map(Record::Entry))
    }

    fn carry_out(&mut self, operation: &Operation) -> OperationOutcome {
        self.stamper.device = operation.device;
        let policy = operation.policy;
        let (before, was_live) = (self.mark(), self.has_live_habit(&operation.action));
        let outcome = match &operation.action {
            Action::Habit(id, edit) => self.habit(*id, edit, policy),
            Action::Entry(id, edit) => self.entry(*id, edit, policy),
            Action::Increment(id, change) => self.increment(*id, *change),
            Action::Unreadable(invalid) => Rejected(invalid.clone().into()),
        };
        // Checked after the operation: an invalid one, or one that finds its record there, needs no
        // room.
        match self.exceeded_quota(&before, !was_live && self.has_live_habit(&operation.action)) {
            None => outcome,
            Some(exceeded) => {
                self.roll_back_to(&before);
                OverQuota(exceeded)
            }
        }
    }

    fn habit(
        &mut self,
        id: HabitId,
        edit: &Edit<HabitFields>,
        policy: ConflictPolicy,
    ) -> OperationOutcome {
        // Compared with the state afterwards: a create and an update can both revive, so the
        // outcome alone does not show a revival.
        let was_deleted = self.deleted_habit(id).is_some();
        let context = EditContext {
            today: Today::at(self.stamper.now, &self.settings),
            first_entry: self.first_entry(id, edit),
        };
        // Without a title the user could not tell which habit was revived.
        let lacks_title = policy.revive && self.lacks_title(id, edit);
        let stamper = &mut self.stamper;
        let outcome = match edit {
            Edit::Create(fields) => match HabitDetails::create(fields, context.today) {
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
                        context,
                        stamper,
                        make,
                    )
                }
                // Checked before the look-up of the habit: an invalid create is rejected even if
                // the habit exists, on every attempt.
                Err(invalid) => Rejected(invalid.into()),
            },
            Edit::Update { .. } if lacks_title => {
                Rejected(Invalid::one("title", "is required: its text was erased").into())
            }
            Edit::Update { base, fields } => {
                let proposed = ProposedEdit {
                    base: *base,
                    policy,
                    fields,
                };
                self.habits.update(id, &proposed, context, stamper)
            }
            Edit::Delete { base, erases_texts } => {
                let how = (*base, *erases_texts);
                self.habits.delete(id, how, policy.on_conflict, stamper)
            }
        };
        if let Edit::Delete {
            erases_texts: true, ..
        } = edit
            && self.deleted_habit(id).is_some()
        {
            let belongs_to_habit = |entry: &Entry| entry.details.habit_id == id;
            let stamper = &mut self.stamper;
            self.entries.erase_texts_of(stamper, belongs_to_habit);
        }
        if was_deleted && self.deleted_habit(id).is_none() {
            // A device that read the tombstone of the habit removed its entries. Each entry needs a
            // new `seq`, or the next delta would not contain it.
            let belongs_to_habit = |entry: &Entry| entry.details.habit_id == id;
            self.entries.send_again(&mut self.stamper, belongs_to_habit);
        }
        outcome
    }

    /// Returns true if the habit is a tombstone whose title was erased, and `edit` brings none.
    fn lacks_title(&self, id: HabitId, edit: &Edit<HabitFields>) -> bool {
        let titled = edit.fields().is_some_and(|fields| fields.title.is_some());
        let habit = self.habits.records.get(&id);
        !titled && habit.is_some_and(|it| it.stamp.is_deleted() && it.details.title.is_erased())
    }

    /// Returns the day of the first live entry of a habit, if `edit` can depend on it.
    fn first_entry(&self, id: HabitId, edit: &Edit<HabitFields>) -> Option<Date> {
        if !edit.fields().is_some_and(HabitFields::has_goal) {
            return None;
        }
        // An entry of this write that was deleted may be the stored first one. Then the result is too
        // early, and the only effect is a version of the schedule that judges no day.
        let stored = self.first_entries.get(&id).copied();
        let entries = self.entries.records.values();
        let live =
            entries.filter(|entry| entry.details.habit_id == id && !entry.stamp.is_deleted());
        live.map(|entry| entry.details.local_date)
            .chain(stored)
            .min()
    }

    fn entry(
        &mut self,
        id: EntryId,
        edit: &Edit<EntryFields>,
        policy: ConflictPolicy,
    ) -> OperationOutcome {
        let stored = self.entries.records.get(&id);
        // A habit has one tombstone for itself and its live entries, so the entry alone does not
        // show that it is gone.
        let gone = stored.and_then(|entry| self.deleted_habit(entry.details.habit_id));
        let stamper = &mut self.stamper;
        match (edit, stored, gone) {
            // An entry of a deleted habit counts as deleted, so there is nothing left to do.
            (Edit::Delete { erases_texts, .. }, Some(entry), Some(_)) => {
                let found = entry.clone();
                if *erases_texts && found.details.has_texts() {
                    Applied(self.entries.erase_texts(id, found, stamper))
                } else {
                    Noop(Record::Entry(found))
                }
            }
            (Edit::Delete { base, erases_texts }, ..) => {
                let how = (*base, *erases_texts);
                self.entries.delete(id, how, policy.on_conflict, stamper)
            }
            // Below this arm the habit of the entry is live or unknown.
            (_, _, Some(gone)) => Gone(gone),
            (Edit::Update { base, fields }, ..) => {
                let proposed = ProposedEdit {
                    base: *base,
                    policy,
                    fields,
                };
                let context = EditContext {
                    today: Today::at(stamper.now, &self.settings),
                    first_entry: None,
                };
                self.entries.update(id, &proposed, context, stamper)
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
        // Invalid members are checked first, because no later state of the server makes them valid.
        // A deleted habit comes next: `gone` is final. An unknown habit comes last: the operation
        // is deferred, since a device may still send the habit.
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
            // An entry cannot move to another habit. A revived entry keeps its habit, so a create
            // with another habit is invalid.
            return Rejected(invalid.into());
        }
        let context = EditContext {
            today: Today::at(self.stamper.now, &self.settings),
            first_entry: None,
        };
        let make = |stamp| Entry {
            id,
            details,
            stamp,
            provenance: Provenance::default(),
        };
        let proposed = ProposedEdit::create(fields, policy);
        self.entries
            .create(id, &proposed, context, &mut self.stamper, make)
    }

    fn increment(&mut self, id: EntryId, change: QuantityChange) -> OperationOutcome {
        let stored = self.entries.records.get(&id);
        let gone = stored.and_then(|entry| self.deleted_habit(entry.details.habit_id));
        if let Some(gone) = gone {
            return Gone(gone);
        }
        self.entries.add(id, &mut self.stamper, |entry| {
            let mut changed = entry.clone();
            // The range is checked against the present value, which is why an increment can be
            // rejected although its author saw no error.
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

/// Returns the members on which `action` and `record` differ.
fn differing(action: &Action, record: &Record) -> Vec<Member> {
    let named = match (action, record) {
        (Action::Habit(_, edit), Record::Habit(habit)) => {
            edit.fields().map(|fields| habit.differing_members(fields))
        }
        (Action::Entry(_, edit), Record::Entry(entry)) => {
            edit.fields().map(|fields| entry.differing_members(fields))
        }
        _ => None,
    };
    let named = named.unwrap_or_default().into_iter();
    named.map(|(_, member)| member).collect()
}

#[cfg(test)]
mod tests;
