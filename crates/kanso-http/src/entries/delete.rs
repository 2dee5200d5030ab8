use axum::extract::State;
use http::StatusCode;
use kanso_protocol::idempotency::Content;
use serde::Deserialize;

use crate::answer::deleted;
use crate::parts::Api;
use crate::problem::{ApiError, Code, SIGNED_IN, problems};
use crate::request::{EntryPath, IdempotencyKey, SignedIn, StrictQuery, Versions};

problems!(DeleteProblems: SIGNED_IN, &[
    Code::InvalidParameter, Code::VersionsDiffer, Code::EntryNotFound, Code::Conflict,
    Code::PreconditionFailed, Code::IdempotencyKeyReused,
]);

/// What the deletion builds on.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// The version that the client has seen; left out, the entry is deleted whatever it is.
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 1, example = 3)]
    version: Option<String>,
}

/// Delete an entry
///
/// Makes the entry a tombstone; other devices learn of it when they sync. Deleting it again does
/// nothing.
#[utoipa::path(
    delete, path = "/entries/{id}", operation_id = "delete_entry", tag = "entries",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The entry."),
        ("If-Match" = Option<String>, Header, description = "The ETag that the client has seen.", example = "\"3\""),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes the call safe to repeat: a retry has no second effect.", example = "7f1c6c4e-9d1b-4c55-8f0e-0d6a1a0c1f11"),
        Parameters
    ),
    responses((status = 204, description = "The entry is deleted."), DeleteProblems),
)]
pub(super) async fn delete(
    State(api): State<Api>,
    who: SignedIn,
    EntryPath(id): EntryPath,
    versions: Versions,
    idempotency: IdempotencyKey,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<StatusCode, ApiError> {
    let bases = versions.optional(parameters.version.as_deref())?;
    let (entries, user) = (api.entries.clone(), who.user());
    let form = api.options().fingerprints;
    let delete = async move {
        let delete = |nth, base| {
            let content = Content::DeleteEntry { id, base };
            let attempt = idempotency.attempt(form, nth, content);
            entries.delete(user, attempt, id, base)
        };
        bases.submit(delete).await
    };
    deleted(api.to_completion(delete).await?)
}
