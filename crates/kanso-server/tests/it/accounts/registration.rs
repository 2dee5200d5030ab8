//! Closed registration.

use kanso_http::RegistrationMode;
use serde_json::json;

use crate::support::App;

#[tokio::test]
async fn closed_server_takes_no_account_and_keeps_those_it_has() {
    let app = App::start().await;
    let user = app.user().await;
    let app = app
        .restarted_with(|config| config.registration = Some(RegistrationMode::Closed))
        .await;
    let stranger = json!({"email": "new@example.org", "password": "correct horse battery"});
    // A taken address and an invalid one get the same answer.
    let taken = json!({"email": user.email, "password": "correct horse battery"});
    let invalid = json!({"email": "", "password": ""});
    for body in [stranger, taken, invalid] {
        let answer = app.post("/api/v1/auth/register", &body).await;
        answer.refused(403, "registration_closed");
    }
    app.log_in(&user.email).await.habit("Read").await;
}
