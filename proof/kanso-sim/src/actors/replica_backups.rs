//! Backups of replicas, as phones make them.

use std::sync::{Arc, Mutex, PoisonError};

use kanso_client::Client;

use crate::chance::Chance;
use crate::history::Actor;

/// A backup of a replica.
#[derive(Clone)]
pub(super) struct ReplicaBackup {
    /// The device whose replica it is.
    pub(super) source: Actor,
    /// Number of events when it was made.
    pub(super) saved_at: usize,
    /// The backup, which is never used itself.
    pub(super) client: Arc<Client>,
}

/// All backups of a world.
#[derive(Default)]
pub struct ReplicaBackups(Mutex<Vec<ReplicaBackup>>);

impl ReplicaBackups {
    /// Adds a backup.
    pub(super) fn add(&self, source: Actor, saved_at: usize, client: Client) {
        let client = Arc::new(client);
        let backup = ReplicaBackup {
            source,
            saved_at,
            client,
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(backup);
    }

    /// Draws a backup of a device of `person`.
    pub(super) fn one_of(&self, person: u32, chance: &Chance) -> Option<ReplicaBackup> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own: Vec<_> = all
            .iter()
            .filter(|backup| backup.source.person == person)
            .collect();
        chance.one_of(&own).map(|backup| (*backup).clone())
    }
}
