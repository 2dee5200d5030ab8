use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use kanso_application::stats::{DateRange, HeatmapAnswer, MAX_RANGE_DAYS};
use kanso_domain::calendar::days_before;
use kanso_domain::{Entity, FieldError, HabitId};
use kanso_protocol::parse_uuid;
use kanso_protocol::stats::{HabitCells, HeatmapResponse};
use serde::Deserialize;

use super::range::{date, range};
use super::validator::Validator;
use crate::parts::Api;
use crate::problem::{ApiError, Code, SIGNED_IN, problems};
use crate::request::{SignedIn, StrictQuery, requested_zone};

problems!(HeatmapProblems: SIGNED_IN, &[Code::InvalidParameter, Code::HabitNotFound]);

/// Which dates to draw.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// The first date; left out, a year before the last. A range has at most 366 days.
    #[serde(default)]
    #[param(format = Date, example = "2025-11-22")]
    from: Option<String>,
    /// The last date; left out, today.
    #[serde(default)]
    #[param(format = Date, example = "2026-11-22")]
    to: Option<String>,
    /// This habit alone.
    #[serde(default)]
    #[param(value_type = Option<Uuid>)]
    habit_id: Option<String>,
    /// The zone in which the caller reads days, an IANA name; the header `X-Timezone` says the
    /// same. Left out, the account's.
    #[serde(default)]
    #[param(example = "Europe/Rome")]
    tz: Option<String>,
}

/// Get one cell a day
///
/// Each date of each habit by itself: its state, what was recorded, the target in force on it, and
/// how much of that was reached.
#[utoipa::path(
    get, path = "/stats/heatmap", operation_id = "get_heatmap", tag = "stats",
    security(("bearer" = [])),
    params(
        Parameters,
        ("X-Timezone" = Option<String>, Header, description = "The zone in which the caller reads days; the same as `tz`.", example = "Europe/Rome"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the answer that the caller has.")
    ),
    responses(
        (status = 200, description = "The cells.", body = HeatmapResponse,
            headers(("ETag" = String, description = "Changes with the records, at midnight, and with the zone and the settings."))),
        (status = 304, description = "The caller has this answer."),
        HeatmapProblems
    ),
)]
pub(super) async fn heatmap(
    State(api): State<Api>,
    who: SignedIn,
    headers: HeaderMap,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<Response, ApiError> {
    let zone = requested_zone(&headers, parameters.tz.as_deref())?;
    let habit = habit(parameters.habit_id.as_deref())?;
    let reader = api.stats.context(who.user(), zone).await?;
    let range = parameters.range(reader.today)?;
    let validator = Validator::new(&reader, &question(range, habit))?;
    let compute = async {
        let cells = api.stats.heatmap(who.user(), &reader, range, habit).await?;
        response(range, habit, &cells)
    };
    validator
        .answer((&api, who.user()), &headers, compute)
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

fn question(range: DateRange, habit: Option<HabitId>) -> String {
    let habit = habit.map_or_else(|| "all".to_owned(), |id| id.to_string());
    format!("heatmap_{}_{}_{habit}", range.from, range.to)
}

fn response(
    range: DateRange,
    habit: Option<HabitId>,
    habits: &[HeatmapAnswer],
) -> Result<HeatmapResponse, ApiError> {
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
