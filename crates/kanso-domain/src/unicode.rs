//! Unicode: texts that look the same are compared as the same.
//!
//! A keyboard, an operating system and a program each choose how they write `ü`, and a copied text
//! can bring invisible characters along.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfc();

/// Returns `text` in normalisation form C.
pub(crate) fn composed(text: &str) -> Cow<'_, str> {
    NFC.normalize(text)
}

/// Returns true for a character that is drawn as nothing by default, such as U+200B or U+00AD.
pub(crate) fn is_ignorable(character: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
}

/// Returns true for a character that leaves no mark: a blank, a control, or a character that is
/// drawn as nothing.
pub(crate) fn is_invisible(character: char) -> bool {
    // An empty cell of Braille is a symbol for Unicode, and a blank for the eye.
    const BRAILLE_BLANK: char = '\u{2800}';
    let category = category(character);
    character == BRAILLE_BLANK
        || is_ignorable(character)
        || matches!(
            category,
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
                | GeneralCategory::SpaceSeparator
        )
}

/// Returns true for a blank other than U+0020.
pub(crate) fn is_other_space(character: char) -> bool {
    character != ' ' && category(character) == GeneralCategory::SpaceSeparator
}

/// Returns true for a character that a password may have (`FreeformClass`, RFC 8264 §4.3).
///
/// The joiners and the variation selectors are allowed everywhere: they are a part of emoji and of
/// words in several scripts. The class allows joiners only in some words.
pub(crate) fn is_freeform(character: char) -> bool {
    if matches!(character, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}') {
        return true;
    }
    !is_ignorable(character)
        && !matches!(
            category(character),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
                | GeneralCategory::PrivateUse
                | GeneralCategory::Unassigned
        )
}

fn category(character: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_are_known() {
        for invisible in [
            ' ',
            '\t',
            '\u{a0}',
            '\u{ad}',
            '\u{200b}',
            '\u{2060}',
            '\u{feff}',
            '\u{3164}',
            '\u{2800}',
            '\u{202e}',
            '\u{2028}',
            '\u{3000}',
            '\u{fe0f}',
            '\u{e0041}',
            '\u{7f}',
        ] {
            assert!(is_invisible(invisible), "{invisible:?}");
        }
        for visible in ['a', '-', '.', 'ü', '\u{308}', '語', '👍', '\u{fffd}'] {
            assert!(!is_invisible(visible), "{visible:?}");
        }
    }
}
