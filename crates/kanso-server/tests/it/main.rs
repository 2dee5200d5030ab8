//! The server from outside.

// Clippy takes a function for a test's only below this attribute.
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod program;
