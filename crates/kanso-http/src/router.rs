//! All routes and the layers around them.

use std::sync::LazyLock;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use utoipa_axum::router::OpenApiRouter;

use crate::document;
use crate::edge::{access, compression, cors, cors_layer, deadline, host, limit};
use crate::parts::{Api, Options, Parts};
use crate::problem::{ApiError, Code};
use crate::{accounts, devices, entries, habits, health, sessions, stats, swagger, sync};

/// Builds the router of the whole API.
///
/// Requests should carry `ConnectInfo<SocketAddr>` with the peer's address; without it they count
/// as coming from the unspecified address.
pub fn router(parts: Parts, options: Options) -> Router {
    let api = Api::new(parts, options);
    let routes = if api.options().serves_swagger {
        &ROUTES_AND_PAGES
    } else {
        &ROUTES
    };
    // From the inside out; a later layer sees the request earlier and the answer later.
    // * `deadline` is next to the handlers: a timeout and a panic become ordinary problems, which
    //   get the headers of all other layers.
    // * `limit` is outside of it, so a refused request costs no handler.
    // * CORS is outside of `limit`: a page can read a 429, and a preflight is not counted.
    // * `host` is outside of what reads the request: without a host it may be meant for another server.
    // * `access` writes the body of every problem, including those of the layers inside.
    // * Compression is last because it needs the final body.
    let limited = Router::clone(routes)
        .with_state(api.clone())
        .layer(from_fn_with_state(api.clone(), deadline))
        .layer(from_fn_with_state(api.clone(), limit));
    let shared = match cors_layer(&api.options().cors_origins) {
        Some(layer) => limited.layer(from_fn_with_state(layer, cors)),
        None => limited,
    };
    shared
        .layer(from_fn(host))
        .layer(from_fn_with_state(api, access))
        .layer(compression())
}

/// All routes, without the state and the layers of a server.
///
/// They are built once per process: describing them takes longer than most simulated servers run.
static ROUTES: LazyLock<Router<Api>> = LazyLock::new(|| {
    let (routes, _) = routes().split_for_parts();
    with_fallbacks(routes)
});

/// All routes with the Swagger pages, likewise.
static ROUTES_AND_PAGES: LazyLock<Router<Api>> = LazyLock::new(|| {
    let (routes, described) = routes().split_for_parts();
    with_fallbacks(routes.merge(swagger::pages(&document::complete(described))))
});

/// Adds the answers for what has no route.
///
/// They are inside of the layers: an unknown path is counted, logged and answered as a problem.
fn with_fallbacks(routes: Router<Api>) -> Router<Api> {
    routes
        .fallback(async || ApiError::from(Code::RouteNotFound))
        .method_not_allowed_fallback(async || ApiError::from(Code::MethodNotAllowed))
}

/// Returns the routes of the API with their descriptions.
///
/// utoipa registers a handler and its description in one step, so they cannot drift apart.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    let v1 = accounts::routes()
        .merge(sessions::routes())
        .merge(habits::routes())
        .merge(entries::routes())
        .merge(sync::routes())
        .merge(devices::routes())
        .merge(stats::routes());
    OpenApiRouter::with_openapi(document::preamble())
        .nest("/api/v1", v1)
        .merge(health::routes())
}
