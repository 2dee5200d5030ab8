use axum::extract::State;
use axum::response::Response;
use kanso_domain::Entity;
use kanso_protocol::habits::{HabitRecord, UpdateHabit};
use kanso_protocol::idempotency::Content;

use crate::answer::updated;
use crate::parts::Api;
use crate::problem::{ApiError, BODY, Code, SIGNED_IN, problems};
use crate::request::{HabitPath, IdempotencyKey, JsonBody, SignedIn, Versions};

problems!(UpdateProblems: SIGNED_IN, BODY, &[
    Code::VersionsDiffer, Code::HabitNotFound, Code::Conflict, Code::PreconditionFailed,
    Code::VersionRequired, Code::InvalidParameter, Code::IdempotencyKeyReused,
]);

/// Update a habit
///
/// Changes the members that are given; what is left out stays, `null` clears what may be null.
/// The change names the version that it builds on, as the member `version` or as the header
/// `If-Match`; if another is stored, nothing changes and the answer has the stored habit.
/// PUT and PATCH do the same.
#[utoipa::path(
    method(put, patch), path = "/habits/{id}", operation_id = "update_habit", tag = "habits",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The habit."),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change builds on; `*` for any, knowingly.", example = "\"3\""),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes the call safe to repeat: a retry has no second effect.", example = "7f1c6c4e-9d1b-4c55-8f0e-0d6a1a0c1f11")
    ),
    request_body(content = UpdateHabit, description = "The members to change."),
    responses(
        (status = 200, description = "The habit as it now is.", body = HabitRecord,
            headers(("ETag" = String, description = "The habit's version as an entity tag."))),
        UpdateProblems
    ),
)]
pub(super) async fn update(
    State(api): State<Api>,
    who: SignedIn,
    HabitPath(id): HabitPath,
    versions: Versions,
    idempotency: IdempotencyKey,
    JsonBody(request): JsonBody<UpdateHabit>,
) -> Result<Response, ApiError> {
    let bases = versions.required(request.version)?;
    let fields = request.fields()?;
    let (habits, user) = (api.habits.clone(), who.user());
    let form = api.options().fingerprints;
    let update = async move {
        let update = |nth, base| {
            let content = Content::UpdateHabit {
                id,
                base,
                fields: &fields,
            };
            let attempt = idempotency.attempt(form, nth, content);
            habits.update(user, attempt, id, base, fields.clone())
        };
        bases.submit(update).await
    };
    updated(Entity::Habit, api.to_completion(update).await?)
}
