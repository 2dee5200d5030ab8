//! What several servers share through Redis: pokes and the rate limit.

use std::time::Duration;

use anyhow::Context as _;
use futures::stream::{self, StreamExt as _};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::{Round, Scenario, Setup};
use crate::fleet::{Fleet, Plan};
use crate::ids::Ids;
use crate::node::Node;
use crate::person::Person;
use crate::poke::{Listener, write};
use crate::row::Row;
use crate::wire::{Failed, Wire};

/// How long a poke may take. Without Redis it would never come.
const POKE: Duration = Duration::from_secs(5);
/// How often a write may go unheard before the servers have begun to listen to each other.
const UNHEARD: u32 = 40;
/// How long it may take until a server notices that Redis went or came.
const NOTICE: Duration = Duration::from_secs(30);
/// How long Redis is away.
const AWAY: Duration = Duration::from_secs(3);
/// The limit of [`limiter_exact`], and its flag. It fills up much slower than a round takes.
const LIMIT: usize = 30;
const LIMIT_FLAG: &str = "30/3600s";
/// How many requests are under way at a time.
const AT_ONCE: usize = 3;
/// How often the count may begin again.
const TRIES: u32 = 20;
/// How long the machine may come to rest before that.
const REST: Duration = Duration::from_secs(1);
/// A limit that is counted but that nobody reaches.
const FAR_LIMIT: &str = "10000000/60s";

const WITH_REDIS: Plan = Plan {
    shared_by: 3,
    has_redis: true,
    has_nginx: false,
    has_link: false,
    rate_limit: None,
    flags: &[],
};

/// A push on one server pokes a stream on another.
pub(super) async fn poke_across_nodes(setup: &Setup) -> anyhow::Result<Row> {
    let began = Instant::now();
    let mut fleet = Fleet::start(setup, WITH_REDIS).await?;
    until_redis_is(&fleet.nodes, "connected").await?;
    let mut row = Row {
        fault: "none".to_owned(),
        ..Row::default()
    };
    let person = Person::join(&fleet.wire()?, 0).await?;
    let mut ids = Ids::of_device(0);
    for (listening, writing) in [(0, 1), (1, 2), (2, 0)] {
        let here = Wire::new(vec![fleet.nodes[listening].url()])?;
        let there = Wire::new(vec![fleet.nodes[writing].url()])?;
        let mut listener = Listener::open(&here, &person).await?;
        poked(&mut listener, &there, &person, &mut ids).await?;
        for _ in 0..setup.faults.max(1) {
            let (head, sent) = write(&there, &person, &mut ids).await?;
            row.acknowledged += 1;
            if listener.hears(head, POKE).await? {
                row.recovered_in(sent.elapsed());
            } else {
                row.wrong(format!("{head} was not heard of within {POKE:?}"));
            }
        }
    }
    fleet.stop().await?;
    row.seconds = began.elapsed().as_secs_f64();
    Ok(row)
}

/// Writes until the listener hears of it: nobody tells when a server has begun to listen.
async fn poked(
    listener: &mut Listener,
    there: &Wire,
    person: &Person,
    ids: &mut Ids,
) -> anyhow::Result<()> {
    for _ in 0..UNHEARD {
        let (head, _) = write(there, person, ids).await?;
        if listener.hears(head, Duration::from_millis(250)).await? {
            return Ok(());
        }
    }
    anyhow::bail!("{UNHEARD} writes on another server were not heard of")
}

/// Of many requests to three servers, exactly as many are let through as the limit says, while
/// Redis answers them in time.
pub(super) async fn limiter_exact(setup: &Setup) -> anyhow::Result<Row> {
    let began = Instant::now();
    let plan = Plan {
        rate_limit: Some(LIMIT_FLAG),
        flags: &["--trusted-proxies", "127.0.0.1"],
        ..WITH_REDIS
    };
    let mut fleet = Fleet::start(setup, plan).await?;
    let mut row = Row {
        fault: "none".to_owned(),
        ..Row::default()
    };
    // A server whose Redis did not answer within its 50 ms counts by itself, which is another
    // promise than this one: then the count begins again, for another client.
    for client in 1..=TRIES {
        until_redis_is(&fleet.nodes, "connected").await?;
        let outages = outages(&fleet);
        let wire = fleet.wire()?.forwarded_for(&format!("203.0.113.{client}"));
        let found = let_through(&wire).await?;
        if outages == self::outages(&fleet) {
            row.acknowledged = found as u64;
            break;
        }
        sleep(REST).await;
    }
    if row.acknowledged != LIMIT as u64 {
        let found = row.acknowledged;
        row.wrong(format!("{found} requests were let through, not {LIMIT}"));
    }
    fleet.stop().await?;
    row.seconds = began.elapsed().as_secs_f64();
    Ok(row)
}

/// How often a server has noticed that Redis is away.
fn outages(fleet: &Fleet) -> usize {
    let logs = fleet.nodes.iter().map(Node::whole_log);
    logs.map(|log| log.matches("redis unavailable").count())
        .sum()
}

/// How many of many requests are not refused for being too many.
async fn let_through(wire: &Wire) -> anyhow::Result<usize> {
    let ask = |_| wire.get::<Value>("/api/v1/sync/config", "");
    let answers: Vec<_> = stream::iter(0..2 * LIMIT)
        .map(ask)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut let_through = 0;
    for answer in answers {
        match answer {
            Err(Failed::Problem {
                status: 429,
                retry_after: Some(1..),
                ..
            }) => {}
            // Nobody is signed in; that is looked at after the limit.
            Ok(_) | Err(Failed::Problem { status: 401, .. }) => let_through += 1,
            Err(failed) => return Err(failed.into()),
        }
    }
    Ok(let_through)
}

/// Redis goes and comes while devices write. None of them notices, and no server is restarted.
pub(super) async fn redis_away(setup: &Setup, scenario: Scenario) -> anyhow::Result<Row> {
    let is_killed = scenario == Scenario::RedisKilled;
    let fault = if is_killed {
        "kill -9 of Redis"
    } else {
        "SIGSTOP of Redis"
    };
    let plan = Plan {
        rate_limit: Some(FAR_LIMIT),
        ..WITH_REDIS
    };
    let mut round = Round::begin(setup, plan, fault).await?;
    until_redis_is(&round.fleet.nodes, "connected").await?;
    for _ in 0..setup.faults {
        let redis = round.fleet.redis.take().context("there is a Redis")?;
        let port = redis.port();
        let stopped = if is_killed {
            drop(redis);
            None
        } else {
            redis.signal("-STOP");
            Some(redis)
        };
        round.row.faults += 1;
        until_redis_is(&round.fleet.nodes, "unreachable").await?;
        round.load.goes_on_for(setup.between).await?;
        sleep(AWAY).await;
        let redis = stopped.map_or_else(
            || kanso_testkit::RedisServer::start_at(port),
            |redis| {
                redis.signal("-CONT");
                redis
            },
        );
        round.fleet.redis = Some(redis);
        let since = Instant::now();
        until_redis_is(&round.fleet.nodes, "connected").await?;
        round.row.recovered_in(since.elapsed());
        round.load.goes_on_for(setup.between).await?;
    }
    round.must_not_fail();
    round.end().await
}

/// Waits until every server says so of Redis in its `/health`.
async fn until_redis_is(nodes: &[Node], state: &str) -> anyhow::Result<()> {
    for node in nodes {
        let wire = Wire::new(vec![node.url()])?;
        let says_so = async {
            loop {
                let health = wire.get::<Value>("/health", "").await;
                if health.is_ok_and(|health| health["redis"] == state) {
                    break;
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        let said = timeout(NOTICE, says_so).await;
        said.with_context(|| format!("a server does not say that Redis is {state}"))?;
    }
    Ok(())
}
