//! Learning of changes at once: the event stream, and pulls that wait.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::answer::{Failure, Outcome};
use crate::case::cases;
use crate::events::Events;
use crate::person::{Person, create, somebody};
use crate::wire::Wire;

cases! { "live";
    a_silent_stream_has_heartbeats, "live.md, The event stream",
        "A stream says hello with the head, and a heartbeat every 15 seconds.";
    a_change_pokes_every_stream, "live.md, The event stream",
        "A push pokes the person's streams with the new head.";
    a_stream_is_not_kept_or_compressed, "live.md, The event stream",
        "A stream is text/event-stream, no-store, unbuffered, and never compressed.";
    a_stream_of_an_old_history_is_told, "live.md, The event stream",
        "A stream that is opened with a cursor that cannot be used says resync or is 400.";
    nobody_hears_of_others, "live.md, The event stream",
        "A change of one person does not poke another.";
    a_ticket_opens_a_stream_once, "live.md, From a browser",
        "A ticket opens one stream in the place of the header, and is used up.";
    a_ticket_opens_nothing_else, "live.md, From a browser",
        "A ticket is good for streams alone, and one that nobody gave is 401.";
    a_person_may_have_ten_streams, "live.md, The event stream",
        "The eleventh stream of a person is 429 too_many_streams, whichever server is asked.";
    a_pull_waits_for_a_change, "live.md, A pull that waits",
        "With wait_ms a pull waits until there is something after the cursor.";
    a_pull_that_waits_in_vain_is_empty, "live.md, A pull that waits",
        "When the time is up, the answer is what it would have been without waiting.";
    a_pull_with_operations_does_not_wait, "live.md, A pull that waits",
        "A push is answered at once, whatever wait_ms says.";
    a_position_that_was_not_reached_is_told, "live.md, A pull that waits",
        "min_seq beyond the head is 503 behind, and no operation is carried out.";
    a_position_that_was_reached_is_answered, "live.md, A pull that waits",
        "min_seq up to the head is answered with the page.";
    a_tag_can_be_waited_with, "live.md, A pull that waits",
        "With wait_ms and If-None-Match a pull waits for a change, else it is 304.";
}

/// How long servers may take to count a person's streams together: two heartbeats.
const COUNTED: Duration = Duration::from_secs(30);

fn stream(person: &Person, query: &str) -> crate::wire::Call {
    person.call(Method::GET, &format!("/sync/stream{query}"))
}

async fn a_silent_stream_has_heartbeats(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    person.habit("Read").await?;
    let mut events = Events::open(stream(&person, "")).await?;
    for name in ["hello", "heartbeat"] {
        let (found, data) = events.next().await?;
        if found != name || data != json!({"head": 1}) {
            let expected = format!("{name} {{\"head\":1}}");
            return Err(Failure::new(expected, format!("{found} {data}")));
        }
    }
    Ok(())
}

/// The next poke of a stream must come, and say this.
async fn poked(events: &mut Events, head: i64) -> Outcome {
    loop {
        let data = events.expect("poke").await?;
        match data["head"].as_i64() {
            Some(found) if found < head => {}
            Some(found) if found == head => return Ok(()),
            _ => return Err(Failure::new(format!("a poke with the head {head}"), data)),
        }
    }
}

async fn a_change_pokes_every_stream(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let mut streams = [
        Events::open(stream(&person, "")).await?,
        Events::open(stream(&person, "")).await?,
    ];
    for events in &mut streams {
        events.expect("hello").await?;
    }
    let answer = person.push(&[(create("Read"), "applied")]).await?;
    let head = answer.at("/head").as_i64().unwrap_or_default();
    for events in &mut streams {
        poked(events, head).await?;
    }
    Ok(())
}

async fn a_stream_is_not_kept_or_compressed(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let call = stream(&person, "").header("accept-encoding", "gzip, zstd");
    let events = Events::open(call).await?;
    for (name, expected) in [
        ("content-type", "text/event-stream"),
        ("content-encoding", ""),
        ("cache-control", "no-store"),
        ("x-accel-buffering", "no"),
    ] {
        let found = events.headers.get(name).and_then(|it| it.to_str().ok());
        let found = found.unwrap_or_default();
        if !found.starts_with(expected) || (expected.is_empty() && !found.is_empty()) {
            return Err(Failure::new(format!("{name}: {expected}"), found));
        }
    }
    Ok(())
}

async fn a_stream_of_an_old_history_is_told(wire: &Wire) -> Outcome {
    let (person, other) = (somebody(wire).await?, somebody(wire).await?);
    let garbage = stream(&person, "?cursor=nonsense").send().await?;
    garbage.problem(400, "cursor_malformed")?;
    // A position that this person's history has not reached.
    other.habit("Read").await?;
    let cursor = other.pull("").await?.text("/cursor").to_owned();
    let call = stream(&person, &format!("?cursor={cursor}"));
    let mut events = Events::open(call).await?;
    events.expect("hello").await?;
    let data = events.expect("resync").await?;
    match data["code"].as_str() {
        Some("cursor_ahead" | "epoch_changed" | "cursor_expired") => Ok(()),
        _ => Err(Failure::new("the code that a pull would have", data)),
    }
}

async fn nobody_hears_of_others(wire: &Wire) -> Outcome {
    let (person, other) = (somebody(wire).await?, somebody(wire).await?);
    let mut events = Events::open(stream(&person, "")).await?;
    events.expect("hello").await?;
    other.habit("Theirs").await?;
    other.habit("Theirs as well").await?;
    person.habit("Mine").await?;
    poked(&mut events, 1).await
}

async fn ticket(person: &Person) -> Result<String, Failure> {
    let answer = person.post("/sync/stream/ticket", &json!({})).await?;
    answer.status(201)?;
    answer.must(!answer.text("/ticket").is_empty(), "a ticket")?;
    Ok(answer.text("/ticket").to_owned())
}

/// A stream that a ticket opened, and its path. Servers may forget a ticket, when what they share did
/// not answer in time; its holder asks for another.
async fn opened_by_ticket(wire: &Wire, person: &Person) -> Result<(String, Events), Failure> {
    for _ in 0..2 {
        let path = format!("/api/v1/sync/stream?ticket={}", ticket(person).await?);
        if let Ok(events) = Events::open(wire.call(Method::GET, &path)).await {
            return Ok((path, events));
        }
        // By then it is asked again.
        sleep(Duration::from_secs(2)).await;
    }
    let path = format!("/api/v1/sync/stream?ticket={}", ticket(person).await?);
    let events = Events::open(wire.call(Method::GET, &path)).await?;
    Ok((path, events))
}

async fn a_ticket_opens_a_stream_once(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let (path, mut events) = opened_by_ticket(wire, &person).await?;
    events.expect("hello").await?;
    person.habit("Read").await?;
    poked(&mut events, 1).await?;
    wire.get(&path).await?.problem(401, "unauthorized")
}

async fn a_ticket_opens_nothing_else(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let ticket = ticket(&person).await?;
    let answer = wire.get(&format!("/api/v1/sync?ticket={ticket}")).await?;
    answer.problem(401, "unauthorized")?;
    let call = wire.call(Method::GET, "/api/v1/habits").bearer(&ticket);
    call.send().await?.problem(401, "unauthorized")?;
    let answer = wire.get("/api/v1/sync/stream?ticket=nonsense").await?;
    answer.problem(401, "unauthorized")
}

async fn a_person_may_have_ten_streams(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let mut open = Vec::new();
    for _ in 0..10 {
        let mut events = Events::open(stream(&person, "")).await?;
        events.expect("hello").await?;
        open.push(events);
    }
    // What one server did not get counted among all in time is counted with the next heartbeat.
    let end = Instant::now() + COUNTED;
    loop {
        match stream(&person, "").refused().await? {
            Some(answer) => return answer.problem(429, "too_many_streams"),
            None if Instant::now() > end => {
                let found = format!("eleven streams for {COUNTED:?}");
                return Err(Failure::new("429 too_many_streams", found));
            }
            None => sleep(Duration::from_secs(1)).await,
        }
    }
}

async fn a_pull_waits_for_a_change(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let cursor = person.pull("").await?.text("/cursor").to_owned();
    let query = format!("?cursor={cursor}&wait_ms=20000");
    let (page, habit) = futures::join!(person.pull(&query), person.habit("Read"));
    let (page, habit) = (page?, habit?);
    page.is("/changes/0/record/id", habit["id"].clone())
}

async fn a_pull_that_waits_in_vain_is_empty(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    person.habit("Read").await?;
    let page = person.pull("").await?;
    let body = json!({"cursor": page.text("/cursor"), "wait_ms": 300});
    let answer = person.post("/sync", &body).await?;
    answer.status(200)?;
    for pointer in ["/cursor", "/head", "/digest"] {
        answer.is(pointer, page.at(pointer).clone())?;
    }
    answer.is("/changes", json!([]))
}

async fn a_pull_with_operations_does_not_wait(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let page = person.push(&[(create("Read"), "applied")]).await?;
    let nothing = crate::person::operation("habit", "delete", &Value::Null, &json!({}));
    let nothing = crate::person::with(nothing, &json!({"id": crate::ids::new_id()}));
    let body = json!({
        "cursor": page.text("/cursor"), "wait_ms": 25_000, "operations": [nothing]
    });
    let start = Instant::now();
    let answer = person.post("/sync", &body).await?;
    answer.is("/results/0/status", "rejected")?;
    answer.must(start.elapsed().as_secs() < 20, "an answer at once")
}

async fn a_position_that_was_not_reached_is_told(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    person
        .get("/sync?min_seq=7")
        .await?
        .problem(503, "behind")?;
    let body = json!({"min_seq": 7, "operations": [create("Read")]});
    person.post("/sync", &body).await?.problem(503, "behind")?;
    person.pull("").await?.is("/head", 0)
}

async fn a_position_that_was_reached_is_answered(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let answer = person.push(&[(create("Read"), "applied")]).await?;
    let head = answer.at("/head").as_i64().unwrap_or_default();
    let page = person.pull(&format!("?min_seq={head}")).await?;
    page.must(page.list("/changes").len() == 1, "the habit")
}

async fn a_tag_can_be_waited_with(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let page = person.pull("").await?;
    let tag = page.header("etag").to_owned();
    let ask = |wait: u32| {
        let path = format!("/sync?cursor={}&wait_ms={wait}", page.text("/cursor"));
        person
            .call(Method::GET, &path)
            .header("if-none-match", &tag)
            .send()
    };
    ask(200).await?.status(304)?;
    let (answer, habit) = futures::join!(ask(20_000), person.habit("Read"));
    let (answer, habit) = (answer?, habit?);
    answer.status(200)?;
    answer.is("/changes/0/record/id", habit["id"].clone())
}
