//! `cargo xtask image`: the container image, built by an engine and lived in as an operator would.
//!
//! It needs Docker or podman and the base images, so it is no part of `cargo xtask ci`; there
//! `cargo xtask deploy` lives in the image's layout without either.

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
/// How often a server is asked for its health, a second apart, until it must have it.
const ATTEMPTS: u32 = 60;
/// Longer than a shutdown may take, in seconds.
const GRACE: &str = "40";
/// What an operator should give every container, and the compose file and the manifests do.
const CONFINED: [&str; 4] = [
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--network=none",
];

/// Which image.
#[derive(Args)]
pub(crate) struct Arguments {
    /// An image that is already there; built from deploy/Dockerfile when left out
    #[arg(long, value_name = "NAME")]
    built: Option<String>,
}

/// Builds the image, unless one is named, and lives in it.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<Verdict> {
    let Some(engine) = Engine::find() else {
        eprintln!("image: neither Docker nor podman answers here; install or start one of them");
        return Ok(Verdict::ToolMissing);
    };
    let image = if let Some(image) = arguments.built {
        image
    } else {
        if engine.build()? != Verdict::Passed {
            eprintln!("image: not built; were its base images and the crates within reach?");
            return Ok(Verdict::Failed);
        }
        TAG.to_owned()
    };
    let mut found = Vec::new();
    engine.look_at(&image, &mut found)?;
    engine.live_in(&image, &mut found)?;
    engine.misuse(&image, &mut found)?;
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
        let answers = |engine: &&str| is_done(command(engine).arg("info"));
        ["docker", "podman"].into_iter().find(answers).map(Self)
    }

    fn command(self, arguments: &[&str]) -> Command {
        let mut command = command(self.0);
        command.args(arguments);
        command
    }

    /// What it says to these arguments.
    fn told(self, arguments: &[&str]) -> anyhow::Result<String> {
        let told = String::from_utf8(output(&mut self.command(arguments))?)?;
        Ok(told.trim().to_owned())
    }

    fn build(self) -> anyhow::Result<Verdict> {
        let mut build = self.command(&["build", "--file=deploy/Dockerfile", "--tag", TAG]);
        if self.0 == "podman" {
            // Its own format has no health check.
            build.arg("--format=docker");
        }
        run_command(build.arg("."))
    }

    /// What the image says of itself.
    fn look_at(self, image: &str, found: &mut Vec<String>) -> anyhow::Result<()> {
        let field = |of: &str| self.told(&["image", "inspect", "--format", of, image]);
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

    /// Starts a server, asks for its health, stops it, and starts it on the same folder again.
    fn live_in(self, image: &str, found: &mut Vec<String>) -> anyhow::Result<()> {
        let mut arguments = vec!["create"];
        arguments.extend(CONFINED);
        arguments.push(image);
        let container = Container(self, self.told(&arguments)?);
        for start in ["its first start", "its second start"] {
            self.told(&["start", &container.1])?;
            if !container.becomes_healthy() {
                found.push(format!("it is not healthy after {start}"));
            }
            if is_done(&mut self.command(&["exec", &container.1, "/bin/sh", "-c", "true"])) {
                found.push("it has a shell".to_owned());
            }
            let code = container.stop()?;
            if code != "0" {
                found.push(format!("it ends with exit code {code} after {start}"));
            }
        }
        Ok(())
    }

    /// A setting that cannot be used has to end it at once, with exit code 2.
    fn misuse(self, image: &str, found: &mut Vec<String>) -> anyhow::Result<()> {
        let mut refused = self.command(&["run", "--rm", "--env=KANSO_JWT_SECRET=short"]);
        let status = refused.args(CONFINED).arg(image).status();
        let status = status.context("cannot run the image")?;
        if status.code() != Some(2) {
            found.push(format!("a secret that is too short ends it with {status}"));
        }
        Ok(())
    }
}

/// A container that is removed, with its volume, when nobody holds it any more.
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

    /// Asks it to stop, as whoever replaces it does; its exit code.
    fn stop(&self) -> anyhow::Result<String> {
        self.0.told(&["stop", "--time", GRACE, &self.1])?;
        let code = "{{.State.ExitCode}}";
        self.0
            .told(&["container", "inspect", "--format", code, &self.1])
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let removal = ["rm", "--force", "--volumes", &self.1];
        let _removed = is_done(&mut self.0.command(&removal));
    }
}

/// Whether it can be started and succeeds. What it says is nobody's business.
fn is_done(command: &mut Command) -> bool {
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
