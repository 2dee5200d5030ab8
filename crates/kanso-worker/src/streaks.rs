//! Computes the queued streaks.

use std::sync::Arc;

use kanso_application::Outcome;
use kanso_application::ports::storage::{StreakClaim, StreakJob};
use kanso_application::streaks::Streaks;
use kanso_domain::UserId;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::measure;
use crate::outage::Outage;
use crate::{WorkerSchedule, sleep_or_stop};

/// Maximum number of jobs in one claim. All of them must be done before their lease expires. A claim
/// is one transaction, and so is the result of each user; requests that write wait for both.
const CLAIM: u32 = 256;

/// Users whose streaks are computed at the same time. Two, so that their writes share a commit and
/// most of the storage's readers stay free for requests.
const CONCURRENT_USERS: usize = 2;

/// Streaks that are computed at the same time. A user with more is computed alone. After a midnight,
/// when all users have many jobs, this leaves a core free for requests.
const CONCURRENT_STREAKS: usize = 16;

/// Drains the queue after each work signal and at each poll, until `stop`.
pub(crate) async fn run(
    streaks: Streaks,
    signal: Arc<Notify>,
    stop: CancellationToken,
    schedule: WorkerSchedule,
) {
    let mut outage = Outage::default();
    while !stop.is_cancelled() {
        // A full claim means that the queue may hold more.
        while drain(&streaks, &mut outage, &stop).await {}
        // Biased, so that the simulation gets the same trace from the same seed.
        tokio::select! {
            biased;
            () = signal.notified() => if !sleep_or_stop(schedule.settle, &stop).await { return },
            is_on = sleep_or_stop(schedule.poll, &stop) => if !is_on { return },
        }
    }
}

/// Claims jobs and computes them. Returns true if the queue may hold more due jobs.
async fn drain(streaks: &Streaks, outage: &mut Outage, stop: &CancellationToken) -> bool {
    let Some(claims) = outage.note("streaks", streaks.claim(CLAIM).await) else {
        return false;
    };
    let all: usize = claims.iter().map(|claim| claim.jobs.len()).sum();
    let (mut running, mut in_hand) = (JoinSet::new(), 0);
    for claim in claims {
        let count = claim.jobs.len();
        // `in_hand > 0` admits a user with more jobs than the limit, once nothing else runs.
        while running.len() >= CONCURRENT_USERS
            || (in_hand > 0 && in_hand + count > CONCURRENT_STREAKS)
        {
            in_hand -= one_ends(&mut running).await.unwrap_or(in_hand);
        }
        in_hand += count;
        let (streaks, stop) = (streaks.clone(), stop.clone());
        running.spawn(async move {
            // Claimed but not begun: released, so that another server takes them at once instead of
            // after the lease.
            if stop.is_cancelled() {
                release(streaks, claim).await;
            } else {
                work(streaks, claim, stop).await;
            }
            count
        });
    }
    // Waits for all, also after a stop: a task that is dropped would leave its lease to expire.
    while one_ends(&mut running).await.is_some() {}
    all >= CLAIM as usize && !stop.is_cancelled()
}

/// Computes the jobs of one user.
///
/// First attempts run together, in one transaction. If that fails, each job runs alone, so that one
/// bad job cannot block the others. Jobs with earlier attempts always run alone: the earlier worker
/// may have crashed because of one of them, which no error would have reported.
async fn work(streaks: Streaks, claim: StreakClaim, stop: CancellationToken) {
    let StreakClaim { user, jobs } = claim;
    let (mut fresh, mut tried): (Vec<_>, Vec<_>) =
        jobs.into_iter().partition(|job| job.attempts <= 1);
    // A single fresh job needs no joint attempt: the loop below runs it alone anyway.
    let are_done = fresh.len() > 1 && attempt(&streaks, user, fresh.clone()).await;
    if !are_done {
        tried.append(&mut fresh);
    }
    let mut tried = tried.into_iter();
    while let Some(job) = tried.next() {
        if stop.is_cancelled() {
            let jobs = std::iter::once(job).chain(tried).collect();
            return release(streaks, StreakClaim { user, jobs }).await;
        }
        if !attempt(&streaks, user, vec![job]).await {
            // If this fails too, the job becomes due again when its lease expires.
            log_failure(streaks.retry_later(user, job).await);
        }
    }
}

/// Computes and stores the streaks of `jobs`. Returns true on success. Runs in a task of its own, so
/// that a panic fails only these jobs and not the loop.
async fn attempt(streaks: &Streaks, user: UserId, jobs: Vec<StreakJob>) -> bool {
    let (count, attempts) = (jobs.len(), jobs.first().map(|job| job.attempts));
    let computing = tokio::spawn(compute(streaks.clone(), user, jobs));
    let error: Box<dyn std::error::Error> = match computing.await {
        Ok(Ok(())) => {
            measure::streaks_computed(count);
            return true;
        }
        Ok(Err(fault)) => fault.into(),
        Err(panicked) => panicked.into(),
    };
    measure::streaks_failed(count);
    tracing::warn!(%user, count, attempts, error = &*error, "streak computation failed");
    false
}

async fn compute(streaks: Streaks, user: UserId, jobs: Vec<StreakJob>) -> Outcome<()> {
    let computed = streaks.compute(user, &jobs).await?;
    let outcomes = streaks.finish(user, computed).await?;
    tracing::debug!(%user, ?outcomes, "streaks computed");
    Ok(())
}

async fn release(streaks: Streaks, claim: StreakClaim) {
    log_failure(streaks.release(claim).await);
}

fn log_failure(released: Outcome<()>) {
    if let Err(fault) = released {
        let error = &fault as &dyn std::error::Error;
        tracing::debug!(error, "streak jobs not released, their leases expire");
    }
}

/// Waits for one of the `running` tasks and returns its number of jobs; `None` if none is left.
async fn one_ends(running: &mut JoinSet<usize>) -> Option<usize> {
    match running.join_next().await? {
        Ok(count) => Some(count),
        Err(error) => {
            tracing::error!(%error, "streak task panicked");
            Some(0)
        }
    }
}
