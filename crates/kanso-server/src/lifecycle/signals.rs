//! SIGTERM and SIGINT.

use std::io;

use super::Stages;

/// The process's termination signals. They are caught from the moment this exists.
#[cfg(unix)]
pub struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Catches the signals.
    pub fn catch() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The first signal asks `stages` for the shutdown, the second demands it at once.
    pub async fn drive(mut self, stages: Stages) {
        loop {
            let name = tokio::select! {
                _ = self.terminate.recv() => "SIGTERM",
                _ = self.interrupt.recv() => "SIGINT",
            };
            tracing::info!(signal = name, "a signal arrived");
            stages.advance();
        }
    }
}

/// The process's termination signals. They are caught from the moment this exists.
#[cfg(not(unix))]
pub struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// Catches the signals.
    pub fn catch() -> io::Result<Self> {
        Ok(Self)
    }

    /// The first signal asks `stages` for the shutdown, the second demands it at once.
    pub async fn drive(self, stages: Stages) {
        while tokio::signal::ctrl_c().await.is_ok() {
            stages.advance();
        }
    }
}
