//! Builders: ids by number, times by text, operations by their action.

use kanso_application::ports::storage::NewAccount;
use kanso_domain::accounts::{Account, PasswordHash, Settings};
use kanso_domain::entries::EntryFields;
use kanso_domain::habits::{HabitFields, StoredStreak};
use kanso_domain::sessions::{Session, SessionOrigin, TokenHash};
use kanso_domain::sync::{Action, Base, Edit, Fingerprint, Operation, ReceiptKey};
use kanso_domain::text::{Notes, Title};
use kanso_domain::{DeviceId, EntryId, HabitId, OpId, SessionId, Timestamp, UserId, Version};
use uuid::Uuid;

/// Returns the user with this number.
pub const fn user(number: u128) -> UserId {
    UserId::new(Uuid::from_u128(number))
}

/// Returns the habit with this number.
pub const fn habit(number: u128) -> HabitId {
    HabitId::new(Uuid::from_u128(number))
}

/// Returns the entry with this number.
pub const fn entry(number: u128) -> EntryId {
    EntryId::new(Uuid::from_u128(number))
}

/// Returns the session with this number.
pub const fn session_id(number: u128) -> SessionId {
    SessionId::new(Uuid::from_u128(number))
}

/// Returns the device with this number.
pub const fn device(number: u128) -> DeviceId {
    DeviceId::new(Uuid::from_u128(number))
}

/// Returns the operation id with this number.
pub const fn op(number: u128) -> OpId {
    OpId::new(Uuid::from_u128(number))
}

/// Parses an instant in RFC 3339.
pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Noon of 15 January 2026, UTC: the time of tests that need no other.
pub fn noon() -> Timestamp {
    at("2026-01-15T12:00:00Z")
}

/// Returns a version.
pub fn version(number: i64) -> Version {
    Version::new(number).unwrap()
}

/// Returns the base of an edit on top of a version.
pub fn on(number: i64) -> Base {
    Base::Version(version(number))
}

/// Returns an account with its number in the e-mail address, registered a day before [`noon`].
pub fn new_account(number: u128) -> NewAccount {
    NewAccount {
        account: Account {
            id: user(number),
            email: format!("person{number}@example.org").parse().unwrap(),
            settings: Settings::default(),
            created_at: noon().plus_seconds(-86_400),
        },
        password_hash: password_hash(user(number)),
    }
}

/// Returns the hash of the password with which a user registers.
pub fn password_hash(user: UserId) -> PasswordHash {
    PasswordHash::new(format!("hash of {user}"))
}

/// Returns a session that was opened at [`noon`] and lasts an hour.
pub fn new_session(user: UserId, number: u128) -> Session {
    Session {
        id: session_id(number),
        user_id: user,
        current: token_hash(1),
        previous: None,
        nonce: None,
        created_at: noon(),
        expires_at: noon().plus_seconds(3_600),
        origin: SessionOrigin::default(),
    }
}

/// Returns the token hash with this number.
pub const fn token_hash(number: u8) -> TokenHash {
    TokenHash::new([number; 32])
}

/// Returns a streak that was computed for a day.
pub fn streak(current: u32, longest: u32, day: &str) -> StoredStreak {
    StoredStreak {
        current,
        longest,
        day: Some(day.parse().unwrap()),
    }
}

/// Returns the fields of a habit with this title and defaults.
pub fn titled(title: &str) -> HabitFields {
    HabitFields {
        title: Some(Title::new(title).unwrap()),
        ..HabitFields::default()
    }
}

/// Returns the fields of an entry of a habit at an instant or on a date.
pub fn done(of: HabitId, when: &str) -> EntryFields {
    EntryFields {
        habit_id: Some(of),
        completion: Some(when.parse().unwrap()),
        ..EntryFields::default()
    }
}

/// Returns the notes of an entry.
pub fn noted(notes: &str) -> EntryFields {
    EntryFields {
        notes: Some(Notes::new(notes).unwrap()),
        ..EntryFields::default()
    }
}

/// Creates a habit.
pub const fn create_habit(id: HabitId, fields: HabitFields) -> Action {
    Action::Habit(id, Edit::Create(fields))
}

/// Edits a habit.
pub const fn update_habit(id: HabitId, base: Base, fields: HabitFields) -> Action {
    Action::Habit(id, Edit::Update { base, fields })
}

/// Deletes a habit.
pub const fn delete_habit(id: HabitId, base: Base) -> Action {
    Action::Habit(
        id,
        Edit::Delete {
            base,
            erases_texts: false,
        },
    )
}

/// Deletes a habit, or finds it deleted, and erases its texts at once.
pub const fn erase_habit(id: HabitId) -> Action {
    let base = Base::Any;
    Action::Habit(
        id,
        Edit::Delete {
            base,
            erases_texts: true,
        },
    )
}

/// Deletes an entry, or finds it deleted, and erases its notes at once.
pub const fn erase_entry(id: EntryId) -> Action {
    let base = Base::Any;
    Action::Entry(
        id,
        Edit::Delete {
            base,
            erases_texts: true,
        },
    )
}

/// Creates an entry.
pub const fn create_entry(id: EntryId, fields: EntryFields) -> Action {
    Action::Entry(id, Edit::Create(fields))
}

/// Edits an entry.
pub const fn update_entry(id: EntryId, base: Base, fields: EntryFields) -> Action {
    Action::Entry(id, Edit::Update { base, fields })
}

/// Deletes an entry.
pub const fn delete_entry(id: EntryId, base: Base) -> Action {
    Action::Entry(
        id,
        Edit::Delete {
            base,
            erases_texts: false,
        },
    )
}

/// Returns an operation without an id, which cannot be retried.
pub const fn once(action: Action) -> Operation {
    Operation::once(action)
}

/// Returns an operation as an outbox sends it. Its fingerprint depends on the number alone.
pub fn operation(number: u8, action: Action) -> Operation {
    Operation {
        key: Some(ReceiptKey {
            op_id: op(number.into()),
            // One number, one body: tests of a reused id build the second body with another number.
            fingerprint: Fingerprint::of_hash([number; 32]),
        }),
        device: Some(device(1)),
        ..Operation::once(action)
    }
}
