//! Ranges of dates in queries.

use kanso_application::stats::{DateRange, RangeError, TooManyCells};
use kanso_domain::time::parse_date;
use kanso_domain::{Date, FieldError};

use crate::problem::{ApiError, Code};

/// Parses the date of a parameter, if it is sent.
pub(super) fn date(name: &'static str, text: Option<&str>) -> Result<Option<Date>, ApiError> {
    let parse =
        |text| parse_date(text).ok_or_else(|| parameter_error(name, "must be a date YYYY-MM-DD"));
    text.map(parse).transpose()
}

/// Returns the range from `from` to `to`, with the defaults of the use case for a missing end. An error
/// is reported for the parameter `name`.
pub(super) fn range(
    name: &'static str,
    (from, to): (Option<Date>, Option<Date>),
    today: Date,
) -> Result<DateRange, ApiError> {
    // The limit of 366 days is a rule of the use case, so it is checked there.
    DateRange::new(from, to, today)
        .map_err(|error: RangeError| parameter_error(name, &format!("cannot be used: {error}")))
}

/// Returns the problem of an answer with too many cells. `parameters` are the ends of the range, which
/// make it smaller.
pub(super) fn too_many_cells(refusal: TooManyCells, parameters: [&'static str; 2]) -> ApiError {
    let errors = parameters.map(|name| FieldError::new(name, "choose a range of fewer days"));
    let [from, to] = parameters;
    let detail = format!("{refusal}; narrow the range with {from} and {to}");
    ApiError::members(Code::TooManyCells, &errors).with_detail(detail)
}

fn parameter_error(name: &'static str, reason: &str) -> ApiError {
    ApiError::members(Code::InvalidParameter, &[FieldError::new(name, reason)])
}
