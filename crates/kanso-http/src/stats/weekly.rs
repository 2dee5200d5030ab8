use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use kanso_application::stats::Weekly;
use kanso_protocol::stats::{HabitWeekRecord, WeeklyResponse};
use serde::Deserialize;

use super::range::{date, range, too_many_cells};
use super::validator::Validator;
use crate::parts::Api;
use crate::problem::{ApiError, Code, HEAVY, problems};
use crate::request::{SignedIn, StrictQuery, requested_zone};

problems!(WeeklyProblems: HEAVY, &[Code::InvalidParameter, Code::TooManyCells]);

/// Parameters of the weekly progress.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// First day, `YYYY-MM-DD`. If left out: six days before the last. A range has at most 366 days.
    #[serde(default)]
    #[param(format = Date, example = "2026-11-16")]
    start_date: Option<String>,
    /// Last day, `YYYY-MM-DD`. If left out: today.
    #[serde(default)]
    #[param(format = Date, example = "2026-11-22")]
    end_date: Option<String>,
    /// Time zone in which days are counted, an IANA name. The header `X-Timezone` is equivalent. If
    /// left out: the zone of the account.
    #[serde(default)]
    #[param(example = "Europe/Rome")]
    tz: Option<String>,
}

/// Get the progress of all habits
///
/// Returns the days of each habit in the range, its rate and its streak. An entry with an instant counts
/// for the day of that instant in the requested zone; an entry with a date counts for that date. The
/// rate is `null` if nothing was due. An answer has at most 200000 days of habits: for many habits, ask
/// for fewer days.
#[utoipa::path(
    get, path = "/stats/weekly", operation_id = "get_weekly_stats", tag = "stats",
    security(("bearer" = [])),
    params(
        Parameters,
        ("X-Timezone" = Option<String>, Header, description = "Time zone in which days are counted; equivalent to `tz`.", example = "Europe/Rome"),
        ("If-None-Match" = Option<String>, Header, description = "ETag of the answer that the client has.")
    ),
    responses(
        (status = 200, description = "The progress of the habits.", body = WeeklyResponse,
            headers(("ETag" = String, description = "Entity tag; differs after a change of the records or settings, on the next day, and in another zone."))),
        (status = 304, description = "The client has the newest answer."),
        WeeklyProblems
    ),
)]
pub(super) async fn weekly(
    State(api): State<Api>,
    signed_in: SignedIn,
    headers: HeaderMap,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<Response, ApiError> {
    let zone = requested_zone(&headers, parameters.tz.as_deref())?;
    let from = date("start_date", parameters.start_date.as_deref())?;
    let to = date("end_date", parameters.end_date.as_deref())?;
    let reader = api.stats.context(signed_in.user(), zone).await?;
    let range = range("start_date", (from, to), reader.today)?;
    // The 2: answers with this tag have `days`. An answer of an older build, in a cache, has not.
    let question = format!("weekly2_{}_{}", range.from, range.to);
    let validator = Validator::new(&reader, &question)?;
    let (stats, user) = (api.stats.clone(), signed_in.user());
    let compute = async move {
        let weekly = stats.weekly(user, &reader, range).await?;
        let weekly =
            weekly.map_err(|refusal| too_many_cells(refusal, ["start_date", "end_date"]))?;
        Ok(response(&weekly))
    };
    validator
        .answer((&api, signed_in.user()), &headers, compute)
        .await
}

fn response(weekly: &Weekly) -> WeeklyResponse {
    let habits = weekly.habits.iter();
    let habits = habits
        .map(|week| HabitWeekRecord::new(&week.habit, week.rate, week.streak, &week.cells))
        .collect();
    WeeklyResponse::new((weekly.range.from, weekly.range.to), weekly.overall, habits)
}
