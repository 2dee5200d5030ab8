//! Requests that every account of a run sends.

use anyhow::Context as _;
use kanso_domain::Date;
use kanso_protocol::accounts::CredentialsRequest;
use kanso_protocol::sync::{ActionName, EntityName, OperationRequest};
use serde_json::Value;
use uuid::Uuid;

/// Password of every account that a run registers.
pub const PASSWORD: &str = "two carrots and a slow kettle";
/// Path of the calendar day of an account.
pub const TODAY: &str = "/api/v1/today";

/// Returns the credentials of the account with this number, with an address in `domain`.
pub fn credentials(number: u32, domain: &str) -> CredentialsRequest {
    CredentialsRequest {
        email: format!("person-{number}@{domain}"),
        password: PASSWORD.to_owned(),
    }
}

/// Returns the date in the answer to a `GET` of [`TODAY`].
///
/// # Errors
/// The answer has no date.
pub fn date_of_today(answer: &Value) -> anyhow::Result<Date> {
    let date = answer["date"].as_str();
    Ok(date.context("an answer without a date")?.parse()?)
}

/// Returns an operation without fields and options.
pub fn operation(
    op_id: Uuid,
    entity: EntityName,
    action: ActionName,
    id: Uuid,
) -> OperationRequest {
    OperationRequest {
        op_id,
        entity,
        action,
        id,
        base_version: None,
        on_conflict: None,
        revive: false,
        purge: false,
        group: None,
        group_size: None,
        fields: None,
    }
}

/// Returns an operation that creates a record with these fields.
pub fn create(op_id: Uuid, entity: EntityName, id: Uuid, fields: Value) -> OperationRequest {
    OperationRequest {
        fields: Some(fields),
        ..operation(op_id, entity, ActionName::Create, id)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn date_is_read_from_the_answer() {
        let date = date_of_today(&json!({"date": "2026-11-22"})).unwrap();
        assert_eq!(date.to_string(), "2026-11-22");
        assert!(date_of_today(&json!({})).is_err());
    }
}
