use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use kanso_application::stats::Weekly;
use kanso_protocol::stats::{HabitWeekRecord, WeeklyResponse};
use serde::Deserialize;

use super::range::{date, range};
use super::validator::Validator;
use crate::parts::Api;
use crate::problem::{ApiError, Code, SIGNED_IN, problems};
use crate::request::{SignedIn, StrictQuery, requested_zone};

problems!(WeeklyProblems: SIGNED_IN, &[Code::InvalidParameter]);

/// Which days to look at.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// The first day; left out, six days before the last. A range has at most 366 days.
    #[serde(default)]
    #[param(format = Date, example = "2026-11-16")]
    start_date: Option<String>,
    /// The last day; left out, today.
    #[serde(default)]
    #[param(format = Date, example = "2026-11-22")]
    end_date: Option<String>,
    /// The zone in which the caller reads days, an IANA name; the header `X-Timezone` says the
    /// same. Left out, the account's.
    #[serde(default)]
    #[param(example = "Europe/Rome")]
    tz: Option<String>,
}

/// Get the days of all habits
///
/// Each habit's days, what was done of what was due, and its streak. A day is the one on which an
/// instant falls in the caller's zone; an entry that was made for a date stays on it. Nothing due
/// gives a rate of `null`.
#[utoipa::path(
    get, path = "/stats/weekly", operation_id = "get_weekly_stats", tag = "stats",
    security(("bearer" = [])),
    params(
        Parameters,
        ("X-Timezone" = Option<String>, Header, description = "The zone in which the caller reads days; the same as `tz`.", example = "Europe/Rome"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the answer that the caller has.")
    ),
    responses(
        (status = 200, description = "The days.", body = WeeklyResponse,
            headers(("ETag" = String, description = "Changes with the records, at midnight, and with the zone and the settings."))),
        (status = 304, description = "The caller has this answer."),
        WeeklyProblems
    ),
)]
pub(super) async fn weekly(
    State(api): State<Api>,
    who: SignedIn,
    headers: HeaderMap,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<Response, ApiError> {
    let zone = requested_zone(&headers, parameters.tz.as_deref())?;
    let from = date("start_date", parameters.start_date.as_deref())?;
    let to = date("end_date", parameters.end_date.as_deref())?;
    let reader = api.stats.context(who.user(), zone).await?;
    let range = range("start_date", (from, to), reader.today)?;
    let question = format!("weekly_{}_{}", range.from, range.to);
    let compute = async {
        let weekly = api.stats.weekly(who.user(), &reader, range).await?;
        Ok(response(&weekly))
    };
    let validator = Validator::new(&reader, &question)?;
    validator
        .answer((&api, who.user()), &headers, compute)
        .await
}

fn response(weekly: &Weekly) -> WeeklyResponse {
    let habits = weekly.habits.iter();
    let habits = habits
        .map(|week| HabitWeekRecord::new(&week.habit, week.rate, week.streak, &week.cells))
        .collect();
    WeeklyResponse::new((weekly.range.from, weekly.range.to), weekly.overall, habits)
}
