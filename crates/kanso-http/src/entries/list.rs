use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};
use kanso_application::Outcome;
use kanso_application::ports::storage::{EntryFilter, EntryKey};
use kanso_domain::entries::{Completion, Entry};
use kanso_domain::validation::{Checker, Invalid};
use kanso_domain::{Date, HabitId, UserId};
use kanso_protocol::entries::EntryRecord;
use kanso_protocol::{ListCursor, parse_uuid};
use serde::Deserialize;
use tokio::time::timeout;

use crate::answer::json;
use crate::heavy_reads::HeavyRead;
use crate::list::{
    Envelope, PIECE, PieceReader, link_next, list_in_pieces, not_a_position, page_limit,
};
use crate::parts::Api;
use crate::problem::{ApiError, Code, HEAVY, problems};
use crate::request::{SignedIn, StrictQuery, instant_text};

problems!(ListProblems: HEAVY, &[Code::InvalidParameter, Code::CursorMalformed]);

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
    /// Maximum number of records in a page, 1 to 1000. The header `Link` has the next page. If left
    /// out: everything in one answer.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, example = 100)]
    limit: Option<String>,
    /// Cursor of the next page, from the header `Link` of the last one; only with `limit`.
    #[serde(default)]
    #[param(max_length = 64)]
    cursor: Option<String>,
}

/// List the entries
///
/// Returns the live entries of live habits, newest first. Default: the last 30 days.
///
/// With `limit` the list comes in pages. An entry that is live all the time, and whose
/// `completion_date` does not change meanwhile, is on exactly one of them, whatever else is written.
/// Use `/sync` to keep a copy.
#[utoipa::path(
    get, path = "/entries", operation_id = "list_entries", tag = "entries",
    security(("bearer" = [])), params(Parameters),
    responses(
        (status = 200, description = "The entries.", body = [EntryRecord],
            headers(("Link" = Option<String>, description = "With `limit`: the next page, as `<?…>; rel=\"next\"`, relative to this request. Missing on the last page."))),
        ListProblems
    ),
)]
pub(super) async fn list(
    State(api): State<Api>,
    signed_in: SignedIn,
    uri: Uri,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<Response, ApiError> {
    let filter = filter(&parameters)
        .map_err(|invalid| ApiError::members(Code::InvalidParameter, invalid.errors()))?;
    let limit = page_limit(parameters.limit.as_deref(), parameters.cursor.as_deref())?;
    let user = signed_in.user();
    let position = position(user, parameters.cursor.as_deref())?;
    let reading = api.heavy_reads().begin(user).await?;
    let Some(limit) = limit else {
        return whole(&api, user, filter, reading).await;
    };
    let turn = reading.turn().await?;
    let (after, began_from) = position.unzip();
    let began_from = began_from.flatten().map(Completion::Day);
    let filter = EntryFilter {
        from: filter.from.or(began_from),
        ..filter
    };
    let entries = api.entries.clone();
    let step = async move {
        let filter = entries.with_beginning(user, filter).await?;
        let page = entries.page(user, filter, after, limit).await?;
        Outcome::Ok((filter, page))
    };
    let (filter, page) = turn.hold(step).await??;
    let mut response = json(StatusCode::OK, &records(&page.entries));
    if let Some(next) = page.next {
        let cursor = cursor(&parameters, filter, next).text(user);
        link_next(&mut response, &uri, &["cursor"], &cursor)?;
    }
    Ok(response)
}

fn position(
    user: UserId,
    cursor: Option<&str>,
) -> Result<Option<(EntryKey, Option<Date>)>, ApiError> {
    match cursor.map(|text| ListCursor::parse(text, user)) {
        None => Ok(None),
        Some(Ok(ListCursor::Entry {
            completion,
            id,
            from,
        })) => Ok(Some((EntryKey { completion, id }, from))),
        Some(Ok(ListCursor::Habit { .. }) | Err(_)) => Err(not_a_position()),
    }
}

fn cursor(parameters: &Parameters, filter: EntryFilter, last: EntryKey) -> ListCursor {
    let from = match filter.from {
        // The default depends on the time, so all pages have that of the first one.
        Some(Completion::Day(day)) if parameters.from.is_none() => Some(day),
        _ => None,
    };
    ListCursor::Entry {
        completion: last.completion,
        id: last.id,
        from,
    }
}

fn records(entries: &[Entry]) -> Vec<EntryRecord> {
    entries.iter().map(EntryRecord::from).collect()
}

/// Returns the whole list. Its keys are read at one instant, and its entries while it is sent.
async fn whole(
    api: &Api,
    user: UserId,
    filter: EntryFilter,
    reading: HeavyRead,
) -> Result<Response, ApiError> {
    let keys = {
        let entries = api.entries.clone();
        let turn = reading.turn().await?;
        turn.hold(async move { entries.keys(user, filter).await })
            .await??
    };
    let mut rest = EntryPieces {
        api: api.clone(),
        user,
        keys,
        read: 0,
        reading,
    };
    // The first piece is read before the answer begins, so a fault here is a problem with a status.
    let first = rest.next().await?.unwrap_or_default();
    if rest.read == rest.keys.len() {
        return Ok(json(StatusCode::OK, &first));
    }
    Ok(list_in_pieces(Envelope::array(), first, rest))
}

/// The entries of a list, read by their keys.
struct EntryPieces {
    api: Api,
    user: UserId,
    keys: Vec<EntryKey>,
    read: usize,
    reading: HeavyRead,
}

impl PieceReader for EntryPieces {
    type Item = EntryRecord;

    async fn next(&mut self) -> Result<Option<Vec<EntryRecord>>, ApiError> {
        let Some(keys) = self.keys[self.read..].chunks(PIECE as usize).next() else {
            return Ok(None);
        };
        let turn = self.reading.next_turn().await?;
        let (entries, user, asked) = (self.api.entries.clone(), self.user, keys.to_vec());
        let reading = turn.hold(async move { entries.with_keys(user, &asked).await });
        // The deadline layer covers only the time until the first byte, so each read needs its own
        // limit.
        let entries = timeout(self.api.options().time_limit, reading).await;
        let entries = entries.map_err(|_| Code::TimedOut)???;
        self.read += keys.len();
        Ok(Some(records(&entries)))
    }
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
