//! Problems in the OpenAPI document: responses and examples.

use std::collections::BTreeMap;

use kanso_protocol::problem::{MemberError, Problem};
use serde_json::json;
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::{ContentBuilder, HeaderBuilder, Ref, RefOr};

use super::{Code, PROBLEM_JSON};

/// Problems of every operation under `/api/v1`.
const ANY: &[Code] = &[
    Code::RateLimited,
    Code::Internal,
    Code::Unavailable,
    Code::TimedOut,
];
/// Further problems of an operation that needs an access token.
pub(crate) const SIGNED_IN: &[Code] = &[Code::Unauthorized];
/// Further problems of an operation whose read is heavy.
pub(crate) const HEAVY: &[Code] = &[Code::Unauthorized, Code::ReadsBusy];
/// Further problems of an operation that has a body.
pub(crate) const BODY: &[Code] = &[
    Code::Malformed,
    Code::TooDeep,
    Code::RequestTimeout,
    Code::BodyTooLarge,
    Code::UnsupportedMediaType,
    Code::Invalid,
    // Of every write but a deletion.
    Code::DiskFull,
];

/// Declares the problems of an operation, for its `responses(…)`.
macro_rules! problems {
    ($name:ident: $($codes:expr),* $(,)?) => {
        pub(crate) struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<
                String,
                utoipa::openapi::RefOr<utoipa::openapi::response::Response>,
            > {
                $crate::problem::responses(&[$($codes),*])
            }
        }
    };
}
pub(crate) use problems;

/// Returns one response per status, with an example for each code.
pub(crate) fn responses(groups: &[&[Code]]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    // OpenAPI allows one response per status, and several problems share a status.
    for code in groups.iter().copied().chain([ANY]).flatten() {
        let codes = by_status.entry(code.status().as_u16()).or_default();
        // Groups may overlap, and an example must appear once.
        if !codes.contains(code) {
            codes.push(*code);
        }
    }
    by_status
        .into_iter()
        .map(|(status, codes)| (status.to_string(), response(status, &codes).into()))
        .collect()
}

fn response(status: u16, codes: &[Code]) -> Response {
    let reference = |code: &Code| {
        let place = format!("#/components/examples/{}", code.as_str());
        (code.as_str(), RefOr::<Example>::Ref(Ref::new(place)))
    };
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .examples_from_iter(codes.iter().map(reference))
        .build();
    let named: Vec<_> = codes
        .iter()
        .map(|code| format!("`{}`: {}.", code.as_str(), code.title()))
        .collect();
    let mut builder = ResponseBuilder::new()
        .description(named.join(" "))
        .content(PROBLEM_JSON, content);
    if let Some((name, about)) = header(status) {
        let header = HeaderBuilder::new().description(Some(about)).build();
        builder = builder.header(name, header);
    }
    builder.build()
}

fn header(status: u16) -> Option<(&'static str, &'static str)> {
    match status {
        401 => Some((
            "WWW-Authenticate",
            "Authentication scheme: `Bearer` (RFC 9110 §11.6.1).",
        )),
        429 | 503 => Some(("Retry-After", "Seconds after which the client may retry.")),
        _ => None,
    }
}

/// Returns an example of every kind of problem, by code.
pub(crate) fn examples() -> BTreeMap<String, RefOr<Example>> {
    let entry = |&code: &Code| (code.as_str().to_owned(), example(code).into());
    Code::ALL.iter().map(entry).collect()
}

fn example(code: Code) -> Example {
    let conflict = (code == Code::Conflict).then(|| {
        let record = json!({
            "id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e", "title": "Read", "color": "#4CAF50",
            "version": 3, "updated_at": "2026-11-22T18:00:00.000001Z", "deleted_at": null
        });
        (record, vec!["title".to_owned()])
    });
    let (record, clashing) = conflict.unzip();
    let problem = Problem {
        kind: code.uri(),
        title: code.title().to_owned(),
        status: code.status().as_u16(),
        detail: code.detail().to_owned(),
        code: code.as_str().to_owned(),
        request_id: (code.status() != http::StatusCode::NOT_FOUND)
            .then(|| "0198c2f4-3333-7c3a-9d2e-4f5a6b7c8d9e".to_owned()),
        errors: errors(code),
        error: code.title().to_owned(),
        mergeable: clashing.as_ref().map(|_| Vec::new()),
        record,
        clashing,
        history_start: (code == Code::EpochChanged).then_some(8_214),
    };
    ExampleBuilder::new()
        .summary(code.title())
        .value(serde_json::to_value(problem).ok())
        .build()
}

fn errors(code: Code) -> Vec<MemberError> {
    let (pointer, detail) = match code {
        Code::Invalid => ("/title", "must have at least 1 character(s) after trimming"),
        Code::InvalidRegistration => ("/password", "must have at least 8 characters"),
        Code::TooManyCells => ("/from", "choose a range of fewer days"),
        Code::InvalidParameter => ("/limit", "must be a number between 1 and 1000"),
        _ => return Vec::new(),
    };
    vec![MemberError {
        pointer: pointer.to_owned(),
        detail: detail.to_owned(),
    }]
}
