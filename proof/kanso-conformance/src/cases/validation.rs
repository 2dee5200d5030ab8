//! Requests that cannot be accepted.

use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::Outcome;
use crate::case::cases;
use crate::ids::new_id;
use crate::person::somebody;
use crate::wire::Wire;

cases! { "validation";
    members_of_a_habit_are_named, "protocol.md, Errors",
        "Every invalid member is named by a JSON pointer, all of them at once.";
    members_that_do_not_go_together_are_refused, "domain.md, 5. What a habit says",
        "A member that does not go with the kind of a habit is refused.";
    limits_of_text_count_characters, "protocol.md, Values",
        "Lengths count Unicode scalar values after trimming.";
    members_of_an_entry_are_named, "protocol.md, Errors",
        "Every invalid member of an entry is named.";
    what_the_server_writes_is_refused, "protocol.md, Values",
        "Members that are unknown or that only the server writes are refused.";
    a_record_can_be_sent_back, "domain.md, 5. What a habit says",
        "Neutral values go with every kind of habit.";
    parameters_are_read_strictly, "protocol.md, Errors",
        "Unknown, repeated and wrong parameters are 400 invalid_parameter.";
    an_envelope_is_refused_as_a_whole, "protocol.md, Operations",
        "A push whose envelope is not understood is 422 and changes nothing.";
    an_operation_is_refused_by_itself, "protocol.md, Operations",
        "Invalid members of an operation are its own result, with pointers into it.";
}

async fn members_of_a_habit_are_named(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
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
        (json!({"title": "", "color": "red"}), &["/title", "/color"]),
    ] {
        let answer = person.post("/habits", &body).await?;
        answer.names(422, "invalid", pointers)?;
    }
    person.get("/habits").await?.is("", json!([]))
}

async fn members_that_do_not_go_together_are_refused(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    for body in [
        json!({"title": "x", "frequency_type": "daily", "weekdays": [1]}),
        json!({"title": "x", "frequency_type": "specific_days", "weekdays": []}),
        json!({"title": "x", "frequency_type": "specific_days", "weekdays": [7]}),
        json!({"title": "x", "times_per_week": 8}),
        json!({"title": "x", "frequency_type": "interval", "interval": 0}),
        json!({"title": "x", "frequency_type": "interval", "interval": 3661}),
        json!({"title": "x", "type": "boolean", "target_value": 2}),
        json!({"title": "x", "type": "numeric", "target_value": 0}),
        json!({"title": "x", "start_date": "2026-03-02", "end_date": "2026-03-01"}),
    ] {
        let answer = person.post("/habits", &body).await?;
        answer.problem(422, "invalid")?;
        answer.must(
            !answer.list("/errors").is_empty(),
            "`errors` to name the member",
        )?;
    }
    Ok(())
}

async fn limits_of_text_count_characters(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let long = "👍".repeat(100);
    let body = json!({"title": format!(" {long} "), "description": "é".repeat(500)});
    let answer = person.post("/habits", &body).await?;
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
        let answer = person.post("/habits", &body).await?;
        answer.names(422, "invalid", &[&format!("/{member}")])?;
    }
    Ok(())
}

async fn members_of_an_entry_are_named(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = person.habit("Read").await?;
    let answer = person.post("/entries", &json!({})).await?;
    answer.names(422, "invalid", &["/habit_id", "/completion_date"])?;
    for (member, value) in [
        ("completion_date", json!("yesterday")),
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
        let answer = person.post("/entries", &body).await?;
        answer.names(422, "invalid", &[&format!("/{member}")])?;
    }
    Ok(())
}

async fn what_the_server_writes_is_refused(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    for member in [
        "user_id",
        "version",
        "created_at",
        "current_streak",
        "deleted_at",
        "x",
    ] {
        let body = json!({"title": "x", member: 1});
        let answer = person.post("/habits", &body).await?;
        answer.names(422, "invalid", &[&format!("/{member}")])?;
    }
    Ok(())
}

async fn a_record_can_be_sent_back(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    for members in [
        json!({"title": "tick"}),
        json!({"title": "days", "weekdays": [1, 3]}),
        json!({"title": "week", "times_per_week": 3}),
        json!({"title": "window", "interval": 3}),
        json!({"title": "most", "type": "timer", "target_value": 0, "target_direction": "at_most"}),
    ] {
        let habit = person.habit_with(&members).await?;
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
        let path = format!("/habits/{}", crate::person::id(&habit));
        let answer = person.put(&path, &body).await?;
        answer.status(200)?;
        answer.is("", habit)?;
    }
    Ok(())
}

async fn parameters_are_read_strictly(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    for query in [
        "/habits?archived=maybe",
        "/habits?nope=1",
        "/entries?habit_id=%00",
        "/entries?from=%FF%FE",
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
        person.get(query).await?.problem(400, "invalid_parameter")?;
    }
    Ok(())
}

async fn an_envelope_is_refused_as_a_whole(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let good = crate::person::create("Read");
    let wrong = crate::person::with(good.clone(), &json!({"on_conflict": "hope"}));
    for (body, pointer) in [
        (
            json!({"operations": [good, wrong]}),
            "/operations/1/on_conflict",
        ),
        (json!({"operations": [{}]}), "/operations/0/op_id"),
        (json!({"operations": {}}), "/operations"),
        (json!({"limit": 0}), "/limit"),
        (json!({"device_id": "phone"}), "/device_id"),
        (json!({"cursor": 7}), "/cursor"),
    ] {
        let answer = person.post("/sync", &body).await?;
        answer.names(422, "invalid", &[pointer])?;
    }
    person.pull("").await?.is("/head", 0)
}

async fn an_operation_is_refused_by_itself(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = crate::person::create("Read");
    let members = json!({"base_version": 1, "fields": {"title": "", "color": "red"}});
    let update = crate::person::operation("habit", "update", &habit["id"], &members);
    let body = json!({"operations": [habit, update]});
    let answer = person
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
    let delete = crate::person::operation("entry", "delete", &unknown, &json!({}));
    let answer = person.push(&[(delete, "rejected")]).await?;
    answer.is("/results/0/code", "entry_not_found")
}
