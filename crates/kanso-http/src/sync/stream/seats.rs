//! How many event streams a person has.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kanso_domain::UserId;
use kanso_protocol::MAX_STREAMS;

use crate::problem::{Code, Refusal};

/// Those who have streams, and how many.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seats(Arc<Mutex<HashMap<UserId, usize>>>);

/// A stream's right to be there. It is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Seats,
    user: UserId,
}

impl Seats {
    /// A seat for one more stream of `user`.
    pub(super) fn take(&self, user: UserId) -> Result<Seat, Refusal> {
        let mut taken = self.lock();
        let count = taken.entry(user).or_default();
        if *count >= MAX_STREAMS {
            return Err(Code::TooManyStreams.into());
        }
        *count += 1;
        Ok(Seat {
            seats: self.clone(),
            user,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, usize>> {
        // Every change is complete in itself, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        if let Some(count) = taken.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_seat_is_free_again_when_its_stream_is_gone() {
        let user = |number| UserId::new(Uuid::from_u128(number));
        let seats = Seats::default();
        let mut held: Vec<_> = (0..MAX_STREAMS).map(|_| seats.take(user(1))).collect();
        assert!(held.iter().all(Result::is_ok));
        assert!(seats.take(user(1)).is_err());
        assert!(seats.take(user(2)).is_ok());
        held.pop();
        assert!(seats.take(user(1)).is_ok());
        drop(held);
        assert!(seats.lock().is_empty());
    }
}
