use std::sync::LazyLock;

use reqwest::Method;
use serde_json::Value;

use super::Answer;

/// The OpenAPI document.
pub(crate) struct Document(pub(crate) Value);

/// An operation of the OpenAPI document.
pub(crate) struct Operation<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) about: &'a Value,
}

impl Document {
    /// Returns the document that the code generates.
    pub(crate) fn of_the_code() -> &'static Self {
        static DOCUMENT: LazyLock<Document> = LazyLock::new(|| {
            let text = kanso_http::openapi_json();
            Document(serde_json::from_str(&text).expect("JSON"))
        });
        &DOCUMENT
    }

    pub(crate) fn operations(&self) -> Vec<Operation<'_>> {
        let mut operations = Vec::new();
        for (path, item) in self.0["paths"].as_object().expect("paths") {
            for (method, about) in item.as_object().expect("methods") {
                operations.push(Operation {
                    method: method.to_uppercase().parse().expect("a method"),
                    path,
                    about,
                });
            }
        }
        operations
    }

    /// Returns `value`, or the target of its `$ref`.
    pub(crate) fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            None => value,
            Some(reference) => {
                let pointer = reference.strip_prefix('#').expect("a local reference");
                self.0
                    .pointer(pointer)
                    .unwrap_or_else(|| panic!("{reference} leads nowhere"))
            }
        }
    }

    /// Asserts that the operation, if the document has it, describes this response.
    #[track_caller]
    pub(super) fn must_describe(&self, method: &Method, path: &str, answer: &Answer) {
        let method = if method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        let Some(path) = self.template(path) else {
            return;
        };
        let operations = self.operations();
        let operation = operations
            .iter()
            .find(|it| it.method == method && it.path == path);
        let Some(operation) = operation else { return };
        let described = &operation.about["responses"][answer.status.to_string()];
        assert!(
            !described.is_null(),
            "{method} {path} does not describe {answer}"
        );
        let described = self.resolve(described);
        let media_type = answer.header("content-type");
        let content = &described["content"];
        if answer.body.is_empty() {
            return;
        }
        let content = &content[media_type];
        assert!(
            !content.is_null(),
            "{method} {path}: {media_type} is not described"
        );
        if media_type == "application/problem+json" {
            let code = answer.json()["code"].as_str().expect("a code").to_owned();
            let example = &content["examples"][&code];
            assert!(
                !example.is_null(),
                "{method} {path} does not describe {code}"
            );
        }
    }
}

impl Document {
    /// Returns the template that matches `path`. One without parameters takes precedence.
    fn template(&self, path: &str) -> Option<&str> {
        let paths = self.0["paths"].as_object().expect("paths").keys();
        paths
            .map(String::as_str)
            .filter(|template| is_of(template, path))
            .min_by_key(|template| template.contains('{'))
    }
}

/// Returns true if `path` matches `template`.
fn is_of(template: &str, path: &str) -> bool {
    let (mut parts, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (parts.next(), given.next()) {
            (None, None) => return true,
            (Some(part), Some(given))
                if part == given || (part.starts_with('{') && !given.is_empty()) => {}
            _ => return false,
        }
    }
}
