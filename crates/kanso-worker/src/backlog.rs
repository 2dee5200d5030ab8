//! Reports the jobs that were tried too often.

use std::time::Duration;

use kanso_application::streaks::Streaks;
use tokio_util::sync::CancellationToken;

use crate::measure;
use crate::outage::Outage;
use crate::rested;

/// Looks after each `pause`, until `stop`; a number that stays is said once.
pub(crate) async fn run(streaks: Streaks, stop: CancellationToken, pause: Duration) {
    let (mut outage, mut said) = (Outage::default(), 0);
    while rested(pause, &stop).await {
        let Some(backlog) = outage.note("backlog", streaks.backlog().await) else {
            continue;
        };
        measure::backlog(backlog);
        let (parked, waiting) = (backlog.parked, backlog.waiting);
        match parked {
            _ if parked == said => {}
            0 => tracing::info!(waiting, "no streak is parked any more"),
            _ => tracing::warn!(
                parked,
                waiting,
                "streaks could not be computed; each waits for the next change of its habit"
            ),
        }
        said = parked;
    }
}
