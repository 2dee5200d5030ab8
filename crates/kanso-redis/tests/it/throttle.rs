//! The shared login throttle.

use std::sync::Arc;
use std::time::Duration;

use kanso_application::ports::limiter::ClientAddress;
use kanso_application::ports::throttle::{
    Admission, Allowance, GuessCount, Guesser, LoginOutcome, LoginThrottle,
};
use kanso_local::LocalThrottle;
use kanso_redis::{Redis, RedisThrottle};
use kanso_testkit::build::noon;
use kanso_testkit::{ManualClock, PlainPseudonyms, RedisServer};

use crate::until;

const AT_ONCE: u32 = Allowance::GUESSER.at_once;

fn count(name: &str) -> GuessCount {
    let email = format!("{name}@example.org").parse().unwrap();
    let address = ClientAddress::new("192.0.2.7".parse().unwrap());
    GuessCount::of_guesser(&email, Guesser::Address(address))
}

fn local() -> LocalThrottle {
    LocalThrottle::new(Arc::new(ManualClock::at(noon())))
}

/// Makes a throttle with a long time limit, for a busy machine.
async fn patient(server: &RedisServer) -> RedisThrottle {
    let redis = Redis::at(&server.url()).unwrap();
    let redis = redis.with_time_limit(Duration::from_secs(20));
    until(&redis, true).await;
    RedisThrottle::new(redis, Arc::new(PlainPseudonyms), Arc::new(local()))
}

/// Returns the seconds to wait before an attempt. An admitted attempt is settled as unknown.
async fn wait(throttle: &dyn LoginThrottle, name: &str) -> u32 {
    match throttle.admit(&count(name)).await {
        Admission::Wait { seconds } => seconds,
        Admission::Admitted => {
            throttle.settle(&count(name), LoginOutcome::Unknown).await;
            0
        }
    }
}

async fn fail(throttle: &dyn LoginThrottle, times: u32) {
    for _ in 0..times {
        throttle.settle(&count("ada"), LoginOutcome::Wrong).await;
    }
}

#[tokio::test]
async fn servers_count_failures_together_and_accounts_apart() {
    let server = RedisServer::start();
    let (one, other) = (patient(&server).await, patient(&server).await);
    for throttle in [&one, &other, &one, &other, &one, &other] {
        fail(throttle, 2).await;
    }
    for throttle in [&one, &other] {
        let seconds = wait(throttle, "ada").await;
        assert!((60..=128).contains(&seconds), "{seconds}");
        assert_eq!(wait(throttle, "grace").await, 0);
    }
    one.settle(&count("ada"), LoginOutcome::Right).await;
    assert_eq!(wait(&other, "ada").await, 0);
}

#[tokio::test]
async fn concurrent_guesses_on_several_servers_are_no_faster_than_sequential_ones() {
    let server = RedisServer::start();
    let servers = [patient(&server).await, patient(&server).await].map(Arc::new);
    let attempts = (0..60).map(|nth| {
        let throttle = Arc::clone(&servers[nth % 2]);
        tokio::spawn(async move { throttle.admit(&count("ada")).await })
    });
    let mut admitted = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        admitted += u32::from(attempt.await.unwrap() == Admission::Admitted);
    }
    assert_eq!(admitted, AT_ONCE);
    fail(&*servers[0], AT_ONCE).await;
    assert!(wait(&*servers[1], "ada").await > 0, "each failure counts");
}

/// Both throttles give the same answers to the same attempts.
#[tokio::test]
async fn redis_and_the_local_throttle_decide_alike() {
    let server = RedisServer::start();
    let (shared, alone) = (patient(&server).await, local());
    for nth in 0..18 {
        let (ours, theirs) = (wait(&shared, "ada").await, wait(&alone, "ada").await);
        // Redis' clock runs during the test, the local one does not.
        assert!(
            ours <= theirs && theirs - ours <= 20,
            "after {nth} failures {ours} and {theirs}"
        );
        for throttle in [&shared as &dyn LoginThrottle, &alone] {
            fail(throttle, 1).await;
        }
    }
    assert!(wait(&shared, "ada").await > 800);
}

#[tokio::test]
async fn every_key_expires_and_a_success_deletes_it() {
    let server = RedisServer::start();
    let throttle = patient(&server).await;
    fail(&throttle, 7).await;
    let under_way = count("grace");
    assert_eq!(throttle.admit(&under_way).await, Admission::Admitted);
    for (name, longest) in [("ada", 900_000), ("grace", 60_000)] {
        let key = format!("kanso:login:alias-{name}@example.org 192.0.2.7");
        let left: i64 = server.command(&["PTTL", &key]).trim().parse().unwrap();
        assert!((longest / 2..=longest).contains(&left), "{key} {left}");
    }
    throttle.settle(&under_way, LoginOutcome::Right).await;
    throttle.settle(&count("ada"), LoginOutcome::Right).await;
    assert_eq!(server.command(&["KEYS", "*"]).trim(), "");
}

#[tokio::test]
async fn without_redis_a_server_throttles_alone() {
    let server = RedisServer::start();
    let redis = Redis::at(&server.url()).unwrap();
    until(&redis, true).await;
    let throttle = RedisThrottle::new(redis.clone(), Arc::new(PlainPseudonyms), Arc::new(local()));
    drop(server);
    until(&redis, false).await;
    fail(&throttle, 12).await;
    assert_eq!(wait(&throttle, "ada").await, 128);
    throttle.settle(&count("ada"), LoginOutcome::Right).await;
    assert_eq!(wait(&throttle, "ada").await, 0);
}

/// A failover may lead to a Redis with a slower clock.
#[tokio::test]
async fn a_clock_that_was_set_back_makes_no_user_wait_longer() {
    let server = RedisServer::start();
    let throttle = patient(&server).await;
    fail(&throttle, 6).await;
    let key = "kanso:login:alias-ada@example.org 192.0.2.7";
    server.command(&["HSET", key, "failed_at", "99999999999.0"]);
    assert_eq!(
        wait(&throttle, "ada").await,
        2,
        "as if the last had failed now"
    );
    let kept = server.command(&["HGET", key, "failed_at"]);
    assert!(kept.trim().parse::<f64>().unwrap() < 9e10, "{kept}");
    let left: i64 = server.command(&["PTTL", key]).trim().parse().unwrap();
    assert!((1..=900_000).contains(&left), "{left}");

    server.command(&["HSET", key, "failures", "0", "under_way", "8"]);
    server.command(&["HSET", key, "admitted_at", "99999999999.0"]);
    assert_eq!(wait(&throttle, "ada").await, 1);
    let kept = server.command(&["HGET", key, "admitted_at"]);
    assert!(kept.trim().parse::<f64>().unwrap() < 9e10, "{kept}");
}
