//! The keys and payloads in Redis, which servers of several releases share.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use kanso_application::ports::answers::AnswerCache as _;
use kanso_application::ports::credentials::Identity;
use kanso_application::ports::feed::Feed as _;
use kanso_application::ports::limiter::{ClientAddress, RateLimit, RateLimiter as _};
use kanso_application::ports::stream_slots::{SharedStreamSlots as _, StreamSlot};
use kanso_application::ports::throttle::{GuessCount, LoginThrottle as _};
use kanso_application::ports::tickets::{StoredTicket, TicketStore as _};
use kanso_domain::sessions::TokenHash;
use kanso_domain::{Seq, SessionId, Timestamp, UserId};
use kanso_local::{LocalFeed, LocalLimiter, LocalThrottle, LocalTickets};
use kanso_redis::{
    Redis, RedisAnswers, RedisFeed, RedisLimiter, RedisStreamSlots, RedisThrottle, RedisTickets,
};
use kanso_testkit::build::noon;
use kanso_testkit::{ManualClock, PlainPseudonyms, RedisServer};
use redis::Commands as _;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::until;

const GOLDEN: &str = include_str!("../golden/redis.txt");

fn golden(name: &str) -> &'static str {
    let line = GOLDEN.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().strip_prefix(' ').unwrap()
}

fn user() -> UserId {
    UserId::new(Uuid::from_u128(1))
}

async fn fill(redis: &Redis) -> RedisAnswers {
    let names = Arc::new(PlainPseudonyms);
    let clock = Arc::new(ManualClock::at(noon()));
    let limiter = RedisLimiter::new(redis.clone(), names.clone(), Arc::new(LocalLimiter::new()));
    let address = ClientAddress::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)));
    let limit = RateLimit::new(100, 60);
    limiter.check(address.into(), limit, 1).await;
    let local = Arc::new(LocalThrottle::new(clock.clone()));
    let throttle = RedisThrottle::new(redis.clone(), names, local);
    // Only the key that it leaves matters here.
    let _ = throttle
        .admit(&GuessCount::of_account(&"ada@example.org".parse().unwrap()))
        .await;
    let tickets = RedisTickets::new(redis.clone(), Arc::new(LocalTickets::new(clock)));
    let ticket = StoredTicket {
        identity: Identity {
            user_id: user(),
            session_id: SessionId::new(Uuid::from_u128(2)),
        },
        expires_at: Timestamp::from_micros(1_768_478_400_000_001).unwrap(),
    };
    tickets.keep(TokenHash::new([7; 32]), ticket).await;
    let slot = StreamSlot {
        user: user(),
        stream: Uuid::from_u128(3),
    };
    let lease = Duration::from_mins(10);
    let slots = RedisStreamSlots::with_lease(redis.clone(), lease);
    assert!(slots.take(slot, 3).await);
    let answers = RedisAnswers::start(redis.clone());
    answers.keep(user(), "today", b"{}");
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_and_payloads_are_golden() {
    let server = RedisServer::start();
    let redis = Redis::at(&server.url()).unwrap();
    let redis = redis.with_time_limit(Duration::from_secs(20));
    until(&redis, true).await;
    let answers = fill(&redis).await;
    let kept = async {
        while answers.find(user(), "today").await.is_none() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), kept).await.unwrap();

    let mut raw = redis::Client::open(server.url())
        .unwrap()
        .get_connection()
        .unwrap();
    let mut keys: Vec<String> = raw.keys("*").unwrap();
    keys.sort();
    let mut expected = [
        "rate",
        "login",
        "ticket",
        "tickets",
        "streams",
        "stats",
        "stats-of",
        "stats-all",
        "stats-bytes",
    ]
    .map(golden);
    expected.sort_unstable();
    assert_eq!(keys, expected);
    let ticket: Vec<u8> = raw.get(golden("ticket")).unwrap();
    let digits = ticket.iter().map(|byte| format!("{byte:02x}"));
    let ticket: String = digits.collect();
    assert_eq!(ticket, golden("ticket-value"));
    let streams: Vec<String> = raw.zrange(golden("streams"), 0, -1).unwrap();
    assert_eq!(streams, [golden("streams-member")]);
    let mut fields: Vec<String> = raw.hkeys(golden("login")).unwrap();
    fields.sort();
    assert_eq!(fields.join(" "), golden("login-fields"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_the_feed_are_golden() {
    let server = RedisServer::start();
    let redis = Redis::at(&server.url()).unwrap();
    let redis = redis.with_time_limit(Duration::from_secs(20));
    until(&redis, true).await;
    let mut raw = redis::Client::open(server.url())
        .unwrap()
        .get_connection()
        .unwrap();
    raw.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut channel = raw.as_pubsub();
    channel.subscribe(golden("feed-channel")).unwrap();
    let feed = RedisFeed::start(&redis, Arc::new(LocalFeed::new()));
    feed.publish(user(), Seq::new(8_816).unwrap());
    let message: String = channel.get_message().unwrap().get_payload().unwrap();
    assert_eq!(message, golden("feed-message"));
}
