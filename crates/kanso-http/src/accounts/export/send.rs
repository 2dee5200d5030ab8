use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, header};
use kanso_protocol::export::ExportLine;

use super::lines::ExportLines;
use crate::answer::JsonLines as _;
use crate::parts::Api;
use crate::problem::{ApiError, HEAVY, problems};
use crate::request::SignedIn;

problems!(ExportProblems: HEAVY);

/// Export the account
///
/// Returns all data of the account as lines of JSON: `begin` with the account, the devices, the
/// sessions, the settings, all habits and entries, `end`. Deleted records are included as tombstones
/// until these are purged. An answer without `end` was cut off.
#[utoipa::path(
    get, path = "/auth/user/export", operation_id = "export_account", tag = "accounts",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "One `ExportLine` per line (NDJSON).", body = ExportLine,
            content_type = "application/x-ndjson",
            headers(("Content-Disposition" = String, description = "File name for the download.")),
            example = json!({
                "type": "end", "head": 1830, "digest": "a3eb69ac60122dd5", "devices": 2,
                "sessions": 2, "records": 1830
            })),
        ExportProblems
    ),
)]
pub(in crate::accounts) async fn export(
    State(api): State<Api>,
    signed_in: SignedIn,
) -> Result<Response, ApiError> {
    // The first lines are read before the answer begins, so a fault here is still a problem with a
    // status; later it can only cut the answer off.
    let mut answer = ExportLines::begin(&api, signed_in.user())
        .await?
        .into_response();
    let name = HeaderValue::from_static("attachment; filename=\"kanso-export.ndjson\"");
    answer
        .headers_mut()
        .insert(header::CONTENT_DISPOSITION, name);
    Ok(answer)
}
