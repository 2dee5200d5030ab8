//! The check of a large database while it is in use.
//!
//! The check reads every page, at more than a minute for three gigabytes on a disk. The server does not
//! wait for that: it serves, and if the check finds damage, it answers no further request.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle, sleep};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, InterruptHandle};

use crate::held_files::HeldFiles;
use crate::open::{first_problem, open_reader};

/// Pause between two attempts to end the check.
const PAUSE: Duration = Duration::from_millis(5);

/// A check that runs on a thread of its own.
pub(crate) struct BackgroundCheck {
    interrupt: InterruptHandle,
    thread: Option<JoinHandle<()>>,
}

impl BackgroundCheck {
    /// Starts to check the database at `path`.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(path: &Path, files: Arc<HeldFiles>) -> io::Result<Self> {
        let connection = open_reader(path).map_err(io::Error::other)?;
        let interrupt = connection.get_interrupt_handle();
        let path = path.to_owned();
        let thread = Builder::new()
            .name("kanso-check".to_owned())
            .spawn(move || check(&connection, path, &files))?;
        Ok(Self {
            interrupt,
            thread: Some(thread),
        })
    }

    /// Waits until the check ended by itself.
    pub(crate) fn wait(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic was reported by the thread.
            let _ = thread.join();
        }
    }

    /// Ends the check. Its snapshot would keep the last connection from emptying the log.
    pub(crate) fn end(&mut self) {
        // Repeated: an interrupt before the statement begins has no effect.
        while self
            .thread
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
        {
            self.interrupt.interrupt();
            sleep(PAUSE);
        }
        self.wait();
    }
}

impl Drop for BackgroundCheck {
    fn drop(&mut self) {
        self.end();
    }
}

fn check(connection: &Connection, path: PathBuf, files: &HeldFiles) {
    match first_problem(connection) {
        Ok(None) => tracing::info!(path = %path.display(), "database checked, no damage found"),
        Ok(Some(problem)) => files.report_damage(path, problem),
        Err(error) => match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => {}
            // A page that cannot be read is as lost as one with other content.
            Some(
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::SystemIoFailure,
            ) => files.report_damage(path, error.to_string()),
            _ => tracing::error!(%error, "database not checked"),
        },
    }
}
