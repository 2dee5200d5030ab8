//! Runs cases.

use futures::stream::{self, StreamExt as _};
use tokio::time::Instant;

use crate::answer::Failure;
use crate::case::Case;
use crate::report::{Report, Verdict};
use crate::wire::Wire;

/// How many cases run at a time: most of what they do is waiting.
const AT_A_TIME: usize = 4;

/// The cases whose path has this in it, or all.
pub fn select(cases: &[Case], only: Option<&str>) -> Vec<Case> {
    let is_meant = |case: &&Case| only.is_none_or(|only| case.path().contains(only));
    cases.iter().filter(is_meant).copied().collect()
}

/// Runs these cases; `done` hears of each when it has ended.
pub async fn run(wire: &Wire, cases: &[Case], done: impl Fn(&Verdict)) -> Report {
    let start = Instant::now();
    let mut running = stream::iter(cases.iter().enumerate())
        .map(|(place, case)| async move { (place, one(wire, *case).await) })
        .buffer_unordered(AT_A_TIME);
    let mut verdicts = Vec::with_capacity(cases.len());
    while let Some((place, verdict)) = running.next().await {
        done(&verdict);
        verdicts.push((place, verdict));
    }
    verdicts.sort_by_key(|(place, _)| *place);
    Report {
        url: wire.origin().to_owned(),
        seconds: start.elapsed().as_secs_f64(),
        verdicts: verdicts.into_iter().map(|(_, verdict)| verdict).collect(),
    }
}

async fn one(wire: &Wire, case: Case) -> Verdict {
    let start = Instant::now();
    // A task of its own: what a case did not think of fails that case and not the run.
    let task = tokio::spawn({
        let wire = wire.clone();
        async move { (case.run)(&wire).await }
    });
    let outcome = task.await.unwrap_or_else(|error| {
        let found = error.to_string();
        Err(Failure::new("an answer that the case can read", found))
    });
    Verdict {
        case,
        seconds: start.elapsed().as_secs_f64(),
        failure: outcome.err(),
    }
}
