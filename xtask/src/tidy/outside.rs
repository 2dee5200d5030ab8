//! Rule: no file names a path that exists only on one machine.

use super::Violation;
use super::facts::File;

/// Folders outside a checkout, in pieces so that this file does not name them.
const PLACES: &[&str] = &[
    concat!("..", "/shared"),
    concat!("/", "work/"),
    concat!(".", "library"),
    concat!("/", "root/"),
];

/// Checks every line of every file.
pub(super) fn check(files: &[File]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in files {
        for (index, line) in file.text.lines().enumerate() {
            for place in PLACES.iter().filter(|place| line.contains(**place)) {
                let what = format!("names `{place}`, a path outside of the project; remove it");
                violations.push(Violation::new(format!("{}:{}", file.path, index + 1), what));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::super::facts::build::file;
    use super::*;

    #[test]
    fn every_place_outside_is_refused_in_any_file() {
        for place in PLACES {
            let found = check(&[file("docs/a.md", &format!("first\nsee {place}x\n"))]);
            assert_eq!(found.len(), 1, "{place}");
            assert_eq!(found[0].path, "docs/a.md:2");
        }
    }

    #[test]
    fn places_inside_and_standard_ones_pass() {
        let text = "crates/kanso-server/src, ../README.md, /var/lib/kanso, the work/life balance\n";
        assert_eq!(check(&[file("a.md", text)]), []);
    }
}
