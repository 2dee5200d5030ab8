use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};
use kanso_application::ports::storage::HabitKey;
use kanso_domain::habits::Habit;
use kanso_domain::{FieldError, UserId};
use kanso_protocol::ListCursor;
use kanso_protocol::habits::HabitRecord;
use serde::Deserialize;

use crate::answer::json;
use crate::heavy_reads::HeavyRead;
use crate::list::{
    Envelope, PIECE, PieceReader, link_next, list_in_pieces, not_a_position, page_limit,
};
use crate::parts::Api;
use crate::problem::{ApiError, Code, HEAVY, problems};
use crate::request::{SignedIn, StrictQuery};

problems!(ListProblems: HEAVY, &[Code::InvalidParameter, Code::CursorMalformed]);

/// Parameters of a list of habits.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// `true` to include archived habits. Default: `false`.
    #[serde(default)]
    #[param(value_type = Option<bool>, example = false)]
    archived: Option<String>,
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

/// List the habits
///
/// Returns the live habits by `sort_order`, then newest first. Archived habits are left out unless
/// `archived` is `true`.
///
/// With `limit` the list comes in pages. A habit that is live all the time, and whose `sort_order` does
/// not change meanwhile, is on exactly one of them, whatever else is written.
#[utoipa::path(
    get, path = "/habits", operation_id = "list_habits", tag = "habits",
    security(("bearer" = [])), params(Parameters),
    responses(
        (status = 200, description = "The habits.", body = [HabitRecord],
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
    let archived_too = match parameters.archived.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(not_a_flag()),
    };
    let limit = page_limit(parameters.limit.as_deref(), parameters.cursor.as_deref())?;
    let user = signed_in.user();
    let after = position(user, parameters.cursor.as_deref())?;
    let reading = api.heavy_reads().begin(user).await?;
    let turn = reading.turn().await?;
    let Some(limit) = limit else {
        let habits = api.habits.clone();
        let habits = turn.hold(async move { habits.list(user, archived_too).await });
        let habits = habits.await??;
        return Ok(whole(habits, reading));
    };
    let habits = api.habits.clone();
    let page = turn.hold(async move { habits.page(user, archived_too, after, limit).await });
    let page = page.await??;
    let mut response = json(StatusCode::OK, &records(&page.habits));
    if let Some(next) = page.next {
        let cursor = ListCursor::Habit {
            sort_order: next.sort_order,
            created_at: next.created_at,
            id: next.id,
        };
        link_next(&mut response, &uri, &["cursor"], &cursor.text(user))?;
    }
    Ok(response)
}

fn position(user: UserId, cursor: Option<&str>) -> Result<Option<HabitKey>, ApiError> {
    match cursor.map(|text| ListCursor::parse(text, user)) {
        None => Ok(None),
        Some(Ok(ListCursor::Habit {
            sort_order,
            created_at,
            id,
        })) => Ok(Some(HabitKey {
            sort_order,
            created_at,
            id,
        })),
        Some(Ok(ListCursor::Entry { .. }) | Err(_)) => Err(not_a_position()),
    }
}

fn records(habits: &[Habit]) -> Vec<HabitRecord> {
    habits.iter().map(HabitRecord::from).collect()
}

/// Returns the whole list. Its quota bounds it, so it is read at once, and only its text is made while
/// it is sent.
fn whole(habits: Vec<Habit>, reading: HeavyRead) -> Response {
    if habits.len() <= PIECE as usize {
        return json(StatusCode::OK, &records(&habits));
    }
    let rest = HabitPieces {
        habits: habits.into_iter(),
        _reading: reading,
    };
    list_in_pieces(Envelope::array(), Vec::new(), rest)
}

struct HabitPieces {
    habits: std::vec::IntoIter<Habit>,
    _reading: HeavyRead,
}

impl PieceReader for HabitPieces {
    type Item = HabitRecord;

    async fn next(&mut self) -> Result<Option<Vec<HabitRecord>>, ApiError> {
        let piece: Vec<_> = self.habits.by_ref().take(PIECE as usize).collect();
        Ok((!piece.is_empty()).then(|| records(&piece)))
    }
}

fn not_a_flag() -> ApiError {
    let error = FieldError::new("archived", "must be true or false");
    ApiError::members(Code::InvalidParameter, &[error])
}
