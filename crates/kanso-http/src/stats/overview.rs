use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use kanso_application::stats::{HabitGlance, StatsOverview};
use kanso_protocol::stats::{HabitGlanceRecord, OverviewResponse};
use serde::Deserialize;

use super::validator::Validator;
use crate::parts::Api;
use crate::problem::{ApiError, Code, SIGNED_IN, problems};
use crate::request::{SignedIn, StrictQuery, requested_zone};

problems!(OverviewProblems: SIGNED_IN, &[Code::InvalidParameter]);

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

/// Get all habits at a glance
///
/// The habits that are not put away with their streaks and strengths, and what was done of what
/// was due in the last 7 and 30 days.
#[utoipa::path(
    get, path = "/stats/overview", operation_id = "get_overview", tag = "stats",
    security(("bearer" = [])),
    params(
        Parameters,
        ("X-Timezone" = Option<String>, Header, description = "The zone in which the caller reads days; the same as `tz`.", example = "Europe/Rome"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the answer that the caller has.")
    ),
    responses(
        (status = 200, description = "The habits at a glance.", body = OverviewResponse,
            headers(("ETag" = String, description = "Changes with the records, at midnight, and with the zone and the settings."))),
        (status = 304, description = "The caller has this answer."),
        OverviewProblems
    ),
)]
pub(super) async fn overview(
    State(api): State<Api>,
    who: SignedIn,
    headers: HeaderMap,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<Response, ApiError> {
    let zone = requested_zone(&headers, parameters.tz.as_deref())?;
    let reader = api.stats.context(who.user(), zone).await?;
    let validator = Validator::new(&reader, "overview")?;
    let compute = async {
        let overview = api.stats.overview(who.user(), &reader).await?;
        Ok(response(&overview))
    };
    validator
        .answer((&api, who.user()), &headers, compute)
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
