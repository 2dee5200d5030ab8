//! Reports the backlog of streak jobs.

use std::time::Duration;

use kanso_application::ports::storage::Backlog;
use kanso_application::streaks::Streaks;
use tokio_util::sync::CancellationToken;

use crate::measure;
use crate::outage::Outage;
use crate::sleep_or_stop;

/// Reports at once and after each `pause`, until `stop`.
pub(crate) async fn run(streaks: Streaks, stop: CancellationToken, pause: Duration) {
    let (mut outage, mut last_parked) = (Outage::default(), 0);
    loop {
        // During an outage the last value stays: no count is not a count of zero.
        if let Some((backlog, oldest_seconds)) = outage.note("backlog", streaks.backlog().await) {
            measure::backlog(backlog, oldest_seconds);
            report(backlog, last_parked);
            last_parked = backlog.parked;
        }
        if !sleep_or_stop(pause, &stop).await {
            return;
        }
    }
}

/// Logs the number of parked jobs if it has changed: one line per change, not one per minute.
fn report(
    Backlog {
        parked, waiting, ..
    }: Backlog,
    last_parked: u64,
) {
    match parked {
        _ if parked == last_parked => {}
        0 => tracing::info!(waiting, "no parked streak jobs left"),
        _ => tracing::warn!(
            parked,
            waiting,
            "streak jobs parked until the next change of their habits"
        ),
    }
}
