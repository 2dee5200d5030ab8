//! Computes the streaks that are queued.

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
use crate::{Rhythm, rested};

/// The most jobs that are claimed at a time: all of them must be done within one lease, and a
/// claim and what one person's part of it writes are done by the storage in one go, for which
/// requests wait.
const CLAIM: u32 = 256;

/// How many people's streaks are computed at a time. What they write shares a commit, and most of
/// the storage's readers stay free for requests.
const PEOPLE_AT_A_TIME: usize = 2;

/// How many streaks are computed at a time, unless one person has more: then that person's alone.
/// After a midnight, when everybody has many, a core stays free for requests.
const STREAKS_AT_A_TIME: usize = 16;

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
        // In this order, so that a simulated seed gives one trace.
        tokio::select! {
            biased;
            () = bell.notified() => if !rested(rhythm.settle, &stop).await { return },
            is_on = rested(rhythm.poll, &stop) => if !is_on { return },
        }
    }
}

/// Claims some jobs and does them; says whether there may be more to do at once.
async fn drain(streaks: &Streaks, outage: &mut Outage, stop: &CancellationToken) -> bool {
    let Some(claims) = outage.note("streaks", streaks.claim(CLAIM).await) else {
        return false;
    };
    let all: usize = claims.iter().map(|claim| claim.jobs.len()).sum();
    let (mut running, mut in_hand) = (JoinSet::new(), 0);
    for claim in claims {
        let count = claim.jobs.len();
        while running.len() >= PEOPLE_AT_A_TIME
            || (in_hand > 0 && in_hand + count > STREAKS_AT_A_TIME)
        {
            in_hand -= one_ends(&mut running).await.unwrap_or(in_hand);
        }
        in_hand += count;
        let (streaks, stop) = (streaks.clone(), stop.clone());
        running.spawn(async move {
            if stop.is_cancelled() {
                give_back(streaks, claim).await;
            } else {
                work(streaks, claim, stop).await;
            }
            count
        });
    }
    while one_ends(&mut running).await.is_some() {}
    all >= CLAIM as usize && !stop.is_cancelled()
}

/// Does one person's jobs together. If that fails, one of them may be to blame: each is tried by
/// itself, so that it keeps nobody else from being done. The same for those that were tried
/// before, because whoever tried them may not have lived to tell.
async fn work(streaks: Streaks, claim: StreakClaim, stop: CancellationToken) {
    let StreakClaim { user, jobs } = claim;
    let (mut fresh, mut tried): (Vec<_>, Vec<_>) =
        jobs.into_iter().partition(|job| job.attempts <= 1);
    let are_done = fresh.len() > 1 && attempt(&streaks, user, fresh.clone()).await;
    if !are_done {
        tried.append(&mut fresh);
    }
    let mut tried = tried.into_iter();
    while let Some(job) = tried.next() {
        if stop.is_cancelled() {
            let jobs = std::iter::once(job).chain(tried).collect();
            return give_back(streaks, StreakClaim { user, jobs }).await;
        }
        if !attempt(&streaks, user, vec![job]).await {
            // What cannot be given back is free when its lease has run out.
            note(streaks.retry_later(user, job).await);
        }
    }
}

/// Computes and stores; whether that worked. In a task of its own, so that a computation that
/// panics takes nothing with it.
async fn attempt(streaks: &Streaks, user: UserId, jobs: Vec<StreakJob>) -> bool {
    let (count, attempts) = (jobs.len(), jobs.first().map(|job| job.attempts));
    let computing = tokio::spawn(compute(streaks.clone(), user, jobs));
    let error: Box<dyn std::error::Error> = match computing.await {
        Ok(Ok(())) => {
            measure::streaks_computed(count);
            return true;
        }
        Ok(Err(fault)) => fault.into(),
        Err(broke) => broke.into(),
    };
    measure::streaks_failed(count);
    tracing::warn!(%user, count, attempts, error = &*error, "streaks could not be computed");
    false
}

async fn compute(streaks: Streaks, user: UserId, jobs: Vec<StreakJob>) -> Outcome<()> {
    let computed = streaks.compute(user, &jobs).await?;
    let outcomes = streaks.finish(user, computed).await?;
    tracing::debug!(%user, ?outcomes, "streaks were computed");
    Ok(())
}

async fn give_back(streaks: Streaks, claim: StreakClaim) {
    note(streaks.release(claim).await);
}

fn note(released: Outcome<()>) {
    if let Err(fault) = released {
        let error = &fault as &dyn std::error::Error;
        tracing::debug!(error, "streaks keep their leases");
    }
}

/// Waits for one of `running`, and says how many jobs it had; none when nobody is left.
async fn one_ends(running: &mut JoinSet<usize>) -> Option<usize> {
    match running.join_next().await? {
        Ok(count) => Some(count),
        Err(error) => {
            tracing::error!(%error, "the computing of streaks broke");
            Some(0)
        }
    }
}
