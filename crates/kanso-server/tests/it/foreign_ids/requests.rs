//! Requests made from the schemas of the OpenAPI document.

use serde_json::{Map, Value, json};

use crate::support::{Document, Operation};

/// Combinations of enumerated values that are tried.
const CHOICES: usize = 16;

/// A request of an operation. The path begins after `/api/v1`.
#[derive(PartialEq)]
pub(super) struct Request {
    pub(super) path: String,
    pub(super) body: Option<Value>,
}

/// Makes the requests of an operation.
pub(super) struct Requests<'a> {
    id: &'a str,
    /// The choice of enumerated values: each takes the remainder and leaves the quotient.
    choice: usize,
}

impl<'a> Requests<'a> {
    /// Returns every request of the operation with `id` in all places that take one.
    pub(super) fn of(operation: &Operation<'_>, id: &'a str) -> Vec<Request> {
        let mut requests: Vec<Request> = Vec::new();
        for choice in 0..CHOICES {
            let request = Self { id, choice }.request(operation);
            if !requests.contains(&request) {
                requests.push(request);
            }
        }
        requests
    }

    /// Returns true if a request of the operation depends on the id.
    pub(super) fn use_ids(operation: &Operation<'_>) -> bool {
        let [one, other] = [1, 2].map(|number| uuid::Uuid::from_u128(number).to_string());
        Requests::of(operation, &one) != Requests::of(operation, &other)
    }

    fn request(mut self, operation: &Operation<'_>) -> Request {
        let mut path = operation.path.trim_start_matches("/api/v1").to_owned();
        let mut query = Vec::new();
        for parameter in operation.about["parameters"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let name = parameter["name"].as_str().expect("a name");
            let takes_id = takes_id(&parameter["schema"]);
            match parameter["in"].as_str() {
                Some("path") => path = path.replace(&format!("{{{name}}}"), self.id),
                Some("query") if takes_id => query.push(format!("{name}={}", self.id)),
                _ => {}
            }
        }
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        let schema = &operation.about["requestBody"]["content"]["application/json"]["schema"];
        let body = (!schema.is_null()).then(|| self.value("", schema));
        Request { path, body }
    }

    /// Returns a value that the schema allows.
    fn value(&mut self, name: &str, schema: &Value) -> Value {
        let schema = Document::of_the_code().resolve(schema);
        for union in ["oneOf", "anyOf", "allOf"] {
            if let Some(first) = schema[union].as_array().and_then(|parts| parts.first()) {
                return self.value(name, first);
            }
        }
        if let Some(values) = schema["enum"].as_array() {
            let value = values[self.choice % values.len()].clone();
            self.choice /= values.len();
            return value;
        }
        match kind(schema) {
            "object" => self.object(schema),
            "array" => json!([self.value(name, &schema["items"])]),
            "integer" | "number" => schema["minimum"].as_i64().unwrap_or(1).max(1).into(),
            "boolean" => false.into(),
            _ => self.text(name, schema),
        }
    }

    /// The required members, those that hold an id at some depth, and the version that an edit is based on.
    fn object(&mut self, schema: &Value) -> Value {
        let required = schema["required"].as_array();
        let is_required =
            |name: &str| required.is_some_and(|names| names.iter().any(|it| it == name));
        let mut members = Map::new();
        for (name, about) in schema["properties"].as_object().into_iter().flatten() {
            if is_required(name) || name == "version" || holds_id(about) {
                members.insert(name.clone(), self.value(name, about));
            }
        }
        members.into()
    }

    fn text(&self, name: &str, schema: &Value) -> Value {
        match schema["format"].as_str() {
            Some("uuid") => self.id.into(),
            Some("date") => "2026-11-22".into(),
            Some("date-time") => "2026-11-22T12:00:00Z".into(),
            _ if name.ends_with("date") => "2026-11-22".into(),
            _ if name == "email" => "second@example.org".into(),
            _ => "a text".into(),
        }
    }
}

/// Returns the type of a schema, of several the first that is not `null`.
fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(kind) => kind,
        Value::Array(kinds) => kinds
            .iter()
            .filter_map(Value::as_str)
            .find(|kind| *kind != "null")
            .unwrap_or("null"),
        _ => "object",
    }
}

fn takes_id(schema: &Value) -> bool {
    Document::of_the_code().resolve(schema)["format"] == "uuid"
}

/// Returns true if the schema has a place for an id.
fn holds_id(schema: &Value) -> bool {
    let schema = Document::of_the_code().resolve(schema);
    let parts = ["oneOf", "anyOf", "allOf"].map(|union| schema[union].as_array());
    takes_id(schema)
        || (kind(schema) == "array" && holds_id(&schema["items"]))
        || parts.into_iter().flatten().flatten().any(holds_id)
        || schema["properties"]
            .as_object()
            .is_some_and(|members| members.values().any(holds_id))
}
