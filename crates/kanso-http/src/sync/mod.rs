//! Sync: push and pull, snapshots, comparisons and event streams.

mod config;
mod cursor;
mod exchange;
mod long_poll;
mod pull;
mod snapshot;
mod stream;
mod verify;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::parts::Api;

pub(crate) use stream::StreamSlots;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(exchange::exchange, pull::pull))
        .routes(routes!(config::config))
        .routes(routes!(verify::verify))
        .routes(routes!(snapshot::snapshot))
        .routes(routes!(stream::open::stream))
        .routes(routes!(stream::ticket::ticket))
}
