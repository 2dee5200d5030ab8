//! The storage contract: one case for each promise of the ports.
//!
//! A case is an `async fn(&dyn Storage)` over an empty storage. [`storage_contract!`] turns each
//! into a test. A promise that an adapter must keep belongs here, so that SQLite, PostgreSQL, the
//! memory storage and the simulated PostgreSQL cannot drift apart.
//!
//! [`storage_contract!`]: crate::storage_contract

pub mod accounts;
pub mod admission;
pub mod days;
pub mod delta;
pub mod devices;
pub mod erased_texts;
pub mod events;
pub mod exactness;
pub mod fields;
pub mod journal;
pub mod lifecycle;
pub mod lists;
pub mod merging;
pub mod paging;
pub mod past;
pub mod purges;
pub mod quotas;
pub mod races;
pub mod receipts;
pub mod replicas;
pub mod sessions;
pub mod streaks;
mod test_user;
pub mod writes;

/// Generates one test for each case, in one module for each feature. The argument is the absolute
/// path of an `async fn()` that returns an empty storage as an `Arc<dyn Storage>`, and a guard that
/// must live as long as it.
///
/// ```text
/// kanso_testkit::storage_contract!(crate::contract::empty_storage);
/// ```
#[macro_export]
macro_rules! storage_contract {
    ($storage:path) => {
        $crate::storage_contract! { $storage =>
            accounts:
                an_account_is_found_by_its_id_and_by_its_email
                an_unknown_account_is_none
                a_taken_email_is_refused
                an_account_is_found_under_its_older_spelling
                a_new_account_has_an_empty_history
                settings_change_one_by_one
                a_write_sees_the_settings
                a_password_hash_is_replaced
                only_the_stored_password_is_replaced
                sessions_end_with_their_password
                an_email_address_is_replaced
                a_taken_email_address_is_not_replaced
                a_session_needs_the_password_that_is_stored
                no_log_in_slips_past_a_new_password
                a_deleted_account_is_gone_everywhere
                a_deleted_account_leaves_nothing_behind;
            admission:
                an_invitation_creates_one_account
                an_unknown_or_expired_invitation_is_refused
                a_taken_email_leaves_the_invitation
                the_first_account_is_the_only_one_without_an_invitation
                of_twelve_registrations_with_one_right_one_wins
                a_disabled_account_opens_no_session
                accounts_are_listed_in_pages;
            sessions:
                a_session_is_open_until_it_expires
                a_session_is_its_users_alone
                a_session_needs_an_account
                opening_a_session_removes_expired_ones
                opening_a_session_ends_the_one_that_was_not_used_for_longest
                sessions_are_listed
                a_rotated_session_is_stored
                a_repeated_refresh_changes_nothing
                a_reused_session_is_removed
                an_expired_session_is_removed
                an_ended_session_is_closed
                a_session_keeps_its_origin_and_its_nonce
                an_unknown_token_changes_nothing
                a_forgotten_device_ends_its_sessions;
            events:
                events_come_back_newest_first
                attempts_do_not_displace_other_events
                events_need_an_account
                old_events_are_removed_in_steps;
            fields:
                a_habits_texts_come_back
                a_habits_schedules_come_back
                a_habits_targets_come_back
                a_habits_times_and_places_come_back
                an_updated_habit_comes_back
                an_entrys_times_come_back
                an_entrys_values_come_back
                an_updated_entry_comes_back
                a_tombstone_comes_back;
            writes:
                a_write_for_an_unknown_user_is_not_decided
                a_refused_write_changes_nothing
                an_empty_write_changes_nothing
                a_write_loads_the_records_it_names
                a_write_loads_the_first_days_that_it_names
                a_write_counts_the_live_habits_on_request
                a_write_sees_the_habit_of_an_entry
                positions_and_times_strictly_increase
                a_save_replaces_exactly_the_version_that_it_names
                a_save_cannot_replace_a_missing_record
                users_do_not_see_each_other
                a_batch_commits_as_a_whole;
            receipts:
                a_receipt_of_every_outcome_comes_back
                a_receipt_is_its_users_alone
                a_resent_outbox_has_no_second_effect
                a_receipt_of_release_0_1_0_answers_its_retry
                a_reused_op_id_is_refused;
            delta:
                an_unknown_user_has_no_delta
                a_record_comes_once_in_its_newest_state
                a_delta_begins_after_the_cursor
                a_page_carries_the_head
                a_scope_carries_one_kind
                tombstones_are_left_out_of_a_first_pull
                live_entries_of_a_deleted_habit_are_left_out;
            paging:
                pages_are_the_delta_cut_into_pieces
                a_page_of_one_is_the_oldest_change
                an_entrys_tombstone_is_delivered_while_its_habit_is_deleted;
            lists:
                habits_stand_by_sort_order_then_newest_first
                archived_habits_are_listed_on_request
                a_deleted_record_is_not_shown
                entries_stand_newest_completion_first
                bounds_are_inclusive
                entries_are_listed_by_habit
                only_live_entries_of_live_habits_are_listed
                pages_of_entries_are_the_list_cut_into_pieces
                writes_between_pages_move_no_other_entry
                entries_are_read_by_their_ids
                pages_of_habits_are_the_list_cut_into_pieces;
            races:
                a_puller_skips_nothing_while_others_write
                of_twelve_edits_of_one_version_one_wins
                of_twelve_equal_creates_one_is_applied
                of_twelve_registrations_of_one_address_one_wins
                users_who_write_at_once_have_histories_of_their_own;
            devices:
                pullers_hold_what_the_digest_says_while_eight_write
                eight_write_for_half_a_minute;
            past:
                a_habits_history_comes_back
                a_history_may_be_of_any_days
                a_habits_archived_spans_come_back
                a_habits_streak_comes_back;
            journal:
                an_unknown_user_has_no_journal
                a_journal_holds_all_live_records
                a_journal_can_be_of_one_habit
                a_journal_can_be_of_some_habits;
            streaks:
                a_habit_is_queued_once_however_often_it_changes
                a_claim_is_exclusive_until_its_lease_runs_out
                the_oldest_change_is_claimed_first
                a_claim_groups_jobs_by_user
                jobs_of_one_user_are_finished_together
                a_finished_job_is_finished_once
                a_parked_job_does_not_block_others
                a_change_supersedes_a_claim
                a_generation_never_comes_twice
                a_changed_streak_is_published
                an_unchanged_streak_moves_nothing
                a_queued_streak_is_of_no_day
                a_job_is_parked_after_its_last_attempt
                a_released_job_is_free_at_its_time
                the_queue_reports_since_when_its_oldest_job_is_due
                a_tombstone_takes_its_job_away
                a_deleted_account_takes_its_jobs_away
                the_queue_cannot_outgrow_the_habits;
            days:
                a_new_day_queues_the_streaks_it_may_change
                a_day_begins_once_for_each_user
                a_step_of_a_day_is_bounded_by_what_it_touches
                a_new_day_supersedes_a_claim
                changed_settings_queue_every_streak
                day_borders_are_named_once;
            exactness:
                workers_may_die_at_any_step;
            merging:
                edits_of_different_fields_both_stand
                entries_merge_and_increments_add_up
                a_group_is_stored_all_or_none;
            replicas:
                the_head_carries_the_digest_of_what_is_live
                the_start_of_a_history_stays
                histories_share_what_was_written_before_they_parted
                the_heads_of_many_are_those_of_each
                a_revived_habit_brings_its_entries_back
                a_snapshot_holds_all_live_records
                a_comparison_names_differing_buckets
                a_comparison_hands_out_whole_buckets
                changed_settings_are_in_the_delta;
            purges:
                old_receipts_are_removed_in_steps
                an_old_tombstone_is_purged_for_good
                an_active_device_keeps_tombstones
                tombstones_are_removed_in_steps
                devices_are_known_by_their_last_sighting
                a_forgotten_device_stays_forgotten
                a_new_device_displaces_the_one_not_seen_for_longest;
            erased_texts:
                old_tombstones_lose_their_texts_in_steps
                a_revived_record_keeps_its_texts
                a_deletion_can_erase_the_texts
                an_erased_habit_is_revived_with_a_title;
            quotas:
                usage_follows_each_write
                purge_gives_room_back
                own_quota_is_that_of_one_account;
            lifecycle:
                an_open_storage_answers
                a_closed_storage_is_unavailable;
        }
    };
    ($storage:path => $($feature:ident: $($case:ident)+;)+) => {$(
        mod $feature {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let (storage, _alive) = $storage().await;
                    $crate::contract::$feature::$case(&*storage).await;
                }
            )+
        }
    )+};
}

#[cfg(test)]
mod tests {
    /// A case that the macro does not name never runs.
    #[test]
    fn every_case_is_in_the_macro() {
        let named = include_str!("contract.rs");
        let sources = [
            include_str!("contract/accounts.rs"),
            include_str!("contract/sessions.rs"),
            include_str!("contract/fields.rs"),
            include_str!("contract/writes.rs"),
            include_str!("contract/quotas.rs"),
            include_str!("contract/receipts.rs"),
            include_str!("contract/delta.rs"),
            include_str!("contract/devices.rs"),
            include_str!("contract/erased_texts.rs"),
            include_str!("contract/events.rs"),
            include_str!("contract/paging.rs"),
            include_str!("contract/lists.rs"),
            include_str!("contract/races.rs"),
            include_str!("contract/past.rs"),
            include_str!("contract/journal.rs"),
            include_str!("contract/streaks.rs"),
            include_str!("contract/days.rs"),
            include_str!("contract/exactness.rs"),
            include_str!("contract/lifecycle.rs"),
            include_str!("contract/merging.rs"),
            include_str!("contract/purges.rs"),
            include_str!("contract/replicas.rs"),
        ];
        for line in sources.iter().flat_map(|source| source.lines()) {
            let case = line.strip_prefix("pub async fn ");
            let case = case.and_then(|case| case.split('(').next());
            if let Some(case) = case {
                assert!(named.contains(case), "{case}");
            }
        }
    }
}
