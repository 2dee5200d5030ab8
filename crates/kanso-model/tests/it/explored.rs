//! Every state within the bounds.

use kanso_model::sync::{Bounds, Bug, Rules, SyncModel};
use stateright::{Checker as _, HasDiscoveries, Model as _};

const fn bounds(writes: u8, faults: u8, purges: u8, restores: u8) -> Bounds {
    Bounds {
        writes,
        faults,
        purges,
        restores,
    }
}

const fn model(bounds: Bounds, bug: Option<Bug>) -> SyncModel {
    let rules = Rules { page: 1, bug };
    SyncModel { bounds, rules }
}

fn explore(name: &str, bounds: Bounds) {
    let checker = model(bounds, None).checker().threads(2).spawn_bfs().join();
    println!(
        "{name}: {} states, {} steps, {} deep",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth()
    );
    checker.assert_properties();
}

#[test]
fn every_state_with_a_bad_network() {
    explore("a bad network", bounds(2, 2, 0, 0));
}

#[test]
fn every_state_with_a_purge() {
    explore("a purge", bounds(2, 1, 1, 0));
}

#[test]
fn every_state_with_a_restore() {
    explore("a restore", bounds(2, 1, 0, 1));
}
