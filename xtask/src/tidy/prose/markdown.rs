//! Rule: a line of a page has one sentence, so that a diff shows the sentence that changed.

use super::super::Violation;
use super::super::facts::File;
use super::text::without_code;

/// The longest line of a page, in characters. Rows of tables and lines with links are left out, since
/// they cannot be broken.
const COLUMNS: usize = 120;

/// Words that end with a full stop and do not end a sentence.
const ABBREVIATIONS: &[&str] = &[
    "e.g.", "i.e.", "etc.", "vs.", "cf.", "No.", "approx.", "min.", "max.",
];

/// Checks every Markdown page.
pub(in crate::tidy) fn check(files: &[File]) -> Vec<Violation> {
    let pages = files.iter().filter(|file| file.has_extension("md"));
    pages.flat_map(check_page).collect()
}

fn check_page(page: &File) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut in_code = false;
    for (index, line) in page.text.lines().enumerate() {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        if in_code || is_fence || line.trim_start().starts_with(['|', '#', '<']) {
            continue;
        }
        let place = || format!("{}:{}", page.path, index + 1);
        if let Some(next) = second_sentence(&without_code(line)) {
            let what = format!("has two sentences on one line; begin a line at \"{next}\"");
            violations.push(Violation::new(place(), what));
        }
        let length = line.chars().count();
        if length > COLUMNS && !line.contains("](") && !line.contains("://") {
            let what = format!("has {length} columns, {COLUMNS} at most; shorten the sentence");
            violations.push(Violation::new(place(), what));
        }
    }
    violations
}

/// Returns the first words of the second sentence on a line, if there is one.
fn second_sentence(line: &str) -> Option<String> {
    let words: Vec<_> = line.split_whitespace().collect();
    let is_number = |word: &str| word.trim_end_matches('.').parse::<u32>().is_ok();
    let pairs = words.windows(2).enumerate();
    for (index, pair) in pairs {
        let closed = pair[0].trim_end_matches(['"', '\'', ')', '*', '_', '”']);
        let ends = closed.ends_with(['.', '!', '?']) && !closed.ends_with("..");
        // A list item begins with its number.
        let is_item = index == 0 && is_number(closed);
        let opened = pair[1].trim_start_matches(['"', '\'', '(', '*', '_', '[', '“']);
        let begins = opened.starts_with(|c: char| c.is_uppercase() || c == '·');
        if ends && begins && !is_item && !ABBREVIATIONS.contains(&closed) {
            let rest = words[index + 1..].iter().take(4).copied();
            return Some(rest.collect::<Vec<_>>().join(" "));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::super::facts::build::file;
    use super::*;

    fn violations(line: &str) -> usize {
        check(&[file("docs/a.md", line)]).len()
    }

    #[test]
    fn two_sentences_on_one_line_are_refused() {
        for line in [
            "One. Two.\n",
            "* One (see below). Two.\n",
            "Is it? `code` answers.\n",
            "He said \"so.\" Then [this](a.md).\n",
        ] {
            assert_eq!(violations(line), 1, "{line}");
        }
    }

    #[test]
    fn one_sentence_passes() {
        for line in [
            "One.\nTwo.\n",
            "1. One.\n",
            "* e.g. PostgreSQL 16.\n",
            "Version 0.1.0 of Kanso.\n",
            "| One. Two. | Three. Four. |\n",
            "```\nOne. Two.\n```\n",
            "`One. Two.` is code.\n",
        ] {
            assert_eq!(violations(line), 0, "{line}");
        }
    }

    #[test]
    fn a_long_line_is_refused_but_for_tables_and_links() {
        let long = "word ".repeat(30);
        assert_eq!(violations(&long), 1);
        assert_eq!(violations(&format!("| {long} |")), 0);
        assert_eq!(violations(&format!("{long} [link](a.md)")), 0);
    }
}
