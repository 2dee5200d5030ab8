//! The adapters on a real Redis: together, and while it is away.

#![expect(
    clippy::unwrap_used,
    reason = "a test that meets what it does not expect stops there"
)]

use kanso_application::ports::shared_service::SharedService as _;

mod answers;
mod feed;
mod formats;
mod limiter;
mod stream_slots;
mod throttle;
mod tickets;

/// Until Redis answers, or does no longer.
async fn until(redis: &kanso_redis::Redis, answers: bool) {
    let changed = async {
        while redis.answers().await != answers {
            tokio::task::yield_now().await;
        }
    };
    let limit = std::time::Duration::from_secs(30);
    tokio::time::timeout(limit, changed).await.unwrap();
}
