//! The one debug build that every other verb uses.
//!
//! Cargo picks a dependency's features by what is being built, so a build of the server alone and a
//! build of all tests would compile half of the tree twice. Everything here asks for the same set.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use cargo_metadata::MetadataCommand;

use crate::Verdict;
use crate::process::{cargo, command, root, run};

/// Builds every binary and every test of the workspace.
pub(crate) fn everything() -> anyhow::Result<Verdict> {
    run(&mut cargo("build --workspace --bins --tests --locked"))
}

/// A binary that [`everything`] built.
pub(crate) fn binary(name: &str) -> anyhow::Result<Command> {
    let metadata = MetadataCommand::new()
        .current_dir(root())
        .no_deps()
        .exec()
        .context("cannot ask cargo for the target directory")?;
    let path: PathBuf = metadata.target_directory.join("debug").join(name).into();
    let path = path.with_extension(std::env::consts::EXE_EXTENSION);
    Ok(command(&path.to_string_lossy()))
}
