//! Planted bugs: a model that cannot fail proves nothing.

use std::fmt::Debug;
use std::hash::Hash;

use kanso_model::refresh::{self, RefreshModel};
use kanso_model::sync::{SyncBug, SyncModel};
use stateright::{Checker as _, HasDiscoveries, Model};

use crate::explored::{model, rotation};

/// Checks that `bug` breaks this property.
fn finds(bug: SyncBug, model: SyncModel, property: &'static str) {
    let mut model = model;
    model.rules.bug = Some(bug);
    breaks(&format!("{bug:?}"), model, property);
}

/// Checks that `bug` breaks this property of the rotation.
fn finds_in_rotation(bug: refresh::RefreshBug, has_thief: bool, property: &'static str) {
    let model = RefreshModel {
        bug: Some(bug),
        ..rotation(has_thief)
    };
    breaks(&format!("{bug:?}"), model, property);
}

fn breaks<M>(bug: &str, model: M, property: &'static str)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + PartialEq + Hash + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq + Send + Sync + 'static,
{
    let found = HasDiscoveries::AnyOf([property].into());
    let checker = model.checker().finish_when(found).spawn_bfs().join();
    let Some(path) = checker.discovery(property) else {
        panic!("{bug} does not break \"{property}\"");
    };
    println!(
        "{bug}: \"{property}\" fails after {} steps",
        path.into_actions().len()
    );
}

#[test]
fn a_missing_receipt_is_found() {
    finds(
        SyncBug::RetryWithoutReceipt,
        model(3, 2, 0, 0),
        "an operation has one effect",
    );
}

#[test]
fn an_answer_before_the_commit_is_found() {
    finds(
        SyncBug::AckBeforeCommit,
        model(1, 0, 0, 0),
        "an acknowledged operation is stored",
    );
}

#[test]
fn an_unchecked_floor_is_found() {
    finds(
        SyncBug::FloorUnchecked,
        model(3, 1, 2, 0),
        "a device that has read everything holds all live records",
    );
}

#[test]
fn a_floor_that_does_not_move_is_found() {
    finds(
        SyncBug::FloorNotRaised,
        model(3, 1, 2, 0),
        "a device that has read everything holds all live records",
    );
}

#[test]
fn an_unchanged_epoch_is_found() {
    finds(
        SyncBug::EpochUnchanged,
        model(2, 1, 0, 1),
        "a device that has read everything holds all live records",
    );
}

#[test]
fn a_cursor_past_an_uncommitted_change_is_found() {
    finds(
        SyncBug::CursorPastUncommitted,
        model(2, 1, 0, 0),
        "a device that has read everything holds all live records",
    );
}

#[test]
fn a_truncated_page_without_a_successor_is_found() {
    finds(
        SyncBug::CutPageIsLast,
        model(2, 1, 0, 0),
        "a device that has read everything holds all live records",
    );
}

#[test]
fn an_edit_that_revives_is_found() {
    finds(
        SyncBug::EditRevives,
        model(3, 1, 0, 0),
        "a deleted record stays deleted",
    );
}

#[test]
fn a_purge_that_forgets_ids_is_found() {
    finds(
        SyncBug::PurgedIdForgotten,
        model(1, 1, 1, 1),
        "a deleted record stays deleted",
    );
}

#[test]
fn a_dropped_outbox_is_found() {
    finds(
        SyncBug::OutboxDropped,
        model(2, 1, 0, 1),
        "an operation waits until it is answered",
    );
}

#[test]
fn a_lost_record_that_is_not_restored_is_found() {
    finds(
        SyncBug::LostNotRestored,
        model(2, 1, 0, 1),
        "all devices converge once faults stop",
    );
}

#[test]
fn an_outbox_cleared_on_send_is_found() {
    finds(
        SyncBug::SentIsDone,
        model(2, 1, 0, 0),
        "an operation waits until it is answered",
    );
}

#[test]
fn a_missing_grace_is_found() {
    finds_in_rotation(
        refresh::RefreshBug::NoGrace,
        false,
        "a lost answer ends no session",
    );
}

#[test]
fn an_endless_grace_is_found() {
    finds_in_rotation(
        refresh::RefreshBug::EndlessGrace,
        true,
        "a used token is valid within its grace period only",
    );
}

#[test]
fn a_retry_that_rotates_is_found() {
    finds_in_rotation(
        refresh::RefreshBug::RetryRotates,
        false,
        "a lost answer ends no session",
    );
}

#[test]
fn a_reuse_without_consequence_is_found() {
    finds_in_rotation(
        refresh::RefreshBug::ReuseForgiven,
        true,
        "a rejected token ends the session",
    );
}
