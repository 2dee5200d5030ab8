//! Processes that end from one moment to the next.

use std::time::Duration;

use tokio::time::sleep;

use super::{Round, Setup};
use crate::fleet::{Plan, postgres};
use crate::row::Row;

/// How long a database stays away.
const AWAY: Duration = Duration::from_millis(300);

/// Kills one server after the other while devices write. `shared_by` is how many there are on
/// PostgreSQL; none is one on SQLite.
pub(super) async fn server(setup: &Setup, shared_by: usize) -> anyhow::Result<Row> {
    let plan = Plan {
        shared_by,
        ..Plan::default()
    };
    let mut round = Round::begin(setup, plan, "kill -9 of a server").await?;
    for fault in 0..setup.faults {
        let at = usize::try_from(fault)? % round.fleet.nodes.len();
        round.fleet.nodes[at].kill().await?;
        round.row.faults += 1;
        // The way back includes the start: that is how long devices wait.
        let (node, gauge) = (&mut round.fleet.nodes[at], &round.load.gauge);
        let since = tokio::time::Instant::now();
        node.start_again().await?;
        gauge.writes_again(since).await?;
        round.row.recovered_in(since.elapsed());
        round.load.goes_on_for(setup.between).await?;
    }
    round.end().await
}

/// Kills PostgreSQL under three servers while devices write.
pub(super) async fn postgres_killed(setup: &Setup) -> anyhow::Result<Row> {
    let plan = Plan {
        shared_by: 3,
        ..Plan::default()
    };
    let mut round = Round::begin(setup, plan, "kill -9 of PostgreSQL").await?;
    for _ in 0..setup.faults {
        tokio::task::spawn_blocking(|| postgres().kill()).await?;
        round.row.faults += 1;
        sleep(AWAY).await;
        tokio::task::spawn_blocking(|| postgres().restart()).await?;
        round.recovers().await?;
        round.load.goes_on_for(setup.between).await?;
    }
    round.end().await
}
