use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use kanso_domain::Entity;
use kanso_protocol::habits::HabitRecord;

use crate::answer::record_response;
use crate::parts::Api;
use crate::problem::{ApiError, Code, SIGNED_IN, problems};
use crate::request::{HabitPath, SignedIn};

problems!(GetProblems: SIGNED_IN, &[Code::HabitNotFound]);

/// Get a habit
///
/// Returns one habit. A deleted habit and a habit of another account are answered 404, like a habit
/// that does not exist.
#[utoipa::path(
    get, path = "/habits/{id}", operation_id = "get_habit", tag = "habits",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "Id of the habit."),
        ("If-None-Match" = Option<String>, Header, description = "ETag of the copy that the client has.", example = "\"3\"")
    ),
    responses(
        (status = 200, description = "The habit.", body = HabitRecord,
            headers(("ETag" = String, description = "Version of the habit as an entity tag: `\"3\"`."))),
        (status = 304, description = "The client has the newest version."),
        GetProblems
    ),
)]
pub(super) async fn get(
    State(api): State<Api>,
    signed_in: SignedIn,
    HabitPath(id): HabitPath,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let habit = api.habits.get(signed_in.user(), id).await?;
    let habit = habit.ok_or_else(|| ApiError::not_found(Entity::Habit))?;
    Ok(record_response(
        &headers,
        &habit.stamp,
        &HabitRecord::from(&habit),
    ))
}
