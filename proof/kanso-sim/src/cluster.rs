//! The servers of a world and the storage that they share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kanso_application::housekeeping::Retention;
use kanso_application::ports::storage::Storage;
use tokio_util::sync::CancellationToken;

use crate::chance::Chance;
use crate::feeds::{FeedNetwork, PublishedHeads};
use crate::history::Recorder;
use crate::mutants::{Bug, MutantStorage};
use crate::plan::WorldPlan;
use crate::server::{ServerParts, SimServer};
use crate::store::{FileLoss, Process, ServerStorage, SharedStore};
use crate::time::Time;

/// Largest difference between the clocks of two servers. Tokens tolerate 5 seconds (`kanso-credentials`),
/// so honest servers must stay below that.
const SERVER_SKEW_SECONDS: u64 = 2;

/// A server that is up.
#[derive(Clone)]
pub struct RunningServer {
    /// The server.
    pub server: Arc<SimServer>,
    /// Cancelled when its process dies.
    pub ended: CancellationToken,
}

/// Size of one in-memory collection of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryUse {
    /// The server, from 1.
    pub server: u32,
    /// Name of the collection.
    pub what: &'static str,
    /// Number of entries.
    pub count: usize,
}

/// The servers of a world.
pub struct Cluster {
    plan: WorldPlan,
    bug: Option<Bug>,
    time: Time,
    chance: Chance,
    recorder: Arc<Recorder>,
    state: Mutex<State>,
    base: tokio::sync::Mutex<SharedStore>,
    feeds: FeedNetwork,
}

struct State {
    up: Vec<Option<RunningServer>>,
    /// Tokens of servers that were asked to stop and may still be draining.
    stopping: Vec<CancellationToken>,
    /// The layer between the servers and the storage. None before the first start and after a restore.
    shared: Option<Shared>,
    starts: u32,
}

/// The layer around the storage that all servers share. A restore replaces it with the storage.
#[derive(Clone)]
struct Shared {
    /// The planted bug around the storage, if the run has one.
    planted: Option<Arc<MutantStorage>>,
}

impl Cluster {
    /// Creates the servers of `plan`, all of them down.
    ///
    /// # Errors
    /// The storage cannot be opened.
    pub fn new(
        plan: WorldPlan,
        bug: Option<Bug>,
        time: &Time,
        recorder: &Arc<Recorder>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            plan,
            bug,
            time: time.clone(),
            chance: Chance::stream(plan.seed, "cluster"),
            recorder: Arc::clone(recorder),
            state: Mutex::new(State {
                up: vec![None; plan.servers as usize],
                stopping: Vec::new(),
                shared: None,
                starts: 0,
            }),
            base: tokio::sync::Mutex::new(SharedStore::new(&plan, bug)?),
            feeds: FeedNetwork::new(plan.seed),
        })
    }

    /// Starts the servers that are down.
    ///
    /// # Errors
    /// The storage or a server cannot be opened.
    pub async fn start(&self) -> anyhow::Result<()> {
        let mut base = self.base.lock().await;
        let mut state = self.state();
        if state.starts == 0 {
            base.begin(&self.recorder);
        }
        let shared = match state.shared.clone() {
            Some(shared) => shared,
            None => self.shared(&mut base)?,
        };
        state.shared = Some(shared.clone());
        for number in 0..state.up.len() {
            if state.up[number].is_none() {
                state.starts += 1;
                let up = self.boot(number, state.starts, &shared, &mut base)?;
                state.up[number] = Some(up);
            }
        }
        Ok(())
    }

    fn shared(&self, base: &mut SharedStore) -> anyhow::Result<Shared> {
        let raw = base.storage()?;
        let planted = self.bug.map(|bug| {
            let chance = Chance::stream(self.plan.seed, "bug");
            Arc::new(MutantStorage::new(bug, raw, chance))
        });
        Ok(Shared { planted })
    }

    fn boot(
        &self,
        number: usize,
        start: u32,
        shared: &Shared,
        base: &mut SharedStore,
    ) -> anyhow::Result<RunningServer> {
        let stream = |what: &str| Chance::stream(self.plan.seed, &format!("{what} {start}"));
        let ended = CancellationToken::new();
        // Each start draws from streams of its own. A server that starts earlier than in another plan then
        // does not change the draws of the others, which keeps a shrunk plan close to its origin.
        let life = Process::new(ended.clone(), stream("life"));
        let way = base.connect(ended.clone(), stream("connections"))?;
        let storage: Arc<dyn Storage> = match &shared.planted {
            Some(planted) => Arc::new(planted.around_connection(way)),
            None => way,
        };
        let skew = Chance::stream(self.plan.seed, &format!("server {number}"));
        let skew = skew.between(0, SERVER_SKEW_SECONDS);
        let server = SimServer::start(&ServerParts {
            storage: Arc::new(ServerStorage::new(storage, life)),
            clock: self.time.clock(i64::try_from(skew).unwrap_or_default()),
            chance: Arc::new(stream("server ids")),
            feed: Bug::feed(self.bug, Arc::new(self.feeds.of(&ended))),
            bug: self.bug,
            sweeps: self.plan.servers > 1 || self.plan.store.is_busy(),
            retention: Retention {
                tombstones_days: self.plan.tombstone_days,
                // The checks compare the texts of every delivered record, so those of tombstones are
                // kept for the whole run. The contract has the cases of their erasure.
                deleted_texts_days: 36_500,
                ..Retention::default()
            },
        })?;
        let server = Arc::new(server);
        Ok(RunningServer { server, ended })
    }

    /// Draws a server as a load balancer would. Returns its number from 1, and none if it is down.
    pub fn pick(&self) -> (u32, Option<RunningServer>) {
        let place = self.chance.place(self.plan.servers as usize);
        let up = self.state().up[place].clone();
        (u32::try_from(place + 1).unwrap_or(u32::MAX), up)
    }

    /// Kills one process. Its pending storage calls never finish.
    pub fn crash(&self, which: usize) {
        let mut state = self.state();
        let place = which % state.up.len();
        if let Some(up) = state.up[place].take() {
            up.ended.cancel();
            up.server.kill();
            self.recorder
                .happened(format!("server {} crashes", place + 1));
        }
    }

    /// Asks one process to stop. It takes no new requests and finishes those that it has.
    pub fn stop(&self, which: usize) {
        let mut state = self.state();
        let place = which % state.up.len();
        if let Some(RunningServer { server, ended }) = state.up[place].take() {
            state.stopping.retain(|ended| !ended.is_cancelled());
            state.stopping.push(ended.clone());
            self.recorder
                .stops(u32::try_from(place + 1).unwrap_or(u32::MAX));
            tokio::spawn(async move {
                server.drain().await;
                ended.cancel();
            });
        }
    }

    /// Makes a backup of the database and returns its number.
    ///
    /// # Errors
    /// The backup failed.
    pub async fn back_up(&self) -> anyhow::Result<u32> {
        self.base.lock().await.back_up()
    }

    /// Takes the database file away from under the servers; puts a moved one back without a `loss`.
    ///
    /// # Errors
    /// The file system failed.
    pub async fn lose_file(&self, loss: Option<FileLoss>) -> anyhow::Result<()> {
        self.base.lock().await.lose_file(loss)?;
        self.recorder.file_lost(loss.is_some());
        Ok(())
    }

    /// Kills all servers and restores the database from a backup. The servers stay down.
    ///
    /// # Errors
    /// The restore failed.
    pub async fn restore(&self, copy: u32) -> anyhow::Result<()> {
        // As an operator does: the servers stop before the database is replaced.
        for place in 0..self.plan.servers as usize {
            self.crash(place);
        }
        // Before the restore: a draining server would otherwise commit into the restored database.
        self.forget_shared();
        self.base.lock().await.restore(copy).await
    }

    fn forget_shared(&self) {
        let mut state = self.state();
        state.stopping.drain(..).for_each(|ended| ended.cancel());
        state.shared = None;
    }

    /// Returns the storage without faults and without the planted bug, for the checks.
    ///
    /// # Errors
    /// The storage cannot be opened.
    pub async fn raw(&self) -> anyhow::Result<Arc<dyn Storage>> {
        self.base.lock().await.storage()
    }

    /// Ends all faults of the storage.
    pub async fn heal(&self) {
        self.base.lock().await.heal();
    }

    /// Runs the hourly purge on each server that is up.
    pub async fn purge_expired(&self) {
        let up = self.state().up.clone();
        for up in up.iter().flatten() {
            up.server.purge().await;
        }
    }

    /// Returns the number of users whose feed has a subscriber.
    pub fn waiters(&self) -> usize {
        self.feeds.followed()
    }

    /// Returns the heads that the feeds ever published.
    pub fn published_heads(&self) -> PublishedHeads {
        self.feeds.published_heads()
    }

    /// Returns the sizes of the in-memory collections of the servers that are up.
    pub fn kept(&self) -> Vec<MemoryUse> {
        let up = self.state().up.clone();
        let servers = up.iter().zip(1..);
        let kept = |(up, number): (&Option<RunningServer>, u32)| {
            let kept = up.as_ref().map(|up| up.server.kept()).unwrap_or_default();
            kept.into_iter().map(move |(what, count)| MemoryUse {
                server: number,
                what,
                count,
            })
        };
        servers.flat_map(kept).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
