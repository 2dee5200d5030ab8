//! Servers that share a Redis.

use std::time::Duration;

use kanso_application::ports::limiter::RateLimit;
use kanso_server::config::{Config, Secret, Signing};
use kanso_testkit::{PostgresServer, RedisServer};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::postgres::database;
use crate::support::App;

fn with_redis(config: &mut Config, redis: &RedisServer) {
    config.redis_url = Some(Secret::new(redis.url()));
}

/// Configures the signing secret that servers of one fleet share.
fn sign_alike(config: &mut Config) {
    let secret = "a secret that all of the servers sign with";
    config.signing = Signing::Secret(Secret::new(secret.to_owned()));
}

/// Waits until `/health` reports Redis: there is no event for it.
async fn until(app: &App, redis: &str) {
    let said = async {
        while app.get("/health").await.expect(200)["redis"] != redis {
            // A report is valid for a second.
            app.clock.advance(1);
        }
    };
    timeout(Duration::from_secs(30), said).await.expect(redis);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rate_limit_is_counted_once_for_all_servers() {
    let redis = RedisServer::start();
    let limit = RateLimit::new(7, 3_600);
    let start = || {
        App::with(|config| {
            with_redis(config, &redis);
            config.rate_limit = Some(limit);
            sign_alike(config);
        })
    };
    let (one, other) = (start().await, start().await);
    until(&one, "connected").await;
    until(&other, "connected").await;
    let mut allowed = 0;
    for nth in 0..20 {
        let app = if nth % 2 == 0 { &one } else { &other };
        let answer = app.get("/api/v1/sync/config").await;
        assert_eq!(answer.header("x-ratelimit-limit"), "7");
        allowed += u32::from(answer.status != 429);
    }
    assert_eq!(allowed, 7);
    drop(redis);
    until(&one, "unreachable").await;
    one.get("/api/v1/sync/config")
        .await
        .refused(401, "unauthorized");
}

/// Counts the wrong passwords that are checked, in sequence, before a login must wait.
async fn guesses(servers: [&App; 2], email: &str) -> usize {
    let guess = json!({"email": email, "password": "not this one"});
    for count in 0.. {
        let answer = servers[count % 2].post("/api/v1/auth/login", &guess).await;
        if answer.status == 429 {
            answer.refused(429, "login_throttled");
            return count;
        }
        answer.refused(401, "invalid_credentials");
    }
    unreachable!("there is always another guess")
}

/// Redis holds neither the address of a client nor the e-mail address of an account.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_are_counted_for_all_servers_under_a_pseudonym() {
    let (redis, kept) = (RedisServer::start(), PostgresServer::shared().database());
    let start = || {
        App::with(|config| {
            with_redis(config, &redis);
            config.database = database(&kept.url());
            config.rate_limit = Some(RateLimit::new(1_000, 3_600));
            sign_alike(config);
        })
    };
    let (one, other) = (start().await, start().await);
    until(&one, "connected").await;
    until(&other, "connected").await;
    // Separate counts would let ten pass; a shared one lets five pass, and one more for each second that
    // passes. A server that waits too long for Redis counts locally for a moment.
    let mut refused = Vec::new();
    while !refused.iter().any(|count| (5..9).contains(count)) {
        assert!(refused.len() < 5, "{refused:?}");
        let user = one.user().await;
        refused.push(guesses([&one, &other], &user.email).await);
    }

    let keys = redis.command(&["KEYS", "*"]);
    for kind in ["kanso:login:", "kanso:rate:"] {
        assert!(keys.contains(kind), "{keys}");
    }
    for clear in ["example.org", "127.0.0.1"] {
        assert!(!keys.contains(clear), "{keys}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_on_one_server_ends_a_wait_on_another() {
    let (redis, kept) = (RedisServer::start(), PostgresServer::shared().database());
    let start = || {
        App::with(|config| {
            with_redis(config, &redis);
            config.database = database(&kept.url());
            sign_alike(config);
        })
    };
    let (one, other) = (start().await, start().await);
    until(&one, "connected").await;
    until(&other, "connected").await;
    let phone = one.user().await;
    let tablet = other.log_in(&phone.email).await;
    // There is no event for the start of a subscription, so the first pushes may be missed.
    for _ in 0..20 {
        let page = tablet.get("/sync").await.expect(200);
        let cursor = page["cursor"].as_str().expect("a cursor").to_owned();
        let path = format!("/sync?cursor={cursor}&wait_ms=25000");
        let wait = timeout(Duration::from_secs(2), async { tablet.get(&path).await });
        let (waited, _) = tokio::join!(wait, phone.habit("Read"));
        if let Ok(answer) = waited {
            let delta = answer.expect(200);
            assert_eq!(delta["changes"][0]["record"]["title"], "Read");
            return;
        }
    }
    panic!("no notice of the other server arrived");
}

/// Two servers with one database and frequent sweeps. The notices of one do not reach the
/// other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn push_notifies_the_streams_of_another_server_without_redis() {
    let gone = RedisServer::start();
    let kept = PostgresServer::shared().database();
    let away = Secret::new(gone.url());
    drop(gone);
    for redis in [None, Some(away)] {
        let start = || {
            App::with_workers_and(|config| {
                config.redis_url.clone_from(&redis);
                config.database = database(&kept.url());
                sign_alike(config);
            })
        };
        let (one, other) = (start().await, start().await);
        let phone = one.user().await;
        let tablet = other.log_in(&phone.email).await;
        let (mut listener, head) = tablet.listen().await;
        assert_eq!(head, 0);
        for head in 1..=3 {
            phone.habit("Read").await;
            listener.reaches(head).await;
        }
        let page = tablet.get("/sync?min_seq=3").await.expect(200);
        assert_eq!(page["head"], 3, "{page}");
    }
}

/// One server finds the statistics that another computed, until a dependency changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statistics_are_the_same_from_the_cache_and_without_it() {
    let (redis, kept) = (RedisServer::start(), PostgresServer::shared().database());
    let start = |redis: Option<Secret>| {
        let kept = kept.url();
        App::with(move |config| {
            config.redis_url = redis;
            config.database = database(&kept);
            sign_alike(config);
        })
    };
    let shared = || Some(Secret::new(redis.url()));
    let (one, other) = (start(shared()).await, start(shared()).await);
    let alone = start(None).await;
    until(&one, "connected").await;
    until(&other, "connected").await;
    let user = one.user().await;
    let habit = user.habit("Read").await;
    let id = habit["id"].as_str().expect("an id").to_owned();
    let elsewhere = [
        other.log_in(&user.email).await,
        alone.log_in(&user.email).await,
    ];
    let questions = [
        "/stats/weekly".to_owned(),
        "/stats/weekly?tz=Pacific/Kiritimati".to_owned(),
        "/stats/overview".to_owned(),
        "/stats/heatmap".to_owned(),
        format!("/stats/habits/{id}?explain=true"),
        "/today".to_owned(),
    ];
    let mut before = Vec::new();
    for change in 0..3 {
        if change > 0 {
            let date = format!("2026-11-2{change}");
            user.done(&habit, &[&date]).await;
        }
        let mut answers = Vec::new();
        for question in &questions {
            let first = user.get(question).await.expect(200);
            // Again from this server, from the other, and from the one without a cache.
            for asked in [&user, &elsewhere[0], &elsewhere[1]] {
                assert_eq!(asked.get(question).await.expect(200), first, "{question}");
            }
            answers.push(first);
        }
        assert_ne!(answers, before, "a change shows at once");
        before = answers;
    }
    let stranger = other.user().await;
    stranger
        .get(&format!("/stats/habits/{id}"))
        .await
        .refused(404, "habit_not_found");
    let found = redis.keyspace_hits();
    assert!(found > 0, "nothing was found in the cache");
    redis.signal("-STOP");
    for (question, answer) in questions.iter().zip(&before) {
        assert_eq!(user.get(question).await.expect(200), *answer, "{question}");
    }
    redis.signal("-CONT");
}

#[test]
fn malformed_redis_url_is_refused_and_not_printed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_kanso-server"))
        .args(["--listen", "127.0.0.1:0", "--log", "off"])
        .env_clear()
        .env("KANSO_REDIS_URL", "canary")
        .current_dir(folder.path())
        .output()
        .expect("the program runs");
    let line = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(2), "{line}");
    assert!(
        line.contains("KANSO_REDIS_URL is not a Redis URL"),
        "{line}"
    );
    assert!(
        !line.contains("canary") && line.lines().count() == 1,
        "{line}"
    );
}

/// A browser requests a ticket from one server, and the load balancer sends it to another
/// for the stream.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_of_one_server_opens_a_stream_on_another_once() {
    let (redis, kept) = (RedisServer::start(), PostgresServer::shared().database());
    let start = || {
        App::with(|config| {
            with_redis(config, &redis);
            config.database = database(&kept.url());
            sign_alike(config);
        })
    };
    let (one, other) = (start().await, start().await);
    until(&one, "connected").await;
    until(&other, "connected").await;
    let user = one.user().await;
    let opened = async {
        loop {
            let body = user.post("/sync/stream/ticket", &Value::Null).await;
            let body = body.expect(201);
            let ticket = body["ticket"].as_str().expect("a ticket");
            let path = format!("/api/v1/sync/stream?ticket={ticket}");
            // A ticket is lost if Redis does not answer in time; its holder requests another.
            if let Some(listener) = other.get(&path).listen_if_known().await {
                return (listener, path);
            }
        }
    };
    let (mut listener, path) = timeout(Duration::from_secs(30), opened)
        .await
        .expect("a stream");
    listener.expect("hello").await;
    for app in [&one, &other] {
        app.get(&path).await.refused(401, "unauthorized");
    }
}
