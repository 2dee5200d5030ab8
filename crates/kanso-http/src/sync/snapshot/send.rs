use axum::extract::State;
use axum::response::Response;
use kanso_application::replicas::SnapshotPosition;
use kanso_domain::accounts::SettingsRecord;
use kanso_domain::calendar::days_before;
use kanso_domain::{FieldError, UserId};
use kanso_protocol::MAX_WINDOW_DAYS;
use kanso_protocol::sync::SnapshotLine;
use serde::Deserialize;

use super::lines::SnapshotLines;
use super::position::position;
use crate::answer::JsonLines as _;
use crate::parts::Api;
use crate::problem::{ApiError, Code, SIGNED_IN, problems};
use crate::request::{SignedIn, StrictQuery, number};

problems!(SnapshotProblems: SIGNED_IN, &[
    Code::InvalidParameter, Code::CursorMalformed, Code::EpochChanged, Code::CursorExpired,
    Code::CursorAhead,
]);

/// Default number of recent days: the range that a tracker shows at its start.
const WINDOW_DAYS: u32 = 90;

/// Parameters of a snapshot.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::sync) struct Parameters {
    /// Number of recent days whose entries are sent before older ones, 0 to 3660.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 0, maximum = 3660, default = 90, example = 90)]
    window_days: Option<String>,
    /// Value of the last line `mark` of a snapshot that was cut off. The answer continues after that
    /// line, with the `window_days` of the first request.
    #[serde(default)]
    #[param(max_length = 71)]
    resume: Option<String>,
}

/// Get a snapshot
///
/// Returns all live records as lines of JSON, for a device without data: `begin`, the settings if they
/// were ever changed, the habits, the recent entries, the older entries, `end`.
///
/// Between the records there are lines `mark`. An answer without `end` was cut off: send the last
/// `mark` as `resume` to get the rest. After `end`, pull with its cursor to get the changes and
/// deletions since `begin`.
#[utoipa::path(
    get, path = "/sync/snapshot", operation_id = "get_snapshot", tag = "sync",
    security(("bearer" = [])), params(Parameters),
    responses(
        (status = 200, description = "One `SnapshotLine` per line (NDJSON).", body = SnapshotLine,
            content_type = "application/x-ndjson",
            example = json!({"type": "end", "cursor": "k1_ASNFZ4mrze8AAAAAAAAicHNaYSc", "digest": "a3eb69ac60122dd5", "records": 1830})),
        SnapshotProblems
    ),
)]
pub(in crate::sync) async fn snapshot(
    State(api): State<Api>,
    signed_in: SignedIn,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<Response, ApiError> {
    let window = window_days(parameters.window_days.as_deref())?;
    let (position, settings) = match &parameters.resume {
        // The settings were in the first answer, before every mark.
        Some(token) => (resume(&api, signed_in.user(), token).await?, None),
        None => begin(&api, signed_in.user(), window).await?,
    };
    Ok(SnapshotLines::new(&api, signed_in.user(), position, settings).into_response())
}

fn window_days(text: Option<&str>) -> Result<i32, ApiError> {
    let days = text.map_or(Some(WINDOW_DAYS), number);
    let days = days.filter(|days| *days <= MAX_WINDOW_DAYS);
    days.and_then(|days| i32::try_from(days).ok())
        .ok_or_else(|| {
            let reason = format!("must be a number between 0 and {MAX_WINDOW_DAYS}");
            let error = FieldError::new("window_days", reason);
            ApiError::members(Code::InvalidParameter, &[error])
        })
}

async fn begin(
    api: &Api,
    user: UserId,
    window: i32,
) -> Result<(SnapshotPosition, Option<SettingsRecord>), ApiError> {
    // The window ends today in the zone of the account, like the days of its entries.
    let today = api.stats.context(user, None).await?.today;
    let recent_from = days_before(today, window);
    let position = api.replicas.begin_snapshot(user, recent_from).await?;
    Ok((position, api.replicas.settings(user).await?))
}

async fn resume(api: &Api, user: UserId, token: &str) -> Result<SnapshotPosition, ApiError> {
    // The position is refused like a cursor if the history was replaced or purged since: the records
    // that were sent may be deleted by now without a tombstone.
    let head = api.live.head(user).await?;
    let position = position(token, user, head)?;
    position.began.cursor().since(head)?;
    Ok(position)
}
