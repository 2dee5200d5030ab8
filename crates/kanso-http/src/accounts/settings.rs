use axum::extract::State;
use axum::response::Response;
use kanso_domain::accounts::SettingsChange;
use kanso_protocol::accounts::SettingsRequest;
use kanso_protocol::quotas::AccountWithQuota;

use super::profile::answer;
use crate::parts::Api;
use crate::problem::{ApiError, BODY, SIGNED_IN, problems};
use crate::request::{JsonBody, SignedIn};

problems!(SettingsProblems: SIGNED_IN, BODY);

/// Change the settings
///
/// Changes the settings in the body. Members that are left out keep their values.
#[utoipa::path(
    patch, path = "/auth/user", operation_id = "change_settings", tag = "accounts",
    security(("bearer" = [])),
    request_body(content = SettingsRequest, description = "The settings to change."),
    responses(
        (status = 200, description = "The account with its new settings.", body = AccountWithQuota),
        SettingsProblems
    ),
)]
pub(super) async fn settings(
    State(api): State<Api>,
    signed_in: SignedIn,
    JsonBody(request): JsonBody<SettingsRequest>,
) -> Result<Response, ApiError> {
    let change = SettingsChange::try_from(request)?;
    let (accounts, user) = (api.accounts.clone(), signed_in.user());
    let change = async move { accounts.change_settings(user, change).await };
    let account = api.to_completion(change).await?;
    answer(&api, &account).await
}
