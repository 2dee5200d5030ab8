//! What time removes, and what is noted every now and then.

use std::time::Duration;

use kanso_application::devices::Devices;
use kanso_application::housekeeping::Housekeeping;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::outage::Outage;
use crate::rested;

/// From one storing of what devices were seen to the next.
const SIGHTINGS: Duration = Duration::from_secs(2);

/// From one look for what was kept long enough to the next.
const PURGES: Duration = Duration::from_hours(1);

/// Between two steps of a purge, so that whoever writes gets a turn.
const BREATH: Duration = Duration::from_millis(50);

/// Sets these loops going too, among `loops`, until `stop`.
pub fn start_upkeep(
    loops: &TaskTracker,
    devices: Devices,
    housekeeping: Housekeeping,
    stop: &CancellationToken,
) {
    loops.spawn(store_sightings(devices, stop.clone()));
    loops.spawn(purge(housekeeping, stop.clone()));
}

/// Stores after each pause, and once more at the end.
async fn store_sightings(devices: Devices, stop: CancellationToken) {
    let mut outage = Outage::default();
    loop {
        let goes_on = rested(SIGHTINGS, &stop).await;
        outage.note("devices", devices.store_sightings().await);
        if !goes_on {
            return;
        }
    }
}

/// Looks at once and then after each pause.
async fn purge(housekeeping: Housekeeping, stop: CancellationToken) {
    let mut outage = Outage::default();
    let (mut receipts, mut tombstones) = (0, 0);
    while !stop.is_cancelled() {
        let purged = outage.note("purge", housekeeping.step().await);
        let purged = purged.unwrap_or_default();
        receipts += u64::from(purged.receipts);
        tombstones += u64::from(purged.tombstones);
        let pause = if purged.has_more() {
            BREATH
        } else {
            if receipts + tombstones > 0 {
                tracing::info!(receipts, tombstones, "what was kept long enough is removed");
            }
            (receipts, tombstones) = (0, 0);
            PURGES
        };
        if !rested(pause, &stop).await {
            return;
        }
    }
}
