use super::*;
use serde_json::json;

const ID: &str = "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e";

fn operation(mut body: Value) -> OperationRequest {
    for (name, value) in [("op_id", ID), ("entity", "habit"), ("id", ID)] {
        body[name] = value.into();
    }
    serde_json::from_value(body).expect("an operation")
}

fn refused(body: Value) -> Vec<String> {
    match operation(body).action() {
        Action::Unreadable(invalid) => invalid
            .errors()
            .iter()
            .map(|error| error.field.to_string())
            .collect(),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[test]
fn each_action_has_its_members() {
    for (body, fields) in [
        (json!({"action": "create"}), ["fields"]),
        (json!({"action": "create", "fields": 1}), ["/fields"]),
        (
            json!({"action": "create", "base_version": 1, "fields": {}}),
            ["base_version"],
        ),
        (json!({"action": "update", "fields": {}}), ["base_version"]),
        (
            json!({"action": "update", "base_version": 0, "fields": {}}),
            ["base_version"],
        ),
        (json!({"action": "update", "base_version": 1}), ["fields"]),
        (json!({"action": "delete", "fields": {}}), ["fields"]),
        (
            json!({"action": "create", "fields": {"version": 3}}),
            ["/fields/version"],
        ),
        (
            json!({"action": "create", "fields": {"title": "a", "group": "b"}}),
            ["/fields/group"],
        ),
        (
            json!({"action": "create", "fields": {"title": "a"}, "group_size": 1}),
            ["group_size"],
        ),
        (
            json!({"action": "create", "fields": {"title": null}}),
            ["title"],
        ),
    ] {
        assert_eq!(refused(body.clone()), fields, "{body}");
    }
}

#[test]
fn every_invalid_member_is_named() {
    let fields = json!({"title": " ", "color": "red", "target_value": -1, "start_date": "today"});
    let expected = ["title", "color", "target_value", "start_date"];
    assert_eq!(
        refused(json!({"action": "create", "fields": fields})),
        expected
    );
}
