//! The measured server.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use kanso_harness::process::{ServerProcess, ServerSettings};
use tempfile::TempDir;

const STOP_LIMIT: Duration = Duration::from_secs(15);

/// A server process on an empty data folder, which is deleted with this value.
#[derive(Debug)]
pub(crate) struct MeasuredServer {
    // Dropped before the folder with its data.
    process: ServerProcess,
    pid: u32,
    _folder: TempDir,
}

impl MeasuredServer {
    /// Starts `program` on SQLite, with its data in a new folder below `parent`.
    pub(crate) async fn start(program: &Path, parent: &Path) -> anyhow::Result<Self> {
        Self::start_on(program, parent, None).await
    }

    /// Starts `program` on the database at a URL, or on SQLite.
    pub(crate) async fn start_on(
        program: &Path,
        parent: &Path,
        database: Option<&str>,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("kanso-bench-")
            .tempdir_in(parent)
            .context("cannot create a folder for the server")?;
        // The whole environment of the process, so no setting of the machine takes part.
        let database = database.map(|url| ("KANSO_DATABASE_URL".to_owned(), url.to_owned()));
        let process = ServerProcess::start(ServerSettings {
            program: program.to_owned(),
            folder: folder.path().to_owned(),
            // All requests come from one address, so the limit would be the result.
            flags: [
                "--rate-limit",
                "off",
                "--user-rate-limit",
                "off",
                "--client-connections",
                "off",
            ]
            .map(str::to_owned)
            .into(),
            variables: database.into_iter().collect(),
            wrapper: Vec::new(),
        });
        let process = process.await?;
        Ok(Self {
            pid: process.pid().context("the server has ended")?,
            process,
            _folder: folder,
        })
    }

    /// Address on which it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.process.address()
    }

    /// Process id.
    pub(crate) const fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends SIGTERM and waits until the process exits with code 0.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.process.stop(STOP_LIMIT).await?;
        Ok(())
    }
}
