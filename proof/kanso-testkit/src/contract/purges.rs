//! Purges: receipts, tombstones that all devices have read, and forgotten devices.

use kanso_application::ports::devices::{Device, Sighting};
use kanso_application::ports::storage::Storage;
use kanso_domain::sync::{Base, CursorRefusal, Floor, LoadSet, OperationOutcome, Since};
use kanso_domain::{Entity, Seq, Timestamp};

use super::test_user::TestUser;
use crate::build::{
    at, create_entry, create_habit, delete_entry, delete_habit, device, done, entry, habit,
    new_session, noon, op, operation, password_hash, session_id, titled, user,
};

fn later(days: i64) -> Timestamp {
    noon().plus_seconds(days * 86_400)
}

/// Expired receipts are removed in steps, the oldest first; afterwards the operation counts as new.
pub async fn old_receipts_are_removed_in_steps(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    for number in 1..=3 {
        let create = operation(number, create_habit(habit(number.into()), titled("Read")));
        person.submit_at(later(number.into()), vec![create]).await;
    }
    let kept = async || {
        let keys = LoadSet {
            receipts: (1..=3).map(op).collect(),
            ..LoadSet::default()
        };
        let receipts = person.sees(keys).await.receipts;
        receipts.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(storage.purge_receipts(later(1), 10).await.unwrap(), 0);
    assert_eq!(storage.purge_receipts(later(3), 1).await.unwrap(), 1);
    // The oldest went first.
    assert_eq!(kept().await, [op(2), op(3)]);
    assert_eq!(storage.purge_receipts(later(3), 10).await.unwrap(), 1);
    assert_eq!(kept().await, [op(3)]);
    let again = operation(1, create_habit(habit(1), titled("Read")));
    let changeset = person.submit(vec![again]).await;
    // A no-op and not a duplicate: the receipt is gone, and the same habit exists.
    assert!(matches!(changeset.outcomes[0], OperationOutcome::Noop(_)));
}

/// A purged tombstone is in no delta, its id cannot be used again, and a cursor below it has
/// expired.
pub async fn an_old_tombstone_is_purged_for_good(storage: &dyn Storage) {
    let person = with_tombstones(storage).await;
    let before = person.head().await;
    let live = person.changes(Since::Beginning).await;
    assert_eq!(
        storage.purge_tombstones(later(0), 10).await.unwrap(),
        0,
        "too young"
    );
    assert_eq!(storage.purge_tombstones(later(30), 10).await.unwrap(), 2);
    assert_eq!(storage.purge_tombstones(later(30), 10).await.unwrap(), 0);
    let after = person.head().await;
    assert_eq!((after.seq, after.digest), (before.seq, before.digest));
    // The floor is the highest purged position, so every cursor below it has missed a tombstone.
    assert_eq!(after.floor.seq, before.seq, "the habit was deleted last");
    assert!(after.floor.at > Floor::NONE.at);
    assert_eq!(person.changes(Since::Position(Seq::ZERO)).await, live);
    let mut cursor = before.cursor();
    assert!(cursor.since(after).is_ok());
    // A position before the deletions.
    cursor.seq = live[0].stamp().seq;
    assert_eq!(cursor.since(after), Err(CursorRefusal::Expired));
    for (action, entity) in [
        (create_habit(habit(2), titled("Run")), Entity::Habit),
        (
            create_entry(entry(1), done(habit(1), "2026-01-15")),
            Entity::Entry,
        ),
        (
            create_entry(entry(8), done(habit(2), "2026-01-15")),
            Entity::Habit,
        ),
        (delete_habit(habit(2), Base::Any), Entity::Habit),
        (delete_entry(entry(1), Base::Any), Entity::Entry),
    ] {
        let outcome = person.attempt(action).await;
        assert_eq!(outcome, OperationOutcome::Purged(entity));
    }
    // Purged ids are rows of the user too; a missing cascade would fail here.
    assert!(storage.delete_account(person.id).await.unwrap());
    while storage.erase_accounts(10).await.unwrap() > 0 {}
}

/// A tombstone stays until all devices that were seen since its expiry have read it.
pub async fn an_active_device_keeps_tombstones(storage: &dyn Storage) {
    let person = with_tombstones(storage).await;
    let head = person.head().await.seq;
    let saw = async |position, at| {
        let sighting = Sighting {
            user: person.id,
            device: device(1),
            position,
            at,
            session: None,
        };
        storage.meet_device(sighting, 100).await.unwrap();
    };
    saw(Seq::ZERO, later(40)).await;
    assert_eq!(
        storage.purge_tombstones(later(30), 10).await.unwrap(),
        0,
        "active and behind"
    );
    assert_eq!(person.head().await.floor, Floor::NONE);
    let first_deletion = Seq::new(head.get() - 1).unwrap();
    saw(first_deletion, later(41)).await;
    assert_eq!(
        storage.purge_tombstones(later(30), 10).await.unwrap(),
        1,
        "read the first"
    );
    assert_eq!(person.head().await.floor.seq, first_deletion);
    assert_eq!(
        storage.purge_tombstones(later(50), 10).await.unwrap(),
        1,
        "not seen since"
    );
}

/// Tombstones are removed in steps, and a device protects the tombstones of its own user only.
pub async fn tombstones_are_removed_in_steps(storage: &dyn Storage) {
    let bob = TestUser::register(storage, 2).await;
    let ada = with_tombstones(storage).await;
    bob.apply(create_habit(habit(2), titled("Read"))).await;
    bob.apply(delete_habit(habit(2), Base::Any)).await;
    let sighting = Sighting {
        user: bob.id,
        device: device(1),
        position: Seq::ZERO,
        at: later(40),
        session: None,
    };
    storage.meet_device(sighting, 100).await.unwrap();
    assert_eq!(storage.purge_tombstones(later(30), 1).await.unwrap(), 1);
    assert_eq!(storage.purge_tombstones(later(30), 1).await.unwrap(), 1);
    assert_eq!(storage.purge_tombstones(later(30), 1).await.unwrap(), 0);
    assert!(ada.head().await.floor.seq > Seq::ZERO);
    assert_eq!(bob.head().await.floor, Floor::NONE);
    let keys = LoadSet {
        habits: [habit(2)].into(),
        ..LoadSet::default()
    };
    assert!(
        bob.sees(keys).await.purged_habits.is_empty(),
        "only Ada's habit is purged"
    );
}

/// Devices are listed with their last sighting, and can be forgotten.
pub async fn devices_are_known_by_their_last_sighting(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    let saw = |number, position, at| seen(&person, number, position, at);
    let stranger = Sighting {
        user: user(9),
        ..saw(1, 1, "2026-01-15T12:00:00Z")
    };
    let sightings = [
        saw(1, 5, "2026-01-15T12:00:00Z"),
        saw(2, 7, "2026-01-15T13:00:00Z"),
        stranger,
        saw(1, 9, "2026-01-15T14:00:00Z"),
    ];
    for sighting in sightings {
        storage.meet_device(sighting, 100).await.unwrap();
    }
    let one = known(1, "2026-01-15T12:00:00Z", "2026-01-15T14:00:00Z", 9);
    let two = known(2, "2026-01-15T13:00:00Z", "2026-01-15T13:00:00Z", 7);
    assert_eq!(storage.devices(person.id).await.unwrap(), [one, two]);
    assert_eq!(storage.devices(user(9)).await.unwrap(), []);
    // A device that starts over reports a lower position, which must be believed: it needs the
    // tombstones again.
    let resynced = saw(1, 0, "2026-01-15T15:00:00Z");
    let unknown = storage.note_devices(vec![resynced]).await.unwrap();
    assert_eq!(unknown, []);
    assert_eq!(
        storage.devices(person.id).await.unwrap()[0].position,
        Seq::ZERO
    );
    assert!(
        storage
            .forget_device(person.id, device(1), None)
            .await
            .unwrap()
    );
    assert!(
        !storage
            .forget_device(person.id, device(1), None)
            .await
            .unwrap()
    );
    assert_eq!(storage.devices(person.id).await.unwrap(), [two]);
}

/// Beyond the largest number of devices, the one that was not seen for longest is forgotten. Its session
/// stays open.
pub async fn a_new_device_displaces_the_one_not_seen_for_longest(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    let other = TestUser::register(storage, 2).await;
    let session = new_session(person.id, 1);
    let opened = storage.open_session(session, password_hash(person.id), 100);
    assert!(opened.await.unwrap());
    let saw = |number, at| Sighting {
        session: Some(session_id(1)),
        ..seen(&person, number, 5, at)
    };
    let theirs = seen(&other, 1, 5, "2026-01-15T11:00:00Z");
    storage.meet_device(theirs, 3).await.unwrap();
    for (number, at) in [
        (1, "2026-01-15T12:00:00Z"),
        (2, "2026-01-15T13:00:00Z"),
        (3, "2026-01-15T14:00:00Z"),
        (1, "2026-01-15T15:00:00Z"),
        // Its clock is behind. It is new, so it stays.
        (4, "2026-01-15T10:00:00Z"),
    ] {
        storage.meet_device(saw(number, at), 3).await.unwrap();
    }
    let kept = storage.devices(person.id).await.unwrap();
    let kept: Vec<_> = kept.iter().map(|kept| kept.id).collect();
    assert_eq!(kept, [device(1), device(3), device(4)]);
    assert_eq!(storage.devices(other.id).await.unwrap().len(), 1);
    assert_eq!(storage.sessions(person.id).await.unwrap().len(), 1);
    // A sighting from before does not bring it back.
    let late = vec![saw(2, "2026-01-15T16:00:00Z")];
    let unknown = storage.note_devices(late).await.unwrap();
    assert_eq!(unknown, [(person.id, device(2))]);
}

/// A late sighting does not register a forgotten device again, whichever server reports it; a new
/// meeting does.
pub async fn a_forgotten_device_stays_forgotten(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    let saw = |number, position, at| seen(&person, number, position, at);
    let (noon, one, two) = (
        "2026-01-15T12:00:00Z",
        "2026-01-15T13:00:00Z",
        "2026-01-15T14:00:00Z",
    );
    storage.meet_device(saw(1, 5, noon), 100).await.unwrap();
    storage.meet_device(saw(2, 5, noon), 100).await.unwrap();
    assert!(
        storage
            .forget_device(person.id, device(1), None)
            .await
            .unwrap()
    );
    let late = vec![saw(1, 6, one), saw(2, 7, one)];
    let unknown = storage.note_devices(late).await.unwrap();
    assert_eq!(unknown, [(person.id, device(1))]);
    let stays = known(2, noon, one, 7);
    assert_eq!(storage.devices(person.id).await.unwrap(), [stays]);
    storage.meet_device(saw(1, 8, two), 100).await.unwrap();
    let back = known(1, two, two, 8);
    assert_eq!(storage.devices(person.id).await.unwrap(), [back, stays]);
    let stranger = Sighting {
        user: user(9),
        ..saw(1, 1, noon)
    };
    let unknown = storage.note_devices(vec![stranger]).await.unwrap();
    assert_eq!(unknown, [(user(9), device(1))]);
}

fn seen(person: &TestUser<'_>, number: u128, position: i64, at: &str) -> Sighting {
    Sighting {
        user: person.id,
        device: device(number),
        position: Seq::new(position).unwrap(),
        at: self::at(at),
        session: None,
    }
}

fn known(number: u128, first: &str, last: &str, position: i64) -> Device {
    Device {
        id: device(number),
        first_seen_at: at(first),
        last_seen_at: at(last),
        position: Seq::new(position).unwrap(),
    }
}

/// Registers a user with a live habit with a live and a deleted entry, and a deleted habit with an
/// entry.
async fn with_tombstones(storage: &dyn Storage) -> TestUser<'_> {
    let person = TestUser::register(storage, 1).await;
    for action in [
        create_habit(habit(1), titled("Read")),
        create_habit(habit(2), titled("Run")),
        create_entry(entry(1), done(habit(1), "2026-01-15")),
        create_entry(entry(2), done(habit(2), "2026-01-15")),
        create_entry(entry(3), done(habit(1), "2026-01-15")),
        delete_entry(entry(1), Base::Any),
        delete_habit(habit(2), Base::Any),
    ] {
        person.apply(action).await;
    }
    person
}
