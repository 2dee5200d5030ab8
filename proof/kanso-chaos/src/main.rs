//! `kanso-chaos`: runs scenarios one after the other and prints a report.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, ValueEnum as _};
use kanso_chaos::report::{ReportRow, table};
use kanso_chaos::scenario::Scenario;
use kanso_chaos::setup::{LoadSize, Setup};
use tokio::time::Instant;

/// Injects faults into running Kanso servers and checks that no acknowledged operation is lost.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask chaos", bin_name = "cargo xtask chaos")]
struct Arguments {
    /// Scenario to run, repeatable; all by default
    #[arg(long, value_enum)]
    scenario: Vec<Scenario>,
    /// Rounds of each scenario
    #[arg(long, default_value_t = 1, conflicts_with = "minutes")]
    rounds: u32,
    /// Repeat the scenarios for this many minutes instead
    #[arg(long)]
    minutes: Option<u64>,
    /// Faults in a round
    #[arg(long, default_value_t = 5)]
    faults: u64,
    /// Minimum number of acknowledged operations between two faults
    #[arg(long, default_value_t = 500)]
    between: u64,
    /// Accounts that write
    #[arg(long, default_value_t = 6)]
    people: u32,
    /// Devices of each account
    #[arg(long, default_value_t = 2)]
    devices: u32,
    /// Operations in a push
    #[arg(long, default_value_t = 10)]
    batch: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Program of the server [default: kanso-server beside this program]
    #[arg(long)]
    server: Option<PathBuf>,
    /// Folder for all data [default: the system's folder for temporary files]
    #[arg(long)]
    data_dir: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = run(&arguments).and_then(|rows| {
        let text = if arguments.json {
            serde_json::to_string_pretty(&rows)?
        } else {
            table(&rows)
        };
        writeln!(std::io::stdout(), "{text}").context("cannot print the report")?;
        Ok(rows.iter().all(ReportRow::is_clean))
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            progress(format_args!("kanso-chaos: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<Vec<ReportRow>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // Two threads: a scenario may block one of them while PostgreSQL starts or stops.
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    let setup = arguments.setup()?;
    runtime.block_on(async {
        tokio::select! {
            rows = rounds(arguments, &setup) => rows,
            () = interrupted() => Err(anyhow::anyhow!("interrupted")),
        }
    })
}

/// Waits for SIGINT or SIGTERM. Dropping the round then kills the processes that it started; the
/// default action of a signal would leave them running.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

async fn rounds(arguments: &Arguments, setup: &Setup) -> anyhow::Result<Vec<ReportRow>> {
    let scenarios = match &arguments.scenario[..] {
        [] => Scenario::value_variants(),
        some => some,
    };
    let mut rows: Vec<ReportRow> = Vec::new();
    let (began, mut round) = (Instant::now(), 0);
    let continues = |round| match arguments.minutes {
        Some(minutes) => began.elapsed() < Duration::from_secs(60 * minutes),
        None => round < arguments.rounds,
    };
    while continues(round) {
        round += 1;
        for (at, scenario) in scenarios.iter().enumerate() {
            progress(format_args!("{}, round {round}", scenario.name()));
            let row = scenario.run(setup).await;
            // An error ends all rounds: the system did not reach the state that the checks need.
            let mut row = row.with_context(|| scenario.name())?;
            row.scenario = scenario.name();
            for finding in &row.findings {
                progress(format_args!("  {finding}"));
            }
            match rows.get_mut(at) {
                // Rounds of one scenario are one row.
                Some(sum) => sum.add(row),
                None => rows.push(row),
            }
        }
    }
    Ok(rows)
}

impl Arguments {
    fn setup(&self) -> anyhow::Result<Setup> {
        let own = std::env::current_exe().context("cannot find the path of this program")?;
        let program = self.server.clone();
        let program = program.unwrap_or_else(|| own.with_file_name("kanso-server"));
        let folder = self.data_dir.clone().unwrap_or_else(std::env::temp_dir);
        Ok(Setup {
            // Absolute, because a server is started in a folder of its own.
            program: program.canonicalize().with_context(|| {
                let program = program.display();
                format!("no server at {program}; `cargo xtask chaos` builds it")
            })?,
            folder: folder
                .canonicalize()
                .with_context(|| format!("no folder at {}", folder.display()))?,
            disk: None,
            size: LoadSize {
                people: self.people,
                devices: self.devices,
                batch: self.batch,
                rest: Duration::ZERO,
            },
            faults: self.faults,
            between: self.between,
        })
    }
}

/// Prints a line of progress. A closed stderr is no reason to end the run.
fn progress(line: std::fmt::Arguments<'_>) {
    writeln!(std::io::stderr(), "{line}").ok();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn argument_definitions_are_valid() {
        Arguments::command().debug_assert();
    }
}
