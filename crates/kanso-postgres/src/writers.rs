//! The users for whom this process writes at the moment.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kanso_domain::UserId;

/// The number of running writes of each user that has one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Writers(Arc<Mutex<HashMap<UserId, usize>>>);

/// One running write.
#[derive(Debug)]
pub(crate) struct Turn {
    writers: Writers,
    user: UserId,
    is_alone: bool,
}

impl Writers {
    /// Notes that a write of `user` begins. It ends when the turn is dropped.
    pub(crate) fn enter(&self, user: UserId) -> Turn {
        let mut running = self.running();
        let count = running.entry(user).or_default();
        *count += 1;
        Turn {
            writers: self.clone(),
            user,
            is_alone: *count == 1,
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<UserId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Returns true if no other write of the user ran in this process when this one began.
    pub(crate) const fn is_alone(&self) -> bool {
        self.is_alone
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut running = self.writers.running();
        if let Some(count) = running.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                running.remove(&self.user);
            }
        }
    }
}
