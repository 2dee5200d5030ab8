use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_domain::FieldError;
use kanso_protocol::habits::HabitRecord;
use serde::Deserialize;

use crate::answer::json;
use crate::parts::Api;
use crate::problem::{ApiError, Code, SIGNED_IN, problems};
use crate::request::{SignedIn, StrictQuery};

problems!(ListProblems: SIGNED_IN, &[Code::InvalidParameter]);

/// Parameters of a list of habits.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// `true` to include archived habits. Default: `false`.
    #[serde(default)]
    #[param(value_type = Option<bool>, example = false)]
    archived: Option<String>,
}

/// List the habits
///
/// Returns the live habits by `sort_order`, then newest first. Archived habits are left out unless
/// `archived` is `true`.
#[utoipa::path(
    get, path = "/habits", operation_id = "list_habits", tag = "habits",
    security(("bearer" = [])), params(Parameters),
    responses(
        (status = 200, description = "The habits.", body = [HabitRecord]),
        ListProblems
    ),
)]
pub(super) async fn list(
    State(api): State<Api>,
    signed_in: SignedIn,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<Response, ApiError> {
    let archived_too = match parameters.archived.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(not_a_flag()),
    };
    let habits = api.habits.list(signed_in.user(), archived_too).await?;
    let records: Vec<_> = habits.iter().map(HabitRecord::from).collect();
    Ok(json(StatusCode::OK, &records))
}

fn not_a_flag() -> ApiError {
    let error = FieldError::new("archived", "must be true or false");
    ApiError::members(Code::InvalidParameter, &[error])
}
