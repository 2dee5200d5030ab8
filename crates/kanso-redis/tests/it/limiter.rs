//! The shared limiter.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use kanso_application::ports::limiter::{
    ClientAddress, LimitState, LimitedClient, RateLimit, RateLimiter,
};
use kanso_local::LocalLimiter;
use kanso_redis::{Redis, RedisLimiter};
use tokio::time::timeout;

use kanso_testkit::{PlainPseudonyms, RedisServer as Server};

use crate::until;

/// One request is earned every minute, so none during a test.
const LIMIT: RateLimit = RateLimit::new(5, 300);

fn address(number: u32) -> LimitedClient {
    ClientAddress::new(IpAddr::V4(Ipv4Addr::from_bits(number))).into()
}

/// Makes the limiter of a server, with its own in-process fallback.
fn limiter(server: &Server) -> (RedisLimiter, Redis) {
    limiter_over(Redis::at(&server.url()).unwrap())
}

/// Makes a limiter with a long time limit, so that a busy machine does not cause a fallback.
fn patient_limiter(server: &Server) -> (RedisLimiter, Redis) {
    let redis = Redis::at(&server.url()).unwrap();
    limiter_over(redis.with_time_limit(Duration::from_secs(20)))
}

fn limiter_over(redis: Redis) -> (RedisLimiter, Redis) {
    (
        RedisLimiter::new(
            redis.clone(),
            Arc::new(PlainPseudonyms),
            Arc::new(LocalLimiter::new()),
        ),
        redis,
    )
}

fn shown(state: LimitState) -> (bool, u32, u32) {
    (state.allowed, state.remaining, state.retry_after_seconds)
}

#[tokio::test]
async fn servers_count_together_and_addresses_apart() {
    let server = Server::start();
    let (one, redis) = patient_limiter(&server);
    let (other, _) = patient_limiter(&server);
    until(&redis, true).await;
    for (remaining, limiter) in [(4, &one), (3, &other), (2, &one), (1, &other), (0, &one)] {
        let state = limiter.check(address(1), LIMIT, 1).await;
        assert_eq!(shown(state), (true, remaining, 0));
    }
    for limiter in [&one, &other] {
        let state = limiter.check(address(1), LIMIT, 1).await;
        assert_eq!(shown(state), (false, 0, 60));
        assert_eq!(state.reset_seconds, 300);
    }
    assert!(other.check(address(2), LIMIT, 1).await.allowed);
}

#[tokio::test]
async fn racing_servers_let_exactly_the_limit_through() {
    let server = Server::start();
    let (one, redis) = patient_limiter(&server);
    let (other, _) = patient_limiter(&server);
    until(&redis, true).await;
    let limit = RateLimit::new(100, 3_600);
    let (one, other) = (Arc::new(one), Arc::new(other));
    let requests = (0..300).map(|nth| {
        let limiter = Arc::clone(if nth % 2 == 0 { &one } else { &other });
        tokio::spawn(async move { limiter.check(address(1), limit, 1).await.allowed })
    });
    let mut allowed = 0;
    for request in requests.collect::<Vec<_>>() {
        allowed += u32::from(request.await.unwrap());
    }
    assert_eq!(allowed, 100);
}

/// The same requests at the same instants get the same answers from both limiters.
#[tokio::test]
async fn redis_and_the_local_limiter_count_alike() {
    let server = Server::start();
    let (shared, redis) = patient_limiter(&server);
    until(&redis, true).await;
    let alone = LocalLimiter::new();
    for (number, (requests, window_seconds)) in (0..).zip([
        (1, 600),
        (3, 600),
        (7, 3_600),
        (100, 36_000),
        (999, 100_000),
    ]) {
        let limit = RateLimit::new(requests, window_seconds);
        for _ in 0..requests + 2 {
            let ours = shared.check(address(number), limit, 1).await;
            let theirs = alone.check(address(number), limit, 1).await;
            assert_eq!(
                (ours.allowed, ours.remaining),
                (theirs.allowed, theirs.remaining)
            );
            assert!(
                ours.retry_after_seconds
                    .abs_diff(theirs.retry_after_seconds)
                    <= 1
            );
            assert!(ours.reset_seconds.abs_diff(theirs.reset_seconds) <= 1);
        }
    }
}

#[tokio::test]
async fn every_key_expires() {
    let server = Server::start();
    let (limiter, redis) = patient_limiter(&server);
    until(&redis, true).await;
    for number in 0..20 {
        limiter.check(address(number), LIMIT, 1).await;
    }
    let keys = server.command(&["KEYS", "*"]);
    assert_eq!(keys.lines().count(), 20, "{keys}");
    for key in keys.lines() {
        assert!(key.starts_with("kanso:rate:alias-0.0.0."), "{key}");
        let left: i64 = server.command(&["PTTL", key]).trim().parse().unwrap();
        assert!((1..=300_000).contains(&left), "{key} {left}");
    }
}

#[tokio::test]
async fn without_redis_a_server_limits_alone_until_it_is_available_again() {
    let server = Server::start();
    let port = server.port();
    let (limiter, redis) = limiter(&server);
    until(&redis, true).await;
    assert!(limiter.check(address(1), LIMIT, 1).await.allowed);
    drop(server);
    until(&redis, false).await;
    let mut allowed = 0;
    for _ in 0..20 {
        allowed += u32::from(limiter.check(address(1), LIMIT, 1).await.allowed);
    }
    assert_eq!(
        allowed, LIMIT.requests,
        "the count restarts, but the limit holds"
    );
    let _back = Server::start_at(port);
    until(&redis, true).await;
    assert!(limiter.check(address(1), LIMIT, 1).await.allowed);
}

#[tokio::test]
async fn a_hanging_redis_delays_no_request() {
    let server = Server::start();
    let (limiter, redis) = limiter(&server);
    until(&redis, true).await;
    server.signal("-STOP");
    // Generous, but less than the second after which the connection is given up.
    let many = async {
        for number in 0..100 {
            assert!(limiter.check(address(number), LIMIT, 1).await.allowed);
        }
    };
    timeout(Duration::from_secs(20), many).await.unwrap();
    server.signal("-CONT");
    until(&redis, true).await;
}

#[test]
fn an_invalid_url_is_refused_and_not_printed() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    for url in [
        "",
        "http://127.0.0.1",
        "canary",
        "redis://:canary@host:port",
    ] {
        let error = Redis::at(url).unwrap_err();
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}
