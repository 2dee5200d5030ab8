use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use kanso_application::stats::{DateRange, HeatmapAnswer, MAX_RANGE_DAYS};
use kanso_domain::calendar::days_before;
use kanso_domain::{Entity, FieldError, HabitId};
use kanso_protocol::parse_uuid;
use kanso_protocol::stats::{HabitCells, HeatmapResponse};
use serde::Deserialize;

use super::range::{date, range, too_many_cells};
use super::validator::Validator;
use crate::parts::Api;
use crate::problem::{ApiError, Code, HEAVY, problems};
use crate::request::{SignedIn, StrictQuery, requested_zone};

problems!(
    HeatmapProblems: HEAVY,
    &[Code::InvalidParameter, Code::HabitNotFound, Code::TooManyCells],
);

/// Parameters of a heatmap.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// First date, `YYYY-MM-DD`. If left out: 366 days up to the last date, which is the longest range.
    #[serde(default)]
    #[param(format = Date, example = "2025-11-22")]
    from: Option<String>,
    /// Last date, `YYYY-MM-DD`. If left out: today.
    #[serde(default)]
    #[param(format = Date, example = "2026-11-22")]
    to: Option<String>,
    /// Id of a habit: only its cells are returned.
    #[serde(default)]
    #[param(value_type = Option<Uuid>)]
    habit_id: Option<String>,
    /// Time zone in which days are counted, an IANA name. The header `X-Timezone` is equivalent. If
    /// left out: the zone of the account.
    #[serde(default)]
    #[param(example = "Europe/Rome")]
    tz: Option<String>,
}

/// Get a heatmap
///
/// Returns a cell for each date of each habit: its state, the sum of its amounts, the target in force on
/// that date, and the level from 0 to 4. An answer has at most 200000 cells: for many habits, ask for
/// fewer days or for one habit.
#[utoipa::path(
    get, path = "/stats/heatmap", operation_id = "get_heatmap", tag = "stats",
    security(("bearer" = [])),
    params(
        Parameters,
        ("X-Timezone" = Option<String>, Header, description = "Time zone in which days are counted; equivalent to `tz`.", example = "Europe/Rome"),
        ("If-None-Match" = Option<String>, Header, description = "ETag of the answer that the client has.")
    ),
    responses(
        (status = 200, description = "The cells.", body = HeatmapResponse,
            headers(("ETag" = String, description = "Entity tag; differs after a change of the records or settings, on the next day, and in another zone."))),
        (status = 304, description = "The client has the newest answer."),
        HeatmapProblems
    ),
)]
pub(super) async fn heatmap(
    State(api): State<Api>,
    signed_in: SignedIn,
    headers: HeaderMap,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<Response, ApiError> {
    let zone = requested_zone(&headers, parameters.tz.as_deref())?;
    let habit = habit(parameters.habit_id.as_deref())?;
    // The range needs the date of today, which depends on the zone.
    let reader = api.stats.context(signed_in.user(), zone).await?;
    let range = parameters.range(reader.today)?;
    let validator = Validator::new(&reader, &question(range, habit))?;
    let (stats, user) = (api.stats.clone(), signed_in.user());
    let compute = async move {
        let cells = stats
            .heatmap(user, &reader, range, habit)
            .await?
            .map_err(|refusal| too_many_cells(refusal, ["from", "to"]))?;
        response(range, habit, &cells)
    };
    validator
        .answer((&api, signed_in.user()), &headers, compute)
        .await
}

impl Parameters {
    fn range(&self, today: kanso_domain::Date) -> Result<DateRange, ApiError> {
        let to = date("to", self.to.as_deref())?.unwrap_or(today);
        let from = date("from", self.from.as_deref())?;
        let from = from.unwrap_or_else(|| days_before(to, MAX_RANGE_DAYS - 1));
        range("from", (Some(from), Some(to)), today)
    }
}

fn habit(text: Option<&str>) -> Result<Option<HabitId>, ApiError> {
    let id = text.map(parse_uuid).transpose().map_err(|error| {
        let error = FieldError::new("habit_id", error.to_string());
        ApiError::members(Code::InvalidParameter, &[error])
    })?;
    Ok(id.map(HabitId::new))
}

/// Returns the part of the entity tag that names the parameters, with their defaults filled in.
fn question(range: DateRange, habit: Option<HabitId>) -> String {
    let habit = habit.map_or_else(|| "all".to_owned(), |id| id.to_string());
    format!("heatmap_{}_{}_{habit}", range.from, range.to)
}

fn response(
    range: DateRange,
    habit: Option<HabitId>,
    habits: &[HeatmapAnswer],
) -> Result<HeatmapResponse, ApiError> {
    // All habits may be none, but one that was asked for must exist.
    if habit.is_some() && habits.is_empty() {
        return Err(ApiError::not_found(Entity::Habit));
    }
    let cells = |habit: &HeatmapAnswer| HabitCells {
        habit_id: habit.habit_id.uuid(),
        cells: habit.cells.iter().map(Into::into).collect(),
    };
    Ok(HeatmapResponse {
        from: range.from.to_string(),
        to: range.to.to_string(),
        habits: habits.iter().map(cells).collect(),
    })
}
