use axum::extract::State;
use http::StatusCode;
use kanso_protocol::DeleteRequest;
use kanso_protocol::idempotency::Content;
use serde::Deserialize;

use crate::answer::delete_response;
use crate::parts::Api;
use crate::problem::{ApiError, BODY, Code, SIGNED_IN, problems};
use crate::request::{
    HabitPath, IdempotencyKey, IfMatch, OptionalJsonBody, SignedIn, StrictQuery, flag,
};

problems!(DeleteProblems: SIGNED_IN, BODY, &[
    Code::InvalidParameter, Code::VersionsDiffer, Code::HabitNotFound, Code::Conflict,
    Code::PreconditionFailed, Code::QuotaExceeded, Code::IdempotencyKeyReused,
]);

/// Parameters of a deletion.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// Version that the client has seen. If left out, any version is deleted.
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 1, example = 3)]
    version: Option<String>,
    /// `true` erases the texts at once, also those of a deleted habit: its title, description, unit and icon, and the notes of its entries. Otherwise the server keeps
    /// them for a while, so that the habit can be revived. Default: `false`.
    #[serde(default)]
    #[param(value_type = Option<bool>, example = true)]
    purge: Option<String>,
}

/// Delete a habit
///
/// Makes the habit and its entries tombstones, which other devices get with their next sync. Deleting a
/// deleted habit is answered 204 too.
#[utoipa::path(
    delete, path = "/habits/{id}", operation_id = "delete_habit", tag = "habits",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "Id of the habit."),
        ("If-Match" = Option<String>, Header, description = "ETag of the version that the client has seen.", example = "\"3\""),
        ("Idempotency-Key" = Option<String>, Header, description = "Key for a safe retry, 1 to 255 visible ASCII characters: a retry with the same key has no second effect.", example = "7f1c6c4e-9d1b-4c55-8f0e-0d6a1a0c1f11"),
        Parameters
    ),
    request_body(content = Option<DeleteRequest>, description = "The version, for a client that sends it in the body.", example = json!({"version": 3})),
    responses((status = 204, description = "The habit is deleted."), DeleteProblems),
)]
pub(super) async fn delete(
    State(api): State<Api>,
    signed_in: SignedIn,
    HabitPath(id): HabitPath,
    if_match: IfMatch,
    idempotency: IdempotencyKey,
    StrictQuery(parameters): StrictQuery<Parameters>,
    OptionalJsonBody(body): OptionalJsonBody<DeleteRequest>,
) -> Result<StatusCode, ApiError> {
    let purge = flag("purge", parameters.purge.as_deref())?;
    let bases = if_match.optional(parameters.version.as_deref(), body)?;
    let (habits, user) = (api.habits.clone(), signed_in.user());
    let form = api.options().fingerprints;
    let delete = async move {
        let delete = |nth, base| {
            let content = Content::DeleteHabit { id, base, purge };
            let attempt = idempotency.attempt(form, nth, content);
            habits.delete(user, attempt, id, base, purge)
        };
        bases.apply(delete).await
    };
    delete_response(api.to_completion(delete).await?)
}
