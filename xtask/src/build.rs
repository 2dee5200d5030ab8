//! The one debug build that every other verb uses.
//!
//! Cargo picks a dependency's features by what is being built, so a build of the server alone and a
//! build of all tests would compile half of the tree twice. Everything here asks for the same set.

use std::process::Command;

use crate::Verdict;
use crate::process::{cargo, command, run, target};

/// Builds every binary and every test of the workspace.
pub(crate) fn everything() -> anyhow::Result<Verdict> {
    run(&mut cargo("build --workspace --bins --tests --locked"))
}

/// A binary that [`everything`] built.
pub(crate) fn binary(name: &str) -> anyhow::Result<Command> {
    let path = target()?.join("debug").join(name);
    let path = path.with_extension(std::env::consts::EXE_EXTENSION);
    Ok(command(&path.to_string_lossy()))
}
