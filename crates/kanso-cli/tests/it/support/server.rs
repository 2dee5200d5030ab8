//! The real `kanso-server`, as a process that can be killed.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use kanso_testkit::FakeTime;
use tempfile::TempDir;

use super::times::{Times, Variables};

pub(crate) struct Server {
    folder: TempDir,
    clock: Variables,
    process: Process,
    /// Backup of the database.
    copy: Option<TempDir>,
}

/// A process that does not outlive its test.
struct Process {
    child: Child,
    address: String,
}

impl Drop for Process {
    fn drop(&mut self) {
        // On Unix this is SIGKILL: nothing is flushed and no handler runs.
        self.end();
    }
}

impl Process {
    fn end(&mut self) {
        self.child.kill().expect("the server can be killed");
        self.child.wait().expect("it is gone");
        FakeTime::clean_up_after(self.child.id());
    }
}

impl Server {
    /// A server with a folder of its own.
    pub(crate) fn start() -> Self {
        Self::start_with(Variables::new())
    }

    /// The same under another clock.
    pub(crate) fn start_under(times: &Times) -> Self {
        Self::start_with(times.variables())
    }

    /// A server whose accounts are made by invitation.
    pub(crate) fn start_for_invited() -> Self {
        let registration = ("KANSO_REGISTRATION", "invite".to_owned());
        Self::start_with(vec![registration])
    }

    /// Runs a command of the operator beside the server, and returns what it prints.
    pub(crate) fn operator(&self, arguments: &[&str]) -> String {
        let output = Command::new(program())
            .args(arguments)
            .arg("--data-dir")
            .arg(self.folder())
            .env_clear()
            .output()
            .expect("the program runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    fn start_with(clock: Variables) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let process = start(folder.path(), "127.0.0.1:0", &clock);
        Self {
            folder,
            clock,
            process,
            copy: None,
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.process.address
    }

    /// Data folder of the server.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `kill -9`, and another process on the same folder.
    pub(crate) fn crash(&mut self) {
        self.process.end();
        self.process = start(self.folder.path(), "127.0.0.1:0", &self.clock);
    }

    /// `kill -9`, and another process on the same folder and at the same address.
    pub(crate) fn restart(&mut self) {
        self.down(|_, _| {});
    }

    /// Runs `work` with the free address while the server is down.
    pub(crate) fn while_down(&mut self, work: impl FnOnce(&str)) {
        self.down(|_, listen| work(listen));
    }

    /// Starts again at the same address without any data.
    pub(crate) fn set_up_anew(&mut self) {
        self.down(|folder, _| {
            for file in std::fs::read_dir(folder).expect("reads") {
                std::fs::remove_file(file.expect("reads").path()).expect("removes");
            }
        });
    }

    /// Copies the database while the server is down.
    pub(crate) fn copy(&mut self) {
        let copy = tempfile::tempdir().expect("a folder");
        self.down(|folder, _| copy_database(folder, copy.path()));
        self.copy = Some(copy);
    }

    /// Restores the database from the copy while the server is down.
    pub(crate) fn restore_copy(&mut self) {
        let copy = self.copy.take().expect("a copy was made");
        self.down(|folder, _| copy_database(copy.path(), folder));
    }

    /// Kills the server, runs `work` with its folder and its address, and starts it again there.
    fn down(&mut self, work: impl FnOnce(&Path, &str)) {
        let address = self.process.address.clone();
        self.process.end();
        let address = address.trim_start_matches("http://");
        let listen = address.trim_end_matches('/');
        work(self.folder.path(), listen);
        self.process = start(self.folder.path(), listen, &self.clock);
    }
}

/// The server is built beside this test; Cargo builds only the program of this crate by itself.
fn program() -> PathBuf {
    let name = format!("kanso-server{}", std::env::consts::EXE_SUFFIX);
    let program = Path::new(env!("CARGO_BIN_EXE_kanso")).with_file_name(name);
    assert!(
        program.is_file(),
        "{} is not there: run `cargo xtask test`, which builds it first",
        program.display()
    );
    program
}

/// The database and the files beside it, in the place of those that are there.
fn copy_database(from: &Path, to: &Path) {
    let files = |folder: &Path| {
        let files = std::fs::read_dir(folder).expect("reads");
        let files = files.map(|file| file.expect("reads").path());
        let is_database = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with("kanso.db"))
        };
        files.filter(is_database).collect::<Vec<_>>()
    };
    for file in files(to) {
        std::fs::remove_file(file).expect("removes");
    }
    let copied = files(from);
    assert!(!copied.is_empty(), "there is a database");
    for file in copied {
        let name = file.file_name().expect("a name");
        std::fs::copy(&file, to.join(name)).expect("copies");
    }
}

fn start(folder: &Path, listen: &str, clock: &Variables) -> Process {
    let mut child = Command::new(program())
        .args(["--listen", listen, "--rate-limit", "off"])
        .arg("--data-dir")
        .arg(folder)
        .env_clear()
        .env("KANSO_LOG", "error")
        .env("KANSO_REGISTRATION", "open")
        .envs(clock.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the server starts");
    let stdout = child.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(stdout).lines();
    let address = lines.by_ref().find_map(|line| {
        let line = line.expect("UTF-8");
        let at = line.find("http://")?;
        Some(line[at..].trim_end().to_owned())
    });
    let address = address.expect("the server says where it listens");
    // Further output must not fill the pipe, or the server would block.
    std::thread::spawn(move || lines.for_each(drop));
    Process { child, address }
}
