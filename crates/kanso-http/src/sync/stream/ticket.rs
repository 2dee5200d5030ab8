use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_application::tickets::TICKET_SECONDS;
use kanso_protocol::sync::TicketResponse;

use crate::answer::json;
use crate::parts::Api;
use crate::problem::{SIGNED_IN, problems};
use crate::request::SignedIn;

problems!(TicketProblems: SIGNED_IN);

/// Get a ticket for the event stream
///
/// For browsers: `EventSource` cannot send the header `Authorization`, so `GET /sync/stream` takes a
/// ticket as a parameter instead. A ticket can be used once within 60 seconds, so a URL in a log of a
/// proxy is harmless. It opens an event stream and gives no other access.
#[utoipa::path(
    post, path = "/sync/stream/ticket", operation_id = "get_stream_ticket", tag = "sync",
    security(("bearer" = [])),
    responses(
        (status = 201, description = "The ticket.", body = TicketResponse),
        TicketProblems
    ),
)]
pub(in crate::sync) async fn ticket(
    State(api): State<Api>,
    SignedIn(identity): SignedIn,
) -> Response {
    // 201 without `Location`: a ticket is a secret and has no URL.
    let ticket = TicketResponse {
        ticket: api.tickets.issue(identity).await,
        expires_in: TICKET_SECONDS,
    };
    json(StatusCode::CREATED, &ticket)
}
