//! Storage, use cases and workers on a clock that is moved, and a database with many users.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use kanso_application::RecordPorts;
use kanso_application::devices::Devices;
use kanso_application::disk::DiskGuard;
use kanso_application::ports::storage::{AccountStore as _, Storage as _, StreakQueue as _};
use kanso_application::ports::work_signal::WorkSignal;
use kanso_application::streaks::Streaks;
use kanso_application::sync::{Caller, Sync};
use kanso_domain::UserId;
use kanso_domain::sync::Epoch;
use kanso_domain::sync::Quota;
use kanso_sqlite::{SqliteOptions, SqliteStorage};
use kanso_testkit::build::{
    create_entry, create_habit, done, entry, habit, new_account, noon, once, titled, user,
};
use kanso_testkit::{ManualClock, NullFeed, SequentialIds};
use kanso_worker::WorkerSchedule;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(super) const HABITS: u128 = USERS * HABITS_EACH;
pub(super) const USERS: u128 = 5_000;
const HABITS_EACH: u128 = 20;
/// Days on which each habit was done, up to the day of [`noon`]. They give a streak of 3.
const DAYS: [&str; 3] = ["2026-01-13", "2026-01-14", "2026-01-15"];
/// Number of users that are created concurrently, so that group commit joins their writes.
const BUILDERS: u128 = 64;

/// A database at noon with all streaks computed, which each run copies.
#[derive(Debug)]
pub(super) struct SeedDatabase {
    folder: TempDir,
}

impl SeedDatabase {
    /// Creates the database in a new folder below `parent`.
    pub(super) fn build(parent: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("kanso-bench-")
            .tempdir_in(parent)
            .context("cannot create a folder for the database")?;
        let seed = Self { folder };
        let runtime = runtime()?;
        runtime.block_on(async {
            let system = RunningSystem::open(&seed.original())?;
            system.create_users().await?;
            system.start_workers();
            system.wait_for_backlog(0).await?;
            system.close().await
        })?;
        Ok(seed)
    }

    /// Copies the database and returns the path of the copy.
    pub(super) fn copy(&self) -> anyhow::Result<PathBuf> {
        let copy = self.folder.path().join("copy.db");
        std::fs::copy(self.original(), &copy)?;
        Ok(copy)
    }

    fn original(&self) -> PathBuf {
        self.folder.path().join("seed.db")
    }
}

/// Returns a runtime as that of a server.
pub(super) fn runtime() -> anyhow::Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    Ok(builder.enable_all().build()?)
}

/// Storage, use cases and workers, as a server has them, on a clock that is moved.
pub(super) struct RunningSystem {
    pub(super) storage: Arc<SqliteStorage>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) sync: Sync,
    streaks: Streaks,
    work: Arc<Notify>,
    stop: CancellationToken,
}

/// Wakes the workers.
struct NotifyWorkers(Arc<Notify>);

impl WorkSignal for NotifyWorkers {
    fn streaks(&self) {
        self.0.notify_one();
    }
}

/// Returns a caller without a device and without a cursor.
pub(super) const fn anonymous(user: UserId) -> Caller {
    Caller {
        session: None,
        user,
        device: None,
        cursor: None,
    }
}

impl RunningSystem {
    /// Opens a database. The clock stands at [`noon`], and no worker runs.
    pub(super) fn open(database: &Path) -> anyhow::Result<Self> {
        let options = SqliteOptions::new(database, Epoch::new(1));
        let storage = Arc::new(SqliteStorage::open(&options)?);
        let clock = Arc::new(ManualClock::at(noon()));
        let work = Arc::new(Notify::new());
        let ports = RecordPorts {
            quota: Quota::default(),
            disk: DiskGuard::default(),
            storage: storage.clone(),
            clock: clock.clone(),
            ids: Arc::new(SequentialIds::default()),
            wake: Arc::new(NotifyWorkers(work.clone())),
            feed: Arc::new(NullFeed),
        };
        Ok(Self {
            streaks: Streaks::new(storage.clone(), clock.clone(), Arc::new(NullFeed)),
            sync: Sync::new(ports, Devices::new(storage.clone(), clock.clone())),
            storage,
            clock,
            work,
            stop: CancellationToken::new(),
        })
    }

    /// Starts the workers. They look for new days every 20 ms and not every 30 s, so that the
    /// measurement contains the work and not the wait for it.
    pub(super) fn start_workers(&self) {
        let rhythm = WorkerSchedule {
            days: Duration::from_millis(20),
            ..WorkerSchedule::default()
        };
        kanso_worker::start(&self.streaks, self.work.clone(), &self.stop, rhythm);
    }

    /// Waits until at most `waiting` streaks are queued.
    pub(super) async fn wait_for_backlog(&self, waiting: u64) -> anyhow::Result<()> {
        while self.storage.streak_backlog().await?.waiting > waiting {
            // Counting the queue takes time of the database, so not more often.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Stops the workers and closes the database.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        self.stop.cancel();
        Ok(self.storage.close().await?)
    }

    async fn create_users(&self) -> anyhow::Result<()> {
        let mut building = JoinSet::new();
        for first in 1..=BUILDERS {
            let (storage, sync) = (self.storage.clone(), self.sync.clone());
            building.spawn(async move {
                let mut number = first;
                // Each task has its own users, so no two tasks wait for a row of the same user.
                while number <= USERS {
                    storage.create_account(new_account(number)).await?;
                    create_records(&sync, user(number)).await?;
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

/// Creates the habits and entries of one user.
async fn create_records(sync: &Sync, user: UserId) -> anyhow::Result<()> {
    let mut operations = Vec::new();
    for number in 1..=HABITS_EACH {
        operations.push(once(create_habit(habit(number), titled("Read"))));
        for (nth, day) in (0..).zip(DAYS) {
            let id = entry(number * 10 + nth);
            operations.push(once(create_entry(id, done(habit(number), day))));
        }
    }
    let done = sync.exchange(anonymous(user), 1, operations).await?;
    anyhow::ensure!(
        done.is_ok(),
        "a caller without a cursor got the error of another epoch"
    );
    Ok(())
}
