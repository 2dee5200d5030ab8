//! Security events of accounts.

use kanso_application::ports::storage::Storage;
use kanso_domain::events::{EventKind, SecurityEvent};
use kanso_domain::{Timestamp, UserId};
use uuid::Uuid;

use super::test_user::TestUser;
use crate::build::{noon, session_id, user};

/// The newest events come first, in pages, and every kind and member comes back.
pub async fn events_come_back_newest_first(storage: &dyn Storage) {
    assert_eq!(storage.events(user(1), None, 10).await.unwrap(), []);
    TestUser::register(storage, 1).await;
    TestUser::register(storage, 2).await;
    let mut events = Vec::new();
    for (number, kind) in (1..).zip(EventKind::ALL) {
        events.push(SecurityEvent {
            session_id: (number % 2 == 0).then(|| session_id(number)),
            client: ["192.0.2.7", "2001:db8::"]
                .get(usize::try_from(number % 3).unwrap())
                .map(|address| address.parse().unwrap()),
            ..event(
                user(1),
                number,
                noon().plus_seconds(number.try_into().unwrap()),
                *kind,
            )
        });
    }
    // Of one time, the id decides.
    let newest = events.last().unwrap().at;
    events.push(event(user(1), 1_000, newest, EventKind::LoggedIn));
    let theirs = event(user(2), 1, noon(), EventKind::LoggedIn);
    let stored = events.iter().copied().chain([theirs]).collect();
    storage.record_events(stored, 100).await.unwrap();
    events.reverse();
    assert_eq!(storage.events(user(1), None, 100).await.unwrap(), events);
    let (first, rest) = events.split_at(3);
    assert_eq!(storage.events(user(1), None, 3).await.unwrap(), first);
    let after = storage.events(user(1), Some(first[2].id), 100);
    assert_eq!(after.await.unwrap(), rest);
    assert_eq!(storage.events(user(2), None, 100).await.unwrap(), [theirs]);
    // The event of another user is no place in this list.
    let unknown = storage.events(user(2), Some(events[0].id), 100);
    assert_eq!(unknown.await.unwrap(), []);
}

/// An account keeps the newest events. Attempts do not displace what the user did.
pub async fn attempts_do_not_displace_other_events(storage: &dyn Storage) {
    TestUser::register(storage, 1).await;
    let at = |number: u128| noon().plus_seconds(number.try_into().unwrap());
    let logged_in = event(user(1), 1, at(1), EventKind::LoggedIn);
    storage.record_events(vec![logged_in], 2).await.unwrap();
    for number in 2..8 {
        let failed = event(user(1), number, at(number), EventKind::LogInFailed);
        storage.record_events(vec![failed], 2).await.unwrap();
    }
    assert_eq!(ids(storage).await, [7, 6, 1]);
    let changed =
        [8, 9].map(|number| event(user(1), number, at(number), EventKind::PasswordChanged));
    storage.record_events(changed.into(), 2).await.unwrap();
    assert_eq!(ids(storage).await, [9, 8, 7, 6]);
}

/// Events of unknown and of deleted accounts are not stored, and storing one twice keeps one.
pub async fn events_need_an_account(storage: &dyn Storage) {
    TestUser::register(storage, 1).await;
    let event = |number| event(user(number), 1, noon(), EventKind::LoggedIn);
    for _ in 0..2 {
        let events = vec![event(2), event(1)];
        storage.record_events(events, 100).await.unwrap();
    }
    assert_eq!(ids(storage).await, [1]);
    assert!(storage.delete_account(user(1)).await.unwrap());
    storage.record_events(vec![event(1)], 100).await.unwrap();
    while storage.erase_accounts(1).await.unwrap() > 0 {}
    assert_eq!(ids(storage).await, []);
    TestUser::register(storage, 1).await;
    assert_eq!(ids(storage).await, []);
}

/// Old events are removed in steps, oldest first.
pub async fn old_events_are_removed_in_steps(storage: &dyn Storage) {
    TestUser::register(storage, 1).await;
    let at = |number: u128| noon().plus_seconds(number.try_into().unwrap());
    let events = [3, 1, 2].map(|number| event(user(1), number, at(number), EventKind::LoggedIn));
    storage.record_events(events.into(), 100).await.unwrap();
    assert_eq!(storage.purge_events(at(1), 10).await.unwrap(), 0);
    assert_eq!(storage.purge_events(at(3), 1).await.unwrap(), 1);
    assert_eq!(ids(storage).await, [3, 2]);
    assert_eq!(storage.purge_events(at(3), 10).await.unwrap(), 1);
    assert_eq!(ids(storage).await, [3]);
}

const fn event(user_id: UserId, number: u128, at: Timestamp, kind: EventKind) -> SecurityEvent {
    SecurityEvent {
        id: Uuid::from_u128(number),
        user_id,
        at,
        kind,
        session_id: None,
        client: None,
    }
}

/// Returns the numbers of the events of user 1, newest first.
async fn ids(storage: &dyn Storage) -> Vec<u128> {
    let events = storage.events(user(1), None, 100).await.unwrap();
    events.iter().map(|event| event.id.as_u128()).collect()
}
