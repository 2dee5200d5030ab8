//! Values that are text or plain numbers on the wire.

use std::fmt::Display;
use std::str::FromStr;

use ::uuid::Uuid;
use serde::{Deserialize, Deserializer, Serializer};

/// Writes a value with its `Display`, for `#[serde(with = "crate::text")]`.
///
/// The domain types have no serde: their text form is part of the domain, its place in JSON is not.
pub(crate) fn serialize<T: Display, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    // Written straight into the output, without a string in between.
    serializer.collect_str(value)
}

/// Reads a value with its `FromStr`, for `#[serde(with = "crate::text")]`.
pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    String::deserialize(deserializer)?
        .parse()
        .map_err(serde::de::Error::custom)
}

/// A text that may be `null`, for `#[serde(with = "crate::text::nullable")]`.
pub(crate) mod nullable {
    use super::{Deserialize, Deserializer, Display, FromStr, Serializer};

    #[expect(clippy::ref_option, reason = "serde passes a reference to the member")]
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

/// Error: the text is not a UUID in its hyphenated form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a UUID such as 0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e")]
pub struct UuidMalformed;

/// Reads a UUID in its hyphenated form, in either case (RFC 9562 §4).
///
/// # Errors
/// [`UuidMalformed`] for any other form, such as one with braces, without hyphens or as a URN. One
/// accepted form means that a record has one URL.
///
/// # Examples
/// ```
/// use kanso_protocol::{UuidMalformed, parse_uuid};
///
/// let id = parse_uuid("0198C2F4-8B7E-7C3A-9D2E-4F5A6B7C8D9E")?;
/// assert_eq!(id.to_string(), "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e");
///
/// assert_eq!(parse_uuid("0198c2f48b7e7c3a9d2e4f5a6b7c8d9e"), Err(UuidMalformed));
/// # Ok::<(), UuidMalformed>(())
/// ```
pub fn parse_uuid(text: &str) -> Result<Uuid, UuidMalformed> {
    // `try_parse` reads every form; only the hyphenated one has 36 characters.
    if text.len() == 36 {
        Uuid::try_parse(text).map_err(|_| UuidMalformed)
    } else {
        Err(UuidMalformed)
    }
}

/// A UUID on the wire, for `#[serde(with = "crate::text::uuid")]`.
///
/// The `serde` of the `uuid` crate also reads the other forms that [`parse_uuid`] refuses.
pub(crate) mod uuid {
    use super::{Deserialize, Deserializer, Serializer, Uuid, parse_uuid};

    pub(crate) fn serialize<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
        // Lower case: clients compare ids as text.
        serializer.collect_str(&id.as_hyphenated())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Uuid, D::Error> {
        // An owned string, because a name with an escape cannot be borrowed from the body.
        let text = String::deserialize(deserializer)?;
        parse_uuid(&text).map_err(serde::de::Error::custom)
    }

    /// A UUID that may be left out, for `#[serde(with = "crate::text::uuid::optional")]`.
    pub(crate) mod optional {
        use super::{Deserialize, Deserializer, Serializer, Uuid, parse_uuid};

        #[expect(clippy::ref_option, reason = "serde passes a reference to the member")]
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
            // `null` means the same as a member that is left out: an id cannot be cleared.
            let text = Option::<String>::deserialize(deserializer)?;
            text.map(|text| parse_uuid(&text).map_err(serde::de::Error::custom))
                .transpose()
        }
    }
}

/// An amount on the wire: a JSON number, without decimals if it is whole.
///
/// The domain counts in thousandths. `20` is written as `20` and not `20.0`, so a client that reads
/// integers can read every whole amount.
pub(crate) mod quantity {
    use super::{Deserialize, Deserializer, Serializer};
    use kanso_domain::Quantity;

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference to the member"
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
        // Through `f64`, because JSON numbers may have an exponent. `from_f64` rounds what the sum of
        // two floats leaves behind, and refuses any other digit after the third decimal.
        Quantity::from_f64(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }

    /// A list of amounts, for `#[serde(with = "crate::text::quantity::list")]`.
    pub(crate) mod list {
        use super::{Deserialize, Deserializer, Quantity, Serializer};
        use serde::Serialize;

        /// An amount in a list.
        #[derive(serde::Serialize, Deserialize)]
        struct Amount(#[serde(with = "crate::text::quantity")] Quantity);

        pub(crate) fn serialize<S: Serializer>(
            quantities: &[Quantity],
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            let amounts: Vec<_> = quantities.iter().copied().map(Amount).collect();
            amounts.serialize(serializer)
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Vec<Quantity>, D::Error> {
            let amounts = Vec::<Amount>::deserialize(deserializer)?;
            Ok(amounts
                .into_iter()
                .map(|Amount(quantity)| quantity)
                .collect())
        }
    }
}
