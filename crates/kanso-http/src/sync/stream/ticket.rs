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
/// For a browser, whose event source cannot send the header `Authorization`: `GET /sync/stream`
/// takes the ticket as a parameter instead. It is good once and for a minute, so it does not matter
/// that addresses end up in logs. It opens streams and nothing else.
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
    let ticket = TicketResponse {
        ticket: api.tickets.issue(identity).await,
        expires_in: TICKET_SECONDS,
    };
    json(StatusCode::CREATED, &ticket)
}
