//! The event streams that a person has open on any of the servers.

use std::time::Duration;

use async_trait::async_trait;
use kanso_application::ports::stream_slots::{SharedStreamSlots, StreamSlot};
use kanso_domain::UserId;
use redis::aio::ConnectionManager;
use redis::{AsyncCommands as _, Script};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::connection::Away;
use crate::{Redis, measure};

/// A slot of which nothing is heard is free after three heartbeats, when clients take a stream for
/// dead as well.
const LEASE: Duration = Duration::from_secs(45);

/// StreamSlots that wait to be renewed or given back. More are left out: they end by themselves.
const WAITING: usize = 4_096;

/// More than anybody has: a stream that is there keeps its slot.
const ANY: usize = 1_000_000;

/// Counts streams in Redis. While that is away each server counts its own.
pub struct RedisStreamSlots {
    count: Count,
    outgoing: mpsc::Sender<Word>,
    telling: JoinHandle<()>,
}

/// What nobody waits for.
#[derive(Clone, Copy)]
enum Word {
    Renew(StreamSlot),
    GiveBack(StreamSlot),
}

#[derive(Clone)]
struct Count {
    redis: Redis,
    script: Script,
    lease: Duration,
}

impl RedisStreamSlots {
    /// Begins to count, on the runtime of the caller, until it is dropped.
    pub fn start(redis: Redis) -> Self {
        Self::with_lease(redis, LEASE)
    }

    /// The same, with stream_slots that are free sooner: for tests of how they end.
    pub fn with_lease(redis: Redis, lease: Duration) -> Self {
        let count = Count {
            redis,
            script: Script::new(include_str!("stream_slots.lua")),
            lease,
        };
        let (outgoing, waiting) = mpsc::channel(WAITING);
        Self {
            telling: tokio::spawn(tell(count.clone(), waiting)),
            count,
            outgoing,
        }
    }
}

impl Drop for RedisStreamSlots {
    fn drop(&mut self) {
        self.telling.abort();
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
        self.count.take(slot, most).await.unwrap_or_else(|Away| {
            measure::went_without("streams");
            true
        })
    }

    fn renew(&self, slot: StreamSlot) {
        // When too many wait, it is renewed with the next heartbeat.
        let _ = self.outgoing.try_send(Word::Renew(slot));
    }

    fn give_back(&self, slot: StreamSlot) {
        // When too many wait, it is free at its end.
        let _ = self.outgoing.try_send(Word::GiveBack(slot));
    }
}

impl Count {
    async fn take(&self, slot: StreamSlot, most: usize) -> Result<bool, Away> {
        let lease = u64::try_from(self.lease.as_micros()).unwrap_or(u64::MAX);
        let mut call = self.script.prepare_invoke();
        call.key(key(slot.user)).arg(member(slot));
        call.arg(most).arg(lease);
        let taken = async |mut connection: ConnectionManager| {
            call.invoke_async::<bool>(&mut connection).await
        };
        self.redis.ask(taken).await
    }

    async fn give_back(&self, slot: StreamSlot) -> Result<(), Away> {
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

async fn tell(count: Count, mut waiting: mpsc::Receiver<Word>) {
    while let Some(word) = waiting.recv().await {
        let told = match word {
            Word::Renew(slot) => count.take(slot, ANY).await.map(drop),
            Word::GiveBack(slot) => count.give_back(slot).await,
        };
        if told.is_err() {
            measure::went_without("streams");
        }
    }
}
