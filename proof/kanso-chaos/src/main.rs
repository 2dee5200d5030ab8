//! `kanso-chaos`: the scenarios, one after another or one of them again and again.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, ValueEnum as _};
use kanso_chaos::load::LoadSize;
use kanso_chaos::row::{Row, table};
use kanso_chaos::scenario::{Scenario, Setup};
use tokio::time::Instant;

/// Breaks a running Kanso and says what became of what was written.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask chaos", bin_name = "cargo xtask chaos")]
struct Arguments {
    /// Only these; all when left out
    #[arg(long, value_enum)]
    scenario: Vec<Scenario>,
    /// How often each is run
    #[arg(long, default_value_t = 1, conflicts_with = "minutes")]
    rounds: u32,
    /// Runs them again and again for so long instead
    #[arg(long)]
    minutes: Option<u64>,
    /// How often a fault is brought about in a round
    #[arg(long, default_value_t = 5)]
    faults: u64,
    /// Operations that are acknowledged between two faults, at least
    #[arg(long, default_value_t = 500)]
    between: u64,
    /// People who write
    #[arg(long, default_value_t = 6)]
    people: u32,
    /// Devices of each
    #[arg(long, default_value_t = 2)]
    devices: u32,
    /// Operations in a push
    #[arg(long, default_value_t = 10)]
    batch: usize,
    /// Prints JSON
    #[arg(long)]
    json: bool,
    /// The server's program; the one beside this when left out
    #[arg(long)]
    server: Option<PathBuf>,
    /// Where data go; the folder for temporary files when left out
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
        writeln!(std::io::stdout(), "{text}").context("cannot print the rows")?;
        Ok(rows.iter().all(Row::is_clean))
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(format_args!("kanso-chaos: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<Vec<Row>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
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

/// Until somebody wants this to end. What was started then goes with it.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut asked) = signal(SignalKind::terminate()) else {
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = asked.recv() => {}
    }
}

async fn rounds(arguments: &Arguments, setup: &Setup) -> anyhow::Result<Vec<Row>> {
    let scenarios = match &arguments.scenario[..] {
        [] => Scenario::value_variants(),
        some => some,
    };
    let mut rows: Vec<Row> = Vec::new();
    let (began, mut round) = (Instant::now(), 0);
    let goes_on = |round| match arguments.minutes {
        Some(minutes) => began.elapsed() < Duration::from_secs(60 * minutes),
        None => round < arguments.rounds,
    };
    while goes_on(round) {
        round += 1;
        for (at, scenario) in scenarios.iter().enumerate() {
            say(format_args!("{}, round {round}", scenario.name()));
            let row = scenario.run(setup).await;
            let mut row = row.with_context(|| scenario.name())?;
            row.scenario = scenario.name();
            for finding in &row.findings {
                say(format_args!("  {finding}"));
            }
            match rows.get_mut(at) {
                Some(sum) => sum.add(row),
                None => rows.push(row),
            }
        }
    }
    Ok(rows)
}

impl Arguments {
    fn setup(&self) -> anyhow::Result<Setup> {
        let own = std::env::current_exe().context("cannot tell where this program is")?;
        let program = self.server.clone();
        let program = program.unwrap_or_else(|| own.with_file_name("kanso-server"));
        let folder = self.data_dir.clone().unwrap_or_else(std::env::temp_dir);
        Ok(Setup {
            // A server is started in a folder of its own.
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

/// Tells the person at the terminal what goes on. Nobody may be there to hear it.
fn say(what: std::fmt::Arguments<'_>) {
    writeln!(std::io::stderr(), "{what}").ok();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn arguments_hold_together() {
        Arguments::command().debug_assert();
    }
}
