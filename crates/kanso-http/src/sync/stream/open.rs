use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderName, HeaderValue, header};
use serde::Deserialize;

use super::events::Events;
use crate::parts::Api;
use crate::problem::{ApiError, Code, SIGNED_IN, problems};
use crate::request::{SignedIn, StrictQuery};
use crate::sync::cursor::cursor;

problems!(StreamProblems: SIGNED_IN, &[
    Code::InvalidParameter, Code::CursorMalformed, Code::TooManyStreams,
]);

/// Tells nginx not to collect what should go out at once.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// How to follow.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::sync) struct Parameters {
    /// The cursor that the device holds: it is told at once when that cannot be used any more.
    #[serde(default)]
    #[param(example = "k1_ASNFZ4mrze8AAAAAAAAicHNaYSc", max_length = 40)]
    cursor: Option<String>,
    /// What `POST /sync/stream/ticket` gave, in the place of the header `Authorization`.
    #[serde(default)]
    #[param(
        example = "kt1_q1HhXW0s5F0yZr1j8m3c0cQXo2i7mBk7jVtYzKq9aPw",
        max_length = 47
    )]
    ticket: Option<String>,
}

/// Follow the changes
///
/// Server-sent events (the HTML standard, §9.2). `hello` says where the history stands, `poke` that
/// it moved, `heartbeat` every 15 seconds that the stream is alive; each has the `head`. `resync`
/// says that the cursor cannot be used any more, `bye` that the server is about to stop, and after
/// how many milliseconds to come back. An event is a hint: pull when its `head` is beyond what the
/// device has read. Whoever reads slowly gets the newest head and none of those between. A stream
/// ends when its session does.
#[utoipa::path(
    get, path = "/sync/stream", operation_id = "stream", tag = "sync",
    security(("bearer" = []), ("ticket" = [])), params(Parameters),
    responses(
        (status = 200, description = "Events, until the caller goes away.", body = String,
            content_type = "text/event-stream",
            example = "event: hello\ndata: {\"head\":8816}\n\nevent: poke\ndata: {\"head\":8817}\n\n"),
        StreamProblems
    ),
)]
pub(in crate::sync) async fn stream(
    State(api): State<Api>,
    who: Result<SignedIn, ApiError>,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<Response, ApiError> {
    let who = match (who, &parameters.ticket) {
        (Err(_), Some(ticket)) => SignedIn::by_ticket(ticket, &api).await?,
        (who, _) => who?,
    };
    let cursor = cursor(parameters.cursor.as_deref())?;
    let events = Events::begin(&api, who.0, cursor).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        (X_ACCEL_BUFFERING, "no"),
    ];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    Ok((headers, Body::from_stream(events.into_stream())).into_response())
}
