//! What a device holds: the snapshot, the digest, the list of devices.

use serde_json::{Value, json};

use crate::answer::{Answer, Failure, Outcome};
use crate::case::cases;
use crate::digest::{Replica, question};
use crate::ids::new_id;
use crate::person::{Person, create, entry_of, id, operation, somebody};
use crate::wire::Wire;

cases! { "replica";
    the_digest_is_that_of_what_was_delivered, "sync.md, The digest",
        "What a device has applied adds up to the digest that it is told.";
    the_digest_follows_every_change, "sync.md, The digest",
        "After edits, deletes and revivals of records the digest still fits.";
    a_right_replica_is_told_so, "sync.md, The digest",
        "POST /sync/verify names no bucket of a replica that is right.";
    a_replica_that_drifted_is_told_where, "sync.md, The digest",
        "Verify names the buckets that differ and has all live records of them.";
    buckets_must_be_256, "sync.md, The digest",
        "Verify takes 256 digests of 16 hexadecimal digits.";
    a_snapshot_is_what_a_first_pull_brings, "live.md, The snapshot",
        "A snapshot has every live record once, and begin and end that fit.";
    a_snapshot_is_in_order, "live.md, The snapshot",
        "Settings, habits, the entries of the window, then the older ones.";
    a_snapshot_that_was_cut_goes_on, "live.md, The snapshot",
        "With the newest mark the rest comes, of the same head.";
    a_mark_is_for_one_person, "live.md, The snapshot",
        "A mark of somebody else, or a mistyped one, is 400 cursor_malformed.";
    devices_are_listed, "sync.md, Devices, and what time removes",
        "A device that syncs is listed with what it has read and how far behind it is.";
    a_device_can_be_forgotten, "sync.md, Devices, and what time removes",
        "DELETE /devices/{id} forgets a device; again it is 404.";
}

/// Somebody with two habits, entries, and records that were edited and deleted.
async fn busy(wire: &Wire) -> Result<Person, Failure> {
    let person = somebody(wire).await?;
    let (read, run) = (create("Read"), create("Run"));
    let mut outbox = vec![(read.clone(), "applied"), (run.clone(), "applied")];
    for _ in 0..5 {
        outbox.push((entry_of(&read["id"]), "applied"));
        outbox.push((entry_of(&run["id"]), "applied"));
    }
    person.push(&outbox).await?;
    Ok(person)
}

async fn pulled(person: &Person, replica: &mut Replica, query: &str) -> Result<Answer, Failure> {
    let page = person.pull(query).await?;
    replica.apply(page.list("/changes"));
    page.is("/digest", replica.digest())?;
    Ok(page)
}

async fn the_digest_is_that_of_what_was_delivered(wire: &Wire) -> Outcome {
    let person = busy(wire).await?;
    pulled(&person, &mut Replica::default(), "").await?;
    Ok(())
}

async fn the_digest_follows_every_change(wire: &Wire) -> Outcome {
    let person = busy(wire).await?;
    let mut replica = Replica::default();
    let first = pulled(&person, &mut replica, "").await?;
    let (habit, entry) = (first.at("/changes/0/record"), first.at("/changes/2/record"));
    let fields = json!({"base_version": 1, "fields": {"title": "edited"}});
    let edit = operation("habit", "update", &habit["id"], &fields);
    let delete = operation("entry", "delete", &entry["id"], &json!({}));
    person
        .push(&[(edit, "applied"), (delete, "applied")])
        .await?;
    let second = pulled(&person, &mut replica, &after(&first)).await?;
    let delete = operation("habit", "delete", &habit["id"], &json!({}));
    person.push(&[(delete, "applied")]).await?;
    let third = pulled(&person, &mut replica, &after(&second)).await?;
    third.must(replica.len() == 6, "one habit and its five entries")
}

fn after(page: &Answer) -> String {
    format!("?cursor={}", page.text("/cursor"))
}

async fn a_right_replica_is_told_so(wire: &Wire) -> Outcome {
    let person = busy(wire).await?;
    let mut replica = Replica::default();
    let page = pulled(&person, &mut replica, "").await?;
    let answer = person.post("/sync/verify", &question(&replica)).await?;
    answer.status(200)?;
    answer.is("/differing", json!([]))?;
    answer.is("/digest", page.at("/digest").clone())?;
    answer.is("/head", page.at("/head").clone())
}

async fn a_replica_that_drifted_is_told_where(wire: &Wire) -> Outcome {
    let person = busy(wire).await?;
    let mut replica = Replica::default();
    let page = pulled(&person, &mut replica, "").await?;
    let bucket = replica.lose_one();
    let answer = person.post("/sync/verify", &question(&replica)).await?;
    answer.status(200)?;
    answer.is("/differing", json!([bucket]))?;
    answer.is("/buckets/0/bucket", json!(bucket))?;
    let nothing = person
        .post("/sync/verify", &question(&Replica::default()))
        .await?;
    let mut repaired = Replica::default();
    for bucket in nothing.list("/buckets") {
        repaired.apply(bucket["records"].as_array().map_or(&[], Vec::as_slice));
    }
    nothing.must(
        json!(repaired.digest()) == *page.at("/digest"),
        "all records of the buckets",
    )
}

async fn buckets_must_be_256(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    for buckets in [json!([]), json!(["0"]), json!(vec!["zz"; 256]), json!(7)] {
        let answer = person
            .post("/sync/verify", &json!({"buckets": buckets}))
            .await?;
        answer.problem(422, "invalid")?;
    }
    Ok(())
}

/// The lines of a snapshot.
async fn snapshot(person: &Person, query: &str) -> Result<(Answer, Vec<Value>), Failure> {
    let answer = person.get(&format!("/sync/snapshot{query}")).await?;
    answer.status(200)?;
    answer.header_is("content-type", "application/x-ndjson")?;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let lines: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
    let lines = lines.map_err(|error| answer.failed(format_args!("lines of JSON: {error}")))?;
    let is = |at: Option<&Value>, name| at.is_some_and(|line| line["type"] == name);
    let is_whole = is(lines.first(), "begin") && is(lines.last(), "end");
    answer.must(
        is_whole && text.ends_with('\n'),
        "from `begin` to `end`, a line each",
    )?;
    Ok((answer, lines))
}

fn of_type(lines: &[Value], name: &str) -> Vec<Value> {
    let lines = lines.iter().filter(|line| line["type"] == name);
    lines.cloned().collect()
}

async fn a_snapshot_is_what_a_first_pull_brings(wire: &Wire) -> Outcome {
    let person = busy(wire).await?;
    let mut replica = Replica::default();
    let page = pulled(&person, &mut replica, "").await?;
    let (answer, lines) = snapshot(&person, "").await?;
    let records = of_type(&lines, "record");
    let mut seqs: Vec<_> = records.iter().map(|line| line["seq"].as_i64()).collect();
    seqs.sort_unstable();
    seqs.dedup();
    answer.must(
        seqs.len() == 12 && records.len() == 12,
        "each of 12 records once",
    )?;
    let mut sent = Replica::default();
    sent.apply(&records);
    answer.must(sent.digest() == replica.digest(), "what a pull brings")?;
    let (begin, end) = (&lines[0], &lines[lines.len() - 1]);
    for (line, member) in [
        (begin, "cursor"),
        (begin, "head"),
        (begin, "digest"),
        (end, "cursor"),
        (end, "digest"),
    ] {
        let is_that_of_the_pull = line[member] == *page.at(&format!("/{member}"));
        answer.must(
            is_that_of_the_pull,
            format_args!("the {member} of a pull in {line}"),
        )?;
    }
    answer.must(end["records"] == 12, "the number of records in `end`")
}

async fn a_snapshot_is_in_order(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = person.habit("Read").await?;
    let today = person.today().await?;
    for day in ["2025-01-05", &*today, "2025-01-06", &*today] {
        person.entry(&habit, day).await?;
    }
    person
        .patch("/auth/user", &json!({"week_start": "sunday"}))
        .await?
        .status(200)?;
    let (answer, lines) = snapshot(&person, "?window_days=7").await?;
    let rank = |line: &Value| match line["entity"].as_str() {
        Some("user") => 0,
        Some("habit") => 1,
        _ if line["record"]["local_date"].as_str() == Some(&today) => 2,
        _ => 3,
    };
    let ranks: Vec<_> = of_type(&lines, "record").iter().map(rank).collect();
    answer.must(
        ranks == [0, 1, 2, 2, 3, 3],
        "settings, habits, recent, older",
    )
}

async fn a_snapshot_that_was_cut_goes_on(wire: &Wire) -> Outcome {
    let person = busy(wire).await?;
    let (answer, whole) = snapshot(&person, "").await?;
    let marks = of_type(&whole, "mark");
    answer.must(!marks.is_empty(), "a mark")?;
    for mark in marks {
        let resume = mark["resume"].as_str().unwrap_or_default();
        let (answer, rest) = snapshot(&person, &format!("?resume={resume}")).await?;
        answer.must(rest[0]["head"] == whole[0]["head"], "the same head")?;
        let place = whole
            .iter()
            .position(|line| *line == mark)
            .unwrap_or_default();
        let mut replica = Replica::default();
        replica.apply(&of_type(&whole[..place], "record"));
        replica.apply(&of_type(&rest, "record"));
        let is_whole = json!(replica.digest()) == whole[0]["digest"];
        answer.must(
            is_whole,
            "what came before the mark and this to be everything",
        )?;
    }
    Ok(())
}

async fn a_mark_is_for_one_person(wire: &Wire) -> Outcome {
    let (person, other) = (busy(wire).await?, somebody(wire).await?);
    let (_, lines) = snapshot(&person, "").await?;
    let mark = of_type(&lines, "mark");
    let mark = mark
        .first()
        .and_then(|line| line["resume"].as_str())
        .unwrap_or_default();
    let theirs = format!("/sync/snapshot?resume={mark}");
    other.get(&theirs).await?.problem(400, "cursor_malformed")?;
    for mark in ["nonsense", &mark[..mark.len().saturating_sub(2)]] {
        let answer = person.get(&format!("/sync/snapshot?resume={mark}")).await?;
        answer.problem(400, "cursor_malformed")?;
    }
    Ok(())
}

async fn devices_are_listed(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    person.habit("Read").await?;
    let page = person.pull("").await?;
    let body = json!({"device_id": person.device, "cursor": page.text("/cursor")});
    person.post("/sync", &body).await?.status(200)?;
    person.habit("Run").await?;
    let answer = person.get("/devices").await?;
    answer.status(200)?;
    answer.must(answer.list("/devices").len() == 1, "one device")?;
    answer.is("/devices/0/id", person.device.clone())?;
    answer.is("/devices/0/position", 1)?;
    answer.is("/devices/0/behind", 1)?;
    for member in ["/devices/0/first_seen_at", "/devices/0/last_seen_at"] {
        answer.must(
            answer.text(member).len() == 27,
            format_args!("an instant in {member}"),
        )?;
    }
    Ok(())
}

async fn a_device_can_be_forgotten(wire: &Wire) -> Outcome {
    let (person, other) = (somebody(wire).await?, somebody(wire).await?);
    let body = json!({"device_id": person.device});
    person.post("/sync", &body).await?.status(200)?;
    person
        .get("/devices")
        .await?
        .is("/devices/0/id", person.device.clone())?;
    let path = format!("/devices/{}", id(&json!({"id": person.device})));
    other
        .delete(&path)
        .await?
        .problem(404, "device_not_found")?;
    person.delete(&path).await?.status(204)?;
    person
        .delete(&path)
        .await?
        .problem(404, "device_not_found")?;
    let unknown = format!("/devices/{}", new_id());
    person
        .delete(&unknown)
        .await?
        .problem(404, "device_not_found")
}
