//! `PUT /api/v1/auth/password`

use futures::future::{join, join_all};
use serde_json::{Value, json};

use super::{is_valid, log_in, refresh};
use crate::support::App;

const OLD: &str = "correct horse battery";
const NEW: &str = "two slow kettles";

fn from(current: &str, new: &str) -> Value {
    json!({"current_password": current, "new_password": new})
}

#[tokio::test]
async fn current_session_continues_and_all_others_end() {
    let app = App::start().await;
    let phone = app.user().await;
    let tokens = log_in(&app, &phone.email, OLD).await.expect(200);
    let tablet = app.user_with(&tokens);
    phone
        .put("/auth/password", &from(OLD, NEW))
        .await
        .expect(204);

    assert!(is_valid(&phone).await);
    assert!(!is_valid(&tablet).await);
    let token = tokens["refresh_token"].as_str().expect("a token");
    refresh(&app, token)
        .await
        .refused(401, "invalid_refresh_token");
    log_in(&app, &phone.email, OLD)
        .await
        .refused(401, "invalid_credentials");
    log_in(&app, &phone.email, NEW).await.expect(200);
}

/// The response was lost, and the client retries.
#[tokio::test]
async fn retried_password_change_succeeds() {
    let app = App::start().await;
    let phone = app.user().await;
    for _ in 0..7 {
        phone
            .put("/auth/password", &from(OLD, NEW))
            .await
            .expect(204);
    }
    log_in(&app, &phone.email, NEW).await.expect(200);
}

#[tokio::test]
async fn wrong_current_password_changes_nothing() {
    let app = App::start().await;
    let phone = app.user().await;
    let tokens = log_in(&app, &phone.email, OLD).await.expect(200);
    let endless = "x".repeat(257);
    for guess in ["", "not this one", &endless] {
        let refused = phone.put("/auth/password", &from(guess, NEW)).await;
        refused.refused(403, "wrong_password");
    }
    assert!(is_valid(&app.user_with(&tokens)).await);
    log_in(&app, &phone.email, OLD).await.expect(200);
}

/// A thief of an unlocked phone must not guess faster than at a log-in.
#[tokio::test]
async fn guesses_of_a_session_are_slowed_down() {
    let app = App::start().await;
    let phone = app.user().await;
    for nth in 0..5 {
        let guess = format!("guess number {nth}");
        let refused = phone.put("/auth/password", &from(&guess, NEW)).await;
        refused.refused(403, "wrong_password");
    }
    let throttled = phone.put("/auth/password", &from(OLD, NEW)).await;
    throttled.refused(429, "login_throttled");
    assert_eq!(throttled.header("retry-after"), "1");
    app.clock.advance(1);
    phone
        .put("/auth/password", &from(OLD, NEW))
        .await
        .expect(204);
}

#[tokio::test]
async fn wrong_current_password_is_refused_even_if_the_new_one_is_stored() {
    let app = App::start().await;
    let email = app.user().await.email;
    let first = log_in(&app, &email, OLD).await.expect(200);
    let phone = app.user_with(&first);
    let tablet = app.log_in(&phone.email).await;
    let wrong = from("not this one", OLD);
    let refused = phone.put("/auth/password", &wrong).await;
    refused.refused(403, "wrong_password");
    assert!(is_valid(&tablet).await, "no other session ends");

    // Only the session that made the change may repeat it, with the same passwords, and not for ever.
    phone
        .put("/auth/password", &from(OLD, NEW))
        .await
        .expect(204);
    let tokens = log_in(&app, &phone.email, NEW).await.expect(200);
    let tablet = app.user_with(&tokens);
    let retry = from(OLD, NEW);
    tablet
        .put("/auth/password", &retry)
        .await
        .refused(403, "wrong_password");
    let wrong = from("not this one", NEW);
    phone
        .put("/auth/password", &wrong)
        .await
        .refused(403, "wrong_password");
    phone.put("/auth/password", &retry).await.expect(204);
    assert!(is_valid(&tablet).await, "a retry ends no session");
    let body = json!({"refresh_token": first["refresh_token"]});
    let refreshed = app.post("/api/v1/auth/refresh", &body).await.expect(200);
    app.user_with(&refreshed)
        .put("/auth/password", &retry)
        .await
        .refused(403, "wrong_password");
}

#[tokio::test]
async fn new_password_has_the_rules_of_registration() {
    let app = App::start().await;
    let phone = app.user().await;
    for bad in ["1234567", "password123", &"x".repeat(257)] {
        let refused = phone.put("/auth/password", &from(OLD, bad)).await;
        refused.invalid(422, &["/new_password"]);
    }
    for body in [
        json!({}),
        json!({"current_password": OLD}),
        json!({"new_password": NEW}),
    ] {
        let refused = phone.put("/auth/password", &body).await;
        assert_eq!(refused.status, 422, "{refused}");
    }
    app.call(reqwest::Method::PUT, "/api/v1/auth/password")
        .json(&from(OLD, NEW))
        .await
        .refused(401, "unauthorized");
    log_in(&app, &phone.email, OLD).await.expect(200);
}

/// The check of a password takes time, in which the password may be changed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_login_with_the_old_password_outlives_the_change() {
    let app = App::start().await;
    let phone = app.user().await;
    let attempts = join_all((0..6).map(|_| log_in(&app, &phone.email, OLD)));
    let password = from(OLD, NEW);
    let (attempts, changed) = join(
        attempts,
        phone.put("/auth/password", &password).into_future(),
    )
    .await;
    changed.expect(204);
    for attempt in attempts {
        if attempt.status == 200 {
            assert!(!is_valid(&app.user_with(&attempt.json())).await);
        }
    }
    assert!(is_valid(&phone).await);
}

/// Someone guesses the password of an account from another address, day and night. The owner gets in at
/// every attempt, and changes the password.
#[tokio::test]
async fn a_guessing_stranger_does_not_keep_the_owner_out() {
    let app = App::with(|config| {
        config.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    })
    .await;
    let owner = app.user().await;
    let from_address = async |address: &str, password: &str| {
        let body = json!({"email": owner.email, "password": password});
        let call = app.call(reqwest::Method::POST, "/api/v1/auth/login");
        call.header("x-forwarded-for", address).json(&body).await
    };
    for round in 0..32 {
        let mut held_up = false;
        for nth in 0..8 {
            let guess = format!("guess {round} {nth}");
            held_up |= from_address("198.51.100.7", &guess).await.status == 429;
        }
        assert!(held_up, "the stranger is slowed down");
        from_address("192.0.2.1", OLD).await.expect(200);
        app.clock.advance(10);
    }
    // A session waits for no guess of a stranger, not even for one at the same address.
    owner
        .put("/auth/password", &from(OLD, NEW))
        .await
        .expect(204);
    from_address("198.51.100.7", NEW)
        .await
        .refused(429, "login_throttled");
    // Another address of the same subscriber is the same guesser.
    for nth in 0..4 {
        from_address("2001:db8::1", &format!("guess {nth}")).await;
    }
    from_address("2001:db8::2", "one more guess").await;
    from_address("2001:db8::3", NEW)
        .await
        .refused(429, "login_throttled");
}
