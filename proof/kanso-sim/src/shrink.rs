//! Shrinks a failing plan, so that its story is short.

use crate::finding::Check;
use crate::mutants::Bug;
use crate::plan::WorldPlan;
use crate::world::run_plan;

/// Returns the smallest plan found in which one of `checks` still fails, after at most `tries`
/// runs.
///
/// Greedy: the first smaller plan that fails is taken and shrunk further. A smaller plan draws
/// other numbers for some streams, so it may fail in another check; such a plan is not taken,
/// because it could hide the bug that is looked for.
///
/// # Errors
///
/// The machine failed.
pub fn shrink(
    plan: WorldPlan,
    bug: Option<Bug>,
    checks: &[Check],
    tries: u32,
) -> anyhow::Result<WorldPlan> {
    let (mut smallest, mut left) = (plan, tries);
    'smaller: loop {
        for smaller in smallest.smaller() {
            if left == 0 {
                return Ok(smallest);
            }
            left -= 1;
            let outcome = run_plan(smaller, bug)?;
            if outcome
                .findings
                .iter()
                .any(|finding| checks.contains(&finding.check))
            {
                // Starts over with the smaller plan: cuts that were too large before may work now.
                smallest = smaller;
                continue 'smaller;
            }
        }
        return Ok(smallest);
    }
}
