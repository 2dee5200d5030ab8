//! Access tokens, refresh tokens, and how sessions end.

use reqwest::Method;

use kanso_server::config::{FormerKeys, Secret, Signing};

use super::{is_valid, refresh};
use crate::support::App;

#[tokio::test]
async fn lost_refresh_response_can_be_retried() {
    let app = App::start().await;
    let user = app.user().await;
    let first = refresh(&app, &user.refresh_token).await.expect(200);
    assert_ne!(first["refresh_token"], user.refresh_token);
    app.clock.advance(60);
    let again = refresh(&app, &user.refresh_token).await.expect(200);
    assert_eq!(again["refresh_token"], first["refresh_token"]);
    assert!(is_valid(&app.user_with(&again)).await);
}

#[tokio::test]
async fn a_refresh_token_used_again_later_ends_the_session() {
    let app = App::start().await;
    let user = app.user().await;
    let next = refresh(&app, &user.refresh_token).await.expect(200);
    app.clock.advance(61);
    refresh(&app, &user.refresh_token)
        .await
        .refused(401, "invalid_refresh_token");
    let successor = next["refresh_token"].as_str().expect("a token");
    refresh(&app, successor)
        .await
        .refused(401, "invalid_refresh_token");
    assert!(!is_valid(&app.user_with(&next)).await);
}

#[tokio::test]
async fn malformed_refresh_token_is_refused() {
    let app = App::start().await;
    let user = app.user().await;
    for token in ["", "kr1_", "nonsense", &user.token, "\0", &"x".repeat(5000)] {
        refresh(&app, token)
            .await
            .refused(401, "invalid_refresh_token");
    }
}

#[tokio::test]
async fn an_access_token_runs_out_and_its_session_does_not() {
    let app = App::start().await;
    let user = app.user().await;
    app.clock.advance(15 * 60 - 1);
    assert!(is_valid(&user).await);
    app.clock.advance(60);
    assert!(!is_valid(&user).await);
    let tokens = refresh(&app, &user.refresh_token).await.expect(200);
    assert!(is_valid(&app.user_with(&tokens)).await);
}

#[tokio::test]
async fn logging_out_ends_this_session_at_once_and_no_other() {
    let app = App::start().await;
    let phone = app.user().await;
    let laptop = app.log_in(&phone.email).await;
    phone.call(Method::POST, "/auth/logout").await.expect(204);
    assert!(!is_valid(&phone).await);
    refresh(&app, &phone.refresh_token)
        .await
        .refused(401, "invalid_refresh_token");
    assert!(is_valid(&laptop).await);
}

#[tokio::test]
async fn only_a_good_bearer_token_is_accepted() {
    let app = App::start().await;
    let user = app.user().await;
    let cut = &user.token[..user.token.len() - 2];
    let good = format!("Bearer {}", user.token);
    app.get("/api/v1/auth/validate")
        .await
        .refused(401, "unauthorized");
    for (header, status) in [
        (&*good, 200),
        (&format!("bearer {}", user.token), 200),
        (&user.token, 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        ("Basic YTpi", 401),
        (&format!("Bearer {cut}"), 401),
        (&format!("Bearer {}", user.refresh_token), 401),
        ("Bearer eyJhbGciOiJub25lIn0.e30.", 401),
        (&format!("{good}, {good}"), 401),
    ] {
        let call = app
            .get("/api/v1/auth/validate")
            .header("authorization", header);
        assert_eq!(call.await.status, status, "{header}");
    }
    let twice = user
        .get("/auth/validate")
        .header("authorization", &good)
        .await;
    twice.refused(401, "unauthorized");
}

#[tokio::test]
async fn a_change_of_keys_leaves_access_tokens_good_while_the_old_one_is_named() {
    let secret = |text: &str| Secret::new(text.to_owned());
    let (old, new) = (
        "0f-old-4b1c2d3e5a697887a9bacbdc-01",
        "1e-new-9d8c7b6a5f4e3d2c1b0a9f8e-02",
    );
    let app = App::with(|config| config.signing = Signing::Secret(secret(old))).await;
    let user = app.user().await;
    let app = app
        .restarted_with(|config| {
            config.signing = Signing::Secret(secret(new));
            config.former_keys = FormerKeys {
                secret: Some(secret(old)),
                key_file: None,
            };
        })
        .await;
    let again = |app: &App| crate::support::TestUser {
        base: format!("{}/api/v1", app.url()),
        ..user.clone()
    };
    assert!(is_valid(&again(&app)).await);
    let refreshed = refresh(&app, &user.refresh_token).await.expect(200);
    let app = app
        .restarted_with(|config| config.signing = Signing::Secret(secret(new)))
        .await;
    assert!(
        !is_valid(&again(&app)).await,
        "the old key is named no more"
    );
    assert!(is_valid(&app.user_with(&refreshed)).await);
}
