use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use kanso_application::stats::HabitStats;
use kanso_domain::{Entity, FieldError};
use kanso_protocol::stats::HabitStatsResponse;
use serde::Deserialize;

use super::validator::Validator;
use crate::parts::Api;
use crate::problem::{ApiError, Code, SIGNED_IN, problems};
use crate::request::{HabitPath, SignedIn, StrictQuery, requested_zone};

problems!(HabitProblems: SIGNED_IN, &[Code::InvalidParameter, Code::HabitNotFound]);

/// How much to say.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// Whether to list the units with their states: why the streak is what it is.
    #[serde(default)]
    #[param(value_type = Option<bool>, default = false)]
    explain: Option<String>,
    /// The zone in which the caller reads days, an IANA name; the header `X-Timezone` says the
    /// same. Left out, the account's.
    #[serde(default)]
    #[param(example = "Europe/Rome")]
    tz: Option<String>,
}

/// Get everything about one habit
///
/// Its streak, its rate over all units, its strength, and what was recorded by week, month and
/// year. Days are the recorded ones, which travel does not move.
#[utoipa::path(
    get, path = "/stats/habits/{id}", operation_id = "get_habit_stats", tag = "stats",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The habit."),
        Parameters,
        ("X-Timezone" = Option<String>, Header, description = "The zone in which the caller reads days; the same as `tz`.", example = "Europe/Rome"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the answer that the caller has.")
    ),
    responses(
        (status = 200, description = "The habit in figures.", body = HabitStatsResponse,
            headers(("ETag" = String, description = "Changes with the records, at midnight, and with the zone and the settings."))),
        (status = 304, description = "The caller has this answer."),
        HabitProblems
    ),
)]
pub(super) async fn habit(
    State(api): State<Api>,
    who: SignedIn,
    HabitPath(id): HabitPath,
    headers: HeaderMap,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<Response, ApiError> {
    let zone = requested_zone(&headers, parameters.tz.as_deref())?;
    let is_explained = is_explained(parameters.explain.as_deref())?;
    let reader = api.stats.context(who.user(), zone).await?;
    let validator = Validator::new(&reader, &format!("habit_{id}_{is_explained}"))?;
    let compute = async {
        let stats = api.stats.habit(who.user(), &reader, id).await?;
        let stats = stats.ok_or_else(|| ApiError::not_found(Entity::Habit))?;
        Ok(response(&stats, is_explained))
    };
    validator
        .answer((&api, who.user()), &headers, compute)
        .await
}

fn is_explained(text: Option<&str>) -> Result<bool, ApiError> {
    match text {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => {
            let error = FieldError::new("explain", "must be true or false");
            Err(ApiError::members(Code::InvalidParameter, &[error]))
        }
    }
}

fn response(stats: &HabitStats, is_explained: bool) -> HabitStatsResponse {
    HabitStatsResponse {
        habit_id: stats.habit.id.uuid(),
        habit_title: stats.habit.details.title.to_string(),
        streak: stats.streak.into(),
        rate: stats.rate.into(),
        strength: stats.strength,
        weeks: stats.weeks.iter().map(Into::into).collect(),
        months: stats.months.iter().map(Into::into).collect(),
        years: stats.years.iter().map(Into::into).collect(),
        done_by_weekday: stats.done_by_weekday,
        units: is_explained.then(|| stats.units.iter().map(Into::into).collect()),
    }
}
