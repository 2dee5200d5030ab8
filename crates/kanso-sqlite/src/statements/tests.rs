use std::cell::RefCell;
use std::collections::BTreeSet;

use kanso_application::ports::storage::Storage;
use kanso_domain::sync::Epoch;
use kanso_testkit::contract::{
    accounts, admission, delta, erased_texts, fields, lists, paging, purges, quotas, receipts,
    replicas, sessions,
};

use crate::{Executor, SqliteOptions, SqliteStorage};

thread_local! {
    /// Statements that were prepared on this thread.
    pub(super) static PREPARED: RefCell<BTreeSet<&'static str>> =
        const { RefCell::new(BTreeSet::new()) };
}

#[tokio::test]
async fn every_statement_finds_its_rows_by_an_index() {
    macro_rules! each {
        ($($case:path),+ $(,)?) => {$(
            let (storage, _folder) = inline();
            storage.ping().await.unwrap();
            $case(&storage).await;
        )+};
    }
    each![
        accounts::a_deleted_account_is_gone_everywhere,
        accounts::a_password_hash_is_replaced,
        accounts::sessions_end_with_their_password,
        accounts::settings_change_one_by_one,
        admission::an_invitation_creates_one_account,
        admission::the_first_account_is_the_only_one_without_an_invitation,
        admission::a_disabled_account_opens_no_session,
        admission::accounts_are_listed_in_pages,
        sessions::a_rotated_session_is_stored,
        sessions::an_ended_session_is_closed,
        fields::an_updated_habit_comes_back,
        fields::an_updated_entry_comes_back,
        receipts::a_resent_outbox_has_no_second_effect,
        lists::archived_habits_are_listed_on_request,
        lists::entries_are_listed_by_habit,
        lists::entries_are_read_by_their_ids,
        lists::pages_of_entries_are_the_list_cut_into_pieces,
        delta::a_delta_begins_after_the_cursor,
        paging::a_page_of_one_is_the_oldest_change,
        paging::pages_are_the_delta_cut_into_pieces,
        replicas::a_snapshot_holds_all_live_records,
        replicas::the_heads_of_many_are_those_of_each,
        replicas::histories_share_what_was_written_before_they_parted,
        replicas::a_revived_habit_brings_its_entries_back,
        replicas::a_comparison_names_differing_buckets,
        replicas::changed_settings_are_in_the_delta,
        quotas::usage_follows_each_write,
        quotas::own_quota_is_that_of_one_account,
        erased_texts::old_tombstones_lose_their_texts_in_steps,
        purges::old_receipts_are_removed_in_steps,
        purges::an_old_tombstone_is_purged_for_good,
        purges::devices_are_known_by_their_last_sighting,
        purges::a_forgotten_device_stays_forgotten,
    ];
    let (_storage, folder) = inline();
    let connection = crate::open::open_reader(&folder.path().join("kanso.db")).unwrap();
    let prepared = PREPARED.with_borrow(Clone::clone);
    assert!(prepared.len() >= 35, "only {} were reached", prepared.len());
    for sql in prepared {
        let mut statement = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let mut steps = statement.raw_query();
        while let Some(step) = steps.next().unwrap() {
            let step: String = step.get("detail").unwrap();
            // A constant row is not a table, and the index of deleted accounts has no others.
            let is_scan = step.starts_with("SCAN")
                && step != "SCAN CONSTANT ROW"
                && !step.ends_with("INDEX users_deleted");
            assert!(!is_scan, "{step} in {sql}");
        }
    }
}

fn inline() -> (SqliteStorage, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions {
        executor: Executor::Inline,
        ..SqliteOptions::new(folder.path().join("kanso.db"), Epoch::new(1))
    };
    (SqliteStorage::open(&options).unwrap(), folder)
}
