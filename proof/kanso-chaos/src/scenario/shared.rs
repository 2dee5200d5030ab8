//! State that servers share through Redis: notices of new heads, and the rate limit.

use std::time::Duration;

use anyhow::Context as _;
use futures::stream::{self, StreamExt as _};
use kanso_harness::events::HeadStream;
use kanso_harness::ids::DeviceIds;
use kanso_harness::process::ServerProcess;
use kanso_harness::requests;
use kanso_protocol::sync::{EntityName, SyncRequest, SyncResponse};
use kanso_testkit::RedisServer;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::account::AccountSession;
use crate::api::{ApiClient, RequestError};
use crate::fleet::{Fleet, Topology};
use crate::report::ReportRow;
use crate::round::Round;
use crate::setup::Setup;

/// Time limit of a notice. The slowest of 150 took 0.67 s on a busy machine (docs/verification.md).
const NOTICE_LIMIT: Duration = Duration::from_secs(5);
/// Number of writes without a notice after which a server counts as not subscribed.
const UNNOTICED: u32 = 40;
/// Time limit for a server to notice that Redis went away or came back.
const HEALTH_LIMIT: Duration = Duration::from_secs(30);
/// Time for which Redis is away.
const AWAY: Duration = Duration::from_secs(3);
/// Rate limit of [`limiter_exact`], as a number and as a flag. The bucket refills one request in two
/// minutes, so no request is added while the scenario counts.
const LIMIT: usize = 30;
const LIMIT_FLAG: &str = "30/3600s";
/// Number of concurrent requests.
const CONCURRENCY: usize = 3;
/// Number of attempts to count without an outage of Redis.
const TRIES: u32 = 20;
/// Pause before the next attempt, in which the machine may become less busy.
const REST: Duration = Duration::from_secs(1);
/// A limit that is counted in Redis but never reached.
const FAR_LIMIT: &str = "10000000/60s";

const WITH_REDIS: Topology = Topology {
    shared_by: 3,
    has_redis: true,
    has_nginx: false,
    has_proxy: false,
    rate_limit: None,
    flags: &[],
};

/// Pushes on one server and waits for the notice on a stream of another.
pub(super) async fn notice_across_servers(setup: &Setup) -> anyhow::Result<ReportRow> {
    let began = Instant::now();
    let mut fleet = Fleet::start(setup, WITH_REDIS).await?;
    wait_for_redis(&fleet.servers, "connected").await?;
    let mut row = ReportRow {
        fault: "none".to_owned(),
        ..ReportRow::default()
    };
    let account = AccountSession::register(&fleet.api()?, 0).await?;
    let mut ids = DeviceIds::of_device(0);
    // Each server listens once and writes once.
    for (listening, writing) in [(0, 1), (1, 2), (2, 0)] {
        let listener = ApiClient::new(vec![fleet.servers[listening].url()])?;
        let writer = ApiClient::new(vec![fleet.servers[writing].url()])?;
        let token = account.token();
        let opened = listener.open("/api/v1/sync/stream", &token).await?;
        let mut stream = HeadStream::new(opened.bytes_stream());
        wait_for_subscription(&mut stream, &writer, &account, &mut ids).await?;
        for _ in 0..setup.faults.max(1) {
            let (head, sent) = create_habit(&writer, &account, &mut ids).await?;
            row.acknowledged += 1;
            if stream.reaches(head, NOTICE_LIMIT).await? {
                // From the sending of the push, so the commit is part of the time.
                row.recovered_in(sent.elapsed());
            } else {
                row.wrong(format!("head {head} was not reported in {NOTICE_LIMIT:?}"));
            }
        }
    }
    fleet.stop().await?;
    row.seconds = began.elapsed().as_secs_f64();
    Ok(row)
}

/// Writes until the stream reports a head. No server reports that its subscription in Redis has
/// begun, so the first notice shows it.
async fn wait_for_subscription(
    stream: &mut HeadStream,
    writer: &ApiClient,
    account: &AccountSession,
    ids: &mut DeviceIds,
) -> anyhow::Result<()> {
    for _ in 0..UNNOTICED {
        let (head, _) = create_habit(writer, account, ids).await?;
        if stream.reaches(head, Duration::from_millis(250)).await? {
            return Ok(());
        }
    }
    anyhow::bail!("{UNNOTICED} writes on another server caused no notice")
}

/// Creates a habit, and returns the head afterwards and the time at which the push was sent.
async fn create_habit(
    api: &ApiClient,
    account: &AccountSession,
    ids: &mut DeviceIds,
) -> Result<(i64, Instant), RequestError> {
    let fields = json!({"title": "Read"});
    let create = requests::create(ids.next_id(), EntityName::Habit, ids.next_id(), fields);
    let request = SyncRequest {
        operations: vec![create],
        ..SyncRequest::default()
    };
    let sent = Instant::now();
    let token = account.token();
    let answer: SyncResponse = api.post("/api/v1/sync", Some(&token), &request).await?;
    Ok((answer.head, sent))
}

/// Sends twice as many requests as the limit allows to three servers. Exactly the limit must pass
/// while Redis answers in time.
pub(super) async fn limiter_exact(setup: &Setup) -> anyhow::Result<ReportRow> {
    let began = Instant::now();
    let topology = Topology {
        rate_limit: Some(LIMIT_FLAG),
        // The servers trust this program as a proxy, so it can act as a new client each time.
        flags: &["--trusted-proxies", "127.0.0.1"],
        ..WITH_REDIS
    };
    let mut fleet = Fleet::start(setup, topology).await?;
    let mut row = ReportRow {
        fault: "none".to_owned(),
        ..ReportRow::default()
    };
    // A server whose Redis does not answer within 50 ms counts alone for a while. That is a
    // different promise, and it happens on a busy machine. Such an attempt is void, and the next
    // one uses another client address, whose bucket is full.
    for client in 1..=TRIES {
        wait_for_redis(&fleet.servers, "connected").await?;
        let before = outages(&fleet);
        let api = fleet.api()?.forwarded_for(&format!("203.0.113.{client}"));
        let passed = count_passed(&api).await?;
        if before == outages(&fleet) {
            row.acknowledged = passed as u64;
            break;
        }
        sleep(REST).await;
    }
    if row.acknowledged != LIMIT as u64 {
        let passed = row.acknowledged;
        row.wrong(format!("{passed} requests passed, not {LIMIT}"));
    }
    fleet.stop().await?;
    row.seconds = began.elapsed().as_secs_f64();
    Ok(row)
}

/// Returns the number of outages of Redis that the servers have logged.
fn outages(fleet: &Fleet) -> usize {
    let logs = fleet.servers.iter().map(ServerProcess::log);
    logs.map(|log| log.matches("redis unavailable").count())
        .sum()
}

/// Sends requests, and returns the number of those that were not answered with 429.
async fn count_passed(api: &ApiClient) -> anyhow::Result<usize> {
    let request = |_| api.get::<Value>("/api/v1/sync/config", "");
    let answers: Vec<_> = stream::iter(0..2 * LIMIT)
        .map(request)
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await;
    let mut passed = 0;
    for answer in answers {
        match answer {
            Err(RequestError::Problem {
                status: 429,
                retry_after: Some(1..),
                ..
            }) => {}
            // The token is empty. It is checked after the limit, so a 401 has passed the limit.
            Ok(_) | Err(RequestError::Problem { status: 401, .. }) => passed += 1,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(passed)
}

/// Kills Redis and starts it again while devices write.
pub(super) async fn redis_killed(setup: &Setup) -> anyhow::Result<ReportRow> {
    redis_away(setup, "kill -9 of Redis", |redis| {
        let port = redis.port();
        drop(redis);
        // The same port, because the servers keep the URL that they were started with.
        Box::new(move || RedisServer::start_at(port))
    })
    .await
}

/// Stops the process of Redis and continues it while devices write. Connections stay open, so only
/// a time limit of the servers shows them that Redis is away.
pub(super) async fn redis_stopped(setup: &Setup) -> anyhow::Result<ReportRow> {
    redis_away(setup, "SIGSTOP of Redis", |redis| {
        redis.signal("-STOP");
        Box::new(move || {
            redis.signal("-CONT");
            redis
        })
    })
    .await
}

/// Brings Redis back.
type BringBack = Box<dyn FnOnce() -> RedisServer + Send>;

/// Takes Redis away and brings it back while devices write. No request may fail, and no server is
/// restarted.
async fn redis_away(
    setup: &Setup,
    fault: &str,
    take_away: impl Fn(RedisServer) -> BringBack,
) -> anyhow::Result<ReportRow> {
    let topology = Topology {
        // Every request asks Redis for the limit, so every request meets the outage.
        rate_limit: Some(FAR_LIMIT),
        flags: &["--trusted-proxies", "127.0.0.1"],
        ..WITH_REDIS
    };
    let mut round = Round::begin(setup, topology, fault).await?;
    wait_for_redis(&round.fleet.servers, "connected").await?;
    for _ in 0..setup.faults {
        let redis = round.fleet.redis.take().context("a Redis was started")?;
        let bring_back = take_away(redis);
        round.row.faults += 1;
        wait_for_redis(&round.fleet.servers, "unreachable").await?;
        round.wait_for_more(setup.between).await?;
        sleep(AWAY).await;
        round.fleet.redis = Some(bring_back());
        let since = Instant::now();
        wait_for_redis(&round.fleet.servers, "connected").await?;
        round.row.recovered_in(since.elapsed());
        round.wait_for_more(setup.between).await?;
    }
    round.allow_no_failures();
    round.end().await
}

/// Waits until every server reports this state of Redis in its `/health`.
async fn wait_for_redis(servers: &[ServerProcess], state: &str) -> anyhow::Result<()> {
    for server in servers {
        let api = ApiClient::new(vec![server.url()])?;
        let reported = async {
            loop {
                let health = api.get::<Value>("/health", "").await;
                if health.is_ok_and(|health| health["redis"] == state) {
                    break;
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        let waited = timeout(HEALTH_LIMIT, reported).await;
        waited.with_context(|| format!("a server does not report Redis as {state}"))?;
    }
    Ok(())
}
