//! Errors: which there are, how they leave, how they are described.

mod catalog;
mod documented;
mod refusal;

pub(crate) use catalog::Code;
pub(crate) use documented::{BODY, SIGNED_IN, examples, problems, responses};
pub(crate) use refusal::{Refusal, Unwritten, write};

/// The media type of a problem document.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";
