//! Rule: comments, documentation, log lines and error texts are in plain English.
//!
//! The words are data ([`words`]), each with a reason and a replacement. [`markdown`] checks the format of
//! pages.

mod figures;
pub(super) mod markdown;
mod text;
mod words;

use super::Violation;
use super::facts::File;
pub(crate) use figures::Figures;
use text::{Kind, Passage};
pub(super) use words::Words;

/// Files with the text of other projects, and the list of words itself.
const EXEMPT: &[&str] = &["xtask/src/tidy/prose/words.toml", "LICENSE", "Cargo.lock"];

/// Smallest number of words for which a ratio is checked.
const FEWEST_WORDS: usize = 500;

/// Checks every text file. A released migration is left out: its checksum is stored in databases, so it
/// never changes.
pub(super) fn check(files: &[File], words: &Words) -> Vec<Violation> {
    let is_ours =
        |file: &&File| !EXEMPT.contains(&file.path.as_str()) && !file.path.contains("/migrations/");
    let mut violations = Vec::new();
    let mut comments = Count::default();
    for file in files.iter().filter(is_ours) {
        for passage in text::passages(&file.path, &file.text) {
            violations.extend(banned(file, &passage, words));
            violations.extend(opening(file, &passage, words));
            if file.has_extension("rs") && passage.kind != Kind::Literal {
                comments.add(&passage, words);
            }
        }
    }
    violations.extend(comments.violations(words));
    violations
}

fn banned(file: &File, passage: &Passage, words: &Words) -> Vec<Violation> {
    let found = words_of(passage);
    let mut violations = Vec::new();
    for rule in &words.banned {
        for phrase in &rule.phrases {
            // Words are compared and not text, so a phrase is found across the end of a line.
            let wanted: Vec<_> = phrase.split(' ').collect();
            let places = found.windows(wanted.len());
            let places = places.filter(|place| place.iter().map(|(_, word)| word).eq(&wanted));
            violations.extend(places.map(|place| {
                let what = format!("says \"{phrase}\"; {}. Say: {}", rule.reason, rule.instead);
                Violation::new(format!("{}:{}", file.path, place[0].0), what)
            }));
        }
    }
    violations
}

fn opening(file: &File, passage: &Passage, words: &Words) -> Option<Violation> {
    if passage.kind != Kind::Doc {
        return None;
    }
    let (number, line) = passage.lines.first()?;
    let first = line.split_whitespace().next()?;
    let first = first.trim_end_matches(|c: char| !c.is_alphanumeric());
    let rule = &words.opening;
    rule.words.iter().any(|word| word == first).then(|| {
        let what = format!(
            "opens a doc comment with \"{first}\"; {}. Write {}",
            rule.reason, rule.instead
        );
        Violation::new(format!("{}:{number}", file.path), what)
    })
}

/// Returns the words of a passage in lower case, each with the number of its line.
fn words_of(passage: &Passage) -> Vec<(usize, String)> {
    // `·` stands for code. As a part of a word it keeps `a · b` from matching the phrase "a b".
    let is_part = |c: char| c.is_alphanumeric() || c == '\'' || c == '_' || c == '·';
    let lines = passage.lines.iter();
    lines
        .flat_map(|(number, line)| {
            let words = line.split(move |c: char| !is_part(c));
            let words = words.filter(|word| !word.is_empty());
            words.map(|word| (*number, word.to_lowercase()))
        })
        .collect()
}

/// Counts the words with a ratio in the comments of all Rust files.
#[derive(Default)]
struct Count {
    words: usize,
    found: Vec<usize>,
}

impl Count {
    fn add(&mut self, passage: &Passage, words: &Words) {
        self.found.resize(words.ratio.len(), 0);
        for (_, word) in words_of(passage) {
            self.words += 1;
            for (rule, found) in words.ratio.iter().zip(&mut self.found) {
                *found += usize::from(rule.word == word);
            }
        }
    }

    fn violations(&self, words: &Words) -> Vec<Violation> {
        let mut violations = Vec::new();
        if self.words < FEWEST_WORDS {
            return violations;
        }
        for (rule, found) in words.ratio.iter().zip(&self.found) {
            let ratio = 1000.0 * as_f64(*found) / as_f64(self.words.max(1));
            if ratio > rule.most {
                let what = format!(
                    "the comments say \"{}\" {ratio:.1} times per 1,000 words, {} at most; say {}",
                    rule.word, rule.most, rule.instead
                );
                violations.push(Violation::new("*.rs", what));
            }
        }
        violations
    }
}

/// Converts a count. Counts are far below 2³², so the value is exact.
fn as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::facts::build::file;
    use super::*;

    fn violations(path: &str, text: &str) -> Vec<String> {
        let words = Words::read().unwrap();
        let found = check(&[file(path, text)], &words);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_banned_phrase_is_refused_in_every_kind_of_text() {
        for phrase in Words::read()
            .unwrap()
            .banned
            .into_iter()
            .flat_map(|rule| rule.phrases)
        {
            for (path, text) in [
                ("a.rs", format!("/// Then it {phrase}.\nfn f() {{}}\n")),
                ("a.rs", format!("fn f() {{\n    // Then it {phrase}.\n}}\n")),
                (
                    "a.rs",
                    format!("fn f() {{ warn!(\"then it {phrase}\"); }}\n"),
                ),
                (
                    "a.rs",
                    format!("#[error(\"then it {phrase}\")]\nstruct E;\n"),
                ),
                ("docs/a.md", format!("Then it {phrase}.\n")),
                ("a.yml", format!("# Then it {phrase}.\n")),
            ] {
                assert_eq!(violations(path, &text).len(), 1, "{path} {text}");
            }
        }
    }

    #[test]
    fn a_phrase_is_found_across_the_end_of_a_line() {
        let found = violations("a.rs", "// It was heard\n// of.\n");
        assert!(found[0].starts_with("a.rs:1: says \""), "{found:?}");
    }

    #[test]
    fn every_opening_is_refused_in_a_doc_comment() {
        for word in &Words::read().unwrap().opening.words {
            let doc = format!("/// {word} it is.\nfn f() {{}}\n");
            assert_eq!(violations("a.rs", &doc).len(), 1, "{word}");
            let comment = format!("// {word} it is.\n");
            assert_eq!(violations("a.rs", &comment), Vec::<String>::new(), "{word}");
        }
    }

    #[test]
    fn code_and_released_migrations_are_left_out() {
        assert_eq!(violations("a.md", "The word `nobody` is code.\n"), [""; 0]);
        assert_eq!(
            violations("crates/a/migrations/V1__a.sql", "-- nobody\n"),
            [""; 0]
        );
    }

    #[test]
    fn word_with_a_ratio_is_refused_when_it_is_frequent() {
        let filler = "// The head moves when a write commits.\n".repeat(100);
        assert_eq!(
            violations(
                "a.rs",
                &format!("// The reason for what follows.\n{filler}")
            ),
            [""; 0]
        );
        let often = format!("{}{filler}", "// See what follows.\n".repeat(9));
        assert_eq!(violations("a.rs", &often).len(), 1);
    }
}
