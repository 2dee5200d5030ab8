//! The real `kanso-server`, as a process that can be killed.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

pub(crate) struct Server {
    folder: TempDir,
    process: Process,
}

/// A process that does not outlive its test.
struct Process {
    child: Child,
    address: String,
}

impl Drop for Process {
    fn drop(&mut self) {
        // On Unix this is SIGKILL: nothing is flushed, nobody is told.
        self.child.kill().expect("the server can be killed");
        self.child.wait().expect("it is gone");
    }
}

impl Server {
    /// A server with a folder of its own.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let process = start(folder.path());
        Self { folder, process }
    }

    pub(crate) fn address(&self) -> &str {
        &self.process.address
    }

    /// `kill -9`, and another process on the same folder.
    pub(crate) fn crash(&mut self) {
        self.process.child.kill().expect("the server can be killed");
        self.process.child.wait().expect("it is gone");
        self.process = start(self.folder.path());
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

fn start(folder: &Path) -> Process {
    let mut child = Command::new(program())
        .args(["--listen", "127.0.0.1:0", "--rate-limit", "off"])
        .arg("--data-dir")
        .arg(folder)
        .env_clear()
        .env("KANSO_LOG", "error")
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
    // What else it prints must not fill the pipe.
    std::thread::spawn(move || lines.for_each(drop));
    Process { child, address }
}
