use axum::extract::State;
use axum::response::Response;
use kanso_domain::EntryId;
use kanso_protocol::entries::{CreateEntry, EntryRecord};

use crate::answer::created;
use crate::parts::Api;
use crate::problem::{BODY, Code, Refusal, SIGNED_IN, problems};
use crate::request::{JsonBody, SignedIn};

problems!(CreateProblems: SIGNED_IN, BODY, &[Code::HabitNotFound, Code::Conflict, Code::Gone]);

/// Create an entry
///
/// The habit and a completion date are enough. With an id of its own making a client can repeat the call safely: the same
/// id with the same content gives the stored entry. `completion_date` is an instant, or a date that is
/// that date in every zone.
#[utoipa::path(
    post, path = "/entries", operation_id = "create_entry", tag = "entries",
    security(("bearer" = [])),
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
    JsonBody(request): JsonBody<CreateEntry>,
) -> Result<Response, Refusal> {
    let (entries, user) = (api.entries.clone(), who.user());
    let id = request.id.map(EntryId::new);
    let fields = request.fields()?;
    let create = async move { entries.create(user, id, fields).await };
    created(api.uncut(create).await?)
}
