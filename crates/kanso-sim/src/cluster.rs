//! The servers of a world and the storage that they share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kanso_application::housekeeping::Retention;
use kanso_application::ports::storage::Storage;
use kanso_sqlite::SqliteStorage;
use tokio_util::sync::CancellationToken;

use crate::chance::Chance;
use crate::feeds::{Feeds, Told};
use crate::history::Recorder;
use crate::plan::Plan;
use crate::planted::{Bug, Planted};
use crate::server::{Parts, Server};
use crate::store::{Disk, Life, Port};
use crate::time::Time;

/// The clocks of servers that share a storage are kept together; tokens allow for 5 seconds.
const SERVER_SKEW_SECONDS: u64 = 2;

/// A server that is up.
#[derive(Clone)]
pub struct Up {
    /// The server.
    pub server: Arc<Server>,
    /// Cancelled when its process dies.
    pub ended: CancellationToken,
}

/// Something that a server remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The server, from 1.
    pub server: u32,
    /// What it is.
    pub what: &'static str,
    /// How much of it.
    pub count: usize,
}

/// The servers of a world.
pub struct Cluster {
    plan: Plan,
    bug: Option<Bug>,
    time: Time,
    chance: Chance,
    recorder: Arc<Recorder>,
    state: Mutex<State>,
    disk: tokio::sync::Mutex<Disk>,
    feeds: Feeds,
}

struct State {
    up: Vec<Option<Up>>,
    /// Ends those that were asked to stop and may still be there.
    stopping: Vec<CancellationToken>,
    /// The storage as all servers see it, for as long as they all live.
    shared: Option<Arc<dyn Storage>>,
    starts: u32,
}

impl Cluster {
    /// The servers of `plan`, none of them up.
    pub fn new(
        plan: Plan,
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
            disk: tokio::sync::Mutex::new(Disk::new(Chance::stream(plan.seed, "epochs"))?),
            feeds: Feeds::new(plan.seed),
        })
    }

    /// Starts those servers that are down.
    pub async fn start(&self) -> anyhow::Result<()> {
        let raw = self.disk.lock().await.storage()?;
        let mut state = self.state();
        let shared = state.shared.get_or_insert_with(|| {
            let planted = self.bug.map(|bug| {
                let chance = Chance::stream(self.plan.seed, "bug");
                Arc::new(Planted::new(bug, Arc::clone(&raw) as _, chance)) as Arc<dyn Storage>
            });
            planted.unwrap_or_else(|| Arc::clone(&raw) as _)
        });
        let shared = Arc::clone(shared);
        for number in 0..state.up.len() {
            if state.up[number].is_none() {
                state.starts += 1;
                let up = self.boot(number, state.starts, &shared)?;
                state.up[number] = Some(up);
            }
        }
        Ok(())
    }

    fn boot(&self, number: usize, start: u32, storage: &Arc<dyn Storage>) -> anyhow::Result<Up> {
        let stream = |what: &str| Chance::stream(self.plan.seed, &format!("{what} {start}"));
        let ended = CancellationToken::new();
        let life = Life::new(ended.clone(), stream("life"));
        let skew = Chance::stream(self.plan.seed, &format!("server {number}"));
        let skew = skew.between(0, SERVER_SKEW_SECONDS);
        let server = Server::start(&Parts {
            storage: Arc::new(Port::new(Arc::clone(storage), life)),
            clock: self.time.clock(i64::try_from(skew).unwrap_or_default()),
            chance: Arc::new(stream("server ids")),
            feed: Bug::feed(self.bug, Arc::new(self.feeds.of(&ended))),
            bug: self.bug,
            has_others: self.plan.servers > 1,
            retention: Retention {
                tombstones_days: self.plan.tombstone_days,
                ..Retention::default()
            },
        })?;
        let server = Arc::new(server);
        Ok(Up { server, ended })
    }

    /// A server that is up, by its number from 1. None when the one that is asked for is down.
    pub fn pick(&self) -> (u32, Option<Up>) {
        let place = self.chance.place(self.plan.servers as usize);
        let up = self.state().up[place].clone();
        (u32::try_from(place + 1).unwrap_or(u32::MAX), up)
    }

    /// One process dies: what it was about to do it never does.
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

    /// One process is asked to stop: it takes no new requests, and finishes those that it has.
    pub fn stop(&self, which: usize) {
        let mut state = self.state();
        let place = which % state.up.len();
        if let Some(Up { server, ended }) = state.up[place].take() {
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

    /// A copy of the database is made.
    pub async fn back_up(&self) -> anyhow::Result<u32> {
        self.disk.lock().await.back_up()
    }

    /// All servers die, and a copy takes the place of the database. They are down afterwards.
    pub async fn put_back(&self, copy: u32) -> anyhow::Result<()> {
        for place in 0..self.plan.servers as usize {
            self.crash(place);
        }
        self.forget_shared();
        let mut disk = self.disk.lock().await;
        disk.close().await?;
        disk.put_back(copy)
    }

    fn forget_shared(&self) {
        let mut state = self.state();
        state.stopping.drain(..).for_each(|ended| ended.cancel());
        state.shared = None;
    }

    /// The storage itself, past everything that may lie.
    pub async fn raw(&self) -> anyhow::Result<Arc<SqliteStorage>> {
        self.disk.lock().await.storage()
    }

    /// Each server that is up does what its workers do every hour.
    pub async fn keep_house(&self) {
        let up = self.state().up.clone();
        for up in up.iter().flatten() {
            up.server.purge().await;
        }
    }

    /// For how many people somebody waits for news.
    pub fn waiters(&self) -> usize {
        self.feeds.followed()
    }

    /// Where histories were ever said to stand.
    pub fn told(&self) -> Told {
        self.feeds.told()
    }

    /// What the servers that are up remember, and how much of it.
    pub fn kept(&self) -> Vec<Kept> {
        let up = self.state().up.clone();
        let servers = up.iter().zip(1..);
        let kept = |(up, number): (&Option<Up>, u32)| {
            let kept = up.as_ref().map(|up| up.server.kept()).unwrap_or_default();
            kept.into_iter().map(move |(what, count)| Kept {
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
