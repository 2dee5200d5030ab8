//! `kanso-conformance`: checks that a server keeps the wire contract.
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
use kanso_conformance::{
    Case, ConformanceReport, RequestLimit, ServerUnderTest, catalogue, run, select,
};

/// Checks that a Kanso server keeps the wire contract.
///
/// The program registers accounts of its own and touches no other account. Exit code 0: every case passed;
/// 1: a case failed; 2: the server did not answer, or the arguments are wrong; 3: the server limits requests,
/// and no case ran.
#[derive(Debug, Parser)]
#[command(name = "kanso-conformance", version)]
struct Arguments {
    /// Address of the server, such as `http://127.0.0.1:8080`
    #[arg(required_unless_present = "list")]
    url: Option<String>,
    /// Run only the cases whose path contains this text, such as `merge/`
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// List the cases with their promises, without a server
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
        Ok(Verdict::Passed) => ExitCode::SUCCESS,
        Ok(Verdict::Failed) => ExitCode::FAILURE,
        Ok(Verdict::Limited(limit)) => {
            eprintln!(
                "kanso-conformance: the server limits an address to {limit}, and the cases send more; \
                 start it without a limit (kanso-server --rate-limit off), or select cases with --only"
            );
            ExitCode::from(3)
        }
        Err(error) => {
            eprintln!("kanso-conformance: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Outcome of a run.
enum Verdict {
    Passed,
    Failed,
    /// No case ran.
    Limited(RequestLimit),
}

/// Runs the program.
fn perform(arguments: &Arguments) -> anyhow::Result<Verdict> {
    let cases = select(&catalogue(), arguments.only.as_deref());
    anyhow::ensure!(
        !cases.is_empty(),
        "no case has this text in its path; see --list"
    );
    let url = match &arguments.url {
        Some(url) if !arguments.list => url,
        _ => {
            list(&cases, arguments.json);
            return Ok(Verdict::Passed);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    let report = match runtime.block_on(check(url, &cases))? {
        Ok(report) => report,
        Err(limit) => return Ok(Verdict::Limited(limit)),
    };
    let json = format!("{:#}\n", report.json());
    // Written before the output, so that a closed pipe does not lose the report.
    if let Some(file) = &arguments.report {
        std::fs::write(file, &json).with_context(|| format!("cannot write {}", file.display()))?;
    }
    if arguments.json {
        print!("{json}");
    } else {
        print!("{report}");
    }
    Ok(if report.failed() == 0 {
        Verdict::Passed
    } else {
        Verdict::Failed
    })
}

/// Runs the cases, unless the server limits requests so much that they could not end.
async fn check(
    url: &str,
    cases: &[Case],
) -> anyhow::Result<Result<ConformanceReport, RequestLimit>> {
    let server = ServerUnderTest::connect(url).await;
    let server = server.with_context(|| format!("no server answers at {url}"))?;
    let limit = server.request_limit().await;
    if let Some(limit) = limit.filter(|limit| limit.is_too_low_for(cases.len())) {
        return Ok(Err(limit));
    }
    // Progress only on a terminal: in a log each case would be a line with control characters.
    let is_watched = stderr().is_terminal();
    let report = run(&server, cases, |result| {
        if is_watched {
            eprint!("\r\x1b[K{}", result.case.path());
        }
    });
    let report = report.await;
    if is_watched {
        eprint!("\r\x1b[K");
    }
    Ok(Ok(report))
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
    fn argument_definitions_are_valid() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn address_is_required_except_with_list() {
        assert!(Arguments::try_parse_from(["kanso-conformance"]).is_err());
        assert!(Arguments::try_parse_from(["kanso-conformance", "--list"]).is_ok());
    }
}
