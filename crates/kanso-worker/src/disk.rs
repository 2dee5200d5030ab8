//! Watches the free space of the disk.

use std::time::Duration;

use kanso_application::disk::{DiskCheck, DiskGuard, DiskLevel};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::outage::Outage;
use crate::{measure, sleep_or_stop};

/// Interval of the look at the disk. A server writes some 100 MB a second at most, so this is part of why
/// the reserve has to be large.
const INTERVAL: Duration = Duration::from_secs(2);

/// Spawns the watch of the disk in `loops`, until `stop`.
pub fn start_disk_watch(loops: &TaskTracker, disk: DiskGuard, stop: &CancellationToken) {
    loops.spawn(watch(disk, stop.clone()));
}

async fn watch(disk: DiskGuard, stop: CancellationToken) {
    let mut outage = Outage::default();
    loop {
        match outage.note("disk", disk.check().await) {
            // There is no disk to watch.
            Some(None) => return,
            Some(Some(check)) => report(check),
            None => {}
        }
        if !sleep_or_stop(INTERVAL, &stop).await {
            return;
        }
    }
}

fn report(check: DiskCheck) {
    let DiskCheck {
        space,
        level,
        has_changed,
    } = check;
    measure::disk(space.free_bytes, level);
    if !has_changed {
        return;
    }
    let (free_bytes, total_bytes) = (space.free_bytes, space.total_bytes);
    match level {
        DiskLevel::Enough => {
            tracing::info!(free_bytes, total_bytes, "the disk has enough free space");
        }
        DiskLevel::Low => tracing::warn!(
            free_bytes,
            total_bytes,
            "little free space on the disk: registrations are refused"
        ),
        DiskLevel::Full => tracing::error!(
            free_bytes,
            total_bytes,
            "the disk is nearly full: registrations and writes are refused"
        ),
    }
}
