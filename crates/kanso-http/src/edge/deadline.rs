//! Answers come in time, whatever a handler does.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::FutureExt as _;
use tokio::time::timeout;

use crate::parts::Api;
use crate::problem::{ApiError, Code};

/// Ends what takes too long and catches what breaks. A change that runs goes on to its end.
pub(crate) async fn deadline(State(api): State<Api>, request: Request, next: Next) -> Response {
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
    match timeout(api.options().time_limit, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => {
            tracing::error!(panic = message(&*panic), "a handler broke");
            ApiError::from(Code::Internal).into_response()
        }
        Err(_) => {
            tracing::warn!("an answer took too long");
            ApiError::from(Code::TimedOut).into_response()
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
