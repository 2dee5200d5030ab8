//! Slots: the number of event streams that a user may have open.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kanso_application::ports::ids::Ids;
use kanso_application::ports::stream_slots::{self, SharedStreamSlots};
use kanso_domain::UserId;
use kanso_protocol::MAX_STREAMS;

use crate::problem::{ApiError, Code};

/// Open event streams per user, on this server and, if the servers share a count, on all of them.
///
/// The local count is exact. The shared count may lose entries if Redis restarts; then a user may have
/// more streams for a while, but never more than the limit on one server.
#[derive(Clone, Default)]
pub(crate) struct StreamSlots {
    local: Arc<Mutex<HashMap<UserId, usize>>>,
    shared: Option<Arc<dyn SharedStreamSlots>>,
}

/// The slot of one open stream. It is released on drop.
pub(super) struct StreamSlot {
    stream_slots: StreamSlots,
    user: UserId,
    shared: Option<SharedSlot>,
}

struct SharedSlot {
    stream_slots: Arc<dyn SharedStreamSlots>,
    slot: stream_slots::StreamSlot,
}

impl StreamSlots {
    /// Counts streams on this server and, if given, in a count that several servers share.
    pub(crate) fn over(shared: Option<Arc<dyn SharedStreamSlots>>) -> Self {
        Self {
            local: Arc::default(),
            shared,
        }
    }

    /// Takes a slot for one more stream of `user`.
    ///
    /// # Errors
    /// [`Code::TooManyStreams`] if the user has [`MAX_STREAMS`] streams open.
    pub(super) async fn take(&self, user: UserId, ids: &dyn Ids) -> Result<StreamSlot, ApiError> {
        // The local count is first: it costs nothing, and it bounds the requests to Redis.
        let mut slot = self.take_local(user)?;
        let Some(stream_slots) = &self.shared else {
            return Ok(slot);
        };
        let stream = ids.uuid();
        // The slot is stored before the shared count is asked. If the client disconnects during the
        // request to Redis, this future is dropped: the slot may be taken there, and `drop` gives it
        // back. Giving back a slot that was refused has no effect.
        let shared = slot.shared.insert(SharedSlot {
            stream_slots: Arc::clone(stream_slots),
            slot: stream_slots::StreamSlot { user, stream },
        });
        if shared.stream_slots.take(shared.slot, MAX_STREAMS).await {
            Ok(slot)
        } else {
            Err(Code::TooManyStreams.into())
        }
    }

    fn take_local(&self, user: UserId) -> Result<StreamSlot, ApiError> {
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
        // No code that can panic runs between two steps of a change, so a poisoned map is consistent.
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StreamSlot {
    /// Renews the shared slot. Without a renewal it expires, in case this server has crashed.
    pub(super) fn renew(&self) {
        if let Some(SharedSlot { stream_slots, slot }) = &self.shared {
            stream_slots.renew(*slot);
        }
    }
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        if let Some(SharedSlot { stream_slots, slot }) = &self.shared {
            stream_slots.give_back(*slot);
        }
        let mut taken = self.stream_slots.lock();
        if let Some(count) = taken.get_mut(&self.user) {
            *count -= 1;
            // Users without streams must not stay in the map, which would only grow.
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

    /// A shared count in which other servers have taken some slots.
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
    async fn slot_is_free_again_when_its_stream_ends() {
        let (stream_slots, ids) = (StreamSlots::default(), SequentialIds::default());
        let mut slots = Vec::new();
        for _ in 0..MAX_STREAMS {
            slots.push(stream_slots.take(user(1), &ids).await.unwrap());
        }
        assert!(stream_slots.take(user(1), &ids).await.is_err());
        assert!(stream_slots.take(user(2), &ids).await.is_ok());
        slots.pop();
        assert!(stream_slots.take(user(1), &ids).await.is_ok());
        drop(slots);
        assert!(stream_slots.lock().is_empty());
    }

    #[tokio::test]
    async fn streams_on_other_servers_take_slots_too() {
        let fleet = Arc::new(Fleet {
            others: MAX_STREAMS - 1,
            ..Fleet::default()
        });
        let stream_slots = StreamSlots::over(Some(fleet.clone()));
        let ids = SequentialIds::default();
        let slot = stream_slots.take(user(1), &ids).await.unwrap();
        slot.renew();
        assert!(stream_slots.take(user(1), &ids).await.is_err());
        assert_eq!(
            fleet.ours.lock().unwrap().len(),
            1,
            "the refused stream has no slot"
        );
        drop(slot);
        assert!(fleet.ours.lock().unwrap().is_empty());
        assert!(stream_slots.lock().is_empty());
        assert!(stream_slots.take(user(1), &ids).await.is_ok());
    }
}
