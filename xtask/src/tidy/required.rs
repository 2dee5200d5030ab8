//! Rule: the standard files of a repository exist and are not empty.

use super::Violation;
use super::facts::File;

/// Checks that the required files exist and have text.
pub(super) fn check(files: &[File], required: &[&str]) -> Vec<Violation> {
    let has_text = |path: &str| {
        files
            .iter()
            .any(|file| file.path == path && !file.text.trim().is_empty())
    };
    let missing = required.iter().filter(|path| !has_text(path));
    missing
        .map(|path| Violation::new(*path, "is missing or empty; write it"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::facts::build::file;
    use super::*;

    #[test]
    fn a_file_that_is_missing_or_empty_is_refused() {
        let files = [file("README.md", "# Kanso\n"), file("LICENSE", "\n")];
        let refused = check(&files, &["README.md", "LICENSE", "SECURITY.md"]);
        let paths: Vec<_> = refused
            .iter()
            .map(|violation| violation.path.as_str())
            .collect();
        assert_eq!(paths, ["LICENSE", "SECURITY.md"]);
    }
}
