//! A sign of life on stderr for what takes longer than a second.

use std::future::Future;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget};

const PATIENCE: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(100);

/// A sign that is not shown yet.
pub(crate) fn hidden(message: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    bar.set_message(message);
    bar
}

/// Waits for `work`, and shows `bar` when that takes long. Where stderr is no terminal nothing
/// is drawn.
pub(crate) async fn during<T>(bar: &ProgressBar, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    let done = tokio::select! {
        done = &mut work => done,
        () = tokio::time::sleep(PATIENCE) => {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.enable_steady_tick(TICK);
            work.await
        }
    };
    bar.finish_and_clear();
    done
}
