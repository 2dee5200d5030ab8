//! Statistics, and the habits of today.

mod habit;
mod heatmap;
mod overview;
mod range;
mod today;
mod validator;
mod weekly;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::parts::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(today::today))
        .routes(routes!(weekly::weekly))
        .routes(routes!(heatmap::heatmap))
        .routes(routes!(overview::overview))
        .routes(routes!(habit::habit))
}
