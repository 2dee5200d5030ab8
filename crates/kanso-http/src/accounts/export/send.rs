use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, header};
use kanso_application::ports::credentials::Identity;
use kanso_application::ports::limiter::ClientAddress;
use kanso_protocol::accounts::ReauthenticationRequest;
use kanso_protocol::export::ExportLine;

use super::lines::ExportLines;
use crate::accounts::reauthentication::{PROVEN, prove};
use crate::answer::JsonLines as _;
use crate::parts::Api;
use crate::problem::{ApiError, BODY, Code, HEAVY, problems};
use crate::request::{FromAddress, JsonBody, SignedIn};

problems!(ExportProblems: HEAVY, &[Code::ReauthenticationRequired]);
problems!(ExportWithPasswordProblems: HEAVY, BODY, PROVEN);

/// Export the account
///
/// Returns all data of the account as lines of JSON: `begin` with the account, the devices, the
/// sessions, the security events, the settings, all habits and entries, `end`. Deleted records are included
/// as tombstones until these are purged. An answer without `end` was cut off. This session must have logged
/// in within the last 5 minutes; otherwise send the password with `POST`.
#[utoipa::path(
    get, path = "/auth/user/export", operation_id = "export_account", tag = "accounts",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "One `ExportLine` per line (NDJSON).", body = ExportLine,
            content_type = "application/x-ndjson",
            headers(("Content-Disposition" = String, description = "File name for the download.")),
            example = json!({
                "type": "end", "head": 1830, "digest": "a3eb69ac60122dd5", "devices": 2,
                "sessions": 2, "events": 12, "records": 1830
            })),
        ExportProblems
    ),
)]
pub(in crate::accounts) async fn export(
    State(api): State<Api>,
    SignedIn(identity): SignedIn,
    FromAddress(from): FromAddress,
) -> Result<Response, ApiError> {
    prove(&api, identity, None, from).await?;
    send(&api, identity, from).await
}

/// Export the account with the password
///
/// Returns the same as `GET`, for a session of any age.
#[utoipa::path(
    post, path = "/auth/user/export", operation_id = "export_account_with_password", tag = "accounts",
    security(("bearer" = [])),
    request_body(content = ReauthenticationRequest, description = "The password of the account."),
    responses(
        (status = 200, description = "One `ExportLine` per line (NDJSON).", body = ExportLine,
            content_type = "application/x-ndjson",
            headers(("Content-Disposition" = String, description = "File name for the download.")),
            example = json!({
                "type": "end", "head": 1830, "digest": "a3eb69ac60122dd5", "devices": 2,
                "sessions": 2, "events": 12, "records": 1830
            })),
        ExportWithPasswordProblems
    ),
)]
pub(in crate::accounts) async fn export_with_password(
    State(api): State<Api>,
    SignedIn(identity): SignedIn,
    FromAddress(from): FromAddress,
    JsonBody(request): JsonBody<ReauthenticationRequest>,
) -> Result<Response, ApiError> {
    prove(&api, identity, Some(request), from).await?;
    send(&api, identity, from).await
}

async fn send(api: &Api, identity: Identity, from: ClientAddress) -> Result<Response, ApiError> {
    // Before the export reads the events, so that it has its own.
    api.accounts.record_export(identity, from);
    // The first lines are read before the answer begins, so a fault here is still a problem with a
    // status; later it can only cut the answer off.
    let mut answer = ExportLines::begin(api, identity.user_id)
        .await?
        .into_response();
    let name = HeaderValue::from_static("attachment; filename=\"kanso-export.ndjson\"");
    answer
        .headers_mut()
        .insert(header::CONTENT_DISPOSITION, name);
    Ok(answer)
}
