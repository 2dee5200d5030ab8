//! Telling an app what changed.

use std::collections::BTreeSet;

use kanso_domain::{Entity, EntryId, HabitId};
use tokio::sync::broadcast;

use crate::Client;
use crate::replica::Key;

/// How many changes an observer may be behind before it is told that it missed some.
pub(crate) const CAPACITY: usize = 256;

/// Who changed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An edit that was made here.
    Edit,
    /// A sync.
    Sync,
}

/// What one transaction changed of what is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Who changed it.
    pub origin: Origin,
    /// Everything may have changed: read it all again.
    pub everything: bool,
    /// Habits that changed, appeared or went. The entries of one that went are not named.
    pub habits: BTreeSet<HabitId>,
    /// Entries that changed, appeared or went.
    pub entries: BTreeSet<EntryId>,
}

impl Client {
    /// Tells what this client changes from now on, be it by an edit or by a sync. Who falls behind
    /// gets `Lagged`, and reads everything again. What another process does to the same folder is
    /// not told.
    pub fn changes(&self) -> broadcast::Receiver<Changes> {
        self.observers.subscribe()
    }

    /// A person decided on a failure: no record changed, but how syncing stands did.
    pub(crate) fn publish_decision(&self) {
        // Nobody may be listening.
        let _ = self.observers.send(Changes {
            origin: Origin::Edit,
            everything: false,
            habits: BTreeSet::new(),
            entries: BTreeSet::new(),
        });
    }

    pub(crate) fn publish(&self, origin: Origin, changed: BTreeSet<Key>, everything: bool) {
        if changed.is_empty() && !everything {
            return;
        }
        let (mut habits, mut entries) = (BTreeSet::new(), BTreeSet::new());
        for key in changed {
            match key.entity {
                Entity::Habit => drop(habits.insert(HabitId::new(key.id))),
                Entity::Entry => drop(entries.insert(EntryId::new(key.id))),
            }
        }
        // Nobody may be listening.
        let _ = self.observers.send(Changes {
            origin,
            everything,
            habits,
            entries,
        });
    }
}
