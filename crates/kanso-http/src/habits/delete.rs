use axum::extract::State;
use http::StatusCode;
use kanso_protocol::idempotency::Content;
use serde::Deserialize;

use crate::answer::deleted;
use crate::parts::Api;
use crate::problem::{ApiError, Code, SIGNED_IN, problems};
use crate::request::{HabitPath, IdempotencyKey, SignedIn, StrictQuery, Versions};

problems!(DeleteProblems: SIGNED_IN, &[
    Code::InvalidParameter, Code::VersionsDiffer, Code::HabitNotFound, Code::Conflict,
    Code::PreconditionFailed, Code::IdempotencyKeyReused,
]);

/// What the deletion builds on.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// The version that the client has seen; left out, the habit is deleted whatever it is.
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 1, example = 3)]
    version: Option<String>,
}

/// Delete a habit
///
/// Makes the habit a tombstone, and with it its entries; other devices learn of it when they sync.
/// Deleting it again does nothing.
#[utoipa::path(
    delete, path = "/habits/{id}", operation_id = "delete_habit", tag = "habits",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The habit."),
        ("If-Match" = Option<String>, Header, description = "The ETag that the client has seen.", example = "\"3\""),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes the call safe to repeat: a retry has no second effect.", example = "7f1c6c4e-9d1b-4c55-8f0e-0d6a1a0c1f11"),
        Parameters
    ),
    responses((status = 204, description = "The habit is deleted."), DeleteProblems),
)]
pub(super) async fn delete(
    State(api): State<Api>,
    who: SignedIn,
    HabitPath(id): HabitPath,
    versions: Versions,
    idempotency: IdempotencyKey,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<StatusCode, ApiError> {
    let bases = versions.optional(parameters.version.as_deref())?;
    let (habits, user) = (api.habits.clone(), who.user());
    let form = api.options().fingerprints;
    let delete = async move {
        let delete = |nth, base| {
            let content = Content::DeleteHabit { id, base };
            let attempt = idempotency.attempt(form, nth, content);
            habits.delete(user, attempt, id, base)
        };
        bases.submit(delete).await
    };
    deleted(api.to_completion(delete).await?)
}
