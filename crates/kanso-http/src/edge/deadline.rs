//! The time limit of answers, and panics of handlers.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::FutureExt as _;
use tokio::time::timeout;

use crate::parts::Api;
use crate::problem::{ApiError, Code};

/// Ends a handler that takes too long, and turns a panic into an answer.
///
/// The limit covers the time until the answer begins, not its body: a stream may run for hours. A
/// write that has started runs to its end (see [`Api::to_completion`]), so 503 `timed_out` means
/// that its outcome is unknown.
pub(crate) async fn deadline(State(api): State<Api>, request: Request, next: Next) -> Response {
    // Unwind safe: a handler is not polled again after a panic, so nothing of it is seen half done.
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
    match timeout(api.options().time_limit, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => {
            tracing::error!(panic = message(&*panic), "handler panicked");
            ApiError::from(Code::Internal).into_response()
        }
        // Dropping `answer` cancels reads; writes are tasks of their own.
        Err(_) => {
            tracing::warn!("request timed out");
            ApiError::from(Code::TimedOut).into_response()
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
