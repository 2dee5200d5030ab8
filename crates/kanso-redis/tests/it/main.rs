//! Tests of the adapters on a real Redis, also while it is unavailable.

#![expect(clippy::unwrap_used, reason = "a test stops at an unexpected error")]

use kanso_application::ports::shared_service::SharedService as _;

mod answers;
mod feed;
mod formats;
mod limiter;
mod stream_slots;
mod throttle;
mod tickets;
mod tls;

/// Waits until Redis answers, or until it does not.
async fn until(redis: &kanso_redis::Redis, answers: bool) {
    let changed = async {
        while redis.answers().await != answers {
            tokio::task::yield_now().await;
        }
    };
    let limit = std::time::Duration::from_secs(30);
    tokio::time::timeout(limit, changed).await.unwrap();
}
