use axum::extract::State;
use axum::response::Response;
use http::Uri;
use kanso_application::ports::storage::Scope;
use kanso_domain::Record;
use kanso_protocol::entries::{EntryChanges, EntryRecord};
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
    /// `timestamp` of the last answer, unchanged, or its `cursor`. If left out: all entries.
    #[serde(default)]
    #[param(example = "2026-11-22T18:00:00.000001Z")]
    since: Option<String>,
    /// Maximum number of records in a page, 1 to 1000. The header `Link` and `has_more` say if another
    /// page follows. If left out: everything in one answer.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, example = 100)]
    limit: Option<String>,
    /// `cursor` of the last page, in place of `since`; only with `limit`.
    #[serde(default)]
    #[param(example = "k1_ASNFZ4mrze8AAAAAAAAicHNaYSc", max_length = 64)]
    cursor: Option<String>,
}

/// Get changed entries
///
/// Returns each changed entry once, in its newest state. A deleted entry has `deleted_at`. The live
/// entries of a deleted habit are not sent: its deletion includes them.
///
/// With `limit` the changes come in pages, and no change is skipped whatever is written meanwhile: each
/// page continues at a position of the history. Pages from the start have no deleted records.
///
/// For clients of the first version of the API. New clients use `/sync`, which has habits and entries
/// in one order.
#[utoipa::path(
    get, path = "/entries/sync", operation_id = "get_entry_changes", tag = "entries",
    security(("bearer" = [])), params(Parameters),
    responses(
        (status = 200, description = "The entries that changed since then.", body = EntryChanges,
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
        name: "since",
        seen: parameters.since.as_deref(),
        limit: parameters.limit.as_deref(),
        cursor: parameters.cursor.as_deref(),
    };
    position
        .answer::<ChangesOfEntrys>((&api, signed_in.user()), &uri)
        .await
}

struct ChangesOfEntrys;

impl Changes for ChangesOfEntrys {
    const SCOPE: Scope = Scope::Entries;
    type Record = EntryRecord;
    type Answer = EntryChanges;

    fn record(record: &Record) -> Option<EntryRecord> {
        // The scope selects one kind of record, so nothing is dropped here.
        match record {
            Record::Entry(entry) => Some(EntryRecord::from(entry)),
            Record::Habit(_) => None,
        }
    }

    fn answer(changes: Vec<EntryRecord>, end: End) -> EntryChanges {
        EntryChanges {
            changes,
            timestamp: end.timestamp,
            cursor: end.cursor,
            has_more: end.has_more,
        }
    }
}
