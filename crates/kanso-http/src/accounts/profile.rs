use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_application::quotas::QuotaReport;
use kanso_domain::accounts::Account;
use kanso_domain::sync::Quota;
use kanso_protocol::accounts::AccountRecord;
use kanso_protocol::quotas::{AccountWithQuota, QuotaBody, Share};

use crate::answer::json;
use crate::parts::Api;
use crate::problem::{ApiError, SIGNED_IN, problems};
use crate::request::SignedIn;

problems!(ProfileProblems: SIGNED_IN);

/// Get the account
///
/// Returns the account, its settings, and its quota: what it stores, and how much it may.
#[utoipa::path(
    get, path = "/auth/user", operation_id = "get_account", tag = "accounts",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The account.", body = AccountWithQuota),
        ProfileProblems
    ),
)]
pub(super) async fn profile(
    State(api): State<Api>,
    signed_in: SignedIn,
) -> Result<Response, ApiError> {
    let account = api.accounts.get(signed_in.user()).await?;
    answer(&api, &account).await
}

/// Answers with an account and its quota.
pub(super) async fn answer(api: &Api, account: &Account) -> Result<Response, ApiError> {
    let report = api.quotas.report(account.id).await?;
    let account = AccountWithQuota {
        account: AccountRecord::from(account),
        quota: Some(body(report)),
    };
    Ok(json(StatusCode::OK, &account))
}

fn body(report: QuotaReport) -> QuotaBody {
    let QuotaReport { usage, quota, .. } = report;
    let share = |used, limit, unlimited| Share {
        used,
        limit: (limit != unlimited).then_some(limit),
    };
    let none = Quota::UNLIMITED;
    QuotaBody {
        live_habits: share(
            report.live_habits.into(),
            quota.live_habits.into(),
            none.live_habits.into(),
        ),
        records: share(usage.records, quota.records, none.records),
        bytes: share(usage.bytes, quota.bytes, none.bytes),
    }
}
