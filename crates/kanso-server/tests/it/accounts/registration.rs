//! Registration that is closed or by invitation.

use kanso_http::RegistrationMode;
use serde_json::json;

use crate::support::{App, PASSWORD};

/// Starts a server for invited users.
async fn by_invitation() -> App {
    App::with(|config| config.registration = Some(RegistrationMode::Invite)).await
}

#[tokio::test]
async fn closed_server_takes_no_account_and_keeps_those_it_has() {
    let app = App::start().await;
    let user = app.user().await;
    let app = app
        .restarted_with(|config| config.registration = Some(RegistrationMode::Closed))
        .await;
    let stranger = json!({"email": "new@example.org", "password": PASSWORD});
    // A taken address and an invalid one get the same answer.
    let taken = json!({"email": user.email, "password": PASSWORD});
    let invalid = json!({"email": "", "password": ""});
    for body in [stranger, taken, invalid] {
        let answer = app.post("/api/v1/auth/register", &body).await;
        answer.refused(403, "registration_closed");
    }
    app.log_in(&user.email).await.habit("Read").await;
}

#[tokio::test]
async fn first_account_needs_no_invitation_on_the_machine_of_the_server_only() {
    let app = by_invitation().await;
    let ada = json!({"email": "ada@example.org", "password": PASSWORD});
    let register = || app.post("/api/v1/auth/register", &ada);
    for (name, value) in [
        ("x-forwarded-for", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1"),
        ("via", "1.1 proxy"),
        ("host", "kanso.example.org"),
    ] {
        let answer = register().header(name, value).await;
        answer.refused(403, "invitation_required");
    }
    register().await.expect(201);
    let bob = json!({"email": "bob@example.org", "password": PASSWORD});
    let second = app.post("/api/v1/auth/register", &bob).await;
    second.refused(403, "invitation_required");
    // A taken address tells nothing without an invitation.
    register().await.refused(403, "invitation_required");
}

#[tokio::test]
async fn client_behind_a_trusted_proxy_is_not_on_the_machine_of_the_server() {
    let app = App::with(|config| {
        config.registration = Some(RegistrationMode::Invite);
        config.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
    })
    .await;
    let ada = json!({"email": "ada@example.org", "password": PASSWORD});
    for client in ["192.0.2.7", "127.0.0.1", "not an address"] {
        let answer = app.post("/api/v1/auth/register", &ada);
        let answer = answer.header("x-forwarded-for", client).await;
        answer.refused(403, "invitation_required");
    }
}

#[tokio::test]
async fn unknown_invitation_is_refused() {
    let app = by_invitation().await;
    let unknown = format!("ki1_{}", "A".repeat(43));
    for code in ["", "ki1_", "guess", &unknown] {
        let body = json!({"email": "ada@example.org", "password": PASSWORD, "invite": code});
        let answer = app.post("/api/v1/auth/register", &body).await;
        answer.refused(403, "invitation_refused");
    }
    let body = json!({"email": "ada@example.org", "password": PASSWORD, "invite": null});
    let answer = app.post("/api/v1/auth/register", &body).await;
    answer.expect(201);
}

#[tokio::test]
async fn open_server_reads_no_invitation() {
    let app = App::start().await;
    let body = json!({"email": "ada@example.org", "password": PASSWORD, "invite": "any"});
    let answer = app.post("/api/v1/auth/register", &body).await;
    answer.expect(201);
}

#[tokio::test]
async fn new_database_takes_invited_users_without_a_setting() {
    let app = App::with(|config| config.registration = None).await;
    app.user().await;
    let app = app
        .restarted_with(|config| config.registration = None)
        .await;
    let bob = json!({"email": "bob@example.org", "password": PASSWORD});
    let second = app.post("/api/v1/auth/register", &bob).await;
    second.refused(403, "invitation_required");
}
