//! Eviction of expired entries.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kanso_application::ports::evict::Evict;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Store that evicts one entry per call.
struct CountingStore(AtomicUsize);

impl Evict for CountingStore {
    fn evict_expired(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }

    fn kept(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

#[tokio::test(start_paused = true)]
async fn every_store_evicts_once_a_minute_until_the_stop() {
    let stores = [3, 9].map(|kept| Arc::new(CountingStore(AtomicUsize::new(kept))));
    let kept = || stores.each_ref().map(|store| store.kept());
    let (loops, stop) = (TaskTracker::new(), CancellationToken::new());
    let passed = stores.iter().map(|store| Arc::clone(store) as _);
    kanso_worker::start_eviction(&loops, passed.collect(), &stop);
    loops.close();
    sleep(Duration::from_secs(30)).await;
    for left in [[3, 9], [2, 8], [1, 7]] {
        assert_eq!(kept(), left);
        sleep(Duration::from_mins(1)).await;
    }
    stop.cancel();
    loops.wait().await;
    sleep(Duration::from_mins(9)).await;
    assert_eq!(kept(), [0, 6]);
}
