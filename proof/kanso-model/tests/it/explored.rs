//! Explores every state within the bounds.

use std::fmt::Debug;
use std::hash::Hash;

use kanso_model::refresh::{self, RefreshModel};
use kanso_model::sync::{Bounds, Rules, SyncModel};
use stateright::{Checker as _, Model};

/// Returns a model with these bounds and pages of one record.
pub(crate) const fn model(writes: u8, faults: u8, purges: u8, restores: u8) -> SyncModel {
    SyncModel {
        bounds: Bounds {
            writes,
            faults,
            purges,
            restores,
        },
        rules: Rules { page: 1, bug: None },
    }
}

/// Returns a rotation with eight ticks and five tokens. Eight ticks hold three grace periods, so a
/// token can be reused within, at the end of and after its own.
pub(crate) const fn rotation(has_thief: bool) -> RefreshModel {
    RefreshModel {
        bounds: refresh::RefreshBounds {
            ticks: 8,
            tokens: 5,
            has_thief,
        },
        bug: None,
    }
}

fn explore<M>(name: &str, model: M)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + PartialEq + Hash + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq + Send + Sync + 'static,
{
    // Breadth first, so that a failing property is shown with the shortest path to it.
    let checker = model.checker().spawn_bfs().join();
    println!(
        "{name}: {} states, {} steps, at most {} in a row",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth()
    );
    checker.assert_properties();
}

#[test]
fn every_state_with_a_bad_network() {
    explore("a bad network", model(3, 2, 0, 0));
}

#[test]
fn every_state_with_purges() {
    explore("purges", model(3, 1, 2, 0));
}

#[test]
fn every_state_with_a_restore() {
    explore("a restore", model(2, 1, 0, 1));
}

#[test]
fn every_state_with_lost_answers_to_a_refresh() {
    explore("lost answers to a refresh", rotation(false));
}

#[test]
fn every_state_with_a_thief() {
    explore("a thief", rotation(true));
}
