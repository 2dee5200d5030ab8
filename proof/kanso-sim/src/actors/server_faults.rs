//! Faults of servers and jumps of the clock.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::a_while;
use crate::chance::Chance;
use crate::cluster::Cluster;
use crate::history::Recorder;
use crate::plan::WorldPlan;
use crate::store::FileLoss;
use crate::time::Time;

const PAUSE_MILLIS: u64 = 60_000;

/// Longest time until the operator notices that the database file is lost.
const LONGEST_LOSS_MILLIS: u64 = 40_000;

/// Longest sum of all clock jumps: below the 90 days for which receipts and sessions are kept,
/// because older ones may be purged.
const MOST_LEAPT_SECONDS: u64 = 80 * 86_400;

/// Faults of servers and jumps of the clock.
pub struct ServerFaults {
    plan: WorldPlan,
    chance: Chance,
    cluster: Arc<Cluster>,
    recorder: Arc<Recorder>,
    time: Time,
}

impl ServerFaults {
    /// Creates the faults of `plan`.
    pub fn new(
        plan: WorldPlan,
        cluster: &Arc<Cluster>,
        recorder: &Arc<Recorder>,
        time: &Time,
    ) -> Self {
        // The name of the stream is part of every seed: another name draws other numbers, and the
        // plans in `regressions.jsonl` would no longer show the bugs that they stand for.
        Self {
            plan,
            chance: Chance::stream(plan.seed, "weather"),
            cluster: Arc::clone(cluster),
            recorder: Arc::clone(recorder),
            time: time.clone(),
        }
    }

    /// Runs all faults of the plan. Returns the number of restores.
    pub async fn pass(&self) -> anyhow::Result<u32> {
        let mut restores = 0;
        let (mut copies, mut leapt) = (Vec::new(), 0);
        for _ in 0..self.plan.events {
            a_while(&self.chance, PAUSE_MILLIS).await;
            if self.chance.happens(10 * self.plan.crashes) {
                self.cluster.crash(self.chance.place(8));
            }
            if self.plan.drains > 0 && self.chance.happens(10 * self.plan.drains) {
                self.cluster.stop(self.chance.place(8));
            }
            // A backup must be older than some acknowledged writes to lose any, so backups are
            // taken at random times before a restore.
            if self.plan.restores > 0 && (copies.is_empty() || self.chance.happens(20)) {
                copies.push(self.cluster.back_up().await?);
                self.recorder.happened("a backup is taken");
            } else if self.chance.happens(10 * self.plan.restores)
                && let Some(&copy) = self.chance.one_of(&copies)
            {
                self.recorder.happened(format!("backup {copy} is restored"));
                self.cluster.restore(copy).await?;
                restores += 1;
            }
            if self.plan.may_swap() && self.chance.happens(10 * self.plan.swaps) {
                restores += u32::from(self.swap_file(&mut copies).await?);
            }
            if self.chance.happens(10 * self.plan.leaps) {
                let seconds = if self.chance.happens(50) {
                    self.chance.between(60, 100_000)
                } else {
                    86_400 * self.chance.between(1, 30)
                };
                if leapt + seconds <= MOST_LEAPT_SECONDS {
                    leapt += seconds;
                    self.recorder
                        .happened(format!("the clock jumps by {} hours", seconds / 3_600));
                    self.time.leap(i64::try_from(seconds).unwrap_or_default());
                }
            }
            if self.chance.happens(40)
                && let (_, Some(up)) = self.cluster.pick()
            {
                self.recorder.happened("expired data is purged");
                tokio::select! {
                    biased;
                    () = up.ended.cancelled() => {}
                    () = up.server.purge() => {}
                }
            }
            sleep(Duration::from_millis(self.chance.between(0, 15_000))).await;
            // Crashed servers come back after a pause, in which requests fail and devices retry.
            self.cluster.start().await?;
        }
        self.cluster.start().await?;
        Ok(restores)
    }

    /// Takes the database file away from under the running servers. After a while it is moved back, or
    /// the servers are stopped and a backup is restored: then it returns true.
    async fn swap_file(&self, copies: &mut Vec<u32>) -> anyhow::Result<bool> {
        if copies.is_empty() {
            copies.push(self.cluster.back_up().await?);
            self.recorder.happened("a backup is taken");
        }
        let copy = self.chance.one_of(copies).copied().unwrap_or(1);
        let losses = [
            FileLoss::Moved,
            FileLoss::Moved,
            FileLoss::Deleted,
            FileLoss::Replaced(copy),
        ];
        let loss = losses[self.chance.place(losses.len())];
        self.recorder
            .happened(format!("the database file is lost: {loss:?}"));
        self.cluster.lose_file(Some(loss)).await?;
        sleep(Duration::from_millis(
            self.chance.between(1_000, LONGEST_LOSS_MILLIS),
        ))
        .await;
        if loss == FileLoss::Moved {
            self.recorder.happened("the database file is moved back");
            self.cluster.lose_file(None).await?;
            return Ok(false);
        }
        self.recorder.happened(format!("backup {copy} is restored"));
        self.cluster.restore(copy).await?;
        self.recorder.file_lost(false);
        Ok(true)
    }
}
