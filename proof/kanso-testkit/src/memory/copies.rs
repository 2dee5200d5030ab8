//! Copies of a storage in memory, and work that sees only some of its people.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use kanso_application::ports::storage::StorageError;
use kanso_domain::UserId;
use kanso_domain::sync::Epoch;

use super::{MemoryStorage, State, UserData};

impl MemoryStorage {
    /// A copy of everything as it is now. A storage that was closed gives a closed one.
    #[must_use]
    pub fn copied(&self) -> Self {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            epoch: Mutex::new(self.epoch()),
            state: Mutex::new(state.clone()),
        }
    }

    /// Puts a copy in the place of everything; the history of all is `epoch` from now on.
    pub fn restore(&self, copy: &Self, epoch: Epoch) {
        let mut state = copy.copied().state;
        let taken = state.get_mut().unwrap_or_else(PoisonError::into_inner);
        for person in taken.iter_mut().flat_map(|state| state.people.values_mut()) {
            person.head.epoch = epoch;
        }
        *self.epoch.lock().unwrap_or_else(PoisonError::into_inner) = epoch;
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = taken.take();
    }

    /// Everybody who has an account.
    ///
    /// # Errors
    /// The storage is closed.
    pub fn user_ids(&self) -> Result<BTreeSet<UserId>, StorageError> {
        self.with(|state| state.people.keys().copied().collect())
    }

    /// A call that sees only these people, as with `SKIP LOCKED` for all others. No call of this
    /// storage waits, so nobody else looks while the others are set aside.
    ///
    /// # Errors
    /// Those of the call, and that the storage is closed.
    pub async fn restricted_to<T>(
        &self,
        people: &BTreeSet<UserId>,
        call: impl Future<Output = Result<T, StorageError>> + Send,
    ) -> Result<T, StorageError> {
        let aside = self.with(|state| set_aside(state, people))?;
        let outcome = call.await;
        self.with(|state| state.people.extend(aside))?;
        outcome
    }
}

fn set_aside(state: &mut State, people: &BTreeSet<UserId>) -> BTreeMap<UserId, UserData> {
    let (kept, aside) = std::mem::take(&mut state.people)
        .into_iter()
        .partition(|(user, _)| people.contains(user));
    state.people = kept;
    aside
}
