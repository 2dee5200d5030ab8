//! Rule: the root file of a crate begins with crate docs, and those of a library name its invariant.

use super::Violation;
use super::facts::{File, Member};

/// Checks the root file of each library and program.
pub(super) fn check(members: &[Member], files: &[File]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for root in members.iter().flat_map(|member| &member.roots) {
        // A root that git ignores is not in the list, so it counts as empty.
        let text = files
            .iter()
            .find(|file| file.path == root.path)
            .map_or("", |file| &file.text);
        let page: Vec<_> = text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .collect();
        let what = if page.is_empty() {
            "does not begin with `//!`; describe its purpose"
        } else if root.is_library && !page.iter().any(|line| line.contains("Invariant")) {
            "has crate docs without an `Invariant`; describe what this crate never contains"
        } else {
            continue;
        };
        violations.push(Violation::new(&root.path, what));
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::super::facts::build::{file, member, with_root};
    use super::*;

    fn violations(is_library: bool, text: &str) -> usize {
        let path = "crates/a/src/lib.rs";
        check(
            &[with_root(member("a", &[]), path, is_library)],
            &[file(path, text)],
        )
        .len()
    }

    #[test]
    fn roots_need_docs_and_libraries_an_invariant() {
        let cases = [
            (
                "library with its invariant",
                true,
                0,
                "//! Rules.\n//!\n//! **Invariant:** no I/O.\n",
            ),
            ("library without one", true, 1, "//! Rules.\n"),
            (
                "invariant not in the page",
                true,
                1,
                "//! Rules.\n\nstruct Invariant;\n",
            ),
            ("program", false, 0, "//! Talks.\nfn main() {}\n"),
            ("program without docs", false, 1, "fn main() {}\n"),
            ("docs after something else", false, 1, "\n//! Late.\n"),
        ];
        for (name, is_library, expected, text) in cases {
            assert_eq!(violations(is_library, text), expected, "{name}");
        }
    }

    #[test]
    fn a_root_that_git_ignores_is_refused() {
        assert_eq!(
            check(&[with_root(member("a", &[]), "a/lib.rs", true)], &[]).len(),
            1
        );
    }
}
