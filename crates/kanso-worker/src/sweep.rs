//! Finds heads in the storage that the feed did not report.

use std::time::Duration;

use kanso_application::live::Live;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::measure;
use crate::outage::Outage;
use crate::sleep_or_stop;

/// Spawns a loop in `loops` that notifies the streams of this server of changes which other servers
/// committed, until `stop`.
///
/// The feed is best effort: Redis may lose a notice, and a server may crash after its commit. The
/// sweep bounds the delay to one `pause` in every case.
pub fn start_sweep(loops: &TaskTracker, live: Live, stop: &CancellationToken, pause: Duration) {
    loops.spawn(run(live, stop.clone(), pause));
}

async fn run(live: Live, stop: CancellationToken, pause: Duration) {
    let mut outage = Outage::default();
    // Pauses first: a server that has just started has no streams to notify.
    while sleep_or_stop(pause, &stop).await {
        let begun = Instant::now();
        if let Some(missed) = outage.note("sweep", live.sweep().await) {
            measure::swept(missed, begun.elapsed());
        }
    }
}
