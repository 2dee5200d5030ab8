//! The members of records by identity, so that a conflict can list them without their names.

/// A member of a create or an update, of a habit or of an entry.
///
/// Members are finer than the fields that are merged ([`crate::habits::HabitField`],
/// [`crate::entries::EntryField`]): the field *schedule* has eight members, which merge together
/// because they mean something only together. The names of members belong to the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Member {
    /// A habit's title.
    Title,
    /// A habit's description.
    Description,
    /// A habit's colour.
    Color,
    /// A habit's icon.
    Icon,
    /// A habit's position in the list.
    SortOrder,
    /// The unit of a habit's amounts.
    Unit,
    /// The time of a habit's reminder.
    ReminderTime,
    /// The first day of a habit.
    StartDate,
    /// The last day of a habit.
    EndDate,
    /// The instant at which a habit was archived.
    ArchivedAt,
    /// The kind of a habit's schedule.
    FrequencyType,
    /// The days of a habit's schedule by weekday.
    Weekdays,
    /// The length of a habit's windows.
    Interval,
    /// The number of days a week of a habit's schedule.
    TimesPerWeek,
    /// The type of a habit's entries.
    Type,
    /// The amount of a habit's target.
    TargetValue,
    /// The direction of a habit's target.
    TargetDirection,
    /// The day from which a new schedule or target applies.
    EffectiveFrom,
    /// The habit of an entry.
    HabitId,
    /// The instant or date of an entry.
    CompletionDate,
    /// The zone of an entry.
    Timezone,
    /// The civil date for which an entry counts.
    LocalDate,
    /// The kind of an entry.
    Kind,
    /// The amount of an entry.
    Value,
    /// The notes of an entry.
    Notes,
}
