use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_application::ports::storage::Scope;
use kanso_domain::Record;
use kanso_protocol::entries::{EntryChanges, EntryRecord};
use kanso_protocol::format_cursor;
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
    /// `timestamp` of the last answer, unchanged, or its `cursor`. If left out: all entries.
    #[serde(default)]
    #[param(example = "2026-11-22T18:00:00.000001Z")]
    since: Option<String>,
}

/// Get changed entries
///
/// Returns each changed entry once, in its newest state. A deleted entry has `deleted_at`. The live
/// entries of a deleted habit are not sent: its deletion includes them.
///
/// For clients of the first version of the API. New clients use `/sync`, which has habits and entries
/// in one order.
#[utoipa::path(
    get, path = "/entries/sync", operation_id = "get_entry_changes", tag = "entries",
    security(("bearer" = [])), params(Parameters),
    responses(
        (status = 200, description = "The entries that changed since then.", body = EntryChanges),
        ChangesProblems
    ),
)]
pub(super) async fn changes(
    State(api): State<Api>,
    signed_in: SignedIn,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<Response, ApiError> {
    let seen = parse_seen("since", parameters.since.as_deref())?;
    // No limit: clients of the first version do not know pages.
    let page = api.sync.delta(signed_in.user(), seen, Scope::Entries, None);
    let page = page.await??;
    // The scope selects one kind of record, so nothing is dropped here.
    let record = |record: &Record| match record {
        Record::Entry(entry) => Some(EntryRecord::from(entry)),
        Record::Habit(_) => None,
    };
    let changes = EntryChanges {
        changes: page.records.iter().filter_map(record).collect(),
        timestamp: page.head.changed_at,
        cursor: format_cursor(page.cursor()),
    };
    Ok(json(StatusCode::OK, &changes))
}
