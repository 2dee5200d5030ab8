use axum::extract::State;
use axum::response::Response;
use kanso_domain::Entity;
use kanso_protocol::entries::{EntryRecord, UpdateEntry};
use kanso_protocol::idempotency::Content;

use crate::answer::update_response;
use crate::parts::Api;
use crate::problem::{ApiError, BODY, Code, SIGNED_IN, problems};
use crate::request::{EntryPath, IdempotencyKey, IfMatch, JsonBody, SignedIn};

problems!(UpdateProblems: SIGNED_IN, BODY, &[
    Code::VersionsDiffer, Code::EntryNotFound, Code::Conflict, Code::PreconditionFailed,
    Code::VersionRequired, Code::InvalidParameter, Code::QuotaExceeded, Code::IdempotencyKeyReused,
]);

/// Update an entry
///
/// Changes the members in the body. Members that are left out keep their values; `null` clears a
/// nullable member.
///
/// The request must name the version that it is based on, in the member `version` or the header
/// `If-Match`. If another version is stored, nothing changes, and the answer is 409 with the stored
/// entry. PUT and PATCH are the same.
#[utoipa::path(
    method(put, patch), path = "/entries/{id}", operation_id = "update_entry", tag = "entries",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "Id of the entry."),
        ("If-Match" = Option<String>, Header, description = "ETag of the version that the change is based on; `*` overwrites any version.", example = "\"3\""),
        ("Idempotency-Key" = Option<String>, Header, description = "Key for a safe retry, 1 to 255 visible ASCII characters: a retry with the same key has no second effect.", example = "7f1c6c4e-9d1b-4c55-8f0e-0d6a1a0c1f11")
    ),
    request_body(content = UpdateEntry, description = "The members to change."),
    responses(
        (status = 200, description = "The entry after the change.", body = EntryRecord,
            headers(("ETag" = String, description = "Version of the entry as an entity tag."))),
        UpdateProblems
    ),
)]
pub(super) async fn update(
    State(api): State<Api>,
    signed_in: SignedIn,
    EntryPath(id): EntryPath,
    if_match: IfMatch,
    idempotency: IdempotencyKey,
    JsonBody(request): JsonBody<UpdateEntry>,
) -> Result<Response, ApiError> {
    let bases = if_match.required(request.version)?;
    let fields = request.fields()?;
    let (entries, user) = (api.entries.clone(), signed_in.user());
    let form = api.options().fingerprints;
    let update = async move {
        let update = |nth, base| {
            // The base is part of the content: the same fields on another version are another request.
            let content = Content::UpdateEntry {
                id,
                base,
                fields: &fields,
            };
            let attempt = idempotency.attempt(form, nth, content);
            entries.update(user, attempt, id, base, fields.clone())
        };
        bases.apply(update).await
    };
    update_response(Entity::Entry, api.to_completion(update).await?)
}
