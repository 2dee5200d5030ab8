use axum::extract::State;
use axum::response::Response;
use kanso_domain::HabitId;
use kanso_protocol::habits::{CreateHabit, HabitRecord};
use kanso_protocol::idempotency::Content;

use crate::answer::create_response;
use crate::parts::Api;
use crate::problem::{ApiError, BODY, Code, SIGNED_IN, problems};
use crate::request::{IdempotencyKey, JsonBody, SignedIn};

problems!(CreateProblems: SIGNED_IN, BODY, &[
    Code::InvalidParameter, Code::QuotaExceeded, Code::Conflict, Code::Gone, Code::IdempotencyKeyReused,
]);

/// Create a habit
///
/// Only `title` is required. With an `id` made by the client a retry is safe: the same id with the same
/// content is answered 200 with the stored habit.
#[utoipa::path(
    post, path = "/habits", operation_id = "create_habit", tag = "habits",
    security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Key for a safe retry, 1 to 255 visible ASCII characters: a retry with the same key has no second effect.", example = "7f1c6c4e-9d1b-4c55-8f0e-0d6a1a0c1f11")),
    request_body(content = CreateHabit, description = "The new habit."),
    responses(
        (status = 201, description = "The habit is created.", body = HabitRecord, headers(
            ("Location" = String, description = "URL of the habit."),
            ("ETag" = String, description = "Version of the habit as an entity tag: `\"1\"`.")
        )),
        (status = 200, description = "The habit exists with the same content.", body = HabitRecord,
            headers(("ETag" = String, description = "Version of the habit as an entity tag."))),
        CreateProblems
    ),
)]
pub(super) async fn create(
    State(api): State<Api>,
    signed_in: SignedIn,
    idempotency: IdempotencyKey,
    JsonBody(request): JsonBody<CreateHabit>,
) -> Result<Response, ApiError> {
    let (habits, user) = (api.habits.clone(), signed_in.user());
    let fields = request.clone().fields()?;
    let content = Content::CreateHabit {
        request: &request,
        fields: &fields,
    };
    let attempt = idempotency.attempt(api.options().fingerprints, 0, content);
    // Without an id in the body, the key determines it: a retry must create the same record.
    let id = request.id.or_else(|| idempotency.id()).map(HabitId::new);
    let create = async move { habits.create(user, attempt, id, fields).await };
    create_response(api.to_completion(create).await?)
}
