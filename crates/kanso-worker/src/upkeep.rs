//! Purges expired data and stores the sightings of devices.

use std::time::Duration;

use kanso_application::devices::Devices;
use kanso_application::housekeeping::Housekeeping;
use kanso_application::security::Security;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::outage::Outage;
use crate::sleep_or_stop;

/// Interval at which sightings of devices and security events are stored. A batch instead of a write per sync.
const SIGHTINGS: Duration = Duration::from_secs(2);

/// Interval of the purge of expired data.
const PURGES: Duration = Duration::from_hours(1);

/// Pause between two steps of a purge. SQLite has one writer, and requests that write get their turn
/// in the pause.
const STEP_PAUSE: Duration = Duration::from_millis(50);

/// Interval at which deleted accounts are looked for.
const ERASURES: Duration = Duration::from_secs(5);

/// Spawns the purge, the erasure of accounts and the storing of sightings and events in `loops`, until
/// `stop`.
pub fn start_upkeep(
    loops: &TaskTracker,
    devices: Devices,
    security: Security,
    housekeeping: Housekeeping,
    stop: &CancellationToken,
) {
    loops.spawn(store_sightings(devices, stop.clone()));
    loops.spawn(store_events(security, stop.clone()));
    loops.spawn(erase(housekeeping.clone(), stop.clone()));
    loops.spawn(purge(housekeeping, stop.clone()));
}

/// Stores after each pause, and once more at the end: sightings not stored would be lost.
async fn store_sightings(devices: Devices, stop: CancellationToken) {
    let mut outage = Outage::default();
    loop {
        let continues = sleep_or_stop(SIGHTINGS, &stop).await;
        outage.note("devices", devices.store_sightings().await);
        if !continues {
            return;
        }
    }
}

/// Stores after each pause, and once more at the end, like [`store_sightings`].
async fn store_events(security: Security, stop: CancellationToken) {
    let mut outage = Outage::default();
    loop {
        let continues = sleep_or_stop(SIGHTINGS, &stop).await;
        outage.note("events", security.store_events().await);
        if !continues {
            return;
        }
    }
}

/// Erases deleted accounts at once and after each pause: a server may have ended in the middle of one.
async fn erase(housekeeping: Housekeeping, stop: CancellationToken) {
    let mut outage = Outage::default();
    let mut rows = 0;
    while !stop.is_cancelled() {
        let erased = outage.note("erasure", housekeeping.erase().await);
        // A failed step counts as an empty one: the next attempt erases the rest.
        let erased = u64::from(erased.unwrap_or_default());
        let pause = if erased > 0 {
            // The writes that wait get their turn. A step of SQLite takes some 30 ms.
            STEP_PAUSE
        } else {
            if rows > 0 {
                tracing::info!(rows, "deleted accounts erased");
            }
            rows = 0;
            ERASURES
        };
        rows += erased;
        if !sleep_or_stop(pause, &stop).await {
            return;
        }
    }
}

/// Purges at once and after each pause: a server that restarts every night would otherwise never
/// reach the hour.
async fn purge(housekeeping: Housekeeping, stop: CancellationToken) {
    let mut outage = Outage::default();
    let (mut receipts, mut tombstones, mut events, mut texts) = (0, 0, 0, 0);
    while !stop.is_cancelled() {
        let purged = outage.note("purge", housekeeping.step().await);
        // A failed step counts as an empty one: the next purge removes the rest.
        let purged = purged.unwrap_or_default();
        receipts += u64::from(purged.receipts);
        tombstones += u64::from(purged.tombstones);
        events += u64::from(purged.events);
        texts += u64::from(purged.texts);
        let pause = if purged.has_more() {
            STEP_PAUSE
        } else {
            // One line for a whole purge, however many steps it took.
            if receipts + tombstones + events + texts > 0 {
                tracing::info!(receipts, tombstones, events, texts, "expired data purged");
            }
            (receipts, tombstones, events, texts) = (0, 0, 0, 0);
            PURGES
        };
        if !sleep_or_stop(pause, &stop).await {
            return;
        }
    }
}
