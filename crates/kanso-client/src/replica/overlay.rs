//! Application of outbox operations to a record, with the functions that the server uses.

use kanso_domain::accounts::Settings;
use kanso_domain::calendar::Today;
use kanso_domain::entries::{Entry, EntryDetails, EntryFields};
use kanso_domain::habits::{Habit, HabitDetails, HabitFields, StoredStreak};
use kanso_domain::record::{Provenance, Stamp};
use kanso_domain::sync::{Action, Edit};
use kanso_domain::{QuantityChange, Record, Seq, Timestamp};

use super::local_edits::LocalEdit;

/// Applies `edits` to the delivered record `base`.
///
/// Returns `None` if there is neither a delivered record nor a create.
///
/// The edits apply to the newest delivered state, so changes of other devices stay visible beside
/// them. The overlay does not predict conflicts: an edit that cannot be applied is skipped, and any
/// other edit shows until the server has answered. The version of the result is the one that the
/// record has if the server accepts all edits.
pub(super) fn overlay(
    base: Option<Record>,
    edits: impl IntoIterator<Item = LocalEdit>,
    settings: &Settings,
) -> Option<Record> {
    edits
        .into_iter()
        .fold(base, |record, edit| match (record, &edit.action) {
            (None, Action::Habit(id, Edit::Create(fields))) => {
                // With the day of the edit, not today: a habit created yesterday began yesterday.
                let today = Today::at(edit.at, settings);
                let details = HabitDetails::create(fields, today).ok()?;
                // The server assigns `seq`; until then zero marks a record that it does not have.
                let stamp = Stamp::created(Seq::ZERO, edit.at);
                let streak = StoredStreak::default();
                Some(Record::Habit(Habit {
                    id: *id,
                    details,
                    stamp,
                    streak,
                    provenance: Provenance::default(),
                }))
            }
            (None, Action::Entry(id, Edit::Create(fields))) => {
                let details = EntryDetails::create(fields, settings).ok()?;
                let stamp = Stamp::created(Seq::ZERO, edit.at);
                Some(Record::Entry(Entry {
                    id: *id,
                    details,
                    stamp,
                    provenance: Provenance::default(),
                }))
            }
            (Some(Record::Habit(habit)), Action::Habit(_, change)) => {
                Some(Record::Habit(edited_habit(habit, change, &edit, settings)))
            }
            (Some(Record::Entry(entry)), Action::Entry(_, change)) => {
                Some(Record::Entry(edited_entry(entry, change, &edit, settings)))
            }
            (Some(Record::Entry(entry)), Action::Increment(_, change)) => {
                Some(Record::Entry(added_to(entry, *change, edit.at)))
            }
            // The record is missing: the edit waits for a create that is not here yet.
            (record, _) => record,
        })
}

fn added_to(entry: Entry, change: QuantityChange, at: Timestamp) -> Entry {
    let stamp = entry.stamp;
    match entry.details.value.changed(change) {
        Ok(value) if value != entry.details.value && !stamp.is_deleted() => Entry {
            details: EntryDetails {
                value,
                ..entry.details
            },
            stamp: stamp.edited(stamp.seq, at),
            ..entry
        },
        // Out of range, without effect, or on a tombstone: the server will not apply it.
        _ => entry,
    }
}

fn edited_habit(
    habit: Habit,
    edit: &Edit<HabitFields>,
    made: &LocalEdit,
    settings: &Settings,
) -> Habit {
    let (stamp, at) = (habit.stamp, made.at);
    let today = Today::at(at, settings);
    match edit {
        Edit::Delete { .. } if !stamp.is_deleted() => Habit {
            stamp: stamp.deleted(stamp.seq, at),
            ..habit
        },
        Edit::Update { fields, .. } if !stamp.is_deleted() => {
            match habit.details.updated(fields, today, made.first_entry) {
                Ok(details) if details != habit.details => Habit {
                    details,
                    stamp: stamp.edited(stamp.seq, at),
                    ..habit
                },
                _ => habit,
            }
        }
        Edit::Update { fields, .. } if made.revives => {
            let details = habit.details.updated(fields, today, made.first_entry);
            Habit {
                details: details.unwrap_or(habit.details),
                stamp: stamp.revived(stamp.seq, at),
                ..habit
            }
        }
        // A create of a record that exists, or an edit of a tombstone, changes nothing.
        _ => habit,
    }
}

fn edited_entry(
    entry: Entry,
    edit: &Edit<EntryFields>,
    made: &LocalEdit,
    settings: &Settings,
) -> Entry {
    let (stamp, at) = (entry.stamp, made.at);
    match edit {
        Edit::Delete { .. } if !stamp.is_deleted() => Entry {
            stamp: stamp.deleted(stamp.seq, at),
            ..entry
        },
        Edit::Update { fields, .. } if !stamp.is_deleted() => {
            match entry.details.updated(fields, settings) {
                Ok(details) if details != entry.details => Entry {
                    details,
                    stamp: stamp.edited(stamp.seq, at),
                    ..entry
                },
                _ => entry,
            }
        }
        Edit::Update { fields, .. } if made.revives => {
            let details = entry.details.updated(fields, settings);
            Entry {
                details: details.unwrap_or(entry.details),
                stamp: stamp.revived(stamp.seq, at),
                ..entry
            }
        }
        _ => entry,
    }
}
