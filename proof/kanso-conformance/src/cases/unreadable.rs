//! Operations that cannot be read, and numbers as other languages write them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::account::{TestAccount, create, new_account, with};
use crate::answer::{Answer, CaseFailure, CheckResult};
use crate::case::cases;
use crate::ids::new_id;
use crate::server::ServerUnderTest;

cases! { "unreadable";
    an_operation_that_cannot_be_read_stops_no_other, "protocol.md, Operations that cannot be read",
        "Lone surrogates, strange numbers and unknown members reject one operation alone.";
    one_without_an_id_has_its_result_at_its_place, "protocol.md, Operations that cannot be read",
        "An operation without a readable op_id has a result with op_id null, at its place.";
    a_name_that_stands_twice_is_refused, "protocol.md, Operations that cannot be read",
        "Equal names in an operation reject it, at every level; in any other body they are 422.";
    the_corrected_operation_is_carried_out, "protocol.md, Operations that cannot be read",
        "A rejected operation that could not be read leaves its op_id free.";
    its_group_fails_with_it, "protocol.md, Operations that cannot be read",
        "An operation that cannot be read fails its group, and no other operation.";
    a_whole_number_may_have_a_fraction_of_zero, "protocol.md, Values",
        "1.0 and 1e0 are the integer 1, in a push and in plain REST.";
    the_rest_of_a_sum_is_rounded_away, "protocol.md, Values",
        "0.30000000000000004 is stored as 0.3; 0.3001 is refused.";
}

/// Sends operations as text, because a JSON library would not write them.
async fn push(account: &TestAccount, operations: &[&str]) -> Result<Answer, CaseFailure> {
    let body = format!(r#"{{"operations":[{}]}}"#, operations.join(","));
    let call = account.call(Method::POST, "/sync");
    let call = call.header("content-type", "application/json").body(body);
    let answer = call.send().await?;
    answer.status(200)?;
    let count = answer.list("/results").len();
    answer.must(count == operations.len(), "a result for each operation")?;
    Ok(answer)
}

/// Returns the text of a create whose member `name` of `fields` has the text `value`.
fn create_with(name: &str, value: &str) -> String {
    let mut operation = create("x");
    operation["fields"][name] = json!("<value>");
    operation.to_string().replace(r#""<value>""#, value)
}

/// Returns the text of a create whose own member `name` has the text `value`.
fn create_having(name: &str, value: &str) -> String {
    let operation = with(create("x"), &json!({name: "<value>"}));
    operation.to_string().replace(r#""<value>""#, value)
}

/// Checks that an operation is rejected with this pointer, and the ones beside it are applied.
async fn is_rejected_alone(account: &TestAccount, text: &str, pointer: &str) -> CheckResult {
    let (before, after) = (create("before").to_string(), create("after").to_string());
    let answer = push(account, &[&before, text, &after]).await?;
    answer.is("/results/0/status", "applied")?;
    answer.is("/results/1/status", "rejected")?;
    answer.is("/results/1/code", "invalid")?;
    answer.is("/results/1/errors/0/pointer", pointer)?;
    answer.is("/results/2/status", "applied")
}

async fn an_operation_that_cannot_be_read_stops_no_other(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    for (name, value) in [
        ("icon", r#""walk \ud83d""#),
        ("unit", r#""\udc00\ud83d""#),
        ("target_value", "1e400"),
        ("sort_order", "18446732429235952000"),
        ("sort_order", "1.5"),
        ("colour", r#""red""#),
    ] {
        let pointer = format!("/fields/{name}");
        is_rejected_alone(&account, &create_with(name, value), &pointer).await?;
    }
    for (name, value) in [
        ("id", r#""x""#),
        ("entity", r#""note""#),
        ("action", r#""replace""#),
        ("base_version", "18446732429235952000"),
        ("base_version", "1.5"),
        ("base_version", "1e400"),
        ("on_conflict", r#""hope""#),
        ("revive", "1"),
        ("group", "7"),
        ("colour", r#""red""#),
    ] {
        let pointer = format!("/{name}");
        is_rejected_alone(&account, &create_having(name, value), &pointer).await?;
    }
    Ok(())
}

async fn one_without_an_id_has_its_result_at_its_place(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let after = create("after");
    for (text, pointer) in [
        (create_having("op_id", r#""x""#), "/op_id"),
        (create_having("op_id", "null"), "/op_id"),
        ("{}".to_owned(), "/op_id"),
        ("7".to_owned(), ""),
        ("null".to_owned(), ""),
        ("[]".to_owned(), ""),
    ] {
        let after = with(after.clone(), &json!({"op_id": new_id(), "id": new_id()}));
        let answer = push(&account, &[&text, &after.to_string()]).await?;
        answer.is("/results/0/op_id", Value::Null)?;
        answer.is("/results/0/status", "rejected")?;
        answer.is("/results/0/errors/0/pointer", pointer)?;
        answer.is("/results/1/op_id", after["op_id"].clone())?;
        answer.is("/results/1/status", "applied")?;
    }
    Ok(())
}

async fn a_name_that_stands_twice_is_refused(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    // Some readers keep the first of them and some the last, so two programs would see two operations.
    let twice = create("first")
        .to_string()
        .replace(r#""title":"first""#, r#""title":"first","title":"second""#);
    is_rejected_alone(&account, &twice, "/fields/title").await?;
    let nested = create_with("weekdays", r#"[{"a":1,"a":2}]"#);
    is_rejected_alone(&account, &nested, "/fields/weekdays/0/a").await?;
    let own = create_having("revive", r#"true,"revive":false"#);
    is_rejected_alone(&account, &own, "/revive").await?;
    for (path, body, pointer) in [
        ("/habits", r#"{"title":"a","title":"b"}"#, "/title"),
        ("/sync", r#"{"limit":1,"limit":2}"#, "/limit"),
    ] {
        let call = account.call(Method::POST, path);
        let call = call.header("content-type", "application/json").body(body);
        let answer = call.send().await?;
        answer.problem(422, "invalid")?;
        answer.is("/errors/0/pointer", pointer)?;
    }
    Ok(())
}

async fn the_corrected_operation_is_carried_out(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let wrong = create_with("sort_order", "1.5");
    for _ in 0..2 {
        push(&account, &[&wrong])
            .await?
            .is("/results/0/status", "rejected")?;
    }
    let right = wrong.replace("1.5", "15");
    push(&account, &[&right])
        .await?
        .is("/results/0/status", "applied")
}

async fn its_group_fails_with_it(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let grouped = |text: String| text.replacen('{', r#"{"group":"g","#, 1);
    let damaged = grouped(create_with("icon", r#""\ud83d""#));
    let [one, two] = ["one", "two"].map(|title| grouped(create(title).to_string()));
    let alone = create("alone").to_string();
    let answer = push(&account, &[&one, &damaged, &two, &alone]).await?;
    for (number, code) in ["group_failed", "invalid", "group_failed"]
        .iter()
        .enumerate()
    {
        answer.is(&format!("/results/{number}/code"), *code)?;
    }
    answer.is("/results/3/status", "applied")?;
    let repaired = damaged.replace(r"\ud83d", "x");
    let answer = push(&account, &[&one, &repaired, &two]).await?;
    for number in 0..3 {
        answer.is(&format!("/results/{number}/status"), "applied")?;
    }
    Ok(())
}

async fn a_whole_number_may_have_a_fraction_of_zero(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let text = create_with("sort_order", "2.0");
    push(&account, &[&text])
        .await?
        .is("/results/0/status", "applied")?;
    // Another spelling of the same number is the same operation.
    push(&account, &[&text.replace("2.0", "2e0")])
        .await?
        .is("/results/0/status", "duplicate")?;
    let call = account.call(Method::POST, "/habits");
    let call = call.header("content-type", "application/json");
    let answer = call
        .body(r#"{"title":"x","sort_order":3.0}"#)
        .send()
        .await?;
    answer.status(201)?;
    answer.is("/sort_order", 3)
}

async fn the_rest_of_a_sum_is_rounded_away(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = |value: f64| json!({"title": "x", "type": "numeric", "target_value": value});
    let stored = account.habit_with(&habit(0.1 + 0.2)).await?;
    if !crate::answer::is_same(&stored["target_value"], &json!(0.3)) {
        return Err(CaseFailure::new("a target of 0.3", &stored));
    }
    account
        .post("/habits", &habit(0.3001))
        .await?
        .problem(422, "invalid")?;
    let pushed = with(create("x"), &json!({"fields": habit(0.1 + 0.2)}));
    account.push(&[(pushed.clone(), "applied")]).await?;
    account
        .ensure_stored(&pushed, &json!({"target_value": 0.3}))
        .await?;
    let refused = with(create("x"), &json!({"fields": habit(0.3001)}));
    account.push(&[(refused, "rejected")]).await?;
    Ok(())
}
