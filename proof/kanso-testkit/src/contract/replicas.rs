//! Digests, snapshots and comparisons: three ways to verify a replica.

use std::collections::BTreeMap;

use kanso_application::ports::storage::{Scope, SnapshotPart, SnapshotQuery, Storage};
use kanso_domain::accounts::SettingsChange;
use kanso_domain::sync::{
    Base, Buckets, ConflictPolicy, Digest, Epoch, OnConflict, Operation, Since,
};
use kanso_domain::{Date, Entity, Record, Seq, Version, WeekStart};
use uuid::Uuid;

use super::test_user::TestUser;
use crate::build::{
    create_entry, create_habit, delete_entry, delete_habit, done, entry, habit, noted, on, once,
    titled, update_entry, update_habit, user,
};

const BORDER: Date = jiff::civil::date(2026, 1, 10);

/// The digest of the head is that of the live records, after every change.
pub async fn the_head_carries_the_digest_of_what_is_live(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    assert_eq!(person.head().await.digest, Digest::EMPTY);
    for action in [
        create_habit(habit(1), titled("Read")),
        create_entry(entry(1), done(habit(1), "2026-01-15")),
        create_entry(entry(2), done(habit(1), "2026-01-15")),
        update_entry(entry(1), on(1), noted("late")),
        delete_entry(entry(2), Base::Any),
        create_habit(habit(2), titled("Run")),
        delete_habit(habit(1), Base::Any),
        delete_habit(habit(2), Base::Any),
    ] {
        person.apply(action).await;
        let live = person.changes(Since::Beginning).await;
        // Summed by the test from what a first pull delivers, not by the storage.
        let expected: Digest = live.iter().map(Digest::of_record).sum();
        assert_eq!(person.head().await.digest, expected, "{live:?}");
    }
    assert_eq!(person.head().await.digest, Digest::EMPTY);
}

/// The present history shares everything with itself, and nothing with an unknown one. The tests of each
/// storage restore it.
pub async fn histories_share_what_was_written_before_they_parted(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    person.apply(create_habit(habit(1), titled("Read"))).await;
    let present = person.head().await.epoch;
    let unknown = Epoch::new(present.get() ^ 1);
    for (epoch, expected) in [(present, 1), (unknown, 0)] {
        let shared = storage.shared_up_to(person.id, epoch).await.unwrap();
        assert_eq!(shared.map(Seq::get), Some(expected));
    }
    assert_eq!(storage.shared_up_to(user(9), present).await.unwrap(), None);
}

/// No change moves the start of a history; a database that was never restored begins at 0.
pub async fn the_start_of_a_history_stays(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    let beginning = person.head().await;
    assert_eq!(beginning.history_start, Seq::ZERO);
    person.apply(create_habit(habit(1), titled("Read"))).await;
    person
        .apply(update_habit(habit(1), Base::Any, titled("Run")))
        .await;
    let settings = SettingsChange {
        week_start: Some(WeekStart::Sunday),
        ..SettingsChange::default()
    };
    let now = beginning.changed_at.plus_micros(1);
    storage
        .change_settings(person.id, settings, now)
        .await
        .unwrap();
    let head = person.head().await;
    assert_eq!((head.history_start, head.seq.get()), (Seq::ZERO, 3));
    assert_eq!(
        person
            .page(Since::Beginning, Scope::Everything, None)
            .await
            .head,
        head
    );
}

/// The heads of many users equal those of each; unknown users are left out.
pub async fn the_heads_of_many_are_those_of_each(storage: &dyn Storage) {
    assert_eq!(storage.heads(&[]).await.unwrap(), []);
    let mut expected = Vec::new();
    for number in 1..=3 {
        let person = TestUser::register(storage, number).await;
        for nth in 1..number {
            person.apply(create_habit(habit(nth), titled("Read"))).await;
        }
        expected.push((person.id, person.head().await.seq));
    }
    // In no order, with an unknown user in between.
    let asked = [user(3), user(9), user(1), user(2)];
    let mut heads = storage.heads(&asked).await.unwrap();
    heads.sort_unstable();
    assert_eq!(heads, expected);
    let seqs: Vec<_> = heads.iter().map(|(_, seq)| seq.get()).collect();
    assert_eq!(seqs, [0, 1, 2]);
    assert_eq!(storage.heads(&[user(2)]).await.unwrap(), expected[1..2]);
}

/// A revived habit delivers its entries again and adds them to the digest.
pub async fn a_revived_habit_brings_its_entries_back(storage: &dyn Storage) {
    let person = busy(storage).await;
    let before = person.head().await;
    let of_it = |record: &&Record| match record {
        Record::Entry(entry) => entry.details.habit_id == habit(1),
        Record::Habit(_) => false,
    };
    let all = person.changes(Since::Beginning).await;
    let entries = all.iter().filter(of_it).count();
    assert!(entries > 0);
    person.apply(delete_habit(habit(1), Base::Any)).await;
    let deleted = person.head().await;
    let revive = Operation {
        policy: ConflictPolicy {
            on_conflict: OnConflict::Merge,
            revive: true,
        },
        ..once(update_habit(habit(1), Base::Any, titled("Again")))
    };
    person.submit(vec![revive]).await;
    let news = person.changes(Since::Position(deleted.seq)).await;
    assert_eq!(news.iter().filter(of_it).count(), entries);
    // The habit itself and its entries, and nothing that was deleted on its own.
    assert_eq!(news.len(), entries + 1);
    let live = person.changes(Since::Beginning).await;
    let expected: Digest = live.iter().map(Digest::of_record).sum();
    assert_eq!(person.head().await.digest, expected);
    assert_ne!(
        person.head().await.digest,
        before.digest,
        "the habit has another version"
    );
}

/// The pieces of a snapshot, of any size, contain all live records: habits, recent entries, other
/// entries, each by id.
pub async fn a_snapshot_holds_all_live_records(storage: &dyn Storage) {
    let person = busy(storage).await;
    let live = person.changes(Since::Beginning).await;
    let parts = [
        SnapshotPart::Habits,
        SnapshotPart::EntriesSince(BORDER),
        SnapshotPart::EntriesBefore(BORDER),
    ];
    // One record a piece, a size that does not divide the number of records, and everything at
    // once.
    for limit in [1, 2, 1_000] {
        let mut read = Vec::new();
        for part in parts {
            let records = part_of(&person, part, limit).await;
            assert!(!records.is_empty(), "{part:?}");
            assert!(records.is_sorted_by_key(Record::id));
            assert!(records.iter().all(|record| is_of(record, part)), "{part:?}");
            read.extend(records);
        }
        read.sort_by_key(|record| record.stamp().seq);
        assert_eq!(read, live);
    }
    let query = SnapshotQuery {
        part: SnapshotPart::Habits,
        after: None,
        limit: 1,
    };
    assert_eq!(storage.snapshot(user(9), query).await.unwrap(), None);
}

fn is_of(record: &Record, part: SnapshotPart) -> bool {
    match (record, part) {
        (Record::Habit(_), SnapshotPart::Habits) => true,
        (Record::Entry(entry), SnapshotPart::EntriesSince(day)) => entry.details.local_date >= day,
        (Record::Entry(entry), SnapshotPart::EntriesBefore(day)) => entry.details.local_date < day,
        _ => false,
    }
}

async fn part_of(person: &TestUser<'_>, part: SnapshotPart, limit: u32) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    loop {
        let query = SnapshotQuery {
            part,
            after: records.last().map(Record::id),
            limit,
        };
        let piece = person
            .storage
            .snapshot(person.id, query)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(piece.head, person.head().await);
        let is_last = piece.records.len() < limit.try_into().unwrap();
        records.extend(piece.records);
        if is_last {
            return records;
        }
    }
}

/// A comparison returns the buckets that differ, with their records, and no others.
pub async fn a_comparison_names_differing_buckets(storage: &dyn Storage) {
    let person = busy(storage).await;
    let live = person.changes(Since::Beginning).await;
    let held: BTreeMap<Uuid, (Entity, Version)> = live
        .iter()
        .map(|record| (record.id(), (record.entity(), record.stamp().version)))
        .collect();
    let differing = compared(&person, &held).await;
    assert_eq!(differing, [], "a replica that is right");
    let (mut lacking, mut stale, mut surplus) = (held.clone(), held.clone(), held.clone());
    let lost = entry(12).uuid();
    lacking.remove(&lost);
    stale.insert(lost, (Entity::Entry, Version::FIRST.next().next()));
    // An id in a bucket that is empty on the server.
    let foreign = Uuid::from_u128(0xfe);
    surplus.insert(foreign, (Entity::Habit, Version::FIRST));
    let place = Buckets::place(lost.as_u128());
    assert_eq!(compared(&person, &lacking).await, [place]);
    assert_eq!(compared(&person, &stale).await, [place]);
    assert_eq!(compared(&person, &surplus).await, [0xfe]);
}

async fn compared(person: &TestUser<'_>, held: &BTreeMap<Uuid, (Entity, Version)>) -> Vec<u8> {
    let live = person.changes(Since::Beginning).await;
    let mut buckets = Buckets::empty();
    for (id, (entity, version)) in held {
        buckets.add(*entity, id.as_u128(), *version);
    }
    let comparison = person.storage.compare(person.id, buckets, 1_000).await;
    let comparison = comparison.unwrap().unwrap();
    assert_eq!(comparison.head, person.head().await);
    assert!(comparison.stored.keys().eq(&comparison.differing));
    for (&place, records) in &comparison.stored {
        let mut expected = live.clone();
        expected.retain(|record| Buckets::place(record.id().as_u128()) == place);
        let mut records = records.clone();
        records.sort_by_key(|record| record.stamp().seq);
        assert_eq!(records, expected);
    }
    comparison.differing
}

/// A comparison returns whole buckets, at least one, and about as many records as requested.
pub async fn a_comparison_hands_out_whole_buckets(storage: &dyn Storage) {
    let person = busy(storage).await;
    let live = person.changes(Since::Beginning).await.len();
    let comparison = storage.compare(person.id, Buckets::empty(), 1).await;
    let comparison = comparison.unwrap().unwrap();
    assert!(comparison.differing.len() > 1);
    // A bucket has more records than the limit of one, and is still returned whole.
    assert_eq!(comparison.stored.len(), 1);
    let comparison = storage.compare(person.id, Buckets::empty(), 1_000).await;
    let comparison = comparison.unwrap().unwrap();
    let handed_out: usize = comparison.stored.values().map(Vec::len).sum();
    assert_eq!(handed_out, live);
    let unknown = storage.compare(user(9), Buckets::empty(), 1).await;
    assert_eq!(unknown.unwrap(), None);
}

/// Changed settings are in each delta from before the change, once, and in no other.
pub async fn changed_settings_are_in_the_delta(storage: &dyn Storage) {
    use kanso_application::ports::storage::Scope;
    use kanso_domain::accounts::SettingsChange;
    let person = TestUser::register(storage, 1).await;
    person.apply(create_habit(habit(1), titled("Read"))).await;
    let before = person.head().await;
    let beginning = person.page(Since::Beginning, Scope::Everything, None).await;
    assert_eq!(beginning.settings, None, "as registered");
    let change = SettingsChange {
        timezone: Some("Europe/Rome".parse().unwrap()),
        ..SettingsChange::default()
    };
    for _ in 0..2 {
        let now = crate::build::noon();
        let changed = storage.change_settings(person.id, change.clone(), now);
        changed.await.unwrap().unwrap();
    }
    let head = person.head().await;
    assert_eq!(
        head.seq,
        before.seq.next(),
        "the second change changes nothing"
    );
    person.apply(create_habit(habit(2), titled("Run"))).await;
    for since in [
        Since::Beginning,
        Since::Position(before.seq),
        Since::Position(Seq::ZERO),
    ] {
        let page = person.page(since, Scope::Everything, None).await;
        let settings = page.settings.unwrap();
        assert_eq!(settings.settings.timezone.name(), "Europe/Rome");
        assert_eq!(
            (settings.seq, settings.updated_at),
            (head.seq, head.changed_at)
        );
    }
    let seen = person
        .page(Since::Position(head.seq), Scope::Everything, None)
        .await;
    assert_eq!(seen.settings, None);
    let habits = person
        .page(Since::Position(Seq::ZERO), Scope::Habits, None)
        .await;
    assert_eq!(habits.settings, None);
    let first = person
        .page(Since::Position(Seq::ZERO), Scope::Everything, Some(1))
        .await;
    assert_eq!(first.settings, None, "they changed after the first page");
    let rest = person
        .page(first.cursor().unchecked(), Scope::Everything, Some(1))
        .await;
    assert!(rest.settings.is_some());
}

/// Registers a user with two live habits that have entries before and after [`BORDER`], and
/// tombstones.
async fn busy(storage: &dyn Storage) -> TestUser<'_> {
    let person = TestUser::register(storage, 1).await;
    for number in 1..=3 {
        person
            .apply(create_habit(habit(number), titled("Read")))
            .await;
        for (nth, day) in (1..).zip(["2026-01-09", "2026-01-10", "2026-01-15"]) {
            let id = entry(10 * number + nth);
            person
                .apply(create_entry(id, done(habit(number), day)))
                .await;
        }
    }
    person
        .apply(update_entry(entry(12), on(1), noted("late")))
        .await;
    person.apply(delete_entry(entry(22), Base::Any)).await;
    person.apply(delete_habit(habit(3), Base::Any)).await;
    person
}
