//! `cargo xtask bench`: runs the load generator against a release build of the server.

use crate::Verdict;
use crate::process::{cargo, run as run_command};

/// Builds both in release and passes the arguments to the load generator.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<Verdict> {
    let built = run_command(&mut cargo(
        "build --release --package kanso-server --locked",
    ))?;
    if built != Verdict::Passed {
        return Ok(built);
    }
    run_command(cargo("run --release --package kanso-bench --locked --").args(arguments))
}
