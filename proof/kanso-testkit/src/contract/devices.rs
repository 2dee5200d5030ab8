//! Concurrent devices: each ends with the stored records and a matching digest.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::{join, join_all};
use kanso_application::ports::storage::{Scope, Storage};
use kanso_domain::sync::{
    Action, Base, ConflictPolicy, Digest, Edit, OnConflict, Operation, Since,
};
use kanso_domain::{Entity, QuantityChange, Record, Version};
use tokio::time::Instant;
use uuid::Uuid;

use super::test_user::TestUser;
use crate::build::{
    create_entry, create_habit, delete_entry, delete_habit, device, done, entry, habit, noted,
    once, titled, update_entry, update_habit,
};

const WRITERS: u32 = 8;
const HABITS: u64 = 5;
const ENTRIES: u64 = 40;
const HALF_A_MINUTE: Duration = Duration::from_secs(30);

/// While eight devices write the same few records, with all conflict policies, groups and retries,
/// every complete pull matches the digest of its head, and both pullers end with the stored
/// records.
pub async fn pullers_hold_what_the_digest_says_while_eight_write(storage: &dyn Storage) {
    race(storage, &|pushed| pushed < 120).await;
}

/// The same for half a minute, which reaches rarer interleavings.
pub async fn eight_write_for_half_a_minute(storage: &dyn Storage) {
    let began = Instant::now();
    race(storage, &|_| began.elapsed() < HALF_A_MINUTE).await;
}

/// Runs the race while `goes_on` returns true; each writer passes the number of its pushes.
pub async fn race(storage: &dyn Storage, goes_on: &(dyn Fn(u32) -> bool + Sync)) {
    let person = TestUser::register(storage, 1).await;
    let writing = AtomicU32::new(WRITERS);
    let writers = (0..WRITERS).map(|writer| write(person, writer, goes_on, &writing));
    let from_nothing = pull(person, &writing, Since::Beginning, Some(5));
    // One puller starts without tombstones in small pages, the other with all tombstones in one
    // page.
    let from_the_start = pull(
        person,
        &writing,
        Since::Position(kanso_domain::Seq::ZERO),
        None,
    );
    let pullers = join(from_nothing, from_the_start);
    let (_, (one, other)) = join(join_all(writers), pullers).await;
    let mut stored = Replica::default();
    stored.apply(&person.changes(Since::Beginning).await);
    assert_eq!(one.live(), stored.live(), "pulled from nothing");
    assert_eq!(other.live(), stored.live(), "pulled from the first change");
    assert_eq!(person.head().await.digest, stored.digest());
}

/// Reproducible pseudo-random numbers (Knuth's MMIX generator).
struct Lcg(u64);

impl Lcg {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

async fn write(
    person: TestUser<'_>,
    writer: u32,
    goes_on: &(dyn Fn(u32) -> bool + Sync),
    writing: &AtomicU32,
) {
    let mut random = Lcg(u64::from(writer) + 1);
    let mut last = Vec::new();
    for _ in (0..).take_while(|&pushed| goes_on(pushed)) {
        // One push in ten repeats the last one, as after a lost answer.
        if random.below(10) > 0 {
            // A quarter of the pushes is a group, so one rejected operation rejects the others.
            let group = (random.below(4) == 0).then(|| "g".to_owned());
            let length = 1 + random.below(4);
            last = (0..length)
                .map(|_| Operation {
                    device: Some(device(writer.into())),
                    group: group.clone(),
                    ..operation(&mut random)
                })
                .collect();
        }
        // Now and then the same push is sent again.
        person.submit(last.clone()).await;
        tokio::task::yield_now().await;
    }
    writing.fetch_sub(1, Ordering::SeqCst);
}

fn operation(random: &mut Lcg) -> Operation {
    let id = habit(u128::from(random.below(HABITS)));
    let tick = entry(u128::from(random.below(ENTRIES)));
    // Small versions, many of them stale, so that merges, conflicts and no-ops all occur.
    let base = match random.below(4) {
        0 => Base::Any,
        number => Version::new(i64::try_from(number).unwrap()).map_or(Base::Any, Base::Version),
    };
    let text = format!("{}", random.below(1_000));
    let action = match random.below(12) {
        0..=1 => create_habit(id, titled(&text)),
        2 => update_habit(id, base, titled(&text)),
        3 => delete_habit(id, base),
        4..=7 => create_entry(tick, done(id, "2026-01-15")),
        8..=9 => update_entry(tick, base, noted(&text)),
        10 => delete_entry(tick, base),
        _ => Action::Increment(tick, QuantityChange::from_thousandths(250).unwrap()),
    };
    let revives = matches!(
        action,
        Action::Habit(_, Edit::Create(_) | Edit::Update { .. }) | Action::Entry(_, Edit::Create(_))
    );
    let policy = ConflictPolicy {
        on_conflict: match random.below(4) {
            0 => OnConflict::Reject,
            1 => OnConflict::Server,
            2 => OnConflict::Client,
            _ => OnConflict::Merge,
        },
        revive: revives && random.below(2) == 0,
    };
    Operation {
        policy,
        ..once(action)
    }
}

/// Pulls until the writers have stopped and nothing remains. Checks the digest of each complete
/// pull.
async fn pull(
    person: TestUser<'_>,
    writing: &AtomicU32,
    from: Since,
    limit: Option<u32>,
) -> Replica {
    let (mut replica, mut since) = (Replica::default(), from);
    loop {
        // Read before the page: a writer that stops between the two could otherwise have its last
        // commit missed.
        let was_writing = writing.load(Ordering::SeqCst) > 0;
        let page = person.page(since, Scope::Everything, limit).await;
        replica.apply(&page.records);
        since = page.cursor().unchecked();
        if !page.has_more() {
            // Only a complete pull can match: the digest is that of the head, not of the page.
            assert_eq!(replica.digest(), page.head.digest, "at {}", page.head.seq);
            if !was_writing {
                return replica;
            }
        }
        tokio::task::yield_now().await;
    }
}

/// The replica of a device.
#[derive(Default)]
struct Replica(BTreeMap<(Entity, Uuid), Record>);

impl Replica {
    /// Applies a page: the newest state wins, and the tombstone of a habit removes its entries.
    fn apply(&mut self, records: &[Record]) {
        for record in records {
            if !record.stamp().is_deleted() {
                self.0
                    .insert((record.entity(), record.id()), record.clone());
                continue;
            }
            self.0.remove(&(record.entity(), record.id()));
            if let Record::Habit(gone) = record {
                self.0.retain(|_, other| {
                    !matches!(other, Record::Entry(entry) if entry.details.habit_id == gone.id)
                });
            }
        }
    }

    fn digest(&self) -> Digest {
        self.0.values().map(Digest::of_record).sum()
    }

    fn live(&self) -> Vec<&Record> {
        self.0.values().collect()
    }
}
