//! The kit against servers that keep the contract, and against some that do not.

// Clippy takes a function for a test's only below this attribute.
#[cfg(test)]
mod flaws;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod program;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod servers;
