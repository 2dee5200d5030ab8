//! The shared cache of statistics.

use std::time::Duration;

use kanso_application::ports::answers::AnswerCache as _;
use kanso_domain::UserId;
use kanso_redis::{ANSWERS_OF_USER, LONGEST_ANSWER, Redis, RedisAnswers, TIME_LIMIT};
use kanso_testkit::RedisServer;
use redis::Commands as _;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

fn user(number: u128) -> UserId {
    UserId::new(Uuid::from_u128(number))
}

fn answers(server: &RedisServer) -> RedisAnswers {
    RedisAnswers::start(Redis::at(&server.url()).unwrap())
}

/// Makes a cache with a long time limit, for a busy machine.
fn patient_answers(server: &RedisServer) -> RedisAnswers {
    let redis = Redis::at(&server.url()).unwrap();
    RedisAnswers::start(redis.with_time_limit(Duration::from_secs(20)))
}

/// Waits until an answer is found: `keep` returns before it is stored.
async fn found(answers: &RedisAnswers, question: &str) -> Vec<u8> {
    let found = async {
        loop {
            if let Some(answer) = answers.find(user(1), question).await {
                return answer;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), found).await.unwrap()
}

#[tokio::test]
async fn an_answer_of_one_server_is_found_by_another_for_the_same_user_and_question() {
    let server = RedisServer::start();
    let (one, other) = (patient_answers(&server), patient_answers(&server));
    let kept = async {
        // Until Redis accepts connections.
        while other.find(user(1), "weekly").await.is_none() {
            one.keep(user(1), "weekly", b"{\"rate\":1}");
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), kept).await.unwrap();
    assert_eq!(found(&other, "weekly").await, b"{\"rate\":1}");
    assert_eq!(other.find(user(2), "weekly").await, None, "another user");
    assert_eq!(other.find(user(1), "today").await, None, "another question");

    one.keep(user(1), "longest", &vec![7; LONGEST_ANSWER]);
    one.keep(user(1), "longer", &vec![7; LONGEST_ANSWER + 1]);
    one.keep(user(1), "last", b"0");
    assert_eq!(found(&other, "last").await, b"0");
    assert_eq!(found(&other, "longest").await.len(), LONGEST_ANSWER);
    assert_eq!(other.find(user(1), "longer").await, None);

    let mut connection = redis::Client::open(server.url())
        .and_then(|client| client.get_connection())
        .unwrap();
    let keys: Vec<String> = connection.keys("*").unwrap();
    // Three statistics, those of the user, all, and the sum of their sizes.
    assert_eq!(keys.len(), 6, "{keys:?}");
    for key in keys {
        let seconds: i64 = connection.ttl(&key).unwrap();
        assert!((1..=300).contains(&seconds), "{key} ends in {seconds} s");
    }
}

#[tokio::test]
async fn a_hanging_or_stopped_redis_costs_at_most_the_time_limit() {
    let server = RedisServer::start();
    let answers = answers(&server);
    answers.keep(user(1), "weekly", b"{}");
    server.signal("-STOP");
    let begun = Instant::now();
    assert_eq!(answers.find(user(1), "weekly").await, None);
    // Ten times the limit, because the machine may be busy.
    assert!(begun.elapsed() < 10 * TIME_LIMIT, "{:?}", begun.elapsed());
    server.signal("-CONT");
    drop(server);
    assert_eq!(answers.find(user(1), "weekly").await, None);
    for _ in 0..1_000 {
        answers.keep(user(1), "weekly", b"{}");
    }
}

/// Returns the keys in Redis that match a pattern.
fn keys(server: &RedisServer, pattern: &str) -> usize {
    let listed = server.command(&["--raw", "KEYS", pattern]);
    listed.lines().filter(|line| !line.is_empty()).count()
}

#[tokio::test]
async fn one_user_has_a_bounded_number_of_statistics() {
    let server = RedisServer::start();
    let answers = patient_answers(&server);
    let other = async {
        while answers.find(user(1), "first").await.is_none() {
            answers.keep(user(1), "first", b"1");
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), other).await.unwrap();
    for number in 0..ANSWERS_OF_USER + 20 {
        let question = format!("zone-{number}");
        answers.keep(user(2), &question, b"2");
        let kept = async {
            while answers.find(user(2), &question).await.is_none() {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(30), kept).await.unwrap();
    }
    let pattern = format!("kanso:stats:{}:*", user(2));
    assert_eq!(keys(&server, &pattern), ANSWERS_OF_USER);
    assert!(answers.find(user(2), "zone-0").await.is_none());
    assert_eq!(answers.find(user(1), "first").await.unwrap(), b"1");
}

/// Finding F18 of a review: a full Redis dropped the rate limits before the statistics.
#[tokio::test]
async fn statistics_of_many_users_leave_a_rate_limit_alone() {
    let server = RedisServer::start();
    let redis = Redis::at(&server.url())
        .unwrap()
        .with_time_limit(Duration::from_secs(20));
    crate::until(&redis, true).await;
    // As in docker-compose.yml, but smaller.
    server.command(&["CONFIG", "SET", "maxmemory-policy", "volatile-ttl"]);
    server.command(&["CONFIG", "SET", "maxmemory", "6mb"]);
    server.command(&["SET", "kanso:rate:canary", "1", "EX", "200"]);
    let answers = RedisAnswers::with_room(redis, 2 << 20);
    let last = 300;
    for number in 1..=last {
        answers.keep(user(number), "heatmap", &vec![7; 32 * 1024]);
        // The queue has 64 places.
        if number % 32 == 0 || number == last {
            let stored = async {
                while answers.find(user(number), "heatmap").await.is_none() {
                    sleep(Duration::from_millis(1)).await;
                }
            };
            timeout(Duration::from_secs(30), stored).await.unwrap();
        }
    }
    let kept = keys(&server, "kanso:stats:*");
    assert!((50..=64).contains(&kept), "2 MiB hold {kept} statistics");
    assert_eq!(server.command(&["GET", "kanso:rate:canary"]).trim(), "1");
    let evicted = server.command(&["INFO", "stats"]);
    assert!(evicted.contains("evicted_keys:0"), "{evicted}");
    for key in ["kanso:stats-all", "kanso:stats-bytes"] {
        let seconds: i64 = server.command(&["TTL", key]).trim().parse().unwrap();
        assert!((1..=300).contains(&seconds), "{key} expires in {seconds} s");
    }
}
