//! The OpenAPI document: what the routes do not say themselves.

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
An offline-first server for habit trackers: devices of one person keep the same habits and entries.

**Instants** are RFC 3339 in UTC with six fraction digits, **dates** `YYYY-MM-DD`, **zones** IANA names, \
**ids** canonical lower-case UUIDs, made by the client or, where left out, by the server.

**Numbers.** `seq` is the order in which changes are delivered, `version` is what an edit builds on, `updated_at` is for people.

**Errors** are problem documents (RFC 9457) with a stable `code`. A 404 has no `request_id` in its body: a record of somebody \
else is, byte for byte, one that does not exist. Beside those named with an operation, 404 `route_not_found` and 405 \
`method_not_allowed` answer what is no operation.

**Every answer** has `X-Request-Id`: the one that the request brought (at most 64 visible ASCII characters), or a new one.

**Limits.** A body has at most 1 MiB and 32 levels; calls under `/api/v1` are counted by client address, unless \
the operator switched that off; the headers `RateLimit-Policy`, `RateLimit` and `X-RateLimit-*` of every answer tell how far.";

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
        (name = "habits", description = "What a person wants to do, one call at a time."),
        (name = "entries", description = "What a person did, one call at a time."),
        (name = "sync", description = "An outbox in, a delta out: one round trip."),
        (name = "stats", description = "Streaks, rates and what is asked for today, as of the moment of the question."),
        (name = "server", description = "The server's own state. Not counted by the rate limit."),
    ),
    components(schemas(Problem)),
    modifiers(&Shared),
)]
struct Preamble;

/// What operations refer to.
struct Shared;

/// The headers of every answer under `/api/v1`.
const LIMIT_HEADERS: [(&str, &str, bool); 5] = [
    (
        "RateLimit-Policy",
        "The limit: `\"default\";q=100;w=60` is 100 requests in 60 seconds (IETF draft).",
        false,
    ),
    (
        "RateLimit",
        "What is left of it: `\"default\";r=99;t=1` is 99 requests now, all of them in 1 second (IETF draft).",
        false,
    ),
    ("X-RateLimit-Limit", "Requests a window.", true),
    (
        "X-RateLimit-Remaining",
        "Requests that may follow at once.",
        true,
    ),
    (
        "X-RateLimit-Reset",
        "Seconds until the whole limit is available again.",
        true,
    ),
];
const REQUEST_ID: (&str, &str, bool) = (
    "X-Request-Id",
    "The id of the request, also in the server's log.",
    false,
);

impl Modify for Shared {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_with(Components::new);
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("The `token` of a log-in or a refresh."))
            .build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let about = "Opens an event stream where no header can be sent; good once.";
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

/// The document before any route.
pub(crate) fn preamble() -> utoipa::openapi::OpenApi {
    Preamble::openapi()
}

/// The document after all routes: what they have in common is added to each.
pub(crate) fn finished(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let mut shared = BTreeMap::new();
    for (path, item) in &mut document.paths.paths {
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

/// Many operations answer the same problems: each combination is written once.
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
            let header = RefOr::Ref(Ref::new(place));
            response.headers.insert((*name).to_owned(), header);
        }
    }
}

/// The document as it ships: indented JSON, the same bytes each time, with a newline at the end.
pub fn openapi_json() -> String {
    text(&finished(routes().into_openapi()))
}

/// The text of a document.
pub(crate) fn text(document: &utoipa::openapi::OpenApi) -> String {
    // Strings, numbers and maps with text keys cannot fail to serialize.
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}
