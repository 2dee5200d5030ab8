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
use crate::request::{SignedIn, StrictQuery, parse_seen};

problems!(ChangesProblems: SIGNED_IN, &[
    Code::InvalidParameter, Code::CursorMalformed, Code::EpochChanged, Code::CursorExpired,
    Code::CursorAhead,
]);

/// Parameters of a list of changes.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// `timestamp` of the last answer, unchanged, or its `cursor`. If left out: all habits.
    #[serde(default)]
    #[param(example = "2026-11-22T18:00:00.000001Z")]
    last_sync: Option<String>,
}

/// Get changed habits
///
/// Returns each changed habit once, in its newest state. A deleted habit has `deleted_at`.
///
/// For clients of the first version of the API. New clients use `/sync`, which has habits and entries
/// in one order.
#[utoipa::path(
    get, path = "/habits/sync", operation_id = "get_habit_changes", tag = "habits",
    security(("bearer" = [])), params(Parameters),
    responses(
        (status = 200, description = "The habits that changed since then.", body = HabitChanges),
        ChangesProblems
    ),
)]
pub(super) async fn changes(
    State(api): State<Api>,
    signed_in: SignedIn,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<Response, ApiError> {
    let seen = parse_seen("last_sync", parameters.last_sync.as_deref())?;
    // No limit: clients of the first version do not know pages.
    let page = api.sync.delta(signed_in.user(), seen, Scope::Habits, None);
    let page = page.await??;
    // The scope selects one kind of record, so nothing is dropped here.
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
