//! A member that may be left out, cleared or set.

use std::fmt::Display;

use kanso_domain::validation::Checker;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::{PartialSchema, ToSchema};

/// A member of a partial update. In a struct it needs `#[serde(default)]` and, for writing,
/// `skip_serializing_if = "Patch::is_absent"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// Left out.
    #[default]
    Absent,
    /// `null`.
    Null,
    /// A value.
    Value(T),
}

impl<T> Patch<T> {
    /// Whether the member was left out.
    pub const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The value, if one was given.
    pub const fn value(&self) -> Option<&T> {
        if let Self::Value(value) = self {
            Some(value)
        } else {
            None
        }
    }

    /// The value of a member that cannot be cleared; `null` is noted as wrong.
    pub(crate) fn given(self, field: &'static str, checker: &mut Checker) -> Option<T> {
        match self {
            Self::Absent => None,
            Self::Null => {
                checker.refuse(field, "must not be null");
                None
            }
            Self::Value(value) => Some(value),
        }
    }

    /// The parsed value of a member that cannot be cleared; what is wrong is noted.
    pub(crate) fn parsed<V, E: Display>(
        self,
        field: &'static str,
        checker: &mut Checker,
        parse: impl FnOnce(T) -> Result<V, E>,
    ) -> Option<V> {
        let value = self.given(field, checker)?;
        checker.take(field, parse(value))
    }

    /// The parsed value of a member that `null` clears; what is wrong is noted.
    #[expect(
        clippy::option_option,
        reason = "left out, cleared and set are three things"
    )]
    pub(crate) fn parsed_or_null<V, E: Display>(
        self,
        field: &'static str,
        checker: &mut Checker,
        parse: impl FnOnce(T) -> Result<V, E>,
    ) -> Option<Option<V>> {
        match self {
            Self::Absent => None,
            Self::Null => Some(None),
            Self::Value(value) => checker.take(field, parse(value)).map(Some),
        }
    }

    /// `Null` for `None`.
    pub fn nullable(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Value)
    }

    /// `Absent` for `None`.
    pub fn optional(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Self::Value)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::nullable)
    }
}

impl<T: Serialize> Serialize for Patch<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<T: PartialSchema> PartialSchema for Patch<T> {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        T::schema()
    }
}

impl<T: ToSchema> ToSchema for Patch<T> {
    fn name() -> std::borrow::Cow<'static, str> {
        T::name()
    }

    fn schemas(
        schemas: &mut Vec<(
            String,
            utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>,
        )>,
    ) {
        T::schemas(schemas);
    }
}
