//! `cargo xtask deny`: licences, bans, sources and advisories, by the rules of deny.toml.

use std::process::Stdio;

use crate::Verdict;
use crate::process::{cargo, run as run_command};

/// Runs cargo-deny, or prints how to install it.
pub(crate) fn run() -> anyhow::Result<Verdict> {
    // Without the probe a missing subcommand looks like a finding: cargo fails in both cases.
    let mut probe = cargo("deny --version");
    let installed = run_command(probe.stdout(Stdio::null()).stderr(Stdio::null()))?;
    if installed != Verdict::Passed {
        eprintln!(
            "deny: cargo-deny is not installed; `cargo install cargo-deny --locked` brings it"
        );
        return Ok(Verdict::ToolMissing);
    }
    run_command(&mut cargo("deny --workspace --locked check"))
}
