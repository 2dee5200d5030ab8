//! Requests that are too large, too deep, or no requests at all.

use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::{Answer, Failure, Outcome};
use crate::case::cases;
use crate::person::{Person, create, entry_of, somebody};
use crate::wire::Wire;

cases! { "hostile";
    a_body_that_is_not_json_by_name_is_refused, "protocol.md, Errors",
        "Another media type or a content encoding is 415 unsupported_media_type.";
    a_body_that_is_too_large_is_refused, "protocol.md, Limits",
        "A body of 1 MiB is read, a larger one is 413 body_too_large.";
    hostile_bodies_are_refused, "protocol.md, Errors",
        "NUL, lone surrogates, 1e400, wrong UTF-8 and deep nesting are 4xx.";
    a_megabyte_of_brackets_is_refused, "protocol.md, Errors",
        "1 MiB of [ is 400 too_deep.";
    too_long_a_header_is_refused, "protocol.md, Errors",
        "A header of 1 MiB is a 4xx, and the server goes on.";
    an_outbox_has_at_most_500_operations, "protocol.md, Limits",
        "501 operations are 422 too_many_operations, and 500 are carried out.";
    a_page_has_at_most_1000_records, "protocol.md, Limits",
        "A page without a limit has at most 1000 records.";
}

async fn a_body_that_is_not_json_by_name_is_refused(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let body = r#"{"title":"x"}"#;
    post(&person, "application/json; charset=utf-8", body)
        .await?
        .status(201)?;
    for kind in [
        "text/plain",
        "application/json; charset=utf-16",
        "application/xml",
    ] {
        post(&person, kind, body)
            .await?
            .problem(415, "unsupported_media_type")?;
    }
    let call = person
        .call(Method::POST, "/habits")
        .json(&json!({"title": "x"}));
    let answer = call.header("content-encoding", "gzip").send().await?;
    answer.problem(415, "unsupported_media_type")
}

async fn a_body_that_is_too_large_is_refused(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    for (size, status) in [(1_048_576, 201), (1_048_577, 413), (3_000_000, 413)] {
        let mut body = br#"{"title":"x"}"#.to_vec();
        body.resize(size, b' ');
        let answer = post(&person, "application/json", body).await?;
        answer.status(status)?;
        if status == 413 {
            answer.problem(413, "body_too_large")?;
        }
    }
    Ok(())
}

async fn hostile_bodies_are_refused(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    for (body, status, code) in [
        (b"".to_vec(), 400, "malformed"),
        (b"{".to_vec(), 400, "malformed"),
        (b"{\"title\":\"a\0b\"}".to_vec(), 400, "malformed"),
        (b"{\"title\":\"a\\u0000b\"}".to_vec(), 422, "invalid"),
        (b"{\"title\":\"\\ud800\"}".to_vec(), 400, "malformed"),
        (b"{\"title\":\"\xff\xfe\"}".to_vec(), 400, "malformed"),
        (
            b"{\"title\":\"x\",\"target_value\":1e400}".to_vec(),
            400,
            "malformed",
        ),
        (
            b"{\"title\":\"x\",\"target_value\":NaN}".to_vec(),
            400,
            "malformed",
        ),
        (
            b"{\"title\":\"x\",\"sort_order\":1e99}".to_vec(),
            422,
            "invalid",
        ),
        (b"{\"title\":\"x\"} {}".to_vec(), 400, "malformed"),
        (b"null".to_vec(), 422, "invalid"),
        ("{\"a\":".repeat(40).into(), 400, "too_deep"),
    ] {
        post(&person, "application/json", body)
            .await?
            .problem(status, code)?;
    }
    person.get("/habits").await?.is("", json!([]))
}

async fn a_megabyte_of_brackets_is_refused(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let brackets = vec![b'['; 1_048_576];
    for path in ["/sync", "/habits", "/entries", "/sync/verify"] {
        let call = person
            .call(Method::POST, path)
            .header("content-type", "application/json");
        call.body(brackets.clone())
            .send()
            .await?
            .problem(400, "too_deep")?;
    }
    Ok(())
}

async fn too_long_a_header_is_refused(wire: &Wire) -> Outcome {
    let long = "x".repeat(1_048_576);
    let call = wire.call(Method::GET, "/health").header("x-long", &long);
    // A server may end the connection before it has read all of it.
    if let Ok(answer) = call.send().await {
        answer.must((400..500).contains(&answer.status), "a 4xx")?;
    }
    wire.get("/health").await?.status(200)?;
    Ok(())
}

async fn an_outbox_has_at_most_500_operations(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let outbox = |size: usize| -> Vec<Value> { (0..size).map(|_| create("x")).collect() };
    let answer = person
        .post("/sync", &json!({"operations": outbox(501)}))
        .await?;
    answer.problem(422, "too_many_operations")?;
    let answer = person
        .post("/sync", &json!({"operations": outbox(500)}))
        .await?;
    answer.status(200)?;
    answer.must(answer.list("/results").len() == 500, "500 results")?;
    answer.is("/head", 500)
}

async fn a_page_has_at_most_1000_records(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = create("Read");
    person.push(&[(habit.clone(), "applied")]).await?;
    for _ in 0..2 {
        let outbox: Vec<_> = (0..500).map(|_| entry_of(&habit["id"])).collect();
        person
            .post("/sync", &json!({"operations": outbox}))
            .await?
            .status(200)?;
    }
    let page = person.pull("").await?;
    page.must(page.list("/changes").len() <= 1000, "at most 1000 records")?;
    page.is("/has_more", true)?;
    page.is("/remaining", 1001 - page.list("/changes").len())
}

/// Posts bytes as a habit.
async fn post(person: &Person, kind: &str, body: impl Into<Vec<u8>>) -> Result<Answer, Failure> {
    let call = person.call(Method::POST, "/habits");
    call.header("content-type", kind).body(body).send().await
}
