//! Health and public keys of the server, for operators and orchestrators.

mod jwks;
mod live;
mod ready;
mod report;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::parts::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(report::report))
        .routes(routes!(live::live))
        .routes(routes!(ready::ready))
        .routes(routes!(jwks::jwks))
}
