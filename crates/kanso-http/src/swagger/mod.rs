//! The pages that show the OpenAPI document. All files are compiled in; none is loaded from the web.

mod file;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::Path;
use axum::response::{Redirect, Response};
use axum::routing::get;
use http::HeaderMap;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, serve};

use self::file::PageFile;
use crate::document::to_text;
use crate::parts::Api;
use crate::problem::{ApiError, Code};

const PAGE: &str = "/swagger/index.html";
const DOCUMENT: &str = "/swagger/doc.json";
/// The part of [`DOCUMENT`] that is the name of the file.
const DOCUMENT_NAME: &str = "doc.json";

/// Returns the routes of `/swagger/…` and the redirects to it.
pub(crate) fn pages(document: &OpenApi) -> Router<Api> {
    let files = Arc::new(Files::new(to_text(document)));
    // Temporary: a browser caches a permanent redirect of `/` for ever.
    let to_page = get(async || Redirect::temporary(PAGE));
    Router::new()
        .route("/", to_page.clone())
        .route("/swagger", to_page.clone())
        .route("/swagger/", to_page)
        .route(
            "/swagger/{*file}",
            get(
                async move |path: Option<Path<String>>, headers: HeaderMap| {
                    file(path, &headers, &files).await
                },
            ),
        )
}

async fn file(
    path: Option<Path<String>>,
    headers: &HeaderMap,
    files: &Files,
) -> Result<Response, ApiError> {
    let Path(name) = path.ok_or(Code::RouteNotFound)?;
    files.find(&name)?.answer(headers).await
}

/// The files of the pages. A file is made when it is first asked for, and kept.
struct Files {
    document: String,
    config: Arc<Config<'static>>,
    // As many as the pages have: a name without a file is not stored.
    made: Mutex<BTreeMap<String, Arc<PageFile>>>,
}

impl Files {
    fn new(document: String) -> Self {
        // The validator badge would send the address of this server to swagger.io. The access token
        // is not persisted: every script of this origin could read it from the browser's storage.
        let config = Config::new([DOCUMENT])
            .validator_url("none")
            .persist_authorization(false);
        Self {
            document,
            config: Arc::new(config),
            made: Mutex::default(),
        }
    }

    fn find(&self, name: &str) -> Result<Arc<PageFile>, ApiError> {
        // A panic elsewhere leaves the map whole.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = made.get(name) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(self.make(name)?);
        made.insert(name.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    fn make(&self, name: &str) -> Result<PageFile, ApiError> {
        if name == DOCUMENT_NAME {
            let text = self.document.clone();
            return PageFile::new("application/json", text.into_bytes());
        }
        let file = serve(name, Arc::clone(&self.config)).map_err(|error| {
            tracing::error!(%error, "swagger file not rendered");
            Code::Internal
        })?;
        let file = file.ok_or(Code::RouteNotFound)?;
        PageFile::new(&file.content_type, file.bytes.into_owned())
    }
}
