//! Copies of a storage in memory, and calls restricted to some users.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use kanso_application::ports::storage::StorageError;
use kanso_domain::UserId;
use kanso_domain::sync::Epoch;

use super::{MemoryStorage, State, UserData};

impl MemoryStorage {
    /// Returns a copy of the current state. The copy of a closed storage is closed.
    #[must_use]
    pub fn copied(&self) -> Self {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            epoch: Mutex::new(self.epoch()),
            state: Mutex::new(state.clone()),
        }
    }

    /// Restores a copy; all histories get `epoch`.
    pub fn restore(&self, copy: &Self, epoch: Epoch) {
        // Copied again, because a backup can be restored more than once.
        let mut state = copy.copied().state;
        let taken = state.get_mut().unwrap_or_else(PoisonError::into_inner);
        for data in taken.iter_mut().flat_map(|state| state.users.values_mut()) {
            // The epoch is kept with each head, so all of them change.
            data.head = data.head.in_epoch(epoch);
            data.starts.push((epoch, data.head.seq));
        }
        *self.epoch.lock().unwrap_or_else(PoisonError::into_inner) = epoch;
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = taken.take();
    }

    /// Returns all users.
    ///
    /// # Errors
    ///
    /// The storage is closed.
    pub fn user_ids(&self) -> Result<BTreeSet<UserId>, StorageError> {
        self.with(|state| state.users.keys().copied().collect())
    }

    /// Makes a call that sees these users only, as `SKIP LOCKED` does. The other users are removed
    /// during the call; no call of this storage waits, so no other caller can notice.
    ///
    /// # Errors
    ///
    /// Errors of the call, or the storage is closed.
    pub async fn restricted_to<T>(
        &self,
        users: &BTreeSet<UserId>,
        call: impl Future<Output = Result<T, StorageError>> + Send,
    ) -> Result<T, StorageError> {
        let aside = self.with(|state| set_aside(state, users))?;
        let outcome = call.await;
        self.with(|state| state.users.extend(aside))?;
        outcome
    }
}

fn set_aside(state: &mut State, users: &BTreeSet<UserId>) -> BTreeMap<UserId, UserData> {
    let (kept, aside) = std::mem::take(&mut state.users)
        .into_iter()
        .partition(|(user, _)| users.contains(user));
    state.users = kept;
    aside
}
