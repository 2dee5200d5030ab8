//! What is wrong with an input, field by field.

use std::borrow::Cow;
use std::fmt;

/// One member of an input that cannot be accepted, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The member's wire name, for example `title`.
    pub field: Cow<'static, str>,
    /// What is wrong, in lower case, without the offending value.
    pub reason: String,
}

impl FieldError {
    /// An error on `field`.
    pub fn new(field: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            reason: reason.into(),
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.reason)
    }
}

/// An input with at least one field that cannot be accepted; every such field is named.
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
    /// A single invalid field.
    pub fn one(field: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Self {
        Self {
            errors: vec![FieldError::new(field, reason)],
        }
    }

    /// The errors, at least one.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// The errors, at least one.
    pub fn into_errors(self) -> Vec<FieldError> {
        self.errors
    }
}

/// Collects the errors of all fields, so that a caller sees them at once.
#[derive(Debug, Default)]
pub struct Checker {
    errors: Vec<FieldError>,
}

impl Checker {
    /// A checker that has found nothing wrong yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that `field` is wrong.
    pub fn refuse(&mut self, field: impl Into<Cow<'static, str>>, reason: impl Into<String>) {
        self.errors.push(FieldError::new(field, reason));
    }

    /// The value of a parsed field, or `None` after noting what is wrong with it.
    pub fn take<T, E: fmt::Display>(
        &mut self,
        field: impl Into<Cow<'static, str>>,
        parsed: Result<T, E>,
    ) -> Option<T> {
        parsed
            .map_err(|error| self.refuse(field, error.to_string()))
            .ok()
    }

    /// `Ok` with the value when no field was refused.
    ///
    /// # Errors
    /// All refused fields, in the order in which they were found.
    pub fn finish<T>(self, value: T) -> Result<T, Invalid> {
        if self.errors.is_empty() {
            Ok(value)
        } else {
            Err(Invalid {
                errors: self.errors,
            })
        }
    }

    /// The refusal of an input of which a required part is missing: what was noted, or that
    /// `field` is required.
    pub fn into_invalid(mut self, field: &'static str) -> Invalid {
        if self.errors.is_empty() {
            self.refuse(field, "is required");
        }
        Invalid {
            errors: self.errors,
        }
    }
}
