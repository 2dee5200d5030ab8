//! `GET /metrics`, for a listener of its own: what operators count is nobody else's business.

use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::get;
use http::header;

/// The text exposition format of Prometheus, version 0.0.4.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A router with `/metrics` and nothing else, which answers with what `render` gives.
pub fn metrics_router(render: impl Fn() -> String + Clone + Send + Sync + 'static) -> Router {
    let metrics = move || {
        let headers = [
            (header::CONTENT_TYPE, EXPOSITION),
            (header::CACHE_CONTROL, "no-store"),
        ];
        let answer = (headers, render()).into_response();
        async { answer }
    };
    Router::new().route("/metrics", get(metrics))
}
