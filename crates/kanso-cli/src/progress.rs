//! Progress indicator on stderr for work that takes longer than a second.

use std::future::Future;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget};

/// Time before the indicator appears. Most commands end sooner, and a flash would only distract.
const DELAY: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(100);

/// Creates an indicator that is not shown yet.
pub(crate) fn hidden(message: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    bar.set_message(message);
    bar
}

/// Awaits `work` and shows `bar` if that takes long. Draws nothing if stderr is not a terminal.
pub(crate) async fn during<T>(bar: &ProgressBar, work: impl Future<Output = T>) -> T {
    // Pinned, because the same future is polled again after the delay.
    tokio::pin!(work);
    let done = tokio::select! {
        done = &mut work => done,
        () = tokio::time::sleep(DELAY) => {
            // The indicator draws nothing until it has a target.
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.enable_steady_tick(TICK);
            work.await
        }
    };
    // Cleared, so that only messages stay on the screen.
    bar.finish_and_clear();
    done
}
