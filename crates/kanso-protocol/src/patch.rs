//! A member of a partial update: left out, cleared or set.

use std::fmt::Display;

use kanso_domain::validation::Checker;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::{PartialSchema, ToSchema};

/// A member of a partial update.
///
/// JSON has three states here and `Option` only two: a member that is left out keeps the stored
/// value, and `null` clears it. In a struct the member needs `#[serde(default)]` and, for writing,
/// `skip_serializing_if = "Patch::is_absent"`.
///
/// # Examples
/// ```
/// use kanso_protocol::Patch;
/// use kanso_protocol::habits::HabitMembers;
///
/// let edit: HabitMembers = serde_json::from_str(r#"{"title": "Read", "end_date": null}"#)?;
/// assert_eq!(edit.title, Patch::Value("Read".to_owned()));
/// assert_eq!(edit.end_date, Patch::Null);
/// assert_eq!(edit.color, Patch::Absent);
///
/// // Writing keeps the three states apart.
/// assert_eq!(serde_json::to_string(&edit)?, r#"{"title":"Read","end_date":null}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// The member is left out: the stored value stays.
    #[default]
    Absent,
    /// The member is `null`: the stored value is cleared.
    Null,
    /// The member has a value.
    Value(T),
}

impl<T> Patch<T> {
    /// Returns true if the member is left out.
    pub const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Returns the value, if there is one.
    pub const fn value(&self) -> Option<&T> {
        if let Self::Value(value) = self {
            Some(value)
        } else {
            None
        }
    }

    /// Returns the value of a member that cannot be cleared; reports `null` to `checker`.
    pub(crate) fn required_value(self, field: &'static str, checker: &mut Checker) -> Option<T> {
        match self {
            Self::Absent => None,
            Self::Null => {
                checker.refuse(field, "must not be null");
                None
            }
            Self::Value(value) => Some(value),
        }
    }

    /// Parses a member that cannot be cleared; reports `null` and parse errors to `checker`.
    pub(crate) fn parse_value<V, E: Display>(
        self,
        field: &'static str,
        checker: &mut Checker,
        parse: impl FnOnce(T) -> Result<V, E>,
    ) -> Option<V> {
        let value = self.required_value(field, checker)?;
        checker.take(field, parse(value))
    }

    /// Parses a member that `null` clears; reports parse errors to `checker`.
    #[expect(
        clippy::option_option,
        reason = "left out, cleared and set are three different states"
    )]
    pub(crate) fn parse_nullable<V, E: Display>(
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

    /// Returns [`Patch::Null`] for `None`.
    ///
    /// ```
    /// use kanso_protocol::Patch;
    ///
    /// assert_eq!(Patch::nullable(None::<u8>), Patch::Null);
    /// assert_eq!(Patch::nullable(Some(3)), Patch::Value(3));
    /// ```
    pub fn nullable(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Value)
    }

    /// Returns [`Patch::Absent`] for `None`.
    ///
    /// ```
    /// use kanso_protocol::Patch;
    ///
    /// assert_eq!(Patch::optional(None::<u8>), Patch::Absent);
    /// ```
    pub fn optional(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Self::Value)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Only a member that is present is deserialized, so `None` here means `null`. A member that
        // is left out becomes `Absent` through `#[serde(default)]`.
        Option::deserialize(deserializer).map(Self::nullable)
    }
}

impl<T: Serialize> Serialize for Patch<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // `Absent` never gets here: `skip_serializing_if` leaves the member out.
        self.value().serialize(serializer)
    }
}

// The document shows the schema of the value. Each member says itself if `null` is allowed, because
// that depends on the member and not on `Patch`.
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
