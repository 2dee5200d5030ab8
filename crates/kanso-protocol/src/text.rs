//! Values that travel as text.

use std::fmt::Display;
use std::str::FromStr;

use ::uuid::Uuid;
use serde::{Deserialize, Deserializer, Serializer};

/// Writes with `Display`, reads with `FromStr`: for `#[serde(with = "crate::text")]`.
pub(crate) fn serialize<T: Display, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// See [`serialize`].
pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    String::deserialize(deserializer)?
        .parse()
        .map_err(serde::de::Error::custom)
}

/// The same for a member that may be `null`.
pub(crate) mod nullable {
    use super::{Deserialize, Deserializer, Display, FromStr, Serializer};

    #[expect(clippy::ref_option, reason = "serde hands a reference to the member")]
    pub(crate) fn serialize<T: Display, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(serde::de::Error::custom))
            .transpose()
    }
}

/// A text that is not a UUID of the hyphenated form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a UUID such as 0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e")]
pub struct NotAUuid;

/// Reads a UUID in its hyphenated form, in either case (RFC 9562 §4).
///
/// # Errors
/// Any other form.
pub fn parse_uuid(text: &str) -> Result<Uuid, NotAUuid> {
    if text.len() == 36 {
        Uuid::try_parse(text).map_err(|_| NotAUuid)
    } else {
        Err(NotAUuid)
    }
}

/// A UUID on the wire: for `#[serde(with = "crate::text::uuid")]`.
pub(crate) mod uuid {
    use super::{Deserialize, Deserializer, Serializer, Uuid, parse_uuid};

    pub(crate) fn serialize<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&id.as_hyphenated())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Uuid, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_uuid(&text).map_err(serde::de::Error::custom)
    }

    /// The same for a member that may be left out.
    pub(crate) mod optional {
        use super::{Deserialize, Deserializer, Serializer, Uuid, parse_uuid};

        #[expect(clippy::ref_option, reason = "serde hands a reference to the member")]
        pub(crate) fn serialize<S: Serializer>(
            id: &Option<Uuid>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match id {
                Some(id) => serializer.collect_str(&id.as_hyphenated()),
                None => serializer.serialize_none(),
            }
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Uuid>, D::Error> {
            let text = Option::<String>::deserialize(deserializer)?;
            text.map(|text| parse_uuid(&text).map_err(serde::de::Error::custom))
                .transpose()
        }
    }
}

/// An amount on the wire: a JSON number, without decimals when it is whole.
pub(crate) mod quantity {
    use super::{Deserialize, Deserializer, Serializer};
    use kanso_domain::Quantity;

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde hands a reference to the member"
    )]
    pub(crate) fn serialize<S: Serializer>(
        quantity: &Quantity,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match quantity.whole() {
            Some(whole) => serializer.serialize_i64(whole),
            None => serializer.serialize_f64(quantity.to_f64()),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Quantity, D::Error> {
        Quantity::from_f64(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
