use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use kanso_sim::mutants::Bug;
use kanso_sim::mutation_report::{MAX_SEEDS, MutationResult, search, table};

/// Markers around the table in the page.
const BEGIN: &str = "<!-- bank -->\n";
const END: &str = "<!-- /bank -->";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Search for this bug only
    #[arg(long, value_parser = Bug::named)]
    only: Option<Bug>,
    /// Number of searches for each bug, each with other seeds
    #[arg(long, default_value_t = 1)]
    searches: u64,
    /// Number of threads
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Write the table into this page, between the `<!-- bank -->` markers
    #[arg(long)]
    write: Option<PathBuf>,
}

/// Searches for the bugs; returns true if all were found.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let bugs = arguments.only.map_or(Bug::ALL.to_vec(), |bug| vec![bug]);
    let (next, found) = (
        AtomicUsize::new(0),
        Mutex::new(Vec::<MutationResult>::new()),
    );
    std::thread::scope(|scope| {
        let work = || -> anyhow::Result<()> {
            while let Some(&bug) = bugs.get(next.fetch_add(1, Ordering::SeqCst)) {
                let one = search(bug, arguments.searches)?;
                eprintln!(
                    "mutants: {} {:?} {:?}",
                    bug.name(),
                    one.check.map(|check| check as u8),
                    one.seeds
                );
                found
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(one);
            }
            Ok(())
        };
        let threads: Vec<_> = (0..arguments.jobs.max(1))
            .map(|_| scope.spawn(work))
            .collect();
        threads.into_iter().try_for_each(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| Err(anyhow::anyhow!("a search panicked")))
        })
    })?;
    let mut bank = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    bank.sort_by_key(|found| found.bug);
    let table = table(&bank);
    match &arguments.write {
        Some(page) => write(page, &table)?,
        None => print!("{table}"),
    }
    let missed: Vec<_> = bank.iter().filter(|found| !found.is_caught()).collect();
    for found in &missed {
        println!(
            "mutants: {} was not found within {MAX_SEEDS} seeds",
            found.bug.name()
        );
    }
    println!("mutants: {} bugs, {} missed", bank.len(), missed.len());
    Ok(missed.is_empty())
}

fn write(page: &PathBuf, table: &str) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(page);
    let text = text.with_context(|| format!("reading {}", page.display()))?;
    let (before, rest) = text
        .split_once(BEGIN)
        .context("the page has no place for the table")?;
    let (_, after) = rest
        .split_once(END)
        .context("the page has no end of the table")?;
    std::fs::write(page, format!("{before}{BEGIN}{table}{END}{after}"))?;
    Ok(())
}
