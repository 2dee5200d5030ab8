//! A database that is away, far away, or busy.

use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{Instant, sleep};

use super::{Round, Scenario, Setup};
use crate::fleet::{Plan, postgres};
use crate::link::Weather;
use crate::row::Row;

/// How long a database stays away: some requests wait so long that they are given up.
const AWAY: Duration = Duration::from_secs(5);
/// How long each piece takes on a slow link.
const SLOW: Duration = Duration::from_millis(40);
/// How long nobody answers on a half-open link, longer than a server waits for it.
const SILENT: Duration = Duration::from_secs(45);
/// How long somebody keeps the rows that everybody needs, longer than a server waits for them.
const HELD: Duration = Duration::from_secs(14);

/// What a server says that has no database.
const UNAVAILABLE: &[&str] = &["503 unavailable"];
/// The same, or that it waited for one until it gave up.
const UNAVAILABLE_OR_LATE: &[&str] = &["503 unavailable", "503 timed_out"];

/// PostgreSQL is stopped as its service would, and started again.
pub(super) async fn stopped(setup: &Setup) -> anyhow::Result<Row> {
    let plan = Plan {
        shared_by: 3,
        ..Plan::default()
    };
    let mut round = Round::begin(setup, plan, "stop of PostgreSQL").await?;
    for _ in 0..setup.faults {
        tokio::task::spawn_blocking(|| postgres().stop()).await?;
        round.row.faults += 1;
        sleep(AWAY).await;
        tokio::task::spawn_blocking(|| postgres().restart()).await?;
        round.recovers().await?;
        round.load.goes_on_for(setup.between).await?;
    }
    round.may_only_fail_with(UNAVAILABLE);
    round.end().await
}

/// The way between the servers and PostgreSQL is disturbed.
pub(super) async fn link(setup: &Setup, scenario: Scenario) -> anyhow::Result<Row> {
    let (fault, weather, lasts) = match scenario {
        Scenario::LinkSlow => ("40 ms more on the way", Weather::Slow(SLOW), AWAY),
        Scenario::LinkCut => ("connections cut", Weather::Cut, AWAY),
        _ => ("silence on the way", Weather::Silent, SILENT),
    };
    let plan = Plan {
        shared_by: 2,
        has_link: true,
        ..Plan::default()
    };
    let mut round = Round::begin(setup, plan, fault).await?;
    for _ in 0..setup.faults {
        let link = round.fleet.link.as_ref().context("there is a link")?;
        link.set(weather);
        round.row.faults += 1;
        sleep(lasts).await;
        link.set(Weather::Fair);
        round.recovers().await?;
        round.load.goes_on_for(setup.between).await?;
    }
    match scenario {
        Scenario::LinkSlow => round.must_not_fail(),
        Scenario::LinkCut => round.may_only_fail_with(UNAVAILABLE),
        _ => round.may_only_fail_with(UNAVAILABLE_OR_LATE),
    }
    round.end().await
}

/// Somebody holds the rows of everybody until no connection is left.
pub(super) async fn pool_exhausted(setup: &Setup) -> anyhow::Result<Row> {
    let plan = Plan {
        shared_by: 2,
        flags: &["--database-connections", "4"],
        ..Plan::default()
    };
    let mut round = Round::begin(setup, plan, "all rows of users locked for 14 s").await?;
    let hold = format!(
        "SELECT user_id FROM users FOR UPDATE; SELECT pg_sleep({})",
        HELD.as_secs()
    );
    for _ in 0..setup.faults {
        let database = round.fleet.database.as_ref().context("a database")?;
        let began = Instant::now();
        tokio::task::block_in_place(|| database.run(&hold));
        anyhow::ensure!(began.elapsed() >= HELD, "nothing was locked");
        round.row.faults += 1;
        round.recovers().await?;
        round.load.goes_on_for(setup.between).await?;
    }
    round.may_only_fail_with(UNAVAILABLE_OR_LATE);
    round.end().await
}
