//! Log-ins with a device proof.

use serde_json::{Value, json};

use super::refresh;
use crate::support::{Answer, App, TestUser};

const RIGHT: &str = "correct horse battery";

/// Starts a server behind a proxy, so that a request may come from any address.
async fn behind_a_proxy() -> App {
    App::with(|config| {
        config.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    })
    .await
}

/// Logs in from an address, with a proof or `null`.
async fn log_in_from(app: &App, address: &str, who: (&TestUser, &str), proof: &Value) -> Answer {
    let (user, password) = who;
    let mut body = json!({"email": user.email, "password": password});
    if !proof.is_null() {
        body["device_proof"] = proof.clone();
    }
    let call = app.call(reqwest::Method::POST, "/api/v1/auth/login");
    call.header("x-forwarded-for", address).json(&body).await
}

async fn proof_of(app: &App, user: &TestUser) -> Value {
    let tokens = log_in_from(app, "192.0.2.1", (user, RIGHT), &Value::Null).await;
    tokens.expect(200)["device_proof"].clone()
}

/// 200 addresses guess until all of them together have to wait, and go on.
async fn guess_from_many(app: &App, user: &TestUser) {
    let guess = async |nth: usize| {
        let address = format!("198.51.100.{}", nth % 200);
        let guess = format!("guess number {nth}");
        log_in_from(app, &address, (user, &guess), &Value::Null).await
    };
    for nth in 0..500 {
        guess(nth).await.refused(401, "invalid_credentials");
    }
    guess(500).await.refused(429, "login_throttled");
}

#[tokio::test]
async fn the_owner_logs_in_on_a_known_device_while_a_botnet_guesses() {
    let app = behind_a_proxy().await;
    let owner = app.user().await;
    let mut proof = proof_of(&app, &owner).await;
    guess_from_many(&app, &owner).await;
    for nth in 0..32 {
        // The guessers use up each attempt that the account has.
        let address = format!("198.51.100.{}", 200 + nth);
        let guess = log_in_from(&app, &address, (&owner, "wrong"), &Value::Null).await;
        assert!([401, 429].contains(&guess.status), "{guess}");
        let elsewhere = log_in_from(&app, "192.0.2.9", (&owner, RIGHT), &Value::Null).await;
        elsewhere.refused(429, "login_throttled");
        let tokens = log_in_from(&app, "192.0.2.9", (&owner, RIGHT), &proof).await;
        proof = tokens.expect(200)["device_proof"].clone();
        app.clock.advance(2);
        log_in_from(&app, &address, (&owner, "wrong"), &Value::Null).await;
    }
}

#[tokio::test]
async fn failures_with_a_proof_slow_down_that_device_only() {
    let app = behind_a_proxy().await;
    let owner = app.user().await;
    let (stolen, other) = (proof_of(&app, &owner).await, proof_of(&app, &owner).await);
    for nth in 0..5 {
        // Another address each time: the proof is what counts.
        let address = format!("198.51.100.{nth}");
        let guess = log_in_from(&app, &address, (&owner, "wrong"), &stolen).await;
        guess.refused(401, "invalid_credentials");
    }
    let throttled = log_in_from(&app, "198.51.100.9", (&owner, RIGHT), &stolen).await;
    throttled.refused(429, "login_throttled");
    for proof in [&other, &Value::Null] {
        let free = log_in_from(&app, "192.0.2.1", (&owner, RIGHT), proof).await;
        free.expect(200);
    }
    // A session that was stolen with the proof has no further guesses.
    let session = app.log_in(&owner.email).await;
    let refreshed = refresh(&app, &session.refresh_token).await.expect(200);
    let session = app.user_with(&refreshed);
    for _ in 0..5 {
        let body = json!({"current_password": "wrong", "new_password": "two slow kettles"});
        let refused = session.put("/auth/password", &body).await;
        refused.refused(403, "wrong_password");
    }
    let proof = &refreshed["device_proof"];
    let throttled = log_in_from(&app, "192.0.2.1", (&owner, RIGHT), proof).await;
    throttled.refused(429, "login_throttled");
}

#[tokio::test]
async fn only_a_proof_of_this_account_and_server_counts() {
    let app = behind_a_proxy().await;
    let (owner, other) = (app.user().await, app.user().await);
    let own = proof_of(&app, &owner).await;
    let foreign = proof_of(&app, &other).await;
    guess_from_many(&app, &owner).await;
    let own_text = own.as_str().expect("a text");
    let forged = format!("{}AAAA", &own_text[..own_text.len() - 4]);
    for bad in [json!(forged), foreign, json!(""), json!("kd1_é")] {
        let refused = log_in_from(&app, "192.0.2.1", (&owner, RIGHT), &bad).await;
        refused.refused(429, "login_throttled");
    }
    log_in_from(&app, "192.0.2.1", (&owner, RIGHT), &own)
        .await
        .expect(200);
}

#[tokio::test]
async fn a_proof_outlives_its_session_and_then_expires() {
    let app = behind_a_proxy().await;
    let owner = app.user().await;
    let proof = proof_of(&app, &owner).await;
    for (days, status) in [(399, 200), (400, 429)] {
        app.clock.set("2026-11-22T12:00:00Z");
        app.clock.advance(days * 86_400);
        guess_from_many(&app, &owner).await;
        let answer = log_in_from(&app, "192.0.2.1", (&owner, RIGHT), &proof).await;
        assert_eq!(answer.status, status, "{days} days");
    }
}
