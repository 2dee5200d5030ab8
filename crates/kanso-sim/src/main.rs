//! `kanso-sim`: lives through seeds.
#![expect(clippy::print_stdout, reason = "a program talks to its terminal")]

use kanso_sim::plan::Plan;
use kanso_sim::world::live;

fn main() -> anyhow::Result<()> {
    let args: Vec<u64> = std::env::args()
        .skip(1)
        .map(|a| a.parse().unwrap_or(0))
        .collect();
    for seed in args[0]..args[0] + args[1] {
        let outcome = live(Plan::of(seed), None)?;
        println!(
            "{seed} {} events {} exchanges {}",
            outcome.hash,
            outcome.history.events.len(),
            outcome.history.exchanges.len()
        );
        for finding in &outcome.findings {
            println!("   {}: {}", finding.check, finding.what);
        }
        if args.len() > 2 {
            println!(
                "{}",
                kanso_sim::story::tell(&outcome.history, Some(args[2] as u32).filter(|p| *p > 0))
            );
        }
    }
    Ok(())
}
