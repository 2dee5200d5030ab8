//! How many event streams a person has.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kanso_application::ports::ids::Ids;
use kanso_application::ports::seats::{self, SharedSeats};
use kanso_domain::UserId;
use kanso_protocol::MAX_STREAMS;

use crate::problem::{Code, Refusal};

/// Those who have streams, and how many: on this server, and on all of them if they share a count.
#[derive(Clone, Default)]
pub(crate) struct Seats {
    here: Arc<Mutex<HashMap<UserId, usize>>>,
    everywhere: Option<Arc<dyn SharedSeats>>,
}

/// A stream's right to be there. It is given back when this is dropped.
pub(super) struct Seat {
    seats: Seats,
    user: UserId,
    shared: Option<Shared>,
}

struct Shared {
    seats: Arc<dyn SharedSeats>,
    seat: seats::Seat,
}

impl Seats {
    /// Seats that are counted here and, if the servers have such a thing, everywhere.
    pub(crate) fn over(everywhere: Option<Arc<dyn SharedSeats>>) -> Self {
        Self {
            here: Arc::default(),
            everywhere,
        }
    }

    /// A seat for one more stream of `user`.
    pub(super) async fn take(&self, user: UserId, ids: &dyn Ids) -> Result<Seat, Refusal> {
        let mut seat = self.take_here(user)?;
        let Some(seats) = &self.everywhere else {
            return Ok(seat);
        };
        let stream = ids.uuid();
        // Before it is asked for, so that it is given back also if the asking is cut off.
        let shared = seat.shared.insert(Shared {
            seats: Arc::clone(seats),
            seat: seats::Seat { user, stream },
        });
        if shared.seats.take(shared.seat, MAX_STREAMS).await {
            Ok(seat)
        } else {
            Err(Code::TooManyStreams.into())
        }
    }

    fn take_here(&self, user: UserId) -> Result<Seat, Refusal> {
        let mut taken = self.lock();
        let count = taken.entry(user).or_default();
        if *count >= MAX_STREAMS {
            return Err(Code::TooManyStreams.into());
        }
        *count += 1;
        Ok(Seat {
            seats: self.clone(),
            user,
            shared: None,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, usize>> {
        // Every change is complete in itself, so a panic elsewhere leaves nothing half done.
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Says that the stream is still there.
    pub(super) fn renew(&self) {
        if let Some(Shared { seats, seat }) = &self.shared {
            seats.renew(*seat);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(Shared { seats, seat }) = &self.shared {
            seats.give_back(*seat);
        }
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
    use async_trait::async_trait;
    use kanso_testkit::SequentialIds;
    use uuid::Uuid;

    fn user(number: u128) -> UserId {
        UserId::new(Uuid::from_u128(number))
    }

    /// Seats of which other servers have taken some.
    #[derive(Default)]
    struct Fleet {
        others: usize,
        ours: Mutex<Vec<Uuid>>,
    }

    #[async_trait]
    impl SharedSeats for Fleet {
        async fn take(&self, seat: seats::Seat, most: usize) -> bool {
            let mut ours = self.ours.lock().unwrap();
            let is_free = self.others + ours.len() < most;
            if is_free {
                ours.push(seat.stream);
            }
            is_free
        }

        fn renew(&self, seat: seats::Seat) {
            assert!(self.ours.lock().unwrap().contains(&seat.stream));
        }

        fn give_back(&self, seat: seats::Seat) {
            let mut ours = self.ours.lock().unwrap();
            ours.retain(|stream| *stream != seat.stream);
        }
    }

    #[tokio::test]
    async fn a_seat_is_free_again_when_its_stream_is_gone() {
        let (seats, ids) = (Seats::default(), SequentialIds::default());
        let mut held = Vec::new();
        for _ in 0..MAX_STREAMS {
            held.push(seats.take(user(1), &ids).await.unwrap());
        }
        assert!(seats.take(user(1), &ids).await.is_err());
        assert!(seats.take(user(2), &ids).await.is_ok());
        held.pop();
        assert!(seats.take(user(1), &ids).await.is_ok());
        drop(held);
        assert!(seats.lock().is_empty());
    }

    #[tokio::test]
    async fn streams_on_other_servers_take_seats_too() {
        let fleet = Arc::new(Fleet {
            others: MAX_STREAMS - 1,
            ..Fleet::default()
        });
        let seats = Seats::over(Some(fleet.clone()));
        let ids = SequentialIds::default();
        let held = seats.take(user(1), &ids).await.unwrap();
        held.renew();
        assert!(seats.take(user(1), &ids).await.is_err());
        assert_eq!(fleet.ours.lock().unwrap().len(), 1, "only the one that is");
        drop(held);
        assert!(fleet.ours.lock().unwrap().is_empty());
        assert!(seats.lock().is_empty());
        assert!(seats.take(user(1), &ids).await.is_ok());
    }
}
