use axum::extract::State;
use axum::response::Response;
use kanso_application::replicas::SnapshotPosition;
use kanso_domain::accounts::SettingsRecord;
use kanso_domain::calendar::days_before;
use kanso_domain::{FieldError, UserId};
use kanso_protocol::MAX_WINDOW_DAYS;
use kanso_protocol::sync::SnapshotLine;
use serde::Deserialize;

use super::lines::Lines;
use super::position::position;
use crate::answer::Lines as _;
use crate::parts::Api;
use crate::problem::{ApiError, Code, SIGNED_IN, problems};
use crate::request::{SignedIn, StrictQuery};

problems!(SnapshotProblems: SIGNED_IN, &[
    Code::InvalidParameter, Code::CursorMalformed, Code::EpochChanged, Code::CursorExpired,
    Code::CursorAhead,
]);

/// How many days come first where nobody says: what a tracker shows at its start.
const WINDOW_DAYS: u32 = 90;

/// What to send, and in which order.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::sync) struct Parameters {
    /// The entries of the last so many days come before the others.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 0, maximum = 3660, default = 90, example = 90)]
    window_days: Option<String>,
    /// Of the last `mark` of a snapshot that was cut off: the rest of it, in the order in which it
    /// began.
    #[serde(default)]
    #[param(max_length = 71)]
    resume: Option<String>,
}

/// Get everything
///
/// Everything that is live as lines of JSON, for a device that holds nothing: `begin`, the
/// settings if they were ever changed, the habits, the entries of the last days, the older ones,
/// `end`. After some records comes a `mark`: with it in `resume`, a snapshot that was cut off goes
/// on. Then pull after the cursor of `end`, which brings what changed meanwhile; what was deleted
/// meanwhile is among it as tombstones. Without an `end` the answer was cut off.
#[utoipa::path(
    get, path = "/sync/snapshot", operation_id = "get_snapshot", tag = "sync",
    security(("bearer" = [])), params(Parameters),
    responses(
        (status = 200, description = "One `SnapshotLine` a line.", body = SnapshotLine,
            content_type = "application/x-ndjson",
            example = json!({"type": "end", "cursor": "k1_ASNFZ4mrze8AAAAAAAAicHNaYSc", "digest": "a3eb69ac60122dd5", "records": 1830})),
        SnapshotProblems
    ),
)]
pub(in crate::sync) async fn snapshot(
    State(api): State<Api>,
    who: SignedIn,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<Response, ApiError> {
    let window = window_days(parameters.window_days.as_deref())?;
    let (position, settings) = match &parameters.resume {
        Some(token) => (resumed(&api, who.user(), token).await?, None),
        None => begun(&api, who.user(), window).await?,
    };
    Ok(Lines::new(&api, who.user(), position, settings).into_response())
}

fn window_days(text: Option<&str>) -> Result<i32, ApiError> {
    let days = text.map_or(Ok(WINDOW_DAYS), str::parse);
    let days = days.ok().filter(|days| *days <= MAX_WINDOW_DAYS);
    days.and_then(|days| i32::try_from(days).ok())
        .ok_or_else(|| {
            let reason = format!("must be a number between 0 and {MAX_WINDOW_DAYS}");
            let error = FieldError::new("window_days", reason);
            ApiError::members(Code::InvalidParameter, &[error])
        })
}

async fn begun(
    api: &Api,
    user: UserId,
    window: i32,
) -> Result<(SnapshotPosition, Option<SettingsRecord>), ApiError> {
    let today = api.stats.context(user, None).await?.today;
    let recent_from = days_before(today, window);
    let position = api.replicas.begin_snapshot(user, recent_from).await?;
    Ok((position, api.replicas.settings(user).await?))
}

async fn resumed(api: &Api, user: UserId, token: &str) -> Result<SnapshotPosition, ApiError> {
    let head = api.live.head(user).await?;
    let position = position(token, user, head)?;
    position.began.cursor().since(head)?;
    Ok(position)
}
