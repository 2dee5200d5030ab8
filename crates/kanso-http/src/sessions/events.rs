use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_domain::FieldError;
use kanso_protocol::sessions::{EventRecord, EventsResponse};
use serde::Deserialize;

use crate::answer::json;
use crate::parts::Api;
use crate::problem::{ApiError, Code, SIGNED_IN, problems};
use crate::request::{SignedIn, StrictQuery, number};

problems!(EventsProblems: SIGNED_IN, &[Code::InvalidParameter]);

/// Events of a page without a limit.
const DEFAULT_EVENTS: u32 = 50;

/// Most events of a page.
const MAX_EVENTS: u32 = 200;

/// Parameters of a list of events.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// `next` of the last answer. If left out: the newest events.
    #[serde(default)]
    #[param(example = "0198c2f4-3333-7c3a-9d2e-4f5a6b7c8d9e")]
    before: Option<String>,
    /// Most events of the answer, up to 200. Default: 50.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

/// List the security events
///
/// Returns what happened to the account and its sessions, newest first: log-ins, failed ones, ended
/// sessions, changes of the password and of the e-mail address, exports. Events are kept for 90 days, at
/// most 1000 failed log-ins and 1000 others.
#[utoipa::path(
    get, path = "/auth/events", operation_id = "list_events", tag = "accounts",
    security(("bearer" = [])), params(Parameters),
    responses((status = 200, description = "A page of events.", body = EventsResponse), EventsProblems),
)]
pub(super) async fn events(
    State(api): State<Api>,
    signed_in: SignedIn,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<Response, ApiError> {
    let limit = page_limit(parameters.limit.as_deref())?;
    let before = parameters.before.as_deref().map(kanso_protocol::parse_uuid);
    let before = before.transpose().map_err(|_| {
        let error = FieldError::new("before", "must be an id of an event");
        ApiError::members(Code::InvalidParameter, &[error])
    })?;
    // Listing stores the events that wait in memory, so it is a write.
    let (security, user) = (api.security.clone(), signed_in.user());
    let list = async move { security.list(user, before, limit).await };
    let page = api.to_completion(list).await?;
    let events = page.events.iter().map(EventRecord::from).collect();
    let next = page.next;
    Ok(json(StatusCode::OK, &EventsResponse { events, next }))
}

fn page_limit(text: Option<&str>) -> Result<u32, ApiError> {
    let Some(text) = text else {
        return Ok(DEFAULT_EVENTS);
    };
    let limit = number(text).filter(|limit| (1..=MAX_EVENTS).contains(limit));
    limit.ok_or_else(|| {
        let error = format!("must be a number between 1 and {MAX_EVENTS}");
        ApiError::members(Code::InvalidParameter, &[FieldError::new("limit", error)])
    })
}
