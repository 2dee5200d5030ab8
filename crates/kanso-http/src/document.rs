//! The OpenAPI document: the parts that all routes share.

use std::collections::BTreeMap;

use kanso_protocol::problem::Problem;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::response::Response;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, HeaderBuilder, Object, Ref, RefOr, Type};
use utoipa::{Modify, OpenApi};

use crate::problem::{PROBLEM_JSON, examples};
use crate::router::routes;

const ABOUT: &str = "\
A server for offline-first habit trackers: all devices of a user have the same habits and entries.

**Formats.** Instants are RFC 3339 in UTC with six fraction digits, such as `2026-11-22T13:05:09.123456Z`. Dates are \
`YYYY-MM-DD`. Time zones are IANA names, such as `Europe/Rome`. Ids are lower-case UUIDs with hyphens. The client makes the \
id of a new record; if it is left out, the server makes one.

**Order.** `seq` is the order in which changes are delivered. An edit is based on a `version`. `updated_at` is for display.

**Errors** are problem documents (RFC 9457) with a stable `code`. A 404 has no `request_id` in its body, so that a record of \
another account and a record that does not exist have the same answer, byte for byte. A path without a route is answered 404 \
`route_not_found`, a wrong method 405 `method_not_allowed`.

**Request id.** Every answer has the header `X-Request-Id`: the id that the request sent (at most 64 visible ASCII \
characters), or a new one.

**Limits.** A body has at most 1 MiB and 32 levels of nesting. Requests under `/api/v1` are limited per client address, \
unless the operator disabled the limit. The headers `RateLimit-Policy`, `RateLimit` and `X-RateLimit-*` of every answer \
report the state of the limit.";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Kanso Sync Engine",
        description = ABOUT,
        license(name = "MIT", identifier = "MIT"),
    ),
    servers((url = "/", description = "This server.")),
    tags(
        (name = "accounts", description = "Accounts, sessions and settings."),
        (name = "habits", description = "Habits, one request per change."),
        (name = "entries", description = "Entries, one request per change."),
        (name = "sync", description = "Push operations and pull changes in one round trip; snapshots, event streams and devices."),
        (name = "stats", description = "Streaks, rates and the habits of today, computed for each request."),
        (name = "server", description = "Health and public keys of the server. Not rate limited."),
    ),
    components(schemas(Problem)),
    modifiers(&SharedComponents),
)]
struct Preamble;

/// Adds the components that the operations refer to.
struct SharedComponents;

/// Headers of every answer under `/api/v1`: name, description, and true for an integer.
const LIMIT_HEADERS: [(&str, &str, bool); 5] = [
    (
        "RateLimit-Policy",
        "The limit. `\"default\";q=100;w=60` means 100 requests in 60 seconds (IETF draft ratelimit-headers).",
        false,
    ),
    (
        "RateLimit",
        "The remaining quota. `\"default\";r=99;t=1` means 99 requests now and the full limit in 1 second (IETF draft ratelimit-headers).",
        false,
    ),
    ("X-RateLimit-Limit", "Number of requests per window.", true),
    (
        "X-RateLimit-Remaining",
        "Number of requests that can be sent at once.",
        true,
    ),
    (
        "X-RateLimit-Reset",
        "Seconds until the full limit is available again.",
        true,
    ),
];
const REQUEST_ID: (&str, &str, bool) = (
    "X-Request-Id",
    "Id of the request, as in the server's log.",
    false,
);

impl Modify for SharedComponents {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_with(Components::new);
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("Access token: `token` of a log-in or a refresh."))
            .build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let about = "Ticket that opens one event stream without the header `Authorization`.";
        let ticket = ApiKey::Query(ApiKeyValue::with_description("ticket", about));
        components.add_security_scheme("ticket", SecurityScheme::ApiKey(ticket));
        components.examples = examples();
        for (name, about, is_number) in LIMIT_HEADERS.into_iter().chain([REQUEST_ID]) {
            let kind = if is_number {
                Type::Integer
            } else {
                Type::String
            };
            let header = HeaderBuilder::new()
                .schema(Some(Object::with_type(kind)))
                .description(Some(about))
                .build();
            components.headers.insert(name.to_owned(), header.into());
        }
    }
}

/// Returns the document without routes.
pub(crate) fn preamble() -> utoipa::openapi::OpenApi {
    Preamble::openapi()
}

/// Adds the shared headers and problems to every operation of the document.
pub(crate) fn complete(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let mut shared = BTreeMap::new();
    for (path, item) in &mut document.paths.paths {
        // One handler serves PUT and PATCH, and utoipa gives both its `operationId`, which must be
        // unique (OpenAPI 3.1 §4.8.10).
        if let (Some(_), Some(patch)) = (&item.put, &mut item.patch)
            && let Some(id) = &mut patch.operation_id
        {
            *id = format!("patch_{}", id.trim_start_matches("update_"));
        }
        let is_limited = path.starts_with("/api/v1/");
        for operation in operations(item) {
            add_headers(operation, is_limited);
            share_problems(operation, &mut shared);
        }
    }
    let components = document.components.get_or_insert_with(Components::new);
    components.responses.append(&mut shared);
    document
}

/// Moves each combination of problems to the components, where operations refer to it.
///
/// Most operations share a few combinations; inlined, they would be most of the document.
fn share_problems(operation: &mut Operation, shared: &mut BTreeMap<String, RefOr<Response>>) {
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(described) = response else {
            continue;
        };
        let Some(RefOr::T(content)) = described.content.get(PROBLEM_JSON) else {
            continue;
        };
        let codes: Vec<_> = content.examples.keys().map(String::as_str).collect();
        let name = codes.join("-");
        let reference = Ref::from_response_name(&name);
        let described = std::mem::replace(response, RefOr::Ref(reference));
        shared.insert(name, described);
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.post,
        &mut item.put,
        &mut item.patch,
        &mut item.delete,
    ]
    .into_iter()
    .flatten()
}

fn add_headers(operation: &mut Operation, is_limited: bool) {
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else {
            continue;
        };
        let limits = LIMIT_HEADERS.iter().filter(|_| is_limited);
        for (name, ..) in limits.chain([&REQUEST_ID]) {
            let place = format!("#/components/headers/{name}");
            // A reference, because almost every answer has the same headers.
            let header = RefOr::Ref(Ref::new(place));
            response.headers.insert((*name).to_owned(), header);
        }
    }
}

/// Returns the OpenAPI document as indented JSON with a newline at the end.
///
/// The bytes are the same on every run, so `docs/openapi.json` can be compared with them.
pub fn openapi_json() -> String {
    to_text(&complete(routes().into_openapi()))
}

/// Returns the JSON text of a document.
pub(crate) fn to_text(document: &utoipa::openapi::OpenApi) -> String {
    // Strings, numbers and maps with text keys cannot fail to serialize.
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}
