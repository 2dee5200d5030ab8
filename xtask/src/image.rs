//! `cargo xtask image`: builds the container image with an engine and runs it as an operator would.
//!
//! It needs Docker or podman and the base images, so it is not part of `cargo xtask ci`; there
//! `cargo xtask deploy` runs the image's layout without either.

use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use crate::Verdict;
use crate::process::{command, output, run as run_command};

const TAG: &str = "kanso-server";
const PROGRAM: &str = "/usr/bin/kanso-server";
const USER: &str = "65532:65532";
/// Number of health checks, one per second, after which a container counts as unhealthy.
const ATTEMPTS: u32 = 60;
/// Time for a graceful stop in seconds. It is longer than the server's own limit, so that a kill by the
/// engine shows a server that does not stop.
const GRACE: &str = "40";
/// Restrictions that the compose file and the manifests give every container.
// The health check runs inside the container, so no network is needed.
const CONFINED: [&str; 4] = [
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--network=none",
];

/// Arguments of `cargo xtask image`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Name of an existing image; without it one is built from deploy/Dockerfile
    #[arg(long, value_name = "NAME")]
    built: Option<String>,
}

/// Builds the image, unless one is named, and checks it.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<Verdict> {
    let Some(engine) = Engine::find() else {
        eprintln!("image: neither Docker nor podman responds; install or start one of them");
        return Ok(Verdict::ToolMissing);
    };
    let image = if let Some(image) = arguments.built {
        image
    } else {
        if engine.build()? != Verdict::Passed {
            eprintln!(
                "image: build failed; check that the base images and the crates can be downloaded"
            );
            return Ok(Verdict::Failed);
        }
        TAG.to_owned()
    };
    let mut found = Vec::new();
    engine.inspect(&image, &mut found)?;
    engine.run_twice(&image, &mut found)?;
    engine.run_misconfigured(&image, &mut found)?;
    for finding in &found {
        eprintln!("image: {finding}");
    }
    Ok(Verdict::from_success(found.is_empty()))
}

/// A program that builds and runs images.
#[derive(Clone, Copy)]
struct Engine(&'static str);

impl Engine {
    fn find() -> Option<Self> {
        // `info` talks to the engine's service; `--version` would succeed without one.
        let answers = |engine: &&str| is_done(command(engine).arg("info"));
        ["docker", "podman"].into_iter().find(answers).map(Self)
    }

    fn command(self, arguments: &[&str]) -> Command {
        let mut command = command(self.0);
        command.args(arguments);
        command
    }

    /// Runs the engine with these arguments and returns its output.
    fn output_of(self, arguments: &[&str]) -> anyhow::Result<String> {
        let printed = String::from_utf8(output(&mut self.command(arguments))?)?;
        Ok(printed.trim().to_owned())
    }

    fn build(self) -> anyhow::Result<Verdict> {
        let mut build = self.command(&["build", "--file=deploy/Dockerfile", "--tag", TAG]);
        if self.0 == "podman" {
            // Podman's default format (OCI) has no health check.
            build.arg("--format=docker");
        }
        run_command(build.arg("."))
    }

    /// Checks the image's metadata.
    fn inspect(self, image: &str, found: &mut Vec<String>) -> anyhow::Result<()> {
        let field = |of: &str| self.output_of(&["image", "inspect", "--format", of, image]);
        let user = field("{{.Config.User}}")?;
        if user != USER {
            found.push(format!("it runs as `{user}`, not as {USER}"));
        }
        if !field("{{json .}}")?.contains(r#""Healthcheck":"#) {
            found.push("it has no health check".to_owned());
        }
        println!("{image}: {} bytes", field("{{.Size}}")?);
        Ok(())
    }

    /// Starts a server, checks its health, stops it, and starts it again on the same folder. The second
    /// start shows that the server can read the data that it wrote as this user.
    fn run_twice(self, image: &str, found: &mut Vec<String>) -> anyhow::Result<()> {
        let mut arguments = vec!["create"];
        arguments.extend(CONFINED);
        arguments.push(image);
        let container = Container(self, self.output_of(&arguments)?);
        for start in ["its first start", "its second start"] {
            self.output_of(&["start", &container.1])?;
            if !container.becomes_healthy() {
                found.push(format!("it is not healthy after {start}"));
            }
            if is_done(&mut self.command(&["exec", &container.1, "/bin/sh", "-c", "true"])) {
                // The image is made without one: an attacker in the container has no tools.
                found.push("it has a shell".to_owned());
            }
            let code = container.stop()?;
            if code != "0" {
                found.push(format!("it ends with exit code {code} after {start}"));
            }
        }
        Ok(())
    }

    /// Checks that the server exits at once with code 2 for an invalid setting.
    fn run_misconfigured(self, image: &str, found: &mut Vec<String>) -> anyhow::Result<()> {
        let mut refused = self.command(&["run", "--rm", "--env=KANSO_JWT_SECRET=short"]);
        // The exit code of `run` is that of the program, so it is compared here and not in `output`.
        let status = refused.args(CONFINED).arg(image).status();
        let status = status.context("cannot run the image")?;
        if status.code() != Some(2) {
            found.push(format!("a secret that is too short ends it with {status}"));
        }
        Ok(())
    }
}

/// A container that is removed with its volume when the value is dropped.
struct Container(Engine, String);

impl Container {
    fn becomes_healthy(&self) -> bool {
        (0..ATTEMPTS).any(|attempt| {
            if attempt > 0 {
                thread::sleep(Duration::from_secs(1));
            }
            is_done(&mut self.0.command(&["exec", &self.1, PROGRAM, "health"]))
        })
    }

    /// Stops the container as an upgrade does. Returns the server's exit code.
    fn stop(&self) -> anyhow::Result<String> {
        self.0.output_of(&["stop", "--time", GRACE, &self.1])?;
        let code = "{{.State.ExitCode}}";
        self.0
            .output_of(&["container", "inspect", "--format", code, &self.1])
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let removal = ["rm", "--force", "--volumes", &self.1];
        // A failed removal leaves a container behind, which `drop` cannot report.
        let _removed = is_done(&mut self.0.command(&removal));
    }
}

/// Returns true if the command starts and succeeds. Its output is discarded.
fn is_done(command: &mut Command) -> bool {
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
