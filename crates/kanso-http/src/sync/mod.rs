//! Sync.

mod config;
mod exchange;
mod pull;
mod verify;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::parts::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(exchange::exchange, pull::pull))
        .routes(routes!(config::config))
        .routes(routes!(verify::verify))
}
