//! The service itself: health, its description, headers, and what it does with hostile requests.

use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::Outcome;
use crate::case::cases;
use crate::ids::new_id;
use crate::person::{entry_of, id, somebody, update};
use crate::wire::Wire;

cases! { "service";
    a_healthy_server_says_so, "openapi.json, /health",
        "GET /health, /health/live and /health/ready answer 200.";
    the_document_is_served_and_describes_the_routes, "protocol.md",
        "The server shows an OpenAPI 3.1 document whose references all resolve.";
    sync_config_tells_the_limits, "protocol.md, Limits",
        "GET /sync/config has the protocol versions, limits and retention.";
    an_unknown_path_is_a_problem, "protocol.md, Errors",
        "A path that is none is 404 route_not_found, without a request_id in its body.";
    a_wrong_method_is_told_the_right_ones, "protocol.md, Errors",
        "A method that does not fit is 405, and Allow names those that do.";
    a_request_keeps_its_id_or_gets_one, "protocol.md, Headers",
        "X-Request-Id of a request comes back; without one the server makes one.";
    every_answer_has_headers_of_security, "protocol.md, Headers",
        "Answers are no-store, nosniff, and are not to be framed.";
    large_answers_are_compressed_on_request, "protocol.md, Headers",
        "Answers above 1 KiB are compressed for clients that accept it, others not.";
    other_peoples_records_look_like_none, "protocol.md, Other people's records",
        "Records of others are answered like records that do not exist, byte for byte.";
    other_peoples_records_cannot_be_pushed_to, "protocol.md, Other people's records",
        "Operations on records of others are those on nothing.";
}

async fn a_healthy_server_says_so(wire: &Wire) -> Outcome {
    let health = wire.get("/health").await?;
    health.status(200)?;
    health.is("/status", "healthy")?;
    health.is("/database", "connected")?;
    for path in ["/health/live", "/health/ready"] {
        let answer = wire.get(path).await?;
        answer.status(200)?;
        answer.is("/status", "ok")?;
    }
    Ok(())
}

/// The references anywhere in a document.
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

async fn the_document_is_served_and_describes_the_routes(wire: &Wire) -> Outcome {
    let answer = wire.get("/swagger/doc.json").await?;
    answer.status(200)?;
    answer.must(answer.text("/openapi").starts_with("3.1"), "OpenAPI 3.1")?;
    let mut found = Vec::new();
    references(&answer.json, &mut found);
    for reference in found {
        let pointer = reference.strip_prefix('#');
        let is_there = pointer.is_some_and(|pointer| answer.json.pointer(pointer).is_some());
        answer.must(is_there, format_args!("{reference} to be in the document"))?;
    }
    for (path, methods) in [
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

async fn sync_config_tells_the_limits(wire: &Wire) -> Outcome {
    let answer = somebody(wire).await?.get("/sync/config").await?;
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

async fn an_unknown_path_is_a_problem(wire: &Wire) -> Outcome {
    for path in [
        "/nothing",
        "/api/v1",
        "/api/v1/nothing",
        "/api/v2/habits",
        "/%FF",
    ] {
        let answer = wire.get(path).await?;
        answer.problem(404, "route_not_found")?;
        answer.must(answer.json.get("request_id").is_none(), "no request_id")?;
    }
    Ok(())
}

async fn a_wrong_method_is_told_the_right_ones(wire: &Wire) -> Outcome {
    for (method, path, allowed) in [
        (Method::DELETE, "/api/v1/habits", "GET,HEAD,POST"),
        (Method::PUT, "/api/v1/sync", "GET,HEAD,POST"),
        (Method::GET, "/api/v1/auth/login", "POST"),
        (Method::POST, "/health", "GET,HEAD"),
    ] {
        let answer = wire.call(method, path).send().await?;
        answer.problem(405, "method_not_allowed")?;
        let mut methods: Vec<_> = answer.header("allow").split(',').map(str::trim).collect();
        methods.sort_unstable();
        answer.must(
            methods.join(",") == allowed,
            format_args!("Allow: {allowed}"),
        )?;
    }
    Ok(())
}

async fn a_request_keeps_its_id_or_gets_one(wire: &Wire) -> Outcome {
    let call = wire.call(Method::GET, "/api/v1/habits");
    let answer = call.header("x-request-id", "conformance-7").send().await?;
    answer.header_is("x-request-id", "conformance-7")?;
    answer.is("/request_id", "conformance-7")?;
    for id in ["two words", &"x".repeat(65)] {
        let call = wire
            .call(Method::GET, "/api/v1/habits")
            .header("x-request-id", id);
        let answer = call.send().await?;
        let given = answer.header("x-request-id");
        answer.must(!given.is_empty() && given != id, "an id of the server's")?;
    }
    Ok(())
}

async fn every_answer_has_headers_of_security(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    for answer in [
        person.get("/habits").await?,
        person.get("/nothing").await?,
        person.post("/habits", &json!({})).await?,
        wire.get("/api/v1/habits").await?,
        wire.get("/health").await?,
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

async fn large_answers_are_compressed_on_request(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    for _ in 0..10 {
        person.habit("Read").await?;
    }
    for (accepted, coding) in [
        ("gzip", "gzip"),
        ("zstd", "zstd"),
        ("identity", ""),
        ("br", ""),
    ] {
        let call = person
            .call(Method::GET, "/habits")
            .header("accept-encoding", accepted);
        let answer = call.send().await?;
        answer.header_is("content-encoding", coding)?;
    }
    Ok(())
}

async fn other_peoples_records_look_like_none(wire: &Wire) -> Outcome {
    let (person, other) = (somebody(wire).await?, somebody(wire).await?);
    let habit = other.habit("Theirs").await?;
    let entry = other.entry(&habit, "2026-03-02").await?;
    let body = json!({"version": 1, "title": "x"});
    for (path, record) in [
        ("/habits", &habit),
        ("/entries", &entry),
        ("/stats/habits", &habit),
    ] {
        let theirs = format!("{path}/{}", id(record));
        let nobodys = format!("{path}/{}", new_id());
        let (found, none) = (person.get(&theirs).await?, person.get(&nobodys).await?);
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
            person.put(&theirs, edit).await?,
            person.put(&nobodys, edit).await?,
        );
        found.must(
            found.status == none.status && found.body == none.body,
            "the same for PUT",
        )?;
        let (found, none) = (
            person.delete(&theirs).await?,
            person.delete(&nobodys).await?,
        );
        found.must(
            found.status == none.status && found.body == none.body,
            "the same for DELETE",
        )?;
    }
    // The streak may have been counted meanwhile, which is no edit.
    other
        .holds(&habit, &json!({"title": "Theirs", "version": 1}))
        .await?;
    other
        .get(&format!("/entries/{}", id(&entry)))
        .await?
        .is("", entry)
}

async fn other_peoples_records_cannot_be_pushed_to(wire: &Wire) -> Outcome {
    let (person, other) = (somebody(wire).await?, somebody(wire).await?);
    let habit = other.habit("Theirs").await?;
    let edit = update("habit", &habit, 1, &json!({"title": "x"}));
    let answer = person
        .push(&[(edit, "rejected"), (entry_of(&habit["id"]), "deferred")])
        .await?;
    answer.is("/results/0/code", "habit_not_found")?;
    other
        .holds(&habit, &json!({"title": "Theirs", "version": 1}))
        .await?;
    other.pull("").await?.is("/head", 1)
}
