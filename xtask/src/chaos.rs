//! `cargo xtask chaos`: release builds of the server under faults.

use crate::process::{cargo, run as run_command};
use crate::{Verdict, services};

/// Installs the servers' dependencies, builds all in release and passes the arguments to `kanso-chaos`.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<Verdict> {
    let provided = services::provide()?;
    if provided != Verdict::Passed {
        return Ok(provided);
    }
    let built = run_command(&mut cargo(
        "build --release --package kanso-server --locked",
    ))?;
    if built != Verdict::Passed {
        return Ok(built);
    }
    run_command(cargo("run --release --package kanso-chaos --locked --").args(arguments))
}
