use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, header};
use kanso_protocol::export::ExportLine;

use super::lines::Lines;
use crate::answer::Lines as _;
use crate::parts::Api;
use crate::problem::{ApiError, SIGNED_IN, problems};
use crate::request::SignedIn;

problems!(ExportProblems: SIGNED_IN);

/// Export everything
///
/// What a person has on the server, as lines of JSON: `begin` with the account, the devices,
/// the sessions, every habit and entry, what was deleted as a tombstone for as long as that is
/// kept, `end`. Without an `end` the answer was cut off.
#[utoipa::path(
    get, path = "/auth/user/export", operation_id = "export_account", tag = "accounts",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "One `ExportLine` a line.", body = ExportLine,
            content_type = "application/x-ndjson",
            headers(("Content-Disposition" = String, description = "A name for the file.")),
            example = json!({
                "type": "end", "head": 1830, "digest": "a3eb69ac60122dd5", "devices": 2,
                "sessions": 2, "records": 1830
            })),
        ExportProblems
    ),
)]
pub(in crate::accounts) async fn export(
    State(api): State<Api>,
    who: SignedIn,
) -> Result<Response, ApiError> {
    let mut answer = Lines::begin(&api, who.user()).await?.into_response();
    let name = HeaderValue::from_static("attachment; filename=\"kanso-export.ndjson\"");
    answer
        .headers_mut()
        .insert(header::CONTENT_DISPOSITION, name);
    Ok(answer)
}
