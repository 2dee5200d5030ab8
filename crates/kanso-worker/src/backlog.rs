//! Reports the jobs that were tried too often.

use std::time::Duration;

use kanso_application::ports::storage::Backlog;
use kanso_application::streaks::Streaks;
use tokio_util::sync::CancellationToken;

use crate::measure;
use crate::outage::Outage;
use crate::rested;

/// Looks at once and after each `pause`, until `stop`.
pub(crate) async fn run(streaks: Streaks, stop: CancellationToken, pause: Duration) {
    let (mut outage, mut said) = (Outage::default(), 0);
    loop {
        if let Some((backlog, oldest_seconds)) = outage.note("backlog", streaks.backlog().await) {
            measure::backlog(backlog, oldest_seconds);
            report(backlog, said);
            said = backlog.parked;
        }
        if !rested(pause, &stop).await {
            return;
        }
    }
}

/// A number that stays is said once.
fn report(
    Backlog {
        parked, waiting, ..
    }: Backlog,
    said: u64,
) {
    match parked {
        _ if parked == said => {}
        0 => tracing::info!(waiting, "no streak is parked any more"),
        _ => tracing::warn!(
            parked,
            waiting,
            "streaks could not be computed; each waits for the next change of its habit"
        ),
    }
}
