use axum::extract::State;
use http::StatusCode;
use kanso_protocol::DeleteRequest;
use kanso_protocol::idempotency::Content;
use serde::Deserialize;

use crate::answer::delete_response;
use crate::parts::Api;
use crate::problem::{ApiError, BODY, Code, SIGNED_IN, problems};
use crate::request::{
    EntryPath, IdempotencyKey, IfMatch, OptionalJsonBody, SignedIn, StrictQuery, flag,
};

problems!(DeleteProblems: SIGNED_IN, BODY, &[
    Code::InvalidParameter, Code::VersionsDiffer, Code::EntryNotFound, Code::Conflict,
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
    /// `true` erases the texts at once, also those of a deleted entry: its notes. Otherwise the server keeps
    /// them for a while, so that the entry can be revived. Default: `false`.
    #[serde(default)]
    #[param(value_type = Option<bool>, example = true)]
    purge: Option<String>,
}

/// Delete an entry
///
/// Makes the entry a tombstone, which other devices get with their next sync. Deleting a deleted entry
/// is answered 204 too.
#[utoipa::path(
    delete, path = "/entries/{id}", operation_id = "delete_entry", tag = "entries",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "Id of the entry."),
        ("If-Match" = Option<String>, Header, description = "ETag of the version that the client has seen.", example = "\"3\""),
        ("Idempotency-Key" = Option<String>, Header, description = "Key for a safe retry, 1 to 255 visible ASCII characters: a retry with the same key has no second effect.", example = "7f1c6c4e-9d1b-4c55-8f0e-0d6a1a0c1f11"),
        Parameters
    ),
    request_body(content = Option<DeleteRequest>, description = "The version, for a client that sends it in the body.", example = json!({"version": 3})),
    responses((status = 204, description = "The entry is deleted."), DeleteProblems),
)]
pub(super) async fn delete(
    State(api): State<Api>,
    signed_in: SignedIn,
    EntryPath(id): EntryPath,
    if_match: IfMatch,
    idempotency: IdempotencyKey,
    StrictQuery(parameters): StrictQuery<Parameters>,
    OptionalJsonBody(body): OptionalJsonBody<DeleteRequest>,
) -> Result<StatusCode, ApiError> {
    let purge = flag("purge", parameters.purge.as_deref())?;
    let bases = if_match.optional(parameters.version.as_deref(), body)?;
    let (entries, user) = (api.entries.clone(), signed_in.user());
    let form = api.options().fingerprints;
    let delete = async move {
        let delete = |nth, base| {
            let content = Content::DeleteEntry { id, base, purge };
            let attempt = idempotency.attempt(form, nth, content);
            entries.delete(user, attempt, id, base, purge)
        };
        bases.apply(delete).await
    };
    delete_response(api.to_completion(delete).await?)
}
