//! The background sync, with a manual timer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use kanso_client::clock::Timer;
use kanso_client::{Client, Origin, SyncHandle, SyncLoop, SyncState};
use tokio::sync::Notify;

use crate::support::{EMAIL, FakeServer, NetworkFault, PASSWORD, parts, titled, titles};

#[derive(Default)]
struct TestTimer {
    delays: Mutex<Vec<Duration>>,
    fire: Notify,
}

impl TestTimer {
    fn delays(&self) -> Vec<Duration> {
        self.delays.lock().expect("no panic").clone()
    }
}

#[async_trait]
impl Timer for TestTimer {
    async fn wait(&self, delay: Duration) {
        self.delays.lock().expect("no panic").push(delay);
        self.fire.notified().await;
    }
}

struct App {
    client: Arc<Client>,
    server: Arc<FakeServer>,
    timer: Arc<TestTimer>,
    handle: SyncHandle,
}

impl App {
    /// An app that is signed in and whose loop has not started.
    async fn new(number: u64, server: &Arc<FakeServer>) -> (Self, SyncLoop) {
        let (clock, ids) = parts(number);
        let client = Arc::new(Client::in_memory(clock, ids).expect("a replica"));
        let login = client.login(server.as_ref(), EMAIL, PASSWORD).await;
        login.expect("logs in");
        let timer = Arc::<TestTimer>::default();
        let (work, handle) = SyncLoop::new(
            Arc::clone(&client),
            Arc::<FakeServer>::clone(server),
            Arc::<TestTimer>::clone(&timer),
        );
        let app = Self {
            client,
            server: Arc::clone(server),
            timer,
            handle,
        };
        (app, work)
    }

    async fn reaches(&self, is_wanted: impl FnMut(&SyncState) -> bool) -> SyncState {
        let mut state = self.handle.state();
        let reached = state.wait_for(is_wanted).await;
        reached.expect("the loop runs").clone()
    }

    async fn rests(&self) {
        let rests = |state: &SyncState| matches!(state, SyncState::Idle { last_synced } if last_synced.is_some());
        self.reaches(rests).await;
    }
}

#[tokio::test]
async fn an_edit_goes_out_at_once() {
    let server = Arc::new(FakeServer::new());
    let (app, work) = App::new(1, &server).await;
    let work = tokio::spawn(work.run());
    app.rests().await;
    let mut changes = app.client.changes();
    let habit = app.client.create_habit(titled("Read")).expect("creates");
    let edit = changes.recv().await.expect("is told");
    assert_eq!(edit.origin, Origin::Edit);
    assert!(edit.habits.contains(&habit.id));
    let delivered = changes.recv().await.expect("is told");
    assert_eq!(delivered.origin, Origin::Sync);
    assert!(delivered.habits.contains(&habit.id) && !delivered.everything);
    assert_eq!(app.client.status().expect("reads").waiting, 0);
    work.abort();
}

#[tokio::test]
async fn failures_are_retried_with_growing_delays() {
    let server = Arc::new(FakeServer::new());
    let (app, work) = App::new(1, &server).await;
    server.fail([NetworkFault::LoseRequest; 12]);
    let work = tokio::spawn(work.run());
    for tries in 1..=12 {
        while app.timer.delays().len() < tries {
            tokio::task::yield_now().await;
        }
        let state = app.handle.state().borrow().clone();
        assert!(matches!(state, SyncState::Offline { .. }), "{state:?}");
        app.timer.fire.notify_one();
    }
    app.rests().await;
    let delays = app.timer.delays();
    let longest = [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300];
    for (delay, longest) in delays.iter().zip(longest) {
        let longest = Duration::from_secs(longest);
        assert!(*delay <= longest && *delay >= longest / 2, "{delays:?}");
    }
    work.abort();
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let server = Arc::new(FakeServer::new());
    let (app, work) = App::new(1, &server).await;
    server.fail([NetworkFault::Status(503, Some(3_600))]);
    let work = tokio::spawn(work.run());
    app.reaches(|state| matches!(state, SyncState::Offline { .. }))
        .await;
    while app.timer.delays().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(app.timer.delays(), [Duration::from_hours(1)]);
    app.client.create_habit(titled("Read")).expect("creates");
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(matches!(
        *app.handle.state().borrow(),
        SyncState::Offline { .. }
    ));
    assert_eq!(app.timer.delays().len(), 1, "an edit does not hurry it");
    app.handle.sync_now();
    app.rests().await;
    assert_eq!(app.server.state().habits.len(), 1);
    work.abort();
}

#[tokio::test]
async fn signed_out_device_keeps_everything_and_continues_after_login() {
    let server = Arc::new(FakeServer::new());
    let (app, work) = App::new(1, &server).await;
    app.client.create_habit(titled("Read")).expect("creates");
    server.state().revoke();
    let work = tokio::spawn(work.run());
    app.reaches(|state| *state == SyncState::SignedOut).await;
    assert_eq!(titles(&app.client), ["Read"]);
    let login = app.client.login(server.as_ref(), EMAIL, PASSWORD).await;
    login.expect("logs in");
    app.handle.sync_now();
    app.rests().await;
    assert_eq!(server.state().habits.len(), 1);
    work.abort();
}

#[tokio::test]
async fn conflicts_and_many_deletions_wait_for_the_user() {
    let server = Arc::new(FakeServer::new());
    let (other, _) = App::new(2, &server).await;
    let (app, work) = App::new(1, &server).await;
    for number in 0..60 {
        let title = format!("habit {number}");
        other.client.create_habit(titled(&title)).expect("creates");
    }
    for client in [&other.client, &app.client] {
        client.sync(server.as_ref()).await.expect("syncs");
    }
    let first = other.client.habits().expect("reads")[0].record.id;
    other
        .client
        .update_habit(first, titled("theirs"))
        .expect("updates");
    other.client.sync(server.as_ref()).await.expect("syncs");
    app.client
        .update_habit(first, titled("mine"))
        .expect("updates");
    let work = tokio::spawn(work.run());
    app.reaches(|state| *state == SyncState::Conflict(1)).await;
    let failure = app.client.failures().expect("reads")[0].id;
    app.client.take_theirs(failure).expect("resolves");
    app.rests().await;

    for shown in other.client.habits().expect("reads") {
        other.client.delete_habit(shown.record.id).expect("deletes");
    }
    other.client.sync(server.as_ref()).await.expect("syncs");
    server.state().purge();
    app.handle.sync_now();
    app.reaches(|state| matches!(state, SyncState::ManyDeletions(_)))
        .await;
    assert_eq!(titles(&app.client).len(), 60);
    app.handle.accept_deletions();
    app.rests().await;
    assert!(titles(&app.client).is_empty());
    work.abort();
}
