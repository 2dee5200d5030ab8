//! The errors of an input, field by field.

use std::borrow::Cow;
use std::fmt;

/// An invalid member of an input, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Name of the member, for example `title`. Empty for the input as a whole.
    ///
    /// Unlike [`crate::record::Member`] this is a name, because it can also be a member that is not
    /// part of a record, such as `base_version`, or a place in a list.
    pub field: Cow<'static, str>,
    /// Reason in lower case, without the invalid value.
    pub reason: String,
}

impl FieldError {
    /// Returns an error on `field`.
    pub fn new(field: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            reason: reason.into(),
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            // The error is about the input as a whole.
            return f.write_str(&self.reason);
        }
        write!(f, "{}: {}", self.field, self.reason)
    }
}

/// An input with at least one invalid field. It lists all of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", list(.errors))]
pub struct Invalid {
    errors: Vec<FieldError>,
}

fn list(errors: &[FieldError]) -> String {
    errors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

impl Invalid {
    /// Returns the error for a single invalid field.
    pub fn one(field: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Self {
        Self {
            errors: vec![FieldError::new(field, reason)],
        }
    }

    /// Returns the errors, at least one.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// Returns the errors, at least one.
    pub fn into_errors(self) -> Vec<FieldError> {
        self.errors
    }
}

/// Collects the errors of all fields, so that a caller sees them at once.
///
/// ```
/// use kanso_domain::text::Title;
/// use kanso_domain::validation::Checker;
///
/// let mut checker = Checker::new();
/// let title = checker.take("title", Title::new(""));
/// checker.refuse("weekdays", "is required");
/// assert_eq!(title, None);
/// let invalid = checker.finish(()).expect_err("two errors");
/// assert_eq!(invalid.errors().len(), 2);
/// ```
#[derive(Debug, Default)]
pub struct Checker {
    errors: Vec<FieldError>,
}

impl Checker {
    /// Returns a checker without errors.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an error on `field`.
    pub fn refuse(&mut self, field: impl Into<Cow<'static, str>>, reason: impl Into<String>) {
        self.errors.push(FieldError::new(field, reason));
    }

    /// Returns the value of a parsed field, or adds its error and returns `None`.
    pub fn take<T, E: fmt::Display>(
        &mut self,
        field: impl Into<Cow<'static, str>>,
        parsed: Result<T, E>,
    ) -> Option<T> {
        parsed
            .map_err(|error| self.refuse(field, error.to_string()))
            .ok()
    }

    /// Returns `value` if no field was refused.
    ///
    /// # Errors
    /// [`Invalid`] with the errors in the order in which they were added.
    pub fn finish<T>(self, value: T) -> Result<T, Invalid> {
        if self.errors.is_empty() {
            Ok(value)
        } else {
            Err(Invalid {
                errors: self.errors,
            })
        }
    }

    /// Returns the error of an input without a required part: the collected errors, or that `field`
    /// is required.
    pub fn into_invalid(mut self, field: &'static str) -> Invalid {
        if self.errors.is_empty() {
            self.refuse(field, "is required");
        }
        Invalid {
            errors: self.errors,
        }
    }
}
