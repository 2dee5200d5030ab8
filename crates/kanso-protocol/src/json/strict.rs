//! A deserializer whose errors name the member at fault.
//!
//! serde reports a missing or an unknown member by calling a constructor of the error type, which
//! gets the member's name. `serde_json` turns that name into a sentence. [`Strict`] wraps its
//! deserializer and uses [`Wrong`] as the error type, so the name and the path stay data.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt::{self, Display};

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, Expected, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};

use super::{UNKNOWN_MEMBER, reason, shown_name};

/// An error of a [`Strict`] deserializer.
#[derive(Debug)]
pub(super) struct Wrong {
    /// The names and indices that lead to the value at fault, the innermost first.
    path: Vec<String>,
    pub(super) reason: String,
    /// True if the parser stopped, so the text is not JSON.
    pub(super) is_syntax: bool,
}

impl Wrong {
    /// The path to the value at fault, as a JSON pointer without its first slash.
    ///
    /// Long names are cut, so an error is small however long the name is that a client sends. Errors
    /// are also stored, in the receipts of rejected operations.
    pub(super) fn pointer(&self) -> String {
        // RFC 6901 §4: the tilde comes first, so that the one in `~1` is not escaped again.
        let parts = self.path.iter().rev();
        let parts: Vec<_> = parts
            .map(|part| shown_name(part).replace('~', "~0").replace('/', "~1"))
            .collect();
        parts.join("/")
    }

    fn member(name: &str, reason: impl Display) -> Self {
        let wrong: Self = de::Error::custom(reason);
        wrong.below(name.to_owned())
    }

    /// The same error, seen from the value that has it at `part`.
    fn below(mut self, part: String) -> Self {
        self.path.push(part);
        self
    }
}

impl Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: Display>(reason: T) -> Self {
        Self {
            path: Vec::new(),
            reason: reason.to_string(),
            is_syntax: false,
        }
    }

    // The errors name what is wanted, in the words of the contract. serde's own words are those of
    // Rust: `i32`, `sequence`, `unit variant`.
    fn invalid_type(_found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(reason::wanted(&expected.to_string()))
    }

    fn invalid_value(_found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(reason::wanted(&expected.to_string()))
    }

    fn invalid_length(_found: usize, _expected: &dyn Expected) -> Self {
        Self::custom("has the wrong number of items")
    }

    fn unknown_variant(_name: &str, known: &'static [&'static str]) -> Self {
        Self::custom(reason::one_of(known))
    }

    fn unknown_field(name: &str, _known: &'static [&'static str]) -> Self {
        Self::member(name, UNKNOWN_MEMBER)
    }

    fn missing_field(name: &'static str) -> Self {
        Self::member(name, "is required")
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::member(name, reason::REPEATED)
    }
}

/// Carries a [`Wrong`] through `serde_json`.
///
/// A visitor that `serde_json` calls has to return `serde_json`'s own error, which holds only text.
/// The visitor leaves its error here, and the deserializer around it takes it out again.
#[derive(Default)]
pub(super) struct Slot(Cell<Option<Wrong>>);

impl Slot {
    fn put<E: de::Error>(&self, wrong: Wrong) -> E {
        self.0.set(Some(wrong));
        // This text is never shown: `take` returns the error in its place.
        E::custom("the error is in the slot")
    }

    /// The error of the visitor. If no visitor left one, the parser itself stopped.
    fn take(&self, error: impl Display) -> Wrong {
        self.0.take().unwrap_or_else(|| Wrong {
            is_syntax: true,
            ..de::Error::custom(error)
        })
    }
}

/// A part of `serde_json`'s machinery, with errors that name the member at fault.
pub(super) struct Strict<'s, T> {
    inner: T,
    slot: &'s Slot,
    wanted: Wanted,
}

/// The kind of value that a visitor wants, where that makes a difference.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// Any kind.
    Any,
    /// A struct. serde also reads a struct from an array of its members' values; on the wire a
    /// struct is always an object. Its own code finds members that are given twice.
    Struct,
    /// An integer, which may be written as `1.0` or `1e0`. Several languages have one type for all
    /// numbers and write it so.
    Integer,
}

impl<'s, T> Strict<'s, T> {
    pub(super) const fn new(inner: T, slot: &'s Slot) -> Self {
        Self {
            inner,
            slot,
            wanted: Wanted::Any,
        }
    }

    const fn of(inner: T, slot: &'s Slot, wanted: Wanted) -> Self {
        Self {
            inner,
            slot,
            wanted,
        }
    }
}

/// The name under which `serde_json` asks itself for the text of a value. It is its own constant,
/// which is private; a test reads a raw value through [`Strict`].
const RAW_VALUE: &str = "$serde_json::private::RawValue";

/// Reads an integer: `1`, `1.0` and `1e0` are the same.
macro_rules! integers {
    ($($method:ident)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            self.read(visitor, Wanted::Integer)
        }
    )+};
}

impl<'de, D: Deserializer<'de>> Strict<'_, D> {
    fn read<V: Visitor<'de>>(self, visitor: V, wanted: Wanted) -> Result<V::Value, Wrong> {
        self.inner
            .deserialize_any(Strict::of(visitor, self.slot, wanted))
            .map_err(|error| self.slot.take(error))
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<'_, D> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.read(visitor, Wanted::Any)
    }

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    // Not through `deserialize_any`: only here does `serde_json` call `visit_none` and `visit_some`,
    // which an `Option` needs.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.inner
            .deserialize_option(Strict::new(visitor, self.slot))
            .map_err(|error| self.slot.take(error))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _members: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.read(visitor, Wanted::Struct)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        // The text of a value is read by `serde_json` alone, which only checks its syntax.
        if name == RAW_VALUE {
            return self
                .inner
                .deserialize_newtype_struct(name, visitor)
                .map_err(|error| self.slot.take(error));
        }
        // A newtype is transparent in JSON.
        visitor.visit_newtype_struct(self)
    }

    /// Reads the name of a variant: the enums of requests carry no data.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        // `serde_json` calls anything but a string or an object a syntax error here, so the name
        // is read as a string first.
        let name = String::deserialize(self)?;
        visitor.visit_enum(StrDeserializer::new(&name))
    }

    // JSON describes itself, so the hint is not needed. It would also let `serde_json` create the
    // error for a wrong type, as text with a line and a column.
    forward_to_deserialize_any! {
        bool i128 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

/// Passes each scalar on, and leaves an error in the slot.
macro_rules! pass_on {
    ($($method:ident: $value:ty),+ $(,)?) => {$(
        fn $method<E: de::Error>(self, value: $value) -> Result<V::Value, E> {
            self.inner.$method(value).map_err(|wrong| self.slot.put(wrong))
        }
    )+};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Strict<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    pass_on! {
        visit_bool: bool,
        visit_i64: i64,
        visit_u64: u64,
        visit_str: &str,
        visit_borrowed_str: &'de str,
        visit_string: String,
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<V::Value, E> {
        let result = match whole(value).filter(|_| self.wanted == Wanted::Integer) {
            Some(whole) => self.inner.visit_i64(whole),
            None => self.inner.visit_f64(value),
        };
        result.map_err(|wrong| self.slot.put(wrong))
    }

    fn visit_unit<E: de::Error>(self) -> Result<V::Value, E> {
        let result = self.inner.visit_unit();
        result.map_err(|wrong| self.slot.put(wrong))
    }

    fn visit_none<E: de::Error>(self) -> Result<V::Value, E> {
        let result = self.inner.visit_none();
        result.map_err(|wrong| self.slot.put(wrong))
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let result = self.inner.visit_some(Strict::new(inner, self.slot));
        result.map_err(|wrong| self.slot.put(wrong))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let items = Items {
            inner,
            slot: self.slot,
            index: 0,
        };
        // The check is here and not in the types: a derived visitor always accepts an array.
        let result = if self.wanted == Wanted::Struct {
            Err(de::Error::invalid_type(Unexpected::Seq, &"an object"))
        } else {
            self.inner.visit_seq(items)
        };
        result.map_err(|wrong| self.slot.put(wrong))
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let members = Members {
            inner,
            slot: self.slot,
            name: String::new(),
            // The code of a struct finds a repeated member itself. A map would keep the last of
            // them, and the sender would not learn that the others were lost.
            names: (self.wanted != Wanted::Struct).then(BTreeSet::new),
        };
        let result = self.inner.visit_map(members);
        result.map_err(|wrong| self.slot.put(wrong))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Strict<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        let result = self.inner.deserialize(Strict::new(inner, self.slot));
        result.map_err(|wrong| self.slot.put(wrong))
    }
}

/// The items of an array; an error gets the index of its item.
struct Items<'s, A> {
    inner: A,
    slot: &'s Slot,
    index: usize,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Items<'_, A> {
    type Error = Wrong;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Wrong> {
        let item = self.inner.next_element_seed(Strict::new(seed, self.slot));
        let item = item.map_err(|error| self.slot.take(error).below(self.index.to_string()));
        self.index += 1;
        item
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

/// The members of an object; an error gets the name of its member.
struct Members<'s, A> {
    inner: A,
    slot: &'s Slot,
    /// The name of the member whose value is read next.
    name: String,
    /// The names so far, if they are checked here.
    names: Option<BTreeSet<String>>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Members<'_, A> {
    type Error = Wrong;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Wrong> {
        // The name is read as text first, because a path needs it for every later error. The seed
        // then reads it from that text.
        let name = self.inner.next_key::<String>();
        let Some(name) = name.map_err(|error| self.slot.take(error))? else {
            return Ok(None);
        };
        if let Some(names) = &mut self.names
            && !names.insert(name.clone())
        {
            return Err(Wrong::member(&name, reason::REPEATED));
        }
        self.name = name;
        // An unknown name is refused here, by an error that already has the name.
        seed.deserialize(StrDeserializer::new(&self.name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Wrong> {
        let value = self.inner.next_value_seed(Strict::new(seed, self.slot));
        value.map_err(|error| self.slot.take(error).below(std::mem::take(&mut self.name)))
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

/// Returns the integer that `number` is, if it is one.
#[expect(
    clippy::cast_possible_truncation,
    reason = "whole, and far below the limits of an i64"
)]
fn whole(number: f64) -> Option<i64> {
    /// 2^53: a float beyond it may stand for an integer that was written with other digits.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}
