use kanso_application::accounts::{Refresh, SESSION_SECONDS};
use kanso_application::ports::credentials::Identity;
use kanso_domain::sessions::GRACE_SECONDS;
use kanso_testkit::PlainAccessTokens;

use crate::world::{PASSWORD, World};

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
    for _ in 0..3 {
        world.clock.advance_seconds(SESSION_SECONDS - 1);
        token = refresh(&world, &token).await.unwrap().refresh_token;
    }
    world.clock.advance_seconds(SESSION_SECONDS);
    assert!(refresh(&world, &token).await.is_none());
}

#[tokio::test]
async fn logging_out_ends_the_session() {
    let world = World::new();
    world.register().await;
    let grant = world.granted().await;
    let other = world.granted().await;
    let identity = whom(&world, &grant.access.token).await.unwrap();
    world.accounts.log_out(identity).await.unwrap();
    assert!(whom(&world, &grant.access.token).await.is_none());
    assert!(refresh(&world, &grant.refresh_token).await.is_none());
    assert!(whom(&world, &other.access.token).await.is_some());
}

#[tokio::test]
async fn deleting_the_account_ends_its_sessions() {
    let world = World::new();
    let user = world.register().await;
    let grant = world.granted().await;
    world.accounts.delete(user).await.unwrap();
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
    match world.accounts.refresh(token).await.unwrap() {
        Refresh::Granted(grant) => Some(*grant),
        Refresh::Refused | Refresh::Disabled => None,
    }
}
