//! Programs that are written in Python, each in an environment of its own below `target`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use crate::process::{command, root, run, target};
use crate::{Verdict, services};

/// An environment with exactly what `xtask/python/<name>.txt` lists, by hash.
#[derive(Debug)]
pub(crate) struct Python {
    folder: PathBuf,
}

impl Python {
    /// Makes the environment, unless it is there as the list has it now.
    pub(crate) fn with(name: &str) -> anyhow::Result<Self> {
        let list = root().join("xtask/python").join(name).with_extension("txt");
        let wanted = std::fs::read_to_string(&list)
            .with_context(|| format!("cannot read {}", list.display()))?;
        let folder = target()?.join("python").join(name);
        let installed = folder.join("installed.txt");
        if std::fs::read_to_string(&installed).is_ok_and(|there| there == wanted) {
            return Ok(Self { folder });
        }
        ensure(services::provide_python()?, "bringing Python")?;
        eprintln!("python: installing what xtask/python/{name}.txt lists");
        let mut make = command("python3");
        make.args(["-m", "venv", "--clear"]).arg(&folder);
        ensure(run(&mut make)?, "python3 -m venv")?;
        let this = Self { folder };
        let mut install = this.command("pip");
        install
            .args(["--disable-pip-version-check", "install", "--quiet"])
            .args(["--require-hashes", "--no-deps", "--requirement"])
            .arg(&list);
        ensure(run(&mut install)?, "pip install")?;
        std::fs::write(installed, wanted)?;
        Ok(this)
    }

    /// A program of the environment.
    pub(crate) fn command(&self, program: &str) -> Command {
        alone(command(&self.path(program).to_string_lossy()))
    }

    /// The same, ended after so many seconds.
    pub(crate) fn command_within(&self, seconds: u32, program: &str) -> Command {
        let mut command = command("timeout");
        command.arg(seconds.to_string()).arg(self.path(program));
        alone(command)
    }

    fn path(&self, program: &str) -> PathBuf {
        self.folder.join("bin").join(program)
    }
}

/// Somebody's own packages are none of its business.
fn alone(mut command: Command) -> Command {
    command.env("PYTHONNOUSERSITE", "1").env("PYTHONPATH", "");
    command
}

fn ensure(verdict: Verdict, what: &str) -> anyhow::Result<()> {
    anyhow::ensure!(verdict == Verdict::Passed, "{what} failed");
    Ok(())
}
