use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kanso_application::housekeeping::{Housekeeping, Retention};
use kanso_application::ports::storage::Storage as _;
use kanso_credentials::HashCost;
use kanso_domain::sync::Epoch;
use kanso_http::StreamIntervals;
use kanso_server::config::Config;
use kanso_server::lifecycle::Running;
use kanso_server::{StartOptions, start_with};
use kanso_sqlite::{SqliteOptions, SqliteStorage};
use kanso_worker::WorkerSchedule;
use reqwest::{Client, Method, redirect};
use serde_json::{Value, json};

use super::user::{Call, TestUser};
use super::{ManualClock, new_id};

/// Password of all test users.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A server in this process, on SQLite in a temporary folder.
pub(crate) struct App {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) running: Running,
    pub(crate) client: Client,
    folder: tempfile::TempDir,
}

/// Purges expired data like the worker, but to a known end.
async fn purge(folder: &Path, clock: Arc<ManualClock>) {
    let options = SqliteOptions::new(folder.join("kanso.db"), Epoch::new(7));
    let storage = Arc::new(SqliteStorage::open(&options).expect("a database"));
    let housekeeping = Housekeeping::new(storage.clone(), clock, Retention::default());
    while housekeeping.step().await.expect("a step").has_more() {}
    storage.close().await.expect("closed");
}

impl App {
    /// Starts a server without limits and workers. Its clock stands at noon on 22 November 2026.
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// Starts the same server with changed settings.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = Config::for_testing(folder.path());
        change(&mut config);
        Self::made_of(folder, config, |_| {}).await
    }

    /// Starts a server without limits whose workers run every few milliseconds.
    pub(crate) async fn with_workers() -> Self {
        Self::with_workers_and(|_| {}).await
    }

    /// Starts the same server with changed settings.
    pub(crate) async fn with_workers_and(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = Config::for_testing(folder.path());
        change(&mut config);
        let soon = Duration::from_millis(5);
        let schedule = WorkerSchedule {
            poll: soon,
            settle: soon,
            days: soon,
            report: soon,
            sweep: soon,
        };
        Self::made_of(folder, config, |parts| parts.workers = Some(schedule)).await
    }

    /// Restarts the server at the time `now`, after a purge of expired data. Returns it with
    /// `user`, logged in again.
    pub(crate) async fn restarted(self, now: &str, user: &TestUser) -> (Self, TestUser) {
        self.clock.set(now);
        let folder = self.folder.path().to_owned();
        self.running.shut_down();
        self.running.stopped().await;
        purge(&folder, Arc::clone(&self.clock)).await;
        let config = Config::for_testing(&folder);
        let app = Self::at(self.folder, config, |_| {}, self.clock).await;
        let user = app.log_in(&user.email).await;
        (app, user)
    }

    /// Restarts the server with changed settings.
    pub(crate) async fn restarted_with(self, change: impl FnOnce(&mut Config)) -> Self {
        self.running.shut_down();
        self.running.stopped().await;
        let mut config = Config::for_testing(self.folder.path());
        change(&mut config);
        Self::at(self.folder, config, |_| {}, self.clock).await
    }

    /// Starts a server whose event streams send heartbeats and check sessions every few milliseconds.
    pub(crate) async fn with_lively_streams() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = Config::for_testing(folder.path());
        let soon = Duration::from_millis(10);
        let pace = StreamIntervals {
            heartbeat: soon,
            session_check: soon,
        };
        Self::made_of(folder, config, |parts| parts.pace = pace).await
    }

    /// Restarts the server with changed settings and with its workers.
    pub(crate) async fn restarted_to_work(self, change: impl FnOnce(&mut Config)) -> Self {
        self.running.shut_down();
        self.running.stopped().await;
        let mut config = Config::for_testing(self.folder.path());
        change(&mut config);
        let work = |parts: &mut StartOptions| parts.workers = Some(WorkerSchedule::default());
        Self::at(self.folder, config, work, self.clock).await
    }

    async fn made_of(
        folder: tempfile::TempDir,
        config: Config,
        change: impl FnOnce(&mut StartOptions),
    ) -> Self {
        let clock = Arc::new(ManualClock::at("2026-11-22T12:00:00Z"));
        Self::at(folder, config, change, clock).await
    }

    async fn at(
        folder: tempfile::TempDir,
        config: Config,
        change: impl FnOnce(&mut StartOptions),
        clock: Arc<ManualClock>,
    ) -> Self {
        let mut parts = StartOptions {
            workers: None,
            clock: Arc::clone(&clock) as _,
            hash_cost: HashCost {
                memory_kib: 64,
                passes: 1,
                lanes: 1,
            },
            ..StartOptions::default()
        };
        change(&mut parts);
        let running = start_with(config, parts).await.expect("a server");
        let client = Client::builder()
            .no_proxy()
            .no_gzip()
            .no_zstd()
            .redirect(redirect::Policy::none())
            .build()
            .expect("a client");
        Self {
            clock,
            running,
            client,
            folder,
        }
    }

    /// Returns the data folder.
    pub(crate) fn data_dir(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.running.address())
    }

    /// Creates a call without authentication, with the whole path.
    pub(crate) fn call(&self, method: Method, path: &str) -> Call {
        let url = format!("{}{path}", self.url());
        Call::new(self.client.request(method, url))
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Call {
        self.call(Method::POST, path).json(body)
    }

    /// Registers a user and logs in.
    pub(crate) async fn user(&self) -> TestUser {
        let email = format!("{}@example.org", new_id());
        let body = json!({"email": email, "password": PASSWORD});
        let registered = self.post("/api/v1/auth/register", &body).await;
        registered.expect(201);
        self.log_in(&email).await
    }

    /// Registers a user with a time zone and logs in.
    pub(crate) async fn user_in(&self, zone: &str) -> TestUser {
        let user = self.user().await;
        let settings = json!({"timezone": zone});
        user.patch("/auth/user", &settings).await.expect(200);
        user
    }

    /// Moves the clock and logs in again, because access tokens expire after minutes.
    pub(crate) async fn later(&self, now: &str, user: &TestUser) -> TestUser {
        self.clock.set(now);
        self.log_in(&user.email).await
    }

    /// Opens another session of a user.
    pub(crate) async fn log_in(&self, email: &str) -> TestUser {
        let body = json!({"email": email, "password": PASSWORD});
        let tokens = self.post("/api/v1/auth/login", &body).await.expect(200);
        self.user_with(&tokens)
    }

    /// Returns the user of a login or refresh response.
    pub(crate) fn user_with(&self, tokens: &Value) -> TestUser {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        TestUser {
            client: self.client.clone(),
            base: format!("{}/api/v1", self.url()),
            email: text(&tokens["user"]["email"]),
            token: text(&tokens["token"]),
            refresh_token: text(&tokens["refresh_token"]),
        }
    }
}
