//! Servers that get SIGTERM while devices write.

use std::time::Duration;

use anyhow::Context as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::account::AccountSession;
use crate::api::ApiClient;
use crate::fleet::{STOP_LIMIT, Topology};
use crate::report::ReportRow;
use crate::round::Round;
use crate::setup::Setup;

/// A request with half a header, and one with half a body.
const HALF_REQUESTS: [&str; 2] = [
    "GET /health/live HTTP/1.1\r\nho",
    "POST /api/v1/sync HTTP/1.1\r\nhost: kanso\r\ncontent-type: application/json\r\n\
     content-length: 1000\r\n\r\n{\"half",
];
/// Pause between two restarts. `deploy/nginx.conf` asks for 2 s, because nginx leaves a server that
/// was down alone for one second, by a clock with a resolution of one second. The rest is a margin.
const BETWEEN_RESTARTS: Duration = Duration::from_millis(2_500);
/// Number of open streams of one account, below the limit of 10.
const STREAMS: usize = 4;

const BEHIND_NGINX: Topology = Topology {
    shared_by: 3,
    has_redis: true,
    has_nginx: true,
    has_proxy: false,
    rate_limit: None,
    flags: &[],
};

/// Restarts one server after the other, as an upgrade does. No request may fail.
pub(super) async fn rolling_restart(setup: &Setup) -> anyhow::Result<ReportRow> {
    let fault = "restart of all 3 servers in turn";
    let mut round = Round::begin(setup, BEHIND_NGINX, fault).await?;
    for _ in 0..setup.faults {
        for at in 0..round.fleet.servers.len() {
            let server = &mut round.fleet.servers[at];
            let took = server.stop(STOP_LIMIT).await?;
            round.row.stopped_in(took);
            server.start_again().await?;
            sleep(BETWEEN_RESTARTS).await;
            // A third, because one fault consists of three restarts.
            round.wait_for_more(setup.between / 3).await?;
        }
        round.row.faults += 1;
    }
    round.allow_no_failures();
    round.end().await
}

/// Stops a server that has half-sent requests and open streams. It must exit with code 0 in time,
/// every stream must end with `bye`, and no request of a device behind nginx may fail.
pub(super) async fn drain(setup: &Setup) -> anyhow::Result<ReportRow> {
    let fault = "SIGTERM with half-sent requests and open streams";
    let mut round = Round::begin(setup, BEHIND_NGINX, fault).await?;
    // The devices' accounts count from 0, so this one is never one of them.
    let watcher = AccountSession::register(&round.api, u32::MAX).await?;
    for fault in 0..setup.faults {
        let at = usize::try_from(fault)? % round.fleet.servers.len();
        let server = &mut round.fleet.servers[at];
        // The connections stay open and silent: only a deadline of the server can end them.
        let mut half_open = Vec::new();
        for half in HALF_REQUESTS {
            let mut stream = TcpStream::connect(server.address()).await?;
            stream.write_all(half.as_bytes()).await?;
            half_open.push(stream);
        }
        let direct = ApiClient::new(vec![server.url()])?;
        let mut streams = Vec::new();
        for _ in 0..STREAMS {
            let opened = direct.open("/api/v1/sync/stream", &watcher.token()).await;
            streams.push(opened.context("cannot open a stream")?);
        }
        let took = server.stop(STOP_LIMIT).await?;
        round.row.stopped_in(took);
        // The bodies are read after the server has ended: `bye` must have been sent before.
        for stream in streams {
            let events = stream.text().await.context("a stream was cut off")?;
            if !events.contains("event: bye") {
                let ended = format!("a stream ended without a bye: {events}");
                round.row.wrong(ended);
            }
        }
        round.fleet.servers[at].start_again().await?;
        round.wait_for_more(setup.between).await?;
        round.row.faults += 1;
    }
    round.allow_no_failures();
    round.end().await
}
