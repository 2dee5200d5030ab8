//! The servers of a world and the storage that they share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kanso_application::housekeeping::Retention;
use kanso_application::ports::feed::Feed;
use kanso_application::ports::storage::Storage;
use kanso_local::{LocalFeed, LocalLimiter};
use tokio_util::sync::CancellationToken;

use crate::chance::Chance;
use crate::history::Recorder;
use crate::plan::Plan;
use crate::planted::{Bug, Planted};
use crate::server::{Parts, Server};
use crate::store::{Base, Life, Port};
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

/// The servers of a world.
pub struct Cluster {
    plan: Plan,
    bug: Option<Bug>,
    time: Time,
    chance: Chance,
    recorder: Arc<Recorder>,
    state: Mutex<State>,
    base: tokio::sync::Mutex<Base>,
}

struct State {
    up: Vec<Option<Up>>,
    /// What stands between the servers, and lives as long as they all do.
    shared: Option<Shared>,
    starts: u32,
}

#[derive(Clone)]
struct Shared {
    /// The bug around the storage, if there is one.
    planted: Option<Arc<Planted>>,
    feed: Arc<dyn Feed>,
}

impl Cluster {
    /// The servers of `plan`, none of them up.
    pub fn new(
        plan: Plan,
        bug: Option<Bug>,
        time: &Time,
        recorder: &Arc<Recorder>,
    ) -> anyhow::Result<Self> {
        let plan = bug.map_or(plan, |bug| bug.plan(plan));
        Ok(Self {
            plan,
            bug,
            time: time.clone(),
            chance: Chance::stream(plan.seed, "cluster"),
            recorder: Arc::clone(recorder),
            state: Mutex::new(State {
                up: vec![None; plan.servers as usize],
                shared: None,
                starts: 0,
            }),
            base: tokio::sync::Mutex::new(Base::new(&plan, bug)?),
        })
    }

    /// Starts those servers that are down.
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

    fn shared(&self, base: &mut Base) -> anyhow::Result<Shared> {
        let raw = base.storage()?;
        let planted = self.bug.map(|bug| {
            let chance = Chance::stream(self.plan.seed, "bug");
            Arc::new(Planted::new(bug, raw, chance))
        });
        let feed: Arc<dyn Feed> = Arc::new(LocalFeed::new());
        let feed = Bug::feed(self.bug, feed);
        Ok(Shared { planted, feed })
    }

    fn boot(
        &self,
        number: usize,
        start: u32,
        shared: &Shared,
        base: &mut Base,
    ) -> anyhow::Result<Up> {
        let stream = |what: &str| Chance::stream(self.plan.seed, &format!("{what} {start}"));
        let ended = CancellationToken::new();
        let life = Life::new(ended.clone(), stream("life"));
        let way = base.way(ended.clone(), stream("connections"))?;
        let storage: Arc<dyn Storage> = match &shared.planted {
            Some(planted) => Arc::new(planted.around_way(way)),
            None => way,
        };
        let skew = Chance::stream(self.plan.seed, &format!("server {number}"));
        let skew = skew.between(0, SERVER_SKEW_SECONDS);
        let server = Server::start(Parts {
            storage: Arc::new(Port::new(storage, life)),
            clock: self.time.clock(i64::try_from(skew).unwrap_or_default()),
            chance: Arc::new(stream("server ids")),
            feed: Arc::clone(&shared.feed),
            limiter: Bug::limiter(self.bug, Arc::new(LocalLimiter::new())),
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

    /// A copy of the database is made.
    pub async fn back_up(&self) -> anyhow::Result<u32> {
        self.base.lock().await.back_up()
    }

    /// All servers die, and a copy takes the place of the database. They are down afterwards.
    pub async fn put_back(&self, copy: u32) -> anyhow::Result<()> {
        for place in 0..self.plan.servers as usize {
            self.crash(place);
        }
        self.state().shared = None;
        self.base.lock().await.put_back(copy).await
    }

    /// The storage itself, past everything that may lie.
    pub async fn raw(&self) -> anyhow::Result<Arc<dyn Storage>> {
        self.base.lock().await.storage()
    }

    /// The storage does not fail any more.
    pub async fn heal(&self) {
        self.base.lock().await.heal();
    }

    /// For how many people somebody waits for news.
    pub fn waiters(&self) -> usize {
        let shared = &self.state().shared;
        shared
            .as_ref()
            .map_or(0, |shared| shared.feed.followed().len())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
