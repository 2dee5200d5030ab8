//! The OpenAPI document is complete.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::support::{Document, Operation};

/// Returns true if the text exists and is not empty.
fn says(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim().len() > 2)
}

fn name(operation: &Operation<'_>) -> String {
    format!("{} {}", operation.method, operation.path)
}

/// Returns true if media content or its schema has an example.
fn has_example(document: &Document, content: &Value) -> bool {
    let schema = &content["schema"];
    let schema = if schema["type"] == "array" {
        &schema["items"]
    } else {
        schema
    };
    !content["example"].is_null()
        || content["examples"]
            .as_object()
            .is_some_and(|examples| !examples.is_empty())
        || !document.resolve(schema)["example"].is_null()
}

#[test]
fn file_in_the_repository_matches_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    let is_same = written == kanso_http::openapi_json();
    assert!(
        is_same,
        "docs/openapi.json differs: run `cargo xtask openapi`"
    );
}

#[test]
fn document_has_a_title_and_description() {
    let document = &Document::of_the_code().0;
    assert!(
        document["openapi"]
            .as_str()
            .is_some_and(|version| version.starts_with("3.1"))
    );
    for pointer in [
        "/info/title",
        "/info/description",
        "/info/version",
        "/info/license/name",
    ] {
        assert!(document.pointer(pointer).is_some_and(says), "{pointer}");
    }
    assert_eq!(document["servers"][0]["url"], "/");
    assert_eq!(
        document["components"]["securitySchemes"]["bearer"]["scheme"],
        "bearer"
    );
}

#[test]
fn each_operation_has_a_description() {
    let document = Document::of_the_code();
    let tags = document.0["tags"].as_array().expect("tags");
    let tags: BTreeSet<_> = tags.iter().map(|tag| tag["name"].as_str()).collect();
    let mut ids = BTreeSet::new();
    for operation in document.operations() {
        let (name, about) = (name(&operation), operation.about);
        assert!(says(&about["summary"]), "{name}");
        assert!(says(&about["description"]), "{name}");
        assert!(tags.contains(&about["tags"][0].as_str()), "{name}");
        let id = about["operationId"].as_str().expect(&name);
        assert!(ids.insert(id), "{name}: {id} is not unique");
        for parameter in about["parameters"].as_array().unwrap_or(&Vec::new()) {
            assert!(says(&parameter["description"]), "{name} {parameter}");
            assert!(!parameter["schema"].is_null(), "{name} {parameter}");
        }
    }
    assert_eq!(ids.len(), 47);
}

#[test]
fn each_body_has_a_schema_and_an_example() {
    let document = Document::of_the_code();
    for operation in document.operations() {
        let name = name(&operation);
        let body = &operation.about["requestBody"];
        if !body.is_null() {
            let content = &body["content"]["application/json"];
            assert!(says(&body["description"]), "{name}");
            assert!(has_example(document, content), "{name}");
        }
        let responses = operation.about["responses"].as_object().expect("responses");
        for (status, response) in responses {
            let response = document.resolve(response);
            assert!(says(&response["description"]), "{name} {status}");
            if matches!(&**status, "204" | "304") {
                assert!(response["content"].is_null(), "{name} {status}");
                continue;
            }
            let content = response["content"].as_object().expect("content");
            for (media_type, content) in content {
                assert!(!content["schema"].is_null(), "{name} {status}");
                assert!(has_example(document, content), "{name} {status}");
                let is_problem = media_type == "application/problem+json";
                let is_state = operation.path.starts_with("/health");
                assert_eq!(
                    is_problem,
                    &**status >= "400" && !is_state,
                    "{name} {status}"
                );
            }
        }
    }
}

#[test]
fn each_operation_lists_its_problems() {
    let document = Document::of_the_code();
    for operation in document.operations() {
        if !operation.path.starts_with("/api/v1/") {
            continue;
        }
        let name = name(&operation);
        let is_open = ["register", "login", "refresh"]
            .contains(&operation.about["operationId"].as_str().unwrap_or_default());
        let secured = &operation.about["security"][0]["bearer"];
        assert_eq!(secured.is_array(), !is_open, "{name}");
        let mut expected = vec!["429", "500", "503"];
        if !is_open {
            expected.push("401");
        }
        if !operation.about["requestBody"].is_null() {
            expected.extend(["400", "408", "413", "415", "422"]);
        }
        for status in expected {
            assert!(
                !operation.about["responses"][status].is_null(),
                "{name} {status}"
            );
        }
    }
}

#[test]
fn every_reference_resolves() {
    fn walk(document: &Document, value: &Value) {
        match value {
            Value::Object(members) => {
                document.resolve(value);
                members.values().for_each(|member| walk(document, member));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(document, item)),
            _ => {}
        }
    }
    let document = Document::of_the_code();
    walk(document, &document.0);
}
