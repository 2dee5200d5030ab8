//! Reading JSON strictly.

use std::fmt;
use std::marker::PhantomData;

use kanso_domain::validation::FieldError;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// How deep arrays and objects may be nested.
pub const MAX_DEPTH: usize = 32;

/// Why a body could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not JSON.
    #[error("the body is not valid JSON: {0}")]
    NotJson(String),
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("the body is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// JSON, but not of the right shape. The field is a path with `/` between its parts, empty
    /// for the body as a whole.
    #[error("{0}")]
    WrongShape(FieldError),
}

/// Reads a body, which is an object.
///
/// # Errors
/// See [`ReadError`].
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ReadError> {
    if is_too_deep(body) {
        return Err(ReadError::TooDeep);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let Object(value) =
        serde_path_to_error::deserialize(&mut deserializer).map_err(|error| wrong_json(&error))?;
    deserializer
        .end()
        .map_err(|error| ReadError::NotJson(error.to_string()))?;
    Ok(value)
}

/// Reads an object that is JSON already.
///
/// # Errors
/// The member that has the wrong shape.
pub fn read_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, FieldError> {
    serde_path_to_error::deserialize(value)
        .map(|Object(value)| value)
        .map_err(|error| wrong_shape(error.path(), error.inner()))
}

/// Reads a list of objects: for `#[serde(deserialize_with = "crate::json::objects")]`.
pub(crate) fn objects<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    let objects = Vec::<Object<T>>::deserialize(deserializer)?;
    Ok(objects.into_iter().map(|Object(value)| value).collect())
}

/// A struct that was written as an object. By itself serde also reads one from an array of its
/// members' values.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

fn wrong_json(error: &serde_path_to_error::Error<serde_json::Error>) -> ReadError {
    if error.inner().is_data() {
        ReadError::WrongShape(wrong_shape(error.path(), error.inner()))
    } else {
        ReadError::NotJson(error.inner().to_string())
    }
}

fn wrong_shape(path: &serde_path_to_error::Path, error: &serde_json::Error) -> FieldError {
    use serde_path_to_error::Segment;
    let mut parts: Vec<String> = path
        .iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Map { key } => Some(key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect();
    let mut reason = error.to_string();
    // The place is told by the path; a line and column would only repeat it.
    if let Some(at) = reason.rfind(" at line ") {
        reason.truncate(at);
    }
    for prefix in ["unknown field `", "missing field `"] {
        let named = reason
            .strip_prefix(prefix)
            .and_then(|rest| rest.split('`').next());
        if let Some(field) = named.map(str::to_owned) {
            if parts.last() != Some(&field) {
                parts.push(field);
            }
            let is_unknown = prefix.starts_with("unknown");
            let said = if is_unknown {
                "is unknown or owned by the server"
            } else {
                "is required"
            };
            said.clone_into(&mut reason);
            break;
        }
    }
    FieldError::new(parts.join("/"), reason)
}

/// Whether brackets outside of strings nest deeper than [`MAX_DEPTH`]. Looked at before parsing,
/// so that a body of nothing but brackets costs one pass over it.
fn is_too_deep(body: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for &byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Body {
        title: String,
        #[serde(default)]
        days: Vec<u8>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Anything {
        #[serde(rename = "any")]
        _any: serde_json::Value,
    }

    fn field(body: &str) -> (String, String) {
        match read::<Body>(body.as_bytes()) {
            Err(ReadError::WrongShape(error)) => (error.field.into_owned(), error.reason),
            other => panic!("expected a wrong shape, got {other:?}"),
        }
    }

    #[test]
    fn a_wrong_member_is_named_by_its_path() {
        let pair = |field: &str, reason: &str| (field.to_owned(), reason.to_owned());
        assert_eq!(field("{}"), pair("title", "is required"));
        let unknown = field(r#"{"title":"a","nope":1}"#);
        assert_eq!(unknown, pair("nope", "is unknown or owned by the server"));
        assert_eq!(field(r#"{"title":"a","days":[1,300]}"#).0, "days/1");
        let array = pair("", "invalid type: sequence, expected an object");
        for body in ["[]", r#"["a"]"#, r#"["a",[1]]"#] {
            assert_eq!(field(body), array, "{body}");
        }
    }

    #[test]
    fn what_is_not_json_is_told_apart() {
        for body in [
            "",
            "{",
            r#"{"title":"a"} x"#,
            r#"{"title":"\ud800"}"#,
            r#"{"days":[1e400]}"#,
        ] {
            let result = read::<Body>(body.as_bytes());
            assert!(
                matches!(result, Err(ReadError::NotJson(_))),
                "{body}: {result:?}"
            );
        }
    }

    #[test]
    fn depth_counts_brackets_outside_of_strings() {
        assert_eq!(
            read::<Body>("[".repeat(100_000).as_bytes()),
            Err(ReadError::TooDeep)
        );
        let quoted = format!(r#"{{"title":"{}\"{}"}}"#, "[".repeat(40), "{".repeat(40));
        assert!(read::<Body>(quoted.as_bytes()).is_ok());
        let nested = |depth: usize| {
            let body = format!(r#"{{"any":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
            read::<Anything>(body.as_bytes()).is_ok()
        };
        assert!(nested(31));
        assert!(!nested(32));
    }
}
