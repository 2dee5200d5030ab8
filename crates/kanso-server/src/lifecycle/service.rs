//! The service that hyper calls for each request of a connection.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{HeaderValue, Request, Response, Version, header};
use hyper::body::{Body as _, Incoming};
use tower::ServiceExt as _;

use super::activity::Activity;
use super::body::{GuardedBody, TimedBody};
use super::{Limits, Shutdown};

/// The router for one connection. Passes the peer's address on, records requests in the
/// [`Activity`], and answers with `Connection: close` while the server drains.
pub(super) struct ConnectionService {
    pub(super) router: Router,
    pub(super) peer: SocketAddr,
    pub(super) activity: Arc<Activity>,
    pub(super) shutdown: Shutdown,
    pub(super) limits: Limits,
}

impl ConnectionService {
    fn with_time_out(&self, body: Incoming) -> Body {
        // Most requests have no body: they need no timer and no wrapper.
        if body.is_end_stream() {
            return Body::empty();
        }
        Body::new(TimedBody::new(
            body,
            self.limits.body_pause,
            self.limits.body_pause_closing,
            self.shutdown.closing().clone(),
        ))
    }
}

impl hyper::service::Service<Request<Incoming>> for ConnectionService {
    type Response = Response<GuardedBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        // Taken before the future is polled: a request counts from its complete header on.
        let mut guard = self.activity.begin();
        // HTTP/2 forbids the `Connection` header (RFC 9113 §8.2.2); it gets GOAWAY instead.
        let has_connection_header = request.version() < Version::HTTP_2;
        let mut request = request.map(|body| self.with_time_out(body));
        // The HTTP edge reads the address from here, for the rate limit and X-Forwarded-For.
        request.extensions_mut().insert(ConnectInfo(self.peer));
        kanso_http::require_host(&mut request);
        let answer = self.router.clone().oneshot(request);
        let draining = self.shutdown.draining().clone();
        let limits = self.limits;
        Box::pin(async move {
            let mut response = answer.await?;
            // Read after the answer: the draining may begin while the handler runs.
            if has_connection_header && draining.is_cancelled() {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            let content_type = response.headers().get(header::CONTENT_TYPE);
            if content_type.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
                guard.is_stream();
            }
            // The guard moves into the body: the request runs until its last byte is written.
            Ok(response.map(|body| GuardedBody::new(body, guard, limits)))
        })
    }
}
