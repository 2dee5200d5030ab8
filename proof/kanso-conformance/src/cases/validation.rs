//! Invalid requests.

use reqwest::Method;
use serde_json::{Value, json};

use crate::account::new_account;
use crate::answer::CheckResult;
use crate::case::cases;
use crate::ids::new_id;
use crate::server::ServerUnderTest;

cases! { "validation";
    members_of_a_habit_are_named, "protocol.md, Errors",
        "All invalid members of a habit are named at once, by JSON pointers.";
    members_that_do_not_go_together_are_refused, "domain.md, 5. What a habit says",
        "A member that does not fit the type of the habit is rejected.";
    limits_of_text_count_characters, "protocol.md, Values",
        "Limits of texts count Unicode scalar values after trimming.";
    members_of_an_entry_are_named, "protocol.md, Errors",
        "All invalid members of an entry are named at once, by JSON pointers.";
    what_the_server_writes_is_refused, "protocol.md, Values",
        "Unknown members and members that only the server writes are rejected.";
    a_record_can_be_sent_back, "domain.md, 5. What a habit says",
        "Neutral values are accepted for every type of habit.";
    parameters_are_read_strictly, "protocol.md, Errors",
        "Unknown, repeated and invalid parameters are answered 400 invalid_parameter.";
    an_envelope_is_refused_as_a_whole, "protocol.md, Operations",
        "A push with an invalid envelope is answered 422 and changes nothing.";
    an_operation_is_refused_by_itself, "protocol.md, Operations",
        "Invalid fields of an operation are its own result, with pointers into it.";
}

async fn members_of_a_habit_are_named(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    for (body, pointers) in [
        (json!({}), &["/title"] as &[_]),
        (json!({"title": "   "}), &["/title"]),
        (json!({"title": 7}), &["/title"]),
        (json!({"title": "x", "color": "red"}), &["/color"]),
        (json!({"title": "x", "type": "other"}), &["/type"]),
        (
            json!({"title": "x", "reminder_time": "25:00"}),
            &["/reminder_time"],
        ),
        (
            json!({"title": "x", "start_date": "2026-02-30"}),
            &["/start_date"],
        ),
        (
            json!({"title": "x", "archived_at": "yesterday"}),
            &["/archived_at"],
        ),
        (json!({"title": "x", "id": "nonsense"}), &["/id"]),
        // Both at once, so that a form can mark all of its fields.
        (json!({"title": "", "color": "red"}), &["/title", "/color"]),
    ] {
        let answer = account.post("/habits", &body).await?;
        answer.names(422, "invalid", pointers)?;
    }
    account.get("/habits").await?.is("", json!([]))
}

async fn members_that_do_not_go_together_are_refused(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    for body in [
        json!({"title": "x", "frequency_type": "daily", "weekdays": [1]}),
        json!({"title": "x", "frequency_type": "specific_days", "weekdays": []}),
        json!({"title": "x", "frequency_type": "specific_days", "weekdays": [7]}),
        json!({"title": "x", "times_per_week": 8}),
        json!({"title": "x", "frequency_type": "interval", "interval": 0}),
        // 3,660 days are the limit.
        json!({"title": "x", "frequency_type": "interval", "interval": 3661}),
        json!({"title": "x", "type": "boolean", "target_value": 2}),
        json!({"title": "x", "type": "numeric", "target_value": 0}),
        json!({"title": "x", "start_date": "2026-03-02", "end_date": "2026-03-01"}),
    ] {
        let answer = account.post("/habits", &body).await?;
        answer.problem(422, "invalid")?;
        answer.must(
            !answer.list("/errors").is_empty(),
            "`errors` to name the member",
        )?;
    }
    Ok(())
}

async fn limits_of_text_count_characters(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    // 100 characters in 400 bytes and 200 UTF-16 units: only a count of scalar values accepts it.
    let long = "👍".repeat(100);
    let body = json!({"title": format!(" {long} "), "description": "é".repeat(500)});
    let answer = account.post("/habits", &body).await?;
    answer.status(201)?;
    answer.is("/title", long.clone())?;
    for (member, text) in [
        ("title", format!("{long}x")),
        ("description", "é".repeat(501)),
        ("icon", "x".repeat(65)),
        ("unit", "x".repeat(33)),
    ] {
        let mut body = json!({"title": "x", "type": "numeric", "target_value": 1});
        body[member] = json!(text);
        let answer = account.post("/habits", &body).await?;
        answer.names(422, "invalid", &[&format!("/{member}")])?;
    }
    Ok(())
}

async fn members_of_an_entry_are_named(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = account.habit("Read").await?;
    let answer = account.post("/entries", &json!({})).await?;
    answer.names(422, "invalid", &["/habit_id", "/completion_date"])?;
    for (member, value) in [
        ("completion_date", json!("yesterday")),
        // At the ends of the calendar a zone or a day start could leave the range of dates.
        ("completion_date", json!("0001-01-02T23:59:59Z")),
        ("completion_date", json!("9999-12-31")),
        ("timezone", json!("CET+1")),
        ("local_date", json!("2026-11-31")),
        ("kind", json!("rest")),
        ("notes", json!("👍".repeat(2001))),
        ("habit_id", json!("nonsense")),
    ] {
        let mut body = json!({"habit_id": habit["id"], "completion_date": "2026-03-02"});
        body[member] = value;
        let answer = account.post("/entries", &body).await?;
        answer.names(422, "invalid", &[&format!("/{member}")])?;
    }
    Ok(())
}

async fn what_the_server_writes_is_refused(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    for member in [
        "user_id",
        "version",
        "created_at",
        "current_streak",
        "deleted_at",
        "x",
    ] {
        let body = json!({"title": "x", member: 1});
        let answer = account.post("/habits", &body).await?;
        answer.names(422, "invalid", &[&format!("/{member}")])?;
    }
    Ok(())
}

async fn a_record_can_be_sent_back(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    for members in [
        json!({"title": "tick"}),
        json!({"title": "days", "weekdays": [1, 3]}),
        json!({"title": "week", "times_per_week": 3}),
        json!({"title": "window", "interval": 3}),
        json!({"title": "most", "type": "timer", "target_value": 0, "target_direction": "at_most"}),
    ] {
        let habit = account.habit_with(&members).await?;
        let mut body = habit.clone();
        let written = [
            "id",
            "schedule_history",
            "archived_spans",
            "current_streak",
            "longest_streak",
            "created_at",
            "updated_at",
            "deleted_at",
        ];
        if let Some(body) = body.as_object_mut() {
            for name in written {
                body.remove(name);
            }
        }
        let path = format!("/habits/{}", crate::account::id(&habit));
        // A client may send a whole record back as it got it. Neutral values of members that the type does
        // not use must not make that an error.
        let answer = account.put(&path, &body).await?;
        answer.status(200)?;
        answer.is("", habit)?;
    }
    Ok(())
}

async fn parameters_are_read_strictly(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    for query in [
        "/habits?archived=maybe",
        "/habits?nope=1",
        "/entries?habit_id=%00",
        "/entries?from=%FF%FE",
        // Which of the two is meant is not defined, so neither is used.
        "/entries?from=2026-03-01&from=2026-03-02",
        "/sync?limit=0",
        "/sync?limit=1001",
        "/sync?limit=99999999999999999999",
        "/sync?wait_ms=25001",
        "/sync?min_seq=-1",
        "/sync/snapshot?window_days=3661",
        "/today?tz=Mars/Olympus",
        "/stats/heatmap?from=2026-03-02&to=2026-03-01",
    ] {
        account
            .get(query)
            .await?
            .problem(400, "invalid_parameter")?;
    }
    Ok(())
}

async fn an_envelope_is_refused_as_a_whole(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let good = crate::account::create("Read");
    for (body, pointer) in [
        // The good operation must not be carried out: a client with an unknown member is newer than the
        // server, and its operations may mean something else too.
        (json!({"operations": [good], "hope": true}), "/hope"),
        (json!({"operations": {}}), "/operations"),
        (json!({"operations": [good], "limit": 0}), "/limit"),
        (json!({"limit": 1.5}), "/limit"),
        (json!({"device_id": "phone"}), "/device_id"),
        (json!({"cursor": 7}), "/cursor"),
    ] {
        let answer = account.post("/sync", &body).await?;
        answer.names(422, "invalid", &[pointer])?;
    }
    account.pull("").await?.is("/head", 0)
}

async fn an_operation_is_refused_by_itself(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = crate::account::create("Read");
    let members = json!({"base_version": 1, "fields": {"title": "", "color": "red"}});
    let update = crate::account::operation("habit", "update", &habit["id"], &members);
    let body = json!({"operations": [habit, update]});
    let answer = account
        .call(Method::POST, "/sync")
        .json(&body)
        .send()
        .await?;
    answer.status(200)?;
    answer.is("/results/0/status", "applied")?;
    answer.is("/results/1/status", "rejected")?;
    answer.is("/results/1/code", "invalid")?;
    let errors = answer.list("/results/1/errors").iter();
    let pointers: Value = errors.map(|error| error["pointer"].clone()).collect();
    answer.must(
        pointers == json!(["/fields/title", "/fields/color"]),
        "errors at /fields/title and /fields/color",
    )?;
    let unknown = json!(new_id());
    let delete = crate::account::operation("entry", "delete", &unknown, &json!({}));
    let answer = account.push(&[(delete, "rejected")]).await?;
    answer.is("/results/0/code", "entry_not_found")
}
