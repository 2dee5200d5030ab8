//! The machine's own clock, timer and randomness.

use std::time::Duration;

use async_trait::async_trait;
use kanso_domain::Timestamp;
use uuid::Uuid;

use crate::clock::{Clock, Ids, Timer};

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the machine's clock is read here and nowhere else"
    )]
    fn now(&self) -> Timestamp {
        // Out of range only on a machine whose clock is set before year 1 or after 9999.
        Timestamp::from_jiff(jiff::Timestamp::now()).unwrap_or(Timestamp::MIN)
    }
}

/// UUIDs of version 7 from the machine's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemIds;

impl Ids for SystemIds {
    #[expect(
        clippy::disallowed_methods,
        reason = "random ids are made here and nowhere else"
    )]
    fn next_id(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// The timer of the Tokio runtime, which must have its time enabled.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemTimer;

#[async_trait]
impl Timer for SystemTimer {
    async fn wait(&self, delay: Duration) {
        tokio::time::sleep(delay).await;
    }
}
