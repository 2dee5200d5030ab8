use kanso_application::accounts::{LogIn, Registration};
use kanso_application::ports::storage::{AccountStore as _, EndSessions, NewPassword};
use kanso_domain::accounts::{Password, Settings, SettingsChange};
use kanso_testkit::build::noon;
use kanso_testkit::{CountingThrottle, PlainPasswords};

use crate::world::{PASSWORD, World, ada, from_home, home, is_account_gone};

#[tokio::test]
async fn a_new_account_has_the_default_settings() {
    let world = World::new();
    let user = world.register().await;
    let account = world.accounts.get(user).await.unwrap();
    assert_eq!(account.email, ada());
    assert_eq!(account.settings, Settings::default());
    assert_eq!(account.created_at, noon());
}

#[tokio::test]
async fn an_address_is_registered_once() {
    let world = World::new();
    world.register().await;
    let password = Password::choose("another one").unwrap();
    let again = world
        .accounts
        .register(ada(), password, home())
        .await
        .unwrap();
    assert_eq!(again, Registration::EmailTaken);
    assert!(matches!(world.log_in(PASSWORD).await, LogIn::Granted(_)));
}

#[tokio::test]
async fn only_the_right_password_logs_in() {
    let world = World::new();
    world.register().await;
    assert!(matches!(world.log_in("wrong").await, LogIn::Refused));
    assert!(matches!(world.log_in(PASSWORD).await, LogIn::Granted(_)));
}

#[tokio::test]
async fn an_unknown_address_is_refused_like_a_wrong_password() {
    let world = World::new();
    assert!(matches!(world.log_in(PASSWORD).await, LogIn::Refused));
    assert_eq!(world.throttle.failures(&from_home()), 1);
}

#[tokio::test]
async fn an_impossible_password_is_refused() {
    let world = World::new();
    world.register().await;
    let endless = "x".repeat(257);
    assert!(matches!(world.log_in(&endless).await, LogIn::Refused));
    assert_eq!(world.throttle.failures(&from_home()), 1);
}

#[tokio::test]
async fn failures_throttle_even_the_right_password() {
    let world = World::new();
    world.register().await;
    for _ in 0..3 {
        assert!(matches!(world.log_in("wrong").await, LogIn::Refused));
    }
    let LogIn::Throttled { wait_seconds } = world.log_in(PASSWORD).await else {
        panic!("expected to be throttled");
    };
    assert_eq!(wait_seconds, CountingThrottle::WAIT_SECONDS);
}

#[tokio::test]
async fn a_success_clears_the_failures() {
    let world = World::new();
    world.register().await;
    for _ in 0..4 {
        assert!(matches!(world.log_in("wrong").await, LogIn::Refused));
        assert!(matches!(world.log_in(PASSWORD).await, LogIn::Granted(_)));
    }
    assert_eq!(world.throttle.failures(&from_home()), 0);
}

#[tokio::test]
async fn an_outdated_hash_is_replaced_at_the_next_log_in() {
    let world = World::new();
    let user = world.register().await;
    let old = PlainPasswords::old_hash_of(PASSWORD);
    let new = NewPassword {
        replaces: PlainPasswords::hash_of(PASSWORD),
        hash: old,
        sessions: EndSessions::None,
    };
    assert!(world.storage.replace_password(user, new).await.unwrap());
    world.granted().await;
    let stored = world.storage.credentials(&ada()).await.unwrap().unwrap();
    assert_eq!(stored.password_hash, PlainPasswords::hash_of(PASSWORD));
    world.granted().await;
}

#[tokio::test]
async fn changed_settings_are_stored() {
    let world = World::new();
    let user = world.register().await;
    let change = SettingsChange {
        timezone: Some("Asia/Tokyo".parse().unwrap()),
        ..SettingsChange::default()
    };
    let changed = world.accounts.change_settings(user, change).await.unwrap();
    assert_eq!(changed.settings.timezone.name(), "Asia/Tokyo");
    assert_eq!(world.accounts.get(user).await.unwrap(), changed);
}

#[tokio::test]
async fn a_deleted_account_is_gone() {
    let world = World::new();
    let user = world.register().await;
    let accounts = &world.accounts;
    world.delete(user).await.unwrap();
    assert!(is_account_gone(&world.delete(user).await));
    assert!(is_account_gone(&accounts.get(user).await));
    let change = SettingsChange::default();
    assert!(is_account_gone(
        &accounts.change_settings(user, change).await
    ));
    assert!(matches!(world.log_in(PASSWORD).await, LogIn::Refused));
    // The address can be registered again.
    world.register().await;
}
