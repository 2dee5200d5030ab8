//! A `kanso-server` as a process.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use kanso_testkit::address_in;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

/// Time limit for a start. Migrations and a recovery of the database are part of it, on a machine
/// that may run other tests as well.
const START_LIMIT: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(10);
/// Lines of the log that an error message quotes.
const QUOTED_LINES: usize = 10;

/// Settings by which a server is started.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// The program.
    pub program: PathBuf,
    /// Existing folder for the data folder and the captured output.
    pub folder: PathBuf,
    /// Flags besides those for the address and the data folder.
    pub flags: Vec<String>,
    /// The whole environment of the process.
    pub variables: Vec<(String, String)>,
    /// A program that runs the server, with its arguments, such as one that sets a resource limit.
    pub wrapper: Vec<String>,
}

/// A `kanso-server` process that keeps its address over restarts.
#[derive(Debug)]
pub struct ServerProcess {
    settings: ServerSettings,
    child: Option<Child>,
    address: SocketAddr,
}

impl ServerProcess {
    /// Starts a server on a free port and waits until it listens.
    ///
    /// # Errors
    /// The server did not start.
    pub async fn start(settings: ServerSettings) -> anyhow::Result<Self> {
        let mut server = Self {
            settings,
            child: None,
            // Port 0: the kernel chooses a free port, and the server prints it. Choosing one here
            // would race with every other process of the machine.
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        server.start_again().await?;
        Ok(server)
    }

    /// Address on which it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Address as the beginning of a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Process id, while the server runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Data folder of the server.
    pub fn data(&self) -> PathBuf {
        self.settings.folder.join("data")
    }

    /// Settings that the next start uses.
    pub const fn settings_mut(&mut self) -> &mut ServerSettings {
        &mut self.settings
    }

    /// Starts the server on its old address, after it has ended.
    ///
    /// # Errors
    /// The server did not start.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        let child = self
            .command()?
            .spawn()
            .with_context(|| format!("cannot start {}", self.settings.program.display()))?;
        self.child = Some(child);
        self.address = timeout(START_LIMIT, self.printed_address())
            .await
            .with_context(|| {
                let log = self.log_tail();
                format!("no address after {START_LIMIT:?}; the log ends with: {log}")
            })??;
        Ok(())
    }

    /// Sends SIGKILL and waits until the process is gone.
    ///
    /// # Errors
    /// The server does not run.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        // Taken out before the await: if the caller is cancelled, `kill_on_drop` still ends the process.
        let mut child = self.child.take().context("the server does not run")?;
        child.kill().await.context("cannot kill the server")
    }

    /// Sends SIGTERM, as an init system does, waits until the process exits with code 0, and
    /// returns how long that took.
    ///
    /// # Errors
    /// The server does not run, it did not end within `limit`, or it ended with another exit code.
    pub async fn stop(&mut self, limit: Duration) -> anyhow::Result<Duration> {
        let began = Instant::now();
        // By the program `kill`: the workspace forbids unsafe code, and the standard library sends only
        // SIGKILL.
        let pid = self.pid().context("the server does not run")?;
        signal(pid, "-TERM").await?;
        let status = self.exited(limit).await?;
        let took = began.elapsed();
        anyhow::ensure!(
            status.success(),
            "the server ended with {status} after {took:?}; the log ends with: {}",
            self.log_tail()
        );
        Ok(took)
    }

    /// Returns the log since the last start.
    pub fn log(&self) -> String {
        fs::read_to_string(self.stderr()).unwrap_or_default()
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(QUOTED_LINES)..].join("\n")
    }

    async fn exited(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let child = self.child.as_mut().context("the server does not run")?;
        let status = timeout(limit, child.wait())
            .await
            .with_context(|| format!("the server did not end within {limit:?}"))??;
        self.child = None;
        Ok(status)
    }

    fn stdout(&self) -> PathBuf {
        self.settings.folder.join("stdout.txt")
    }

    fn stderr(&self) -> PathBuf {
        self.settings.folder.join("stderr.txt")
    }

    fn command(&self) -> anyhow::Result<Command> {
        let settings = &self.settings;
        let mut words = settings.wrapper.iter().map(Path::new).collect::<Vec<_>>();
        words.push(&settings.program);
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .args(["--listen", &self.address.to_string()])
            .arg("--data-dir")
            .arg(self.data())
            .args(&settings.flags)
            // The environment and a kanso.toml of the machine must not change the results.
            .env_clear()
            // Workloads and scenarios register many accounts. Not a flag: an older server, to compare with,
            // refuses flags that it does not know.
            .env("KANSO_REGISTRATION", "open")
            .envs(settings.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(&settings.folder)
            .stdin(Stdio::null())
            // Files instead of pipes. A pipe that is not read blocks the server as soon as it is
            // full, and reading it would take processor time while the server is measured.
            .stdout(File::create(self.stdout())?)
            .stderr(File::create(self.stderr())?)
            .kill_on_drop(true);
        Ok(command)
    }

    /// Waits for the line that the server prints when it listens.
    async fn printed_address(&mut self) -> anyhow::Result<SocketAddr> {
        loop {
            if let Some(address) = address_in(&fs::read_to_string(self.stdout())?) {
                return Ok(address);
            }
            let child = self.child.as_mut().context("the server does not run")?;
            // A server that ended prints no address any more. Without this check a wrong flag would cost the
            // whole time limit.
            if let Some(status) = child.try_wait()? {
                self.child = None;
                let log = self.log_tail();
                anyhow::bail!("the server ended with {status}; the log ends with: {log}");
            }
            sleep(POLL).await;
        }
    }
}

/// Sends a process a signal, such as `-STOP`.
async fn signal(pid: u32, name: &str) -> anyhow::Result<()> {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status();
    let sent = sent.await.context("cannot run kill")?;
    anyhow::ensure!(sent.success(), "there is no process {pid}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shell script in the place of a server.
    fn script(folder: &Path, script: &str) -> ServerSettings {
        ServerSettings {
            program: "kanso-server".into(),
            folder: folder.to_owned(),
            flags: Vec::new(),
            variables: Vec::new(),
            wrapper: ["/bin/sh", "-c", script].map(str::to_owned).into(),
        }
    }

    #[tokio::test]
    async fn address_is_read_from_the_output_and_kept_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        // `$0` is the program, `$1` is `--listen`, and `$2` its value.
        let listens = "echo listen $2 >&2; echo http://127.0.0.1:4567; exec sleep 30";
        let mut server = ServerProcess::start(script(folder.path(), listens))
            .await
            .unwrap();
        assert_eq!(server.url(), "http://127.0.0.1:4567");
        assert_eq!(server.log(), "listen 127.0.0.1:0\n");
        server.kill().await.unwrap();
        assert_eq!(server.pid(), None);
        server.start_again().await.unwrap();
        assert_eq!(server.log(), "listen 127.0.0.1:4567\n");
        server.kill().await.unwrap();
    }

    #[tokio::test]
    async fn failed_start_quotes_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let settings = script(folder.path(), "echo no disk >&2; exit 3");
        let error = ServerProcess::start(settings).await.unwrap_err();
        assert!(error.to_string().ends_with("no disk"), "{error}");
    }

    #[tokio::test]
    async fn stop_requires_exit_code_zero() {
        let folder = tempfile::tempdir().unwrap();
        for (code, is_clean) in [(0, true), (1, false)] {
            let stops =
                format!("trap 'exit {code}' TERM; echo http://127.0.0.1:1; sleep 30 & wait");
            let settings = script(folder.path(), &stops);
            let mut server = ServerProcess::start(settings).await.unwrap();
            let stopped = server.stop(Duration::from_secs(10)).await;
            assert_eq!(stopped.is_ok(), is_clean, "{stopped:?}");
        }
    }
}
