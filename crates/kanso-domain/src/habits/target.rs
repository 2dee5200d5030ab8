//! What makes a day done.

use crate::Quantity;
use crate::member::Member;
use crate::validation::Checker;

/// What an entry of a habit records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum HabitType {
    /// A tick; its target is always 1.
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

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Numeric => "numeric",
            Self::Timer => "timer",
        }
    }
}

/// Whether the target is to be reached or not to be passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum TargetDirection {
    /// Done when the day's sum reaches the target.
    #[default]
    AtLeast,
    /// A limit: done when the day is over and its sum did not pass the target.
    AtMost,
}

impl TargetDirection {
    /// All directions.
    pub const ALL: [Self; 2] = [Self::AtLeast, Self::AtMost];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AtLeast => "at_least",
            Self::AtMost => "at_most",
        }
    }
}

/// The amount that a day is measured against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    kind: HabitType,
    value: Quantity,
    direction: TargetDirection,
}

/// What a request says about a target; `None` was left out.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TargetFields {
    /// The member `type`.
    pub kind: Option<HabitType>,
    /// The member `target_value`.
    pub value: Option<Quantity>,
    /// The member `target_direction`.
    pub direction: Option<TargetDirection>,
}

impl TargetFields {
    /// The wire names of the members that say something else than `stored` does.
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
    /// A tick a day.
    pub const TICK: Self = Self {
        kind: HabitType::Boolean,
        value: Quantity::ONE,
        direction: TargetDirection::AtLeast,
    };

    /// What an entry records.
    pub const fn kind(self) -> HabitType {
        self.kind
    }

    /// The amount; 0 only of a limit.
    pub const fn value(self) -> Quantity {
        self.value
    }

    /// Whether it is to be reached or not to be passed.
    pub const fn direction(self) -> TargetDirection {
        self.direction
    }

    /// What `fields` describe, with defaults for the rest; what is wrong is noted.
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
            return Some(Self::TICK);
        }
        let value = fields.value.unwrap_or(self.value);
        let direction = fields.direction.unwrap_or(self.direction);
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
            "refused and said why"
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
