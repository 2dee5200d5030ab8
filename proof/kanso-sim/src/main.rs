//! `kanso-sim`: runs seeds, searches for planted bugs, and prints stories.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool prints to its terminal"
)]

mod commands;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> anyhow::Result<ExitCode> {
    commands::Arguments::parse().run()
}
