//! Measurements inside this process, which no client of a server can cause: the computation of one
//! streak, and a midnight for all users.

mod day_change;
mod streak;
mod system;

use std::path::Path;

use crate::progress;
use crate::timing::Timing;

/// Measures both `runs` times, with databases below `folder`.
pub(crate) fn measure(folder: &Path, runs: u32) -> anyhow::Result<Vec<Vec<Timing>>> {
    progress(format_args!("  a database of {} habits", system::HABITS));
    // Built once and copied for each run: building takes much longer than a run.
    let seed = system::SeedDatabase::build(folder)?;
    let mut runs_so_far = Vec::new();
    for number in 1..=runs {
        progress(format_args!("  its midnight, {number} of {runs}"));
        // The streak first, while no other thread of this process runs.
        let mut timings = vec![streak::measure()?];
        timings.extend(day_change::measure(&seed)?);
        runs_so_far.push(timings);
    }
    Ok(runs_so_far)
}
