//! `kanso`: habits on the command line, also with the server away.
//!
//! One file a command. What a command is asked for goes to stdout, what it has to say goes to
//! stderr, and how it ended is its exit code ([`exit::Exit`]).
//!
//! **Invariant:** no SQL, no request and no state of its own is here; what it keeps is the replica's.
//! No rule of habits either: what it counts and draws is what `kanso-domain` says.
#![expect(
    clippy::print_stderr,
    reason = "a command line tool talks to its terminal"
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
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(commands::run(arguments)),
        Err(error) => Err(error.into()),
    };
    ended.unwrap_or_else(|error| exit::explain(&error)).into()
}
