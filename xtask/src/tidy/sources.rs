//! Rule: a Rust file has at most 500 lines, no markers of unfinished work, and no hidden lints or tests.

use super::Violation;
use super::facts::File;

const MAX_LINES: usize = 500;

/// Refused markers with advice. They are in pieces, so that this file does not contain them.
const LEFTOVERS: &[(&str, &str)] = &[
    (concat!("TO", "DO"), "finish it, or open an issue"),
    (concat!("FIX", "ME"), "fix it, or open an issue"),
    (concat!("todo", "!"), "write what is missing"),
    (concat!("unimplemented", "!"), "write what is missing"),
    (concat!("#[", "ignore"), "mend the test or remove it"),
    (
        concat!("#[", "allow("),
        "mend it, or `expect` the lint with a reason",
    ),
    (
        concat!("#![", "allow("),
        "mend it, or `expect` the lint with a reason",
    ),
];

/// Checks every Rust file.
pub(super) fn check(files: &[File]) -> Vec<Violation> {
    let is_rust = |file: &&File| {
        file.path
            .rsplit_once('.')
            .is_some_and(|(_, kind)| kind == "rs")
    };
    let sources = files.iter().filter(is_rust);
    sources
        .flat_map(|file| too_long(file).into_iter().chain(leftovers(file)))
        .collect()
}

fn too_long(file: &File) -> Option<Violation> {
    let lines = file.text.lines().count();
    (lines > MAX_LINES).then(|| {
        let what = format!("has {lines} lines, the limit is {MAX_LINES}; split it by topic");
        Violation::new(&file.path, what)
    })
}

fn leftovers(file: &File) -> impl Iterator<Item = Violation> {
    file.text
        .lines()
        .enumerate()
        .flat_map(move |(index, line)| {
            let found = LEFTOVERS
                .iter()
                .filter(|(needle, _)| contains_word(line, needle));
            found.map(move |(needle, advice)| {
                let place = format!("{}:{}", file.path, index + 1);
                Violation::new(place, format!("contains `{needle}`; {advice}"))
            })
        })
}

/// Returns true if the line contains the needle as a whole word.
fn contains_word(line: &str, needle: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(needle).any(|(at, _)| {
        let joined_before = line[..at].ends_with(is_word) && needle.starts_with(is_word);
        let joined_after =
            line[at + needle.len()..].starts_with(is_word) && needle.ends_with(is_word);
        !joined_before && !joined_after
    })
}

#[cfg(test)]
mod tests {
    use super::super::facts::build::file;
    use super::*;

    fn violations(path: &str, text: &str) -> usize {
        check(&[file(path, text)]).len()
    }

    #[test]
    fn file_above_the_limit_is_refused() {
        assert_eq!(violations("a.rs", &"//\n".repeat(500)), 0);
        assert_eq!(violations("tests/it/a.rs", &"//\n".repeat(501)), 1);
        assert_eq!(violations("a.md", &"-\n".repeat(501)), 0);
    }

    #[test]
    fn every_leftover_is_refused() {
        for (needle, _) in LEFTOVERS {
            let text = format!("fn f() {{\n    // {needle}\n}}\n");
            let found = check(&[file("a.rs", &text)]);
            assert_eq!(found.len(), 1, "{needle}");
            assert_eq!(found[0].path, "a.rs:2");
        }
    }

    #[test]
    fn longer_word_is_not_a_leftover() {
        assert_eq!(
            violations("a.rs", concat!("const MASTO", "DON: u8 = 1;\n")),
            0
        );
        assert_eq!(violations("a.rs", concat!("is_to", "do!();\n")), 0);
        assert_eq!(
            violations("a.rs", "#[expect(lint, reason = \"it says why\")]\n"),
            0
        );
    }

    #[test]
    fn markdown_may_contain_a_leftover() {
        assert_eq!(violations("a.md", LEFTOVERS[0].0), 0);
    }
}
