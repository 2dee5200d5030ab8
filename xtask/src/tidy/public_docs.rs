//! Rule: public items are documented.
//!
//! The lint `missing_docs` checks only items that other crates can reach. This rule also counts `pub` items
//! in private modules, because the rest of the crate uses them.

use syn::visit::{self, Visit};
use syn::{Attribute, Visibility};

use super::Violation;
use super::facts::File;

/// The lowest share of documented public items in a crate, in percent.
const LEAST: usize = 98;

/// Checks each crate in `crates`.
pub(super) fn check(files: &[File]) -> Vec<Violation> {
    let mut counts: std::collections::BTreeMap<&str, Count> = std::collections::BTreeMap::new();
    for file in files {
        let member = file.path.split_once("/src/").map(|(member, _)| member);
        let member = member.filter(|member| member.starts_with("crates/"));
        let is_rust = file.has_extension("rs") && !file.path.contains("/tests");
        if let (Some(member), true, Ok(parsed)) = (member, is_rust, syn::parse_file(&file.text)) {
            counts.entry(member).or_default().visit_file(&parsed);
        }
    }
    let mut violations = Vec::new();
    for (member, count) in counts {
        // Multiplied out, because the share in whole percent would be rounded down.
        if count.documented * 100 < count.items * LEAST {
            let what = format!(
                "documents {} of {} public items, at least {LEAST} % are needed; the first without: {}",
                count.documented,
                count.items,
                count.first_without.unwrap_or_default()
            );
            violations.push(Violation::new(member, what));
        }
    }
    violations
}

#[derive(Default)]
struct Count {
    items: usize,
    documented: usize,
    first_without: Option<String>,
}

impl Count {
    fn add(&mut self, visibility: &Visibility, attributes: &[Attribute], name: &syn::Ident) {
        if !matches!(visibility, Visibility::Public(_)) {
            return;
        }
        self.items += 1;
        if attributes
            .iter()
            .any(|attribute| attribute.path().is_ident("doc"))
        {
            self.documented += 1;
        } else if self.first_without.is_none() {
            self.first_without = Some(name.to_string());
        }
    }
}

impl<'ast> Visit<'ast> for Count {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.vis, &item.attrs, &item.sig.ident);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.vis, &item.attrs, &item.sig.ident);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.add(&item.vis, &item.attrs, &item.ident);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.add(&item.vis, &item.attrs, &item.ident);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.add(&item.vis, &item.attrs, &item.ident);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.add(&item.vis, &item.attrs, &item.ident);
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.add(&item.vis, &item.attrs, &item.ident);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let is_test = |attribute: &Attribute| attribute.path().is_ident("cfg");
        if !item.attrs.iter().any(is_test) {
            visit::visit_item_mod(self, item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::build::file;
    use super::*;

    fn violations(text: &str) -> Vec<Violation> {
        check(&[file("crates/a/src/lib.rs", text)])
    }

    #[test]
    fn a_public_item_without_docs_is_named() {
        let found = violations("/// One.\npub fn one() {}\n\npub fn two() {}\n");
        assert!(
            found[0].what.starts_with("documents 1 of 2"),
            "{}",
            found[0].what
        );
        assert!(found[0].what.ends_with("two"), "{}", found[0].what);
    }

    #[test]
    fn private_items_and_tests_need_none() {
        let text = "fn one() {}\npub(crate) fn two() {}\n#[cfg(test)]\nmod tests {\n    pub fn three() {}\n}\n";
        assert_eq!(violations(text), []);
        assert_eq!(
            check(&[file("proof/a/src/lib.rs", "pub fn four() {}\n")]),
            []
        );
    }
}
