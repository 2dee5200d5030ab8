//! Clock, ids and timer of the operating system.

use std::time::Duration;

use async_trait::async_trait;
use kanso_domain::Timestamp;
use uuid::Uuid;

use crate::clock::{Clock, Ids, Timer};

/// Clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the only place that reads the system clock"
    )]
    fn now(&self) -> Timestamp {
        // Out of range only if the system clock is set before year 1 or after year 9999.
        Timestamp::from_jiff(jiff::Timestamp::now()).unwrap_or(Timestamp::MIN)
    }
}

/// Random UUIDs of version 7. They begin with the time, so new rows go to the end of an index.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemIds;

impl Ids for SystemIds {
    #[expect(
        clippy::disallowed_methods,
        reason = "the only place that creates random ids"
    )]
    fn next_id(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// Timer of the Tokio runtime. The runtime needs `enable_time`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemTimer;

#[async_trait]
impl Timer for SystemTimer {
    async fn wait(&self, delay: Duration) {
        tokio::time::sleep(delay).await;
    }
}
