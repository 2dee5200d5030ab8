//! A server with one defect: a proxy to a correct server that changes some requests or answers.

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::response::IntoResponse;
use serde_json::Value;

/// Defect of a server.
#[derive(Clone, Copy)]
pub(crate) enum Defect {
    /// No defect.
    None,
    /// A header of requests is ignored.
    IgnoredHeader(&'static str),
    /// A header of answers is missing.
    MissingHeader(&'static str),
    /// Answers with one status get another.
    Status(u16, u16),
    /// JSON bodies are changed by this function.
    Body(fn(&mut Value)),
    /// A text in bodies is replaced.
    Text(&'static str, &'static str),
}

#[derive(Clone)]
struct Upstream {
    client: reqwest::Client,
    origin: String,
    defect: Defect,
}

/// Starts a server with a defect in front of the one at `origin`, and returns its address.
pub(crate) async fn with_defect(origin: String, defect: Defect) -> String {
    let client = reqwest::Client::builder().no_proxy().no_gzip().no_zstd();
    let upstream = Upstream {
        client: client.build().expect("a client"),
        origin,
        defect,
    };
    serve(Router::new().fallback(forward).with_state(upstream)).await
}

/// Starts a server with these routes, which ends with the test, and returns its address.
pub(crate) async fn serve(routes: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}")
}

async fn forward(State(upstream): State<Upstream>, request: Request) -> impl IntoResponse {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 10_000_000).await.expect("a body");
    let path = parts.uri.path_and_query().expect("a path").as_str();
    let url = format!("{}{path}", upstream.origin);
    let mut headers = parts.headers;
    headers.remove("host");
    if let Defect::IgnoredHeader(name) = upstream.defect {
        headers.remove(name);
    }
    let call = upstream.client.request(parts.method, url).headers(headers);
    let answer = call.body(body).send().await.expect("an answer");
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await.expect("a whole answer");
    // The body may get another length.
    headers.remove("content-length");
    headers.remove("transfer-encoding");
    apply(upstream.defect, status, headers, &body)
}

fn apply(
    defect: Defect,
    mut status: StatusCode,
    mut headers: HeaderMap,
    body: &Bytes,
) -> Response<axum::body::Body> {
    let mut body = body.to_vec();
    match defect {
        Defect::MissingHeader(name) => drop(headers.remove(name)),
        Defect::Status(one, other) if status == one => {
            status = StatusCode::from_u16(other).expect("a status");
        }
        // An ignored header was already removed from the request.
        Defect::None | Defect::IgnoredHeader(_) | Defect::Status(..) => {}
        Defect::Body(change) => {
            if let Ok(mut json) = serde_json::from_slice::<Value>(&body) {
                change(&mut json);
                body = json.to_string().into_bytes();
            }
        }
        Defect::Text(one, other) => {
            let text = String::from_utf8_lossy(&body).replace(one, other);
            body = text.into_bytes();
        }
    }
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
