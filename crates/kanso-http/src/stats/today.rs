use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use kanso_application::stats::{HabitToday, TodayAnswer};
use kanso_protocol::stats::{HabitTodayRecord, TodayResponse};
use serde::Deserialize;

use super::validator::Validator;
use crate::parts::Api;
use crate::problem::{ApiError, Code, SIGNED_IN, problems};
use crate::request::{SignedIn, StrictQuery, requested_zone};

problems!(TodayProblems: SIGNED_IN, &[Code::InvalidParameter]);

/// Where the caller is.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// The zone in which the caller reads days, an IANA name; the header `X-Timezone` says the
    /// same. Left out, the account's.
    #[serde(default)]
    #[param(example = "Europe/Rome")]
    tz: Option<String>,
}

/// Get what is asked for today
///
/// What is due, done, open and at risk now, and when the day ends: what a widget shows.
#[utoipa::path(
    get, path = "/today", operation_id = "get_today", tag = "stats",
    security(("bearer" = [])),
    params(
        Parameters,
        ("X-Timezone" = Option<String>, Header, description = "The zone in which the caller reads days; the same as `tz`.", example = "Europe/Rome"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the answer that the caller has.")
    ),
    responses(
        (status = 200, description = "Today.", body = TodayResponse,
            headers(("ETag" = String, description = "Changes with the records, at midnight, and with the zone and the settings."))),
        (status = 304, description = "The caller has this answer."),
        TodayProblems
    ),
)]
pub(super) async fn today(
    State(api): State<Api>,
    who: SignedIn,
    headers: HeaderMap,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<Response, ApiError> {
    let zone = requested_zone(&headers, parameters.tz.as_deref())?;
    let reader = api.stats.context(who.user(), zone).await?;
    let validator = Validator::new(&reader, "today")?;
    let compute = async {
        let today = api.stats.today(who.user(), &reader).await?;
        Ok(response(today))
    };
    validator
        .answer((&api, who.user()), &headers, compute)
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
