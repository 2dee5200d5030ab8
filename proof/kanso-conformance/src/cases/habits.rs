//! Habits, one call at a time.

use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::Outcome;
use crate::case::cases;
use crate::ids::new_id;
use crate::person::{id, somebody};
use crate::wire::Wire;

cases! { "habits";
    a_title_is_enough, "protocol.md, Records",
        "A create needs no more than a title, and has every member in its answer.";
    a_create_can_be_repeated_under_its_id, "protocol.md, Habits and entries",
        "The same id with the same content is 200; with other content 409.";
    one_habit_has_its_version_as_its_tag, "protocol.md, Habits and entries",
        "GET of one record has ETag, and If-None-Match with it is 304.";
    a_change_names_the_version_it_builds_on, "protocol.md, Optimistic locking",
        "A change without a version is 428; with both member and header they must agree.";
    a_stale_change_is_told_what_is_stored, "protocol.md, Optimistic locking",
        "A change on an old version is 409 with the record and the clashing members.";
    if_match_takes_lists_and_a_star, "protocol.md, Optimistic locking",
        "If-Match may list versions, `*` is whatever is stored, and nonsense is 412.";
    a_change_that_changes_nothing_is_no_change, "protocol.md, Optimistic locking",
        "A change to what is stored is 200 and leaves the version, whatever it names.";
    put_and_patch_change_only_what_is_given, "protocol.md, Habits and entries",
        "PUT and PATCH both leave the members that are left out, and null clears.";
    a_deleted_habit_looks_like_none, "protocol.md, Deleted records",
        "After DELETE: 404 for GET, PUT and PATCH, 204 again for DELETE, 410 for a create.";
    a_delete_may_name_a_version, "protocol.md, Optimistic locking",
        "A delete that names an old version is 409, one that names none is carried out.";
    the_list_is_in_order, "protocol.md, Habits and entries",
        "GET /habits has the live habits by sort_order, and archived ones if asked.";
    a_change_of_the_past_says_from_when, "domain.md, The past stays",
        "An edit of the schedule takes effect from `effective_from`, and history stays.";
    the_delta_of_habits_is_exact, "protocol.md, The two pull routes",
        "timestamp and cursor of /habits/sync both bring every later change once.";
}

fn path(habit: &Value) -> String {
    format!("/habits/{}", id(habit))
}

async fn a_title_is_enough(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let answer = person
        .post("/habits", &json!({"title": "  Read  "}))
        .await?;
    answer.status(201)?;
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
        let is_whole = answer.text(member).len() == 27 && answer.text(member).ends_with('Z');
        answer.must(is_whole, format_args!("{member} in UTC with 27 characters"))?;
    }
    person
        .get(&path(&answer.json))
        .await?
        .is("", answer.json.clone())
}

async fn a_create_can_be_repeated_under_its_id(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let body = json!({"id": new_id(), "title": "Read"});
    let first = person.post("/habits", &body).await?;
    first.status(201)?;
    let again = person.post("/habits", &body).await?;
    again.status(200)?;
    again.is("", first.json)?;
    let other = json!({"id": body["id"], "title": "Run"});
    person
        .post("/habits", &other)
        .await?
        .problem(409, "conflict")
}

async fn one_habit_has_its_version_as_its_tag(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = person.habit("Read").await?;
    person
        .get(&path(&habit))
        .await?
        .header_is("etag", "\"1\"")?;
    for (tag, status) in [("\"1\"", 304), ("\"2\"", 200), ("\"0\", \"1\"", 304)] {
        let call = person.call(Method::GET, &path(&habit));
        call.header("if-none-match", tag)
            .send()
            .await?
            .status(status)?;
    }
    Ok(())
}

async fn a_change_names_the_version_it_builds_on(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = person.habit("Read").await?;
    let answer = person.put(&path(&habit), &json!({"title": "Run"})).await?;
    answer.problem(428, "version_required")?;
    let put = |version: i64, tag: &str| {
        let call = person.call(Method::PUT, &path(&habit));
        let call = call.json(&json!({"title": "Run", "version": version}));
        call.header("if-match", tag).send()
    };
    put(1, "\"2\"").await?.problem(400, "versions_differ")?;
    let answer = put(1, "\"1\"").await?;
    answer.status(200)?;
    answer.is("/version", 2)?;
    answer.header_is("etag", "\"2\"")
}

async fn a_stale_change_is_told_what_is_stored(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = person.habit("Read").await?;
    let edit = json!({"version": 1, "title": "Run"});
    let stored = person.put(&path(&habit), &edit).await?.status(200)?.clone();
    let stale = json!({"version": 1, "title": "Rest"});
    for answer in [
        person.put(&path(&habit), &stale).await?,
        person.patch(&path(&habit), &stale).await?,
    ] {
        answer.problem(409, "conflict")?;
        answer.is("/record", stored.clone())?;
        answer.is("/clashing", json!(["title"]))?;
    }
    person.get(&path(&habit)).await?.is("", stored)
}

async fn if_match_takes_lists_and_a_star(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = person.habit("Read").await?;
    for (number, (tag, status)) in [
        ("\"7\", \"1\"", 200),
        ("*", 200),
        ("\"1\"", 409),
        ("\"x\"", 412),
    ]
    .into_iter()
    .enumerate()
    {
        let call = person.call(Method::PATCH, &path(&habit));
        let call = call.json(&json!({"title": format!("title {number}")}));
        call.header("if-match", tag).send().await?.status(status)?;
    }
    Ok(())
}

async fn a_change_that_changes_nothing_is_no_change(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = person.habit("Read").await?;
    let edit = json!({"version": 1, "title": "Run"});
    let stored = person.put(&path(&habit), &edit).await?.status(200)?.clone();
    for version in [1, 2] {
        let same = json!({"version": version, "title": "Run"});
        let answer = person.put(&path(&habit), &same).await?;
        answer.status(200)?;
        answer.is("", stored.clone())?;
    }
    Ok(())
}

async fn put_and_patch_change_only_what_is_given(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let members = json!({"title": "Read", "icon": "book", "reminder_time": "07:30"});
    let habit = person.habit_with(&members).await?;
    let edit = json!({"version": 1, "color": "#112233"});
    person.put(&path(&habit), &edit).await?.status(200)?;
    let edit = json!({"version": 2, "reminder_time": null});
    let answer = person.patch(&path(&habit), &edit).await?;
    answer.status(200)?;
    answer.is("/title", "Read")?;
    answer.is("/icon", "book")?;
    answer.is("/color", "#112233")?;
    answer.is("/reminder_time", Value::Null)?;
    answer.is("/version", 3)
}

async fn a_deleted_habit_looks_like_none(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = person.habit("Read").await?;
    let entry = person.entry(&habit, "2026-03-02").await?;
    person.delete(&path(&habit)).await?.status(204)?;
    person.delete(&path(&habit)).await?.status(204)?;
    let edit = json!({"version": 2, "title": "Run"});
    for answer in [
        person.get(&path(&habit)).await?,
        person.put(&path(&habit), &edit).await?,
        person.patch(&path(&habit), &edit).await?,
    ] {
        answer.problem(404, "habit_not_found")?;
    }
    let again = json!({"id": habit["id"], "title": "Read"});
    person.post("/habits", &again).await?.problem(410, "gone")?;
    let answer = person.get(&format!("/entries/{}", id(&entry))).await?;
    answer.problem(404, "entry_not_found")?;
    let body = json!({"habit_id": habit["id"], "completion_date": "2026-03-03"});
    person.post("/entries", &body).await?.problem(410, "gone")
}

async fn a_delete_may_name_a_version(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    for (query, tag) in [("?version=1", None), ("", Some("\"1\""))] {
        let habit = person.habit("Read").await?;
        let edit = json!({"version": 1, "title": "Run"});
        person.put(&path(&habit), &edit).await?.status(200)?;
        let mut call = person.call(Method::DELETE, &format!("{}{query}", path(&habit)));
        if let Some(tag) = tag {
            call = call.header("if-match", tag);
        }
        call.send().await?.problem(409, "conflict")?;
        person.delete(&path(&habit)).await?.status(204)?;
    }
    Ok(())
}

async fn the_list_is_in_order(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    for members in [
        json!({"title": "second", "sort_order": 2}),
        json!({"title": "older", "sort_order": 1}),
        json!({"title": "newer", "sort_order": 1}),
        json!({"title": "away", "sort_order": 0, "archived_at": "2026-03-02T12:00:00Z"}),
    ] {
        person.habit_with(&members).await?;
    }
    for (query, expected) in [
        ("", &["newer", "older", "second"] as &[_]),
        ("?archived=true", &["away", "newer", "older", "second"]),
    ] {
        let answer = person.get(&format!("/habits{query}")).await?;
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

async fn a_change_of_the_past_says_from_when(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = person.habit("Read").await?;
    let edit = json!({
        "version": 1, "frequency_type": "specific_days", "weekdays": [1, 3],
        "effective_from": "2099-01-01"
    });
    let answer = person.patch(&path(&habit), &edit).await?;
    answer.status(200)?;
    answer.is("/schedule_history/0/frequency_type", "daily")?;
    answer.is("/schedule_history/1/frequency_type", "specific_days")?;
    answer.is("/schedule_history/1/effective_from", "2099-01-01")?;
    let edit = json!({
        "version": 2, "frequency_type": "daily", "weekdays": [], "effective_from": "start"
    });
    let answer = person.patch(&path(&habit), &edit).await?;
    answer.status(200)?;
    let versions = answer.list("/schedule_history").len();
    answer.must(versions == 1, "one version of the schedule, for all days")?;
    answer.must(
        answer.json.get("effective_from").is_none(),
        "no member effective_from",
    )
}

async fn the_delta_of_habits_is_exact(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let (kept, gone) = (person.habit("kept").await?, person.habit("gone").await?);
    let first = person.get("/habits/sync").await?;
    first.status(200)?;
    first.must(first.list("/changes").len() == 2, "two changes")?;
    person
        .put(&path(&kept), &json!({"version": 1, "title": "edited"}))
        .await?
        .status(200)?;
    person.delete(&path(&gone)).await?.status(204)?;
    for token in [first.text("/timestamp"), first.text("/cursor")] {
        let answer = person
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
