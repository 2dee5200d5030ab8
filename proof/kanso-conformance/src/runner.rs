//! Selection and execution of cases.

use futures::stream::{self, StreamExt as _};
use tokio::time::Instant;

use crate::answer::CaseFailure;
use crate::case::Case;
use crate::report::{CaseResult, ConformanceReport};
use crate::server::ServerUnderTest;

/// Number of cases that run concurrently. Most of their time is waiting for answers, heartbeats and long
/// pulls.
const AT_A_TIME: usize = 4;

/// Returns the cases whose path contains this text, or all cases.
pub fn select(cases: &[Case], only: Option<&str>) -> Vec<Case> {
    let is_meant = |case: &&Case| only.is_none_or(|only| case.path().contains(only));
    cases.iter().filter(is_meant).copied().collect()
}

/// Runs cases, and calls `done` with each result. The report has them in the order of `cases`.
pub async fn run(
    server: &ServerUnderTest,
    cases: &[Case],
    done: impl Fn(&CaseResult),
) -> ConformanceReport {
    let start = Instant::now();
    let mut running = stream::iter(cases.iter().enumerate())
        .map(|(place, case)| async move { (place, run_case(server, *case).await) })
        .buffer_unordered(AT_A_TIME);
    let mut results = Vec::with_capacity(cases.len());
    while let Some((place, result)) = running.next().await {
        done(&result);
        results.push((place, result));
    }
    // Cases end in any order. A report in a fixed order can be compared with an earlier one.
    results.sort_by_key(|(place, _)| *place);
    ConformanceReport {
        url: server.origin().to_owned(),
        seconds: start.elapsed().as_secs_f64(),
        results: results.into_iter().map(|(_, result)| result).collect(),
    }
}

async fn run_case(server: &ServerUnderTest, case: Case) -> CaseResult {
    let start = Instant::now();
    // A task of its own, so that a panic in a case fails that case and not the run. A case may index into
    // an answer that has another shape than it expects.
    let task = tokio::spawn({
        let server = server.clone();
        async move { (case.run)(&server).await }
    });
    let outcome = task.await.unwrap_or_else(|error| {
        let found = error.to_string();
        Err(CaseFailure::new("an answer of the expected shape", found))
    });
    CaseResult {
        case,
        seconds: start.elapsed().as_secs_f64(),
        failure: outcome.err(),
    }
}
