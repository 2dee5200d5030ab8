//! What hyper calls for each request of a connection.

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

use super::body::{GuardedBody, PatientBody};
use super::pulse::Pulse;
use super::{Limits, Stages};

/// The router as one connection sees it: it knows the peer's address, keeps the connection's
/// pulse, and asks the peer to leave once the server drains.
pub(super) struct ConnectionService {
    pub(super) router: Router,
    pub(super) peer: SocketAddr,
    pub(super) pulse: Arc<Pulse>,
    pub(super) stages: Stages,
    pub(super) limits: Limits,
}

impl ConnectionService {
    fn patient(&self, body: Incoming) -> Body {
        if body.is_end_stream() {
            return Body::empty();
        }
        Body::new(PatientBody::new(
            body,
            self.limits.body_pause,
            self.limits.body_pause_closing,
            self.stages.closing().clone(),
        ))
    }
}

impl hyper::service::Service<Request<Incoming>> for ConnectionService {
    type Response = Response<GuardedBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let guard = self.pulse.begin();
        let has_connection_header = request.version() < Version::HTTP_2;
        let mut request = request.map(|body| self.patient(body));
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let answer = self.router.clone().oneshot(request);
        let draining = self.stages.draining().clone();
        Box::pin(async move {
            let mut response = answer.await?;
            if has_connection_header && draining.is_cancelled() {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            Ok(response.map(|body| GuardedBody::new(body, guard)))
        })
    }
}
