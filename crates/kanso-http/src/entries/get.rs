use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use kanso_domain::Entity;
use kanso_protocol::entries::EntryRecord;

use crate::answer::found;
use crate::parts::Api;
use crate::problem::{ApiError, Code, SIGNED_IN, problems};
use crate::request::{EntryPath, SignedIn};

problems!(GetProblems: SIGNED_IN, &[Code::EntryNotFound]);

/// Get an entry
///
/// An entry that was deleted, or whose habit was, or is somebody else's, looks like one that never was.
#[utoipa::path(
    get, path = "/entries/{id}", operation_id = "get_entry", tag = "entries",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The entry."),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the copy that the client has.", example = "\"3\"")
    ),
    responses(
        (status = 200, description = "The entry.", body = EntryRecord,
            headers(("ETag" = String, description = "The entry's version as an entity tag: `\"3\"`."))),
        (status = 304, description = "The client has the newest version."),
        GetProblems
    ),
)]
pub(super) async fn get(
    State(api): State<Api>,
    who: SignedIn,
    EntryPath(id): EntryPath,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let entry = api.entries.get(who.user(), id).await?;
    let entry = entry.ok_or_else(|| ApiError::not_found(Entity::Entry))?;
    Ok(found(&headers, &entry.stamp, &EntryRecord::from(&entry)))
}
