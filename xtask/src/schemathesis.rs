//! `cargo xtask schemathesis`: thousands of generated requests, held against the document that a server shows.
//!
//! The tester comes from the Python package index, pinned with its dependencies by their hashes, into a
//! folder under `target/`. The server is the debug build, on a port and in a folder of its own, without a
//! rate limit.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

use crate::process::{root, run as run_command};
use crate::python::Python;
use crate::{Verdict, build};

const SETTINGS: &str = "xtask/schemathesis/schemathesis.toml";
const HOOKS: &str = "xtask/schemathesis/hooks.py";
/// Where it runs.
const FOLDER: &str = "target/schemathesis";
/// Answers of this operation do not end by themselves; kanso-conformance has its cases.
const ENDLESS: &str = "/api/v1/sync/stream";
/// The longest run, after which it has failed. Seconds.
const LONGEST: u32 = 400;

/// Installs the tester where it is missing, and runs it with these arguments besides.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<Verdict> {
    let built = build::everything()?;
    if built != Verdict::Passed {
        return Ok(built);
    }
    let python = Python::with("schemathesis")?;
    let server = Server::start()?;
    // It keeps notes where it runs, so it runs in its own folder.
    let mut tester = python.command_within(LONGEST, "schemathesis");
    tester
        .current_dir(root().join(FOLDER))
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
