use kanso_domain::Version;
use kanso_domain::sync::ReceiptKey;
use kanso_domain::validation::Invalid;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use super::*;
use crate::entries::{CreateEntry, UpdateEntry};
use crate::habits::{CreateHabit, UpdateHabit};
use crate::idempotency::receipt_key;
use crate::sync::{ActionName, EntityName, OnConflictName};

/// The fingerprints named `legacy` in these files were computed by release 0.1.0 itself.
const OPERATIONS: &str = include_str!("../../tests/golden/operations.json");
const REQUESTS: &str = include_str!("../../tests/golden/requests.json");

const FORMS: [(&str, FingerprintForm); 2] = [
    ("fingerprint", FingerprintForm::Current),
    ("legacy", FingerprintForm::V0_1_0),
];

fn cases(file: &str) -> Vec<serde_json::Value> {
    serde_json::from_str(file).expect("a list of cases")
}

fn hex(print: &Fingerprint) -> String {
    let digits = print.bytes().iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}

fn read(operation: &serde_json::Value) -> OperationRequest {
    serde_json::from_value(operation.clone()).expect("an operation")
}

fn key(request: &OperationRequest, form: FingerprintForm) -> ReceiptKey {
    let operation = request.clone().operation(None, form);
    operation.key.expect("a key")
}

#[test]
fn operations_have_their_golden_fingerprints() {
    for case in cases(OPERATIONS) {
        let name = &case["name"];
        let request = read(&case["operation"]);
        let operation = request.clone().operation(None, FingerprintForm::Current);
        let text = operation_text(&operation).expect("a text");
        assert_eq!(case["text"], text, "{name}");
        for (member, form) in FORMS {
            let print = key(&request, form).fingerprint;
            assert_eq!(case[member], hex(&print), "{name}: {member}");
        }
    }
}

/// Calls `check` with the call that a case of the golden file describes.
fn with_call<T>(
    case: &serde_json::Value,
    check: impl FnOnce(&Call<'_>) -> T,
) -> Result<T, Invalid> {
    fn body<T: serde::de::DeserializeOwned>(case: &serde_json::Value) -> T {
        serde_json::from_value(case["request"].clone()).expect("a body")
    }
    let call = case["call"].as_str().expect("a call");
    let (method, path) = call.split_once(' ').expect("a method and a path");
    let nth = case["nth"].as_u64().and_then(|nth| nth.try_into().ok());
    let id = path.rsplit('/').next().and_then(|id| id.parse().ok());
    let id: Uuid = id.unwrap_or_default();
    let base = case["base"].as_i64().and_then(Version::new);
    let base = base.map_or(Base::Any, Base::Version);
    let content = |content| Call {
        method,
        path,
        nth: nth.expect("a number of attempts"),
        content,
    };
    Ok(match case["kind"].as_str().expect("a kind") {
        "create_habit" => {
            let request: CreateHabit = body(case);
            let fields = &request.clone().fields()?;
            let request = &request;
            check(&content(Content::CreateHabit { request, fields }))
        }
        "update_habit" => {
            let fields = &body::<UpdateHabit>(case).fields()?;
            let id = HabitId::new(id);
            check(&content(Content::UpdateHabit { id, base, fields }))
        }
        "delete_habit" => {
            let (id, purge) = (HabitId::new(id), false);
            check(&content(Content::DeleteHabit { id, base, purge }))
        }
        "create_entry" => {
            let request: CreateEntry = body(case);
            let fields = &request.clone().fields()?;
            let request = &request;
            check(&content(Content::CreateEntry { request, fields }))
        }
        "update_entry" => {
            let fields = &body::<UpdateEntry>(case).fields()?;
            let id = EntryId::new(id);
            check(&content(Content::UpdateEntry { id, base, fields }))
        }
        "delete_entry" => {
            let (id, purge) = (EntryId::new(id), false);
            check(&content(Content::DeleteEntry { id, base, purge }))
        }
        kind => panic!("{kind:?} is not a kind of call"),
    })
}

#[test]
fn calls_have_their_golden_fingerprints() {
    for case in cases(REQUESTS) {
        let name = &case["name"];
        let check = |call: &Call<'_>| {
            assert_eq!(case["text"], call_text(call), "{name}");
            assert_eq!(case["legacy_text"], v0_1_0::call(call), "{name}");
            for (member, form) in FORMS {
                let key = receipt_key(form, "a-key", call);
                assert_eq!(case[member], hex(&key.fingerprint), "{name}: {member}");
                assert_eq!(case["op_id"], key.op_id.uuid().to_string(), "{name}");
            }
        };
        with_call(&case, check).expect("members that can be read");
    }
}

#[test]
fn the_spelling_of_an_operation_does_not_matter() {
    const ID: &str = "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e";
    let print = |action: &str, entity: &str, rest: &str| {
        let text = format!(
            r#"{{"op_id":"{ID}","id":"{ID}","entity":"{entity}","action":"{action}",{rest}}}"#
        );
        let request = crate::read(text.as_bytes()).expect(&text);
        hex(&key(&request, FingerprintForm::Current).fingerprint)
    };
    for (action, entity, one, other) in [
        (
            "create",
            "habit",
            r#""fields":{"title":"a","type":"numeric","target_value":1}"#,
            r#""fields" : { "target_value" : 1.0, "type":"numeric", "title":" a " }, "revive": false"#,
        ),
        (
            "create",
            "habit",
            r#""fields":{"title":"a","weekdays":[1,3],"times_per_week":null}"#,
            r#""fields":{"title":"\u0061","weekdays":[3,1,3]}, "on_conflict":"merge""#,
        ),
        (
            "update",
            "entry",
            r#""base_version":2,"fields":{"completion_date":"2026-11-22T20:15:00Z","value":0}"#,
            r#""fields":{"value":-0.0,"completion_date":"2026-11-22t21:15:00.000+01:00"},"base_version":2"#,
        ),
        (
            "increment",
            "entry",
            r#""fields":{"value":3}"#,
            r#""fields":{"value":3.0e0}, "group": null"#,
        ),
        (
            "increment",
            "entry",
            r#""fields":{"value":0.3}"#,
            r#""fields":{"value":0.30000000000000004}"#,
        ),
        (
            "create",
            "habit",
            r#""group":"g","fields":{"title":"a"}"#,
            r#""group":"g","fields":{"title":"a"},"group_size":3"#,
        ),
        (
            "update",
            "habit",
            r#""base_version":2,"fields":{"sort_order":1,"weekdays":[1]}"#,
            r#""base_version":2.0,"fields":{"sort_order":1.0,"weekdays":[1e0]}"#,
        ),
    ] {
        assert_eq!(
            print(action, entity, one),
            print(action, entity, other),
            "{one}"
        );
    }
}

/// A member: absent, or one of `values`.
fn member(values: serde_json::Value) -> impl Strategy<Value = Option<serde_json::Value>> {
    match values {
        serde_json::Value::Array(values) => proptest::option::of(select(values)),
        other => panic!("{other} is not a list"),
    }
}

/// The members of a record, as JSON.
fn record(
    members: Vec<(&'static str, serde_json::Value)>,
) -> impl Strategy<Value = serde_json::Value> {
    let (names, values): (Vec<_>, Vec<_>) = members.into_iter().unzip();
    let values: Vec<_> = values.into_iter().map(member).collect();
    values.prop_map(move |values| {
        let members = names.iter().zip(values);
        let given = members.filter_map(|(name, value)| Some(((*name).to_owned(), value?)));
        serde_json::Value::Object(given.collect())
    })
}

fn habits() -> impl Strategy<Value = serde_json::Value> {
    let instants = json!([null, "2026-11-22T00:00:00Z", "2026-11-22T01:00:00+01:00"]);
    record(vec![
        ("title", json!(["a", " a", "b", "a\nunit=1:b"])),
        ("sort_order", json!([0, 1])),
        ("target_value", json!([1, 1.0, 2.5])),
        ("reminder_time", json!([null, "08:00", "09:00"])),
        ("archived_at", instants),
        ("unit", json!(["", "b"])),
        ("effective_from", json!(["start", "2026-11-22"])),
    ])
}

fn entries() -> impl Strategy<Value = serde_json::Value> {
    let times = json!([
        "2026-11-22",
        "2026-11-22T00:00:00Z",
        "2026-11-22T01:00:00+01:00"
    ]);
    record(vec![
        ("completion_date", times),
        (
            "timezone",
            json!([null, "UTC", "Europe/Rome", "europe/rome"]),
        ),
        ("local_date", json!([null, "2026-11-22"])),
        ("kind", json!(["value", "skip"])),
        ("value", json!([0, 0.0, 0.001, -1])),
        ("notes", json!(["", "a"])),
    ])
}

/// Operations from few values, several of which are spellings of one another, so that two of them
/// are often the same.
fn operations() -> impl Strategy<Value = OperationRequest> {
    let record = prop_oneof![
        habits().prop_map(|fields| (EntityName::Habit, fields)),
        entries().prop_map(|fields| (EntityName::Entry, fields)),
    ];
    let envelope = (
        select(&[ActionName::Create, ActionName::Update, ActionName::Delete][..]),
        proptest::option::of(1..3_i64),
        proptest::option::of(select(&[OnConflictName::Merge, OnConflictName::Client][..])),
        (any::<bool>(), any::<bool>()),
        proptest::option::of(select(&["g", "h"][..])),
    );
    (record, envelope).prop_map(|((entity, fields), envelope)| {
        let (action, base_version, on_conflict, (revive, purge), group) = envelope;
        let is_delete = action == ActionName::Delete;
        OperationRequest {
            op_id: Uuid::nil(),
            entity,
            action,
            id: Uuid::from_u128(7),
            base_version: base_version.filter(|_| action != ActionName::Create),
            on_conflict,
            revive: revive && !is_delete,
            purge: purge && is_delete,
            group: group.map(Into::into),
            group_size: None,
            fields: (!is_delete).then_some(fields),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn two_operations_have_one_fingerprint_exactly_if_they_say_the_same(
        one in operations(),
        other in operations(),
    ) {
        let [one, other] = [one, other].map(|request| {
            let form = FingerprintForm::Current;
            let operation = request.clone().operation(None, form);
            let fingerprint = operation.key.map(|key| key.fingerprint);
            (fingerprint, Operation { key: None, ..operation })
        });
        // An operation that cannot be read has no fingerprint.
        if one.0.is_some() && other.0.is_some() {
            prop_assert_eq!(one.1 == other.1, one.0 == other.0);
        }
    }
}

#[test]
fn an_operation_that_cannot_be_read_has_no_key() {
    let create = serde_json::json!({
        "op_id": Uuid::nil(), "id": Uuid::nil(), "entity": "habit", "action": "create",
        "fields": {"title": ""}
    });
    for (_, form) in FORMS {
        assert_eq!(read(&create).operation(None, form).key, None);
    }
}
