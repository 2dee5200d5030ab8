//! Habits through the REST routes.

use reqwest::Method;
use serde_json::{Value, json};

use crate::account::{id, new_account};
use crate::answer::CheckResult;
use crate::case::cases;
use crate::ids::new_id;
use crate::server::ServerUnderTest;

cases! { "habits";
    a_title_is_enough, "protocol.md, Records",
        "A create of a habit needs a title, and its answer has every member.";
    a_create_can_be_repeated_under_its_id, "protocol.md, Habits and entries",
        "A create of a used id is answered 200 for the same content, otherwise 409.";
    one_habit_has_its_version_as_its_tag, "protocol.md, Habits and entries",
        "GET of one record has an ETag, and If-None-Match with it is answered 304.";
    a_change_names_the_version_it_builds_on, "protocol.md, Optimistic locking",
        "A change needs a version (else 428), and member and header must agree.";
    a_stale_change_is_told_what_is_stored, "protocol.md, Optimistic locking",
        "A change of an old version is answered 409 with the record and the fields in conflict.";
    if_match_takes_lists_and_a_star, "protocol.md, Optimistic locking",
        "If-Match accepts a list of versions and `*`; a malformed value is answered 412.";
    a_change_that_changes_nothing_is_no_change, "protocol.md, Optimistic locking",
        "A change to the stored values is answered 200 and keeps the version.";
    put_and_patch_change_only_what_is_given, "protocol.md, Habits and entries",
        "PUT and PATCH keep the members that the body omits, and null clears a member.";
    a_deleted_habit_looks_like_none, "protocol.md, Deleted records",
        "A deleted habit is answered 404, a second delete 204, a create of its id 410.";
    a_delete_may_name_a_version, "protocol.md, Optimistic locking",
        "A delete with an old version is answered 409; a delete without one succeeds.";
    the_list_is_in_order, "protocol.md, Habits and entries",
        "GET /habits lists live habits by sort_order, and archived ones on request.";
    a_change_of_the_past_says_from_when, "domain.md, The past stays",
        "A schedule edit takes effect from `effective_from`, and earlier days keep theirs.";
    the_delta_of_habits_is_exact, "protocol.md, The two pull routes",
        "GET /habits/sync returns each later change once, by timestamp and by cursor.";
}

fn path(habit: &Value) -> String {
    format!("/habits/{}", id(habit))
}

async fn a_title_is_enough(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let answer = account
        // Spaces at both ends: texts are trimmed before they are stored.
        .post("/habits", &json!({"title": "  Read  "}))
        .await?;
    answer.status(201)?;
    // RFC 9110, section 10.2.2: the location of the created record.
    answer.header_is("location", &format!("/api/v1{}", path(&answer.json)))?;
    answer.header_is("etag", "\"1\"")?;
    for (member, value) in [
        ("title", json!("Read")),
        ("description", json!("")),
        ("color", json!("#4CAF50")),
        ("type", json!("boolean")),
        ("frequency_type", json!("daily")),
        ("target_value", json!(1)),
        ("target_direction", json!("at_least")),
        ("archived_at", Value::Null),
        ("deleted_at", Value::Null),
        ("current_streak", json!(0)),
        ("longest_streak", json!(0)),
        ("version", json!(1)),
    ] {
        answer.is(&format!("/{member}"), value)?;
    }
    for member in ["/created_at", "/updated_at"] {
        // Six decimals and `Z`, as in 2026-11-22T12:00:00.000000Z. With a fixed length, instants sort as
        // texts.
        let is_whole = answer.text(member).len() == 27 && answer.text(member).ends_with('Z');
        answer.must(is_whole, format_args!("{member} in UTC with 27 characters"))?;
    }
    account
        .get(&path(&answer.json))
        .await?
        .is("", answer.json.clone())
}

async fn a_create_can_be_repeated_under_its_id(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let body = json!({"id": new_id(), "title": "Read"});
    let first = account.post("/habits", &body).await?;
    first.status(201)?;
    let again = account.post("/habits", &body).await?;
    again.status(200)?;
    again.is("", first.json)?;
    let other = json!({"id": body["id"], "title": "Run"});
    account
        .post("/habits", &other)
        .await?
        .problem(409, "conflict")
}

async fn one_habit_has_its_version_as_its_tag(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = account.habit("Read").await?;
    account
        .get(&path(&habit))
        .await?
        .header_is("etag", "\"1\"")?;
    for (tag, status) in [("\"1\"", 304), ("\"2\"", 200), ("\"0\", \"1\"", 304)] {
        let call = account.call(Method::GET, &path(&habit));
        call.header("if-none-match", tag)
            .send()
            .await?
            .status(status)?;
    }
    Ok(())
}

async fn a_change_names_the_version_it_builds_on(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = account.habit("Read").await?;
    let answer = account.put(&path(&habit), &json!({"title": "Run"})).await?;
    answer.problem(428, "version_required")?;
    let put = |version: i64, tag: &str| {
        let call = account.call(Method::PUT, &path(&habit));
        let call = call.json(&json!({"title": "Run", "version": version}));
        call.header("if-match", tag).send()
    };
    // Member and header disagree: the server cannot know which version the client has seen.
    put(1, "\"2\"").await?.problem(400, "versions_differ")?;
    let answer = put(1, "\"1\"").await?;
    answer.status(200)?;
    answer.is("/version", 2)?;
    answer.header_is("etag", "\"2\"")
}

async fn a_stale_change_is_told_what_is_stored(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = account.habit("Read").await?;
    let edit = json!({"version": 1, "title": "Run"});
    let stored = account
        .put(&path(&habit), &edit)
        .await?
        .status(200)?
        .clone();
    let stale = json!({"version": 1, "title": "Rest"});
    // The answer must be enough to resolve the conflict without another request.
    for answer in [
        account.put(&path(&habit), &stale).await?,
        account.patch(&path(&habit), &stale).await?,
    ] {
        answer.problem(409, "conflict")?;
        answer.is("/record", stored.clone())?;
        answer.is("/clashing", json!(["title"]))?;
    }
    account.get(&path(&habit)).await?.is("", stored)
}

async fn if_match_takes_lists_and_a_star(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = account.habit("Read").await?;
    for (number, (tag, status)) in [
        ("\"7\", \"1\"", 200),
        ("*", 200),
        ("\"1\"", 409),
        ("\"x\"", 412),
        // Proxies that compress make a tag weak or append the coding to it. The version is the same.
        ("W/\"3\"", 200),
        ("\"4-gzip\"", 200),
        ("\"7\", W/\"5--gzip\"", 200),
        ("\"6;br\"", 200),
        ("W/\"1-gzip\"", 409),
    ]
    .into_iter()
    .enumerate()
    {
        let call = account.call(Method::PATCH, &path(&habit));
        // Another title each time: an update to the stored value would be 200 for any version.
        let call = call.json(&json!({"title": format!("title {number}")}));
        call.header("if-match", tag).send().await?.status(status)?;
    }
    Ok(())
}

async fn a_change_that_changes_nothing_is_no_change(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = account.habit("Read").await?;
    let edit = json!({"version": 1, "title": "Run"});
    let stored = account
        .put(&path(&habit), &edit)
        .await?
        .status(200)?
        .clone();
    // Version 1 is old. The update still changes nothing, so it is no conflict.
    for version in [1, 2] {
        let same = json!({"version": version, "title": "Run"});
        let answer = account.put(&path(&habit), &same).await?;
        answer.status(200)?;
        answer.is("", stored.clone())?;
    }
    Ok(())
}

async fn put_and_patch_change_only_what_is_given(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let members = json!({"title": "Read", "icon": "book", "reminder_time": "07:30"});
    let habit = account.habit_with(&members).await?;
    let edit = json!({"version": 1, "color": "#112233"});
    account.put(&path(&habit), &edit).await?.status(200)?;
    let edit = json!({"version": 2, "reminder_time": null});
    let answer = account.patch(&path(&habit), &edit).await?;
    answer.status(200)?;
    answer.is("/title", "Read")?;
    answer.is("/icon", "book")?;
    answer.is("/color", "#112233")?;
    answer.is("/reminder_time", Value::Null)?;
    answer.is("/version", 3)
}

async fn a_deleted_habit_looks_like_none(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = account.habit("Read").await?;
    let entry = account.entry(&habit, "2026-03-02").await?;
    // Twice, because a retry of a delete must succeed.
    account.delete(&path(&habit)).await?.status(204)?;
    account.delete(&path(&habit)).await?.status(204)?;
    let edit = json!({"version": 2, "title": "Run"});
    for answer in [
        account.get(&path(&habit)).await?,
        account.put(&path(&habit), &edit).await?,
        account.patch(&path(&habit), &edit).await?,
    ] {
        answer.problem(404, "habit_not_found")?;
    }
    let again = json!({"id": habit["id"], "title": "Read"});
    account
        .post("/habits", &again)
        .await?
        .problem(410, "gone")?;
    let answer = account.get(&format!("/entries/{}", id(&entry))).await?;
    answer.problem(404, "entry_not_found")?;
    // A new entry would be invisible under a deleted habit, so it is refused.
    let body = json!({"habit_id": habit["id"], "completion_date": "2026-03-03"});
    account.post("/entries", &body).await?.problem(410, "gone")
}

async fn a_delete_may_name_a_version(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    for (query, tag) in [("?version=1", None), ("", Some("\"1\""))] {
        let habit = account.habit("Read").await?;
        let edit = json!({"version": 1, "title": "Run"});
        account.put(&path(&habit), &edit).await?.status(200)?;
        let mut call = account.call(Method::DELETE, &format!("{}{query}", path(&habit)));
        if let Some(tag) = tag {
            call = call.header("if-match", tag);
        }
        call.send().await?.problem(409, "conflict")?;
        account.delete(&path(&habit)).await?.status(204)?;
    }
    Ok(())
}

async fn the_list_is_in_order(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    for members in [
        json!({"title": "second", "sort_order": 2}),
        // Two habits with one sort_order: the newer one comes first.
        json!({"title": "older", "sort_order": 1}),
        json!({"title": "newer", "sort_order": 1}),
        json!({"title": "away", "sort_order": 0, "archived_at": "2026-03-02T12:00:00Z"}),
    ] {
        account.habit_with(&members).await?;
    }
    for (query, expected) in [
        ("", &["newer", "older", "second"] as &[_]),
        ("?archived=true", &["away", "newer", "older", "second"]),
    ] {
        let answer = account.get(&format!("/habits{query}")).await?;
        answer.status(200)?;
        let titles = answer.list("").iter().filter_map(|it| it["title"].as_str());
        let titles: Vec<_> = titles.collect();
        answer.must(
            titles == expected,
            format_args!("{expected:?}, not {titles:?}"),
        )?;
    }
    Ok(())
}

async fn a_change_of_the_past_says_from_when(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = account.habit("Read").await?;
    let edit = json!({
        "version": 1, "frequency_type": "specific_days", "weekdays": [1, 3],
        "effective_from": "2099-01-01"
    });
    let answer = account.patch(&path(&habit), &edit).await?;
    answer.status(200)?;
    answer.is("/schedule_history/0/frequency_type", "daily")?;
    answer.is("/schedule_history/1/frequency_type", "specific_days")?;
    answer.is("/schedule_history/1/effective_from", "2099-01-01")?;
    let edit = json!({
        "version": 2, "frequency_type": "daily", "weekdays": [], "effective_from": "start"
    });
    let answer = account.patch(&path(&habit), &edit).await?;
    answer.status(200)?;
    let versions = answer.list("/schedule_history").len();
    answer.must(versions == 1, "one version of the schedule, for all days")?;
    answer.must(
        // It is a member of the request only.
        answer.json.get("effective_from").is_none(),
        "no member effective_from",
    )
}

async fn the_delta_of_habits_is_exact(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let (kept, gone) = (account.habit("kept").await?, account.habit("gone").await?);
    let first = account.get("/habits/sync").await?;
    first.status(200)?;
    first.must(first.list("/changes").len() == 2, "two changes")?;
    account
        .put(&path(&kept), &json!({"version": 1, "title": "edited"}))
        .await?
        .status(200)?;
    account.delete(&path(&gone)).await?.status(204)?;
    // Both tokens of an answer name the same position.
    for token in [first.text("/timestamp"), first.text("/cursor")] {
        let answer = account
            .get(&format!("/habits/sync?last_sync={token}"))
            .await?;
        answer.status(200)?;
        answer.must(
            answer.list("/changes").len() == 2,
            "both changes, once each",
        )?;
        answer.is("/changes/0/title", "edited")?;
        answer.is("/changes/1/id", gone["id"].clone())?;
        answer.must(
            answer.at("/changes/1/deleted_at").is_string(),
            "a tombstone",
        )?;
    }
    Ok(())
}
