//! The service: health, OpenAPI document, headers, and records of other accounts.

use reqwest::Method;
use serde_json::{Value, json};

use crate::account::{entry_of, id, new_account, update};
use crate::answer::CheckResult;
use crate::case::cases;
use crate::ids::new_id;
use crate::server::ServerUnderTest;

cases! { "service";
    a_healthy_server_says_so, "openapi.json, /health",
        "GET /health, /health/live and /health/ready answer 200.";
    the_document_is_served_and_describes_the_routes, "protocol.md",
        "The server serves an OpenAPI 3.1 document whose references all resolve.";
    sync_config_tells_the_limits, "protocol.md, Limits",
        "GET /sync/config has the protocol versions, the limits and the retention.";
    an_unknown_path_is_a_problem, "protocol.md, Errors",
        "An unknown path is answered 404 route_not_found, without request_id in the body.";
    a_wrong_method_is_told_the_right_ones, "protocol.md, Errors",
        "An unsupported method is answered 405 with the supported ones in Allow.";
    a_request_keeps_its_id_or_gets_one, "protocol.md, Headers",
        "The answer has the X-Request-Id of the request, or a new one.";
    every_answer_has_headers_of_security, "protocol.md, Headers",
        "Every answer forbids caching, content sniffing and framing.";
    large_answers_are_compressed_on_request, "protocol.md, Headers",
        "Answers above 1 KiB are compressed if the client accepts it.";
    other_peoples_records_look_like_none, "protocol.md, Other people's records",
        "A record of another account is answered exactly like a missing one.";
    other_peoples_records_cannot_be_pushed_to, "protocol.md, Other people's records",
        "An operation on a record of another account has the result of a missing record.";
}

async fn a_healthy_server_says_so(server: &ServerUnderTest) -> CheckResult {
    let health = server.get("/health").await?;
    health.status(200)?;
    health.is("/status", "ok")?;
    health.is("/database", "connected")?;
    for path in ["/health/live", "/health/ready"] {
        let answer = server.get(path).await?;
        answer.status(200)?;
        answer.is("/status", "ok")?;
    }
    Ok(())
}

/// Collects all `$ref` of a document.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if name == "$ref" => found.push(text),
                    _ => references(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

async fn the_document_is_served_and_describes_the_routes(server: &ServerUnderTest) -> CheckResult {
    let answer = server.get("/swagger/doc.json").await?;
    answer.status(200)?;
    answer.must(answer.text("/openapi").starts_with("3.1"), "OpenAPI 3.1")?;
    let mut found = Vec::new();
    references(&answer.json, &mut found);
    for reference in found {
        let pointer = reference.strip_prefix('#');
        // Only references within the document: a tool that reads it may have no network.
        let is_there = pointer.is_some_and(|pointer| answer.json.pointer(pointer).is_some());
        answer.must(is_there, format_args!("{reference} to be in the document"))?;
    }
    for (path, methods) in [
        // A sample. The whole document is compared by the tests of the server.
        ("/api/v1/sync", &["get", "post"] as &[_]),
        ("/api/v1/habits/{id}", &["get", "put", "patch", "delete"]),
        ("/api/v1/entries", &["get", "post"]),
        ("/api/v1/auth/refresh", &["post"]),
    ] {
        for method in methods {
            let is_there = answer.json["paths"][path][method]["responses"].is_object();
            answer.must(is_there, format_args!("{method} {path}"))?;
        }
    }
    Ok(())
}

async fn sync_config_tells_the_limits(server: &ServerUnderTest) -> CheckResult {
    let answer = new_account(server).await?.get("/sync/config").await?;
    answer.status(200)?;
    for (member, value) in [
        ("body_bytes", 1_048_576),
        ("json_depth", 32),
        ("operations", 500),
        ("page_records", 1000),
        ("notes_characters", 2000),
        ("streams", 10),
        ("wait_ms", 25_000),
    ] {
        answer.is(&format!("/limits/{member}"), value)?;
    }
    answer.must(
        answer.list("/protocol_versions").contains(&json!(1)),
        "protocol 1",
    )?;
    for member in ["operation_results_days", "tombstones_days"] {
        let days = answer.at(&format!("/retention/{member}"));
        answer.must(days.as_i64() > Some(0), format_args!("days in {member}"))?;
    }
    Ok(())
}

async fn an_unknown_path_is_a_problem(server: &ServerUnderTest) -> CheckResult {
    for path in [
        "/nothing",
        "/api/v1",
        "/api/v1/nothing",
        "/api/v2/habits",
        // A path that is not UTF-8.
        "/%FF",
    ] {
        let answer = server.get(path).await?;
        answer.problem(404, "route_not_found")?;
        answer.must(answer.json.get("request_id").is_none(), "no request_id")?;
    }
    Ok(())
}

async fn a_wrong_method_is_told_the_right_ones(server: &ServerUnderTest) -> CheckResult {
    for (method, path, allowed) in [
        (Method::DELETE, "/api/v1/habits", "GET,HEAD,POST"),
        (Method::PUT, "/api/v1/sync", "GET,HEAD,POST"),
        (Method::GET, "/api/v1/auth/login", "POST"),
        (Method::POST, "/health", "GET,HEAD"),
    ] {
        let answer = server.call(method, path).send().await?;
        answer.problem(405, "method_not_allowed")?;
        let mut methods: Vec<_> = answer.header("allow").split(',').map(str::trim).collect();
        // The order of methods in Allow has no meaning.
        methods.sort_unstable();
        answer.must(
            methods.join(",") == allowed,
            format_args!("Allow: {allowed}"),
        )?;
    }
    Ok(())
}

async fn a_request_keeps_its_id_or_gets_one(server: &ServerUnderTest) -> CheckResult {
    let call = server.call(Method::GET, "/api/v1/habits");
    let answer = call.header("x-request-id", "conformance-7").send().await?;
    answer.header_is("x-request-id", "conformance-7")?;
    answer.is("/request_id", "conformance-7")?;
    // Such an id could split a log line or fill a log, so the server replaces it.
    for id in ["two words", &"x".repeat(65)] {
        let call = server
            .call(Method::GET, "/api/v1/habits")
            .header("x-request-id", id);
        let answer = call.send().await?;
        let given = answer.header("x-request-id");
        answer.must(!given.is_empty() && given != id, "an id of the server's")?;
    }
    Ok(())
}

async fn every_answer_has_headers_of_security(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    for answer in [
        account.get("/habits").await?,
        account.get("/nothing").await?,
        account.post("/habits", &json!({})).await?,
        server.get("/api/v1/habits").await?,
        server.get("/health").await?,
    ] {
        answer.header_is("cache-control", "no-store")?;
        answer.header_is("x-content-type-options", "nosniff")?;
        answer.header_is("referrer-policy", "no-referrer")?;
        let policy = answer.header("content-security-policy");
        answer.must(
            policy.contains("frame-ancestors 'none'"),
            "not to be framed",
        )?;
        answer.must(!answer.header("x-request-id").is_empty(), "an X-Request-Id")?;
    }
    Ok(())
}

async fn large_answers_are_compressed_on_request(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    for _ in 0..10 {
        account.habit("Read").await?;
    }
    for (accepted, coding) in [
        ("gzip", "gzip"),
        ("zstd", "zstd"),
        ("identity", ""),
        ("br", ""),
    ] {
        let call = account
            .call(Method::GET, "/habits")
            .header("accept-encoding", accepted);
        let answer = call.send().await?;
        answer.header_is("content-encoding", coding)?;
    }
    Ok(())
}

async fn other_peoples_records_look_like_none(server: &ServerUnderTest) -> CheckResult {
    let (account, other) = (new_account(server).await?, new_account(server).await?);
    let habit = other.habit("Theirs").await?;
    let entry = other.entry(&habit, "2026-03-02").await?;
    let body = json!({"version": 1, "title": "x"});
    for (path, record) in [
        ("/habits", &habit),
        ("/entries", &entry),
        ("/stats/habits", &habit),
    ] {
        // Byte for byte, because any difference would show that the id exists.
        let theirs = format!("{path}/{}", id(record));
        let nobodys = format!("{path}/{}", new_id());
        let (found, none) = (account.get(&theirs).await?, account.get(&nobodys).await?);
        found.status(404)?;
        found.must(
            found.body == none.body,
            "the bytes of a record that never was",
        )?;
        if path == "/stats/habits" {
            continue;
        }
        let notes = json!({"version": 1, "notes": "x"});
        let edit = if path == "/habits" { &body } else { &notes };
        let (found, none) = (
            account.put(&theirs, edit).await?,
            account.put(&nobodys, edit).await?,
        );
        found.must(
            found.status == none.status && found.body == none.body,
            "the same for PUT",
        )?;
        let (found, none) = (
            account.delete(&theirs).await?,
            account.delete(&nobodys).await?,
        );
        found.must(
            found.status == none.status && found.body == none.body,
            "the same for DELETE",
        )?;
    }
    // A worker may have computed the streak meanwhile. That is not an edit.
    other
        .ensure_stored(&habit, &json!({"title": "Theirs", "version": 1}))
        .await?;
    other
        .get(&format!("/entries/{}", id(&entry)))
        .await?
        .is("", entry)
}

async fn other_peoples_records_cannot_be_pushed_to(server: &ServerUnderTest) -> CheckResult {
    let (account, other) = (new_account(server).await?, new_account(server).await?);
    let habit = other.habit("Theirs").await?;
    let edit = update("habit", &habit, 1, &json!({"title": "x"}));
    let answer = account
        .push(&[(edit, "rejected"), (entry_of(&habit["id"]), "deferred")])
        .await?;
    answer.is("/results/0/code", "habit_not_found")?;
    other
        .ensure_stored(&habit, &json!({"title": "Theirs", "version": 1}))
        .await?;
    other.pull("").await?.is("/head", 1)
}
