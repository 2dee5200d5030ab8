//! What a case is.

use std::fmt;
use std::pin::Pin;

use crate::answer::Outcome;
use crate::wire::Wire;

/// One promise of the contract and how to see that it is kept.
#[derive(Clone, Copy)]
pub struct Case {
    /// What it is about, in one word.
    pub group: &'static str,
    /// Its name, which is its claim.
    pub name: &'static str,
    /// Where the promise stands: a page of `docs/` and the heading there.
    pub section: &'static str,
    /// The promise, in a sentence.
    pub promise: &'static str,
    /// Asks the server.
    pub(crate) run: for<'a> fn(&'a Wire) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>,
}

impl Case {
    /// Group and name, by which it is chosen.
    pub fn path(&self) -> String {
        format!("{}/{}", self.group, self.name)
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

/// The cases of a file: a group, and for each function where its promise stands and what it says.
macro_rules! cases {
    ($group:literal; $($name:ident, $section:literal, $promise:literal;)+) => {
        /// The cases of this file.
        pub(super) const CASES: &[crate::case::Case] = &[$(crate::case::Case {
            group: $group,
            name: stringify!($name),
            section: $section,
            promise: $promise,
            run: |wire| Box::pin($name(wire)),
        }),+];
    };
}
pub(crate) use cases;
