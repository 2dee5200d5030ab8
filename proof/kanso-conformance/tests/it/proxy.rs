//! A server that is right but for one thing: it hands everything on to a right one and spoils
//! the requests or the answers of some.

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::response::IntoResponse;
use serde_json::Value;

/// What is wrong with a server.
#[derive(Clone, Copy)]
pub(crate) enum Flaw {
    /// Nothing.
    None,
    /// A header of requests is not looked at.
    Deaf(&'static str),
    /// A header of answers is missing.
    Mute(&'static str),
    /// Answers of one status have another.
    Status(u16, u16),
    /// JSON bodies are spoiled by this.
    Body(fn(&mut Value)),
    /// A piece of text in bodies is another.
    Text(&'static str, &'static str),
}

#[derive(Clone)]
struct Behind {
    client: reqwest::Client,
    origin: String,
    flaw: Flaw,
}

/// Starts a server with a flaw before the one at `origin`; where it is.
pub(crate) async fn flawed(origin: String, flaw: Flaw) -> String {
    let client = reqwest::Client::builder().no_proxy().no_gzip().no_zstd();
    let behind = Behind {
        client: client.build().expect("a client"),
        origin,
        flaw,
    };
    serve(Router::new().fallback(hand_on).with_state(behind)).await
}

/// Starts a server with these routes that ends with the test; where it is.
pub(crate) async fn serve(routes: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}")
}

async fn hand_on(State(behind): State<Behind>, request: Request) -> impl IntoResponse {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 10_000_000).await.expect("a body");
    let path = parts.uri.path_and_query().expect("a path").as_str();
    let url = format!("{}{path}", behind.origin);
    let mut headers = parts.headers;
    headers.remove("host");
    if let Flaw::Deaf(name) = behind.flaw {
        headers.remove(name);
    }
    let call = behind.client.request(parts.method, url).headers(headers);
    let answer = call.body(body).send().await.expect("an answer");
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await.expect("a whole answer");
    headers.remove("content-length");
    headers.remove("transfer-encoding");
    spoiled(behind.flaw, status, headers, &body)
}

fn spoiled(
    flaw: Flaw,
    mut status: StatusCode,
    mut headers: HeaderMap,
    body: &Bytes,
) -> Response<axum::body::Body> {
    let mut body = body.to_vec();
    match flaw {
        Flaw::Mute(name) => drop(headers.remove(name)),
        Flaw::Status(one, other) if status == one => {
            status = StatusCode::from_u16(other).expect("a status");
        }
        // One that is deaf has not heard what was asked, and this answer is not one to spoil.
        Flaw::None | Flaw::Deaf(_) | Flaw::Status(..) => {}
        Flaw::Body(spoil) => {
            if let Ok(mut json) = serde_json::from_slice::<Value>(&body) {
                spoil(&mut json);
                body = json.to_string().into_bytes();
            }
        }
        Flaw::Text(one, other) => {
            let text = String::from_utf8_lossy(&body).replace(one, other);
            body = text.into_bytes();
        }
    }
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
