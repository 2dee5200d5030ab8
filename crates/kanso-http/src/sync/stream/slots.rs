//! How many event streams a person has.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kanso_application::ports::ids::Ids;
use kanso_application::ports::stream_slots::{self, SharedStreamSlots};
use kanso_domain::UserId;
use kanso_protocol::MAX_STREAMS;

use crate::problem::{ApiError, Code};

/// Those who have streams, and how many: on this server, and on all of them if they share a count.
#[derive(Clone, Default)]
pub(crate) struct StreamSlots {
    here: Arc<Mutex<HashMap<UserId, usize>>>,
    everywhere: Option<Arc<dyn SharedStreamSlots>>,
}

/// A stream's right to be there. It is given back when this is dropped.
pub(super) struct StreamSlot {
    stream_slots: StreamSlots,
    user: UserId,
    shared: Option<Shared>,
}

struct Shared {
    stream_slots: Arc<dyn SharedStreamSlots>,
    slot: stream_slots::StreamSlot,
}

impl StreamSlots {
    /// StreamSlots that are counted here and, if the servers have such a thing, everywhere.
    pub(crate) fn over(everywhere: Option<Arc<dyn SharedStreamSlots>>) -> Self {
        Self {
            here: Arc::default(),
            everywhere,
        }
    }

    /// A slot for one more stream of `user`.
    pub(super) async fn take(&self, user: UserId, ids: &dyn Ids) -> Result<StreamSlot, ApiError> {
        let mut slot = self.take_here(user)?;
        let Some(stream_slots) = &self.everywhere else {
            return Ok(slot);
        };
        let stream = ids.uuid();
        // Before it is asked for, so that it is given back also if the asking is cut off.
        let shared = slot.shared.insert(Shared {
            stream_slots: Arc::clone(stream_slots),
            slot: stream_slots::StreamSlot { user, stream },
        });
        if shared.stream_slots.take(shared.slot, MAX_STREAMS).await {
            Ok(slot)
        } else {
            Err(Code::TooManyStreams.into())
        }
    }

    fn take_here(&self, user: UserId) -> Result<StreamSlot, ApiError> {
        let mut taken = self.lock();
        let count = taken.entry(user).or_default();
        if *count >= MAX_STREAMS {
            return Err(Code::TooManyStreams.into());
        }
        *count += 1;
        Ok(StreamSlot {
            stream_slots: self.clone(),
            user,
            shared: None,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, usize>> {
        // Every change is complete in itself, so a panic elsewhere leaves nothing half done.
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StreamSlot {
    /// Says that the stream is still there.
    pub(super) fn renew(&self) {
        if let Some(Shared { stream_slots, slot }) = &self.shared {
            stream_slots.renew(*slot);
        }
    }
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        if let Some(Shared { stream_slots, slot }) = &self.shared {
            stream_slots.give_back(*slot);
        }
        let mut taken = self.stream_slots.lock();
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

    /// StreamSlots of which other servers have taken some.
    #[derive(Default)]
    struct Fleet {
        others: usize,
        ours: Mutex<Vec<Uuid>>,
    }

    #[async_trait]
    impl SharedStreamSlots for Fleet {
        async fn take(&self, slot: stream_slots::StreamSlot, most: usize) -> bool {
            let mut ours = self.ours.lock().unwrap();
            let is_free = self.others + ours.len() < most;
            if is_free {
                ours.push(slot.stream);
            }
            is_free
        }

        fn renew(&self, slot: stream_slots::StreamSlot) {
            assert!(self.ours.lock().unwrap().contains(&slot.stream));
        }

        fn give_back(&self, slot: stream_slots::StreamSlot) {
            let mut ours = self.ours.lock().unwrap();
            ours.retain(|stream| *stream != slot.stream);
        }
    }

    #[tokio::test]
    async fn a_seat_is_free_again_when_its_stream_is_gone() {
        let (stream_slots, ids) = (StreamSlots::default(), SequentialIds::default());
        let mut held = Vec::new();
        for _ in 0..MAX_STREAMS {
            held.push(stream_slots.take(user(1), &ids).await.unwrap());
        }
        assert!(stream_slots.take(user(1), &ids).await.is_err());
        assert!(stream_slots.take(user(2), &ids).await.is_ok());
        held.pop();
        assert!(stream_slots.take(user(1), &ids).await.is_ok());
        drop(held);
        assert!(stream_slots.lock().is_empty());
    }

    #[tokio::test]
    async fn streams_on_other_servers_take_seats_too() {
        let fleet = Arc::new(Fleet {
            others: MAX_STREAMS - 1,
            ..Fleet::default()
        });
        let stream_slots = StreamSlots::over(Some(fleet.clone()));
        let ids = SequentialIds::default();
        let held = stream_slots.take(user(1), &ids).await.unwrap();
        held.renew();
        assert!(stream_slots.take(user(1), &ids).await.is_err());
        assert_eq!(fleet.ours.lock().unwrap().len(), 1, "only the one that is");
        drop(held);
        assert!(fleet.ours.lock().unwrap().is_empty());
        assert!(stream_slots.lock().is_empty());
        assert!(stream_slots.take(user(1), &ids).await.is_ok());
    }
}
