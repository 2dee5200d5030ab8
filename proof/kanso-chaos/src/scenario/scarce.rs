//! A server that can open no more files, and one whose clock is wrong.

use std::time::Duration;

use kanso_testkit::FakeTime;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::{Round, Setup};
use crate::fleet::Plan;
use crate::row::Row;

/// How long something is missing.
const SCARCE: Duration = Duration::from_secs(3);
/// Files, sockets among them, that a server may have open, and connections that take more.
const FILES: &str = "--nofile=96";
const CONNECTIONS: usize = 150;
/// How far the clock is ahead, in seconds, after each jump: beyond the life of an access token.
const JUMPS: [i64; 4] = [3_600, 0, -3_600, 0];

/// Connections use up all files that a server may open. Those that are there go on, and new ones
/// come when others have gone.
pub(super) async fn fds_exhausted(setup: &Setup) -> anyhow::Result<Row> {
    let mut round = Round::begin(setup, Plan::default(), "150 idle connections of 96").await?;
    let node = &mut round.fleet.nodes[0];
    node.kill().await?;
    node.settings_mut().before = vec!["prlimit".to_owned(), FILES.to_owned()];
    node.start_again().await?;
    for _ in 0..setup.faults {
        let address = round.fleet.nodes[0].address();
        let mut idle = Vec::new();
        for _ in 0..CONNECTIONS {
            // The kernel takes more than the server can.
            idle.push(TcpStream::connect(address).await?);
        }
        round.row.faults += 1;
        sleep(SCARCE).await;
        drop(idle);
        round.recovers().await?;
        round.load.goes_on_for(setup.between).await?;
    }
    round.end().await
}

/// The clock of a server jumps forth and back.
pub(super) async fn clock_jump(setup: &Setup) -> anyhow::Result<Row> {
    let mut round = Round::begin(setup, Plan::default(), "clock 1 h ahead, then behind").await?;
    let clock = FakeTime::in_folder(round.fleet.folder())?;
    let node = &mut round.fleet.nodes[0];
    node.kill().await?;
    let variables = clock.variables();
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    node.settings_mut().variables.extend(variables);
    node.start_again().await?;
    for _ in 0..setup.faults {
        for jump in JUMPS {
            clock.jump(jump)?;
            round.recovers().await?;
            round.load.goes_on_for(setup.between).await?;
        }
        round.row.faults += 1;
    }
    round.end().await
}
