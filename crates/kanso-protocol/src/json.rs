//! Strict reading of JSON: unknown members are refused, and an error names the member at fault.

mod reason;
mod strict;

use std::borrow::Cow;

use kanso_domain::validation::FieldError;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use self::strict::{Slot, Strict, Wrong};

/// Maximum nesting of arrays and objects in a body.
pub const MAX_DEPTH: usize = 32;

/// The reason of a [`FieldError`] about a member that the type does not have.
pub const UNKNOWN_MEMBER: &str = "is unknown or owned by the server";

/// Maximum length of a name in an error, in characters. No member of the contract has a longer one.
pub const MAX_NAME_CHARS: usize = 64;

/// Returns `name` as an error shows it: after [`MAX_NAME_CHARS`] characters it is cut, with an
/// ellipsis.
///
/// # Examples
/// ```
/// use kanso_protocol::shown_name;
///
/// assert_eq!(shown_name("title"), "title");
/// assert_eq!(shown_name(&"x".repeat(65)), format!("{}…", "x".repeat(64)));
/// ```
pub fn shown_name(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(MAX_NAME_CHARS) {
        Some((end, _)) => format!("{}…", &name[..end]).into(),
        None => name.into(),
    }
}

/// An error of [`read`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The body is not JSON. The text is the parser's, with line and column.
    #[error("the body is not valid JSON: {0}")]
    NotJson(String),
    /// The body is nested deeper than [`MAX_DEPTH`].
    #[error("the body is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// The body is JSON of the wrong shape. The field is a path with `/` between its parts, empty
    /// for the body as a whole; `~` and `/` in a name are escaped as in a JSON pointer (RFC 6901).
    /// Each name is cut as by [`shown_name`].
    #[error("{0}")]
    WrongShape(FieldError),
}

/// Reads a request body, which is a JSON object.
///
/// # Errors
/// * [`ReadError::NotJson`] if the text is not JSON, or if something follows the object.
/// * [`ReadError::TooDeep`] if it is nested deeper than [`MAX_DEPTH`].
/// * [`ReadError::WrongShape`] if a member is missing, unknown, repeated or of the wrong type.
///
/// # Examples
/// ```
/// use kanso_protocol::sync::{ActionName, SyncRequest};
///
/// let push: SyncRequest = kanso_protocol::read(
///     br#"{
///         "cursor": null,
///         "operations": [{
///             "op_id": "0198c2f4-2222-7c3a-9d2e-4f5a6b7c8d9e",
///             "entity": "habit", "action": "create",
///             "id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e",
///             "fields": {"title": "Read"}
///         }]
///     }"#,
/// )?;
/// assert_eq!(push.operations[0].action, ActionName::Create);
///
/// let error = kanso_protocol::read::<SyncRequest>(br#"{"operations": [{"id": 7}]}"#);
/// assert_eq!(
///     error.unwrap_err().to_string(),
///     "operations/0/id: must be a string",
/// );
/// # Ok::<(), kanso_protocol::ReadError>(())
/// ```
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ReadError> {
    if is_too_deep(body) {
        return Err(ReadError::TooDeep);
    }
    // From a slice and not from a reader: strings without escapes are borrowed from the body.
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = parse(&mut deserializer).map_err(|wrong| {
        if wrong.is_syntax {
            ReadError::NotJson(wrong.reason)
        } else {
            ReadError::WrongShape(field_error(wrong))
        }
    })?;
    // A second value after the first is an error too; `T` may not be all of the body.
    deserializer
        .end()
        .map_err(|error| ReadError::NotJson(error.to_string()))?;
    Ok(value)
}

/// Reads a part of a body whose syntax is known to be right, as strictly as [`read`].
///
/// # Errors
/// The first member that is missing, unknown, repeated, of the wrong type, or that no program can
/// hold: a text with half of a surrogate pair, or a number beyond any float.
pub(crate) fn read_part<T: DeserializeOwned>(part: &RawValue) -> Result<T, FieldError> {
    let mut deserializer = serde_json::Deserializer::from_str(part.get());
    parse(&mut deserializer).map_err(|mut wrong| {
        if wrong.is_syntax {
            reason::unreadable(&wrong.reason).clone_into(&mut wrong.reason);
        }
        field_error(wrong)
    })
}

fn parse<'de, T, R>(deserializer: &mut serde_json::Deserializer<R>) -> Result<T, Wrong>
where
    T: DeserializeOwned,
    R: serde_json::de::Read<'de>,
{
    let slot = Slot::default();
    T::deserialize(Strict::new(deserializer, &slot))
}

/// Reads a JSON object that is already parsed, as strictly as [`read`].
///
/// # Errors
/// The first member that is missing, unknown or of the wrong type.
///
/// # Examples
/// ```
/// use kanso_protocol::accounts::RefreshRequest;
/// use serde_json::json;
///
/// let request: RefreshRequest = kanso_protocol::read_value(json!({"refresh_token": "kr1_x"}))?;
/// assert_eq!(request.refresh_token, "kr1_x");
///
/// let missing = kanso_protocol::read_value::<RefreshRequest>(json!({})).err();
/// assert_eq!(missing.map(|error| error.to_string()).as_deref(), Some("refresh_token: is required"));
/// # Ok::<(), kanso_domain::FieldError>(())
/// ```
pub fn read_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, FieldError> {
    let slot = Slot::default();
    T::deserialize(Strict::new(value, &slot)).map_err(field_error)
}

fn field_error(wrong: Wrong) -> FieldError {
    FieldError::new(wrong.pointer(), wrong.reason)
}

/// Returns true if brackets outside of strings nest deeper than [`MAX_DEPTH`].
///
/// This runs before the parser: the parser recurses once per level, and a body that consists of
/// brackets should cost one pass and no stack.
fn is_too_deep(body: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for &byte in body {
        match byte {
            _ if escaped => escaped = false,
            // A backslash outside of a string is a syntax error, which the parser reports.
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            // Saturating: a stray closing bracket is also left to the parser.
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
        #[serde(default)]
        note: Option<String>,
        #[serde(default)]
        items: Vec<Item>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Color {
        Red,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Item {
        color: Color,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct AnyValue {
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
    fn wrong_member_is_named_by_its_path() {
        for (body, path, reason) in [
            ("{}", "title", "is required"),
            (r#"{"title":"a","nope":1}"#, "nope", UNKNOWN_MEMBER),
            (
                r#"{"title":"a","title":"b"}"#,
                "title",
                "must be given once",
            ),
            (r#"{"title":null}"#, "title", "must be a string"),
            (r#"{"title":{}}"#, "title", "must be a string"),
            (r#"{"title":"a","note":5}"#, "note", "must be a string"),
            (
                r#"{"title":"a","days":[1,300]}"#,
                "days/1",
                "must be an integer from 0 to 255",
            ),
        ] {
            assert_eq!(field(body), (path.to_owned(), reason.to_owned()), "{body}");
        }
    }

    #[test]
    fn member_of_a_nested_object_is_named_by_its_path() {
        for (body, path, reason) in [
            (r#"[{"color":"red"},{}]"#, "items/1/color", "is required"),
            (
                r#"[{"color":"red","nope":0}]"#,
                "items/0/nope",
                UNKNOWN_MEMBER,
            ),
            (r#"[{"color":"blue"}]"#, "items/0/color", "must be `red`"),
            (r#"[{"color":5}]"#, "items/0/color", "must be a string"),
            (r#"[["red"]]"#, "items/0", "must be an object"),
        ] {
            let body = format!(r#"{{"title":"a","items":{body}}}"#);
            assert_eq!(field(&body), (path.to_owned(), reason.to_owned()), "{body}");
        }
    }

    #[test]
    fn unknown_name_is_escaped() {
        // A name is untrusted text: it may look like a pointer or like a part of an error text.
        for (name, path) in [("a/b", "a~1b"), ("~", "~0"), ("`x` y", "`x` y"), ("", "")] {
            let body = serde_json::json!({"title": "a", name: 1});
            let expected = (path.to_owned(), UNKNOWN_MEMBER.to_owned());
            assert_eq!(field(&body.to_string()), expected, "{body}");
            let error = read_value::<Body>(body).expect_err("unknown");
            assert_eq!((error.field.into_owned(), error.reason), expected);
        }
    }

    #[test]
    fn long_name_is_cut_at_64_characters() {
        let long = |text: &str, count| text.repeat(count);
        for (name, path) in [
            (long("x", 64), long("x", 64)),
            (long("x", 65), long("x", 64) + "…"),
            (long("ß", 900_000), long("ß", 64) + "…"),
            // Cut before it is escaped, so no escape is cut in two.
            (long("/", 900_000), long("~1", 64) + "…"),
        ] {
            let body = serde_json::json!({"title": "a", &name: 1});
            let expected = (path.clone(), UNKNOWN_MEMBER.to_owned());
            assert_eq!(field(&body.to_string()), expected);
            let error = read_value::<Body>(body).expect_err("unknown");
            assert_eq!(error.field, path);
            let twice = format!(r#"{{"any":{{"{name}":1,"{name}":2}}}}"#);
            let error = read::<AnyValue>(twice.as_bytes()).expect_err("repeated");
            let expected = FieldError::new(format!("any/{path}"), "must be given once");
            assert_eq!(error, ReadError::WrongShape(expected));
        }
    }

    #[test]
    fn array_is_not_read_as_an_object() {
        for body in ["[]", r#"["a"]"#, r#"["a",[1]]"#] {
            let reason = "must be an object".to_owned();
            assert_eq!(field(body), (String::new(), reason), "{body}");
        }
    }

    #[test]
    fn integer_may_be_written_as_a_float() {
        for (days, expected) in [
            ("[1.0,2e0,30E-1,-0.0]", Ok(vec![1, 2, 3, 0])),
            ("[1.5]", Err("must be an integer from 0 to 255")),
            ("[-1.0]", Err("must be an integer from 0 to 255")),
            ("[256.0]", Err("must be an integer from 0 to 255")),
            ("[1e300]", Err("must be an integer from 0 to 255")),
            (
                "[18446744073709551616]",
                Err("must be an integer from 0 to 255"),
            ),
            ("[true]", Err("must be an integer from 0 to 255")),
        ] {
            let body = format!(r#"{{"title":"a","days":{days}}}"#);
            let by_bytes = read::<Body>(body.as_bytes()).map(|it| it.days);
            let by_bytes = by_bytes.map_err(|error| match error {
                ReadError::WrongShape(error) => error.reason,
                other => other.to_string(),
            });
            let value = serde_json::from_str(&body).expect("JSON");
            let by_value = read_value::<Body>(value).map(|it| it.days);
            let by_value = by_value.map_err(|error| error.reason);
            let expected = expected.map_err(str::to_owned);
            assert_eq!((&by_bytes, &by_value), (&expected, &expected), "{body}");
        }
        // Beyond 2^53 a float may have lost digits that were written.
        for text in ["9007199254740994.0", "1e16"] {
            assert!(read::<i64>(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(read::<i64>(b"9007199254740993"), Ok(9_007_199_254_740_993));
    }

    #[test]
    fn name_that_stands_twice_is_refused_at_every_level() {
        for (any, path) in [
            (r#"{"a":1,"a":1}"#, "any/a"),
            (r#"{"a":{"b":[{"c":1,"d":2,"c":3}]}}"#, "any/a/b/0/c"),
            (r#"{"a":1,"\u0061":2}"#, "any/a"),
        ] {
            let body = format!(r#"{{"any":{any}}}"#);
            let error = read::<AnyValue>(body.as_bytes()).err();
            let expected = ReadError::WrongShape(FieldError::new(path, "must be given once"));
            assert_eq!(error, Some(expected), "{body}");
        }
        // The same name in two objects is no repetition.
        assert!(read::<AnyValue>(br#"{"any":[{"a":1},{"a":{"a":2}}]}"#).is_ok());
    }

    #[test]
    fn part_of_a_body_is_refused_with_the_member_at_fault() {
        for (part, path, reason) in [
            (
                r#"{"title":"walk \ud83d"}"#,
                "title",
                "has half of a surrogate pair, which is no character",
            ),
            (
                r#"{"title":"a","items":[{"color":"\udc00 \ud83d"}]}"#,
                "items/0/color",
                "has half of a surrogate pair, which is no character",
            ),
            (
                r#"{"\ud83d":"a"}"#,
                "",
                "has half of a surrogate pair, which is no character",
            ),
            (
                r#"{"title":"a","days":[1,1e400]}"#,
                "days/1",
                "is too large a number",
            ),
            ("7", "", "must be an object"),
        ] {
            let raw: Box<RawValue> = serde_json::from_str(part).expect("JSON");
            let error = read_part::<Body>(&raw).expect_err(part);
            assert_eq!(
                (error.field.as_ref(), error.reason.as_str()),
                (path, reason),
                "{part}"
            );
        }
        // A pair of surrogates is one character.
        let raw: Box<RawValue> = serde_json::from_str(r#"{"title":"\ud83d\ude00"}"#).expect("JSON");
        assert!(read_part::<Body>(&raw).is_ok());
    }

    #[test]
    fn value_is_passed_on_as_text() {
        #[derive(Deserialize)]
        struct Parts {
            parts: Vec<Box<RawValue>>,
        }
        let body = br#"{"parts": [ {"a":1,"a":"\ud83d"}, 1e400, [] ]}"#;
        let parts = read::<Parts>(body).expect("an envelope").parts;
        let texts: Vec<_> = parts.iter().map(|part| part.get()).collect();
        assert_eq!(texts, [r#"{"a":1,"a":"\ud83d"}"#, "1e400", "[]"]);
        assert!(matches!(
            read::<Parts>(br#"{"parts": [nul]}"#),
            Err(ReadError::NotJson(_))
        ));
    }

    #[test]
    fn whole_body_is_read() {
        let body = r#"{"title":"a","days":[1],"note":null,"items":[{"color":"red"}]}"#;
        let expected = Body {
            title: "a".to_owned(),
            days: vec![1],
            note: None,
            items: vec![Item { color: Color::Red }],
        };
        assert_eq!(read::<Body>(body.as_bytes()).as_ref(), Ok(&expected));
        let value = serde_json::from_str(body).expect("JSON");
        assert_eq!(read_value::<Body>(value), Ok(expected));
    }

    #[test]
    fn syntax_error_is_distinguished_from_a_wrong_shape() {
        for body in [
            "",
            "{",
            r#"{"title":"a"} x"#,
            r#"{"title":"\ud800"}"#,
            // Larger than any f64, which `serde_json` reports as a syntax error.
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
        // Deep enough to overflow the stack of a parser that recurses.
        assert_eq!(
            read::<Body>("[".repeat(100_000).as_bytes()),
            Err(ReadError::TooDeep)
        );
        // An escaped quote does not end the string, so these brackets are not counted.
        let quoted = format!(r#"{{"title":"{}\"{}"}}"#, "[".repeat(40), "{".repeat(40));
        assert!(read::<Body>(quoted.as_bytes()).is_ok());
        let nested = |depth: usize| {
            let body = format!(r#"{{"any":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
            read::<AnyValue>(body.as_bytes()).is_ok()
        };
        // The object around the array is the first level.
        assert!(nested(31));
        assert!(!nested(32));
    }
}
