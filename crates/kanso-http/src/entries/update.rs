use axum::extract::State;
use axum::response::Response;
use kanso_domain::Entity;
use kanso_protocol::entries::{EntryRecord, UpdateEntry};
use kanso_protocol::idempotency::Content;

use crate::answer::updated;
use crate::parts::Api;
use crate::problem::{ApiError, BODY, Code, SIGNED_IN, problems};
use crate::request::{EntryPath, IdempotencyKey, JsonBody, SignedIn, Versions};

problems!(UpdateProblems: SIGNED_IN, BODY, &[
    Code::VersionsDiffer, Code::EntryNotFound, Code::Conflict, Code::PreconditionFailed,
    Code::VersionRequired, Code::InvalidParameter, Code::IdempotencyKeyReused,
]);

/// Update an entry
///
/// Changes the members that are given; what is left out stays, `null` clears what may be null.
/// The change names the version that it builds on, as the member `version` or as the header
/// `If-Match`; if another is stored, nothing changes and the answer has the stored entry.
/// PUT and PATCH do the same.
#[utoipa::path(
    method(put, patch), path = "/entries/{id}", operation_id = "update_entry", tag = "entries",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The entry."),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change builds on; `*` for any, knowingly.", example = "\"3\""),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes the call safe to repeat: a retry has no second effect.", example = "7f1c6c4e-9d1b-4c55-8f0e-0d6a1a0c1f11")
    ),
    request_body(content = UpdateEntry, description = "The members to change."),
    responses(
        (status = 200, description = "The entry as it now is.", body = EntryRecord,
            headers(("ETag" = String, description = "The entry's version as an entity tag."))),
        UpdateProblems
    ),
)]
pub(super) async fn update(
    State(api): State<Api>,
    who: SignedIn,
    EntryPath(id): EntryPath,
    versions: Versions,
    idempotency: IdempotencyKey,
    JsonBody(request): JsonBody<UpdateEntry>,
) -> Result<Response, ApiError> {
    let bases = versions.required(request.version)?;
    let fields = request.fields()?;
    let (entries, user) = (api.entries.clone(), who.user());
    let form = api.options().fingerprints;
    let update = async move {
        let update = |nth, base| {
            let content = Content::UpdateEntry {
                id,
                base,
                fields: &fields,
            };
            let attempt = idempotency.attempt(form, nth, content);
            entries.update(user, attempt, id, base, fields.clone())
        };
        bases.submit(update).await
    };
    updated(Entity::Entry, api.to_completion(update).await?)
}
