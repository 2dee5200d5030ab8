//! `kanso`: habit tracking on the command line, online and offline.
//!
//! Each command has one file in `commands`. Data goes to stdout, messages go to stderr, and the exit
//! code says how the command ended ([`exit::Exit`]).
//!
//! **Invariant:** this crate has no SQL, no requests and no state of its own; `kanso-client` has
//! them. It has no rules of habits either: numbers and calendars come from `kanso-domain`.

mod arguments;
mod commands;
mod context;
mod environment;
mod escape;
mod exit;
mod find;
mod output;
mod progress;
mod words;

use std::io::{ErrorKind, Write as _};

use clap::Parser as _;

use arguments::Arguments;
use exit::Exit;

fn main() -> std::process::ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return explain_usage(&error).into(),
    };
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

/// Prints the help, the version or a usage error, and returns the exit code.
fn explain_usage(error: &clap::Error) -> Exit {
    let printed = error.print().and_then(|()| std::io::stdout().flush());
    match printed {
        // Help and version go to stdout, where a closed pipe is not an error.
        Err(cause) if !error.use_stderr() && cause.kind() != ErrorKind::BrokenPipe => {
            exit::explain(&anyhow::Error::new(cause).context("cannot write the output"))
        }
        _ if error.use_stderr() => Exit::Usage,
        _ => Exit::Ok,
    }
}
