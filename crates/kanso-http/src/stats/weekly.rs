use crate::problem::{Code, Refusal, SIGNED_IN, problems};
use crate::request::SignedIn;

problems!(WeeklyProblems: SIGNED_IN, &[Code::NotImplemented]);

/// Get statistics by week
///
/// Not available yet: every call answers 501.
#[utoipa::path(
    get, path = "/stats/weekly", operation_id = "get_weekly_stats", tag = "stats",
    security(("bearer" = [])),
    params(
        ("start_date" = Option<String>, Query, description = "The first day, `YYYY-MM-DD`.", example = "2026-11-16"),
        ("end_date" = Option<String>, Query, description = "The last day, `YYYY-MM-DD`.", example = "2026-11-22"),
        ("X-Timezone" = Option<String>, Header, description = "The zone in which days are read, an IANA name.", example = "Europe/Rome")
    ),
    responses(WeeklyProblems),
)]
pub(super) async fn weekly(_: SignedIn) -> Refusal {
    Code::NotImplemented.into()
}
