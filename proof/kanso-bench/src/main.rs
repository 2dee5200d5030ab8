//! The load: what the server does a second, how long an answer takes, how much memory it needs.
//!
//! `cargo xtask bench` builds the server and this program in release and runs it. Each run starts a
//! server of its own on an empty data folder and stops it again. docs/benchmarks.md says how to
//! read the figures.
//!
//! What no client can bring about is measured inside this process: `inside`.
//!
//! **Invariant:** a server is seen from outside only, over HTTP and in /proc.

mod arguments;
mod connection;
mod disk;
mod events;
mod figures;
mod ids;
mod inside;
mod live;
mod load;
mod people;
mod postgres;
mod report;
mod resources;
mod run;
mod server;
mod workloads;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;

use crate::arguments::{Arguments, Part};
use crate::report::Report;

fn main() -> ExitCode {
    match measure_and_print(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("kanso-bench: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn measure_and_print(arguments: &Arguments) -> anyhow::Result<()> {
    // One thread: the cores are for the server.
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

async fn measure(arguments: &Arguments) -> anyhow::Result<Report> {
    let folder = arguments.data_dir()?;
    let disk_sync_ms = disk::sync_milliseconds(&folder)?;
    let mut runs = Vec::new();
    if arguments.measures(Part::Server) {
        let program = arguments.server()?;
        for number in 1..=arguments.runs {
            say(format_args!("run {number} of {}", arguments.runs));
            runs.push(run::run(&program, &folder, arguments).await?);
        }
    }
    let mut live = Vec::new();
    if arguments.measures(Part::Live) {
        let program = arguments.server()?;
        for number in 1..=arguments.runs {
            say(format_args!("live sync, {number} of {}", arguments.runs));
            live.push(live::measure(&program, &folder, arguments).await?);
        }
    }
    let mut on_postgres = Vec::new();
    if arguments.measures(Part::Postgres) {
        let program = arguments.server()?;
        for number in 1..=arguments.runs {
            say(format_args!("postgresql, {number} of {}", arguments.runs));
            on_postgres.push(postgres::measure(&program, &folder, arguments).await?);
        }
    }
    let mut inside = Vec::new();
    if arguments.measures(Part::Inside) {
        say(format_args!("inside this process"));
        let count = arguments.runs;
        // It has a runtime of its own, as a server has.
        let measuring = tokio::task::spawn_blocking(move || inside::measure(&folder, count));
        inside = measuring.await??;
    }
    Report::new(arguments, disk_sync_ms, runs, (live, on_postgres, inside))
}

/// Tells the person at the terminal what goes on. Nobody may be there to hear it.
fn say(what: std::fmt::Arguments<'_>) {
    writeln!(std::io::stderr(), "{what}").ok();
}
