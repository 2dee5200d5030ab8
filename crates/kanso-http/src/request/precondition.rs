//! Optimistic locking: the version that a change is based on (RFC 9110 §13.1).

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use kanso_application::Outcome;
use kanso_domain::sync::{Base, OperationOutcome};
use kanso_domain::{FieldError, Version};
use kanso_protocol::DeleteRequest;

use super::entity_tag::{is_tag, tags, version};
use super::number::number;
use crate::problem::{ApiError, Code};

/// The header `If-Match`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// The request has no such header.
    Absent,
    /// `*`: the client overwrites any version on purpose.
    Any,
    /// One of these versions. Never empty.
    OneOf(Vec<Version>),
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        Self::read(&parts.headers)
    }
}

impl IfMatch {
    fn read(headers: &HeaderMap) -> Result<Self, ApiError> {
        if !headers.contains_key(header::IF_MATCH) {
            return Ok(Self::Absent);
        }
        // `*` counts only alone; in a list it is not valid (RFC 9110 §13.1.1).
        let tags: Vec<_> = tags(headers, header::IF_MATCH).collect();
        if tags == ["*"] {
            return Ok(Self::Any);
        }
        let versions: Vec<_> = tags.into_iter().filter_map(version).collect();
        // Tags of other servers can never match. If a version is left, they are only skipped. Weak
        // tags count: RFC 9110 §13.1.1 excludes them because they may stand for other bytes, and
        // these tags stand for a version.
        if versions.is_empty() {
            return Err(Code::PreconditionFailed.into());
        }
        Ok(Self::OneOf(versions))
    }

    /// Returns the versions that a change may be based on, from the header or from `member`;
    /// `None` if the request names none.
    ///
    /// Header and member together must agree: which of them counts would be a guess.
    fn bases(self, member: Option<Version>) -> Result<Option<EditBases>, ApiError> {
        match (self, member) {
            (Self::OneOf(versions), Some(member)) if !versions.contains(&member) => {
                Err(Code::VersionsDiffer.into())
            }
            (_, Some(member)) => Ok(Some(Base::Version(member).into())),
            (Self::Absent, None) => Ok(None),
            (Self::Any, None) => Ok(Some(Base::Any.into())),
            (Self::OneOf(versions), None) => {
                // The newest is most likely the stored one, and saves the second attempt.
                let newest = versions.iter().max().map(|&version| Base::Version(version));
                Ok(newest.map(|base| EditBases { base, versions }))
            }
        }
    }

    /// Returns the versions for an update, which must name one.
    pub(crate) fn required(self, member: Option<i64>) -> Result<EditBases, ApiError> {
        self.bases(positive(member)?)?
            .ok_or_else(|| Code::VersionRequired.into())
    }

    /// Returns the versions for a delete, which may name none, in the query or in the body.
    pub(crate) fn optional(
        self,
        parameter: Option<&str>,
        body: Option<DeleteRequest>,
    ) -> Result<EditBases, ApiError> {
        let parameter = parameter.map(|text| number(text).and_then(Version::new).ok_or(()));
        let parameter = parameter.transpose().map_err(|()| {
            let error = FieldError::new("version", "must be a number, at least 1");
            ApiError::members(Code::InvalidParameter, &[error])
        })?;
        let member = positive(body.and_then(|body| body.version))?;
        if parameter.is_some() && member.is_some() && parameter != member {
            return Err(Code::VersionsDiffer.into());
        }
        Ok(self
            .bases(parameter.or(member))?
            .unwrap_or(Base::Any.into()))
    }
}

/// Returns the version that the member `version` of a body names.
fn positive(member: Option<i64>) -> Result<Option<Version>, ApiError> {
    let version = member.map(|number| Version::new(number).ok_or(number));
    version.transpose().map_err(|_| {
        let error = FieldError::new("version", "must be at least 1");
        ApiError::members(Code::Invalid, &[error])
    })
}

/// The versions that a change may be based on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EditBases {
    /// Version for the first attempt.
    base: Base,
    /// All accepted versions; empty if `base` is the only one.
    versions: Vec<Version>,
}

impl From<Base> for EditBases {
    fn from(base: Base) -> Self {
        let versions = Vec::new();
        Self { base, versions }
    }
}

impl EditBases {
    /// Applies a change to the stored version if it is accepted.
    ///
    /// The use case takes one base, so a request with several versions may need two attempts: the
    /// conflict of the first reports the stored version. The second attempt can conflict again only
    /// if another write came between, which is a true conflict.
    ///
    /// `change` gets the number of the attempt: with an idempotency key, each attempt needs a key of
    /// its own, or the second would get the stored result of the first.
    pub(crate) async fn apply<F>(
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

/// Returns the entity tag of a version, such as `"3"`.
pub(crate) fn etag(version: Version) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\""))
        .unwrap_or_else(|_| HeaderValue::from_static("\"0\""))
}

/// Returns true if `If-None-Match` names this version.
pub(crate) fn is_unchanged(headers: &HeaderMap, stored: Version) -> bool {
    tags(headers, header::IF_NONE_MATCH).any(|tag| tag == "*" || version(tag) == Some(stored))
}

/// Returns true if `If-None-Match` has the tag `stored`.
pub(crate) fn has_tag(headers: &HeaderMap, stored: &str) -> bool {
    tags(headers, header::IF_NONE_MATCH).any(|tag| is_tag(tag, stored))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Option<IfMatch> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_MATCH, value.parse().expect("ASCII"));
        }
        IfMatch::read(&headers).ok()
    }

    fn one_of(numbers: &[i64]) -> IfMatch {
        let versions = numbers.iter().filter_map(|&number| Version::new(number));
        IfMatch::OneOf(versions.collect())
    }

    #[test]
    fn tags_name_versions() {
        assert_eq!(read(&[]), Some(IfMatch::Absent));
        assert_eq!(read(&["*"]), Some(IfMatch::Any));
        assert_eq!(read(&["\"3\""]), Some(one_of(&[3])));
        assert_eq!(
            read(&["\"3\", \"x\"", "W/\"4\",\"5-gzip\""]),
            Some(one_of(&[3, 4, 5]))
        );
        for bad in [
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
    fn tag_of_the_stored_version_matches() {
        let unchanged = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, value.parse().expect("ASCII"));
            is_unchanged(&headers, Version::FIRST)
        };
        for (value, expected) in [
            ("\"1\"", true),
            ("W/\"1\"", true),
            ("\"2\", \"1\"", true),
            ("\"1-gzip\"", true),
            ("W/\"2\", W/\"1;br\"", true),
            ("*", true),
            ("\"2\"", false),
            ("1", false),
        ] {
            assert_eq!(unchanged(value), expected, "{value}");
        }
    }
}
