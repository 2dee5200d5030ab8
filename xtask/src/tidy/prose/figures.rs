//! Counts the prose of Rust files for `cargo xtask metrics`.

use super::text::{Kind, Passage, passages};
use super::{Words, opening, words_of};
use crate::tidy::facts::File;
use crate::tidy::names;

/// The crates whose rustdoc examples are counted: their types are the interface of the others.
const CRATES_WITH_EXAMPLES: [&str; 4] = [
    "kanso-domain",
    "kanso-protocol",
    "kanso-application",
    "kanso-client",
];

/// Words for an unnamed actor. Half of them are not refused, because a title or a text of a test may
/// contain them.
const UNNAMED_ACTORS: [&str; 7] = [
    "somebody",
    "nobody",
    "anybody",
    "everybody",
    "someone",
    "anyone",
    "everyone",
];

/// Marks of a code block that rustdoc does not run.
const NOT_RUN: [&str; 5] = ["ignore", "no_run", "text", "compile_fail", "json"];

/// Figures about the prose of the Rust files.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Lines of product source, without files of tests.
    pub(crate) product_lines: usize,
    /// Lines of product source that are a plain comment.
    pub(crate) plain_comment_lines: usize,
    /// Doc comments in all files.
    pub(crate) doc_comments: usize,
    /// Doc comments that open with a refused word.
    pub(crate) refused_openings: usize,
    /// Words in the comments of all files.
    pub(crate) words: usize,
    /// Occurrences of "what" among them.
    pub(crate) what: usize,
    /// Occurrences of words for an unnamed actor among them.
    pub(crate) unnamed_actors: usize,
    /// Public type names that are defined more than once.
    pub(crate) shared_names: usize,
    /// Rustdoc examples that run, by crate.
    pub(crate) examples: Vec<(&'static str, usize)>,
}

impl Figures {
    /// Counts the figures of these files.
    pub(in crate::tidy) fn new(files: &[File], words: &Words) -> Self {
        let mut figures = Self {
            shared_names: names::shared_count(files),
            examples: CRATES_WITH_EXAMPLES.map(|name| (name, 0)).into(),
            ..Self::default()
        };
        for file in files.iter().filter(|file| file.has_extension("rs")) {
            let passages = passages(&file.path, &file.text);
            for passage in passages.iter().filter(|found| found.kind != Kind::Literal) {
                figures.add_comment(file, passage, words);
            }
            if is_product(&file.path) {
                figures.product_lines += file.text.lines().count();
                let plain = passages.iter().filter(|found| found.kind == Kind::Comment);
                figures.plain_comment_lines += plain.map(|found| found.lines.len()).sum::<usize>();
            }
            for (name, count) in &mut figures.examples {
                if file.path.starts_with(&format!("crates/{name}/src/")) {
                    *count += examples(&file.text);
                }
            }
        }
        figures
    }

    fn add_comment(&mut self, file: &File, passage: &Passage, words: &Words) {
        if passage.kind == Kind::Doc {
            self.doc_comments += 1;
            self.refused_openings += usize::from(opening(file, passage, words).is_some());
        }
        for (_, word) in words_of(passage) {
            self.words += 1;
            self.what += usize::from(word == "what");
            self.unnamed_actors += usize::from(UNNAMED_ACTORS.contains(&word.as_str()));
        }
    }
}

fn is_product(path: &str) -> bool {
    let is_test = path.contains("/tests/") || path.ends_with("tests.rs");
    path.starts_with("crates/") && path.contains("/src/") && !is_test
}

/// Returns the number of code blocks in the doc comments that `cargo test --doc` runs.
///
/// It reads the text and not the passages, in which code is already replaced.
fn examples(text: &str) -> usize {
    let mut in_block = false;
    let mut count = 0;
    for line in text.lines() {
        let line = line.trim_start();
        let doc = line.strip_prefix("///").or(line.strip_prefix("//!"));
        // A block ends with its comment: rustdoc closes a fence that is left open.
        let Some(doc) = doc else {
            in_block = false;
            continue;
        };
        if let Some(mark) = doc.trim_start().strip_prefix("```") {
            let is_run = !in_block && !NOT_RUN.iter().any(|word| mark.contains(word));
            count += usize::from(is_run);
            in_block = !in_block;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::super::super::facts::build::file;
    use super::*;

    // In pieces, so that this file does not contain the word.
    const DOMAIN: &str = concat!(
        "//! A page.\n\n/// What it is.\n///\n/// ```\n/// assert!(true);\n/// ```\n///\n",
        "/// ```text\n/// a b\n/// ```\npub struct Base;\n\n// No",
        "body calls it.\nfn f() {}\n",
    );

    #[test]
    fn prose_of_product_and_proof_is_counted() {
        let files = [
            file("crates/kanso-domain/src/lib.rs", DOMAIN),
            file("crates/kanso-domain/src/tests.rs", "// A test.\n"),
            file("proof/a/src/lib.rs", "//! A kit.\npub struct Base;\n"),
        ];
        let figures = Figures::new(&files, &Words::read().unwrap());
        assert_eq!(
            (figures.product_lines, figures.plain_comment_lines),
            (15, 1)
        );
        assert_eq!((figures.doc_comments, figures.refused_openings), (3, 1));
        assert_eq!((figures.what, figures.unnamed_actors), (1, 1));
        assert_eq!(figures.shared_names, 1);
        assert_eq!(figures.examples[0], ("kanso-domain", 1));
        assert_eq!(figures.examples[1], ("kanso-protocol", 0));
    }

    #[test]
    fn examples_that_do_not_run_are_not_counted() {
        assert_eq!(examples("/// ```\n/// f();\n/// ```\n"), 1);
        assert_eq!(examples("//! ```no_run\n//! f();\n//! ```\n"), 0);
        assert_eq!(examples("/// ```\nfn f() {}\n/// ```\nfn g() {}\n"), 2);
        assert_eq!(examples("let text = \"```\";\n"), 0);
    }
}
