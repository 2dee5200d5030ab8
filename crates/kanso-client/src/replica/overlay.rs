//! What a person sees: the server's record with the outbox applied, by the domain's own functions.

use kanso_domain::accounts::Settings;
use kanso_domain::calendar::Today;
use kanso_domain::entries::{Entry, EntryDetails, EntryFields};
use kanso_domain::habits::{Habit, HabitDetails, HabitFields, StoredStreak};
use kanso_domain::record::{Provenance, Stamp};
use kanso_domain::sync::{Action, Edit};
use kanso_domain::{QuantityChange, Record, Seq, Timestamp};

/// `base` after `edits`, each with the time of its writing; `None` for a record that never was.
///
/// Edits are applied to whatever the server delivered last, so a change of another device shows
/// beside them. Whether the server will take them is not guessed: what cannot be applied at all
/// is left out, anything else shows until the server has answered. The version is the one that
/// the record has when all of them are taken, which the next edit builds on.
pub(super) fn overlay(
    base: Option<Record>,
    edits: impl IntoIterator<Item = (Action, Timestamp)>,
    settings: &Settings,
) -> Option<Record> {
    edits
        .into_iter()
        .fold(base, |shown, (command, at)| match (shown, command) {
            (None, Action::Habit(id, Edit::Create(fields))) => {
                let details = HabitDetails::create(&fields, Today::at(at, settings)).ok()?;
                let stamp = Stamp::created(Seq::ZERO, at);
                let streak = StoredStreak::default();
                Some(Record::Habit(Habit {
                    id,
                    details,
                    stamp,
                    streak,
                    provenance: Provenance::default(),
                }))
            }
            (None, Action::Entry(id, Edit::Create(fields))) => {
                let details = EntryDetails::create(&fields, settings).ok()?;
                let stamp = Stamp::created(Seq::ZERO, at);
                Some(Record::Entry(Entry {
                    id,
                    details,
                    stamp,
                    provenance: Provenance::default(),
                }))
            }
            (Some(Record::Habit(habit)), Action::Habit(_, action)) => {
                Some(Record::Habit(edited_habit(habit, action, at, settings)))
            }
            (Some(Record::Entry(entry)), Action::Entry(_, action)) => {
                Some(Record::Entry(edited_entry(entry, action, at, settings)))
            }
            (Some(Record::Entry(entry)), Action::Increment(_, change)) => {
                Some(Record::Entry(added_to(entry, change, at)))
            }
            (shown, _) => shown,
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
        _ => entry,
    }
}

fn edited_habit(
    habit: Habit,
    action: Edit<HabitFields>,
    at: Timestamp,
    settings: &Settings,
) -> Habit {
    let stamp = habit.stamp;
    match action {
        Edit::Delete { .. } if !stamp.is_deleted() => Habit {
            stamp: stamp.deleted(stamp.seq, at),
            ..habit
        },
        Edit::Update { fields, .. } if !stamp.is_deleted() => {
            match habit.details.updated(&fields, Today::at(at, settings)) {
                Ok(details) if details != habit.details => Habit {
                    details,
                    stamp: stamp.edited(stamp.seq, at),
                    ..habit
                },
                _ => habit,
            }
        }
        _ => habit,
    }
}

fn edited_entry(
    entry: Entry,
    action: Edit<EntryFields>,
    at: Timestamp,
    settings: &Settings,
) -> Entry {
    let stamp = entry.stamp;
    match action {
        Edit::Delete { .. } if !stamp.is_deleted() => Entry {
            stamp: stamp.deleted(stamp.seq, at),
            ..entry
        },
        Edit::Update { fields, .. } if !stamp.is_deleted() => {
            match entry.details.updated(&fields, settings) {
                Ok(details) if details != entry.details => Entry {
                    details,
                    stamp: stamp.edited(stamp.seq, at),
                    ..entry
                },
                _ => entry,
            }
        }
        _ => entry,
    }
}
