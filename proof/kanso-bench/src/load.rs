//! A closed loop: every connection sends its next request when it has the answer to the last.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::task::JoinSet;

use crate::connection::Connection;
use crate::resources::{Usage, Watch};
use crate::server::Server;

/// What a workload has before it is measured: caches fill, group commit finds its rhythm.
const WARM_UP: Duration = Duration::from_secs(1);
/// How long the last answers may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What one connection does.
pub(crate) trait Worker: Send + 'static {
    /// Does it once, and checks the answers.
    fn turn(
        &mut self,
        connection: &mut Connection,
    ) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// What a load came to. Times are in microseconds.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    pub(crate) length: Duration,
    /// What each turn took.
    pub(crate) turns: Vec<u32>,
    /// What each request of those turns took.
    pub(crate) requests: Vec<u32>,
    pub(crate) usage: Usage,
}

/// Lets every worker do its turns on a connection of its own, and measures for `length`. The
/// workers come back in any order.
pub(crate) async fn apply<W: Worker>(
    server: &Server,
    workers: Vec<W>,
    length: Duration,
) -> anyhow::Result<(Load, Vec<W>)> {
    let mut connections = Vec::with_capacity(workers.len());
    for _ in 0..workers.len() {
        connections.push(Connection::open(server.address()).await?);
    }
    let window = Window::opening_in(WARM_UP, length);
    let mut work = JoinSet::new();
    for (worker, connection) in workers.into_iter().zip(connections) {
        work.spawn(turns(worker, connection, window));
    }
    let gathered = tokio::time::timeout_at((window.to + PATIENCE).into(), gather(work));
    let gathered = async { gathered.await.context("the last answers never came")? };
    let (done, usage) = tokio::try_join!(gathered, watch(server, window))?;

    let mut load = Load {
        connections: done.len(),
        length,
        turns: Vec::new(),
        requests: Vec::new(),
        usage,
    };
    let mut workers = Vec::with_capacity(done.len());
    for one in done {
        load.turns.extend(one.turns);
        load.requests.extend(one.requests);
        workers.push(one.worker);
    }
    anyhow::ensure!(!load.turns.is_empty(), "nothing was done within {length:?}");
    Ok((load, workers))
}

/// The time that is measured. A turn belongs to it when it ends in it.
#[derive(Clone, Copy, Debug)]
struct Window {
    from: Instant,
    to: Instant,
}

impl Window {
    fn opening_in(delay: Duration, length: Duration) -> Self {
        let from = now() + delay;
        Self {
            from,
            to: from + length,
        }
    }
}

/// A worker that is done, and what its turns and their requests took.
struct Done<W> {
    worker: W,
    turns: Vec<u32>,
    requests: Vec<u32>,
}

async fn turns<W: Worker>(
    mut worker: W,
    mut connection: Connection,
    window: Window,
) -> anyhow::Result<Done<W>> {
    let (mut turns, mut requests) = (Vec::new(), Vec::new());
    loop {
        let began = now();
        if began >= window.to {
            return Ok(Done {
                worker,
                turns,
                requests,
            });
        }
        worker.turn(&mut connection).await?;
        let ended = now();
        if (window.from..window.to).contains(&ended) {
            turns.push(micros(ended - began));
            requests.append(&mut connection.latencies);
        } else {
            connection.latencies.clear();
        }
    }
}

async fn gather<W: Worker>(
    mut work: JoinSet<anyhow::Result<Done<W>>>,
) -> anyhow::Result<Vec<Done<W>>> {
    let mut done = Vec::with_capacity(work.len());
    while let Some(one) = work.join_next().await {
        done.push(one??);
    }
    Ok(done)
}

async fn watch(server: &Server, window: Window) -> anyhow::Result<Usage> {
    tokio::time::sleep_until(window.from.into()).await;
    let watch = Watch::begin(server.pid())?;
    tokio::time::sleep_until(window.to.into()).await;
    watch.end()
}

/// The time.
#[expect(
    clippy::disallowed_methods,
    reason = "it measures real work on a real clock"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// A duration as whole microseconds.
pub(crate) fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}
