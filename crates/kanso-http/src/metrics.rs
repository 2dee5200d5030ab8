//! `GET /metrics`, for a listener of its own: the figures are for operators only (ADR 0014).

use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::get;
use http::header;

/// Media type of the text format of Prometheus, version 0.0.4.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Returns a router with the single route `/metrics`, which answers with the text of `render`.
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
