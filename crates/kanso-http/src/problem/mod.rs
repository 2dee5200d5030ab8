//! Errors: the catalog of problems, their answers and their description in the OpenAPI document.

mod api_error;
mod catalog;
mod documented;

pub(crate) use api_error::{ApiError, PendingProblem, write_problem};
pub(crate) use catalog::Code;
pub(crate) use documented::{BODY, HEAVY, SIGNED_IN, examples, problems, responses};

/// The media type of a problem document.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";
