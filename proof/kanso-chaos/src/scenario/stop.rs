//! Servers that are asked to stop while devices write.

use std::time::Duration;

use anyhow::Context as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::{Round, Setup};
use crate::fleet::{Plan, STOP, ensure_stopped_well};
use crate::person::Person;
use crate::row::Row;
use crate::wire::Wire;

/// Half of a header, and half of a body.
const HALVES: [&str; 2] = [
    "GET /health/live HTTP/1.1\r\nho",
    "POST /api/v1/sync HTTP/1.1\r\nhost: kanso\r\ncontent-type: application/json\r\n\
     content-length: 1000\r\n\r\n{\"half",
];
/// What deploy/nginx.conf asks for between two restarts, and a little more: nginx has left the server
/// that was away alone for a second, by a clock that knows no less than seconds.
const BETWEEN_RESTARTS: Duration = Duration::from_millis(2_500);
/// Open streams of one person; a person may have 10.
const STREAMS: usize = 4;

const BEHIND_NGINX: Plan = Plan {
    shared_by: 3,
    has_redis: true,
    has_nginx: true,
    has_link: false,
    rate_limit: None,
    flags: &[],
};

/// Stops and starts one server after the other, as an upgrade does. No request may fail.
pub(super) async fn rolling_restart(setup: &Setup) -> anyhow::Result<Row> {
    let mut round = Round::begin(setup, BEHIND_NGINX, "restart of all 3 servers in turn").await?;
    for _ in 0..setup.faults {
        for at in 0..round.fleet.nodes.len() {
            let node = &mut round.fleet.nodes[at];
            let stopped = node.stop(STOP).await?;
            ensure_stopped_well(stopped, node)?;
            round.row.stopped_in(stopped.took);
            node.start_again().await?;
            sleep(BETWEEN_RESTARTS).await;
            round.load.goes_on_for(setup.between / 3).await?;
        }
        round.row.faults += 1;
    }
    round.must_not_fail();
    round.end().await
}

/// Stops a server that has half-sent requests and open streams. It ends well and in time, and no
/// request of a device behind nginx fails.
pub(super) async fn drain(setup: &Setup) -> anyhow::Result<Row> {
    let fault = "SIGTERM with half-sent requests and open streams";
    let mut round = Round::begin(setup, BEHIND_NGINX, fault).await?;
    let watcher = Person::join(&round.wire, u32::MAX).await?;
    for fault in 0..setup.faults {
        let at = usize::try_from(fault)? % round.fleet.nodes.len();
        let node = &mut round.fleet.nodes[at];
        let mut halves = Vec::new();
        for half in HALVES {
            let mut stream = TcpStream::connect(node.address()).await?;
            stream.write_all(half.as_bytes()).await?;
            halves.push(stream);
        }
        let direct = Wire::new(vec![node.url()])?;
        let mut streams = Vec::new();
        for _ in 0..STREAMS {
            let opened = direct.open("/api/v1/sync/stream", &watcher.token()).await;
            streams.push(opened.context("no stream")?);
        }
        let stopped = node.stop(STOP).await?;
        ensure_stopped_well(stopped, node)?;
        round.row.stopped_in(stopped.took);
        for stream in streams {
            let said = stream.text().await.context("a stream was cut off")?;
            if !said.contains("event: bye") {
                round
                    .row
                    .wrong(format!("a stream ended without a bye: {said}"));
            }
        }
        round.fleet.nodes[at].start_again().await?;
        round.load.goes_on_for(setup.between).await?;
        round.row.faults += 1;
    }
    round.must_not_fail();
    round.end().await
}
