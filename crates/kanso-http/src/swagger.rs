//! The pages that show the OpenAPI document. They need nothing from the internet.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::header;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, serve};

use crate::document::text;
use crate::parts::Api;
use crate::problem::{ApiError, Code};

const PAGE: &str = "/swagger/index.html";
const DOCUMENT: &str = "/swagger/doc.json";

/// `/swagger/…`, and the ways there.
pub(crate) fn pages(document: &OpenApi) -> Router<Api> {
    let document: Arc<str> = text(document).into();
    let json = [(header::CONTENT_TYPE, "application/json")];
    let config = Config::new([DOCUMENT])
        .validator_url("none")
        .persist_authorization(true);
    let config = Arc::new(config);
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
        tracing::error!(%error, "a page could not be written");
        Code::Internal
    })?;
    let file = file.ok_or(Code::RouteNotFound)?;
    let kind = [(header::CONTENT_TYPE, file.content_type)];
    Ok((kind, file.bytes.into_owned()).into_response())
}
