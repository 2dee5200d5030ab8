//! Processes that are killed without warning.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::fleet::{Topology, postgres};
use crate::report::ReportRow;
use crate::round::Round;
use crate::setup::Setup;

/// Time for which PostgreSQL is down, long enough for requests to meet refused connections.
const DOWN: Duration = Duration::from_millis(300);

/// Kills one server after the other while devices write. `shared_by` is the number of servers on
/// PostgreSQL; 0 is one server on SQLite.
pub(super) async fn server(setup: &Setup, shared_by: usize) -> anyhow::Result<ReportRow> {
    let topology = Topology {
        shared_by,
        ..Topology::default()
    };
    let mut round = Round::begin(setup, topology, "kill -9 of a server").await?;
    for fault in 0..setup.faults {
        // In turn, so that every server is killed once.
        let at = usize::try_from(fault)? % round.fleet.servers.len();
        round.fleet.servers[at].kill().await?;
        round.row.faults += 1;
        // The recovery is measured from the kill and includes the start of the process: devices of
        // an only server wait that long.
        let (server, progress) = (&mut round.fleet.servers[at], &round.load.progress);
        let since = Instant::now();
        server.start_again().await?;
        progress.wait_for_push_after(since).await?;
        round.row.recovered_in(since.elapsed());
        // The next kill must meet full batches again, and not an idle server.
        round.wait_for_more(setup.between).await?;
    }
    round.end().await
}

/// Kills PostgreSQL under three servers while devices write.
pub(super) async fn postgres_killed(setup: &Setup) -> anyhow::Result<ReportRow> {
    let topology = Topology {
        shared_by: 3,
        ..Topology::default()
    };
    let mut round = Round::begin(setup, topology, "kill -9 of PostgreSQL").await?;
    for _ in 0..setup.faults {
        // Blocking: the test kit waits for the processes with the standard library.
        tokio::task::spawn_blocking(|| postgres().kill()).await?;
        round.row.faults += 1;
        sleep(DOWN).await;
        tokio::task::spawn_blocking(|| postgres().restart()).await?;
        round.wait_for_recovery().await?;
        round.wait_for_more(setup.between).await?;
    }
    round.end().await
}
