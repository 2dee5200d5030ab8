//! `cargo xtask schemathesis`: tests a server with thousands of requests that are generated from the OpenAPI
//! document that it serves.
//!
//! The tester comes from the Python package index into a folder under `target/`. It and its dependencies are
//! pinned by hash. The server is the debug build with its own port and folder and without a rate limit.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

use crate::process::{root, run as run_command};
use crate::python::Python;
use crate::{Verdict, build};

const SETTINGS: &str = "xtask/schemathesis/schemathesis.toml";
const HOOKS: &str = "xtask/schemathesis/hooks.py";
/// Working folder of the tester and the server.
const FOLDER: &str = "target/schemathesis";
/// The event stream is excluded, because its answers do not end; kanso-conformance has its cases.
const ENDLESS: &str = "/api/v1/sync/stream";
/// Longest run in seconds. A run that takes longer has failed.
const LONGEST: u32 = 400;

/// Installs the tester if it is missing, and runs it with these additional arguments.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<Verdict> {
    let built = build::everything()?;
    if built != Verdict::Passed {
        return Ok(built);
    }
    let python = Python::with("schemathesis")?;
    let server = Server::start()?;
    // The tester writes a cache into its working folder, which would otherwise be the repository.
    let mut tester = python.command_within(LONGEST, "schemathesis");
    tester
        .current_dir(root().join(FOLDER))
        .arg("--config-file")
        .arg(root().join(SETTINGS))
        .arg("run")
        .arg(format!("{}/swagger/doc.json", server.url))
        // A fixed seed: a commit that passes here passes everywhere.
        .args(["--seed", "1", "--exclude-path", ENDLESS])
        .args(arguments)
        .env("KANSO_URL", &server.url)
        .env("SCHEMATHESIS_HOOKS", root().join(HOOKS));
    run_command(&mut tester)
}

/// A server that is killed when the value is dropped. Its folder is removed too.
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
        // The value exists before the address is known, so that `drop` kills the process on an error.
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
            // Port 0 is any free port, so two runs on one machine do not collide.
            "127.0.0.1:0",
            // Thousands of requests from one address would be refused otherwise.
            "--rate-limit",
            "off",
            "--user-rate-limit",
            "off",
            // Generated registrations have no invitation.
            "--registration",
            "open",
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
        // Errors are ignored: the server may have ended, and the folder is only temporary data.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
