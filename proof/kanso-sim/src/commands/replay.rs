use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

use kanso_sim::failure::plan_in;
use kanso_sim::mutants::Bug;
use kanso_sim::plan::WorldPlan;
use kanso_sim::story;
use kanso_sim::world::run_plan;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Run the plan in this file instead of a seed's own
    #[arg(long)]
    file: Option<PathBuf>,
    /// Print the events of this user only
    #[arg(long)]
    person: Option<u32>,
    /// Plant this bug
    #[arg(long, value_parser = Bug::named)]
    bug: Option<Bug>,
}

/// Prints the story; returns true if no check failed.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let plan = match &arguments.file {
        None => WorldPlan::of(arguments.seed),
        Some(file) => plan_in(file)?,
    };
    let outcome = run_plan(plan, arguments.bug)?;
    let mut text = format!("{plan:?}\n");
    text.push_str(&story::render(&outcome.history, arguments.person));
    // Writing to a String cannot fail.
    let _ = writeln!(text, "trace {}", outcome.hash);
    for finding in &outcome.findings {
        let _ = writeln!(text, "check {}: {}", finding.check, finding.what);
    }
    print(&text)?;
    Ok(outcome.findings.is_empty())
}

/// Writes the story. A reader such as `head` closes the pipe once it has read enough; that is not
/// an error.
fn print(story: &str) -> std::io::Result<()> {
    match std::io::stdout().lock().write_all(story.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
