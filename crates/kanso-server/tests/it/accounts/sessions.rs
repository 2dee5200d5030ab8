//! Access tokens, refresh tokens, and how sessions end.

use reqwest::Method;

use kanso_server::config::{FormerKeys, Secret, Signing};

use serde_json::{Value, json};

use super::{is_valid, refresh};
use crate::support::{App, PASSWORD, TestUser, new_id};

/// Returns the open sessions of a user.
async fn sessions(user: &TestUser) -> Vec<Value> {
    let listed = user.get("/auth/sessions").await.expect(200);
    listed["sessions"].as_array().expect("a list").clone()
}

async fn sync_as(user: &TestUser, device: &str) {
    let body = json!({"device_id": device, "operations": []});
    user.post("/sync", &body).await.expect(200);
}

#[tokio::test]
async fn sessions_are_listed_and_can_be_ended_one_by_one() {
    let app = App::start().await;
    let phone = app.user().await;
    let device = new_id();
    sync_as(&phone, &device).await;
    app.clock.advance(600);
    let body = json!({
        "email": phone.email, "password": PASSWORD, "device_name": " Ada's\u{7} laptop "
    });
    let agent = format!("browser/1 {}", "x".repeat(300));
    let login = app.post("/api/v1/auth/login", &body);
    let tokens = login.header("user-agent", &agent).await.expect(200);
    let laptop = app.user_with(&tokens);
    app.clock.advance(600);
    let tokens = refresh(&app, &phone.refresh_token).await.expect(200);
    let phone = app.user_with(&tokens);

    let listed = sessions(&laptop).await;
    assert_eq!(listed.len(), 2);
    let (one, other) = (&listed[0], &listed[1]);
    assert_eq!(one["device_id"], device.as_str());
    assert_eq!(one["device_name"], Value::Null);
    assert_eq!(one["created_at"], "2026-11-22T12:00:00.000000Z");
    assert_eq!(one["last_seen_at"], "2026-11-22T12:20:00.000000Z");
    assert_eq!(one["is_current"], false);
    assert_eq!(other["device_id"], Value::Null);
    assert_eq!(other["device_name"], "Ada's laptop");
    let client = other["client"].as_str().expect("a text");
    assert!(
        client.starts_with("browser/1 xxx") && client.len() == 100,
        "{client}"
    );
    assert_eq!(other["is_current"], true);

    // A session of another account is answered like an unknown one.
    let stranger = app.user().await;
    let path = format!("/auth/sessions/{}", one["id"].as_str().expect("an id"));
    let foreign = stranger.delete(&path).await;
    let unknown = stranger
        .delete(&format!("/auth/sessions/{}", new_id()))
        .await;
    foreign.refused(404, "session_not_found");
    assert_eq!(foreign.body, unknown.body);
    stranger
        .delete("/auth/sessions/nonsense")
        .await
        .refused(404, "session_not_found");
    assert!(is_valid(&phone).await);
    laptop.delete(&path).await.expect(204);
    laptop.delete(&path).await.refused(404, "session_not_found");
    assert!(!is_valid(&phone).await);
    assert_eq!(sessions(&laptop).await.len(), 1);
}

#[tokio::test]
async fn a_forgotten_device_is_signed_out() {
    let app = App::start().await;
    let phone = app.user().await;
    let laptop = app.log_in(&phone.email).await;
    let (lost, own) = (new_id(), new_id());
    sync_as(&phone, &lost).await;
    sync_as(&laptop, &own).await;
    laptop.delete(&format!("/devices/{lost}")).await.expect(204);
    assert!(!is_valid(&phone).await);
    refresh(&app, &phone.refresh_token)
        .await
        .refused(401, "invalid_refresh_token");
    // A client that forgets its own device signs itself out with a log-out.
    laptop.delete(&format!("/devices/{own}")).await.expect(204);
    assert!(is_valid(&laptop).await);
}

#[tokio::test]
async fn a_device_in_a_new_session_is_named_there() {
    let app = App::start().await;
    let phone = app.user().await;
    let device = new_id();
    sync_as(&phone, &device).await;
    let again = app.log_in(&phone.email).await;
    sync_as(&again, &device).await;
    let named = sessions(&again).await;
    let named: Vec<_> = named.iter().map(|session| &session["device_id"]).collect();
    assert_eq!(named, [device.as_str(), device.as_str()]);
}

#[tokio::test]
async fn sessions_and_devices_beyond_the_quota_displace_the_longest_unused() {
    let app = App::with(|config| {
        config.sessions.most = 2;
        config.most_devices = 2;
    })
    .await;
    let first = app.user().await;
    let mut newest = first.clone();
    for _ in 0..2 {
        app.clock.advance(1);
        newest = app.log_in(&first.email).await;
    }
    assert!(!is_valid(&first).await);
    assert_eq!(sessions(&newest).await.len(), 2);
    let devices = [new_id(), new_id(), new_id()];
    for device in &devices {
        app.clock.advance(1);
        sync_as(&newest, device).await;
    }
    let listed = newest.get("/devices").await.expect(200);
    let listed = listed["devices"].as_array().expect("a list").clone();
    let ids: Vec<_> = listed.iter().map(|device| &device["id"]).collect();
    assert_eq!(ids, [devices[2].as_str(), devices[1].as_str()]);
    // The displaced device is a new one at its next sync.
    sync_as(&newest, &devices[0]).await;
    assert!(is_valid(&newest).await);
}

#[tokio::test]
async fn an_invented_refresh_token_ends_no_session() {
    let app = App::start().await;
    let user = app.user().await;
    // The first 32 bytes are the two ids, which are in every access token too.
    let invented = format!("{}{}", &user.refresh_token[..48], "A".repeat(42));
    for _ in 0..2 {
        refresh(&app, &invented)
            .await
            .refused(401, "invalid_refresh_token");
    }
    assert!(is_valid(&user).await);
    refresh(&app, &user.refresh_token).await.expect(200);
}

#[tokio::test]
async fn a_refresh_is_repeated_only_with_its_nonce() {
    let app = App::start().await;
    let user = app.user().await;
    let refresh = async |nonce: &str| {
        let body = json!({"refresh_token": user.refresh_token, "nonce": nonce});
        app.post("/api/v1/auth/refresh", &body).await
    };
    for nonce in ["", &"x".repeat(129)] {
        refresh(nonce).await.invalid(422, &["/nonce"]);
    }
    let first = refresh("mine").await.expect(200);
    let again = refresh("mine").await.expect(200);
    assert_eq!(first["refresh_token"], again["refresh_token"]);
    refresh("theirs")
        .await
        .refused(401, "invalid_refresh_token");
    assert!(!is_valid(&user).await, "two parties hold the token");
}

#[tokio::test]
async fn a_session_ends_a_year_after_its_log_in() {
    let app = App::start().await;
    let user = app.user().await;
    let mut token = user.refresh_token;
    for _ in 0..5 {
        app.clock.advance(72 * 86_400);
        let tokens = refresh(&app, &token).await.expect(200);
        token = tokens["refresh_token"]
            .as_str()
            .expect("a token")
            .to_owned();
    }
    app.clock.advance(5 * 86_400);
    refresh(&app, &token)
        .await
        .refused(401, "invalid_refresh_token");
}

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
    let again = |app: &App| TestUser {
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
