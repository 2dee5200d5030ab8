//! Signals to the process.

use std::io;

use super::Shutdown;

/// Caught signals: SIGTERM, SIGINT and SIGHUP on Unix, Ctrl-C elsewhere.
pub struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    /// Catches the signals from now on, so that none of them ends the process during its start.
    ///
    /// # Errors
    /// If the operating system refuses the handlers.
    pub fn catch() -> io::Result<Self> {
        #[cfg(unix)]
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            #[cfg(unix)]
            terminate: signal(SignalKind::terminate())?,
            #[cfg(unix)]
            interrupt: signal(SignalKind::interrupt())?,
            #[cfg(unix)]
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Advances `shutdown` with every termination signal: the first begins it, the second ends it at
    /// once.
    pub async fn drive(mut self, shutdown: Shutdown) {
        while let Some(name) = self.next().await {
            tracing::info!(signal = name, "signal received");
            shutdown.advance();
        }
    }

    #[cfg(unix)]
    async fn next(&mut self) -> Option<&'static str> {
        loop {
            return Some(tokio::select! {
                _ = self.terminate.recv() => "SIGTERM",
                _ = self.interrupt.recv() => "SIGINT",
                // The terminal was closed, or an operator expects the settings to be read again. The
                // default is the end of the process, in the middle of whatever it does.
                Some(()) = self.hang_up.recv() => {
                    tracing::info!(signal = "SIGHUP", "signal ignored, settings are read at the start");
                    continue;
                }
            });
        }
    }

    #[cfg(not(unix))]
    #[expect(clippy::needless_pass_by_ref_mut, reason = "as on Unix")]
    async fn next(&mut self) -> Option<&'static str> {
        tokio::signal::ctrl_c().await.ok().map(|()| "Ctrl-C")
    }
}
