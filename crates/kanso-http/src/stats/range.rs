//! Ranges of civil dates in queries.

use kanso_application::stats::{DateRange, RangeError};
use kanso_domain::time::parse_date;
use kanso_domain::{Date, FieldError};

use crate::problem::{ApiError, Code};

/// A date that a parameter gives, if it gives one.
pub(super) fn date(name: &'static str, text: Option<&str>) -> Result<Option<Date>, ApiError> {
    let parse = |text| parse_date(text).ok_or_else(|| refused(name, "must be a date YYYY-MM-DD"));
    text.map(parse).transpose()
}

/// The range from `from` to `to`, or from and to where the use case says; an error is one of the
/// parameter `name`.
pub(super) fn range(
    name: &'static str,
    (from, to): (Option<Date>, Option<Date>),
    today: Date,
) -> Result<DateRange, ApiError> {
    DateRange::new(from, to, today)
        .map_err(|error: RangeError| refused(name, &format!("cannot be used: {error}")))
}

fn refused(name: &'static str, reason: &str) -> ApiError {
    ApiError::members(Code::InvalidParameter, &[FieldError::new(name, reason)])
}
