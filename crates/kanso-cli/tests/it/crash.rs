//! `kill -9` of the server while it acknowledges writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kanso_client::transport::{HttpTransport, Method, Request, Transport as _};
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use crate::support::{EMAIL, PASSWORD, Server};

const CRASHES: u64 = 5;
const WRITERS: u64 = 4;
/// Acknowledged writes between two crashes.
const BETWEEN: u64 = 40;

/// Log of a writer: each operation as sent, with its answer.
type Ledger = Vec<(Value, Value)>;

async fn post(server: &str, path: &'static str, token: &str, body: &Value) -> Option<(u16, Value)> {
    let transport = HttpTransport::new(server).expect("an address");
    let request = Request {
        method: Method::Post,
        path: path.into(),
        bearer: (!token.is_empty()).then(|| token.to_owned()),
        body: Some(body.to_string().into_bytes()),
    };
    let reply = transport.exchange(request).await.ok()?;
    let body = serde_json::from_slice(&reply.body).unwrap_or_default();
    Some((reply.status, body))
}

async fn push(server: &str, token: &str, operations: &[Value]) -> Option<Value> {
    let body = json!({"cursor": null, "limit": 1, "operations": operations});
    let (status, answer) = post(server, "/api/v1/sync", token, &body).await?;
    assert_eq!(status, 200, "{answer}");
    Some(answer["results"].clone())
}

/// All records of the server.
async fn pull(server: &str, token: &str) -> Vec<Value> {
    let (mut records, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let body = json!({"cursor": cursor, "operations": []});
        let answer = post(server, "/api/v1/sync", token, &body).await;
        let (_, answer) = answer.expect("the server is there");
        let changes = answer["changes"].as_array().expect("a list");
        records.extend(changes.iter().map(|change| change["record"].clone()));
        if answer["has_more"] == false {
            return records;
        }
        cursor = answer["cursor"].clone();
    }
}

async fn log_in(server: &str) -> String {
    let credentials = json!({"email": EMAIL, "password": PASSWORD});
    for path in ["/api/v1/auth/register", "/api/v1/auth/login"] {
        let answer = post(server, path, "", &credentials).await;
        let (_, answer) = answer.expect("the server is there");
        if let Some(token) = answer["token"].as_str() {
            return token.to_owned();
        }
    }
    panic!("no log-in succeeded");
}

/// The writer's `number`th operation: its habit, then by turns an entry of it and a new title
/// that builds on the last one. A title that was written twice would be a conflict.
fn operation(writer: u64, number: u64) -> Value {
    let id = |what: u64, number| Uuid::from_u64_pair(writer << 8 | what, number).to_string();
    let habit = id(1, 0);
    let op_id = id(0, number);
    match number {
        0 => json!({"op_id": op_id, "entity": "habit", "action": "create", "id": habit,
                    "fields": {"title": "0"}}),
        odd if odd % 2 == 1 => json!({
            "op_id": op_id, "entity": "entry", "action": "create", "id": id(2, odd),
            "fields": {"habit_id": habit, "completion_date": "2026-11-22", "value": odd}}),
        even => json!({
            "op_id": op_id, "entity": "habit", "action": "update", "id": habit,
            "base_version": even / 2, "fields": {"title": even.to_string()}}),
    }
}

/// Writes one operation after another until it is stopped. An operation without an answer is sent
/// again with the same bytes to the server that runs then.
async fn write(
    writer: u64,
    token: String,
    mut server: watch::Receiver<String>,
    acknowledged: watch::Sender<u64>,
    stop: Arc<AtomicBool>,
) -> Ledger {
    let mut ledger = Ledger::new();
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let operation = operation(writer, number);
        let result = loop {
            let address = server.borrow_and_update().clone();
            match push(&address, &token, std::slice::from_ref(&operation)).await {
                Some(results) => break results[0].clone(),
                None => drop(tokio::time::timeout(Duration::from_secs(1), server.changed()).await),
            }
        };
        let status = result["status"].as_str().expect("a status");
        assert!(
            ["applied", "duplicate"].contains(&status),
            "{operation}: {result}"
        );
        acknowledged.send_modify(|count| *count += 1);
        ledger.push((operation, result));
    }
    ledger
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_writes_survive_and_exist_once() {
    let mut server = Server::start();
    let token = log_in(server.address()).await;
    let (address, watched) = watch::channel(server.address().to_owned());
    let (acknowledged, mut count) = watch::channel(0);
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (1..=WRITERS)
        .map(|writer| {
            let (acknowledged, stop) = (acknowledged.clone(), Arc::clone(&stop));
            tokio::spawn(write(
                writer,
                token.clone(),
                watched.clone(),
                acknowledged,
                stop,
            ))
        })
        .collect();
    for _ in 0..CRASHES {
        let enough = *count.borrow() + BETWEEN;
        let reached = count.wait_for(|&count| count >= enough).await;
        drop(reached.expect("the writers write"));
        server.crash();
        address.send_replace(server.address().to_owned());
    }
    stop.store(true, Ordering::SeqCst);
    let mut ledgers = Vec::new();
    for writer in writers {
        ledgers.push(writer.await.expect("no writer failed"));
    }
    // Once more after a restart, from the disk alone.
    server.crash();
    check(server.address(), &token, &ledgers).await;
}

async fn check(server: &str, token: &str, ledgers: &[Ledger]) {
    let records = pull(server, token).await;
    let mut expected = 0;
    for ledger in ledgers {
        let entries = ledger
            .iter()
            .filter(|(operation, _)| operation["entity"] == "entry");
        expected += 1 + entries.clone().count();
        for (operation, _) in entries {
            let found: Vec<_> = records
                .iter()
                .filter(|r| r["id"] == operation["id"])
                .collect();
            assert_eq!(found.len(), 1, "{operation}");
            assert_eq!(found[0]["value"], operation["fields"]["value"]);
            assert_eq!(found[0]["version"], 1);
        }
        let last = ledger
            .iter()
            .rfind(|(operation, _)| operation["entity"] == "habit");
        let (last, result) = last.expect("there is a habit");
        let habit = records.iter().find(|record| record["id"] == last["id"]);
        let habit = habit.expect("it is there");
        assert_eq!(habit["title"], last["fields"]["title"]);
        assert_eq!(habit["version"], result["version"]);
        retry_all(server, token, ledger).await;
    }
    assert_eq!(
        records.len(),
        expected,
        "the server has records that were never written"
    );
    assert_eq!(
        pull(server, token).await,
        records,
        "the retries had no effect"
    );
}

/// Sends all operations again: each is known and has its first answer.
async fn retry_all(server: &str, token: &str, ledger: &Ledger) {
    for chunk in ledger.chunks(500) {
        let operations: Vec<Value> = chunk.iter().map(|(sent, _)| sent.clone()).collect();
        let results = push(server, token, &operations).await;
        let results = results.expect("the server is there");
        for ((operation, first), again) in chunk.iter().zip(results.as_array().expect("a list")) {
            assert_eq!(again["status"], "duplicate", "{operation}");
            assert_eq!(again["version"], first["version"], "{operation}");
            assert_eq!(again["seq"], first["seq"], "{operation}");
        }
    }
}
