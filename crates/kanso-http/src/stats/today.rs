use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use kanso_application::stats::{HabitToday, TodayAnswer};
use kanso_protocol::stats::{HabitTodayRecord, TodayResponse};
use serde::Deserialize;

use super::validator::Validator;
use crate::parts::Api;
use crate::problem::{ApiError, Code, HEAVY, problems};
use crate::request::{SignedIn, StrictQuery, requested_zone};

problems!(TodayProblems: HEAVY, &[Code::InvalidParameter]);

/// Parameters of today.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// Time zone in which days are counted, an IANA name. The header `X-Timezone` is equivalent. If
    /// left out: the zone of the account.
    #[serde(default)]
    #[param(example = "Europe/Rome")]
    tz: Option<String>,
}

/// Get the habits of today
///
/// Returns the state of each habit today, its streak, and the time at which the day ends. For widgets
/// and start screens.
#[utoipa::path(
    get, path = "/today", operation_id = "get_today", tag = "stats",
    security(("bearer" = [])),
    params(
        Parameters,
        ("X-Timezone" = Option<String>, Header, description = "Time zone in which days are counted; equivalent to `tz`.", example = "Europe/Rome"),
        ("If-None-Match" = Option<String>, Header, description = "ETag of the answer that the client has.")
    ),
    responses(
        (status = 200, description = "The habits of today.", body = TodayResponse,
            headers(("ETag" = String, description = "Entity tag; differs after a change of the records or settings, on the next day, and in another zone."))),
        (status = 304, description = "The client has the newest answer."),
        TodayProblems
    ),
)]
pub(super) async fn today(
    State(api): State<Api>,
    signed_in: SignedIn,
    headers: HeaderMap,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<Response, ApiError> {
    let zone = requested_zone(&headers, parameters.tz.as_deref())?;
    let reader = api.stats.context(signed_in.user(), zone).await?;
    let validator = Validator::new(&reader, "today")?;
    let (stats, user) = (api.stats.clone(), signed_in.user());
    let compute = async move {
        let today = stats.today(user, &reader).await?;
        Ok(response(today))
    };
    validator
        .answer((&api, signed_in.user()), &headers, compute)
        .await
}

fn response(today: TodayAnswer) -> TodayResponse {
    let record = |it: &HabitToday| HabitTodayRecord::new(&it.habit, &it.status);
    TodayResponse {
        date: today.date.to_string(),
        habits: today.habits.iter().map(record).collect(),
        timezone: today.timezone,
        ends_at: today.ends_at,
    }
}
