use axum::extract::State;
use axum::response::Response;
use kanso_domain::EntryId;
use kanso_protocol::entries::{CreateEntry, EntryRecord};
use kanso_protocol::idempotency::Content;

use crate::answer::created;
use crate::parts::Api;
use crate::problem::{ApiError, BODY, Code, SIGNED_IN, problems};
use crate::request::{IdempotencyKey, JsonBody, SignedIn};

problems!(CreateProblems: SIGNED_IN, BODY, &[Code::HabitNotFound, Code::InvalidParameter, Code::IdempotencyKeyReused, Code::Conflict, Code::Gone]);

/// Create an entry
///
/// The habit and a completion date are enough. With an id of its own making a client can repeat the call safely: the same
/// id with the same content gives the stored entry. `completion_date` is an instant, or a date that is
/// that date in every zone.
#[utoipa::path(
    post, path = "/entries", operation_id = "create_entry", tag = "entries",
    security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the call safe to repeat: a retry has no second effect.", example = "7f1c6c4e-9d1b-4c55-8f0e-0d6a1a0c1f11")),
    request_body(content = CreateEntry, description = "The new entry."),
    responses(
        (status = 201, description = "The entry was created.", body = EntryRecord, headers(
            ("Location" = String, description = "Where the entry is."),
            ("ETag" = String, description = "The entry's version as an entity tag: `\"1\"`.")
        )),
        (status = 200, description = "The entry was there with the same content.", body = EntryRecord,
            headers(("ETag" = String, description = "The entry's version as an entity tag."))),
        CreateProblems
    ),
)]
pub(super) async fn create(
    State(api): State<Api>,
    who: SignedIn,
    idempotency: IdempotencyKey,
    JsonBody(request): JsonBody<CreateEntry>,
) -> Result<Response, ApiError> {
    let (entries, user) = (api.entries.clone(), who.user());
    let fields = request.clone().fields()?;
    let content = Content::CreateEntry {
        request: &request,
        fields: &fields,
    };
    let attempt = idempotency.attempt(api.options().fingerprints, 0, content);
    let id = request.id.or_else(|| idempotency.id()).map(EntryId::new);
    let create = async move { entries.create(user, attempt, id, fields).await };
    created(api.to_completion(create).await?)
}
