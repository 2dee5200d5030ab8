//! The shared tickets.

use std::sync::Arc;
use std::time::Duration;

use kanso_application::ports::credentials::Identity;
use kanso_application::ports::tickets::{StoredTicket, TicketStore as _};
use kanso_domain::sessions::TokenHash;
use kanso_domain::{SessionId, Timestamp, UserId};
use kanso_local::LocalTickets;
use kanso_redis::{Redis, RedisTickets};
use kanso_testkit::build::noon;
use kanso_testkit::{ManualClock, RedisServer};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// Makes the ticket store of a server with a time limit.
fn tickets(server: &RedisServer, time_limit: Duration) -> RedisTickets {
    let redis = Redis::at(&server.url())
        .unwrap()
        .with_time_limit(time_limit);
    let clock = Arc::new(ManualClock::at(noon()));
    RedisTickets::new(redis, Arc::new(LocalTickets::new(clock)))
}

fn ticket(number: u128) -> (TokenHash, StoredTicket) {
    let identity = Identity {
        user_id: UserId::new(Uuid::from_u128(number)),
        session_id: SessionId::new(Uuid::from_u128(number + 1)),
    };
    let expires_at = Timestamp::from_micros(1_768_478_400_000_001).unwrap();
    let kept = StoredTicket {
        identity,
        expires_at,
    };
    (TokenHash::new([u8::try_from(number).unwrap(); 32]), kept)
}

#[tokio::test]
async fn a_user_has_a_bounded_number_of_tickets() {
    let server = RedisServer::start();
    let store = tickets(&server, Duration::from_secs(20));
    let (other, kept) = ticket(200);
    // Until Redis accepts connections.
    while store.take(other).await.is_none() {
        store.keep(other, kept).await;
    }
    store.keep(other, kept).await;
    let (_, of_user) = ticket(1);
    let hash = |number: u8| TokenHash::new([number; 32]);
    for number in 0..30 {
        store.keep(hash(number), of_user).await;
    }
    assert_eq!(store.take(hash(9)).await, None);
    assert_eq!(store.take(hash(10)).await, Some(of_user));
    assert_eq!(store.take(hash(29)).await, Some(of_user));
    assert_eq!(store.take(other).await, Some(kept), "of another user");
}

#[tokio::test]
async fn a_ticket_of_one_server_is_redeemed_by_another_once() {
    let server = RedisServer::start();
    let patient = || tickets(&server, Duration::from_secs(20));
    let (one, other) = (patient(), patient());
    let (hash, kept) = ticket(1);
    let taken = async {
        // Until Redis accepts connections.
        loop {
            one.keep(hash, kept).await;
            if let Some(taken) = other.take(hash).await {
                return taken;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    assert_eq!(timeout(Duration::from_secs(30), taken).await, Ok(kept));
    assert_eq!(other.take(hash).await, None);
    assert_eq!(one.take(hash).await, None);
    assert_eq!(
        one.take(ticket(2).0).await,
        None,
        "one that was never given"
    );
}

#[tokio::test]
async fn without_redis_a_server_redeems_its_own_tickets() {
    let server = RedisServer::start();
    let alone = tickets(&server, Duration::from_millis(50));
    drop(server);
    let (hash, kept) = ticket(1);
    let taken = async {
        // The first call discovers the outage, and a ticket that is stored by it is lost.
        loop {
            alone.keep(hash, kept).await;
            if let Some(taken) = alone.take(hash).await {
                return taken;
            }
        }
    };
    assert_eq!(timeout(Duration::from_secs(30), taken).await, Ok(kept));
    assert_eq!(alone.take(hash).await, None);
}
