use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use kanso_application::accounts::{LogIn, PasswordChange};
use kanso_application::ports::credentials::{Identity, PasswordCheck, PasswordFault, Passwords};
use kanso_application::ports::storage::{AccountStore as _, EndSessions, NewPassword};
use kanso_application::ports::throttle::{GuessCount, Guesser};
use kanso_domain::accounts::{Password, PasswordHash};
use kanso_testkit::{MemoryStorage, PlainPasswords};

use crate::world::{PASSWORD, World, ada, home};

const NEW: &str = "two slow kettles";

async fn change(world: &World, who: Identity, current: &str, new: &str) -> PasswordChange {
    let new = Password::choose(new).unwrap();
    let changed = world
        .accounts
        .change_password(who, Password::claimed(current), new, home());
    changed.await.unwrap()
}

/// A user with an account and the session of the log-in.
async fn signed_in(world: &World) -> Identity {
    world.register().await;
    session(world).await
}

fn of_session(who: Identity) -> GuessCount {
    GuessCount::of_guesser(&ada(), Guesser::Session(who.session_id))
}

async fn session(world: &World) -> Identity {
    let grant = world.granted().await;
    let identity = world.accounts.authenticate(&grant.access.token);
    identity.await.unwrap().unwrap()
}

#[tokio::test]
async fn a_changed_password_logs_in_and_the_old_one_does_not() {
    let world = World::new();
    let who = signed_in(&world).await;
    assert_eq!(
        change(&world, who, PASSWORD, NEW).await,
        PasswordChange::Changed
    );
    assert!(matches!(world.log_in(PASSWORD).await, LogIn::Refused));
    assert!(matches!(world.log_in(NEW).await, LogIn::Granted(_)));
}

#[tokio::test]
async fn the_session_of_the_change_stays_and_the_others_end() {
    let world = World::new();
    let who = signed_in(&world).await;
    let other = session(&world).await;
    change(&world, who, PASSWORD, NEW).await;
    assert!(world.accounts.is_open(who).await.unwrap());
    assert!(!world.accounts.is_open(other).await.unwrap());
}

#[tokio::test]
async fn a_wrong_current_password_changes_nothing_and_counts() {
    let world = World::new();
    let who = signed_in(&world).await;
    let other = session(&world).await;
    for failures in 1..=3 {
        // The new password is the stored one in one of them, which is no proof of the old one.
        let new = if failures == 2 { PASSWORD } else { NEW };
        let refused = change(&world, who, "a guess", new).await;
        assert_eq!(refused, PasswordChange::Refused);
        assert_eq!(world.throttle.failures(&of_session(who)), failures);
    }
    assert!(world.accounts.is_open(other).await.unwrap());
    let throttled = change(&world, who, PASSWORD, NEW).await;
    assert!(
        matches!(throttled, PasswordChange::Throttled { .. }),
        "{throttled:?}"
    );
}

#[tokio::test]
async fn an_impossible_password_is_wrong() {
    let world = World::new();
    let who = signed_in(&world).await;
    let endless = "x".repeat(257);
    assert_eq!(
        change(&world, who, &endless, NEW).await,
        PasswordChange::Refused
    );
    assert!(matches!(world.log_in(PASSWORD).await, LogIn::Granted(_)));
}

/// The device lost the answer to its first request.
#[tokio::test]
async fn a_retried_change_succeeds() {
    let world = World::new();
    let who = signed_in(&world).await;
    for _ in 0..7 {
        let changed = change(&world, who, PASSWORD, NEW).await;
        assert_eq!(changed, PasswordChange::Changed);
    }
    assert_eq!(world.throttle.failures(&of_session(who)), 0);
    assert!(world.accounts.is_open(who).await.unwrap());
}

/// This also holds if the new password is the old one.
#[tokio::test]
async fn a_change_ends_every_other_session() {
    let world = World::new();
    let who = signed_in(&world).await;
    let other = session(&world).await;
    let changed = change(&world, who, PASSWORD, PASSWORD).await;
    assert_eq!(changed, PasswordChange::Changed);
    assert!(!world.accounts.is_open(other).await.unwrap());
    assert!(world.accounts.is_open(who).await.unwrap());
}

/// Replaces the hash while the first password is checked.
struct Overtaken {
    storage: Arc<MemoryStorage>,
    by: PasswordHash,
    is_over: AtomicBool,
}

#[async_trait]
impl Passwords for Overtaken {
    async fn hash(&self, password: Password) -> Result<PasswordHash, PasswordFault> {
        PlainPasswords.hash(password).await
    }

    async fn check(
        &self,
        password: Password,
        stored: Option<PasswordHash>,
    ) -> Result<PasswordCheck, PasswordFault> {
        if !self.is_over.swap(true, Ordering::Relaxed) {
            let credentials = self.storage.credentials(&ada()).await.unwrap().unwrap();
            let new = NewPassword {
                replaces: credentials.password_hash,
                hash: self.by.clone(),
                sessions: EndSessions::All,
            };
            let replaced = self.storage.replace_password(credentials.user_id, new);
            assert!(replaced.await.unwrap());
        }
        PlainPasswords.check(password, stored).await
    }
}

/// Returns the outcome of a log-in whose hash is replaced meanwhile, and the hash that is stored
/// then.
async fn overtaken(by: PasswordHash) -> (LogIn, PasswordHash) {
    let world = World::new();
    world.register().await;
    let storage = world.storage.clone();
    let world = world.with_passwords(Overtaken {
        storage: storage.clone(),
        by,
        is_over: AtomicBool::new(false),
    });
    let outcome = world.log_in(PASSWORD).await;
    let credentials = storage.credentials(&ada()).await.unwrap().unwrap();
    (outcome, credentials.password_hash)
}

#[tokio::test]
async fn a_log_in_that_is_overtaken_by_a_new_password_is_refused() {
    let by = PlainPasswords::hash_of(NEW);
    let (outcome, stored) = overtaken(by.clone()).await;
    assert!(matches!(outcome, LogIn::Refused));
    assert!(stored == by, "the new password stays");
}

/// Another log-in with the same password stored a new hash of it.
#[tokio::test]
async fn a_log_in_that_is_overtaken_by_another_is_granted() {
    let (outcome, _) = overtaken(PlainPasswords::old_hash_of(PASSWORD)).await;
    assert!(matches!(outcome, LogIn::Granted(_)));
}
