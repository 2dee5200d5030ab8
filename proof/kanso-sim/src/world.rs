//! One run: a phase with faults, a phase of recovery, and the final state.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::actors::{
    Browser, Follower, ReplicaBackups, ServerFaults, SimDevice, SnapshotReader, WireClient,
};
use crate::checks;
use crate::cluster::Cluster;
use crate::final_state::{FinalDevice, FinalState, FinalUser, backlog, heads, streaks_are_fresh};
use crate::finding::{Check, Finding, Findings};
use crate::history::{Actor, History, Recorder};
use crate::mutants::Bug;
use crate::network::{Link, Network, UNREAD_MEMBERS};
use crate::plan::WorldPlan;
use crate::time::Time;
use kanso_domain::sync::Head;

/// Rounds of recovery, 45 seconds each: half an hour.
const RECOVERY_ROUNDS: u32 = 40;

/// Idle time after the last request: longer than any in-process memory of a server is valid.
const IDLE: Duration = Duration::from_mins(20);

/// Result of a run.
#[derive(Debug)]
pub struct WorldOutcome {
    /// Broken promises; empty if all checks pass.
    pub findings: Vec<Finding>,
    /// The history.
    pub history: History,
    /// The trace hash of the history.
    pub hash: String,
}

/// Runs `plan`, with the planted `bug` if there is one.
///
/// # Errors
///
/// The machine failed: no disk, no memory.
pub fn run_plan(plan: WorldPlan, bug: Option<Bug>) -> anyhow::Result<WorldOutcome> {
    // Here, so that a replay of the plan does the same.
    let plan = bug.map_or(plan, |bug| bug.plan(plan));
    // One thread and a paused clock: tasks run in the order in which they were woken, and timers
    // fire in the order of their deadlines. Nothing else decides what happens next, so a seed has
    // one trace.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    runtime.block_on(async {
        let (mut findings, history, ends) = World::new(plan, bug)?.run().await?;
        findings.extend(checks::all(&history, &ends));
        let hash = history.hash();
        Ok(WorldOutcome {
            findings,
            history,
            hash,
        })
    })
}

struct World {
    plan: WorldPlan,
    time: Time,
    recorder: Arc<Recorder>,
    findings: Findings,
    cluster: Arc<Cluster>,
    network: Arc<Network>,
    devices: Vec<Arc<SimDevice>>,
    browsers: Vec<Arc<Browser>>,
    followers: Vec<Arc<Follower>>,
    snapshot_readers: Vec<Arc<SnapshotReader>>,
}

impl World {
    fn new(plan: WorldPlan, bug: Option<Bug>) -> anyhow::Result<Self> {
        let (time, findings) = (Time::begin(), Findings::default());
        let recorder = Arc::new(Recorder::new(time.clone()));
        let cluster = Arc::new(Cluster::new(plan, bug, &time, &recorder)?);
        let network = Arc::new(Network::new(plan, bug, &cluster, &recorder));
        let link = |person, device| {
            let actor = Actor { person, device };
            (actor, Link::new(actor, &network))
        };
        let backups = Arc::new(ReplicaBackups::default());
        let (mut devices, mut browsers) = (Vec::new(), Vec::new());
        let (mut followers, mut snapshot_readers) = (Vec::new(), Vec::new());
        for person in 1..=plan.people {
            for device in 1..=plan.devices {
                let link = link(person, device);
                let device = SimDevice::new(plan, link, &time, &backups, &recorder, &findings)?;
                devices.push(Arc::new(device));
            }
            // A user's programs share neither token nor random numbers: each has its own session
            // and stream.
            let client = |device| WireClient::new(plan, link(person, device), &recorder, &findings);
            browsers.push(Arc::new(Browser::new(client(0))));
            followers.push(Arc::new(Follower::new(client(Actor::FOLLOWER))));
            let snapshot_reader = SnapshotReader::new(client(Actor::SNAPSHOT_READER));
            snapshot_readers.push(Arc::new(snapshot_reader));
        }
        Ok(Self {
            plan,
            time,
            recorder,
            findings,
            cluster,
            network,
            devices,
            browsers,
            followers,
            snapshot_readers,
        })
    }

    async fn run(self) -> anyhow::Result<(Vec<Finding>, History, FinalState)> {
        self.cluster.start().await?;
        for device in self
            .devices
            .iter()
            .filter(|device| device.actor.device == 1)
        {
            // Only the first device of each user registers; the others log in to the account that
            // it created.
            device.register().await;
        }
        let mut following = self.follow();
        let restores = self.fault_phase().await?;
        self.recovery_phase().await?;
        // Read at once: another midnight would make streaks stale that no worker had time for.
        let mut ends = self.ends(restores).await?;
        self.read_to_the_end().await;
        following.shutdown().await;
        ends.published = self.cluster.published_heads();
        self.devices.iter().for_each(|device| device.stop_sync());
        // The order matters: clients stop first, then time passes, and only then is memory counted.
        // Otherwise a late request would leave a fresh entry behind.
        sleep(IDLE).await;
        self.cluster.purge_expired().await;
        ends.waiters = self.cluster.waiters();
        ends.retained = self.cluster.kept();
        Ok((self.findings.take(), self.recorder.take(), ends))
    }

    /// Starts the followers of all event streams; they run until they are shut down.
    fn follow(&self) -> JoinSet<()> {
        let mut following = JoinSet::new();
        for follower in &self.followers {
            let follower = Arc::clone(follower);
            following.spawn(async move { follower.run().await });
        }
        following
    }

    /// Runs all actors with faults. Returns the number of restores.
    async fn fault_phase(&self) -> anyhow::Result<u32> {
        let server_faults = ServerFaults::new(self.plan, &self.cluster, &self.recorder, &self.time);
        let mut running = JoinSet::new();
        for device in &self.devices {
            let device = Arc::clone(device);
            running.spawn(async move { device.run().await });
        }
        for browser in &self.browsers {
            let browser = Arc::clone(browser);
            running.spawn(async move { browser.run().await });
        }
        for snapshot_reader in &self.snapshot_readers {
            let snapshot_reader = Arc::clone(snapshot_reader);
            running.spawn(async move { snapshot_reader.run().await });
        }
        // The faults run beside the actors; this phase ends when all of them are done.
        let restores = server_faults.pass().await?;
        while let Some(ended) = running.join_next().await {
            ended?;
        }
        Ok(restores)
    }

    /// Ends all faults and waits until all replicas converge.
    async fn recovery_phase(&self) -> anyhow::Result<()> {
        self.recorder
            .happened("recovery: no more faults and no more writes");
        self.network.heal();
        self.cluster.heal().await;
        self.cluster.start().await?;
        let raw = self.cluster.raw().await?;
        let mut before = None;
        for _ in 0..RECOVERY_ROUNDS {
            for device in &self.devices {
                device.answer_prompts().await;
                device.sync_now();
            }
            sleep(Duration::from_secs(45)).await;
            // A round without a new head shows that every replica read everything from before it.
            let heads = heads(&raw, self.plan.people).await?;
            let is_followed = self.is_followed(&heads);
            let is_still = is_followed && before.replace(heads.clone()) == Some(heads);
            let is_drained = backlog(&raw).await?.waiting == 0;
            if is_still
                && is_drained
                && self.devices.iter().all(|device| device.is_quiet())
                && streaks_are_fresh(&raw, &self.time, self.plan.people).await?
            {
                break;
            }
        }
        Ok(())
    }

    /// Lets the readers of pages and snapshots read to the end, where the digests must match.
    async fn read_to_the_end(&self) {
        for browser in &self.browsers {
            browser.read_all().await;
        }
        for snapshot_reader in &self.snapshot_readers {
            snapshot_reader.must_read_everything().await;
        }
    }

    /// Returns true if all followers have read everything.
    fn is_followed(&self, heads: &[Option<Head>]) -> bool {
        let mut pairs = self.followers.iter().zip(heads);
        pairs.all(|(follower, head)| follower.has_read(*head))
    }

    async fn ends(&self, restores: u32) -> anyhow::Result<FinalState> {
        let raw = self.cluster.raw().await?;
        let mut people = Vec::new();
        for person in 1..=self.plan.people {
            match FinalUser::read(&raw, &self.time, person).await {
                Ok(end) => people.push(end),
                Err(error) => {
                    let what = format!("p{person} cannot be read: {error:#}");
                    self.findings.note(Check::AckedIsKept, what);
                }
            }
        }
        let heads = heads(&raw, self.plan.people).await?;
        let behind = self.followers.iter().zip(heads);
        let behind = behind.filter(|(follower, head)| !follower.has_read(*head));
        let devices = self.devices.iter().map(|device| FinalDevice::read(device));
        Ok(FinalState {
            restores,
            longest_delay: self.plan.longest_delay,
            tombstone_days: self.plan.tombstone_days,
            backlog: backlog(&raw).await?,
            has_others: self.plan.servers > 1,
            has_busy_store: self.plan.store.is_busy(),
            unread_members: if self.plan.novelties > 0 {
                UNREAD_MEMBERS
            } else {
                &[]
            },
            behind: behind.map(|(follower, _)| follower.actor()).collect(),
            people,
            devices: devices.collect::<Result<_, _>>()?,
            ..FinalState::default()
        })
    }
}
