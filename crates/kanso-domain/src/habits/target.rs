//! Targets: the amount that makes a day done.

use crate::Quantity;
use crate::member::Member;
use crate::validation::Checker;

/// The types of habit: what its entries record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum HabitType {
    /// A tick. The target is always 1.
    #[default]
    Boolean,
    /// An amount.
    Numeric,
    /// Minutes.
    Timer,
}

impl HabitType {
    /// All types.
    pub const ALL: [Self; 3] = [Self::Boolean, Self::Numeric, Self::Timer];

    /// Returns the stable name of the type. Storages and the protocol use it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Numeric => "numeric",
            Self::Timer => "timer",
        }
    }
}

/// The direction of a target: an amount to reach or a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum TargetDirection {
    /// Done when the sum of the day reaches the target.
    #[default]
    AtLeast,
    /// A limit. Done when the day is over and its sum did not exceed the target.
    AtMost,
}

impl TargetDirection {
    /// All directions.
    pub const ALL: [Self; 2] = [Self::AtLeast, Self::AtMost];

    /// Returns the stable name of the direction. Storages and the protocol use it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AtLeast => "at_least",
            Self::AtMost => "at_most",
        }
    }
}

/// The amount with which the sum of a day is compared.
///
/// ```
/// use kanso_domain::Quantity;
/// use kanso_domain::habits::{HabitType, Target, TargetFields};
/// use kanso_domain::validation::Checker;
///
/// let pages = TargetFields {
///     kind: Some(HabitType::Numeric),
///     value: Some("20".parse::<Quantity>()?),
///     direction: None,
/// };
/// let target = Target::create(&pages, &mut Checker::new()).expect("a valid target");
/// assert_eq!(target.value().to_string(), "20");
/// # Ok::<(), kanso_domain::quantity::QuantityError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    kind: HabitType,
    value: Quantity,
    direction: TargetDirection,
}

/// The members of a request about a target; `None` is an absent member.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TargetFields {
    /// Member `type`.
    pub kind: Option<HabitType>,
    /// Member `target_value`.
    pub value: Option<Quantity>,
    /// Member `target_direction`.
    pub direction: Option<TargetDirection>,
}

impl TargetFields {
    /// Returns the members whose value differs from `stored`.
    pub fn differing(&self, stored: &Target) -> Vec<Member> {
        [
            (
                Member::Type,
                self.kind.is_some_and(|kind| kind != stored.kind),
            ),
            (
                Member::TargetValue,
                self.value.is_some_and(|value| value != stored.value),
            ),
            (
                Member::TargetDirection,
                self.direction.is_some_and(|side| side != stored.direction),
            ),
        ]
        .into_iter()
        .filter_map(|(member, differs)| differs.then_some(member))
        .collect()
    }
}

impl Target {
    /// One tick a day.
    pub const TICK: Self = Self {
        kind: HabitType::Boolean,
        value: Quantity::ONE,
        direction: TargetDirection::AtLeast,
    };

    /// Returns the type of the habit.
    pub const fn kind(self) -> HabitType {
        self.kind
    }

    /// Returns the amount. It is 0 only for a limit.
    pub const fn value(self) -> Quantity {
        self.value
    }

    /// Returns the direction.
    pub const fn direction(self) -> TargetDirection {
        self.direction
    }

    /// Returns the target that `fields` describe, with defaults for absent members. Errors go to
    /// `checker`.
    pub fn create(fields: &TargetFields, checker: &mut Checker) -> Option<Self> {
        Self::TICK.updated(fields, checker)
    }

    pub(super) fn updated(self, fields: &TargetFields, checker: &mut Checker) -> Option<Self> {
        let kind = fields.kind.unwrap_or(self.kind);
        if kind == HabitType::Boolean {
            if fields.value.is_some_and(|value| value != Quantity::ONE) {
                checker.refuse("target_value", "must be 1 for a boolean habit");
                return None;
            }
            if fields.direction == Some(TargetDirection::AtMost) {
                checker.refuse("target_direction", "must be at_least for a boolean habit");
                return None;
            }
            // A tick has no amount of its own. A habit that becomes boolean loses its former
            // target.
            return Some(Self::TICK);
        }
        let value = fields.value.unwrap_or(self.value);
        let direction = fields.direction.unwrap_or(self.direction);
        // A target of 0 would be met by every day. As a limit it means "not at all".
        if value == Quantity::ZERO && direction == TargetDirection::AtLeast {
            let rule = "must be above 0, or 0 with target_direction at_most";
            checker.refuse("target_value", rule);
            return None;
        }
        Some(Self {
            kind,
            value,
            direction,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use HabitType::{Boolean, Numeric, Timer};
    use TargetDirection::{AtLeast, AtMost};

    fn updated(
        stored: Target,
        kind: Option<HabitType>,
        value: Option<i64>,
        direction: Option<TargetDirection>,
    ) -> Option<(HabitType, i64, TargetDirection)> {
        let value = value.map(|whole| Quantity::from_thousandths(whole * 1_000).expect("small"));
        let mut checker = Checker::new();
        let target = stored.updated(
            &TargetFields {
                kind,
                value,
                direction,
            },
            &mut checker,
        );
        assert_eq!(
            checker.finish(()).is_ok(),
            target.is_some(),
            "a refusal has a reason"
        );
        target.map(|t| (t.kind(), t.value().thousandths() / 1_000, t.direction()))
    }

    #[test]
    fn targets_follow_the_type() {
        let tick = Target::TICK;
        assert_eq!(updated(tick, None, None, None), Some((Boolean, 1, AtLeast)));
        assert_eq!(
            updated(tick, None, Some(1), Some(AtLeast)),
            Some((Boolean, 1, AtLeast))
        );
        assert_eq!(updated(tick, None, Some(2), None), None);
        assert_eq!(updated(tick, None, None, Some(AtMost)), None);
        assert_eq!(
            updated(tick, Some(Numeric), None, None),
            Some((Numeric, 1, AtLeast))
        );
        assert_eq!(
            updated(tick, Some(Timer), Some(30), None),
            Some((Timer, 30, AtLeast))
        );
        assert_eq!(updated(tick, Some(Numeric), Some(0), None), None);
        assert_eq!(
            updated(tick, Some(Numeric), Some(0), Some(AtMost)),
            Some((Numeric, 0, AtMost))
        );
    }

    #[test]
    fn becoming_boolean_resets_the_target() {
        let limit = Target {
            kind: Numeric,
            value: Quantity::ZERO,
            direction: AtMost,
        };
        assert_eq!(
            updated(limit, Some(Boolean), None, None),
            Some((Boolean, 1, AtLeast))
        );
        assert_eq!(updated(limit, None, None, Some(AtLeast)), None);
    }
}
