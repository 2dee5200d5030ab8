//! `kanso-sim`: lives through seeds, looks for planted bugs, and tells what happened.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks to its terminal"
)]

mod commands;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> anyhow::Result<ExitCode> {
    commands::Arguments::parse().run()
}
