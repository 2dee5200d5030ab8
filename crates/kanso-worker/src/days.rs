//! Begins the days of users for whom it is past midnight or past the start of their day.

use std::time::Duration;

use kanso_application::streaks::Streaks;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::measure;
use crate::outage::Outage;
use crate::pace::Pace;
use crate::sleep_or_stop;

/// Runs at once and after each `pause`, until `stop`.
pub(crate) async fn run(streaks: Streaks, stop: CancellationToken, pause: Duration) {
    let mut outage = Outage::default();
    while !stop.is_cancelled() {
        let (mut pace, begun, mut is_rollover) = (Pace::begin(), Instant::now(), false);
        // Each call handles one batch; an error ends the inner loop, and the next `pause` retries.
        while outage.note("days", streaks.begin_days().await) == Some(true) {
            is_rollover = true;
            // A midnight concerns all users of a time zone at once: paced, so that requests get their
            // share of the storage.
            if !pace.rest(&stop).await {
                return;
            }
        }
        if is_rollover {
            measure::rollover(begun.elapsed());
        }
        if !sleep_or_stop(pause, &stop).await {
            return;
        }
    }
}
