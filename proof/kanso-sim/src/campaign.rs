//! Runs of many seeds on several threads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::finding::{Check, Finding};
use crate::mutants::Bug;
use crate::plan::WorldPlan;
use crate::world::run_plan;

/// Each seed that is a multiple of this number runs twice, to check that it is deterministic.
const REPEAT_EVERY: u64 = 50;

/// Seeds to run.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// The first seed.
    pub first: u64,
    /// Number of seeds.
    pub count: u64,
    /// Time limit.
    pub time: Option<Duration>,
    /// Number of threads.
    pub jobs: usize,
    /// True to continue after a failure.
    pub keep_going: bool,
    /// The planted bug, if any.
    pub bug: Option<Bug>,
}

/// Result of a campaign.
#[derive(Debug, Default)]
pub struct CampaignReport {
    /// Number of seeds that ran.
    pub seeds: u64,
    /// Number of seeds that ran twice.
    pub repeated: u64,
    /// Number of requests that were served.
    pub served: u64,
    /// The failed seeds with their findings.
    pub failed: BTreeMap<u64, Vec<Finding>>,
    /// The last seed and its trace hash, to compare two machines.
    pub last: Option<(u64, String)>,
}

impl Campaign {
    /// Runs the seeds. `elapsed` returns the time since the start; `watch` gets the report after
    /// each seed.
    ///
    /// # Errors
    ///
    /// The machine failed.
    pub fn run(
        &self,
        elapsed: &(dyn Fn() -> Duration + Sync),
        watch: &(dyn Fn(&CampaignReport) + Sync),
    ) -> anyhow::Result<CampaignReport> {
        let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
        let report = Mutex::new(CampaignReport::default());
        std::thread::scope(|scope| {
            let work = || -> anyhow::Result<()> {
                // A thread takes the next seed when it is done with one, because seeds differ a lot in
                // length.
                while !stop.load(Ordering::SeqCst) {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= self.count || self.time.is_some_and(|time| elapsed() > time) {
                        return Ok(());
                    }
                    let run = SeedRun::run(self.first + number, self.bug)?;
                    let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
                    run.add_to(&mut report);
                    watch(&report);
                    if !report.failed.is_empty() && !self.keep_going {
                        stop.store(true, Ordering::SeqCst);
                    }
                }
                Ok(())
            };
            let threads: Vec<_> = (0..self.jobs.max(1)).map(|_| scope.spawn(work)).collect();
            // A panic in a seed is a failure of the machine, not a finding: the other threads still
            // finish.
            threads.into_iter().try_for_each(|thread| {
                let ended = thread.join();
                ended.unwrap_or_else(|_| Err(anyhow::anyhow!("a simulation panicked")))
            })
        })?;
        Ok(report.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

struct SeedRun {
    seed: u64,
    was_repeated: bool,
    served: u64,
    hash: String,
    findings: Vec<Finding>,
}

impl SeedRun {
    fn run(seed: u64, bug: Option<Bug>) -> anyhow::Result<Self> {
        let plan = WorldPlan::of(seed);
        let outcome = run_plan(plan, bug)?;
        let mut findings = outcome.findings;
        let was_repeated = seed.is_multiple_of(REPEAT_EVERY);
        if was_repeated {
            let again = run_plan(plan, bug)?.hash;
            if again != outcome.hash {
                let what = format!("the trace is {} once and {again} then", outcome.hash);
                findings.push(Finding::new(Check::SameTrace, what));
            }
        }
        let servings = outcome.history.exchanges.iter();
        Ok(Self {
            seed,
            was_repeated,
            served: servings
                .map(|exchange| exchange.servings.len() as u64)
                .sum(),
            hash: outcome.hash,
            findings,
        })
    }

    fn add_to(self, report: &mut CampaignReport) {
        report.seeds += 1;
        report.repeated += u64::from(self.was_repeated);
        report.served += self.served;
        if report
            .last
            .as_ref()
            .is_none_or(|(seed, _)| *seed < self.seed)
        {
            report.last = Some((self.seed, self.hash));
        }
        if !self.findings.is_empty() {
            report.failed.insert(self.seed, self.findings);
        }
    }
}
