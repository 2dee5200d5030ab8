//! Users, their habits, and the workers that compute their streaks.

use std::sync::Arc;
use std::time::Duration;

use kanso_application::RecordPorts;
use kanso_application::RetryKey;
use kanso_application::disk::DiskGuard;
use kanso_application::entries::Entries;
use kanso_application::habits::Habits;
use kanso_application::ports::clock::Clock as _;
use kanso_application::ports::storage::{
    AccountStore as _, Backlog, RecordStore as _, StreakQueue as _, WriteOutcome,
};
use kanso_application::ports::work_signal::WorkSignal;
use kanso_application::streaks::Streaks;
use kanso_domain::calendar::Today;
use kanso_domain::habits::{Habit, HabitFields};
use kanso_domain::progress::{DayLog, HabitProgress};
use kanso_domain::sync::Quota;
use kanso_domain::sync::{Action, LoadSet, decide};
use kanso_domain::{Date, HabitId, UserId};
use kanso_testkit::{ManualClock, NullFeed, SequentialIds, build};
use kanso_worker::WorkerSchedule;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::storage::FaultyStorage;

pub(crate) struct World {
    pub(crate) storage: Arc<FaultyStorage>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) habits: Habits,
    pub(crate) entries: Entries,
    signal: Arc<Notify>,
}

struct Signal(Arc<Notify>);

impl WorkSignal for Signal {
    fn streaks(&self) {
        self.0.notify_one();
    }
}

/// Returns the runtime of a process. Dropping it kills all tasks. Its time advances when all tasks
/// are idle.
pub(crate) fn process() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let builder = builder.enable_time().start_paused(true);
    builder.build().expect("a runtime")
}

impl World {
    /// Creates a world without users. It is noon.
    pub(crate) fn new() -> Self {
        let storage = Arc::new(FaultyStorage::new());
        let clock = Arc::new(ManualClock::at(build::noon()));
        let signal = Arc::new(Notify::new());
        let ports = RecordPorts {
            quota: Quota::default(),
            disk: DiskGuard::default(),
            storage: storage.records().clone(),
            clock: clock.clone(),
            ids: Arc::new(SequentialIds::default()),
            wake: Arc::new(Signal(signal.clone())),
            feed: Arc::new(NullFeed),
        };
        Self {
            habits: Habits::new(ports.clone()),
            entries: Entries::new(ports),
            storage,
            clock,
            signal,
        }
    }

    /// Starts the workers and moves the clock with the time of the process.
    pub(crate) fn start(&self, stop: &CancellationToken) -> TaskTracker {
        let clock = self.clock.clone();
        tokio::spawn(async move {
            loop {
                sleep(Duration::from_secs(1)).await;
                clock.advance_seconds(1);
            }
        });
        let streaks = Streaks::new(self.storage.clone(), self.clock.clone(), Arc::new(NullFeed));
        kanso_worker::start(
            &streaks,
            self.signal.clone(),
            stop,
            WorkerSchedule::default(),
        )
    }

    pub(crate) async fn user(&self, number: u128) -> UserId {
        let account = build::new_account(number);
        let user = account.account.id;
        let is_new = self.storage.create_account(account).await;
        assert!(is_new.expect("a storage"));
        user
    }

    pub(crate) async fn habit(&self, user: UserId, id: HabitId, fields: HabitFields) {
        let made = self
            .habits
            .create(user, RetryKey::default(), Some(id), fields)
            .await;
        made.expect("a habit");
    }

    /// Applies actions in one write. Each may be rejected.
    pub(crate) async fn submit(&self, user: UserId, actions: Vec<Action>) {
        let operations: Vec<_> = actions.into_iter().map(build::once).collect();
        let (keys, now) = (LoadSet::of(&operations), self.clock.now());
        let decide = Arc::new(move |current| Ok(decide(current, &operations, now)));
        let written = self.storage.records().write(user, keys, decide).await;
        let written = written.expect("a storage");
        assert!(matches!(written, WriteOutcome::Committed(_)), "{written:?}");
        self.signal.notify_one();
    }

    pub(crate) async fn done(&self, user: UserId, habit: HabitId, day: &str) {
        let done = build::done(habit, day);
        self.entries
            .create(user, RetryKey::default(), None, done)
            .await
            .expect("an entry");
    }

    pub(crate) async fn backlog(&self) -> Backlog {
        let backlog = self.storage.records().streak_backlog().await;
        backlog.expect("a storage")
    }

    /// Waits until no job is queued, at most an hour.
    pub(crate) async fn settled(&self) {
        let settled = async {
            while self.backlog().await.waiting > 0 {
                sleep(Duration::from_secs(1)).await;
            }
        };
        let waited = timeout(Duration::from_hours(1), settled).await;
        assert!(waited.is_ok(), "{:?}", self.backlog().await);
    }

    /// Runs the workers without faults until all jobs are done, and checks that the streaks are exact.
    pub(crate) fn whole_life(&self, users: &[UserId]) {
        self.storage.die_after(None);
        process().block_on(async {
            let stop = CancellationToken::new();
            let loops = self.start(&stop);
            // A new day is noticed within a minute, so a minute in which none begins must pass.
            let mut days = None;
            while days != Some(self.days(users).await) {
                days = Some(self.days(users).await);
                sleep(Duration::from_mins(1)).await;
                self.settled().await;
            }
            stop.cancel();
            loops.wait().await;
            assert_eq!(self.backlog().await.parked, 0);
            for &user in users {
                self.must_be_exact(user).await;
            }
        });
    }

    /// Returns the current local date of each user.
    async fn days(&self, users: &[UserId]) -> Vec<Date> {
        let mut days = Vec::new();
        for &user in users {
            let account = self.storage.account(user).await;
            let account = account.expect("a storage").expect("an account");
            days.push(Today::at(self.clock.now(), &account.settings).date);
        }
        days
    }

    pub(crate) async fn stored(&self, user: UserId, id: HabitId) -> Habit {
        let habit = self.storage.records().habit(user, id).await;
        habit.expect("a storage").expect("a habit")
    }

    /// Asserts that each stored streak equals a computation from scratch.
    pub(crate) async fn must_be_exact(&self, user: UserId) {
        let journal = self.storage.records().journal(user, None).await;
        let journal = journal.expect("a storage").expect("an account");
        let today = Today::at(self.clock.now(), &journal.settings).date;
        for habit in &journal.habits {
            let entries = journal.entries.get(&habit.id).into_iter().flatten();
            let log: DayLog = entries
                .map(|entry| (entry.local_date, entry.kind, entry.value))
                .collect();
            let fresh = HabitProgress::new(habit, log, &journal.settings, today).streak();
            let (fresh, stored) = ((fresh.current, fresh.longest), habit.streak);
            assert_eq!((stored.current, stored.longest), fresh, "{habit:?}");
        }
    }
}
