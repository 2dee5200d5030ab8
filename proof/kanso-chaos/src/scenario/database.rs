//! A database that is down, slow, unreachable or locked.

use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{Instant, sleep};

use crate::fault_proxy::ProxyMode;
use crate::fleet::{Topology, postgres};
use crate::report::ReportRow;
use crate::round::Round;
use crate::setup::Setup;

/// Time for which a database is down. Some requests wait so long that the server gives them up.
const DOWN: Duration = Duration::from_secs(5);
/// Delay of each read on a slow network.
pub(super) const SLOW: Duration = Duration::from_millis(40);
/// Time for which nothing arrives. Longer than the 30 s after which a server gives up its answer, so
/// that requests meet that limit.
const SILENT: Duration = Duration::from_secs(45);
/// Time for which all rows of users are locked. Longer than the `lock_timeout` of 10 s that servers
/// set, so that writes meet it.
const LOCKED: Duration = Duration::from_secs(14);

/// Answer of a server that has no database.
const UNAVAILABLE: &[&str] = &["503 unavailable"];
/// The same, and the answer of a server that gave up after its time limit.
const UNAVAILABLE_OR_LATE: &[&str] = &["503 unavailable", "503 timed_out"];

/// Stops PostgreSQL as its service does, and starts it again.
pub(super) async fn stopped(setup: &Setup) -> anyhow::Result<ReportRow> {
    let topology = Topology {
        shared_by: 3,
        ..Topology::default()
    };
    let mut round = Round::begin(setup, topology, "stop of PostgreSQL").await?;
    for _ in 0..setup.faults {
        tokio::task::spawn_blocking(|| postgres().stop()).await?;
        round.row.faults += 1;
        sleep(DOWN).await;
        tokio::task::spawn_blocking(|| postgres().restart()).await?;
        round.wait_for_recovery().await?;
        round.wait_for_more(setup.between).await?;
    }
    round.allow_only(UNAVAILABLE);
    round.end().await
}

/// Disturbs the network between two servers and PostgreSQL.
pub(super) async fn link(setup: &Setup, mode: ProxyMode) -> anyhow::Result<ReportRow> {
    let (fault, lasts) = match mode {
        ProxyMode::Delay(_) => ("40 ms more on the way", DOWN),
        ProxyMode::Blackhole => ("silence on the way", SILENT),
        ProxyMode::Cut | ProxyMode::Forward => ("connections cut", DOWN),
    };
    let topology = Topology {
        shared_by: 2,
        has_proxy: true,
        ..Topology::default()
    };
    let mut round = Round::begin(setup, topology, fault).await?;
    for _ in 0..setup.faults {
        let proxy = round.fleet.proxy.as_ref().context("a proxy was started")?;
        proxy.set(mode);
        round.row.faults += 1;
        sleep(lasts).await;
        proxy.set(ProxyMode::Forward);
        round.wait_for_recovery().await?;
        round.wait_for_more(setup.between).await?;
    }
    match mode {
        // A slow database makes answers late, and nothing else.
        ProxyMode::Delay(_) => round.allow_no_failures(),
        // A closed connection shows at once that the database is gone. Silence does not: some
        // requests run into the server's time limit instead.
        ProxyMode::Blackhole => round.allow_only(UNAVAILABLE_OR_LATE),
        ProxyMode::Cut | ProxyMode::Forward => round.allow_only(UNAVAILABLE),
    }
    round.end().await
}

/// Locks the rows of all users until no connection of the servers is free.
pub(super) async fn pool_exhausted(setup: &Setup) -> anyhow::Result<ReportRow> {
    let topology = Topology {
        shared_by: 2,
        // Fewer connections than devices write, so that a lock can use up all of them.
        flags: &["--database-connections", "4"],
        ..Topology::default()
    };
    let mut round = Round::begin(setup, topology, "all rows of users locked for 14 s").await?;
    // Both statements are one transaction, so the lock is held while PostgreSQL sleeps.
    let lock = format!(
        "SELECT user_id FROM users FOR UPDATE; SELECT pg_sleep({})",
        LOCKED.as_secs()
    );
    for _ in 0..setup.faults {
        let database = round.fleet.database.as_ref();
        let database = database.context("a database was started")?;
        let began = Instant::now();
        tokio::task::block_in_place(|| database.run(&lock));
        anyhow::ensure!(began.elapsed() >= LOCKED, "nothing was locked");
        round.row.faults += 1;
        round.wait_for_recovery().await?;
        round.wait_for_more(setup.between).await?;
    }
    round.allow_only(UNAVAILABLE_OR_LATE);
    round.end().await
}
