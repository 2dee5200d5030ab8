//! What a process remembers and needs no more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kanso_application::ports::evict::Evict;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Forgets one thing at a time.
struct Slow(AtomicUsize);

impl Evict for Slow {
    fn evict_expired(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }

    fn kept(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

#[tokio::test(start_paused = true)]
async fn every_memory_forgets_once_a_minute_until_the_end() {
    let memories = [3, 9].map(|kept| Arc::new(Slow(AtomicUsize::new(kept))));
    let kept = || memories.each_ref().map(|memory| memory.kept());
    let (loops, stop) = (TaskTracker::new(), CancellationToken::new());
    let handed = memories.iter().map(|memory| Arc::clone(memory) as _);
    kanso_worker::start_forgetting(&loops, handed.collect(), &stop);
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
