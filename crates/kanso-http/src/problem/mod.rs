//! Errors: which there are, how they leave, how they are described.

mod api_error;
mod catalog;
mod documented;

pub(crate) use api_error::{ApiError, Unwritten, write};
pub(crate) use catalog::Code;
pub(crate) use documented::{BODY, SIGNED_IN, examples, problems, responses};

/// The media type of a problem document.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";
