use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_application::ports::storage::EntryFilter;
use kanso_domain::HabitId;
use kanso_domain::entries::Completion;
use kanso_domain::validation::{Checker, Invalid};
use kanso_protocol::entries::EntryRecord;
use kanso_protocol::parse_uuid;
use serde::Deserialize;

use crate::answer::json;
use crate::parts::Api;
use crate::problem::{ApiError, Code, SIGNED_IN, problems};
use crate::request::{SignedIn, StrictQuery, instant_text};

problems!(ListProblems: SIGNED_IN, &[Code::InvalidParameter]);

/// Parameters of a list of entries.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// Id of a habit: only its entries are listed.
    #[serde(default)]
    #[param(value_type = Option<Uuid>)]
    habit_id: Option<String>,
    /// Start of the range, included: a date, compared with `local_date`, or an RFC 3339 instant,
    /// compared with `completion_date`. If left out: 30 days before the end.
    #[serde(default)]
    #[param(example = "2026-11-01")]
    from: Option<String>,
    /// End of the range, included: a date or an RFC 3339 instant.
    #[serde(default)]
    #[param(example = "2026-11-30")]
    to: Option<String>,
}

/// List the entries
///
/// Returns the live entries of live habits, newest first. Default: the last 30 days.
#[utoipa::path(
    get, path = "/entries", operation_id = "list_entries", tag = "entries",
    security(("bearer" = [])), params(Parameters),
    responses(
        (status = 200, description = "The entries.", body = [EntryRecord]),
        ListProblems
    ),
)]
pub(super) async fn list(
    State(api): State<Api>,
    signed_in: SignedIn,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<Response, ApiError> {
    let filter = filter(&parameters)
        .map_err(|invalid| ApiError::members(Code::InvalidParameter, invalid.errors()))?;
    let entries = api.entries.list(signed_in.user(), filter).await?;
    let records: Vec<_> = entries.iter().map(EntryRecord::from).collect();
    Ok(json(StatusCode::OK, &records))
}

fn filter(parameters: &Parameters) -> Result<EntryFilter, Invalid> {
    let mut checker = Checker::new();
    let mut bound = |name, text: Option<&String>| {
        let text = text.map(|text| instant_text(text));
        checker.take(name, text.map(|text| text.parse()).transpose())
    };
    // A bad bound is reported with the others at the end, so it counts as missing until then.
    let from: Option<Completion> = bound("from", parameters.from.as_ref()).flatten();
    let to = bound("to", parameters.to.as_ref()).flatten();
    if let (Some(from), Some(to)) = (from, to)
        && is_after(from, to)
    {
        checker.refuse("from", "must not be after to");
    }
    let habit_id = parameters.habit_id.as_deref();
    let habit_id = checker.take("habit_id", habit_id.map(parse_uuid).transpose());
    checker.finish(EntryFilter {
        habit_id: habit_id.flatten().map(HabitId::new),
        from,
        to,
    })
}

/// Returns true if the range is certainly empty.
///
/// A date and an instant of it in some zone are at most two days apart: zones reach from UTC-12 to
/// UTC+14, and a day may begin as late as 12:00. So a smaller distance may still have entries.
fn is_after(from: Completion, to: Completion) -> bool {
    const TWO_DAYS: i64 = 2 * 86_400;
    match (from, to) {
        (Completion::Day(from), Completion::Day(to)) => from > to,
        (Completion::At(from), Completion::At(to)) => from > to,
        (from, to) => from.instant() > to.instant().plus_seconds(TWO_DAYS),
    }
}
