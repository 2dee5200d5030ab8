use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_application::ports::storage::Scope;
use kanso_domain::Record;
use kanso_protocol::format_cursor;
use kanso_protocol::habits::{HabitChanges, HabitRecord};
use serde::Deserialize;

use crate::answer::json;
use crate::parts::Api;
use crate::problem::{ApiError, Code, SIGNED_IN, problems};
use crate::request::{SignedIn, StrictQuery, seen};

problems!(ChangesProblems: SIGNED_IN, &[
    Code::InvalidParameter, Code::CursorMalformed, Code::EpochChanged, Code::CursorExpired,
    Code::CursorAhead,
]);

/// Where the changes begin.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// The `timestamp` of the last answer, byte for byte, or its `cursor`; left out, the live
    /// habits are sent.
    #[serde(default)]
    #[param(example = "2026-11-22T18:00:00.000001Z")]
    last_sync: Option<String>,
}

/// Get the habits that changed
///
/// Each once, in its newest state; a deleted one has `deleted_at`. Answers the first clients;
/// newer ones sync habits and entries together.
#[utoipa::path(
    get, path = "/habits/sync", operation_id = "get_habit_changes", tag = "habits",
    security(("bearer" = [])), params(Parameters),
    responses(
        (status = 200, description = "The habits that changed.", body = HabitChanges),
        ChangesProblems
    ),
)]
pub(super) async fn changes(
    State(api): State<Api>,
    who: SignedIn,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<Response, ApiError> {
    let seen = seen("last_sync", parameters.last_sync.as_deref())?;
    let page = api.sync.delta(who.user(), seen, Scope::Habits, None);
    let page = page.await??;
    let record = |record: &Record| match record {
        Record::Habit(habit) => Some(HabitRecord::from(habit)),
        Record::Entry(_) => None,
    };
    let changes = HabitChanges {
        changes: page.records.iter().filter_map(record).collect(),
        timestamp: page.head.changed_at,
        cursor: format_cursor(page.cursor()),
    };
    Ok(json(StatusCode::OK, &changes))
}
