//! Exact amounts: fixed-point numbers in thousandths, so that `0.1 + 0.2` is `0.3`.

use std::fmt;

/// An amount between 0 and [`Quantity::MAX`] with at most three decimals, stored in thousandths.
///
/// ```
/// use kanso_domain::quantity::QuantityError;
/// use kanso_domain::Quantity;
///
/// let amount: Quantity = "1.250".parse()?;
/// assert_eq!(amount.thousandths(), 1_250);
/// assert_eq!(amount.to_string(), "1.25");
/// assert_eq!(Quantity::from_f64(0.1), "0.1".parse());
/// assert_eq!(Quantity::from_f64(0.0001), Err(QuantityError::TooPrecise));
/// # Ok::<(), QuantityError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Quantity(i64);

/// The reason why a number is not a [`Quantity`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// It is below zero.
    #[error("must not be negative")]
    Negative,
    /// It is above [`Quantity::MAX`].
    #[error("must be at most 1000000000")]
    TooLarge,
    /// It has more than three decimals.
    #[error("must have at most three decimals")]
    TooPrecise,
    /// It is not a number.
    #[error("must be a number")]
    NotANumber,
}

impl Quantity {
    /// Zero.
    pub const ZERO: Self = Self(0);
    /// One: a tick, and the target of a boolean habit.
    pub const ONE: Self = Self(1_000);
    /// Largest amount: a thousand million. A million entries of it still sum within `i64`.
    pub const MAX: Self = Self(1_000_000_000_000);

    /// Returns an amount of `thousandths` thousandths.
    ///
    /// # Errors
    /// [`QuantityError::Negative`] or [`QuantityError::TooLarge`].
    pub const fn from_thousandths(thousandths: i64) -> Result<Self, QuantityError> {
        match thousandths {
            ..0 => Err(QuantityError::Negative),
            _ if thousandths > Self::MAX.0 => Err(QuantityError::TooLarge),
            _ => Ok(Self(thousandths)),
        }
    }

    /// Returns the decimal amount for which a binary floating-point number was written.
    ///
    /// The result is the shortest decimal that reads back as the same number, which JSON writers print.
    /// A sum of such numbers is seldom exact: `0.1 + 0.2` is `0.30000000000000004`. So a number that
    /// is off three decimals by at most 10^-11 of itself is rounded to them. The difference is at
    /// most 10^-11 for a number below 1, and never more than a millionth.
    ///
    /// ```
    /// use kanso_domain::Quantity;
    ///
    /// assert_eq!(Quantity::from_f64(0.1 + 0.2), "0.3".parse());
    /// assert!(Quantity::from_f64(0.3001).is_err());
    /// ```
    ///
    /// # Errors
    /// [`QuantityError`] if the amount is negative, too large, not finite, or has more than three
    /// decimals.
    pub fn from_f64(number: f64) -> Result<Self, QuantityError> {
        if !number.is_finite() {
            return Err(QuantityError::NotANumber);
        }
        let size = number.abs();
        // Rust prints the shortest decimal that round-trips, and never an exponent.
        let exact = match size.to_string().parse() {
            Err(QuantityError::TooPrecise) => rounded(size)
                .ok_or(QuantityError::TooPrecise)
                .and_then(Self::from_thousandths),
            exact => exact,
        };
        match exact {
            // `0.3 - 0.1 - 0.2` is a little less than zero.
            Ok(quantity) if number < 0.0 && quantity != Self::ZERO => Err(QuantityError::Negative),
            Err(_) if number < 0.0 => Err(QuantityError::Negative),
            exact => exact,
        }
    }

    /// Returns the amount in thousandths.
    pub const fn thousandths(self) -> i64 {
        self.0
    }

    /// Returns the whole amount, or `None` if there are decimals.
    pub const fn whole(self) -> Option<i64> {
        if self.0 % 1_000 == 0 {
            Some(self.0 / 1_000)
        } else {
            None
        }
    }

    /// Returns the nearest binary floating-point number. It is for writing JSON, not for sums.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the maximum, 10^12, is exact in an f64"
    )]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 1_000.0
    }
}

/// Returns the thousandths that `size` stands for, if it is so close to them that only the rounding
/// of a sum can have made the difference.
#[expect(
    clippy::cast_possible_truncation,
    reason = "whole, and at most a million millions"
)]
fn rounded(size: f64) -> Option<i64> {
    // Below the limit every number of thousandths is exact as a float. A larger amount is refused.
    let thousandths = (size * 1_000.0).round();
    if thousandths > Quantity::MAX.to_f64() * 1_000.0 {
        return None;
    }
    let allowed = (size.max(1.0) * 1e-11).min(1e-6);
    ((thousandths / 1_000.0 - size).abs() <= allowed).then_some(thousandths as i64)
}

/// A difference between two amounts with at most three decimals, stored in thousandths.
///
/// ```
/// use kanso_domain::{Quantity, QuantityChange};
///
/// let glass = QuantityChange::from_f64(0.2)?;
/// let drunk = Quantity::from_f64(0.1)?.changed(glass)?;
/// assert_eq!(drunk.to_string(), "0.3");
/// assert!(drunk.changed(QuantityChange::from_f64(-1.0)?).is_err());
/// # Ok::<(), kanso_domain::quantity::QuantityError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QuantityChange(i64);

impl QuantityChange {
    /// Returns a change by `thousandths` thousandths, up or down.
    ///
    /// # Errors
    /// [`QuantityError::TooLarge`] if it is larger than [`Quantity::MAX`].
    pub const fn from_thousandths(thousandths: i64) -> Result<Self, QuantityError> {
        if thousandths.unsigned_abs() > Quantity::MAX.0.unsigned_abs() {
            Err(QuantityError::TooLarge)
        } else {
            Ok(Self(thousandths))
        }
    }

    /// Returns the decimal change for which a binary floating-point number was written, like
    /// [`Quantity::from_f64`].
    ///
    /// # Errors
    /// [`QuantityError`] if the change is too large, not finite, or has more than three decimals.
    pub fn from_f64(number: f64) -> Result<Self, QuantityError> {
        let size = Quantity::from_f64(number.abs())?.0;
        Ok(Self(if number < 0.0 { -size } else { size }))
    }

    /// Returns the change in thousandths.
    pub const fn thousandths(self) -> i64 {
        self.0
    }

    /// Returns the nearest binary floating-point number. It is for writing JSON, not for sums.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the maximum, 10^12, is exact in an f64"
    )]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 1_000.0
    }
}

impl Quantity {
    /// Returns this amount after `change`.
    ///
    /// # Errors
    /// [`QuantityError`] if the result is negative or too large.
    pub const fn changed(self, change: QuantityChange) -> Result<Self, QuantityError> {
        // Both are far from the ends of an `i64`, so the sum does not overflow.
        Self::from_thousandths(self.0 + change.0)
    }
}

impl std::str::FromStr for Quantity {
    type Err = QuantityError;

    /// Reads `12`, `0.5` or `1.250`, without a sign, exponent or thousands separator.
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(decimals) {
            return Err(QuantityError::NotANumber);
        }
        // Trailing zeros carry no precision: `1.2500` is `1.250`.
        let decimals = decimals.trim_end_matches('0');
        if decimals.len() > 3 {
            return Err(QuantityError::TooPrecise);
        }
        let whole: i64 = whole.parse().map_err(|_| QuantityError::TooLarge)?;
        // Padded to three digits: the decimals `5` are 500 thousandths. Three digits always parse.
        let thousandths: i64 = format!("{decimals:0<3}").parse().unwrap_or(0);
        let total = whole
            .checked_mul(1_000)
            .and_then(|total| total.checked_add(thousandths));
        Self::from_thousandths(total.ok_or(QuantityError::TooLarge)?)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(whole) = self.whole() {
            return write!(f, "{whole}");
        }
        let decimals = format!("{:03}", self.0 % 1_000);
        write!(f, "{}.{}", self.0 / 1_000, decimals.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_of_json_writers_are_read() {
        for (number, expected) in [
            (0.0, Ok(0)),
            (-0.0, Ok(0)),
            (1.0, Ok(1_000)),
            (0.1, Ok(100)),
            (0.001, Ok(1)),
            (2.675, Ok(2_675)),
            (1e9, Ok(1_000_000_000_000)),
            (1e9 + 0.001, Err(QuantityError::TooLarge)),
            (1e300, Err(QuantityError::TooLarge)),
            (-0.001, Err(QuantityError::Negative)),
            (0.000_1, Err(QuantityError::TooPrecise)),
            (1.000_000_000_1, Err(QuantityError::TooPrecise)),
            (0.1 + 0.2, Ok(300)),
            (3.3 * 3.0, Ok(9_900)),
            (0.999_999_999_999_999_9, Ok(1_000)),
            // A hundred times 0.1, added one by one.
            (9.999_999_999_999_98, Ok(10_000)),
            (10_000.000_000_018_848, Ok(10_000_000)),
            (999_999_999.999_000_1, Ok(999_999_999_999)),
            (1e9 + 1e-6, Ok(1_000_000_000_000)),
            (0.3 - 0.1 - 0.2, Ok(0)),
            (-0.000_1, Err(QuantityError::Negative)),
            (12.345_6, Err(QuantityError::TooPrecise)),
            (12.345_000_01, Err(QuantityError::TooPrecise)),
            (999_999_999.999_1, Err(QuantityError::TooPrecise)),
            (f64::NAN, Err(QuantityError::NotANumber)),
            (f64::INFINITY, Err(QuantityError::NotANumber)),
        ] {
            assert_eq!(
                Quantity::from_f64(number).map(Quantity::thousandths),
                expected,
                "{number}"
            );
        }
    }

    #[test]
    fn malformed_decimals_are_refused() {
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "٣"] {
            assert_eq!(
                text.parse::<Quantity>(),
                Err(QuantityError::NotANumber),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_change_goes_up_or_down_but_not_below_zero() {
        let changed = |thousandths: i64, by: f64| {
            let change = QuantityChange::from_f64(by)?;
            Quantity(thousandths)
                .changed(change)
                .map(Quantity::thousandths)
        };
        assert_eq!(changed(100, 0.2), Ok(300));
        assert_eq!(changed(300, -0.3), Ok(0));
        assert_eq!(changed(300, -0.301), Err(QuantityError::Negative));
        assert_eq!(changed(1, 1e9), Err(QuantityError::TooLarge));
        assert_eq!(changed(1, 0.000_1), Err(QuantityError::TooPrecise));
        assert_eq!(changed(300, 0.2 - 0.5), Ok(0));
        assert_eq!(changed(300, 0.1 + 0.2 - 0.3), Ok(300));
        assert_eq!(changed(1, f64::NAN), Err(QuantityError::NotANumber));
    }

    proptest! {
        #[test]
        fn survives_text_and_json(thousandths in 0..=Quantity::MAX.0) {
            let quantity = Quantity(thousandths);
            prop_assert_eq!(quantity.to_string().parse(), Ok(quantity));
            prop_assert_eq!(Quantity::from_f64(quantity.to_f64()), Ok(quantity));
            let change = QuantityChange(-thousandths);
            prop_assert_eq!(QuantityChange::from_f64(change.to_f64()), Ok(change));
        }
    }
}
