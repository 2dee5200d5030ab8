//! Many people with habits that are kept, in one zone, in a database that is copied for each run.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use kanso_application::RecordPorts;
use kanso_application::devices::Devices;
use kanso_application::ports::storage::{AccountStore as _, Storage as _, StreakQueue as _};
use kanso_application::ports::work_signal::WorkSignal;
use kanso_application::streaks::Streaks;
use kanso_application::sync::{Caller, Sync};
use kanso_domain::UserId;
use kanso_domain::sync::Epoch;
use kanso_sqlite::{SqliteOptions, SqliteStorage};
use kanso_testkit::build::{
    create_entry, create_habit, done, entry, habit, new_account, noon, once, titled, user,
};
use kanso_testkit::{ManualClock, NullFeed, SequentialIds};
use kanso_worker::Rhythm;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(super) const HABITS: u128 = PEOPLE * HABITS_EACH;
pub(super) const PEOPLE: u128 = 5_000;
const HABITS_EACH: u128 = 20;
/// On which each habit was done, up to the day of [`noon`].
const DAYS: [&str; 3] = ["2026-01-13", "2026-01-14", "2026-01-15"];
/// How many people write at once while the town is built: group commit brings them together.
const BUILDERS: u128 = 64;

/// Its database at rest, at noon: every streak is computed.
#[derive(Debug)]
pub(super) struct Town {
    folder: TempDir,
}

impl Town {
    pub(super) fn build(parent: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("kanso-bench-")
            .tempdir_in(parent)
            .context("cannot make a folder for the town")?;
        let town = Self { folder };
        let runtime = runtime()?;
        runtime.block_on(async {
            let life = Life::begin(&town.original())?;
            life.settle_people().await?;
            life.work();
            life.rest(0).await?;
            life.end().await
        })?;
        Ok(town)
    }

    /// A copy of it, to be lived in.
    pub(super) fn copy(&self) -> anyhow::Result<PathBuf> {
        let copy = self.folder.path().join("copy.db");
        std::fs::copy(self.original(), &copy)?;
        Ok(copy)
    }

    fn original(&self) -> PathBuf {
        self.folder.path().join("town.db")
    }
}

/// What a server runs on.
pub(super) fn runtime() -> anyhow::Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    Ok(builder.enable_all().build()?)
}

/// Storage, use cases and workers, as a server has them, on a clock that is moved.
pub(super) struct Life {
    pub(super) storage: Arc<SqliteStorage>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) sync: Sync,
    streaks: Streaks,
    bell: Arc<Notify>,
    stop: CancellationToken,
}

struct Bell(Arc<Notify>);

impl WorkSignal for Bell {
    fn streaks(&self) {
        self.0.notify_one();
    }
}

/// Somebody's device that says neither which it is nor what it has seen.
pub(super) const fn anonymous(user: UserId) -> Caller {
    Caller {
        user,
        device: None,
        cursor: None,
    }
}

impl Life {
    pub(super) fn begin(database: &Path) -> anyhow::Result<Self> {
        let options = SqliteOptions::new(database, Epoch::new(1));
        let storage = Arc::new(SqliteStorage::open(&options)?);
        let clock = Arc::new(ManualClock::at(noon()));
        let bell = Arc::new(Notify::new());
        let ports = RecordPorts {
            storage: storage.clone(),
            clock: clock.clone(),
            ids: Arc::new(SequentialIds::default()),
            wake: Arc::new(Bell(bell.clone())),
            feed: Arc::new(NullFeed),
        };
        Ok(Self {
            streaks: Streaks::new(storage.clone(), clock.clone(), Arc::new(NullFeed)),
            sync: Sync::new(ports, Devices::new(storage.clone(), clock.clone())),
            storage,
            clock,
            bell,
            stop: CancellationToken::new(),
        })
    }

    /// Sets the workers going. The days are looked at often, so that what is measured is the work
    /// and not the wait for it.
    pub(super) fn work(&self) {
        let rhythm = Rhythm {
            days: Duration::from_millis(20),
            ..Rhythm::default()
        };
        kanso_worker::start(&self.streaks, self.bell.clone(), &self.stop, rhythm);
    }

    /// Waits until no more than so many streaks wait to be computed.
    pub(super) async fn rest(&self, waiting: u64) -> anyhow::Result<()> {
        while self.storage.streak_backlog().await?.waiting > waiting {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    pub(super) async fn end(self) -> anyhow::Result<()> {
        self.stop.cancel();
        Ok(self.storage.close().await?)
    }

    async fn settle_people(&self) -> anyhow::Result<()> {
        let mut building = JoinSet::new();
        for first in 1..=BUILDERS {
            let (storage, sync) = (self.storage.clone(), self.sync.clone());
            building.spawn(async move {
                let mut number = first;
                while number <= PEOPLE {
                    storage.create_account(new_account(number)).await?;
                    settle(&sync, user(number)).await?;
                    number += BUILDERS;
                }
                anyhow::Ok(())
            });
        }
        while let Some(built) = building.join_next().await {
            built??;
        }
        Ok(())
    }
}

async fn settle(sync: &Sync, user: UserId) -> anyhow::Result<()> {
    let mut operations = Vec::new();
    for number in 1..=HABITS_EACH {
        operations.push(once(create_habit(habit(number), titled("Read"))));
        for (nth, day) in (0..).zip(DAYS) {
            let id = entry(number * 10 + nth);
            operations.push(once(create_entry(id, done(habit(number), day))));
        }
    }
    let done = sync.exchange(anonymous(user), 1, operations).await?;
    anyhow::ensure!(done.is_ok(), "nobody has seen another history");
    Ok(())
}
