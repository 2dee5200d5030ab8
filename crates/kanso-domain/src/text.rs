//! Texts with limits. Lengths count Unicode scalar values after trimming.
//!
//! ```
//! use kanso_domain::text::{Color, TextError, Title};
//!
//! assert_eq!(Title::new("  Read ")?.as_str(), "Read");
//! assert_eq!(Title::new("   "), Err(TextError::TooShort { min: 1 }));
//! assert_eq!(Title::new("\u{200b}\u{feff}"), Err(TextError::Invisible));
//! assert_eq!(Color::new("green"), Err(TextError::NotAColor));
//! # Ok::<(), TextError>(())
//! ```

use std::fmt;

use crate::unicode;

/// The reason why a text is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It has fewer scalar values than the field needs.
    #[error("must have at least {min} character(s) after trimming")]
    TooShort {
        /// Fewest scalar values.
        min: usize,
    },
    /// It has more scalar values than the field holds.
    #[error("must have at most {max} characters after trimming")]
    TooLong {
        /// Most scalar values.
        max: usize,
    },
    /// It contains U+0000, which not every storage engine can store.
    #[error("must not contain the character U+0000")]
    Nul,
    /// It has only invisible characters.
    #[error("must have a visible character")]
    Invisible,
    /// It does not have the form `#RRGGBB`.
    #[error("must be a colour of the form #RRGGBB")]
    NotAColor,
}

fn bounded(text: &str, min: usize, max: usize) -> Result<String, TextError> {
    let text = text.trim();
    if text.contains('\0') {
        return Err(TextError::Nul);
    }
    // Scalar values and not bytes, so that every script has the same limits.
    match text.chars().count() {
        length if length < min => Err(TextError::TooShort { min }),
        length if length > max => Err(TextError::TooLong { max }),
        _ => Ok(text.to_owned()),
    }
}

macro_rules! bounded_text {
    ($($(#[$doc:meta])* $name:ident($min:literal..=$max:literal)),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// Most scalar values that it holds.
            pub const MAX: usize = $max;

            /// Trims the text and checks its length.
            ///
            /// # Errors
            /// [`TextError`] if it is too short, too long, or contains U+0000.
            pub fn new(text: &str) -> Result<Self, TextError> {
                bounded(text, $min, $max).map(Self)
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

bounded_text! {
    /// The description of a habit.
    Description(0..=500),
    /// The name of an icon, or an emoji, that the client draws.
    Icon(0..=64),
    /// The unit of a numeric habit: `km`, `pages`, `ml`.
    Unit(0..=32),
    /// The notes of an entry.
    Notes(0..=2000),
}

/// The name of a habit. It has a visible character.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Title(String);

impl Title {
    /// Most scalar values that it holds.
    pub const MAX: usize = 100;

    /// Trims the text, and checks its length and that something of it is visible.
    ///
    /// # Errors
    /// [`TextError`] if it is too short, too long, invisible, or contains U+0000.
    pub fn new(text: &str) -> Result<Self, TextError> {
        let title = Self::restored(text)?;
        if title.0.chars().all(unicode::is_invisible) {
            return Err(TextError::Invisible);
        }
        Ok(title)
    }

    /// Reads a stored or delivered title. Release 0.1.0 accepted invisible ones, and such a record must
    /// still be read.
    ///
    /// # Errors
    /// [`TextError`] if it is too short, too long, or contains U+0000.
    pub fn restored(text: &str) -> Result<Self, TextError> {
        bounded(text, 1, Self::MAX).map(Self)
    }

    /// Returns the title of a tombstone whose texts were erased.
    ///
    /// A title is never empty, for clients and servers of 0.1.0 neither. So this one is an ellipsis.
    #[must_use]
    pub fn erased() -> Self {
        Self(Self::ERASED.to_owned())
    }

    /// Returns true if this is the title of [`Title::erased`].
    #[must_use]
    pub fn is_erased(&self) -> bool {
        self.0 == Self::ERASED
    }

    /// The text of [`Title::erased`].
    pub const ERASED: &'static str = "\u{2026}";

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! empty_by_default {
    ($($name:ident),+) => {$(
        impl Default for $name {
            fn default() -> Self {
                Self(String::new())
            }
        }
    )+};
}

empty_by_default!(Description, Icon, Unit, Notes);

/// A colour of the form `#RRGGBB`, in the case in which it was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Color(String);

impl Color {
    /// Parses `#RRGGBB`.
    ///
    /// # Errors
    /// [`TextError::NotAColor`] for anything else.
    pub fn new(text: &str) -> Result<Self, TextError> {
        let digits = text.strip_prefix('#').ok_or(TextError::NotAColor)?;
        if digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(TextError::NotAColor)
        }
    }

    /// Returns the colour as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Color {
    fn default() -> Self {
        Self("#4CAF50".to_owned())
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_scalar_values_after_trimming() {
        let check = |text: &str| Title::new(text).map(|title| title.as_str().to_owned());
        assert_eq!(check("  Read \n"), Ok("Read".to_owned()));
        assert_eq!(check(&"é".repeat(100)), Ok("é".repeat(100)));
        assert_eq!(check(&"👍".repeat(100)), Ok("👍".repeat(100)));
        assert_eq!(
            check(&"👍".repeat(101)),
            Err(TextError::TooLong { max: 100 })
        );
        assert_eq!(check(" \t "), Err(TextError::TooShort { min: 1 }));
        assert_eq!(check("a\0b"), Err(TextError::Nul));
    }

    #[test]
    fn title_has_a_visible_character() {
        for invisible in [
            "\u{200b}",
            "\u{feff}\u{ad}",
            "\u{3164}",
            "\u{2800}",
            "\u{200b} \u{2060}",
            "\u{202e}",
        ] {
            assert_eq!(
                Title::new(invisible),
                Err(TextError::Invisible),
                "{invisible:?}"
            );
            assert!(Title::restored(invisible).is_ok());
        }
        for visible in ["\u{200b}a", "👍", "-", "\u{200f}قراءة"] {
            assert!(Title::new(visible).is_ok(), "{visible:?}");
        }
    }

    #[test]
    fn color_is_six_hexadecimal_digits() {
        for good in ["#000000", "#aAbB09"] {
            assert_eq!(
                Color::new(good).map(|color| color.to_string()),
                Ok(good.to_owned())
            );
        }
        for bad in [
            "",
            "#12345",
            "#1234567",
            "112233",
            "#11223g",
            "#１１２２３３",
            " #112233",
        ] {
            assert_eq!(Color::new(bad), Err(TextError::NotAColor), "{bad}");
        }
    }
}
