use axum::extract::State;
use axum::response::Response;
use kanso_domain::EntryId;
use kanso_protocol::entries::{CreateEntry, EntryRecord};
use kanso_protocol::idempotency::Content;

use crate::answer::create_response;
use crate::parts::Api;
use crate::problem::{ApiError, BODY, Code, SIGNED_IN, problems};
use crate::request::{IdempotencyKey, JsonBody, SignedIn};

problems!(CreateProblems: SIGNED_IN, BODY, &[Code::HabitNotFound, Code::InvalidParameter, Code::QuotaExceeded, Code::IdempotencyKeyReused, Code::Conflict, Code::Gone]);

/// Create an entry
///
/// Only `habit_id` and `completion_date` are required. `completion_date` is an instant, or a date that
/// is the same date in every zone. With an `id` made by the client a retry is safe: the same id with
/// the same content is answered 200 with the stored entry.
#[utoipa::path(
    post, path = "/entries", operation_id = "create_entry", tag = "entries",
    security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Key for a safe retry, 1 to 255 visible ASCII characters: a retry with the same key has no second effect.", example = "7f1c6c4e-9d1b-4c55-8f0e-0d6a1a0c1f11")),
    request_body(content = CreateEntry, description = "The new entry."),
    responses(
        (status = 201, description = "The entry is created.", body = EntryRecord, headers(
            ("Location" = String, description = "URL of the entry."),
            ("ETag" = String, description = "Version of the entry as an entity tag: `\"1\"`.")
        )),
        (status = 200, description = "The entry exists with the same content.", body = EntryRecord,
            headers(("ETag" = String, description = "Version of the entry as an entity tag."))),
        CreateProblems
    ),
)]
pub(super) async fn create(
    State(api): State<Api>,
    signed_in: SignedIn,
    idempotency: IdempotencyKey,
    JsonBody(request): JsonBody<CreateEntry>,
) -> Result<Response, ApiError> {
    let (entries, user) = (api.entries.clone(), signed_in.user());
    let fields = request.clone().fields()?;
    let content = Content::CreateEntry {
        request: &request,
        fields: &fields,
    };
    let attempt = idempotency.attempt(api.options().fingerprints, 0, content);
    // Without an id in the body, the key determines it: a retry must create the same record.
    let id = request.id.or_else(|| idempotency.id()).map(EntryId::new);
    let create = async move { entries.create(user, attempt, id, fields).await };
    create_response(api.to_completion(create).await?)
}
