//! Rule: the name of a public type is unique.
//!
//! Two public types of one crate never share a name. Types of two crates may share one if the crate makes
//! clear which type is meant; the table has a row with the reason for each such name.

use std::collections::BTreeMap;

use syn::Item;
use syn::Visibility;

use super::Violation;
use super::facts::File;

/// A name that several crates define.
pub(super) struct Shared {
    pub(super) name: &'static str,
    pub(super) why: &'static str,
}

/// Crate and file of each public type, by name.
type Places<'a> = BTreeMap<String, Vec<(&'a str, &'a str)>>;

/// Checks the public types of every Rust file in a `src` folder.
pub(super) fn check(files: &[File], shared: &[Shared]) -> Vec<Violation> {
    let places = places(files);
    let mut violations = Vec::new();
    for (name, places) in &places {
        for (index, (member, path)) in places.iter().enumerate() {
            let earlier = &places[..index];
            // Every place but the first is reported, so one name in three crates has two violations.
            if let Some((_, other)) = earlier.iter().find(|(other, _)| other == member) {
                let what =
                    format!("defines a second public type {name}, beside {other}; rename one");
                violations.push(Violation::new(*path, what));
            } else if let Some((_, other)) = earlier.first()
                && !shared.iter().any(|row| row.name == name)
            {
                let what = format!(
                    "defines a public type {name}, as {other} does; rename one, or give the name a \
                     row in xtask/src/tidy/table.rs with the reason"
                );
                violations.push(Violation::new(*path, what));
            }
        }
    }
    for row in shared {
        if places.get(row.name).is_none_or(|places| places.len() < 2) {
            let what = format!(
                "has a row for {} ({}), which one crate at most defines; remove the row",
                row.name, row.why
            );
            violations.push(Violation::new("xtask/src/tidy/table.rs", what));
        }
    }
    violations
}

/// Returns the number of public type names that are defined more than once.
pub(super) fn shared_count(files: &[File]) -> usize {
    places(files)
        .values()
        .filter(|places| places.len() > 1)
        .count()
}

fn places(files: &[File]) -> Places<'_> {
    let mut places = Places::new();
    for file in files {
        let Some((member, _)) = file.path.split_once("/src/") else {
            continue;
        };
        let is_rust = file.has_extension("rs") && !file.path.contains("/tests");
        // The compiler reports a file that cannot be parsed.
        if let (true, Ok(parsed)) = (is_rust, syn::parse_file(&file.text)) {
            for name in public_types(&parsed.items) {
                places.entry(name).or_default().push((member, &file.path));
            }
        }
    }
    places
}

fn public_types(items: &[Item]) -> Vec<String> {
    let mut names = Vec::new();
    for item in items {
        let (visibility, name) = match item {
            Item::Struct(item) => (&item.vis, &item.ident),
            Item::Enum(item) => (&item.vis, &item.ident),
            Item::Trait(item) => (&item.vis, &item.ident),
            Item::Type(item) => (&item.vis, &item.ident),
            Item::Mod(item) => {
                let inner = item.content.as_ref().map(|(_, items)| items);
                names.extend(inner.into_iter().flat_map(|items| public_types(items)));
                continue;
            }
            _ => continue,
        };
        if matches!(visibility, Visibility::Public(_)) {
            names.push(name.to_string());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::super::facts::build::file;
    use super::*;

    const BASE: &str = "pub struct Base;\n";
    const SHARED: &[Shared] = &[Shared {
        name: "Base",
        why: "the ring says which",
    }];

    fn violations(files: &[(&str, &str)], shared: &[Shared]) -> usize {
        let files: Vec<_> = files.iter().map(|(path, text)| file(path, text)).collect();
        check(&files, shared).len()
    }

    #[test]
    fn two_public_types_of_one_name_in_one_crate_are_refused() {
        let files = [
            ("crates/a/src/one.rs", BASE),
            ("crates/a/src/two.rs", "pub enum Base {}\n"),
        ];
        assert_eq!(violations(&files, &[]), 1);
        // A row does not excuse it.
        assert_eq!(violations(&files, SHARED), 1);
    }

    #[test]
    fn two_crates_share_a_name_only_with_a_row() {
        let files = [("crates/a/src/one.rs", BASE), ("proof/b/src/two.rs", BASE)];
        assert_eq!(violations(&files, &[]), 1);
        assert_eq!(violations(&files, SHARED), 0);
    }

    #[test]
    fn a_row_without_need_is_refused() {
        assert_eq!(violations(&[("crates/a/src/one.rs", BASE)], SHARED), 1);
    }

    #[test]
    fn private_types_and_tests_may_share_names() {
        let files = [
            ("crates/a/src/one.rs", BASE),
            ("crates/a/src/two.rs", "pub(crate) struct Base;\n"),
            ("crates/a/tests/it/three.rs", BASE),
        ];
        assert_eq!(violations(&files, &[]), 0);
    }
}
