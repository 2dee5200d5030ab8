//! A closed loop: every connection sends its next request when it has the answer to the last.
//!
//! The number of requests in flight is therefore the number of connections. A slow server gets
//! fewer requests and not a longer queue, so latencies are those of a server at its own pace and
//! not those of an overload.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::task::JoinSet;

use crate::clock::{micros, now};
use crate::connection::Connection;
use crate::resources::{Usage, UsageSampler};
use crate::server::MeasuredServer;

/// Time before the measurement, in which caches fill and the batches of group commit reach their
/// usual size.
const WARM_UP: Duration = Duration::from_secs(1);
/// Time limit for the last answers.
const LAST_ANSWERS: Duration = Duration::from_secs(30);

/// Work of one connection.
pub(crate) trait Workload: Send + 'static {
    /// Does the work once, and checks the answers.
    fn turn(
        &mut self,
        connection: &mut Connection,
    ) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// Result of a load. Times are in microseconds.
#[derive(Debug)]
pub(crate) struct LoadResult {
    pub(crate) connections: usize,
    pub(crate) length: Duration,
    /// Duration of each turn.
    pub(crate) turns: Vec<u32>,
    /// Duration of each request of those turns.
    pub(crate) requests: Vec<u32>,
    pub(crate) usage: Usage,
}

/// Runs every workload on a connection of its own, and measures for `length`. The workloads are
/// returned in any order.
pub(crate) async fn apply<W: Workload>(
    server: &MeasuredServer,
    workloads: Vec<W>,
    length: Duration,
) -> anyhow::Result<(LoadResult, Vec<W>)> {
    // All connections are open before the window, so no handshake is measured.
    let mut connections = Vec::with_capacity(workloads.len());
    for _ in 0..workloads.len() {
        connections.push(Connection::open(server.address()).await?);
    }
    let window = MeasurementWindow::opening_in(WARM_UP, length);
    let mut running = JoinSet::new();
    for (workload, connection) in workloads.into_iter().zip(connections) {
        running.spawn(turns(workload, connection, window));
    }
    let gathered = tokio::time::timeout_at((window.to + LAST_ANSWERS).into(), gather(running));
    let gathered = async { gathered.await.context("the last answers did not arrive")? };
    // Usage is sampled in the same window as the turns, so that the two can be divided.
    let (finished, usage) = tokio::try_join!(gathered, sample_usage(server, window))?;

    let mut load = LoadResult {
        connections: finished.len(),
        length,
        turns: Vec::new(),
        requests: Vec::new(),
        usage,
    };
    let mut workloads = Vec::with_capacity(finished.len());
    for one in finished {
        load.turns.extend(one.turns);
        load.requests.extend(one.requests);
        workloads.push(one.workload);
    }
    // Percentiles of nothing would be NaN, and the report would not say why.
    anyhow::ensure!(!load.turns.is_empty(), "no turn ended within {length:?}");
    Ok((load, workloads))
}

/// Time that is measured. A turn belongs to the window in which it ends.
#[derive(Clone, Copy, Debug)]
struct MeasurementWindow {
    from: Instant,
    to: Instant,
}

impl MeasurementWindow {
    fn opening_in(delay: Duration, length: Duration) -> Self {
        let from = now() + delay;
        Self {
            from,
            to: from + length,
        }
    }
}

/// A workload after its last turn, with the durations of its turns and requests.
struct FinishedWorkload<W> {
    workload: W,
    turns: Vec<u32>,
    requests: Vec<u32>,
}

async fn turns<W: Workload>(
    mut workload: W,
    mut connection: Connection,
    window: MeasurementWindow,
) -> anyhow::Result<FinishedWorkload<W>> {
    let (mut turns, mut requests) = (Vec::new(), Vec::new());
    loop {
        let began = now();
        // The last turn is always finished: an aborted push would leave the device without the
        // cursor that later workloads need.
        if began >= window.to {
            return Ok(FinishedWorkload {
                workload,
                turns,
                requests,
            });
        }
        workload.turn(&mut connection).await?;
        let ended = now();
        if (window.from..window.to).contains(&ended) {
            turns.push(micros(ended - began));
            requests.append(&mut connection.latencies);
        } else {
            // Requests of the warm-up and of the last turn are outside of the window.
            connection.latencies.clear();
        }
    }
}

async fn gather<W: Workload>(
    mut running: JoinSet<anyhow::Result<FinishedWorkload<W>>>,
) -> anyhow::Result<Vec<FinishedWorkload<W>>> {
    let mut finished = Vec::with_capacity(running.len());
    while let Some(one) = running.join_next().await {
        finished.push(one??);
    }
    Ok(finished)
}

async fn sample_usage(server: &MeasuredServer, window: MeasurementWindow) -> anyhow::Result<Usage> {
    tokio::time::sleep_until(window.from.into()).await;
    let sampler = UsageSampler::begin(server.pid())?;
    tokio::time::sleep_until(window.to.into()).await;
    sampler.end()
}
