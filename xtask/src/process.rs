//! Starts programs in the repository's root.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::Context;
use cargo_metadata::MetadataCommand;

use crate::Verdict;

/// Returns the repository's root.
///
/// The variable is read at run time, because two checkouts may share a target directory or a cache. The
/// path from build time would then be that of the other checkout.
#[expect(
    clippy::disallowed_methods,
    reason = "cargo sets this variable; it is not a setting"
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

/// Returns cargo's target directory.
pub(crate) fn target() -> anyhow::Result<PathBuf> {
    let metadata = MetadataCommand::new()
        .current_dir(root())
        .no_deps()
        .exec()
        .context("cannot ask cargo for the target directory")?;
    Ok(metadata.target_directory.into())
}

/// Returns a command that runs in the repository's root.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// Returns a command for `cargo` with these arguments, separated by blanks.
pub(crate) fn cargo(arguments: &str) -> Command {
    let mut cargo = command("cargo");
    cargo.args(arguments.split_whitespace());
    cargo
}

/// Runs the command to its end. It inherits stdout and stderr.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<Verdict> {
    let status = command
        .status()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    Ok(Verdict::from_success(status.success()))
}

/// Runs the command and returns its stdout.
///
/// # Errors
/// The command cannot be started, or it fails.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let program = command.get_program().to_owned();
    let output = command
        // The program's own message says more than its exit code.
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
