//! Programs that xtask starts, always in the repository's root.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::Context;
use cargo_metadata::MetadataCommand;

use crate::Verdict;

/// The repository's root.
///
/// `cargo run` says at run time where the package is. What was true when xtask was built may be
/// another checkout, when two of them share a target directory or a cache.
#[expect(
    clippy::disallowed_methods,
    reason = "it is cargo's own variable, not a setting"
)]
pub(crate) fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR");
        let mut root =
            manifest_dir.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        root.pop();
        root
    })
}

/// Cargo's target directory.
pub(crate) fn target() -> anyhow::Result<PathBuf> {
    let metadata = MetadataCommand::new()
        .current_dir(root())
        .no_deps()
        .exec()
        .context("cannot ask cargo for the target directory")?;
    Ok(metadata.target_directory.into())
}

/// A command that will run in the repository's root.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// `cargo` with these arguments, separated by blanks.
pub(crate) fn cargo(arguments: &str) -> Command {
    let mut cargo = command("cargo");
    cargo.args(arguments.split_whitespace());
    cargo
}

/// Runs the command to its end, its output where ours goes.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<Verdict> {
    let status = command
        .status()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    Ok(Verdict::from_success(status.success()))
}

/// What the command wrote to stdout. It is an error when the command fails.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let program = command.get_program().to_owned();
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", program.display()))?;
    anyhow::ensure!(
        output.status.success(),
        "{} failed: {}",
        program.display(),
        output.status
    );
    Ok(output.stdout)
}
