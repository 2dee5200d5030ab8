use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderName, HeaderValue, header};
use serde::Deserialize;

use super::events::Events;
use crate::answer::as_it_is;
use crate::parts::Api;
use crate::problem::{ApiError, Code, SIGNED_IN, problems};
use crate::request::{SignedIn, StrictQuery};
use crate::sync::cursor::optional_cursor;

problems!(StreamProblems: SIGNED_IN, &[
    Code::InvalidParameter, Code::CursorMalformed, Code::TooManyStreams,
]);

/// Makes nginx pass events on at once instead of collecting them.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Parameters of an event stream.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::sync) struct Parameters {
    /// Cursor of the device. If it cannot be used, the stream sends `resync` at once.
    #[serde(default)]
    #[param(example = "k1_ASNFZ4mrze8AAAAAAAAicHNaYSc", max_length = 40)]
    cursor: Option<String>,
    /// Ticket from `POST /sync/stream/ticket`, instead of the header `Authorization`.
    #[serde(default)]
    #[param(
        example = "kt1_q1HhXW0s5F0yZr1j8m3c0cQXo2i7mBk7jVtYzKq9aPw",
        max_length = 47
    )]
    ticket: Option<String>,
}

/// Open an event stream
///
/// Sends server-sent events (HTML standard §9.2):
///
/// * `hello`: the first event, with the current `head`.
/// * `poke`: the history has a new `head`.
/// * `heartbeat`: the stream is alive, every 15 seconds, with the current `head`.
/// * `resync`: the cursor of the device cannot be used; `code` is the reason.
/// * `bye`: the server shuts down; open the next stream after `retry_ms` milliseconds.
///
/// An event is a hint: pull if its `head` is above the position of the device. A slow reader gets the
/// newest head and none of those between. The stream ends with its session.
#[utoipa::path(
    get, path = "/sync/stream", operation_id = "stream", tag = "sync",
    security(("bearer" = []), ("ticket" = [])), params(Parameters),
    responses(
        (status = 200, description = "Events, until the client disconnects.", body = String,
            content_type = "text/event-stream",
            example = "event: hello\ndata: {\"head\":8816}\n\nevent: poke\ndata: {\"head\":8817}\n\n"),
        StreamProblems
    ),
)]
pub(in crate::sync) async fn stream(
    State(api): State<Api>,
    // A result, so that a missing header does not refuse a request with a ticket.
    signed_in: Result<SignedIn, ApiError>,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<Response, ApiError> {
    // The header counts first. A ticket is redeemed only if it is needed, because that uses it up.
    let signed_in = match (signed_in, &parameters.ticket) {
        (Err(_), Some(ticket)) => SignedIn::from_ticket(ticket, &api).await?,
        (signed_in, _) => signed_in?,
    };
    let cursor = optional_cursor(parameters.cursor.as_deref())?;
    let events = Events::begin(&api, signed_in.0, cursor).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (X_ACCEL_BUFFERING, "no"),
    ];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    let events = Body::from_stream(events.into_stream());
    Ok(as_it_is((headers, events).into_response()))
}
