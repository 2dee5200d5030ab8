//! Many seeds, on all the cores that one may have.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::finding::{Check, Finding};
use crate::mutants::Bug;
use crate::plan::Plan;
use crate::world::run_plan;

/// Each seed whose number can be divided by this is lived through twice.
const REPEAT_EVERY: u64 = 50;

/// Which seeds to live through.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// The first.
    pub first: u64,
    /// How many.
    pub count: u64,
    /// How long at most.
    pub time: Option<Duration>,
    /// On how many threads.
    pub jobs: usize,
    /// Whether to go on after a failure.
    pub keep_going: bool,
    /// What is wrong on purpose, if anything.
    pub bug: Option<Bug>,
}

/// What came of a campaign.
#[derive(Debug, Default)]
pub struct CampaignReport {
    /// How many seeds were lived through.
    pub seeds: u64,
    /// How many of them twice.
    pub repeated: u64,
    /// How many requests were served.
    pub served: u64,
    /// The seeds that failed, with what was found.
    pub failed: BTreeMap<u64, Vec<Finding>>,
    /// The hash of the last seed, for comparing two machines.
    pub last: Option<(u64, String)>,
}

impl Campaign {
    /// Lives through the seeds; `elapsed` tells how long it takes so far, and `watch` is told now and
    /// then how many are done and how many failed.
    ///
    /// # Errors
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
            threads.into_iter().try_for_each(|thread| {
                let ended = thread.join();
                ended.unwrap_or_else(|_| Err(anyhow::anyhow!("a simulation broke off")))
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
        let plan = Plan::of(seed);
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
