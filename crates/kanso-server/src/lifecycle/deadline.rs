//! The current deadline of a connection.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

use super::Limits;
use super::activity::Activity;

/// A timer that follows the deadline of an [`Activity`].
///
/// It must be polled after the connection and in the same task. Deadlines only move when the
/// connection makes progress, progress wakes this task, and so no waker of its own is needed.
/// The timer is reset only if the deadline moved forward in time or fired too early: a busy
/// connection moves its deadline with every request and would pay for each reset.
pub(super) struct Deadline {
    timer: Pin<Box<Sleep>>,
    limits: Limits,
}

impl Deadline {
    pub(super) fn new(activity: &Activity, limits: Limits) -> Self {
        let first = activity
            .deadline(&limits)
            .unwrap_or_else(|| Instant::now() + limits.header);
        Self {
            timer: Box::pin(sleep_until(first)),
            limits,
        }
    }

    /// Waits until the current deadline of `activity` has passed.
    pub(super) async fn elapsed(&mut self, activity: &Activity) {
        poll_fn(|cx| self.poll(cx, activity)).await;
    }

    fn poll(&mut self, cx: &mut Context<'_>, activity: &Activity) -> Poll<()> {
        loop {
            let Some(deadline) = activity.deadline(&self.limits) else {
                // A request runs, so nothing is due. Its end wakes the task.
                return Poll::Pending;
            };
            if deadline < self.timer.deadline() {
                self.timer.as_mut().reset(deadline);
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            // The timer fired at an old deadline. Loop to poll it again: a timer that is reset and
            // not polled wakes no task.
            self.timer.as_mut().reset(deadline);
        }
    }
}
