//! What this process remembers and needs no more.

use std::sync::Arc;
use std::time::Duration;

use kanso_application::ports::evict::Evict;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::rested;

/// From one look to the next.
const PAUSE: Duration = Duration::from_mins(1);

/// Sets a loop going among `loops` that lets each of `memories` forget every minute. Until `stop`.
pub fn start_forgetting(
    loops: &TaskTracker,
    memories: Vec<Arc<dyn Evict>>,
    stop: &CancellationToken,
) {
    let stop = stop.clone();
    loops.spawn(async move {
        while rested(PAUSE, &stop).await {
            for memory in &memories {
                memory.evict_expired();
            }
        }
    });
}
