//! A server as a process: started, killed, stopped, and started again where it was.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use kanso_testkit::address_in;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

const START: Duration = Duration::from_mins(1);

/// How a server is started.
#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// The program.
    pub program: PathBuf,
    /// Where its files go. It exists.
    pub folder: PathBuf,
    /// Flags, besides those for the address and the data folder.
    pub flags: Vec<String>,
    /// Its environment; nothing else is in it.
    pub variables: Vec<(String, String)>,
    /// A program in front of it, with its arguments, such as one that sets a limit.
    pub before: Vec<String>,
}

/// A `kanso-server` that keeps its address from one start to the next.
#[derive(Debug)]
pub struct Node {
    settings: NodeSettings,
    child: Option<Child>,
    address: SocketAddr,
}

/// How a server ended that was asked to.
#[derive(Clone, Copy, Debug)]
pub struct Stopped {
    /// Its exit code, if it was not killed.
    pub code: Option<i32>,
    /// How long it took.
    pub took: Duration,
}

impl Node {
    /// Starts a server on a free port, and waits until it listens.
    ///
    /// # Errors
    /// It did not start.
    pub async fn start(settings: NodeSettings) -> anyhow::Result<Self> {
        let mut node = Self {
            settings,
            child: None,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        node.start_again().await?;
        Ok(node)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as the beginning of a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.settings.folder.join("data")
    }

    /// What it is started with from the next start on.
    pub fn settings_mut(&mut self) -> &mut NodeSettings {
        &mut self.settings
    }

    /// Starts it where it was, after it has ended.
    ///
    /// # Errors
    /// It did not start.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        let child = self
            .command()?
            .spawn()
            .with_context(|| format!("cannot start {}", self.settings.program.display()))?;
        self.child = Some(child);
        self.address = timeout(START, self.listens())
            .await
            .with_context(|| format!("no address after {START:?}; it said: {}", self.log()))??;
        Ok(())
    }

    /// Ends it as a power cut would, and waits until it is gone.
    ///
    /// # Errors
    /// It is not there.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        let mut child = self.child.take().context("the server does not run")?;
        child.kill().await.context("cannot kill the server")
    }

    /// Sends it a signal, such as `-TERM`.
    ///
    /// # Errors
    /// It is not there.
    pub async fn signal(&self, name: &str) -> anyhow::Result<()> {
        let pid = self.pid().context("the server does not run")?;
        signal(pid, name).await
    }

    /// Asks it to stop as an init system would, and waits until it has.
    ///
    /// # Errors
    /// It did not end within `limit`.
    pub async fn stop(&mut self, limit: Duration) -> anyhow::Result<Stopped> {
        let began = Instant::now();
        self.signal("-TERM").await?;
        let status = self.ended(limit).await?;
        Ok(Stopped {
            code: status.code(),
            took: began.elapsed(),
        })
    }

    async fn ended(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let child = self.child.as_mut().context("the server does not run")?;
        let status = timeout(limit, child.wait())
            .await
            .with_context(|| format!("the server did not end within {limit:?}"))??;
        self.child = None;
        Ok(status)
    }

    /// The end of what it logged since it was started last.
    pub fn log(&self) -> String {
        let log = self.whole_log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }

    /// What it logged since it was started last.
    pub fn whole_log(&self) -> String {
        fs::read_to_string(self.stderr()).unwrap_or_default()
    }

    fn stdout(&self) -> PathBuf {
        self.settings.folder.join("stdout.txt")
    }

    fn stderr(&self) -> PathBuf {
        self.settings.folder.join("stderr.txt")
    }

    fn command(&self) -> anyhow::Result<Command> {
        let settings = &self.settings;
        let mut words = settings.before.iter().map(Path::new).collect::<Vec<_>>();
        words.push(&settings.program);
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .args(["--listen", &self.address.to_string()])
            .arg("--data-dir")
            .arg(self.data())
            .args(&settings.flags)
            // Neither somebody's variables nor their kanso.toml may change what is seen.
            .env_clear()
            .envs(settings.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(&settings.folder)
            .stdin(Stdio::null())
            // Files: a pipe would have to be emptied, also while the server is stopped.
            .stdout(File::create(self.stdout())?)
            .stderr(File::create(self.stderr())?)
            .kill_on_drop(true);
        Ok(command)
    }

    /// The address that it prints when it listens.
    async fn listens(&mut self) -> anyhow::Result<SocketAddr> {
        loop {
            if let Some(address) = address_in(&fs::read_to_string(self.stdout())?) {
                return Ok(address);
            }
            let child = self.child.as_mut().context("the server does not run")?;
            if let Some(status) = child.try_wait()? {
                self.child = None;
                anyhow::bail!("the server ended with {status}; it said: {}", self.log());
            }
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Sends a process a signal, such as `-STOP`.
///
/// # Errors
/// It is not there.
pub async fn signal(pid: u32, name: &str) -> anyhow::Result<()> {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status();
    let sent = sent.await.context("cannot run kill")?;
    anyhow::ensure!(sent.success(), "there is no process {pid}");
    Ok(())
}
