//! The one debug build that every other verb uses.
//!
//! Cargo unifies the features of a dependency over the packages of one build. A build of the server
//! alone and a build of all tests would have different features and compile half of the tree twice, so
//! every verb builds the same set.

use std::process::Command;

use crate::Verdict;
use crate::process::{cargo, command, run, target};

/// Builds every binary and every test of the workspace.
pub(crate) fn everything() -> anyhow::Result<Verdict> {
    run(&mut cargo("build --workspace --bins --tests --locked"))
}

/// Returns a command for a binary that [`everything`] built.
pub(crate) fn binary(name: &str) -> anyhow::Result<Command> {
    let path = target()?.join("debug").join(name);
    // Windows needs `.exe`; elsewhere the extension is empty.
    let path = path.with_extension(std::env::consts::EXE_EXTENSION);
    Ok(command(&path.to_string_lossy()))
}
