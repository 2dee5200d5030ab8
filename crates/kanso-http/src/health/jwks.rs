use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

use crate::answer::json;
use crate::parts::Api;

/// Get the public keys
///
/// Returns the keys that verify access tokens, as a JWK set (RFC 7517 §5). The set is empty if tokens
/// are signed with a shared secret.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", operation_id = "get_jwks", tag = "server",
    responses((
        status = 200, description = "The public keys.", body = Object,
        example = json!({"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "k1", "n": "0vx7…", "e": "AQAB"}]}),
    )),
)]
pub(super) async fn jwks(State(api): State<Api>) -> Response {
    // Public and short: verifiers cache the keys, and see a new key within five minutes.
    let cache = [(header::CACHE_CONTROL, "public, max-age=300")];
    (cache, json(StatusCode::OK, &api.jwks)).into_response()
}
