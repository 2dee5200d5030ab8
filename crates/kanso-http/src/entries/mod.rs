//! Entries: one request per change.

mod changes;
mod create;
mod delete;
mod get;
mod list;
mod update;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::parts::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(changes::changes))
        .routes(routes!(get::get, update::update, delete::delete))
}
