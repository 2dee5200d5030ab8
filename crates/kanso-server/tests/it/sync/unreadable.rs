//! Operations that cannot be read.

use serde_json::{Value, json};

use super::{create, pull, statuses};
use crate::support::{App, TestUser, new_id, operation};

/// Sends operations as text: a JSON library would not write what these tests send.
async fn push_text(user: &TestUser, operations: &[String]) -> Vec<Value> {
    let body = format!(r#"{{"operations":[{}]}}"#, operations.join(","));
    let call = user.call(reqwest::Method::POST, "/sync");
    let call = call.header("content-type", "application/json").body(body);
    let mut answer = call.await.expect(200);
    match answer["results"].take() {
        Value::Array(results) => results,
        other => panic!("results are a list, not {other}"),
    }
}

/// Returns an operation on a new habit with `members` in place of the usual ones.
fn habit_with(members: &str) -> (Value, String) {
    let op_id = json!(new_id());
    let (entity, action) = (r#""entity":"habit""#, r#""action":"create""#);
    let text = format!(
        r#"{{"op_id":{op_id},"id":"{}",{entity},{action},{members}}}"#,
        new_id()
    );
    (op_id, text)
}

/// Asserts that an operation is rejected for the member at `pointer`, and the ones beside it are
/// applied.
async fn is_rejected_alone(
    user: &TestUser,
    (op_id, text): (Value, String),
    pointer: &str,
    reason: &str,
) {
    let beside = [create("before"), create("after")];
    let outbox = [beside[0].to_string(), text.clone(), beside[1].to_string()];
    let results = push_text(user, &outbox).await;
    assert_eq!(
        statuses(&results),
        ["applied", "rejected", "applied"],
        "{text}"
    );
    let expected = json!({
        "op_id": op_id, "status": "rejected", "code": "invalid",
        "errors": [{"pointer": pointer, "detail": reason}]
    });
    assert_eq!(results[1], expected, "{text}");
}

const SURROGATE: &str = "has half of a surrogate pair, which is no character";
const TOO_LARGE: &str = "is too large a number";
const ONCE: &str = "must be given once";
const UNKNOWN: &str = "is unknown or owned by the server";

#[tokio::test]
async fn members_that_cannot_be_read_stop_no_other_operation() {
    let app = App::start().await;
    let user = app.user().await;
    let fields = |members: &str| habit_with(&format!(r#""fields":{{"title":"x",{members}}}"#));
    let int32 = "must be an integer from -2147483648 to 2147483647";
    for (operation, pointer, reason) in [
        (fields(r#""icon":"walk \ud83d""#), "/fields/icon", SURROGATE),
        (
            fields(r#""unit":"\udc00\ud83d""#),
            "/fields/unit",
            SURROGATE,
        ),
        (fields(r#""\ud83d":1"#), "/fields", SURROGATE),
        (
            fields(r#""target_value":1e400"#),
            "/fields/target_value",
            TOO_LARGE,
        ),
        (
            fields(r#""sort_order":-1e400"#),
            "/fields/sort_order",
            TOO_LARGE,
        ),
        (fields(r#""sort_order":1.5"#), "/fields/sort_order", int32),
        (
            fields(r#""sort_order":2147483648"#),
            "/fields/sort_order",
            int32,
        ),
        (
            fields(r#""sort_order":18446732429235952000"#),
            "/fields/sort_order",
            int32,
        ),
        (
            fields(r#""weekdays":[1,1.5]"#),
            "/fields/weekdays/1",
            "must be an integer from 0 to 255",
        ),
        (fields(r#""title":"y""#), "/fields/title", ONCE),
        (
            fields(r#""weekdays":[{"a":1,"b":2,"a":3}]"#),
            "/fields/weekdays/0/a",
            ONCE,
        ),
        (fields(r#""group":"g""#), "/fields/group", UNKNOWN),
        (
            fields(r#""target_value":"1""#),
            "/fields/target_value",
            "must be a number",
        ),
    ] {
        is_rejected_alone(&user, operation, pointer, reason).await;
    }
}

#[tokio::test]
async fn operation_that_cannot_be_read_stops_no_other() {
    let app = App::start().await;
    let user = app.user().await;
    let bare = |members: &str| habit_with(&format!(r#"{members},"fields":{{"title":"x"}}"#));
    let int64 = "must be an integer from -9223372036854775808 to 9223372036854775807";
    for (operation, pointer, reason) in [
        (bare(r#""group":"\ud83d""#), "/group", SURROGATE),
        (bare(r#""\ud83d":1"#), "", SURROGATE),
        (bare(r#""base_version":1.5"#), "/base_version", int64),
        (
            bare(r#""base_version":18446732429235952000"#),
            "/base_version",
            int64,
        ),
        (
            bare(r#""base_version":9223372036854775808"#),
            "/base_version",
            int64,
        ),
        (bare(r#""base_version":1e400"#), "/base_version", TOO_LARGE),
        (bare(r#""base_version":"1""#), "/base_version", int64),
        (
            bare(r#""group_size":-1"#),
            "/group_size",
            "must be an integer from 0 to 4294967295",
        ),
        (bare(r#""group":7"#), "/group", "must be a string"),
        (
            bare(r#""revive":"yes""#),
            "/revive",
            "must be true or false",
        ),
        (
            bare(r#""on_conflict":"hope""#),
            "/on_conflict",
            "must be `reject`, `merge`, `server` or `client`",
        ),
        (bare(r#""colour":"red""#), "/colour", UNKNOWN),
        (bare(r#""revive":true,"revive":false"#), "/revive", ONCE),
        (habit_with(r#""fields":[]"#), "/fields", "must be an object"),
        (habit_with(r#""fields":null"#), "/fields", "is required"),
    ] {
        is_rejected_alone(&user, operation, pointer, reason).await;
    }
}

#[tokio::test]
async fn operation_without_an_id_has_its_result_at_its_place() {
    let app = App::start().await;
    let user = app.user().await;
    let whole = create("x").to_string();
    let with = |name: &str, value: &str| {
        let mut operation = create("x");
        operation[name] = json!("777");
        operation.to_string().replace(r#""777""#, value)
    };
    let uuid = "must be a UUID such as 0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e";
    let one_more = format!(r#"{{"op_id":"{}",{}"#, new_id(), &whole[1..]);
    for (text, pointer, reason) in [
        (with("op_id", r#""x""#), "/op_id", uuid),
        (with("op_id", "7"), "/op_id", "must be a string"),
        (with("op_id", "null"), "/op_id", "must be a string"),
        (
            with("op_id", r#""\ud83d""#),
            "/op_id",
            "has half of a surrogate pair, which is no character",
        ),
        (one_more, "/op_id", "must be given once"),
        ("{}".to_owned(), "/op_id", "is required"),
        ("7".to_owned(), "", "must be an object"),
        (r#""x""#.to_owned(), "", "must be an object"),
        ("null".to_owned(), "", "must be an object"),
        ("[1]".to_owned(), "", "must be an object"),
        ("1e400".to_owned(), "", "is too large a number"),
    ] {
        let results = push_text(&user, &[text.clone(), create("after").to_string()]).await;
        assert_eq!(statuses(&results), ["rejected", "applied"], "{text}");
        assert_eq!(results[0]["op_id"], Value::Null, "{text}");
        let errors = json!([{"pointer": pointer, "detail": reason}]);
        assert_eq!(results[0]["errors"], errors, "{text}");
    }
    for (name, value) in [
        ("id", r#""x""#),
        ("entity", r#""note""#),
        ("action", r#""merge""#),
    ] {
        let text = with(name, value);
        let results = push_text(&user, &[text.clone(), create("after").to_string()]).await;
        assert_eq!(statuses(&results), ["rejected", "applied"], "{text}");
        assert_eq!(
            results[0]["errors"][0]["pointer"],
            format!("/{name}"),
            "{text}"
        );
        assert!(results[0]["op_id"].is_string(), "{text}");
    }
}

/// Nothing was done under its id, so the corrected operation is no other one.
#[tokio::test]
async fn unreadable_operation_can_be_sent_again_in_its_right_form() {
    let app = App::start().await;
    let user = app.user().await;
    for (wrong, right) in [
        (r#""sort_order":1.5"#, r#""sort_order":1"#),
        (r#""icon":"\ud83d""#, r#""icon":"\ud83d\ude00""#),
        (r#""color":"red""#, r##""color":"#ff0000""##),
    ] {
        let (_, text) = habit_with(&format!(r#""fields":{{"title":"x",{wrong}}}"#));
        for _ in 0..2 {
            let results = push_text(&user, std::slice::from_ref(&text)).await;
            assert_eq!(statuses(&results), ["rejected"], "{text}");
            assert_eq!(results[0]["code"], "invalid", "{text}");
        }
        let text = text.replace(wrong, right);
        for status in ["applied", "duplicate"] {
            let results = push_text(&user, std::slice::from_ref(&text)).await;
            assert_eq!(statuses(&results), [status], "{text}");
        }
    }
}

#[tokio::test]
async fn unreadable_operation_refuses_its_group_alone() {
    let app = App::start().await;
    let user = app.user().await;
    let grouped = |title: &str| {
        let mut operation = create(title);
        operation["group"] = json!("g");
        operation.to_string()
    };
    let members = r#""group":"g","fields":{"title":"x","icon":"\ud83d"}"#;
    let (_, damaged) = habit_with(members);
    let group = [grouped("a"), damaged.clone(), grouped("b")];
    let outbox = [
        &[create("before").to_string()],
        &group[..],
        &[create("after").to_string()],
    ];
    let results = push_text(&user, &outbox.concat()).await;
    assert_eq!(
        statuses(&results),
        ["applied", "rejected", "rejected", "rejected", "applied"]
    );
    let codes: Vec<_> = results[1..4].iter().map(|it| it["code"].clone()).collect();
    assert_eq!(codes, ["group_failed", "invalid", "group_failed"]);
    assert_eq!(pull(&user, "").await["head"], 2);
    // The whole group can be sent again once it can be read.
    let [first, _, last] = group;
    let repaired = damaged.replace(r"\ud83d", "x");
    let results = push_text(&user, &[first, repaired, last]).await;
    assert_eq!(statuses(&results), ["applied", "applied", "applied"]);
}

#[tokio::test]
async fn integer_written_as_a_float_is_that_integer() {
    let app = App::start().await;
    let user = app.user().await;
    let fields = r#""fields":{"title":"x","sort_order":2.0,"weekdays":[1.0,3e0]}"#;
    let (_, text) = habit_with(fields);
    assert_eq!(
        statuses(&push_text(&user, std::slice::from_ref(&text)).await),
        ["applied"]
    );
    // A retry in another spelling is a retry.
    let other = text.replace("2.0", "2").replace("3e0", "3");
    assert_eq!(statuses(&push_text(&user, &[other]).await), ["duplicate"]);
    let id = pull(&user, "").await["changes"][0]["record"]["id"].clone();
    let update = |version: &str| {
        let update = operation(
            "habit",
            "update",
            &id,
            &json!({"base_version": 777, "fields": {"title": "y"}}),
        );
        let number = |number| format!("\"base_version\":{number}");
        update.to_string().replace(&number("777"), &number(version))
    };
    assert_eq!(
        statuses(&push_text(&user, &[update("1.0")]).await),
        ["applied"]
    );
    // The same in plain REST.
    let path = format!("/habits/{}", id.as_str().expect("an id"));
    let body = r#"{"version":2e0,"sort_order":30.0,"interval":2.0,"frequency_type":"interval"}"#;
    let call = user.call(reqwest::Method::PATCH, &path);
    let call = call.header("content-type", "application/json").body(body);
    let stored = call.await.expect(200);
    assert_eq!(
        (&stored["sort_order"], &stored["interval"]),
        (&json!(30), &json!(2))
    );
    let call = user.call(reqwest::Method::PATCH, &path);
    let call = call.header("content-type", "application/json");
    call.body(r#"{"version":3,"sort_order":1.5}"#)
        .await
        .invalid(422, &["/sort_order"]);
}

#[tokio::test]
async fn sum_of_floats_is_rounded_to_three_decimals() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user
        .habit_with(&json!({"title": "Run", "type": "numeric", "target_value": 0.1 + 0.2}))
        .await;
    assert_eq!(habit["target_value"], json!(0.3));
    let entry = |value: f64| json!({"habit_id": habit["id"], "completion_date": "2026-11-22", "value": value});
    for (sent, stored) in [
        (0.1 + 0.2, json!(0.3)),
        (3.3 * 3.0, json!(9.9)),
        (0.999_999_999_999_999_9, json!(1)),
        (1e-3, json!(0.001)),
    ] {
        let over_rest = user.post("/entries", &entry(sent)).await.expect(201);
        assert_eq!(over_rest["value"], stored, "{sent}");
        let id = json!(new_id());
        let members = json!({"fields": entry(sent)});
        let results = user
            .push(json!([operation("entry", "create", &id, &members)]))
            .await;
        assert_eq!(statuses(&results), ["applied"], "{sent}");
        let pushed = user.get(&format!("/entries/{}", id.as_str().expect("an id")));
        assert_eq!(pushed.await.expect(200)["value"], stored, "{sent}");
    }
    for sent in [1e-4, 12.345_6, 0.3001, 1_000_000_000.001] {
        user.post("/entries", &entry(sent))
            .await
            .invalid(422, &["/value"]);
        let members = json!({"fields": entry(sent)});
        let create = operation("entry", "create", &json!(new_id()), &members);
        let results = user.push(json!([create])).await;
        assert_eq!(
            results[0]["errors"][0]["pointer"], "/fields/value",
            "{sent}"
        );
    }
}

/// The record of an unreadable operation may be unknown, and a client names its versions all the same.
#[tokio::test]
async fn unreadable_operation_does_not_make_seen_versions_invalid() {
    let app = App::start().await;
    let user = app.user().await;
    let id = new_id();
    let mut damaged = create("x");
    damaged["id"] = json!("x");
    let body =
        |operations: Value| json!({"operations": operations, "seen_versions": {id.clone(): [2]}});
    let answer = user
        .post("/sync", &body(json!([damaged, create("y")])))
        .await;
    let results = answer.expect(200)["results"].clone();
    assert_eq!(results[0]["status"], "rejected");
    assert_eq!(results[1]["status"], "applied");
}

#[tokio::test]
async fn name_that_stands_twice_in_the_envelope_is_refused() {
    let app = App::start().await;
    let user = app.user().await;
    let id = new_id();
    for (body, pointer) in [
        (r#"{"limit":1,"limit":2}"#.to_owned(), "/limit"),
        (
            format!(r#"{{"seen_versions":{{"{id}":[1],"{id}":[2]}}}}"#),
            &*format!("/seen_versions/{id}"),
        ),
    ] {
        let call = user.call(reqwest::Method::POST, "/sync");
        let call = call.header("content-type", "application/json").body(body);
        call.await.invalid(422, &[pointer]);
    }
}

#[tokio::test]
async fn too_many_unreadable_operations_are_too_many() {
    let app = App::start().await;
    let user = app.user().await;
    let body = format!(r#"{{"operations":[{}0]}}"#, "0,".repeat(500_000));
    let call = user.call(reqwest::Method::POST, "/sync");
    let call = call.header("content-type", "application/json").body(body);
    call.await.refused(422, "too_many_operations");
}
