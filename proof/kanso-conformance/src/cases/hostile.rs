//! Requests that are too large, too deeply nested or malformed.

use reqwest::Method;
use serde_json::{Value, json};

use crate::account::{TestAccount, create, entry_of, new_account};
use crate::answer::{Answer, CaseFailure, CheckResult};
use crate::case::cases;
use crate::server::ServerUnderTest;

cases! { "hostile";
    a_body_that_is_not_json_by_name_is_refused, "protocol.md, Errors",
        "Another media type or a content encoding is answered 415 unsupported_media_type.";
    a_body_that_is_too_large_is_refused, "protocol.md, Limits",
        "A body of 1 MiB is read; a larger one is answered 413 body_too_large.";
    hostile_bodies_are_refused, "protocol.md, Errors",
        "NUL, lone surrogates, 1e400, invalid UTF-8 and deep nesting are answered with 4xx.";
    a_megabyte_of_brackets_is_refused, "protocol.md, Errors",
        "A body of 1 MiB of `[` is answered 400 too_deep.";
    too_long_a_header_is_refused, "protocol.md, Errors",
        "A header of 1 MiB is answered with 4xx, and the server stays available.";
    an_outbox_has_at_most_500_operations, "protocol.md, Limits",
        "A push of 500 operations succeeds; 501 are answered 422 too_many_operations.";
    a_page_has_at_most_1000_records, "protocol.md, Limits",
        "A page without a limit has at most 1000 records.";
}

async fn a_body_that_is_not_json_by_name_is_refused(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let body = r#"{"title":"x"}"#;
    post(&account, "application/json; charset=utf-8", body)
        .await?
        .status(201)?;
    for kind in [
        "text/plain",
        "application/json; charset=utf-16",
        "application/xml",
    ] {
        post(&account, kind, body)
            .await?
            .problem(415, "unsupported_media_type")?;
    }
    // Only answers are compressed.
    let call = account
        .call(Method::POST, "/habits")
        .json(&json!({"title": "x"}));
    let answer = call.header("content-encoding", "gzip").send().await?;
    answer.problem(415, "unsupported_media_type")
}

async fn a_body_that_is_too_large_is_refused(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    for (size, status) in [(1_048_576, 201), (1_048_577, 413), (3_000_000, 413)] {
        let mut body = br#"{"title":"x"}"#.to_vec();
        // JSON may end with spaces, so the body is valid at every size and only its length decides.
        body.resize(size, b' ');
        let answer = post(&account, "application/json", body).await?;
        answer.status(status)?;
        if status == 413 {
            answer.problem(413, "body_too_large")?;
        }
    }
    Ok(())
}

async fn hostile_bodies_are_refused(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    for (body, status, code) in [
        (b"".to_vec(), 400, "malformed"),
        (b"{".to_vec(), 400, "malformed"),
        (b"{\"title\":\"a\0b\"}".to_vec(), 400, "malformed"),
        // An escaped NUL is valid JSON. It is refused as a value, because databases cannot store it.
        (b"{\"title\":\"a\\u0000b\"}".to_vec(), 422, "invalid"),
        // A lone surrogate has no encoding in UTF-8.
        (b"{\"title\":\"\\ud800\"}".to_vec(), 400, "malformed"),
        (b"{\"title\":\"\xff\xfe\"}".to_vec(), 400, "malformed"),
        (
            // Beyond the range of a double. Reading it as infinity would store a value that JSON cannot show.
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
        // Nesting is checked before syntax, so the missing braces do not matter.
        ("{\"a\":".repeat(40).into(), 400, "too_deep"),
    ] {
        post(&account, "application/json", body)
            .await?
            .problem(status, code)?;
    }
    account.get("/habits").await?.is("", json!([]))
}

async fn a_megabyte_of_brackets_is_refused(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    // A recursive parser without a limit overflows its stack on this body.
    let brackets = vec![b'['; 1_048_576];
    for path in ["/sync", "/habits", "/entries", "/sync/verify"] {
        let call = account
            .call(Method::POST, path)
            .header("content-type", "application/json");
        call.body(brackets.clone())
            .send()
            .await?
            .problem(400, "too_deep")?;
    }
    Ok(())
}

async fn too_long_a_header_is_refused(server: &ServerUnderTest) -> CheckResult {
    let long = "x".repeat(1_048_576);
    let call = server.call(Method::GET, "/health").header("x-long", &long);
    // A server may close the connection before it has read the whole header. Then there is no answer.
    if let Ok(answer) = call.send().await {
        answer.must((400..500).contains(&answer.status), "a 4xx")?;
    }
    // The server must have survived.
    server.get("/health").await?.status(200)?;
    Ok(())
}

async fn an_outbox_has_at_most_500_operations(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let outbox = |size: usize| -> Vec<Value> { (0..size).map(|_| create("x")).collect() };
    let answer = account
        .post("/sync", &json!({"operations": outbox(501)}))
        .await?;
    answer.problem(422, "too_many_operations")?;
    let answer = account
        .post("/sync", &json!({"operations": outbox(500)}))
        .await?;
    answer.status(200)?;
    answer.must(answer.list("/results").len() == 500, "500 results")?;
    answer.is("/head", 500)
}

async fn a_page_has_at_most_1000_records(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = create("Read");
    account.push(&[(habit.clone(), "applied")]).await?;
    for _ in 0..2 {
        let outbox: Vec<_> = (0..500).map(|_| entry_of(&habit["id"])).collect();
        account
            .post("/sync", &json!({"operations": outbox}))
            .await?
            .status(200)?;
    }
    // 1,001 records are stored: one habit and a thousand entries.
    let page = account.pull("").await?;
    page.must(page.list("/changes").len() <= 1000, "at most 1000 records")?;
    page.is("/has_more", true)?;
    page.is("/remaining", 1001 - page.list("/changes").len())
}

/// Sends a `POST /habits` with a body of raw bytes.
async fn post(
    account: &TestAccount,
    kind: &str,
    body: impl Into<Vec<u8>>,
) -> Result<Answer, CaseFailure> {
    let call = account.call(Method::POST, "/habits");
    call.header("content-type", kind).body(body).send().await
}
