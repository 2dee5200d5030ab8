//! Tickets: they open a stream for clients that cannot send headers.

use serde_json::Value;

use crate::support::{App, TestUser};

async fn ticket(user: &TestUser) -> String {
    let body = user.post("/sync/stream/ticket", &Value::Null).await;
    let body = body.expect(201);
    assert_eq!(body["expires_in"], 60);
    body["ticket"].as_str().expect("a ticket").to_owned()
}

fn path(ticket: &str) -> String {
    format!("/api/v1/sync/stream?ticket={ticket}")
}

#[tokio::test]
async fn a_ticket_opens_one_stream() {
    let app = App::start().await;
    let user = app.user().await;
    let ticket = ticket(&user).await;
    let mut listener = app.get(&path(&ticket)).listen().await;
    listener.expect("hello").await;
    user.habit("Read").await;
    assert_eq!(listener.expect("poke").await["head"], 1);
    let again = app.get(&path(&ticket)).await;
    again.refused(401, "unauthorized");
}

#[tokio::test]
async fn a_ticket_opens_nothing_else() {
    let app = App::start().await;
    let ticket = ticket(&app.user().await).await;
    let pull = app.get(&format!("/api/v1/sync?ticket={ticket}")).await;
    pull.refused(401, "unauthorized");
    let bearer = app.get("/api/v1/sync");
    let bearer = bearer.header("authorization", &format!("Bearer {ticket}"));
    bearer.await.refused(401, "unauthorized");
}

#[tokio::test]
async fn a_ticket_is_good_for_a_minute_and_for_a_session() {
    let app = App::start().await;
    let user = app.user().await;
    let (late, good) = (ticket(&user).await, ticket(&user).await);
    app.clock.advance(59);
    app.get(&path(&good)).listen().await.expect("hello").await;
    app.clock.advance(1);
    let refused = app.get(&path(&late)).await;
    refused.refused(401, "unauthorized");

    let orphan = ticket(&user).await;
    user.post("/auth/logout", &Value::Null).await.expect(204);
    for ticket in [&*orphan, "kt1_", "", "nonsense"] {
        let refused = app.get(&path(ticket)).await;
        refused.refused(401, "unauthorized");
    }
    app.get("/api/v1/sync/stream")
        .await
        .refused(401, "unauthorized");
}
