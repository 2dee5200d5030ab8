//! Deletion, export and a new e-mail address: the acts that need the password, and the list of events.

use reqwest::Method;
use serde_json::{Value, json};

use super::{is_valid, log_in, refresh};
use crate::support::{App, PASSWORD, TestUser};

/// Returns a user whose log-in is more than five minutes old.
async fn user_of_long_ago(app: &App) -> TestUser {
    let user = app.user().await;
    app.clock.advance(301);
    user
}

/// Returns the names of the events, newest first.
async fn events(user: &TestUser) -> Vec<String> {
    let listed = user.get("/auth/events?limit=200").await.expect(200);
    let listed = listed["events"].as_array().expect("a list");
    let name = |event: &Value| event["event"].as_str().expect("a name").to_owned();
    listed.iter().map(name).collect()
}

#[tokio::test]
async fn an_old_session_needs_the_password_to_delete_the_account() {
    let app = App::start().await;
    let user = user_of_long_ago(&app).await;
    let delete = async |body: Option<Value>| {
        let call = user.delete("/auth/user");
        match body {
            Some(body) => call.json(&body).await,
            None => call.await,
        }
    };
    // Also a client of 0.1.0, which sends no body.
    let refused = delete(None).await;
    let problem = refused.refused(403, "reauthentication_required");
    assert!(
        problem["detail"]
            .as_str()
            .expect("a text")
            .contains("log in again")
    );
    delete(Some(json!({"password": "not this one"})))
        .await
        .refused(403, "wrong_password");
    delete(Some(json!({"password": PASSWORD, "x": 1})))
        .await
        .invalid(422, &["/x"]);
    assert!(is_valid(&user).await);
    delete(Some(json!({"password": PASSWORD})))
        .await
        .expect(200);
    assert!(!is_valid(&user).await);
    log_in(&app, &user.email, PASSWORD)
        .await
        .refused(401, "invalid_credentials");
}

#[tokio::test]
async fn an_old_session_needs_the_password_for_an_export() {
    let app = App::start().await;
    let user = user_of_long_ago(&app).await;
    let path = "/auth/user/export";
    user.get(path)
        .await
        .refused(403, "reauthentication_required");
    let wrong = json!({"password": "not this one"});
    user.post(path, &wrong).await.refused(403, "wrong_password");
    let lines = user
        .post(path, &json!({"password": PASSWORD}))
        .await
        .lines();
    let exported: Vec<_> = lines
        .iter()
        .filter(|line| line["type"] == "event")
        .collect();
    assert_eq!(exported[0]["event"], "exported");
    let end = lines.last().expect("an end");
    assert_eq!(end["events"], json!(exported.len()));
    // A fresh log-in needs none, and a refresh is no log-in.
    let fresh = app.log_in(&user.email).await;
    assert_eq!(fresh.get(path).await.status, 200);
    let tokens = refresh(&app, &user.refresh_token).await.expect(200);
    let old = app.user_with(&tokens);
    old.get(path)
        .await
        .refused(403, "reauthentication_required");
}

#[tokio::test]
async fn guesses_of_the_password_are_throttled() {
    let app = App::start().await;
    let user = user_of_long_ago(&app).await;
    let wrong = json!({"password": "not this one"});
    for _ in 0..5 {
        user.call(Method::DELETE, "/auth/user")
            .json(&wrong)
            .await
            .refused(403, "wrong_password");
    }
    user.call(Method::DELETE, "/auth/user")
        .json(&json!({"password": PASSWORD}))
        .await
        .refused(429, "login_throttled");
}

#[tokio::test]
async fn an_email_address_is_changed_with_the_password() {
    let app = App::start().await;
    let (user, other) = (app.user().await, app.user().await);
    let put = async |email: &str, password: &str| {
        let body = json!({"email": email, "password": password});
        user.put("/auth/email", &body).await
    };
    put("new@example.org", "not this one")
        .await
        .refused(403, "wrong_password");
    put("nonsense", PASSWORD).await.invalid(422, &["/email"]);
    put(&other.email, PASSWORD)
        .await
        .refused(409, "email_taken");
    put(" New@Example.org ", PASSWORD).await.expect(204);
    put("new@example.org", PASSWORD).await.expect(204);
    let account = user.get("/auth/user").await.expect(200);
    assert_eq!(account["email"], "new@example.org");
    log_in(&app, "new@example.org", PASSWORD).await.expect(200);
    log_in(&app, &user.email, PASSWORD)
        .await
        .refused(401, "invalid_credentials");
    // The former address is free.
    let body = json!({"email": user.email, "password": PASSWORD});
    app.post("/api/v1/auth/register", &body).await.expect(201);
    assert!(events(&user).await.contains(&"email_changed".to_owned()));
}

#[tokio::test]
async fn the_user_sees_what_happened_to_the_account() {
    let app = App::start().await;
    let user = app.user().await;
    app.clock.advance(1);
    log_in(&app, &user.email, "not this one")
        .await
        .refused(401, "invalid_credentials");
    app.clock.advance(1);
    let second = app.log_in(&user.email).await;
    app.clock.advance(1);
    second.call(Method::POST, "/auth/logout").await.expect(204);
    let names = ["session_ended", "logged_in", "log_in_failed"];
    assert_eq!(events(&user).await[..3], names);
    let first = user.get("/auth/events?limit=2").await.expect(200);
    assert_eq!(first["events"][0]["client"], "127.0.0.1");
    assert!(first["events"][0]["session_id"].is_string());
    let next = first["next"].as_str().expect("an id");
    let second = user.get(&format!("/auth/events?before={next}")).await;
    let second = second.expect(200);
    assert_eq!(second["events"][0]["event"], "log_in_failed");
    assert_eq!(second["events"][0]["session_id"], Value::Null);
    assert_eq!(second["next"], Value::Null);
    let stranger = app.user().await;
    let foreign = stranger.get(&format!("/auth/events?before={next}")).await;
    assert_eq!(foreign.expect(200)["events"], json!([]));
    for query in ["limit=0", "limit=201", "limit=x", "before=x", "x=1"] {
        let path = format!("/auth/events?{query}");
        user.get(&path).await.refused(400, "invalid_parameter");
    }
}
