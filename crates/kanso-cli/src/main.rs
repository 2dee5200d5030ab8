//! `kanso`: habit tracking on the command line, online and offline.
//!
//! Each command has one file in `commands`. Data goes to stdout, messages go to stderr, and the exit
//! code says how the command ended ([`exit::Exit`]).
//!
//! **Invariant:** this crate has no SQL, no requests and no state of its own; `kanso-client` has
//! them. It has no rules of habits either: numbers and calendars come from `kanso-domain`.
#![expect(
    clippy::print_stderr,
    reason = "a command line tool prints messages to stderr"
)]

mod arguments;
mod commands;
mod context;
mod environment;
mod exit;
mod find;
mod output;
mod progress;
mod words;

use clap::Parser as _;

use arguments::Arguments;

fn main() -> std::process::ExitCode {
    // `parse` prints help and usage errors itself and exits with code 0 or 2.
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        // One thread is enough: a command does one thing at a time. Time and I/O drivers are needed for
        // the requests and the progress indicator.
        .enable_all()
        .build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(commands::run(arguments)),
        Err(error) => Err(error.into()),
    };
    ended.unwrap_or_else(|error| exit::explain(&error)).into()
}
