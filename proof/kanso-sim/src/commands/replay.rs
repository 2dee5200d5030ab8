use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

use kanso_sim::failure::plan_in;
use kanso_sim::mutants::Bug;
use kanso_sim::plan::Plan;
use kanso_sim::story;
use kanso_sim::world::run_plan;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A plan that a failure left, instead of a seed's own
    #[arg(long)]
    file: Option<PathBuf>,
    /// Only what this person does and is told
    #[arg(long)]
    person: Option<u32>,
    /// With this planted bug
    #[arg(long, value_parser = Bug::named)]
    bug: Option<Bug>,
}

/// Tells the story; whether all was well in it.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let plan = match &arguments.file {
        None => Plan::of(arguments.seed),
        Some(file) => plan_in(file)?,
    };
    let outcome = run_plan(plan, arguments.bug)?;
    let mut told = format!("{plan:?}\n");
    told.push_str(&story::render(&outcome.history, arguments.person));
    // Writing to a String cannot fail.
    let _ = writeln!(told, "trace {}", outcome.hash);
    for finding in &outcome.findings {
        let _ = writeln!(told, "check {}: {}", finding.check, finding.what);
    }
    print(&told)?;
    Ok(outcome.findings.is_empty())
}

/// Who has read enough of a story, as `head` has, closes the pipe: that is no failure.
fn print(story: &str) -> std::io::Result<()> {
    match std::io::stdout().lock().write_all(story.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
