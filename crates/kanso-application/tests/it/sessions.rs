use kanso_application::accounts::{RECENT_SECONDS, Reauthentication, Refresh, RefreshAttempt};
use kanso_application::ports::credentials::Identity;
use kanso_domain::accounts::Password;
use kanso_domain::events::EventKind;
use kanso_domain::sessions::{GRACE_SECONDS, SessionLimits};
use kanso_testkit::PlainAccessTokens;

use crate::world::{PASSWORD, World, ada, home};

#[tokio::test]
async fn an_access_token_is_valid_until_it_expires() {
    let world = World::new();
    let user = world.register().await;
    let grant = world.granted().await;
    let identity = whom(&world, &grant.access.token).await.unwrap();
    assert_eq!(identity.user_id, user);
    world.clock.advance_seconds(PlainAccessTokens::SECONDS - 1);
    assert!(whom(&world, &grant.access.token).await.is_some());
    world.clock.advance_seconds(1);
    assert!(whom(&world, &grant.access.token).await.is_none());
    assert!(whom(&world, "not a token").await.is_none());
}

#[tokio::test]
async fn a_refresh_token_is_valid_once_and_yields_its_successor() {
    let world = World::new();
    world.register().await;
    let first = world.granted().await;
    let second = refresh(&world, &first.refresh_token).await.unwrap();
    assert_ne!(second.refresh_token, first.refresh_token);
    assert!(whom(&world, &second.access.token).await.is_some());
    let third = refresh(&world, &second.refresh_token).await.unwrap();
    assert_ne!(third.refresh_token, second.refresh_token);
}

#[tokio::test]
async fn a_refresh_can_be_retried_after_a_lost_answer() {
    let world = World::new();
    world.register().await;
    let first = world.granted().await;
    let second = refresh(&world, &first.refresh_token).await.unwrap();
    world.clock.advance_seconds(GRACE_SECONDS);
    let again = refresh(&world, &first.refresh_token).await.unwrap();
    assert_eq!(again.refresh_token, second.refresh_token);
    assert!(refresh(&world, &second.refresh_token).await.is_some());
}

#[tokio::test]
async fn reuse_after_the_grace_ends_the_session() {
    let world = World::new();
    world.register().await;
    let first = world.granted().await;
    let second = refresh(&world, &first.refresh_token).await.unwrap();
    world.clock.advance_seconds(GRACE_SECONDS + 1);
    assert!(refresh(&world, &first.refresh_token).await.is_none());
    assert!(refresh(&world, &second.refresh_token).await.is_none());
    assert!(whom(&world, &second.access.token).await.is_none());
}

#[tokio::test]
async fn reuse_ends_only_its_own_session() {
    let world = World::new();
    world.register().await;
    let stolen = world.granted().await;
    let other = world.granted().await;
    refresh(&world, &stolen.refresh_token).await.unwrap();
    world.clock.advance_seconds(GRACE_SECONDS + 1);
    assert!(refresh(&world, &stolen.refresh_token).await.is_none());
    assert!(whom(&world, &other.access.token).await.is_some());
}

#[tokio::test]
async fn a_session_lives_as_long_as_it_is_refreshed() {
    let world = World::new();
    world.register().await;
    let mut token = world.granted().await.refresh_token;
    let limits = SessionLimits::default();
    for _ in 0..3 {
        world.clock.advance_seconds(limits.idle_seconds - 1);
        token = refresh(&world, &token).await.unwrap().refresh_token;
    }
    world.clock.advance_seconds(limits.idle_seconds);
    assert!(refresh(&world, &token).await.is_none());
}

#[tokio::test]
async fn a_session_ends_a_year_after_its_log_in() {
    let world = World::new();
    world.register().await;
    let limits = SessionLimits::default();
    let mut token = world.granted().await.refresh_token;
    let step = limits.lifetime_seconds / 5;
    for _ in 0..4 {
        world.clock.advance_seconds(step);
        token = refresh(&world, &token).await.unwrap().refresh_token;
    }
    world.clock.advance_seconds(step);
    assert!(refresh(&world, &token).await.is_none());
}

#[tokio::test]
async fn another_client_cannot_repeat_a_refresh() {
    let world = World::new();
    world.register().await;
    let token = world.granted().await.refresh_token;
    let refresh = async |nonce| {
        let attempt = RefreshAttempt {
            token: &token,
            nonce,
            from: home(),
        };
        granted(world.accounts.refresh(attempt).await.unwrap())
    };
    let first = refresh(Some("mine")).await.unwrap();
    let again = refresh(Some("mine")).await.unwrap();
    assert_eq!(first.refresh_token, again.refresh_token);
    assert!(refresh(None).await.is_none());
    assert!(refresh(Some("mine")).await.is_none(), "the session ended");
}

#[tokio::test]
async fn a_recent_log_in_or_the_password_proves_the_user() {
    let world = World::new();
    world.register().await;
    let grant = world.granted().await;
    let who = whom(&world, &grant.access.token).await.unwrap();
    let prove = async |password: Option<&str>| {
        let password = password.map(Password::claimed);
        let proof = world.accounts.reauthenticate(who, password, home());
        proof.await.unwrap()
    };
    assert_eq!(prove(None).await, Reauthentication::Proven);
    assert_eq!(prove(Some("wrong")).await, Reauthentication::Refused);
    world.clock.advance_seconds(RECENT_SECONDS);
    assert_eq!(prove(None).await, Reauthentication::Required);
    assert_eq!(prove(Some(PASSWORD)).await, Reauthentication::Proven);
    for _ in 0..3 {
        assert_eq!(prove(Some("wrong")).await, Reauthentication::Refused);
    }
    let throttled = prove(Some(PASSWORD)).await;
    assert!(matches!(throttled, Reauthentication::Throttled { .. }));
}

#[tokio::test]
async fn what_happens_to_an_account_is_listed() {
    let world = World::new();
    let user = world.register().await;
    world.log_in("wrong").await;
    let grant = world.granted().await;
    let who = whom(&world, &grant.access.token).await.unwrap();
    refresh(&world, &grant.refresh_token).await.unwrap();
    let email = "new@example.org".parse().unwrap();
    let password = Password::claimed(PASSWORD);
    let changed = world.accounts.change_email(who, password, email, home());
    let _ = changed.await.unwrap();
    world.clock.advance_seconds(GRACE_SECONDS + 1);
    assert!(refresh(&world, &grant.refresh_token).await.is_none());
    let page = world.security.list(user, None, 3).await.unwrap();
    let mut events = page.events;
    let rest = world.security.list(user, page.next, 10).await.unwrap();
    assert_eq!(rest.next, None);
    events.extend(rest.events);
    // At one time the order is by id, so as a set.
    let mut kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
    kinds.sort();
    let expected = [
        EventKind::Registered,
        EventKind::LoggedIn,
        EventKind::LogInFailed,
        EventKind::RefreshReused,
        EventKind::EmailChanged,
    ];
    assert_eq!(kinds, expected);
    assert!(events.iter().all(|event| event.client == Some(home().ip())));
    assert!(world.accounts.get(user).await.unwrap().email != ada());
}

#[tokio::test]
async fn logging_out_ends_the_session() {
    let world = World::new();
    world.register().await;
    let grant = world.granted().await;
    let other = world.granted().await;
    let identity = whom(&world, &grant.access.token).await.unwrap();
    world.accounts.log_out(identity, home()).await.unwrap();
    assert!(whom(&world, &grant.access.token).await.is_none());
    assert!(refresh(&world, &grant.refresh_token).await.is_none());
    assert!(whom(&world, &other.access.token).await.is_some());
}

#[tokio::test]
async fn deleting_the_account_ends_its_sessions() {
    let world = World::new();
    let user = world.register().await;
    let grant = world.granted().await;
    world.delete(user).await.unwrap();
    assert!(whom(&world, &grant.access.token).await.is_none());
    assert!(refresh(&world, &grant.refresh_token).await.is_none());
}

#[tokio::test]
async fn a_malformed_refresh_token_is_refused() {
    let world = World::new();
    world.register().await;
    for text in ["", PASSWORD, "a/b/c"] {
        assert!(refresh(&world, text).await.is_none(), "{text:?}");
    }
}

async fn whom(world: &World, token: &str) -> Option<Identity> {
    world.accounts.authenticate(token).await.unwrap()
}

async fn refresh(world: &World, token: &str) -> Option<kanso_application::accounts::Grant> {
    let attempt = RefreshAttempt {
        token,
        nonce: None,
        from: home(),
    };
    granted(world.accounts.refresh(attempt).await.unwrap())
}

fn granted(refresh: Refresh) -> Option<kanso_application::accounts::Grant> {
    match refresh {
        Refresh::Granted(grant) => Some(*grant),
        Refresh::Refused | Refresh::Disabled => None,
    }
}
