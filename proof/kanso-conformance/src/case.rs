//! Definition of a case.

use std::fmt;
use std::pin::Pin;

use crate::answer::CheckResult;
use crate::server::ServerUnderTest;

/// One promise of the contract and the function that checks it.
#[derive(Clone, Copy)]
pub struct Case {
    /// Group of the case: the topic in one word.
    pub group: &'static str,
    /// Name of the case: its claim.
    pub name: &'static str,
    /// Source of the promise: a page of `docs/` and a heading in it.
    pub section: &'static str,
    /// Promise as one sentence.
    pub promise: &'static str,
    /// Checks the promise.
    pub(crate) run:
        for<'a> fn(&'a ServerUnderTest) -> Pin<Box<dyn Future<Output = CheckResult> + Send + 'a>>,
}

impl Case {
    /// Returns group and name, by which `--only` selects the case.
    pub fn path(&self) -> String {
        format!("{}/{}", self.group, self.name)
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

/// Defines the cases of a file: a group, then for each function the source of its promise and the promise.
macro_rules! cases {
    // A case is a function of the same name, so the list and the functions cannot differ.
    ($group:literal; $($name:ident, $section:literal, $promise:literal;)+) => {
        /// Cases of this file.
        pub(super) const CASES: &[crate::case::Case] = &[$(crate::case::Case {
            group: $group,
            name: stringify!($name),
            section: $section,
            promise: $promise,
            run: |server| Box::pin($name(server)),
        }),+];
    };
}
pub(crate) use cases;
