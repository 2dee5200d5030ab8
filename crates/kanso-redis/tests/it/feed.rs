//! The feed between servers.

use std::sync::Arc;
use std::time::Duration;

use kanso_application::ports::feed::Feed as _;
use kanso_domain::{Seq, UserId};
use kanso_local::LocalFeed;
use kanso_redis::{Redis, RedisFeed};
use tokio::time::timeout;
use uuid::Uuid;

use kanso_testkit::RedisServer as Server;

fn user(number: u128) -> UserId {
    UserId::new(Uuid::from_u128(number))
}

fn seq(number: i64) -> Seq {
    Seq::new(number).unwrap()
}

fn feed(server: &Server) -> RedisFeed {
    let redis = Redis::at(&server.url()).unwrap();
    RedisFeed::start(&redis, Arc::new(LocalFeed::new()))
}

/// Publishes on one server until the other receives it: the beginning of a subscription is not visible.
async fn arrives(one: &RedisFeed, other: &RedisFeed, about: UserId) {
    let mut subscription = other.subscribe(about);
    let arrived = async {
        for number in 1.. {
            one.publish(about, seq(number));
            let head = timeout(Duration::from_millis(20), subscription.changed()).await;
            if head.is_ok() {
                return;
            }
        }
    };
    timeout(Duration::from_secs(30), arrived).await.unwrap();
}

#[tokio::test]
async fn a_commit_of_one_server_reaches_the_others() {
    let server = Server::start();
    let (one, other) = (feed(&server), feed(&server));
    arrives(&one, &other, user(1)).await;
    arrives(&other, &one, user(1)).await;
    let mut other_user = other.subscribe(user(2));
    one.publish(user(2), seq(7));
    assert_eq!(other_user.changed().await, seq(7));
}

#[tokio::test]
async fn without_redis_only_local_heads_arrive_until_it_is_available_again() {
    let server = Server::start();
    let port = server.port();
    let (one, other) = (feed(&server), feed(&server));
    arrives(&one, &other, user(1)).await;
    drop(server);
    let mut own = one.subscribe(user(3));
    one.publish(user(3), seq(1));
    assert_eq!(own.changed().await, seq(1));
    let _back = Server::start_at(port);
    arrives(&one, &other, user(4)).await;
}
