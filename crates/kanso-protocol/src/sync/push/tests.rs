use serde_json::json;

use super::*;
use crate::ReadError;
use crate::sync::SyncRequest;

const ID: &str = "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e";

fn read(operations: &str) -> Vec<PushedOperation> {
    let body = format!(r#"{{"operations":[{operations}]}}"#);
    let push: PushRequest = crate::read(body.as_bytes()).expect(operations);
    push.operations
}

fn unreadable(operation: &str) -> UnreadableOperation {
    match &read(operation)[..] {
        [PushedOperation::Unreadable(unreadable)] => unreadable.clone(),
        other => panic!("{operation}: {other:?}"),
    }
}

#[test]
fn push_is_what_a_client_sends() {
    let sent = json!({
        "device_id": ID, "cursor": "k1_x", "limit": 3, "wait_ms": 0, "min_seq": 5,
        "seen_versions": {ID: [1, 2]},
        "operations": [{"op_id": ID, "entity": "habit", "action": "delete", "id": ID}]
    });
    let request: SyncRequest = serde_json::from_value(sent.clone()).expect("a request");
    // Every member: a new one must be read by both types.
    assert_eq!(serde_json::to_value(&request).ok().as_ref(), Some(&sent));
    let SyncRequest {
        device_id,
        cursor,
        limit,
        wait_ms,
        min_seq,
        seen_versions,
        operations,
    } = request;
    let expected = PushRequest {
        device_id,
        cursor,
        limit,
        wait_ms,
        min_seq,
        seen_versions,
        operations: operations.into_iter().map(PushedOperation::Read).collect(),
    };
    assert_eq!(crate::read(sent.to_string().as_bytes()), Ok(expected));
}

#[test]
fn what_can_be_read_of_an_operation_is_kept() {
    for (operation, op_id, id, group) in [
        ("7", false, false, None),
        ("[]", false, false, None),
        ("{}", false, false, None),
        (
            r#"{"op_id":"ID","id":"ID","group":"g"}"#,
            true,
            true,
            Some("g"),
        ),
        (r#"{"op_id":"ID","op_id":"ID"}"#, false, false, None),
        (
            r#"{"op_id":"x","id":7,"group":"g","group":"h"}"#,
            false,
            false,
            Some("g"),
        ),
        (
            r#"{"group":"\ud83d","group":"h","id":"ID"}"#,
            false,
            true,
            Some("h"),
        ),
        (r#"{"\ud83d":1,"op_id":"ID","group":7}"#, true, false, None),
        (
            r#"{"\u006fp_id":"ID","fields":{"id":"ID"}}"#,
            true,
            false,
            None,
        ),
        (r#"{"value":1e400,"op_id":"ID"}"#, true, false, None),
    ] {
        let found = unreadable(&operation.replace("ID", ID));
        let kept = (found.op_id.is_some(), found.id.is_some());
        assert_eq!(kept, (op_id, id), "{operation}");
        assert_eq!(found.group.as_deref(), group, "{operation}");
    }
}

#[test]
fn operation_that_cannot_be_read_changes_nothing() {
    let [one] = &read(r#"{"op_id":"ID","group":"g"}"#.replace("ID", ID).as_str())[..] else {
        panic!("one operation");
    };
    let operation = one.clone().operation(None, FingerprintForm::Current);
    assert_eq!(
        (operation.key, operation.group.as_deref()),
        (None, Some("g"))
    );
    let Action::Unreadable(invalid) = operation.action else {
        panic!("{operation:?}");
    };
    assert_eq!(invalid.to_string(), "/entity: is required");
}

#[test]
fn envelope_is_read_strictly() {
    for (body, field) in [
        (r#"{"operations":{}}"#, "operations"),
        (r#"{"operations":[],"operations":[]}"#, "operations"),
        (r#"{"nope":1}"#, "nope"),
        (r#"{"limit":1.5}"#, "limit"),
    ] {
        match crate::read::<PushRequest>(body.as_bytes()) {
            Err(ReadError::WrongShape(error)) => assert_eq!(error.field, field, "{body}"),
            other => panic!("{body}: {other:?}"),
        }
    }
    for body in [
        r#"{"operations":[{]}"#,
        r#"{"operations":[{"a":01}]}"#,
        r#"{"operations":[{"a":"\x"}]}"#,
        r#"{"operations":["#,
    ] {
        let read = crate::read::<PushRequest>(body.as_bytes());
        assert!(
            matches!(read, Err(ReadError::NotJson(_))),
            "{body}: {read:?}"
        );
    }
}

#[test]
fn operations_above_the_limit_are_counted_and_not_kept() {
    let many = vec!["0"; MAX_OPERATIONS * 3].join(",");
    assert_eq!(read(&many).len(), MAX_OPERATIONS + 1);
}
