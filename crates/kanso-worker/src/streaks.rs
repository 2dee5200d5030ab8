//! Computes the streaks that are queued.

use std::sync::Arc;

use kanso_application::Outcome;
use kanso_application::ports::storage::StreakJob;
use kanso_application::streaks::Streaks;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::outage::Outage;
use crate::{Rhythm, rested};

/// The most jobs that are claimed at a time: all of them must be done within one lease.
const CLAIM: u32 = 64;

/// How many of them run at a time. The writes of a group share one commit, and most of the
/// storage's readers stay free for requests.
const AT_A_TIME: usize = 2;

/// Works whenever `bell` rings, and from time to time, until `stop`.
pub(crate) async fn run(
    streaks: Streaks,
    bell: Arc<Notify>,
    stop: CancellationToken,
    rhythm: Rhythm,
) {
    let mut outage = Outage::default();
    while !stop.is_cancelled() {
        // As long as the queue fills a claim there is more.
        while drain(&streaks, &mut outage, &stop).await {}
        tokio::select! {
            () = bell.notified() => if !rested(rhythm.settle, &stop).await { return },
            is_on = rested(rhythm.poll, &stop) => if !is_on { return },
        }
    }
}

/// Claims some jobs and does them; says whether there may be more to do at once.
async fn drain(streaks: &Streaks, outage: &mut Outage, stop: &CancellationToken) -> bool {
    let Some(jobs) = outage.note("streaks", streaks.claim(CLAIM).await) else {
        return false;
    };
    let is_full = jobs.len() >= CLAIM as usize;
    let mut running = JoinSet::new();
    for job in jobs {
        if running.len() >= AT_A_TIME {
            one_ends(&mut running).await;
        }
        // A task of its own: a job that panics takes nothing with it. It keeps its lease, so it is
        // tried again when that has run out, and parked in the end.
        if stop.is_cancelled() {
            running.spawn(give_back(streaks.clone(), job));
        } else {
            running.spawn(work(streaks.clone(), job));
        }
    }
    while one_ends(&mut running).await {}
    is_full && !stop.is_cancelled()
}

async fn work(streaks: Streaks, job: StreakJob) {
    if let Err(fault) = compute(&streaks, job).await {
        tracing::warn!(
            user_id = %job.user, attempts = job.attempts,
            error = &fault as &dyn std::error::Error,
            "a streak could not be computed"
        );
        release(&streaks, job, true).await;
    }
}

async fn compute(streaks: &Streaks, job: StreakJob) -> Outcome<()> {
    let streak = streaks.compute(job).await?;
    let outcome = streaks.finish(job, streak).await?;
    tracing::debug!(user_id = %job.user, ?outcome, "a streak was computed");
    Ok(())
}

async fn give_back(streaks: Streaks, job: StreakJob) {
    release(&streaks, job, false).await;
}

async fn release(streaks: &Streaks, job: StreakJob, has_failed: bool) {
    // What cannot be given back is free when its lease has run out.
    if let Err(fault) = streaks.release(job, has_failed).await {
        tracing::debug!(
            error = &fault as &dyn std::error::Error,
            "a streak keeps its lease"
        );
    }
}

/// Waits for one of `running`; false when none was left.
async fn one_ends(running: &mut JoinSet<()>) -> bool {
    let ended = running.join_next().await;
    if let Some(Err(error)) = &ended {
        tracing::error!(%error, "the computing of a streak broke");
    }
    ended.is_some()
}
