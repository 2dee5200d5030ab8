//! Live sync: event streams and long pulls.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::account::{TestAccount, create, new_account};
use crate::answer::{CaseFailure, CheckResult};
use crate::case::cases;
use crate::events::Events;
use crate::server::ServerUnderTest;

cases! { "live";
    a_silent_stream_has_heartbeats, "live.md, The event stream",
        "A stream starts with hello and the head, and has a heartbeat every 15 seconds.";
    a_change_pokes_every_stream, "live.md, The event stream",
        "A push sends a poke with the new head to all streams of the account.";
    a_stream_is_not_kept_or_compressed, "live.md, The event stream",
        "A stream is text/event-stream, no-store, unbuffered and never compressed.";
    a_stream_of_an_old_history_is_told, "live.md, The event stream",
        "A stream with an unusable cursor is answered 400 or gets the event resync.";
    nobody_hears_of_others, "live.md, The event stream",
        "A change of one account sends no event to another.";
    a_ticket_opens_a_stream_once, "live.md, From a browser",
        "A ticket opens one stream without the header and cannot be used again.";
    a_ticket_opens_nothing_else, "live.md, From a browser",
        "A ticket is valid for streams only; an unknown one is answered 401.";
    a_person_may_have_ten_streams, "live.md, The event stream",
        "The eleventh stream of an account is answered 429 too_many_streams on any server.";
    a_pull_waits_for_a_change, "live.md, A pull that waits",
        "A pull with wait_ms waits until there is a change after the cursor.";
    a_pull_that_waits_in_vain_is_empty, "live.md, A pull that waits",
        "A pull whose wait_ms has passed has the answer of a pull that does not wait.";
    a_pull_with_operations_does_not_wait, "live.md, A pull that waits",
        "A push is answered at once, even with wait_ms.";
    a_position_that_was_not_reached_is_told, "live.md, A pull that waits",
        "A push with a min_seq beyond the head is answered 503 behind and changes nothing.";
    a_position_that_was_reached_is_answered, "live.md, A pull that waits",
        "A pull with a min_seq up to the head is answered with the page.";
    a_tag_can_be_waited_with, "live.md, A pull that waits",
        "A pull with wait_ms and If-None-Match waits for a change and else answers 304.";
}

/// Time limit for several servers to count the streams of an account together: two heartbeats.
const COUNTED: Duration = Duration::from_secs(30);

fn stream(account: &TestAccount, query: &str) -> crate::server::Call {
    account.call(Method::GET, &format!("/sync/stream{query}"))
}

async fn a_silent_stream_has_heartbeats(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    account.habit("Read").await?;
    let mut events = Events::open(stream(&account, "")).await?;
    for name in ["hello", "heartbeat"] {
        let (found, data) = events.next().await?;
        if found != name || data != json!({"head": 1}) {
            let expected = format!("{name} {{\"head\":1}}");
            return Err(CaseFailure::new(expected, format!("{found} {data}")));
        }
    }
    Ok(())
}

/// Waits for the poke with this head.
async fn poked(events: &mut Events, head: i64) -> CheckResult {
    loop {
        let data = events.expect("poke").await?;
        match data["head"].as_i64() {
            // A poke of an earlier change may still be on its way.
            Some(found) if found < head => {}
            Some(found) if found == head => return Ok(()),
            _ => {
                return Err(CaseFailure::new(
                    format!("a poke with the head {head}"),
                    data,
                ));
            }
        }
    }
}

async fn a_change_pokes_every_stream(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    // Two streams: each of them must get the notice, not only the newest.
    let mut streams = [
        Events::open(stream(&account, "")).await?,
        Events::open(stream(&account, "")).await?,
    ];
    for events in &mut streams {
        events.expect("hello").await?;
    }
    let answer = account.push(&[(create("Read"), "applied")]).await?;
    let head = answer.at("/head").as_i64().unwrap_or_default();
    for events in &mut streams {
        poked(events, head).await?;
    }
    Ok(())
}

async fn a_stream_is_not_kept_or_compressed(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    // A compressed stream would hold events back until a block is full.
    let call = stream(&account, "").header("accept-encoding", "gzip, zstd");
    let events = Events::open(call).await?;
    for (name, expected) in [
        ("content-type", "text/event-stream"),
        ("content-encoding", ""),
        ("cache-control", "no-store, no-transform"),
        ("x-accel-buffering", "no"),
    ] {
        let found = events.headers.get(name).and_then(|it| it.to_str().ok());
        let found = found.unwrap_or_default();
        if !found.starts_with(expected) || (expected.is_empty() && !found.is_empty()) {
            return Err(CaseFailure::new(format!("{name}: {expected}"), found));
        }
    }
    Ok(())
}

async fn a_stream_of_an_old_history_is_told(server: &ServerUnderTest) -> CheckResult {
    let (account, other) = (new_account(server).await?, new_account(server).await?);
    let garbage = stream(&account, "?cursor=nonsense").send().await?;
    garbage.problem(400, "cursor_malformed")?;
    // A position beyond the head of this account.
    other.habit("Read").await?;
    let cursor = other.pull("").await?.text("/cursor").to_owned();
    let call = stream(&account, &format!("?cursor={cursor}"));
    let mut events = Events::open(call).await?;
    events.expect("hello").await?;
    let data = events.expect("resync").await?;
    match data["code"].as_str() {
        Some("cursor_ahead" | "epoch_changed" | "cursor_expired") => Ok(()),
        _ => Err(CaseFailure::new("the code that a pull would have", data)),
    }
}

async fn nobody_hears_of_others(server: &ServerUnderTest) -> CheckResult {
    let (account, other) = (new_account(server).await?, new_account(server).await?);
    let mut events = Events::open(stream(&account, "")).await?;
    events.expect("hello").await?;
    other.habit("Theirs").await?;
    other.habit("Theirs as well").await?;
    // The first event must be about this change. Silence cannot be tested, but a notice of the others
    // would come before it.
    account.habit("Mine").await?;
    poked(&mut events, 1).await
}

async fn ticket(account: &TestAccount) -> Result<String, CaseFailure> {
    let answer = account.post("/sync/stream/ticket", &json!({})).await?;
    answer.status(201)?;
    answer.must(!answer.text("/ticket").is_empty(), "a ticket")?;
    Ok(answer.text("/ticket").to_owned())
}

/// Opens a stream by a ticket, and returns its path and its events. A server may drop a ticket if Redis did
/// not answer in time; then a client requests another one.
async fn opened_by_ticket(
    server: &ServerUnderTest,
    account: &TestAccount,
) -> Result<(String, Events), CaseFailure> {
    for _ in 0..2 {
        let path = format!("/api/v1/sync/stream?ticket={}", ticket(account).await?);
        if let Ok(events) = Events::open(server.call(Method::GET, &path)).await {
            return Ok((path, events));
        }
        // After this time the server uses Redis again.
        sleep(Duration::from_secs(2)).await;
    }
    let path = format!("/api/v1/sync/stream?ticket={}", ticket(account).await?);
    let events = Events::open(server.call(Method::GET, &path)).await?;
    Ok((path, events))
}

async fn a_ticket_opens_a_stream_once(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let (path, mut events) = opened_by_ticket(server, &account).await?;
    events.expect("hello").await?;
    account.habit("Read").await?;
    poked(&mut events, 1).await?;
    // The path with the ticket may be in logs and histories, so it must not work twice.
    server.get(&path).await?.problem(401, "unauthorized")
}

async fn a_ticket_opens_nothing_else(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let ticket = ticket(&account).await?;
    let answer = server.get(&format!("/api/v1/sync?ticket={ticket}")).await?;
    answer.problem(401, "unauthorized")?;
    let call = server.call(Method::GET, "/api/v1/habits").bearer(&ticket);
    call.send().await?.problem(401, "unauthorized")?;
    let answer = server.get("/api/v1/sync/stream?ticket=nonsense").await?;
    answer.problem(401, "unauthorized")
}

async fn a_person_may_have_ten_streams(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let mut open = Vec::new();
    // The streams stay open in this list: a dropped one would free its place.
    for _ in 0..10 {
        let mut events = Events::open(stream(&account, "")).await?;
        events.expect("hello").await?;
        open.push(events);
    }
    // A server that could not count a stream in Redis counts it with the next heartbeat.
    let end = Instant::now() + COUNTED;
    loop {
        match stream(&account, "").refused().await? {
            Some(answer) => return answer.problem(429, "too_many_streams"),
            None if Instant::now() > end => {
                let found = format!("eleven streams for {COUNTED:?}");
                return Err(CaseFailure::new("429 too_many_streams", found));
            }
            None => sleep(Duration::from_secs(1)).await,
        }
    }
}

async fn a_pull_waits_for_a_change(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let cursor = account.pull("").await?.text("/cursor").to_owned();
    let query = format!("?cursor={cursor}&wait_ms=20000");
    // Both at a time. The change may also come before the pull; then the pull answers at once, which is
    // right as well.
    let (page, habit) = futures::join!(account.pull(&query), account.habit("Read"));
    let (page, habit) = (page?, habit?);
    page.is("/changes/0/record/id", habit["id"].clone())
}

async fn a_pull_that_waits_in_vain_is_empty(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    account.habit("Read").await?;
    let page = account.pull("").await?;
    // Short, because the case must wait it out.
    let body = json!({"cursor": page.text("/cursor"), "wait_ms": 300});
    let answer = account.post("/sync", &body).await?;
    answer.status(200)?;
    for pointer in ["/cursor", "/head", "/digest"] {
        answer.is(pointer, page.at(pointer).clone())?;
    }
    answer.is("/changes", json!([]))
}

async fn a_pull_with_operations_does_not_wait(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let page = account.push(&[(create("Read"), "applied")]).await?;
    let nothing = crate::account::operation("habit", "delete", &Value::Null, &json!({}));
    let nothing = crate::account::with(nothing, &json!({"id": crate::ids::new_id()}));
    let body = json!({
        "cursor": page.text("/cursor"), "wait_ms": 25_000, "operations": [nothing]
    });
    let start = Instant::now();
    let answer = account.post("/sync", &body).await?;
    answer.is("/results/0/status", "rejected")?;
    answer.must(start.elapsed().as_secs() < 20, "an answer at once")
}

async fn a_position_that_was_not_reached_is_told(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    account
        .get("/sync?min_seq=7")
        .await?
        .problem(503, "behind")?;
    let body = json!({"min_seq": 7, "operations": [create("Read")]});
    account.post("/sync", &body).await?.problem(503, "behind")?;
    account.pull("").await?.is("/head", 0)
}

async fn a_position_that_was_reached_is_answered(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let answer = account.push(&[(create("Read"), "applied")]).await?;
    let head = answer.at("/head").as_i64().unwrap_or_default();
    let page = account.pull(&format!("?min_seq={head}")).await?;
    page.must(page.list("/changes").len() == 1, "the habit")
}

async fn a_tag_can_be_waited_with(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let page = account.pull("").await?;
    let tag = page.header("etag").to_owned();
    let ask = |wait: u32| {
        let path = format!("/sync?cursor={}&wait_ms={wait}", page.text("/cursor"));
        account
            .call(Method::GET, &path)
            .header("if-none-match", &tag)
            .send()
    };
    ask(200).await?.status(304)?;
    let (answer, habit) = futures::join!(ask(20_000), account.habit("Read"));
    let (answer, habit) = (answer?, habit?);
    answer.status(200)?;
    answer.is("/changes/0/record/id", habit["id"].clone())
}
