//! Reads the list of words that the prose rule refuses.

use anyhow::Context as _;
use serde::Deserialize;

const WORDS: &str = include_str!("words.toml");

/// The contents of `words.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::tidy) struct Words {
    pub(in crate::tidy) banned: Vec<Banned>,
    pub(in crate::tidy) opening: Opening,
    pub(in crate::tidy) ratio: Vec<Ratio>,
}

/// Phrases that are refused in every kind of prose.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::tidy) struct Banned {
    /// Words with single blanks between them, in lower case.
    pub(in crate::tidy) phrases: Vec<String>,
    pub(in crate::tidy) instead: String,
    pub(in crate::tidy) reason: String,
}

/// First words that a doc comment must not have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::tidy) struct Opening {
    pub(in crate::tidy) words: Vec<String>,
    pub(in crate::tidy) instead: String,
    pub(in crate::tidy) reason: String,
}

/// A word that is refused only when it is frequent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::tidy) struct Ratio {
    pub(in crate::tidy) word: String,
    /// The highest number per 1,000 words of comments.
    pub(in crate::tidy) most: f64,
    pub(in crate::tidy) instead: String,
}

impl Words {
    /// Reads the list that is compiled in.
    ///
    /// # Errors
    /// The list is not TOML of this shape.
    pub(in crate::tidy) fn read() -> anyhow::Result<Self> {
        toml::from_str(WORDS).context("xtask/src/tidy/prose/words.toml cannot be read")
    }
}
