use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use kanso_application::stats::{HabitGlance, StatsOverview};
use kanso_protocol::stats::{HabitGlanceRecord, OverviewResponse};
use serde::Deserialize;

use super::validator::Validator;
use crate::parts::Api;
use crate::problem::{ApiError, Code, HEAVY, problems};
use crate::request::{SignedIn, StrictQuery, requested_zone};

problems!(OverviewProblems: HEAVY, &[Code::InvalidParameter]);

/// Parameters of an overview.
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

/// Get an overview of all habits
///
/// Returns the habits that are not archived with their streaks and strengths, and the rates over the
/// last 7 and 30 days.
#[utoipa::path(
    get, path = "/stats/overview", operation_id = "get_overview", tag = "stats",
    security(("bearer" = [])),
    params(
        Parameters,
        ("X-Timezone" = Option<String>, Header, description = "Time zone in which days are counted; equivalent to `tz`.", example = "Europe/Rome"),
        ("If-None-Match" = Option<String>, Header, description = "ETag of the answer that the client has.")
    ),
    responses(
        (status = 200, description = "The overview.", body = OverviewResponse,
            headers(("ETag" = String, description = "Entity tag; differs after a change of the records or settings, on the next day, and in another zone."))),
        (status = 304, description = "The client has the newest answer."),
        OverviewProblems
    ),
)]
pub(super) async fn overview(
    State(api): State<Api>,
    signed_in: SignedIn,
    headers: HeaderMap,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<Response, ApiError> {
    let zone = requested_zone(&headers, parameters.tz.as_deref())?;
    let reader = api.stats.context(signed_in.user(), zone).await?;
    let validator = Validator::new(&reader, "overview")?;
    let (stats, user) = (api.stats.clone(), signed_in.user());
    let compute = async move {
        let overview = stats.overview(user, &reader).await?;
        Ok(response(&overview))
    };
    validator
        .answer((&api, signed_in.user()), &headers, compute)
        .await
}

fn response(overview: &StatsOverview) -> OverviewResponse {
    let glance = |glance: &HabitGlance| HabitGlanceRecord {
        habit_id: glance.habit.id.uuid(),
        habit_title: glance.habit.details.title.to_string(),
        streak: glance.streak.into(),
        strength: glance.strength,
    };
    OverviewResponse {
        total_habits: overview.habits.len(),
        last_7_days: overview.last_7_days.into(),
        last_30_days: overview.last_30_days.into(),
        habits: overview.habits.iter().map(glance).collect(),
    }
}
