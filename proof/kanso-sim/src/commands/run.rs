use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kanso_sim::campaign::{Campaign, CampaignReport};
use kanso_sim::mutants::Bug;

use super::failure;

#[derive(Clone, Debug, clap::Args)]
pub(super) struct Arguments {
    /// Number of seeds
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Time limit in hours
    #[arg(long)]
    hours: Option<f64>,
    /// Number of threads
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Continue after a failure and only count
    #[arg(long)]
    keep_going: bool,
    /// Plant this bug
    #[arg(long, value_parser = Bug::named)]
    bug: Option<Bug>,
}

/// Runs the seeds; returns true if all pass.
#[expect(
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "the wall clock measures the machine and not the simulation; a rate is rounded anyway"
)]
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let began = std::time::Instant::now();
    let rate = |report: &CampaignReport| report.seeds as f64 / began.elapsed().as_secs_f64();
    let campaign = Campaign {
        first: arguments.seed,
        count: arguments.seeds,
        time: arguments
            .hours
            .map(|hours| Duration::from_secs_f64(3_600.0 * hours)),
        jobs: arguments.jobs,
        keep_going: arguments.keep_going,
        bug: arguments.bug,
    };
    let step = (arguments.seeds / 20).max(1);
    let reported = Mutex::new(BTreeSet::new());
    let report = campaign.run(&|| began.elapsed(), &|report| {
        // Printed at once: a campaign takes hours, and the first failure is worth a look before it
        // ends.
        let mut reported = reported.lock().unwrap_or_else(PoisonError::into_inner);
        for seed in report.failed.keys().filter(|seed| reported.insert(**seed)) {
            eprintln!("sim: seed {seed} failed");
        }
        if report.seeds.is_multiple_of(step) {
            let (seeds, failed) = (report.seeds, report.failed.len());
            eprintln!(
                "sim: {seeds} seeds, {failed} failed, {:.1} seeds/s",
                rate(report)
            );
        }
    })?;
    for (seed, findings) in report.failed.iter().take(20) {
        println!("seed {seed}:");
        for finding in findings.iter().take(5) {
            println!("  check {}: {}", finding.check, finding.what);
        }
    }
    if let Some((&seed, findings)) = report.failed.first_key_value()
        && !arguments.keep_going
    {
        failure::explain(seed, arguments.bug, findings)?;
    }
    let (trace, hash) = report.last.clone().unwrap_or_default();
    println!(
        "sim: {} seeds from {} on, {} of them twice, {} requests served, {} failed, {:.1} seeds/s; trace of seed {trace}: {hash}",
        report.seeds,
        arguments.seed,
        report.repeated,
        report.served,
        report.failed.len(),
        rate(&report),
    );
    Ok(report.failed.is_empty())
}
