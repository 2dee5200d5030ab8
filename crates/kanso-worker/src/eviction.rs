//! Evicts expired entries from the in-process stores.

use std::sync::Arc;
use std::time::Duration;

use kanso_application::ports::evict::Evict;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::sleep_or_stop;

/// Interval between two evictions.
const PAUSE: Duration = Duration::from_mins(1);

/// Spawns a loop in `loops` that evicts expired entries from `stores` every minute, until `stop`.
pub fn start_eviction(loops: &TaskTracker, stores: Vec<Arc<dyn Evict>>, stop: &CancellationToken) {
    let stop = stop.clone();
    loops.spawn(async move {
        while sleep_or_stop(PAUSE, &stop).await {
            for store in &stores {
                store.evict_expired();
            }
        }
    });
}
