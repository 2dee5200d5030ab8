//! `cargo xtask schemathesis`: thousands of generated requests, held against the document that a server shows.
//!
//! The tester comes from the Python package index, pinned with its dependencies by their hashes, into a
//! folder under `target/`. The server is the debug build, on a port and in a folder of its own, without a
//! rate limit.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

use crate::process::{command, root, run as run_command};
use crate::{Verdict, build, services};

/// What is installed: a line a package, with hashes.
const REQUIREMENTS: &str = "xtask/schemathesis/requirements.txt";
const SETTINGS: &str = "xtask/schemathesis/schemathesis.toml";
const HOOKS: &str = "xtask/schemathesis/hooks.py";
/// Where it is installed.
const FOLDER: &str = "target/schemathesis";
/// Answers of this operation do not end by themselves; kanso-conformance has its cases.
const ENDLESS: &str = "/api/v1/sync/stream";
/// The longest run, after which it has failed. Seconds.
const LONGEST: &str = "400";

/// Installs the tester where it is missing, and runs it with these arguments besides.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<Verdict> {
    for step in [services::provide_python, build::everything, install] {
        let verdict = step()?;
        if verdict != Verdict::Passed {
            return Ok(verdict);
        }
    }
    let server = Server::start()?;
    // It keeps notes where it runs, so it runs in its own folder.
    let mut tester = command("timeout");
    tester
        .current_dir(root().join(FOLDER))
        .args([LONGEST, &program("schemathesis")])
        .arg("--config-file")
        .arg(root().join(SETTINGS))
        .arg("run")
        .arg(format!("{}/swagger/doc.json", server.url))
        .args(["--seed", "1", "--exclude-path", ENDLESS])
        .args(arguments)
        .env("KANSO_URL", &server.url)
        .env("SCHEMATHESIS_HOOKS", root().join(HOOKS));
    run_command(&mut tester)
}

fn program(name: &str) -> String {
    let path = root().join(FOLDER).join("bin").join(name);
    path.to_string_lossy().into_owned()
}

/// Brings the tester into its folder, unless exactly this is there.
fn install() -> anyhow::Result<Verdict> {
    let wanted = std::fs::read(root().join(REQUIREMENTS))
        .with_context(|| format!("cannot read {REQUIREMENTS}"))?;
    let noted = root().join(FOLDER).join("requirements.txt");
    if std::fs::read(&noted).is_ok_and(|there| there == wanted) {
        return Ok(Verdict::Passed);
    }
    eprintln!("schemathesis: installing it into {FOLDER}");
    let made = run_command(command("python3").args(["-m", "venv", "--clear", FOLDER]))?;
    if made != Verdict::Passed {
        return Ok(made);
    }
    let mut pip = command(&program("pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check"])
        .args(["--require-hashes", "--requirement", REQUIREMENTS]);
    let installed = run_command(&mut pip)?;
    if installed == Verdict::Passed {
        std::fs::write(&noted, wanted).context("cannot note what is installed")?;
    }
    Ok(installed)
}

/// A server that ends with this value, and its folder with it.
struct Server {
    process: Child,
    url: String,
    folder: PathBuf,
}

impl Server {
    fn start() -> anyhow::Result<Self> {
        let folder = root()
            .join(FOLDER)
            .join(format!("data-{}", std::process::id()));
        std::fs::create_dir_all(&folder).context("cannot make a folder for the server")?;
        let mut process = server(&folder)?
            .spawn()
            .context("cannot start the server")?;
        let mut line = String::new();
        if let Some(out) = process.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let mut server = Self {
            process,
            url: String::new(),
            folder,
        };
        let url = line.trim_end().split_once("listens on ");
        let (_, url) = url.context("the server did not start")?;
        url.clone_into(&mut server.url);
        Ok(server)
    }
}

fn server(folder: &std::path::Path) -> anyhow::Result<Command> {
    let mut server = build::binary("kanso-server")?;
    server
        .args([
            "--listen",
            "127.0.0.1:0",
            "--rate-limit",
            "off",
            "--log",
            "error",
        ])
        .arg("--data-dir")
        .arg(folder)
        .stdout(Stdio::piped());
    Ok(server)
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing of it is needed any more, and it may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
