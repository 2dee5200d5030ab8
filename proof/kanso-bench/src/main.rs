//! Load generator: measures the rate, the latency and the memory of a server.
//!
//! `cargo xtask bench` builds the server and this program in release mode and runs it. Each run starts
//! a server of its own on an empty data folder. docs/benchmarks.md explains the figures.
//!
//! The module `inside` measures in this process, where no client of a server can cause the load: the
//! computation of one streak, and a midnight for all users.
//!
//! **Invariant:** a server is seen from outside only, over HTTP and in /proc.

mod arguments;
mod clock;
mod connection;
mod disk;
mod figures;
mod inside;
mod live;
mod load;
mod measurement;
mod postgres;
mod report;
mod resources;
mod run;
mod server;
mod timing;
mod users;
mod workloads;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;

use crate::arguments::{Arguments, Part};
use crate::report::BenchReport;

fn main() -> ExitCode {
    match measure_and_print(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress(format_args!("kanso-bench: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn measure_and_print(arguments: &Arguments) -> anyhow::Result<()> {
    // One thread: the other cores are for the server. A generator with more threads would compete with
    // it, and the figures would be those of both.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    let report = runtime.block_on(async {
        tokio::select! {
            report = measure(arguments) => report,
            _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
        }
    })?;
    let text = if arguments.json {
        serde_json::to_string_pretty(&report)?
    } else {
        report.table()
    };
    writeln!(std::io::stdout(), "{text}").context("cannot print the figures")
}

async fn measure(arguments: &Arguments) -> anyhow::Result<BenchReport> {
    let folder = arguments.data_dir()?;
    // Before the servers start, on the disk that they will use: the figure explains the rate of pushes.
    let disk_sync_ms = disk::sync_milliseconds(&folder)?;
    let mut runs = Vec::new();
    if arguments.measures(Part::Server) {
        let program = arguments.server()?;
        for number in 1..=arguments.runs {
            progress(format_args!("run {number} of {}", arguments.runs));
            runs.push(run::run(&program, &folder, arguments).await?);
        }
    }
    let mut live = Vec::new();
    if arguments.measures(Part::Live) {
        let program = arguments.server()?;
        for number in 1..=arguments.runs {
            progress(format_args!("live sync, {number} of {}", arguments.runs));
            live.push(live::measure(&program, &folder, arguments).await?);
        }
    }
    let mut on_postgres = Vec::new();
    if arguments.measures(Part::Postgres) {
        let program = arguments.server()?;
        for number in 1..=arguments.runs {
            progress(format_args!("postgresql, {number} of {}", arguments.runs));
            on_postgres.push(postgres::measure(&program, &folder, arguments).await?);
        }
    }
    let mut inside = Vec::new();
    if arguments.measures(Part::Inside) {
        progress(format_args!("inside this process"));
        let count = arguments.runs;
        // On a thread of its own, because it builds a multi-threaded runtime as a server has, and a
        // runtime cannot be started on a thread of another one.
        let measuring = tokio::task::spawn_blocking(move || inside::measure(&folder, count));
        inside = measuring.await??;
    }
    BenchReport::new(arguments, disk_sync_ms, runs, (live, on_postgres, inside))
}

/// Prints a line of progress. A closed stderr is no reason to end the run.
fn progress(line: std::fmt::Arguments<'_>) {
    writeln!(std::io::stderr(), "{line}").ok();
}
