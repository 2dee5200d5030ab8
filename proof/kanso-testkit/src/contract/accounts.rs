//! Accounts, passwords and their sessions.

use futures::future::{join, join_all};
use kanso_application::ports::storage::{
    Credentials, DeltaQuery, EmailReplacement, EndSessions, EntryQuery, HabitQuery, NewAccount,
    NewEmail, NewPassword, Scope, Storage, WriteOutcome,
};
use kanso_domain::accounts::{Email, PasswordHash, Settings, SettingsChange};
use kanso_domain::sync::{LoadSet, Since};
use kanso_domain::{Seq, UserId, WeekStart};

use super::test_user::{TestUser, unchanged};
use crate::build::{
    create_entry, create_habit, done, entry, habit, new_account, new_session, noon, once, op,
    operation, password_hash, session_id, titled, user,
};

/// An account is found by its id and by its address.
pub async fn an_account_is_found_by_its_id_and_by_its_email(storage: &dyn Storage) {
    let NewAccount {
        account,
        password_hash,
    } = new_account(1);
    TestUser::register(storage, 1).await;
    TestUser::register(storage, 2).await;
    let credentials = storage.credentials(&account.email).await.unwrap();
    let user_id = account.id;
    let expected = Credentials {
        user_id,
        password_hash,
        is_disabled: false,
    };
    assert_eq!(credentials, Some(expected));
    assert_eq!(storage.account(user_id).await.unwrap(), Some(account));
}

/// An unknown address or id has no account, and no call creates one.
pub async fn an_unknown_account_is_none(storage: &dyn Storage) {
    let stranger = new_account(1).account;
    assert_eq!(storage.credentials(&stranger.email).await.unwrap(), None);
    assert_eq!(storage.account(stranger.id).await.unwrap(), None);
    assert!(!storage.delete_account(stranger.id).await.unwrap());
    let change = SettingsChange::default();
    let changed = storage
        .change_settings(stranger.id, change, noon())
        .await
        .unwrap();
    assert_eq!(changed, None);
    let new = replacing(stranger.id, EndSessions::All);
    assert!(!storage.replace_password(stranger.id, new).await.unwrap());
}

/// A taken address is refused, and the first account stays as it is.
pub async fn a_taken_email_is_refused(storage: &dyn Storage) {
    let first = new_account(1);
    TestUser::register(storage, 1).await;
    let mut second = new_account(2);
    second.account.email = first.account.email.clone();
    assert!(!storage.create_account(second).await.unwrap());
    assert_eq!(storage.account(user(2)).await.unwrap(), None);
    let credentials = storage.credentials(&first.account.email).await.unwrap();
    assert_eq!(credentials.unwrap().user_id, user(1));
}

/// An account of release 0.1.0 is found under the spelling that it was registered with, also beside an
/// account with the present spelling.
pub async fn an_account_is_found_under_its_older_spelling(storage: &dyn Storage) {
    let (composed, decomposed) = ("jürgen@example.org", "ju\u{308}rgen@example.org");
    let found = async |text: &str| {
        let email: Email = text.parse().unwrap();
        let credentials = storage.credentials(&email).await.unwrap();
        credentials.map(|found| found.user_id)
    };
    let register = async |number, email| {
        let mut new = new_account(number);
        new.account.email = email;
        storage.create_account(new).await.unwrap()
    };
    let older = Email::restored(decomposed.to_owned());
    assert!(register(1, older.clone()).await);
    assert_eq!(found(decomposed).await, Some(user(1)));
    assert!(
        !register(3, decomposed.parse().unwrap()).await,
        "it is taken"
    );
    assert!(register(2, composed.parse().unwrap()).await);
    assert_eq!(
        found(decomposed).await,
        Some(user(1)),
        "the text that was typed decides"
    );
    assert_eq!(found(composed).await, Some(user(2)));
    let stored = storage.account(user(1)).await.unwrap().unwrap();
    assert_eq!(stored.email.as_str(), decomposed);
    let credentials = storage.credentials(&stored.email).await.unwrap();
    assert_eq!(
        credentials.unwrap().user_id,
        user(1),
        "its own, not the other's"
    );
    assert!(storage.delete_account(user(1)).await.unwrap());
    assert_eq!(found(decomposed).await, Some(user(2)));
}

/// A new account has an empty history that begins at its registration.
pub async fn a_new_account_has_an_empty_history(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    let head = person.head().await;
    assert_eq!(head.seq, Seq::ZERO);
    assert_eq!(head.changed_at, new_account(1).account.created_at);
    assert_eq!(person.changes(Since::Position(Seq::ZERO)).await, []);
}

/// A settings change replaces the named settings and keeps the others.
pub async fn settings_change_one_by_one(storage: &dyn Storage) {
    TestUser::register(storage, 1).await;
    let changes = [
        SettingsChange {
            timezone: Some("America/Argentina/Buenos_Aires".parse().unwrap()),
            ..SettingsChange::default()
        },
        SettingsChange {
            week_start: Some(WeekStart::Saturday),
            ..SettingsChange::default()
        },
        SettingsChange {
            day_start: Some("03:30".parse().unwrap()),
            ..SettingsChange::default()
        },
        SettingsChange::default(),
    ];
    let mut expected = new_account(1).account;
    for change in changes {
        expected.settings = expected.settings.changed(change.clone());
        let answer = storage
            .change_settings(user(1), change, noon())
            .await
            .unwrap();
        assert_eq!(answer.as_ref(), Some(&expected));
        let stored = storage.account(user(1)).await.unwrap();
        assert_eq!(stored.as_ref(), Some(&expected));
    }
    assert_ne!(expected.settings, Settings::default());
}

/// A write decides with the current settings.
pub async fn a_write_sees_the_settings(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    let change = SettingsChange {
        timezone: Some("Asia/Tokyo".parse().unwrap()),
        ..SettingsChange::default()
    };
    let account = storage
        .change_settings(person.id, change, noon())
        .await
        .unwrap();
    let current = person.sees(LoadSet::default()).await;
    assert_eq!(current.settings, account.unwrap().settings);
}

/// A rehashed password replaces the old hash and keeps all sessions.
pub async fn a_password_hash_is_replaced(storage: &dyn Storage) {
    let person = populated(storage, 1).await;
    let new = replacing(user(1), EndSessions::None);
    assert!(
        storage
            .replace_password(user(1), new.clone())
            .await
            .unwrap()
    );
    assert_eq!(stored_hash(storage).await, new.hash);
    assert!(is_open(storage, &person).await);
}

/// A password is replaced only if its hash is still the stored one.
pub async fn only_the_stored_password_is_replaced(storage: &dyn Storage) {
    let person = populated(storage, 1).await;
    let new = NewPassword {
        replaces: PasswordHash::new("another hash".into()),
        ..replacing(user(1), EndSessions::All)
    };
    assert!(!storage.replace_password(user(1), new).await.unwrap());
    assert_eq!(stored_hash(storage).await, password_hash(user(1)));
    assert!(is_open(storage, &person).await);
}

/// A new address replaces the former one, which is free then. Sessions stay open.
pub async fn an_email_address_is_replaced(storage: &dyn Storage) {
    let person = populated(storage, 1).await;
    let former = new_account(1).account.email;
    let new = |email: &str| NewEmail {
        checked: password_hash(user(1)),
        email: email.parse().unwrap(),
    };
    let outcome = storage.replace_email(user(1), new("new@example.org")).await;
    assert_eq!(outcome.unwrap(), EmailReplacement::Replaced);
    let account = storage.account(user(1)).await.unwrap().unwrap();
    assert_eq!(account.email.as_str(), "new@example.org");
    let found = storage.credentials(&account.email).await.unwrap().unwrap();
    assert_eq!(found.user_id, user(1));
    assert_eq!(storage.credentials(&former).await.unwrap(), None);
    assert!(is_open(storage, &person).await);
    // Its own address again, and then back to the former one.
    for email in ["new@example.org", former.as_str()] {
        let outcome = storage.replace_email(user(1), new(email)).await;
        assert_eq!(outcome.unwrap(), EmailReplacement::Replaced, "{email}");
    }
    assert!(storage.credentials(&former).await.unwrap().is_some());
    // A deletion frees the present address.
    assert!(storage.delete_account(user(1)).await.unwrap());
    assert_eq!(storage.credentials(&former).await.unwrap(), None);
    let outcome = storage.replace_email(user(1), new("new@example.org")).await;
    assert_eq!(outcome.unwrap(), EmailReplacement::Superseded);
}

/// An address of another account, in either spelling, is refused, and so is an outdated password.
pub async fn a_taken_email_address_is_not_replaced(storage: &dyn Storage) {
    TestUser::register(storage, 1).await;
    let decomposed = "ju\u{308}rgen@example.org";
    let mut other = new_account(2);
    other.account.email = Email::restored(decomposed.to_owned());
    assert!(storage.create_account(other).await.unwrap());
    TestUser::register(storage, 3).await;
    let before = storage.account(user(1)).await.unwrap().unwrap();
    for (email, hash, expected) in [
        (decomposed, password_hash(user(1)), EmailReplacement::Taken),
        (
            "person3@example.org",
            password_hash(user(1)),
            EmailReplacement::Taken,
        ),
        (
            "new@example.org",
            PasswordHash::new("another hash".into()),
            EmailReplacement::Superseded,
        ),
    ] {
        let new = NewEmail {
            checked: hash,
            email: email.parse().unwrap(),
        };
        let outcome = storage.replace_email(user(1), new).await.unwrap();
        assert_eq!(outcome, expected, "{email}");
    }
    assert_eq!(storage.account(user(1)).await.unwrap(), Some(before));
}

/// A new password ends all sessions that were opened with the old one, except the named one.
pub async fn sessions_end_with_their_password(storage: &dyn Storage) {
    let neighbour = populated(storage, 2).await;
    populated(storage, 1).await;
    for number in [2, 3] {
        let session = new_session(user(1), number);
        let opened = storage.open_session(session, password_hash(user(1)), 100);
        assert!(opened.await.unwrap());
    }
    // { || All three sessions by number, so that one comparison shows which survived.
    let open = async || {
        let mut open = Vec::new();
        for number in 1..=3 {
            let asked = storage.session_is_open(user(1), session_id(number), noon());
            open.push(asked.await.unwrap());
        }
        open
    };
    let first = replacing(user(1), EndSessions::AllBut(session_id(2)));
    let second = NewPassword {
        replaces: first.hash.clone(),
        hash: PasswordHash::new("a third hash".into()),
        sessions: EndSessions::All,
    };
    assert!(storage.replace_password(user(1), first).await.unwrap());
    assert_eq!(open().await, [false, true, false]);
    assert!(storage.replace_password(user(1), second).await.unwrap());
    assert_eq!(open().await, [false, false, false]);
    assert!(is_open(storage, &neighbour).await);
}

/// A session is opened only if the checked hash is still the stored one.
pub async fn a_session_needs_the_password_that_is_stored(storage: &dyn Storage) {
    TestUser::register(storage, 1).await;
    let new = replacing(user(1), EndSessions::All);
    assert!(
        storage
            .replace_password(user(1), new.clone())
            .await
            .unwrap()
    );
    let session = new_session(user(1), 1);
    let old = storage.open_session(session.clone(), new.replaces, 100);
    assert!(!old.await.unwrap());
    assert!(storage.open_session(session, new.hash, 100).await.unwrap());
}

/// No session that was opened with the old password survives a concurrent change of the password.
pub async fn no_log_in_slips_past_a_new_password(storage: &dyn Storage) {
    const LOG_INS: u128 = 8;
    // Several rounds, because one may happen to run the calls one after the other.
    for round in 0..4 {
        let id = user(100 + round);
        TestUser::register(storage, 100 + round).await;
        let log_in = |number| storage.open_session(new_session(id, number), password_hash(id), 100);
        // Logins on both sides of the change, so that some are checked before it and committed
        // after it.
        let before = join_all((1..=LOG_INS / 2).map(log_in));
        let new = storage.replace_password(id, replacing(id, EndSessions::All));
        let after = join_all((LOG_INS / 2 + 1..=LOG_INS).map(log_in));
        // All calls are in flight together; the storage decides their order.
        let (_, (replaced, _)) = join(before, join(new, after)).await;
        assert!(replaced.unwrap());
        for number in 1..=LOG_INS {
            let open = storage.session_is_open(id, session_id(number), noon());
            assert!(!open.await.unwrap(), "round {round}, session {number}");
        }
    }
}

fn replacing(owner: UserId, sessions: EndSessions) -> NewPassword {
    NewPassword {
        replaces: password_hash(owner),
        hash: PasswordHash::new("$argon2id$v=19$stronger".into()),
        sessions,
    }
}

async fn stored_hash(storage: &dyn Storage) -> PasswordHash {
    let credentials = storage.credentials(&new_account(1).account.email).await;
    credentials.unwrap().unwrap().password_hash
}

/// A deleted account is missing for every call about accounts, sessions, heads and changes, and its rows
/// are erased afterwards.
pub async fn a_deleted_account_is_gone_everywhere(storage: &dyn Storage) {
    let person = populated(storage, 1).await;
    let other = populated(storage, 2).await;
    let others = other.changes(Since::Position(Seq::ZERO)).await;
    assert!(storage.delete_account(person.id).await.unwrap());
    // The second deletion finds nothing, which a retry of the request relies on.
    assert!(!storage.delete_account(person.id).await.unwrap());

    let id = person.id;
    let email = new_account(1).account.email;
    assert_eq!(storage.credentials(&email).await.unwrap(), None);
    assert_eq!(storage.account(id).await.unwrap(), None);
    assert_eq!(storage.head(id).await.unwrap(), None);
    assert_eq!(storage.heads(&[id]).await.unwrap(), []);
    assert_eq!(storage.sessions(id).await.unwrap(), []);
    let query = DeltaQuery {
        since: Since::Beginning,
        scope: Scope::Everything,
        limit: None,
    };
    assert_eq!(storage.delta(id, query).await.unwrap(), None);
    let written = person.write(LoadSet::default(), |current| unchanged(&current));
    assert_eq!(written.await.unwrap(), WriteOutcome::NoSuchUser);
    assert!(!is_open(storage, &person).await);
    let opened = storage.open_session(new_session(id, 2), password_hash(id), 100);
    assert!(!opened.await.unwrap());
    // The address is free at once.
    let mut again = new_account(3);
    again.account.email = email;
    assert!(storage.create_account(again).await.unwrap());

    erase(storage).await;
    assert_eq!(storage.habit(id, habit(1)).await.unwrap(), None);
    assert_eq!(storage.habits(id, HabitQuery::all(true)).await.unwrap(), []);
    assert_eq!(storage.entry(id, entry(1)).await.unwrap(), None);
    let entries = storage.entry_keys(id, EntryQuery::default()).await.unwrap();
    assert_eq!(entries, []);
    let entries = storage.entries(id, vec![entry(1)]).await.unwrap();
    assert_eq!(entries, []);

    // The neighbour has the same ids, so a deletion by record id alone would show here.
    assert_eq!(other.changes(Since::Position(Seq::ZERO)).await, others);
    assert!(is_open(storage, &other).await);
}

/// A new account under the same id sees no data of a deleted one.
pub async fn a_deleted_account_leaves_nothing_behind(storage: &dyn Storage) {
    let person = populated(storage, 1).await;
    assert!(storage.delete_account(person.id).await.unwrap());
    erase(storage).await;
    // The same user id: rows that a cascade missed would become visible again.
    let again = TestUser::register(storage, 1).await;
    assert_eq!(again.head().await.seq, Seq::ZERO);
    assert_eq!(again.changes(Since::Position(Seq::ZERO)).await, []);
    assert!(!is_open(storage, &again).await);
    let current = again.sees(everything()).await;
    assert_eq!(current.habits.len(), 0);
    assert_eq!(current.entries.len(), 0);
    assert_eq!(current.receipts.len(), 0);
}

/// Erases all deleted accounts, in steps of two rows.
async fn erase(storage: &dyn Storage) {
    for _ in 0..100 {
        let rows = storage.erase_accounts(2).await.unwrap();
        assert!(rows <= 2, "{rows}");
        if rows == 0 {
            return;
        }
    }
    panic!("there is always something left");
}

/// Registers a user with a session, a habit, an entry and a receipt.
async fn populated(storage: &dyn Storage, number: u128) -> TestUser<'_> {
    let person = TestUser::register(storage, number).await;
    let session = new_session(person.id, 1);
    let opened = storage.open_session(session, password_hash(person.id), 100);
    assert!(opened.await.unwrap());
    let read = create_habit(habit(1), titled("Read"));
    let done = create_entry(entry(1), done(habit(1), "2026-01-15"));
    let operations = vec![once(read), operation(1, done)];
    person.submit(operations).await;
    let current = person.sees(everything()).await;
    assert_eq!(current.receipts.len(), 1);
    person
}

fn everything() -> LoadSet {
    LoadSet {
        habits: [habit(1)].into(),
        entries: [entry(1)].into(),
        receipts: [op(1)].into(),
        ..LoadSet::default()
    }
}

async fn is_open(storage: &dyn Storage, person: &TestUser<'_>) -> bool {
    let open = storage.session_is_open(person.id, session_id(1), noon());
    open.await.unwrap()
}
