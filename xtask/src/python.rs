//! Programs that are written in Python, each in its own environment below `target`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use crate::process::{command, root, run, target};
use crate::{Verdict, services};

/// An environment with exactly the packages of `xtask/python/<name>.txt`, checked by hash.
#[derive(Debug)]
pub(crate) struct Python {
    folder: PathBuf,
}

impl Python {
    /// Creates the environment, unless it exists with the packages of the current list.
    pub(crate) fn with(name: &str) -> anyhow::Result<Self> {
        let list = root().join("xtask/python").join(name).with_extension("txt");
        let wanted = std::fs::read_to_string(&list)
            .with_context(|| format!("cannot read {}", list.display()))?;
        let folder = target()?.join("python").join(name);
        let installed = folder.join("installed.txt");
        if std::fs::read_to_string(&installed).is_ok_and(|there| there == wanted) {
            return Ok(Self { folder });
        }
        ensure(services::provide_python()?, "the installation of Python")?;
        eprintln!("python: installing the packages of xtask/python/{name}.txt");
        let mut make = command("python3");
        // `--clear` removes packages that an older list installed.
        make.args(["-m", "venv", "--clear"]).arg(&folder);
        ensure(run(&mut make)?, "python3 -m venv")?;
        let this = Self { folder };
        let mut install = this.command("pip");
        install
            .args(["--disable-pip-version-check", "install", "--quiet"])
            // The list is complete. Without `--no-deps` pip could add a package that is not pinned.
            .args(["--require-hashes", "--no-deps", "--requirement"])
            .arg(&list);
        ensure(run(&mut install)?, "pip install")?;
        // Written last: after an interrupted installation the environment is created again.
        std::fs::write(installed, wanted)?;
        Ok(this)
    }

    /// Returns a command for a program of the environment.
    pub(crate) fn command(&self, program: &str) -> Command {
        isolated(command(&self.path(program).to_string_lossy()))
    }

    /// Returns the same command with a time limit in seconds.
    pub(crate) fn command_within(&self, seconds: u32, program: &str) -> Command {
        let mut command = command("timeout");
        command.arg(seconds.to_string()).arg(self.path(program));
        isolated(command)
    }

    fn path(&self, program: &str) -> PathBuf {
        self.folder.join("bin").join(program)
    }
}

/// Hides the packages of the user's own Python, whose versions may differ from the list.
fn isolated(mut command: Command) -> Command {
    command.env("PYTHONNOUSERSITE", "1").env("PYTHONPATH", "");
    command
}

fn ensure(verdict: Verdict, what: &str) -> anyhow::Result<()> {
    anyhow::ensure!(verdict == Verdict::Passed, "{what} failed");
    Ok(())
}
