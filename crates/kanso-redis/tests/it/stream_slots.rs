//! The shared count of streams.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use kanso_application::ports::shared_service::SharedService as _;
use kanso_application::ports::stream_slots::{SharedStreamSlots as _, StreamSlot};
use kanso_domain::UserId;
use kanso_redis::{Redis, RedisStreamSlots};
use kanso_testkit::RedisServer;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// Longer than a test takes.
const LONG: Duration = Duration::from_mins(10);
const MOST: usize = 3;

fn slot(user: u128, stream: u128) -> StreamSlot {
    StreamSlot {
        user: UserId::new(Uuid::from_u128(user)),
        stream: Uuid::from_u128(stream),
    }
}

/// Makes the counts of two servers, with a long time limit for a busy machine.
async fn two(server: &RedisServer, lease: Duration) -> (RedisStreamSlots, RedisStreamSlots) {
    let patient = || {
        Redis::at(&server.url())
            .unwrap()
            .with_time_limit(Duration::from_secs(20))
    };
    let redis = patient();
    let listens = async {
        while !redis.answers().await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), listens).await.unwrap();
    let count = || RedisStreamSlots::with_lease(patient(), lease);
    (count(), count())
}

/// Waits until the slot can be taken.
async fn is_free(stream_slots: &RedisStreamSlots, slot: StreamSlot) {
    let taken = async {
        while !stream_slots.take(slot, MOST).await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), taken).await.unwrap();
}

#[tokio::test]
async fn servers_count_the_streams_of_each_user_together() {
    let server = RedisServer::start();
    let (one, other) = two(&server, LONG).await;
    for (stream_slots, stream) in [(&one, 1), (&other, 2), (&one, 3)] {
        assert!(stream_slots.take(slot(1, stream), MOST).await);
    }
    for stream_slots in [&one, &other] {
        assert!(!stream_slots.take(slot(1, 4), MOST).await);
        assert!(
            stream_slots.take(slot(1, 2), MOST).await,
            "it has it already"
        );
    }
    assert!(other.take(slot(2, 4), MOST).await);
    one.give_back(slot(1, 1));
    is_free(&other, slot(1, 4)).await;
    assert!(!one.take(slot(1, 5), MOST).await);
}

#[tokio::test]
async fn racing_streams_get_exactly_the_number_of_slots() {
    let server = RedisServer::start();
    let (one, other) = two(&server, LONG).await;
    let (one, other) = (&Arc::new(one), &Arc::new(other));
    let streams = (0..40).map(|stream| async move {
        let stream_slots = if stream % 2 == 0 { one } else { other };
        stream_slots.take(slot(1, stream), MOST).await
    });
    let taken = join_all(streams).await;
    assert_eq!(taken.iter().filter(|taken| **taken).count(), MOST);
}

#[tokio::test]
async fn a_slot_that_is_not_renewed_expires() {
    let server = RedisServer::start();
    let (one, other) = two(&server, LONG).await;
    for stream in 1..=3 {
        assert!(one.take(slot(1, stream), MOST).await);
    }
    let key = server.command(&["KEYS", "*"]);
    let key = key.trim();
    let left: i64 = server.command(&["PTTL", key]).trim().parse().unwrap();
    assert!((1..=600_000).contains(&left), "{key} {left}");
    let end_of = |stream| {
        let member = slot(1, stream).stream.to_string();
        server.command(&["ZSCORE", key, &member])
    };
    let later = end_of(1);
    // Two slots get the end that they would have after a long silence.
    for stream in [1, 2] {
        let member = slot(1, stream).stream.to_string();
        server.command(&["ZADD", key, "1", &member]);
    }
    one.renew(slot(1, 1));
    let renewed = async {
        while end_of(1) < later {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), renewed).await.unwrap();
    assert!(
        other.take(slot(1, 4), MOST).await,
        "the slot of the second stream"
    );
    assert!(!other.take(slot(1, 5), MOST).await);
    assert!(
        one.take(slot(1, 1), MOST).await,
        "the first stream still has its slot"
    );
}

#[tokio::test]
async fn without_redis_a_stream_is_not_refused() {
    let server = RedisServer::start();
    let redis = Redis::at(&server.url()).unwrap();
    let stream_slots = RedisStreamSlots::start(redis);
    drop(server);
    for stream in 0..20 {
        assert!(stream_slots.take(slot(1, stream), MOST).await);
    }
}
