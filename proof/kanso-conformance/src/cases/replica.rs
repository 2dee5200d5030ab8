//! Replicas of devices: snapshot, digest and the list of devices.

use serde_json::{Value, json};

use crate::account::{TestAccount, create, entry_of, id, new_account, operation};
use crate::answer::{Answer, CaseFailure, CheckResult};
use crate::case::cases;
use crate::digest::{Replica, verify_request};
use crate::ids::new_id;
use crate::server::ServerUnderTest;

cases! { "replica";
    the_digest_is_that_of_what_was_delivered, "sync.md, The digest",
        "The digest of the delivered records equals the one that the server reports.";
    the_digest_follows_every_change, "sync.md, The digest",
        "The digests stay equal after edits, deletes and revivals.";
    a_right_replica_is_told_so, "sync.md, The digest",
        "POST /sync/verify names no bucket for a correct replica.";
    a_replica_that_drifted_is_told_where, "sync.md, The digest",
        "POST /sync/verify returns all live records of the buckets that differ.";
    buckets_must_be_256, "sync.md, The digest",
        "POST /sync/verify accepts exactly 256 digests of 16 hexadecimal digits.";
    a_snapshot_is_what_a_first_pull_brings, "live.md, The snapshot",
        "A snapshot has each live record once, and matching begin and end lines.";
    a_snapshot_is_in_order, "live.md, The snapshot",
        "A snapshot has settings, habits, entries of the window, then older entries.";
    a_snapshot_that_was_cut_goes_on, "live.md, The snapshot",
        "A snapshot resumed from a mark has the remaining records of the same head.";
    a_mark_is_for_one_person, "live.md, The snapshot",
        "A mark of another account or a malformed one is answered 400 cursor_malformed.";
    devices_are_listed, "sync.md, Devices, and what time removes",
        "GET /devices lists each device that syncs, with its position and its lag.";
    a_device_can_be_forgotten, "sync.md, Devices, and what time removes",
        "DELETE /devices/{id} removes a device; a second one is answered 404.";
}

/// Returns an account with two habits and five entries of each.
async fn busy(server: &ServerUnderTest) -> Result<TestAccount, CaseFailure> {
    let account = new_account(server).await?;
    let (read, run) = (create("Read"), create("Run"));
    let mut outbox = vec![(read.clone(), "applied"), (run.clone(), "applied")];
    for _ in 0..5 {
        outbox.push((entry_of(&read["id"]), "applied"));
        outbox.push((entry_of(&run["id"]), "applied"));
    }
    account.push(&outbox).await?;
    Ok(account)
}

async fn pulled(
    account: &TestAccount,
    replica: &mut Replica,
    query: &str,
) -> Result<Answer, CaseFailure> {
    let page = account.pull(query).await?;
    replica.apply(page.list("/changes"));
    page.is("/digest", replica.digest())?;
    Ok(page)
}

async fn the_digest_is_that_of_what_was_delivered(server: &ServerUnderTest) -> CheckResult {
    let account = busy(server).await?;
    pulled(&account, &mut Replica::default(), "").await?;
    Ok(())
}

async fn the_digest_follows_every_change(server: &ServerUnderTest) -> CheckResult {
    let account = busy(server).await?;
    let mut replica = Replica::default();
    let first = pulled(&account, &mut replica, "").await?;
    let (habit, entry) = (first.at("/changes/0/record"), first.at("/changes/2/record"));
    let fields = json!({"base_version": 1, "fields": {"title": "edited"}});
    let edit = operation("habit", "update", &habit["id"], &fields);
    let delete = operation("entry", "delete", &entry["id"], &json!({}));
    account
        .push(&[(edit, "applied"), (delete, "applied")])
        .await?;
    let second = pulled(&account, &mut replica, &after(&first)).await?;
    let delete = operation("habit", "delete", &habit["id"], &json!({}));
    account.push(&[(delete, "applied")]).await?;
    // The deleted habit takes its live entries along, in the replica and in the digest of the server.
    let third = pulled(&account, &mut replica, &after(&second)).await?;
    third.must(replica.len() == 6, "one habit and its five entries")
}

fn after(page: &Answer) -> String {
    format!("?cursor={}", page.text("/cursor"))
}

async fn a_right_replica_is_told_so(server: &ServerUnderTest) -> CheckResult {
    let account = busy(server).await?;
    let mut replica = Replica::default();
    let page = pulled(&account, &mut replica, "").await?;
    let answer = account
        .post("/sync/verify", &verify_request(&replica))
        .await?;
    answer.status(200)?;
    answer.is("/differing", json!([]))?;
    answer.is("/digest", page.at("/digest").clone())?;
    answer.is("/head", page.at("/head").clone())
}

async fn a_replica_that_drifted_is_told_where(server: &ServerUnderTest) -> CheckResult {
    let account = busy(server).await?;
    let mut replica = Replica::default();
    let page = pulled(&account, &mut replica, "").await?;
    let bucket = replica.remove_one();
    let answer = account
        .post("/sync/verify", &verify_request(&replica))
        .await?;
    answer.status(200)?;
    answer.is("/differing", json!([bucket]))?;
    answer.is("/buckets/0/bucket", json!(bucket))?;
    // An empty replica differs in every bucket with a record, so the answer repairs all of it.
    let nothing = account
        .post("/sync/verify", &verify_request(&Replica::default()))
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

async fn buckets_must_be_256(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    // No buckets, too few, not hexadecimal, not a list.
    for buckets in [json!([]), json!(["0"]), json!(vec!["zz"; 256]), json!(7)] {
        let answer = account
            .post("/sync/verify", &json!({"buckets": buckets}))
            .await?;
        answer.problem(422, "invalid")?;
    }
    Ok(())
}

/// Requests a snapshot, and returns the answer and its lines.
async fn snapshot(account: &TestAccount, query: &str) -> Result<(Answer, Vec<Value>), CaseFailure> {
    let answer = account.get(&format!("/sync/snapshot{query}")).await?;
    answer.status(200)?;
    answer.header_is("content-type", "application/x-ndjson")?;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let lines: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
    let lines = lines.map_err(|error| answer.failed(format_args!("lines of JSON: {error}")))?;
    let is = |at: Option<&Value>, name| at.is_some_and(|line| line["type"] == name);
    // A snapshot without its end line was cut off, although the status was 200.
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

async fn a_snapshot_is_what_a_first_pull_brings(server: &ServerUnderTest) -> CheckResult {
    let account = busy(server).await?;
    let mut replica = Replica::default();
    let page = pulled(&account, &mut replica, "").await?;
    let (answer, lines) = snapshot(&account, "").await?;
    let records = of_type(&lines, "record");
    let mut seqs: Vec<_> = records.iter().map(|line| line["seq"].as_i64()).collect();
    // Sorted, because a snapshot is in the order of use and not of seq.
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

async fn a_snapshot_is_in_order(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = account.habit("Read").await?;
    let today = account.today().await?;
    // Old and recent entries alternate, so an order by time of creation would fail.
    for day in ["2025-01-05", &*today, "2025-01-06", &*today] {
        account.entry(&habit, day).await?;
    }
    account
        .patch("/auth/user", &json!({"week_start": "sunday"}))
        .await?
        .status(200)?;
    let (answer, lines) = snapshot(&account, "?window_days=7").await?;
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

async fn a_snapshot_that_was_cut_goes_on(server: &ServerUnderTest) -> CheckResult {
    let account = busy(server).await?;
    let (answer, whole) = snapshot(&account, "").await?;
    let marks = of_type(&whole, "mark");
    answer.must(!marks.is_empty(), "a mark")?;
    for mark in marks {
        let resume = mark["resume"].as_str().unwrap_or_default();
        let (answer, rest) = snapshot(&account, &format!("?resume={resume}")).await?;
        answer.must(rest[0]["head"] == whole[0]["head"], "the same head")?;
        // Lines before the mark plus the rest must be the whole replica: nothing missing at the seam.
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

async fn a_mark_is_for_one_person(server: &ServerUnderTest) -> CheckResult {
    let (account, other) = (busy(server).await?, new_account(server).await?);
    let (_, lines) = snapshot(&account, "").await?;
    let mark = of_type(&lines, "mark");
    let mark = mark
        .first()
        .and_then(|line| line["resume"].as_str())
        .unwrap_or_default();
    let theirs = format!("/sync/snapshot?resume={mark}");
    other.get(&theirs).await?.problem(400, "cursor_malformed")?;
    for mark in ["nonsense", &mark[..mark.len().saturating_sub(2)]] {
        let answer = account
            .get(&format!("/sync/snapshot?resume={mark}"))
            .await?;
        answer.problem(400, "cursor_malformed")?;
    }
    Ok(())
}

async fn devices_are_listed(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    account.habit("Read").await?;
    let page = account.pull("").await?;
    let body = json!({"device_id": account.device, "cursor": page.text("/cursor")});
    account.post("/sync", &body).await?.status(200)?;
    account.habit("Run").await?;
    let answer = account.get("/devices").await?;
    answer.status(200)?;
    answer.must(answer.list("/devices").len() == 1, "one device")?;
    answer.is("/devices/0/id", account.device.clone())?;
    answer.is("/devices/0/position", 1)?;
    // The device has read the first habit and not the second.
    answer.is("/devices/0/behind", 1)?;
    for member in ["/devices/0/first_seen_at", "/devices/0/last_seen_at"] {
        answer.must(
            answer.text(member).len() == 27,
            format_args!("an instant in {member}"),
        )?;
    }
    Ok(())
}

async fn a_device_can_be_forgotten(server: &ServerUnderTest) -> CheckResult {
    let (account, other) = (new_account(server).await?, new_account(server).await?);
    let body = json!({"device_id": account.device});
    account.post("/sync", &body).await?.status(200)?;
    account
        .get("/devices")
        .await?
        .is("/devices/0/id", account.device.clone())?;
    let path = format!("/devices/{}", id(&json!({"id": account.device})));
    other
        .delete(&path)
        .await?
        .problem(404, "device_not_found")?;
    account.delete(&path).await?.status(204)?;
    account
        .delete(&path)
        .await?
        .problem(404, "device_not_found")?;
    let unknown = format!("/devices/{}", new_id());
    account
        .delete(&unknown)
        .await?
        .problem(404, "device_not_found")
}
