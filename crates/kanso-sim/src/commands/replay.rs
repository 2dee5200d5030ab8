use std::path::PathBuf;

use anyhow::Context as _;
use kanso_sim::plan::Plan;
use kanso_sim::planted::Bug;
use kanso_sim::story;
use kanso_sim::world::live;

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
    #[arg(long)]
    bug: Option<String>,
}

/// Tells the story; whether all was well in it.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let plan = match &arguments.file {
        None => Plan::of(arguments.seed),
        Some(file) => {
            let text = std::fs::read_to_string(file);
            let text = text.with_context(|| format!("reading {}", file.display()))?;
            serde_json::from_str(&text)?
        }
    };
    let bug = match arguments.bug.as_deref() {
        None => None,
        Some(name) => Some(Bug::named(name).with_context(|| format!("no bug is called {name}"))?),
    };
    let outcome = live(plan, bug)?;
    println!("{plan:?}");
    print!("{}", story::tell(&outcome.history, arguments.person));
    println!("trace {}", outcome.hash);
    for finding in &outcome.findings {
        println!("check {}: {}", finding.check, finding.what);
    }
    Ok(outcome.findings.is_empty())
}
