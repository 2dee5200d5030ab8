use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use kanso_application::stats::HabitStats;
use kanso_domain::{Entity, FieldError};
use kanso_protocol::stats::HabitStatsResponse;
use serde::Deserialize;

use super::validator::Validator;
use crate::parts::Api;
use crate::problem::{ApiError, Code, HEAVY, problems};
use crate::request::{HabitPath, SignedIn, StrictQuery, requested_zone};

problems!(HabitProblems: HEAVY, &[Code::InvalidParameter, Code::HabitNotFound]);

/// Parameters of the statistics of a habit.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// `true` to list all units with their states, which explain the streak. Default: `false`.
    #[serde(default)]
    #[param(value_type = Option<bool>, default = false)]
    explain: Option<String>,
    /// Time zone in which days are counted, an IANA name. The header `X-Timezone` is equivalent. If
    /// left out: the zone of the account.
    #[serde(default)]
    #[param(example = "Europe/Rome")]
    tz: Option<String>,
}

/// Get the statistics of a habit
///
/// Returns its streak, its rate, its strength, and its totals by week, month and year. An entry counts
/// for its `local_date`, so a journey to another time zone moves no entry to another day.
#[utoipa::path(
    get, path = "/stats/habits/{id}", operation_id = "get_habit_stats", tag = "stats",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "Id of the habit."),
        Parameters,
        ("X-Timezone" = Option<String>, Header, description = "Time zone in which days are counted; equivalent to `tz`.", example = "Europe/Rome"),
        ("If-None-Match" = Option<String>, Header, description = "ETag of the answer that the client has.")
    ),
    responses(
        (status = 200, description = "The statistics of the habit.", body = HabitStatsResponse,
            headers(("ETag" = String, description = "Entity tag; differs after a change of the records or settings, on the next day, and in another zone."))),
        (status = 304, description = "The client has the newest answer."),
        HabitProblems
    ),
)]
pub(super) async fn habit(
    State(api): State<Api>,
    signed_in: SignedIn,
    HabitPath(id): HabitPath,
    headers: HeaderMap,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<Response, ApiError> {
    let zone = requested_zone(&headers, parameters.tz.as_deref())?;
    let is_explained = is_explained(parameters.explain.as_deref())?;
    let reader = api.stats.context(signed_in.user(), zone).await?;
    let validator = Validator::new(&reader, &format!("habit_{id}_{is_explained}"))?;
    // An unknown habit has an entity tag too. It is never cached, because `compute` fails.
    let (stats, user) = (api.stats.clone(), signed_in.user());
    let compute = async move {
        let stats = stats.habit(user, &reader, id).await?;
        let stats = stats.ok_or_else(|| ApiError::not_found(Entity::Habit))?;
        Ok(response(&stats, is_explained))
    };
    validator
        .answer((&api, signed_in.user()), &headers, compute)
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
