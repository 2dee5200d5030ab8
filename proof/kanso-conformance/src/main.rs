//! `kanso-conformance`: does a server keep the wire contract?
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks to its terminal"
)]

use std::io::{IsTerminal as _, stderr};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use kanso_conformance::{Case, Report, Wire, catalogue, run, select};

/// Asks a Kanso server whether it keeps the wire contract.
///
/// It registers accounts of its own, and touches no others. Exit code 0: every promise was kept; 1: some
/// were not; 2: the server could not be asked.
#[derive(Debug, Parser)]
#[command(name = "kanso-conformance", version)]
struct Arguments {
    /// Where the server is, such as `http://127.0.0.1:8080`
    #[arg(required_unless_present = "list")]
    url: Option<String>,
    /// Run only the cases with this in their group or name, such as `merge/`
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// List the cases and what each of them checks; ask nobody
    #[arg(long)]
    list: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Write the report as JSON to this file as well
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match perform(&arguments) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("kanso-conformance: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// How many cases failed.
fn perform(arguments: &Arguments) -> anyhow::Result<usize> {
    let cases = select(&catalogue(), arguments.only.as_deref());
    anyhow::ensure!(
        !cases.is_empty(),
        "no case has that in its name; see --list"
    );
    let url = match &arguments.url {
        Some(url) if !arguments.list => url,
        _ => {
            list(&cases, arguments.json);
            return Ok(0);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    let report = runtime.block_on(ask(url, &cases))?;
    let json = format!("{:#}\n", report.json());
    if let Some(file) = &arguments.report {
        std::fs::write(file, &json).with_context(|| format!("cannot write {}", file.display()))?;
    }
    if arguments.json {
        print!("{json}");
    } else {
        print!("{report}");
    }
    Ok(report.failed())
}

async fn ask(url: &str, cases: &[Case]) -> anyhow::Result<Report> {
    let wire = Wire::to(url).await;
    let wire = wire.with_context(|| format!("no server answers at {url}"))?;
    let is_watched = stderr().is_terminal();
    let report = run(&wire, cases, |verdict| {
        if is_watched {
            eprint!("\r\x1b[K{}", verdict.case.path());
        }
    });
    let report = report.await;
    if is_watched {
        eprint!("\r\x1b[K");
    }
    Ok(report)
}

fn list(cases: &[Case], json: bool) {
    if json {
        let case = |case: &Case| {
            serde_json::json!({
                "group": case.group, "name": case.name,
                "section": case.section, "promise": case.promise,
            })
        };
        println!(
            "{:#}",
            cases.iter().map(case).collect::<serde_json::Value>()
        );
        return;
    }
    for case in cases {
        println!("{}\n    {} ({})", case.path(), case.promise, case.section);
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn arguments_hold_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_server_is_needed_unless_the_cases_are_listed() {
        assert!(Arguments::try_parse_from(["kanso-conformance"]).is_err());
        assert!(Arguments::try_parse_from(["kanso-conformance", "--list"]).is_ok());
    }
}
