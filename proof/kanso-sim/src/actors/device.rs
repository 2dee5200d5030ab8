//! A device: the real client with its sync loop, and a simulated user.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kanso_client::{CallError, Client, LoginError, SyncHandle, SyncLoop, SyncState};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use uuid::Uuid;

use super::{PASSWORD, ReplicaBackups, a_while, edits, email};
use crate::chance::Chance;
use crate::finding::{Check, Findings};
use crate::history::{Actor, CopiedReplica, Recorder};
use crate::network::Link;
use crate::plan::WorldPlan;
use crate::time::{PausedTimer, Time};

/// Longest pause between two actions of the user.
const PAUSE_MILLIS: u64 = 20_000;
/// Attempts to log in, one every three seconds: longer than any fault lasts.
const LOG_INS: u32 = 4_000;

/// One device of one user.
pub struct SimDevice {
    /// The device and its user.
    pub actor: Actor,
    /// The real client. A backup of a replica may take its place.
    client: Mutex<Arc<Client>>,
    clock: Arc<dyn kanso_client::clock::Clock>,
    /// Backups of the replicas of all devices.
    backups: Arc<ReplicaBackups>,
    copying: Chance,
    plan: WorldPlan,
    link: Link,
    chance: Arc<Chance>,
    recorder: Arc<Recorder>,
    findings: Findings,
    running: Mutex<Option<Running>>,
    /// Highest version of each record that was delivered.
    seen: Mutex<BTreeMap<Uuid, i64>>,
}

struct Running {
    handle: SyncHandle,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl SimDevice {
    /// Creates a device without a session.
    pub fn new(
        plan: WorldPlan,
        link: (Actor, Link),
        time: &Time,
        backups: &Arc<ReplicaBackups>,
        recorder: &Arc<Recorder>,
        findings: &Findings,
    ) -> anyhow::Result<Self> {
        let (actor, link) = link;
        let chance = Arc::new(Chance::stream(plan.seed, &actor.to_string()));
        let skew = i64::try_from(chance.between(0, 2 * plan.skew_seconds.unsigned_abs()));
        let clock = time.clock(skew.unwrap_or_default() - plan.skew_seconds);
        let ids = Arc::new(Chance::stream(plan.seed, &format!("{actor} ids")));
        Ok(Self {
            actor,
            client: Mutex::new(Arc::new(Client::in_memory(clock.clone(), ids)?)),
            clock,
            backups: Arc::clone(backups),
            copying: Chance::stream(plan.seed, &format!("{actor} copies")),
            plan,
            link,
            chance,
            recorder: Arc::clone(recorder),
            findings: findings.clone(),
            running: Mutex::default(),
            seen: Mutex::default(),
        })
    }

    /// Creates the account; retries until it exists.
    pub async fn register(&self) {
        let email = email(self.actor.person);
        loop {
            match self
                .client()
                .register(&self.link, &email, PASSWORD, None)
                .await
            {
                // Refused: an earlier attempt was carried out and its answer was lost.
                Ok(_) | Err(CallError::Refused(_)) => return,
                Err(_) => sleep(Duration::from_secs(2)).await,
            }
        }
    }

    /// Uses the device for as many actions as the plan has.
    pub async fn run(&self) {
        a_while(&self.chance, PAUSE_MILLIS).await;
        // A user may write before the first login.
        if self.chance.happens(30) {
            self.act(0);
        }
        self.log_in().await;
        self.start_loop();
        for number in 1..=self.plan.actions {
            a_while(&self.chance, PAUSE_MILLIS).await;
            if self.chance.happens(10 * self.plan.partitions) {
                let is_cut = self.chance.happens(60);
                self.recorder.did(
                    self.actor,
                    if is_cut { "goes offline" } else { "is online" },
                );
                self.link.cut(is_cut);
            }
            // Dropping the loop loses its timers and its pending request; the replica survives, as
            // on a phone.
            if self.chance.happens(3) {
                self.recorder.did(self.actor, "crashes and starts again");
                *self.running() = None;
                self.start_loop();
            }
            if self.copying.happens(10 * self.plan.copies) {
                self.copy_replica(number);
            }
            self.act(number);
            self.check_versions();
            self.answer_prompts().await;
        }
    }

    /// The client.
    pub fn client(&self) -> Arc<Client> {
        Arc::clone(&self.client.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes a backup of the replica, or continues with a backup of any device of the user.
    ///
    /// Two devices may then share a replica, or a device may have an older state of its own. Their
    /// device id and session are the same, since a replica in memory cannot notice that it moved.
    fn copy_replica(&self, number: u32) {
        let person = self.actor.person;
        let client = |of: &Client, name: String| {
            let ids = Arc::new(Chance::stream(self.plan.seed, &name));
            of.copied(Arc::clone(&self.clock), ids)
        };
        let backup = self.backups.one_of(person, &self.copying);
        let Some(backup) = backup.filter(|_| self.copying.happens(50)) else {
            let saved_at = self.recorder.length();
            // The ids of a backup are never used.
            if let Ok(saved) = client(&self.client(), "backup".to_owned()) {
                self.recorder.did(self.actor, "backs its replica up");
                self.backups.add(self.actor, saved_at, saved);
            }
            return;
        };
        let Ok(copy) = client(&backup.client, format!("{} copy {number}", self.actor)) else {
            return self
                .findings
                .note(Check::Convergence, format!("{} has no copy", self.actor));
        };
        // The loop ends first: an answer to the old replica must not reach the new one.
        *self.running() = None;
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(copy);
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.recorder.copied(CopiedReplica {
            actor: self.actor,
            source: backup.source,
            saved_at: backup.saved_at,
        });
        self.start_loop();
    }

    fn act(&self, number: u32) {
        let done = edits::act(
            &self.client(),
            &self.chance,
            self.actor,
            number,
            self.plan.focus,
        );
        match done {
            Ok(done) => {
                if let Some(wrong) = done.unread {
                    self.findings
                        .note(Check::NeverBack, format!("{}: {wrong}", self.actor));
                }
                self.recorder.did(self.actor, done.what);
            }
            Err(error) => {
                let what = format!("{} cannot write: {error}", self.actor);
                self.findings.note(Check::NeverBack, what);
            }
        }
    }

    /// Checks that no record went back to an older version. Only a restore may lower a version.
    fn check_versions(&self) {
        let Ok(records) = self.client().server_records() else {
            return self
                .findings
                .note(Check::NeverBack, format!("{} cannot read", self.actor));
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for record in records {
            let version = record.stamp().version.get();
            let newest = seen.entry(record.id()).or_insert(version);
            if version < *newest && !self.plan.may_restore() {
                let (actor, id) = (self.actor, record.id());
                let what = format!("{actor} had version {newest} of {id} and has {version} now");
                self.findings.note(Check::NeverBack, what);
            }
            *newest = version;
        }
    }

    /// Answers the prompts that the sync state shows to a user.
    pub async fn answer_prompts(&self) {
        let state = self.state();
        match state {
            Some(SyncState::SignedOut) => {
                // A copy of a replica may have been made while its session was already over.
                if !self.link.take_refusal() && self.plan.copies == 0 {
                    let what = format!("{} lost its session, and no server ended it", self.actor);
                    self.findings.note(Check::StaysSignedIn, what);
                }
                self.recorder
                    .did(self.actor, "is signed out and logs in again");
                self.log_in().await;
                self.sync_now();
            }
            Some(SyncState::ManyDeletions(_)) => {
                self.recorder.did(self.actor, "accepts many deletions");
                if let Some(running) = self.running().as_ref() {
                    running.handle.accept_deletions();
                }
            }
            None => self.start_loop(),
            Some(_) => {}
        }
    }

    /// Logs in, after going online: a user who wants to log in looks for a network.
    async fn log_in(&self) {
        self.link.cut(false);
        let email = email(self.actor.person);
        for _ in 0..LOG_INS {
            match self.client().login(&self.link, &email, PASSWORD).await {
                Ok(_) => return,
                Err(LoginError::Call(_)) => sleep(Duration::from_secs(3)).await,
                Err(LoginError::OtherAccount { .. }) => {
                    let what = format!("{} was logged in to another account", self.actor);
                    return self.findings.note(Check::Isolation, what);
                }
            }
        }
        let what = format!("{} cannot log in", self.actor);
        self.findings.note(Check::StaysSignedIn, what);
    }

    fn start_loop(&self) {
        let transport = Arc::new(self.link.clone());
        let timer = Arc::new(PausedTimer);
        // The client's own loop runs unchanged; only transport and timer are simulated.
        let (sync_loop, handle) = SyncLoop::new(self.client(), transport, timer);
        let task = tokio::spawn(sync_loop.run());
        *self.running() = Some(Running { handle, task });
    }

    /// Goes online and starts a sync at once.
    pub fn sync_now(&self) {
        self.link.cut(false);
        if let Some(running) = self.running().as_ref() {
            running.handle.sync_now();
        }
    }

    /// Stops the sync loop for good.
    pub fn stop_sync(&self) {
        *self.running() = None;
    }

    /// State of the sync; `None` while no loop runs.
    pub fn state(&self) -> Option<SyncState> {
        let running = self.running();
        let running = running
            .as_ref()
            .filter(|running| !running.task.is_finished());
        running.map(|running| running.handle.state().borrow().clone())
    }

    /// Returns true if everything is exchanged.
    pub fn is_quiet(&self) -> bool {
        let is_idle = matches!(
            self.state(),
            Some(SyncState::Idle { .. } | SyncState::Conflict(_))
        );
        is_idle
            && self
                .client()
                .status()
                .is_ok_and(|status| status.waiting == 0)
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
