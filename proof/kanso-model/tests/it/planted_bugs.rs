//! A model that cannot fail proves nothing: what is wrong on purpose is found.

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

/// The same for tokens.
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
        panic!("{bug} was not found by \"{property}\"");
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
        "whoever has read everything holds everything",
    );
}

#[test]
fn a_floor_that_does_not_move_is_found() {
    finds(
        SyncBug::FloorNotRaised,
        model(3, 1, 2, 0),
        "whoever has read everything holds everything",
    );
}

#[test]
fn a_kept_epoch_is_found() {
    finds(
        SyncBug::EpochUnchanged,
        model(2, 1, 0, 1),
        "whoever has read everything holds everything",
    );
}

#[test]
fn a_cursor_past_what_is_uncommitted_is_found() {
    finds(
        SyncBug::CursorPastUncommitted,
        model(2, 1, 0, 0),
        "whoever has read everything holds everything",
    );
}

#[test]
fn a_page_that_is_cut_unnoticed_is_found() {
    finds(
        SyncBug::CutPageIsLast,
        model(2, 1, 0, 0),
        "whoever has read everything holds everything",
    );
}

#[test]
fn an_edit_that_revives_is_found() {
    finds(
        SyncBug::EditRevives,
        model(3, 1, 0, 0),
        "what was deleted stays deleted",
    );
}

#[test]
fn a_purge_without_graves_is_found() {
    finds(
        SyncBug::PurgedIdForgotten,
        model(1, 1, 1, 1),
        "what was deleted stays deleted",
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
fn what_is_not_given_back_is_found() {
    finds(
        SyncBug::LostNotRestored,
        model(2, 1, 0, 1),
        "a calm brings everybody together",
    );
}

#[test]
fn an_outbox_that_forgets_what_it_sent_is_found() {
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
        "a token is good for its grace only",
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
        "whoever is refused ends the session",
    );
}
