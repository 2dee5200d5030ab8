//! The deadline of a connection, wherever it currently lies.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

use super::Limits;
use super::pulse::Pulse;

/// Ends when the connection's current deadline passes.
///
/// It must be polled after the connection, in the same task: what moves a deadline also wakes that
/// task. The timer is only touched when it has to ring earlier, or has rung too early, so that a
/// busy connection costs none.
pub(super) struct Watchdog {
    timer: Pin<Box<Sleep>>,
    limits: Limits,
}

impl Watchdog {
    pub(super) fn new(pulse: &Pulse, limits: Limits) -> Self {
        let first = pulse
            .deadline(&limits)
            .unwrap_or_else(|| Instant::now() + limits.header);
        Self {
            timer: Box::pin(sleep_until(first)),
            limits,
        }
    }

    /// Waits until `pulse` has stood still for too long.
    pub(super) async fn barks(&mut self, pulse: &Pulse) {
        poll_fn(|cx| self.poll(cx, pulse)).await;
    }

    fn poll(&mut self, cx: &mut Context<'_>, pulse: &Pulse) -> Poll<()> {
        loop {
            let Some(deadline) = pulse.deadline(&self.limits) else {
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
            self.timer.as_mut().reset(deadline);
        }
    }
}
