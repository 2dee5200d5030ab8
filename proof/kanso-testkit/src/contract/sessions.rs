//! Sessions and the rotation of refresh tokens.

use std::sync::Arc;

use kanso_application::ports::devices::Sighting;
use kanso_application::ports::storage::Storage;
use kanso_domain::sessions::{Label, Presented, Refreshed, Session, SessionLimits, SessionOrigin};
use kanso_domain::{Seq, Timestamp};

use super::test_user::TestUser;
use crate::build::{device, new_session, noon, password_hash, session_id, token_hash, user};

const MONTH: i64 = 30 * 86_400;

/// Most sessions of a user in these cases.
const MOST: u32 = 5;

/// A session is open from its creation until it expires; the instant of expiry is excluded.
pub async fn a_session_is_open_until_it_expires(storage: &dyn Storage) {
    let session = opened(storage).await;
    for (now, expected) in [
        (session.created_at, true),
        (session.expires_at.plus_micros(-1), true),
        (session.expires_at, false),
        (session.expires_at.plus_seconds(1), false),
    ] {
        assert_eq!(is_open(storage, 1, now).await, expected, "at {now}");
    }
    assert!(!is_open(storage, 2, noon()).await, "no such session");
}

/// A session is visible to its own user only.
pub async fn a_session_is_its_users_alone(storage: &dyn Storage) {
    opened(storage).await;
    TestUser::register(storage, 2).await;
    let open = storage.session_is_open(user(2), session_id(1), noon());
    assert!(!open.await.unwrap());
    // Ends nothing: the session belongs to user 1.
    storage.end_session(user(2), session_id(1)).await.unwrap();
    assert!(is_open(storage, 1, noon()).await);
    // Session ids are not secret, so the user has to match as well.
    let stolen = storage.refresh_session(user(2), session_id(1), refresh(1, noon()));
    assert_eq!(stolen.await.unwrap(), None);
}

/// A session needs an account.
pub async fn a_session_needs_an_account(storage: &dyn Storage) {
    let session = new_session(user(1), 1);
    assert!(!open(storage, session).await);
    assert!(!is_open(storage, 1, noon()).await);
}

/// Opening a session removes the expired sessions of its user, and no others.
pub async fn opening_a_session_removes_expired_ones(storage: &dyn Storage) {
    let first = opened(storage).await;
    TestUser::register(storage, 2).await;
    let others = Session {
        expires_at: first.expires_at,
        ..new_session(user(2), 1)
    };
    assert!(open(storage, others).await);
    // Expires one microsecond later, so it must survive.
    let longer = Session {
        expires_at: first.expires_at.plus_micros(1),
        ..new_session(user(1), 2)
    };
    assert!(open(storage, longer).await);
    let third = Session {
        created_at: first.expires_at,
        expires_at: first.expires_at.plus_seconds(60),
        ..new_session(user(1), 3)
    };
    assert!(open(storage, third).await);
    // At this instant the session was valid, so only its removal can explain the answer.
    assert!(!is_open(storage, 1, noon()).await);
    assert!(is_open(storage, 2, noon()).await);
    assert!(is_open(storage, 3, noon()).await);
    let open = storage.session_is_open(user(2), session_id(1), noon());
    assert!(open.await.unwrap());
}

/// Beyond the largest number of sessions, a log-in ends the one that was not used for longest.
pub async fn opening_a_session_ends_the_one_that_was_not_used_for_longest(storage: &dyn Storage) {
    let first = opened(storage).await;
    TestUser::register(storage, 2).await;
    assert!(open(storage, new_session(user(2), 1)).await);
    let (most, room) = (u128::from(MOST), MOST as usize);
    for number in 2..=most {
        let later = i64::try_from(number).unwrap();
        let session = Session {
            created_at: first.created_at.plus_seconds(later),
            expires_at: first.expires_at.plus_seconds(later),
            ..new_session(user(1), number)
        };
        assert!(open(storage, session).await);
    }
    let full = storage.sessions(user(1)).await.unwrap();
    assert_eq!(full.len(), room);
    // A use of the first one moves it behind the others.
    let used = refreshed(storage, refresh(1, noon().plus_seconds(1_000))).await;
    assert!(matches!(used, Some(Refreshed::Rotated(_))), "{used:?}");
    // It expires first of all. It is new, so it stays.
    let short = Session {
        expires_at: first.created_at.plus_seconds(60),
        ..new_session(user(1), most + 1)
    };
    assert!(open(storage, short).await);
    let open = storage.sessions(user(1)).await.unwrap();
    let ids: Vec<_> = open.iter().map(|session| session.id).collect();
    assert_eq!(ids.len(), room);
    assert!(!ids.contains(&session_id(2)), "{ids:?}");
    for number in [1, 3, most + 1] {
        assert!(ids.contains(&session_id(number)), "{ids:?}");
    }
    assert_eq!(storage.sessions(user(2)).await.unwrap().len(), 1);
}

/// The sessions of a user are listed oldest first, without those of other users.
pub async fn sessions_are_listed(storage: &dyn Storage) {
    assert_eq!(storage.sessions(user(1)).await.unwrap(), []);
    let first = opened(storage).await;
    TestUser::register(storage, 2).await;
    assert!(open(storage, new_session(user(2), 9)).await);
    let second = Session {
        created_at: noon().plus_seconds(1),
        ..new_session(user(1), 3)
    };
    let third = Session {
        created_at: noon().plus_seconds(2),
        ..new_session(user(1), 2)
    };
    assert!(open(storage, third.clone()).await);
    assert!(open(storage, second.clone()).await);
    let listed = storage.sessions(user(1)).await.unwrap();
    assert_eq!(listed, [first, second, third]);
}

/// A rotated session is stored as it was decided.
pub async fn a_rotated_session_is_stored(storage: &dyn Storage) {
    let session = opened(storage).await;
    let now = noon().plus_seconds(600);
    let rotated = refreshed(storage, refresh(1, now)).await;
    let expected = Session {
        current: token_hash(2),
        previous: Some((token_hash(1), now)),
        expires_at: now.plus_seconds(MONTH),
        ..session
    };
    assert_eq!(rotated, Some(Refreshed::Rotated(expected.clone())));
    assert_eq!(stored(storage).await, Some(expected.clone()));
    assert!(is_open(storage, 1, expected.expires_at.plus_micros(-1)).await);
    let again = refreshed(storage, refresh(2, now)).await;
    assert!(matches!(again, Some(Refreshed::Rotated(_))), "{again:?}");
}

/// A session keeps the description of its client, and the nonce of its last refresh.
pub async fn a_session_keeps_its_origin_and_its_nonce(storage: &dyn Storage) {
    TestUser::register(storage, 1).await;
    let session = Session {
        origin: SessionOrigin {
            client: Label::cut("kanso/0.2"),
            device_name: Label::cut("Ada's téléphone"),
            device: Some(device(1)),
        },
        ..new_session(user(1), 1)
    };
    assert!(open(storage, session.clone()).await);
    let listed = storage.sessions(user(1)).await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&session));
    let presented = Presented {
        nonce: Some(token_hash(9)),
        ..Presented::new(token_hash(1), token_hash(2))
    };
    let limits = SessionLimits::default();
    let decide = Arc::new(move |session: Session| session.refresh(&presented, noon(), limits));
    let rotated = refreshed(storage, decide).await;
    let stored = stored(storage).await.unwrap();
    assert_eq!(rotated, Some(Refreshed::Rotated(stored.clone())));
    assert_eq!(stored.nonce, Some(token_hash(9)));
    assert_eq!(stored.origin, session.origin);
}

/// An invented token changes nothing.
pub async fn an_unknown_token_changes_nothing(storage: &dyn Storage) {
    let session = opened(storage).await;
    let presented = Presented {
        is_issued: false,
        ..Presented::new(token_hash(8), token_hash(9))
    };
    let limits = SessionLimits::default();
    let decide = Arc::new(move |session: Session| session.refresh(&presented, noon(), limits));
    let unknown = refreshed(storage, decide).await;
    assert_eq!(unknown, Some(Refreshed::Unknown));
    assert_eq!(stored(storage).await, Some(session));
}

/// A forgotten device ends the sessions in which it synced last, except the named one, and no others.
pub async fn a_forgotten_device_ends_its_sessions(storage: &dyn Storage) {
    opened(storage).await;
    TestUser::register(storage, 2).await;
    for number in [2, 3, 4] {
        assert!(open(storage, new_session(user(1), number)).await);
    }
    assert!(open(storage, new_session(user(2), 1)).await);
    for (number, whose, session) in [
        (1, 1, 1),
        (2, 1, 2),
        (1, 1, 3),
        (1, 1, 4),
        (1, 2, 1),
        (2, 1, 1),
    ] {
        let sighting = Sighting {
            user: user(whose),
            device: device(number),
            position: Seq::ZERO,
            at: noon(),
            session: Some(session_id(session)),
        };
        storage.meet_device(sighting, 100).await.unwrap();
    }
    let forgetting = storage.forget_device(user(1), device(1), Some(session_id(4)));
    assert!(forgetting.await.unwrap());
    for (number, expected) in [(1, true), (2, true), (3, false), (4, true)] {
        assert_eq!(is_open(storage, number, noon()).await, expected, "{number}");
    }
    let others = storage.session_is_open(user(2), session_id(1), noon());
    assert!(others.await.unwrap());
}

/// A repeated refresh changes nothing.
pub async fn a_repeated_refresh_changes_nothing(storage: &dyn Storage) {
    opened(storage).await;
    refreshed(storage, refresh(1, noon())).await;
    let before = stored(storage).await;
    let repeated = refreshed(storage, refresh(1, noon().plus_seconds(60))).await;
    assert_eq!(repeated, before.clone().map(Refreshed::Repeated));
    assert_eq!(stored(storage).await, before);
}

/// A session whose token was reused is removed.
pub async fn a_reused_session_is_removed(storage: &dyn Storage) {
    opened(storage).await;
    refreshed(storage, refresh(1, noon())).await;
    // One second after the grace period of 60.
    let reused = refreshed(storage, refresh(1, noon().plus_seconds(61))).await;
    assert_eq!(reused, Some(Refreshed::Reused));
    assert!(!is_open(storage, 1, noon()).await);
    assert_eq!(refreshed(storage, refresh(2, noon())).await, None);
}

/// An expired session is removed when it is refreshed.
pub async fn an_expired_session_is_removed(storage: &dyn Storage) {
    let session = opened(storage).await;
    let expired = refreshed(storage, refresh(1, session.expires_at)).await;
    assert_eq!(expired, Some(Refreshed::Expired));
    assert!(!is_open(storage, 1, noon()).await);
}

/// An ended session is closed; ending it again is a no-op.
pub async fn an_ended_session_is_closed(storage: &dyn Storage) {
    opened(storage).await;
    assert!(open(storage, new_session(user(1), 2)).await);
    for is_open_yet in [true, false] {
        let ended = storage.end_session(user(1), session_id(1)).await.unwrap();
        assert_eq!(ended, is_open_yet);
        assert!(!is_open(storage, 1, noon()).await);
        assert!(is_open(storage, 2, noon()).await);
    }
    assert_eq!(refreshed(storage, refresh(1, noon())).await, None);
}

async fn opened(storage: &dyn Storage) -> Session {
    TestUser::register(storage, 1).await;
    let session = new_session(user(1), 1);
    assert!(open(storage, session.clone()).await);
    session
}

async fn open(storage: &dyn Storage, session: Session) -> bool {
    let password = password_hash(session.user_id);
    let opened = storage.open_session(session, password, MOST);
    opened.await.unwrap()
}

async fn is_open(storage: &dyn Storage, number: u128, now: Timestamp) -> bool {
    let open = storage.session_is_open(user(1), session_id(number), now);
    let open = open.await.unwrap();
    // The check in one read with the head is the same check.
    let head = storage.head_of_session(user(1), session_id(number), now);
    let expected = storage.head(user(1)).await.unwrap().filter(|_| open);
    assert_eq!(head.await.unwrap(), expected);
    open
}

type Refresh = Arc<dyn Fn(Session) -> Refreshed + Send + Sync>;

/// Returns a decision that presents the token with this number; its successor has the next number.
fn refresh(token: u8, now: Timestamp) -> Refresh {
    let presented = Presented::new(token_hash(token), token_hash(token + 1));
    let limits = SessionLimits {
        idle_seconds: MONTH,
        ..SessionLimits::default()
    };
    Arc::new(move |session: Session| session.refresh(&presented, now, limits))
}

async fn refreshed(storage: &dyn Storage, refresh: Refresh) -> Option<Refreshed> {
    let refreshed = storage.refresh_session(user(1), session_id(1), refresh);
    refreshed.await.unwrap()
}

/// Returns the stored session.
async fn stored(storage: &dyn Storage) -> Option<Session> {
    match refreshed(storage, Arc::new(Refreshed::Repeated)).await {
        Some(Refreshed::Repeated(session)) => Some(session),
        other => panic!("expected the session, got {other:?}"),
    }
}
