//! All routes, and the layers around them.

use std::sync::LazyLock;

use axum::Router;
use axum::middleware::from_fn_with_state;
use utoipa_axum::router::OpenApiRouter;

use crate::document;
use crate::edge::{access, compression, cors, deadline, limit};
use crate::parts::{Api, Options, Parts};
use crate::problem::{ApiError, Code};
use crate::{accounts, devices, entries, habits, health, stats, swagger, sync};

/// The whole of the server's HTTP surface.
///
/// Requests should carry `ConnectInfo<SocketAddr>` with the peer's address; without it they count
/// as coming from the unspecified address.
pub fn router(parts: Parts, options: Options) -> Router {
    let api = Api::new(parts, options);
    let limited = PAGES
        .clone()
        .with_state(api.clone())
        .layer(from_fn_with_state(api.clone(), deadline))
        .layer(from_fn_with_state(api.clone(), limit));
    let shared = match cors(&api.options().cors_origins) {
        Some(layer) => limited.layer(layer),
        None => limited,
    };
    shared
        .layer(from_fn_with_state(api, access))
        .layer(compression())
}

/// Everything that is served, without the state and the layers of one server. It is the same for all
/// of a process, and to describe it takes longer than most of what a simulated server lives through.
static PAGES: LazyLock<Router<Api>> = LazyLock::new(|| {
    let (pages, described) = routes().split_for_parts();
    pages
        .merge(swagger::pages(&document::finished(described)))
        .fallback(async || ApiError::from(Code::RouteNotFound))
        .method_not_allowed_fallback(async || ApiError::from(Code::MethodNotAllowed))
});

/// The routes with their descriptions, which cannot drift apart.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    let v1 = accounts::routes()
        .merge(habits::routes())
        .merge(entries::routes())
        .merge(sync::routes())
        .merge(devices::routes())
        .merge(stats::routes());
    OpenApiRouter::with_openapi(document::preamble())
        .nest("/api/v1", v1)
        .merge(health::routes())
}
