use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use kanso_domain::Entity;
use kanso_protocol::entries::EntryRecord;

use crate::answer::record_response;
use crate::parts::Api;
use crate::problem::{ApiError, Code, SIGNED_IN, problems};
use crate::request::{EntryPath, SignedIn};

problems!(GetProblems: SIGNED_IN, &[Code::EntryNotFound]);

/// Get an entry
///
/// Returns one entry. A deleted entry, an entry of a deleted habit and an entry of another account are
/// answered 404, like an entry that does not exist.
#[utoipa::path(
    get, path = "/entries/{id}", operation_id = "get_entry", tag = "entries",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "Id of the entry."),
        ("If-None-Match" = Option<String>, Header, description = "ETag of the copy that the client has.", example = "\"3\"")
    ),
    responses(
        (status = 200, description = "The entry.", body = EntryRecord,
            headers(("ETag" = String, description = "Version of the entry as an entity tag: `\"3\"`."))),
        (status = 304, description = "The client has the newest version."),
        GetProblems
    ),
)]
pub(super) async fn get(
    State(api): State<Api>,
    signed_in: SignedIn,
    EntryPath(id): EntryPath,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let entry = api.entries.get(signed_in.user(), id).await?;
    let entry = entry.ok_or_else(|| ApiError::not_found(Entity::Entry))?;
    Ok(record_response(
        &headers,
        &entry.stamp,
        &EntryRecord::from(&entry),
    ))
}
