//! The server under load, as a process.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use kanso_testkit::address_in;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

const START: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(15);

/// A server on an empty data folder and a free port. Its folder goes when it goes.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pid: u32,
    address: SocketAddr,
    folder: TempDir,
}

impl Server {
    /// Starts `program` in a new folder below `parent`, and waits until it listens.
    pub(crate) async fn start(program: &Path, parent: &Path) -> anyhow::Result<Self> {
        Self::start_on(program, parent, None).await
    }

    /// The same, on the database that a URL names, if one is named.
    pub(crate) async fn start_on(
        program: &Path,
        parent: &Path,
        database: Option<&str>,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("kanso-bench-")
            .tempdir_in(parent)
            .context("cannot make a folder for the server")?;
        let child = command(program, folder.path())?
            .envs(database.map(|url| ("KANSO_DATABASE_URL", url)))
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let pid = child.id().context("the server has ended")?;
        let mut server = Self {
            child,
            pid,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            folder,
        };
        server.address = timeout(START, server.listens())
            .await
            .with_context(|| format!("no address after {START:?}; it said: {}", server.log()))??;
        Ok(server)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Asks it to stop, as an init system would, and waits until it has.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let asked = Command::new("kill")
            .args(["-TERM", &self.pid.to_string()])
            .status()
            .await
            .context("cannot run kill")?;
        anyhow::ensure!(
            asked.success(),
            "the server is gone; it said: {}",
            self.log()
        );
        let ended = timeout(STOP, self.child.wait())
            .await
            .with_context(|| format!("the server did not stop within {STOP:?}"))??;
        self.ensure_ended_well(ended)
    }

    fn ensure_ended_well(&self, status: ExitStatus) -> anyhow::Result<()> {
        anyhow::ensure!(
            status.success(),
            "the server ended with {status}; it said: {}",
            self.log()
        );
        Ok(())
    }

    /// The address that it prints when it listens.
    async fn listens(&mut self) -> anyhow::Result<SocketAddr> {
        loop {
            let printed = fs::read_to_string(stdout_in(self.folder.path()))?;
            if let Some(address) = address_in(&printed) {
                return Ok(address);
            }
            if let Some(status) = self.child.try_wait()? {
                anyhow::bail!("the server ended with {status}; it said: {}", self.log());
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// The end of what it logged.
    fn log(&self) -> String {
        let log = fs::read_to_string(stderr_in(self.folder.path())).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }
}

/// It logs to files: a pipe would have to be emptied by a program that should be idle.
fn command(program: &Path, folder: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(program);
    command
        .args(["--listen", "127.0.0.1:0", "--rate-limit", "off"])
        .arg("--data-dir")
        .arg(folder.join("data"))
        // Neither somebody's variables nor their kanso.toml may change what is measured.
        .env_clear()
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(File::create(stdout_in(folder))?)
        .stderr(File::create(stderr_in(folder))?)
        .kill_on_drop(true);
    Ok(command)
}

fn stdout_in(folder: &Path) -> PathBuf {
    folder.join("stdout.txt")
}

fn stderr_in(folder: &Path) -> PathBuf {
    folder.join("stderr.txt")
}
