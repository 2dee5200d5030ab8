use axum::extract::State;
use axum::response::Response;
use http::Uri;
use kanso_application::ports::storage::Scope;
use kanso_domain::Record;
use kanso_protocol::habits::{HabitChanges, HabitRecord};
use serde::Deserialize;

use crate::delta::{Changes, End, Position};
use crate::parts::Api;
use crate::problem::{ApiError, Code, HEAVY, problems};
use crate::request::{SignedIn, StrictQuery};

problems!(ChangesProblems: HEAVY, &[
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
    /// Maximum number of records in a page, 1 to 1000. The header `Link` and `has_more` say if another
    /// page follows. If left out: everything in one answer.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, example = 100)]
    limit: Option<String>,
    /// `cursor` of the last page, in place of `last_sync`; only with `limit`.
    #[serde(default)]
    #[param(example = "k1_ASNFZ4mrze8AAAAAAAAicHNaYSc", max_length = 64)]
    cursor: Option<String>,
}

/// Get changed habits
///
/// Returns each changed habit once, in its newest state. A deleted habit has `deleted_at`.
///
/// With `limit` the changes come in pages, and no change is skipped whatever is written meanwhile: each
/// page continues at a position of the history. Pages from the start have no deleted records.
///
/// For clients of the first version of the API. New clients use `/sync`, which has habits and entries
/// in one order.
#[utoipa::path(
    get, path = "/habits/sync", operation_id = "get_habit_changes", tag = "habits",
    security(("bearer" = [])), params(Parameters),
    responses(
        (status = 200, description = "The habits that changed since then.", body = HabitChanges,
            headers(("Link" = Option<String>, description = "With `limit`: the next page, as `<?…>; rel=\"next\"`, relative to this request. Missing on the last page."))),
        ChangesProblems
    ),
)]
pub(super) async fn changes(
    State(api): State<Api>,
    signed_in: SignedIn,
    uri: Uri,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<Response, ApiError> {
    let position = Position {
        name: "last_sync",
        seen: parameters.last_sync.as_deref(),
        limit: parameters.limit.as_deref(),
        cursor: parameters.cursor.as_deref(),
    };
    position
        .answer::<ChangesOfHabits>((&api, signed_in.user()), &uri)
        .await
}

struct ChangesOfHabits;

impl Changes for ChangesOfHabits {
    const SCOPE: Scope = Scope::Habits;
    type Record = HabitRecord;
    type Answer = HabitChanges;

    fn record(record: &Record) -> Option<HabitRecord> {
        // The scope selects one kind of record, so nothing is dropped here.
        match record {
            Record::Habit(habit) => Some(HabitRecord::from(habit)),
            Record::Entry(_) => None,
        }
    }

    fn answer(changes: Vec<HabitRecord>, end: End) -> HabitChanges {
        HabitChanges {
            changes,
            timestamp: end.timestamp,
            cursor: end.cursor,
            has_more: end.has_more,
        }
    }
}
