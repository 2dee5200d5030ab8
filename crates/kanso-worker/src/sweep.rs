//! What other servers committed, found in the storage.

use std::time::Duration;

use kanso_application::live::Live;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::measure;
use crate::outage::Outage;
use crate::rested;

/// Sets a loop going among `loops` that pokes the streams of this server when a history has moved
/// on another, within one `pause`, whatever became of the hint that the other sent. Until `stop`.
pub fn start_sweep(loops: &TaskTracker, live: Live, stop: &CancellationToken, pause: Duration) {
    loops.spawn(run(live, stop.clone(), pause));
}

async fn run(live: Live, stop: CancellationToken, pause: Duration) {
    let mut outage = Outage::default();
    while rested(pause, &stop).await {
        let begun = Instant::now();
        if let Some(missed) = outage.note("sweep", live.sweep().await) {
            measure::swept(missed, begun.elapsed());
        }
    }
}
