//! A server without free file descriptors, and a server with a wrong clock.

use std::time::Duration;

use kanso_testkit::FakeTime;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::fleet::Topology;
use crate::report::ReportRow;
use crate::round::Round;
use crate::setup::Setup;

/// Time for which no file descriptor is free.
const EXHAUSTED: Duration = Duration::from_secs(3);
/// Limit of open files, sockets included, and a number of connections that exceeds it.
const FILES: &str = "--nofile=96";
const CONNECTIONS: usize = 150;
/// Offset of the clock after each jump, in seconds. An hour is longer than the life of an access
/// token, so a jump ahead expires every token. The jumps back test that time may repeat.
const JUMPS: [i64; 4] = [3_600, 0, -3_600, 0];

/// Opens idle connections until the server has no file descriptor left. Open connections must
/// continue to work, and new ones must be accepted as soon as others have closed.
pub(super) async fn fds_exhausted(setup: &Setup) -> anyhow::Result<ReportRow> {
    let mut round = Round::begin(setup, Topology::default(), "150 idle connections of 96").await?;
    let server = &mut round.fleet.servers[0];
    // The limit belongs to the process, so the server is restarted below `prlimit`.
    server.kill().await?;
    server.settings_mut().wrapper = vec!["prlimit".to_owned(), FILES.to_owned()];
    server.start_again().await?;
    for _ in 0..setup.faults {
        let address = round.fleet.servers[0].address();
        let mut idle = Vec::new();
        for _ in 0..CONNECTIONS {
            // More connections than the server can accept succeed here: the kernel completes the
            // handshake and keeps them in the listener's backlog.
            idle.push(TcpStream::connect(address).await?);
        }
        round.row.faults += 1;
        sleep(EXHAUSTED).await;
        drop(idle);
        round.wait_for_recovery().await?;
        round.wait_for_more(setup.between).await?;
    }
    round.end().await
}

/// Moves the clock of a server ahead and back.
pub(super) async fn clock_jump(setup: &Setup) -> anyhow::Result<ReportRow> {
    let mut round =
        Round::begin(setup, Topology::default(), "clock 1 h ahead, then behind").await?;
    let clock = FakeTime::in_folder(round.fleet.folder())?;
    let server = &mut round.fleet.servers[0];
    // libfaketime is loaded through the environment, so the server is restarted with it.
    server.kill().await?;
    let variables = clock.variables();
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    server.settings_mut().variables.extend(variables);
    server.start_again().await?;
    for _ in 0..setup.faults {
        for jump in JUMPS {
            clock.jump(jump)?;
            round.wait_for_recovery().await?;
            round.wait_for_more(setup.between).await?;
        }
        // One fault is the whole cycle: it ends at the right time, for the checks at the end.
        round.row.faults += 1;
    }
    round.end().await
}
