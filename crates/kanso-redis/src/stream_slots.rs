//! Count of the open event streams of a user on all servers.

use std::time::Duration;

use async_trait::async_trait;
use kanso_application::ports::stream_slots::{SharedStreamSlots, StreamSlot};
use kanso_domain::UserId;
use redis::aio::ConnectionManager;
use redis::{AsyncCommands as _, Script};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::connection::Unavailable;
use crate::{Redis, measure};

/// Time after which a slot that is not renewed is free. It is three heartbeats, after which clients
/// consider a stream dead as well.
const LEASE: Duration = Duration::from_secs(45);

/// Capacity of the queue of updates. Further ones are dropped: the next heartbeat renews a slot, and an
/// unreleased one expires.
const QUEUE_CAPACITY: usize = 4_096;

/// No limit, for renewals: a stream that is open keeps its slot, also if its key was lost with Redis.
const NO_LIMIT: usize = 1_000_000;

/// Counts streams in Redis. While that is unavailable each server counts its own.
pub struct RedisStreamSlots {
    counter: SlotCounter,
    outgoing: mpsc::Sender<SlotUpdate>,
    updater: JoinHandle<()>,
}

/// An update that no caller waits for.
#[derive(Clone, Copy)]
enum SlotUpdate {
    Renew(StreamSlot),
    Release(StreamSlot),
}

#[derive(Clone)]
struct SlotCounter {
    redis: Redis,
    script: Script,
    lease: Duration,
}

impl RedisStreamSlots {
    /// Starts a task for updates on the caller's runtime. It ends when this is dropped.
    pub fn start(redis: Redis) -> Self {
        Self::with_lease(redis, LEASE)
    }

    /// Sets another lease, for tests of its end.
    pub fn with_lease(redis: Redis, lease: Duration) -> Self {
        let counter = SlotCounter {
            redis,
            script: Script::new(include_str!("stream_slots.lua")),
            lease,
        };
        let (outgoing, waiting) = mpsc::channel(QUEUE_CAPACITY);
        Self {
            updater: tokio::spawn(update(counter.clone(), waiting)),
            counter,
            outgoing,
        }
    }
}

impl Drop for RedisStreamSlots {
    fn drop(&mut self) {
        self.updater.abort();
    }
}

impl std::fmt::Debug for RedisStreamSlots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisStreamSlots").finish_non_exhaustive()
    }
}

#[async_trait]
impl SharedStreamSlots for RedisStreamSlots {
    async fn take(&self, slot: StreamSlot, most: usize) -> bool {
        self.counter
            .take(slot, most)
            .await
            .unwrap_or_else(|Unavailable| {
                // Without Redis a stream is allowed: the slots protect against broken clients, and
                // each server still limits its own streams.
                measure::fell_back("streams");
                true
            })
    }

    fn renew(&self, slot: StreamSlot) {
        // If the queue is full, the next heartbeat renews the slot.
        let _ = self.outgoing.try_send(SlotUpdate::Renew(slot));
    }

    fn give_back(&self, slot: StreamSlot) {
        // If the queue is full, the slot is free when its lease ends.
        let _ = self.outgoing.try_send(SlotUpdate::Release(slot));
    }
}

impl SlotCounter {
    async fn take(&self, slot: StreamSlot, most: usize) -> Result<bool, Unavailable> {
        let lease = u64::try_from(self.lease.as_micros()).unwrap_or(u64::MAX);
        let mut call = self.script.prepare_invoke();
        call.key(key(slot.user)).arg(member(slot));
        call.arg(most).arg(lease);
        let taken = async |mut connection: ConnectionManager| {
            call.invoke_async::<bool>(&mut connection).await
        };
        self.redis.ask(taken).await
    }

    async fn give_back(&self, slot: StreamSlot) -> Result<(), Unavailable> {
        let remove = async |mut connection: ConnectionManager| {
            let (key, member) = (key(slot.user), member(slot));
            connection.zrem::<_, _, ()>(key, member).await
        };
        self.redis.ask(remove).await
    }
}

fn key(user: UserId) -> String {
    format!("kanso:streams:{user}")
}

fn member(slot: StreamSlot) -> String {
    slot.stream.to_string()
}

async fn update(counter: SlotCounter, mut waiting: mpsc::Receiver<SlotUpdate>) {
    while let Some(update) = waiting.recv().await {
        let done = match update {
            // The script renews a slot that it knows and takes a new one otherwise.
            SlotUpdate::Renew(slot) => counter.take(slot, NO_LIMIT).await.map(drop),
            SlotUpdate::Release(slot) => counter.give_back(slot).await,
        };
        if done.is_err() {
            measure::fell_back("streams");
        }
    }
}
