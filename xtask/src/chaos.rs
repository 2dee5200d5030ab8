//! `cargo xtask chaos`: servers as they ship, under faults.

use crate::process::{cargo, run as run_command};
use crate::{Verdict, services};

/// Provides what stands around the servers, builds all in release and hands the arguments on.
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
