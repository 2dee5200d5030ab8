use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use kanso_domain::Entity;
use kanso_protocol::habits::HabitRecord;

use crate::answer::found;
use crate::parts::Api;
use crate::problem::{ApiError, Code, SIGNED_IN, problems};
use crate::request::{HabitPath, SignedIn};

problems!(GetProblems: SIGNED_IN, &[Code::HabitNotFound]);

/// Get a habit
///
/// A habit that was deleted, or is somebody else's, looks like one that never was.
#[utoipa::path(
    get, path = "/habits/{id}", operation_id = "get_habit", tag = "habits",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The habit."),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the copy that the client has.", example = "\"3\"")
    ),
    responses(
        (status = 200, description = "The habit.", body = HabitRecord,
            headers(("ETag" = String, description = "The habit's version as an entity tag: `\"3\"`."))),
        (status = 304, description = "The client has the newest version."),
        GetProblems
    ),
)]
pub(super) async fn get(
    State(api): State<Api>,
    who: SignedIn,
    HabitPath(id): HabitPath,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let habit = api.habits.get(who.user(), id).await?;
    let habit = habit.ok_or_else(|| ApiError::not_found(Entity::Habit))?;
    Ok(found(&headers, &habit.stamp, &HabitRecord::from(&habit)))
}
