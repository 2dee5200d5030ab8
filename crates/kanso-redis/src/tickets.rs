//! Tickets that one server issues and any server redeems.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kanso_application::ports::credentials::Identity;
use kanso_application::ports::tickets::{StoredTicket, TicketStore};
use kanso_domain::sessions::TokenHash;
use kanso_domain::{SessionId, Timestamp, UserId};
use redis::{AsyncCommands as _, Script};
use uuid::Uuid;

use crate::{Redis, measure};

/// Time after which Redis drops an unused ticket. Its validity is shorter and stored with it.
const TIME_TO_LIVE: Duration = Duration::from_mins(5);

/// Maximum number of tickets of one user. Beyond it the oldest is dropped, so that no user fills Redis.
const TICKETS_OF_USER: usize = 20;

/// Stored form of a ticket: two UUIDs, and an instant in microseconds.
type TicketBytes = [u8; 40];

/// Stores tickets in Redis, and in this process while Redis is known to be unavailable.
///
/// Each ticket is in one place only, so that it cannot be used twice. If the write to Redis times out,
/// the ticket may or may not be there. It is not stored again here, and the client requests another.
pub struct RedisTickets {
    redis: Redis,
    script: Script,
    fallback: Arc<dyn TicketStore>,
}

impl RedisTickets {
    /// Makes a store on `redis`, with `fallback` while that is unavailable.
    pub fn new(redis: Redis, fallback: Arc<dyn TicketStore>) -> Self {
        Self {
            redis,
            script: Script::new(include_str!("tickets.lua")),
            fallback,
        }
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
        if self.redis.is_backing_off() {
            measure::fell_back("tickets");
            return self.fallback.keep(hash, ticket).await;
        }
        let of_user = format!("kanso:tickets:{}", ticket.identity.user_id);
        let mut call = self.script.prepare_invoke();
        call.key(key(hash)).key(of_user).arg(&bytes(ticket)[..]);
        call.arg(TIME_TO_LIVE.as_secs()).arg(TICKETS_OF_USER);
        let keep = async |mut connection: redis::aio::ConnectionManager| {
            call.invoke_async::<()>(&mut connection).await
        };
        if self.redis.ask(keep).await.is_err() {
            measure::fell_back("tickets");
        }
    }

    async fn take(&self, hash: TokenHash) -> Option<StoredTicket> {
        // The fallback first: it costs no round trip, and a ticket of an outage is only there.
        if let Some(ticket) = self.fallback.take(hash).await {
            return Some(ticket);
        }
        let key = key(hash);
        let take = async |mut connection: redis::aio::ConnectionManager| {
            // GETDEL is atomic, so of two servers only one redeems the ticket.
            connection.get_del::<_, Option<Vec<u8>>>(key).await
        };
        let Ok(taken) = self.redis.ask(take).await else {
            measure::fell_back("tickets");
            return None;
        };
        ticket(&TicketBytes::try_from(taken?).ok()?)
    }
}

fn key(hash: TokenHash) -> String {
    let hash = hash.bytes().iter().map(|byte| format!("{byte:02x}"));
    format!("kanso:ticket:{}", hash.collect::<String>())
}

fn bytes(ticket: StoredTicket) -> TicketBytes {
    let identity = ticket.identity;
    let mut bytes = [0; 40];
    bytes[..16].copy_from_slice(identity.user_id.uuid().as_bytes());
    bytes[16..32].copy_from_slice(identity.session_id.uuid().as_bytes());
    bytes[32..].copy_from_slice(&ticket.expires_at.as_micros().to_be_bytes());
    bytes
}

/// Decodes a ticket; `None` if [`bytes`] did not write it.
fn ticket(bytes: &TicketBytes) -> Option<StoredTicket> {
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
