//! Tickets that any of the servers hands out and any takes back.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kanso_application::ports::credentials::Identity;
use kanso_application::ports::tickets::{StoredTicket, TicketStore};
use kanso_domain::sessions::TokenHash;
use kanso_domain::{SessionId, Timestamp, UserId};
use redis::AsyncCommands as _;
use uuid::Uuid;

use crate::{Redis, measure};

/// When Redis forgets a ticket that nobody used. Whether it is still good is told by what is kept.
const LIFE: Duration = Duration::from_mins(5);

/// Two UUIDs, and an instant in microseconds.
type Bytes = [u8; 40];

/// Keeps tickets in Redis, and in this process while Redis is known to be away.
///
/// Each is in one place alone, so that it cannot be used twice. One of which nobody knows whether
/// Redis has it, because the answer did not come, is forgotten: its holder asks for another.
pub struct RedisTickets {
    redis: Redis,
    alone: Arc<dyn TicketStore>,
}

impl RedisTickets {
    /// Tickets in `redis`, and in `alone` while it is away.
    pub fn new(redis: Redis, alone: Arc<dyn TicketStore>) -> Self {
        Self { redis, alone }
    }
}

impl std::fmt::Debug for RedisTickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisTickets").finish_non_exhaustive()
    }
}

#[async_trait]
impl TicketStore for RedisTickets {
    async fn keep(&self, hash: TokenHash, ticket: StoredTicket) {
        if self.redis.is_resting() {
            measure::went_without("tickets");
            return self.alone.keep(hash, ticket).await;
        }
        let (key, bytes) = (key(hash), bytes(ticket));
        let keep = async |mut connection: redis::aio::ConnectionManager| {
            let life = LIFE.as_secs();
            connection
                .set_ex::<_, _, ()>(key, bytes.as_slice(), life)
                .await
        };
        if self.redis.ask(keep).await.is_err() {
            measure::went_without("tickets");
        }
    }

    async fn take(&self, hash: TokenHash) -> Option<StoredTicket> {
        if let Some(ticket) = self.alone.take(hash).await {
            return Some(ticket);
        }
        let key = key(hash);
        let take = async |mut connection: redis::aio::ConnectionManager| {
            connection.get_del::<_, Option<Vec<u8>>>(key).await
        };
        let Ok(taken) = self.redis.ask(take).await else {
            measure::went_without("tickets");
            return None;
        };
        ticket(&Bytes::try_from(taken?).ok()?)
    }
}

fn key(hash: TokenHash) -> String {
    let hash = hash.bytes().iter().map(|byte| format!("{byte:02x}"));
    format!("kanso:ticket:{}", hash.collect::<String>())
}

fn bytes(ticket: StoredTicket) -> Bytes {
    let identity = ticket.identity;
    let mut bytes = [0; 40];
    bytes[..16].copy_from_slice(identity.user_id.uuid().as_bytes());
    bytes[16..32].copy_from_slice(identity.session_id.uuid().as_bytes());
    bytes[32..].copy_from_slice(&ticket.expires_at.as_micros().to_be_bytes());
    bytes
}

/// None when it is not one that [`bytes`] wrote.
fn ticket(bytes: &Bytes) -> Option<StoredTicket> {
    let (user, rest) = bytes.split_first_chunk::<16>()?;
    let (session, micros) = rest.split_first_chunk::<16>()?;
    let micros = i64::from_be_bytes(*micros.first_chunk()?);
    Some(StoredTicket {
        identity: Identity {
            user_id: UserId::new(Uuid::from_bytes(*user)),
            session_id: SessionId::new(Uuid::from_bytes(*session)),
        },
        expires_at: Timestamp::from_micros(micros).ok()?,
    })
}
