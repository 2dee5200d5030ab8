//! The kit against servers that keep the contract, and against servers with a defect.

// Clippy treats helper functions as test code only below this attribute.
#[cfg(test)]
mod defects;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod program;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod servers;
