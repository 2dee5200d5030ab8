//! A second account tries every operation of the OpenAPI document with every id of the first one.
//!
//! Paths, parameters and bodies are made from the document, so a new operation is tried without being
//! listed here.

mod requests;

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{App, Document, Operation, TestUser, new_id, operation};
use requests::Requests;

const CANARY: &str = "canary of the first account";

/// Adds every UUID in a value to `ids`.
fn collect(value: &Value, ids: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.len() == 36 && Uuid::try_parse(text).is_ok() => {
            ids.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, ids)),
        Value::Object(members) => members.values().for_each(|member| collect(member, ids)),
        _ => {}
    }
}

/// Returns true if the answer of the operation is an event stream, which does not end.
fn is_endless(operation: &Operation<'_>) -> bool {
    !operation.about["responses"]["200"]["content"]["text/event-stream"].is_null()
}

/// The first account, with a record of each kind.
struct Owner {
    user: TestUser,
    ids: BTreeSet<String>,
}

impl Owner {
    async fn of(app: &App) -> Self {
        let user = app.user().await;
        let habit = user.habit(CANARY).await;
        let entry =
            json!({"habit_id": habit["id"], "completion_date": "2026-11-22", "notes": CANARY});
        let entry = user.post("/entries", &entry).await.expect(201);
        let device = new_id();
        let update = json!({"base_version": 1, "fields": {"title": CANARY}});
        let pushed = operation("habit", "update", &habit["id"], &update);
        let mut ids = BTreeSet::new();
        collect(&pushed, &mut ids);
        let body = json!({"device_id": device, "operations": [pushed]});
        user.post("/sync", &body).await.expect(200);
        let mut owner = Self { user, ids };
        for answer in owner.state().await {
            collect(&answer, &mut owner.ids);
        }
        let session =
            owner.user.get("/auth/sessions").await.expect(200)["sessions"][0]["id"].take();
        for id in [&habit["id"], &entry["id"], &json!(device), &session] {
            assert!(owner.ids.contains(id.as_str().expect("an id")), "{id}");
        }
        owner
    }

    /// Returns the answers of all operations that read the account and need no id.
    async fn state(&self) -> Vec<Value> {
        let mut answers = Vec::new();
        for operation in Document::of_the_code().operations() {
            let Some(path) = operation.path.strip_prefix("/api/v1") else {
                continue;
            };
            let needs_bearer = operation.about["security"].is_array();
            // An export is an event of its own, so a second one differs.
            let is_read = operation.method == Method::GET
                && needs_bearer
                && !path.contains('{')
                && !path.ends_with("/export")
                && !is_endless(&operation);
            if is_read {
                let answer = self.user.get(path).await;
                let answer = String::from_utf8(answer.body).expect("UTF-8");
                let lines = answer
                    .lines()
                    .map(|line| serde_json::from_str(line).expect("JSON"));
                answers.extend(lines);
            }
        }
        assert!(answers.len() > 10);
        answers
    }
}

/// Tries an operation with one id, as a new account, and returns what it may learn.
async fn attempt(app: &App, operation: &Operation<'_>, id: &str) -> Vec<(u16, String, Value)> {
    let mut seen = Vec::new();
    for request in Requests::of(operation, id) {
        let user = app.user().await;
        let call = user.call(operation.method.clone(), &request.path);
        let answer = match &request.body {
            Some(body) => call.json(body).await,
            None => call.await,
        };
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let mut statuses = Value::Null;
        if answer.header("content-type") == "application/json" {
            let body = answer.json();
            let results = body["results"].as_array().into_iter().flatten();
            statuses = results.map(|result| result["status"].clone()).collect();
        }
        seen.push((answer.status, text, statuses));
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_operation_reaches_a_record_of_another_account_by_its_id() {
    let app = App::start().await;
    let owner = Owner::of(&app).await;
    let before = owner.state().await;
    let mut tried = 0;
    for operation in Document::of_the_code().operations() {
        let name = operation.about["operationId"].as_str().expect("a name");
        if !operation.path.starts_with("/api/v1/") || is_endless(&operation) {
            continue;
        }
        let unknown = attempt(&app, &operation, &new_id()).await;
        if !Requests::use_ids(&operation) {
            continue;
        }
        for id in &owner.ids {
            let theirs = attempt(&app, &operation, id).await;
            assert_eq!(theirs.len(), unknown.len());
            for ((status, text, results), (expected, _, expected_results)) in
                theirs.iter().zip(&unknown)
            {
                assert_eq!(status, expected, "{name} with {id}: {text}");
                assert_eq!(results, expected_results, "{name} with {id}: {text}");
                assert!(!text.contains(CANARY), "{name} with {id}: {text}");
                if operation.path.contains('{') {
                    assert!([403, 404].contains(status), "{name} with {id}: {text}");
                }
                tried += 1;
            }
        }
    }
    assert!(tried > 100, "{tried} requests");
    assert_eq!(owner.state().await, before, "nothing was changed");
    let refresh = json!({"refresh_token": owner.user.refresh_token});
    app.post("/api/v1/auth/refresh", &refresh).await.expect(200);
}

#[tokio::test]
async fn no_operation_that_needs_a_token_works_without_one() {
    let app = App::start().await;
    let mut tried = 0;
    for operation in Document::of_the_code().operations() {
        if !operation.about["security"].is_array() {
            continue;
        }
        for request in Requests::of(&operation, &new_id()) {
            let path = format!("/api/v1{}", request.path);
            let call = app.call(operation.method.clone(), &path);
            let answer = match &request.body {
                Some(body) => call.json(body).await,
                None => call.await,
            };
            assert_eq!(answer.status, 401, "{}: {answer}", operation.path);
            tried += 1;
        }
    }
    assert!(tried > 30, "{tried} requests");
}

/// A ticket is a secret, and its user cannot be chosen by an id.
#[tokio::test]
async fn a_ticket_opens_the_stream_of_its_own_account_only() {
    let app = App::start().await;
    let (owner, other) = (app.user().await, app.user().await);
    owner.habit(CANARY).await;
    let ticket = other
        .call(Method::POST, "/sync/stream/ticket")
        .await
        .expect(201);
    let ticket = ticket["ticket"].as_str().expect("a ticket").to_owned();
    let path = format!("/api/v1/sync/stream?ticket={ticket}");
    let mut stream = app.get(&path).listen().await;
    // The head of an empty history: the owner's is further.
    assert_eq!(stream.expect("hello").await["head"], 0);
}
