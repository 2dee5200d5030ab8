//! Optimistic locking: the version that a change builds on (RFC 9110 §13.1).

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use kanso_application::Outcome;
use kanso_domain::sync::{Base, OperationOutcome};
use kanso_domain::{FieldError, Version};

use crate::problem::{ApiError, Code};

/// The header `If-Match`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Versions {
    /// There is none.
    Unsaid,
    /// `*`: whatever is stored, knowingly.
    Any,
    /// One of these, at least one.
    OneOf(Vec<Version>),
}

impl<S: Sync> FromRequestParts<S> for Versions {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        Self::read(&parts.headers)
    }
}

impl Versions {
    fn read(headers: &HeaderMap) -> Result<Self, ApiError> {
        if !headers.contains_key(header::IF_MATCH) {
            return Ok(Self::Unsaid);
        }
        let tags: Vec<_> = tags(headers, header::IF_MATCH).collect();
        if tags == ["*"] {
            return Ok(Self::Any);
        }
        let versions: Vec<_> = tags.into_iter().filter_map(version).collect();
        if versions.is_empty() {
            return Err(Code::PreconditionFailed.into());
        }
        Ok(Self::OneOf(versions))
    }

    /// The states that a change may build on, if the request says any: in its header, or as
    /// `member`.
    fn bases(self, member: Option<Version>) -> Result<Option<Bases>, ApiError> {
        match (self, member) {
            (Self::OneOf(versions), Some(member)) if !versions.contains(&member) => {
                Err(Code::VersionsDiffer.into())
            }
            (_, Some(member)) => Ok(Some(Base::Version(member).into())),
            (Self::Unsaid, None) => Ok(None),
            (Self::Any, None) => Ok(Some(Base::Any.into())),
            (Self::OneOf(versions), None) => {
                let newest = versions.iter().max().map(|&version| Base::Version(version));
                Ok(newest.map(|base| Bases { base, versions }))
            }
        }
    }

    /// The same, where a change must say what it builds on.
    pub(crate) fn required(self, member: Option<i64>) -> Result<Bases, ApiError> {
        let member = member.map(|number| Version::new(number).ok_or(number));
        let member = member.transpose().map_err(|_| {
            let error = FieldError::new("version", "must be at least 1");
            ApiError::members(Code::Invalid, &[error])
        })?;
        self.bases(member)?
            .ok_or_else(|| Code::VersionRequired.into())
    }

    /// The same, where a change may go without; `member` is a parameter of the query.
    pub(crate) fn optional(self, member: Option<&str>) -> Result<Bases, ApiError> {
        let member = member.map(|text| text.parse().ok().and_then(Version::new).ok_or(()));
        let member = member.transpose().map_err(|()| {
            let error = FieldError::new("version", "must be a number, at least 1");
            ApiError::members(Code::InvalidParameter, &[error])
        })?;
        Ok(self.bases(member)?.unwrap_or(Base::Any.into()))
    }
}

/// The states that a change may build on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bases {
    /// The likeliest.
    base: Base,
    /// All, where there are several.
    versions: Vec<Version>,
}

impl From<Base> for Bases {
    fn from(base: Base) -> Self {
        let versions = Vec::new();
        Self { base, versions }
    }
}

impl Bases {
    /// Makes a change on the one that is stored; `change` also gets how often it was tried.
    pub(crate) async fn submit<F>(
        self,
        change: impl Fn(usize, Base) -> F,
    ) -> Outcome<OperationOutcome>
    where
        F: Future<Output = Outcome<OperationOutcome>>,
    {
        let outcome = change(0, self.base).await?;
        if let OperationOutcome::Conflict(conflict) = &outcome {
            let stored = conflict.record.stamp().version;
            if self.versions.contains(&stored) {
                return change(1, Base::Version(stored)).await;
            }
        }
        Ok(outcome)
    }
}

/// The entity tag of a version.
pub(crate) fn etag(version: Version) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\""))
        .unwrap_or_else(|_| HeaderValue::from_static("\"0\""))
}

/// Whether the caller has this version already (`If-None-Match`, compared weakly).
pub(crate) fn is_unchanged(headers: &HeaderMap, stored: Version) -> bool {
    tags(headers, header::IF_NONE_MATCH).any(|tag| {
        let strong = tag.strip_prefix("W/").unwrap_or(tag);
        tag == "*" || version(strong) == Some(stored)
    })
}

/// Whether the caller has what `stored` is the strong tag of (`If-None-Match`, compared weakly).
pub(crate) fn has_tag(headers: &HeaderMap, stored: &str) -> bool {
    tags(headers, header::IF_NONE_MATCH).any(|tag| tag.strip_prefix("W/").unwrap_or(tag) == stored)
}

fn tags(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or("?").split(','))
        .map(str::trim)
}

/// The version that a strong tag names.
fn version(tag: &str) -> Option<Version> {
    let number = tag.strip_prefix('"')?.strip_suffix('"')?;
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit());
    Version::new(number.parse().ok().filter(|_| is_plain)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Option<Versions> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_MATCH, value.parse().expect("ASCII"));
        }
        Versions::read(&headers).ok()
    }

    fn one_of(numbers: &[i64]) -> Versions {
        let versions = numbers.iter().filter_map(|&number| Version::new(number));
        Versions::OneOf(versions.collect())
    }

    #[test]
    fn only_strong_tags_name_versions() {
        assert_eq!(read(&[]), Some(Versions::Unsaid));
        assert_eq!(read(&["*"]), Some(Versions::Any));
        assert_eq!(read(&["\"3\""]), Some(one_of(&[3])));
        assert_eq!(
            read(&["\"3\", \"x\"", "W/\"4\",\"5\""]),
            Some(one_of(&[3, 5]))
        );
        for bad in [
            "W/\"3\"",
            "3",
            "\"x\"",
            "\"0\"",
            "\"+3\"",
            "\"\"",
            "",
            "\"99999999999999999999\"",
        ] {
            assert_eq!(read(&[bad]), None, "{bad}");
        }
    }

    #[test]
    fn header_and_member_must_agree() {
        let version = |number| Version::new(number);
        let bases = |values: &[&str], member| {
            let versions = read(values).expect("readable");
            versions
                .bases(member)
                .map(|bases| bases.map(|it| it.base))
                .map_err(|_| ())
        };
        let exactly = |number| Ok(version(number).map(Base::Version));
        assert_eq!(bases(&[], None), Ok(None));
        assert_eq!(bases(&[], version(2)), exactly(2));
        assert_eq!(bases(&["*"], None), Ok(Some(Base::Any)));
        assert_eq!(bases(&["*"], version(2)), exactly(2));
        assert_eq!(bases(&["\"2\""], version(2)), exactly(2));
        assert_eq!(bases(&["\"2\""], version(3)), Err(()));
        assert_eq!(bases(&["\"2\",\"3\""], version(2)), exactly(2));
        assert_eq!(bases(&["\"2\",\"3\""], None), exactly(3));
    }

    #[test]
    fn a_caller_that_has_the_version_needs_no_copy() {
        let unchanged = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, value.parse().expect("ASCII"));
            is_unchanged(&headers, Version::FIRST)
        };
        for (value, expected) in [
            ("\"1\"", true),
            ("W/\"1\"", true),
            ("\"2\", \"1\"", true),
            ("*", true),
            ("\"2\"", false),
            ("1", false),
        ] {
            assert_eq!(unchanged(value), expected, "{value}");
        }
    }
}
