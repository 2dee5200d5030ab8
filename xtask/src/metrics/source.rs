//! Counts lines, functions and calls in one Rust file.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, ExprMethodCall, ImplItemFn, Item, ItemFn, Meta, Signature, TraitItemFn};

/// Figures of one Rust file.
pub(super) struct Source {
    pub(super) path: String,
    /// All lines, with blank ones.
    pub(super) lines: usize,
    /// Lines that are not blank, outside of tests.
    pub(super) code_lines: usize,
    /// Lines that are not blank, in tests.
    pub(super) test_lines: usize,
    /// The functions outside of tests.
    pub(super) functions: Vec<Function>,
    pub(super) unwraps: usize,
    pub(super) expects: usize,
}

/// A function. Its lines reach from the signature to the closing brace.
pub(super) struct Function {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) lines: usize,
}

impl Source {
    /// Counts the figures of a file.
    ///
    /// # Errors
    /// The text is not Rust.
    pub(super) fn parse(path: &str, text: &str) -> syn::Result<Self> {
        let mut source = Self {
            path: path.to_owned(),
            lines: text.lines().count(),
            code_lines: 0,
            test_lines: 0,
            functions: Vec::new(),
            unwraps: 0,
            expects: 0,
        };
        let written = not_blank(text, 1, usize::MAX);
        if is_test_file(path) {
            source.test_lines = written;
            return Ok(source);
        }
        let mut counter = Counter {
            text,
            source: &mut source,
        };
        counter.visit_file(&syn::parse_file(text)?);
        // The visitor has counted the lines of test modules by now; the rest is code.
        source.code_lines = written.saturating_sub(source.test_lines);
        Ok(source)
    }

    /// True if the whole file is test code.
    pub(super) fn is_test(&self) -> bool {
        is_test_file(&self.path)
    }
}

fn is_test_file(path: &str) -> bool {
    let mut parts = path.split('/');
    parts.any(|part| matches!(part, "tests" | "tests.rs" | "kanso-testkit"))
}

/// Returns the number of lines that are not blank from `first` to `last`, both included and counted from 1.
fn not_blank(text: &str, first: usize, last: usize) -> usize {
    let lines = text.lines().zip(1_usize..);
    lines
        .filter(|(line, number)| (first..=last).contains(number) && !line.trim().is_empty())
        .count()
}

struct Counter<'a> {
    text: &'a str,
    source: &'a mut Source,
}

impl Counter<'_> {
    fn function(&mut self, signature: &Signature, whole: Span) {
        let first = signature.span().start().line;
        let lines = whole.end().line + 1 - first;
        let name = signature.ident.to_string();
        self.source.functions.push(Function {
            name,
            line: first,
            lines,
        });
    }

    fn test(&mut self, whole: Span) {
        let (first, last) = (whole.start().line, whole.end().line);
        self.source.test_lines += not_blank(self.text, first, last);
    }
}

impl<'ast> Visit<'ast> for Counter<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        // A test item is not visited further, so a test in a test module is counted once.
        if attributes(item).iter().any(is_for_tests) {
            self.test(item.span());
        } else {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.function(&item.sig, item.span());
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if item.attrs.iter().any(is_for_tests) {
            return self.test(item.span());
        }
        self.function(&item.sig, item.span());
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if item.default.is_some() {
            self.function(&item.sig, item.span());
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if call.method == "unwrap" && call.args.is_empty() {
            self.source.unwraps += 1;
        } else if call.method == "expect" {
            self.source.expects += 1;
        }
        visit::visit_expr_method_call(self, call);
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Const(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        _ => &[],
    }
}

/// Returns true for `#[test]`, `#[tokio::test]`, `#[cfg(test)]` and `#[cfg(all(test, …))]`.
fn is_for_tests(attribute: &Attribute) -> bool {
    let path = attribute.path();
    if path
        .segments
        .last()
        .is_some_and(|segment| segment.ident == "test")
    {
        return true;
    }
    let Meta::List(list) = &attribute.meta else {
        return false;
    };
    // `cfg(not(test))` is product code. A condition with both `not` and `test` is rare enough to count as
    // product code too.
    let condition = list.tokens.to_string();
    let mut words = condition.split(|c: char| !c.is_alphanumeric() && c != '_');
    path.is_ident("cfg") && !condition.contains("not") && words.any(|word| word == "test")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"//! Page.

/// Item.
#[must_use]
pub fn says() -> u8 {

    let _ = "text".parse::<u8>().unwrap();
    "1".parse().expect("a digit")
}

trait Speaks {
    fn name(&self) -> String;
    fn twice(&self) -> String { self.name() }
}

#[cfg(test)]
mod tests {
    #[test]
    fn says_one() {
        let _ = Some(1).unwrap();
    }
}
"#;

    #[test]
    fn code_and_its_tests_are_counted_apart() {
        let source = Source::parse("crates/a/src/lib.rs", TEXT).unwrap();
        assert_eq!(
            (source.lines, source.code_lines, source.test_lines),
            (22, 11, 7)
        );
        assert_eq!((source.unwraps, source.expects), (1, 1));
        let functions: Vec<_> = source
            .functions
            .iter()
            .map(|f| (f.name.as_str(), f.line, f.lines))
            .collect();
        assert_eq!(functions, [("says", 5, 5), ("twice", 13, 1)]);
    }

    #[test]
    fn a_file_of_tests_is_all_test() {
        for path in ["crates/a/tests/it/main.rs", "crates/a/src/streaks/tests.rs"] {
            let source = Source::parse(path, TEXT).unwrap();
            assert_eq!((source.code_lines, source.test_lines), (0, 18), "{path}");
            assert!(source.functions.is_empty());
        }
    }

    #[test]
    fn only_test_attributes_mark_tests() {
        let cases = [
            ("#[test]", true),
            ("#[tokio::test(start_paused = true)]", true),
            ("#[cfg(test)]", true),
            ("#[cfg(all(test, unix))]", true),
            ("#[cfg(not(test))]", false),
            ("#[cfg(unix)]", false),
            ("#[cfg(feature = \"latest\")]", false),
            ("#[must_use]", false),
        ];
        for (attribute, expected) in cases {
            let item: ItemFn = syn::parse_str(&format!("{attribute} fn f() {{}}")).unwrap();
            assert_eq!(item.attrs.iter().any(is_for_tests), expected, "{attribute}");
        }
    }
}
