//! The pages that show the OpenAPI document. All files are compiled in; none is loaded from the web.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::header;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, serve};

use crate::document::to_text;
use crate::parts::Api;
use crate::problem::{ApiError, Code};

const PAGE: &str = "/swagger/index.html";
const DOCUMENT: &str = "/swagger/doc.json";

/// Returns the routes of `/swagger/…` and the redirects to it.
pub(crate) fn pages(document: &OpenApi) -> Router<Api> {
    // The text is built once; every request gets a copy of it.
    let document: Arc<str> = to_text(document).into();
    let json = [(header::CONTENT_TYPE, "application/json")];
    // The validator badge would send the address of this server to swagger.io.
    let config = Config::new([DOCUMENT])
        .validator_url("none")
        .persist_authorization(true);
    let config = Arc::new(config);
    // Temporary: a browser caches a permanent redirect of `/` for ever.
    let to_page = get(async || Redirect::temporary(PAGE));
    Router::new()
        .route("/", to_page.clone())
        .route("/swagger", to_page.clone())
        .route("/swagger/", to_page)
        .route(DOCUMENT, get(async move || (json, document.to_string())))
        .route(
            "/swagger/{*file}",
            get(async move |path: Option<Path<String>>| file(path, config)),
        )
}

fn file(path: Option<Path<String>>, config: Arc<Config<'static>>) -> Result<Response, ApiError> {
    let Path(name) = path.ok_or(Code::RouteNotFound)?;
    let file = serve(&name, config).map_err(|error| {
        tracing::error!(%error, "swagger file not rendered");
        Code::Internal
    })?;
    let file = file.ok_or(Code::RouteNotFound)?;
    let kind = [(header::CONTENT_TYPE, file.content_type)];
    Ok((kind, file.bytes.into_owned()).into_response())
}
