//! Test kit: a server in memory, a manual clock, ids in order.

mod server;
mod state;

pub(crate) use server::{FakeServer, NetworkFault};

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use kanso_client::Client;
use kanso_client::clock::{Clock, Ids};
use kanso_client::domain::entries::Entry;
use kanso_client::domain::habits::Habit;
use kanso_client::domain::{Record, Timestamp};
use kanso_client::protocol::Patch;
use kanso_client::protocol::entries::EntryMembers;
use kanso_client::protocol::habits::HabitMembers;
use uuid::Uuid;

pub(crate) const EMAIL: &str = "ada@example.org";
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A clock that a test moves by hand.
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst)).expect("in range")
    }
}

struct CountedIds {
    device: u64,
    next: AtomicU64,
}

impl Ids for CountedIds {
    fn next_id(&self) -> Uuid {
        Uuid::from_u64_pair(self.device, self.next.fetch_add(1, Ordering::SeqCst))
    }
}

/// One device and its clock.
pub(crate) struct Device {
    pub(crate) client: Client,
    pub(crate) clock: Arc<TestClock>,
}

impl std::ops::Deref for Device {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// A device without a log-in.
pub(crate) fn device(number: u64) -> Device {
    let (clock, ids) = parts(number);
    let client = Client::in_memory(clock.clone(), ids).expect("a replica");
    Device { client, clock }
}

pub(crate) fn parts(number: u64) -> (Arc<TestClock>, Arc<dyn Ids>) {
    let noon: Timestamp = "2026-11-22T12:00:00Z".parse().expect("an instant");
    let ids = CountedIds {
        device: number,
        next: AtomicU64::new(1),
    };
    (
        Arc::new(TestClock(AtomicI64::new(noon.as_micros()))),
        Arc::new(ids),
    )
}

/// A device that is logged in.
pub(crate) async fn signed_in(number: u64, server: &FakeServer) -> Device {
    let device = device(number);
    device
        .login(server, EMAIL, PASSWORD)
        .await
        .expect("logs in");
    device
}

pub(crate) fn titled(title: &str) -> HabitMembers {
    HabitMembers {
        title: Patch::Value(title.to_owned()),
        ..HabitMembers::default()
    }
}

/// An entry of `habit` on a day.
pub(crate) fn on(habit: &Habit, date: &str) -> EntryMembers {
    EntryMembers {
        habit_id: Patch::Value(habit.id.to_string()),
        completion_date: Patch::Value(date.to_owned()),
        ..EntryMembers::default()
    }
}

pub(crate) fn titles(client: &Client) -> Vec<String> {
    let habits = client.habits().expect("reads");
    let mut titles: Vec<_> = habits
        .iter()
        .map(|shown| shown.record.details.title.to_string())
        .collect();
    titles.sort();
    titles
}

pub(crate) fn all_entries(client: &Client) -> Vec<Entry> {
    let (from, to) = (jiff::civil::date(1, 1, 3), jiff::civil::date(9999, 12, 28));
    let entries = client.entries(None, from, to).expect("reads");
    entries.into_iter().map(|shown| shown.record).collect()
}

/// Live records, on which two replicas and a server must agree.
pub(crate) fn live(records: Vec<Record>) -> Vec<Record> {
    records
        .into_iter()
        .filter(|record| !record.stamp().is_deleted())
        .collect()
}
