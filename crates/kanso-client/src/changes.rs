//! Change notices for an app that shows records.

use std::collections::BTreeSet;

use kanso_domain::{Entity, EntryId, HabitId};

use crate::replica::RecordKey;

/// Number of unread changes after which a receiver gets `Lagged`.
pub(crate) const CAPACITY: usize = 256;

/// Cause of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An edit on this device.
    Edit,
    /// A sync.
    Sync,
}

/// Records that one transaction changed. [`Client::changes`](crate::Client::changes) delivers them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Cause of the change.
    pub origin: Origin,
    /// True if any record may have changed: read everything again.
    pub everything: bool,
    /// Habits that were added, changed or removed. The entries of a removed habit are not listed.
    pub habits: BTreeSet<HabitId>,
    /// Entries that were added, changed or removed.
    pub entries: BTreeSet<EntryId>,
}

impl Changes {
    pub(crate) fn of(origin: Origin, changed: BTreeSet<RecordKey>, everything: bool) -> Self {
        let (mut habits, mut entries) = (BTreeSet::new(), BTreeSet::new());
        for key in changed {
            match key.entity {
                Entity::Habit => drop(habits.insert(HabitId::new(key.id))),
                Entity::Entry => drop(entries.insert(EntryId::new(key.id))),
            }
        }
        Self {
            origin,
            everything,
            habits,
            entries,
        }
    }
}
