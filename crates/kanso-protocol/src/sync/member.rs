//! The names of the members of records.

use kanso_domain::record::Member;

/// Returns the member's name in the JSON of a habit or an entry.
pub const fn member_name(member: Member) -> &'static str {
    match member {
        Member::Title => "title",
        Member::Description => "description",
        Member::Color => "color",
        Member::Icon => "icon",
        Member::SortOrder => "sort_order",
        Member::Unit => "unit",
        Member::ReminderTime => "reminder_time",
        Member::StartDate => "start_date",
        Member::EndDate => "end_date",
        Member::ArchivedAt => "archived_at",
        Member::FrequencyType => "frequency_type",
        Member::Weekdays => "weekdays",
        Member::Interval => "interval",
        Member::TimesPerWeek => "times_per_week",
        Member::Type => "type",
        Member::TargetValue => "target_value",
        Member::TargetDirection => "target_direction",
        Member::EffectiveFrom => "effective_from",
        Member::HabitId => "habit_id",
        Member::CompletionDate => "completion_date",
        Member::Timezone => "timezone",
        Member::LocalDate => "local_date",
        Member::Kind => "kind",
        Member::Value => "value",
        Member::Notes => "notes",
    }
}
