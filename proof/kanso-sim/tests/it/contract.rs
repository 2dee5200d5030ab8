use std::future::{Ready, ready};
use std::sync::Arc;

use kanso_application::ports::storage::Storage;
use kanso_sim::chance::Chance;
use kanso_sim::store::postgres::{ConnectionPool, FaultProfile, SimPostgres};
use tokio_util::sync::CancellationToken;

kanso_testkit::storage_contract!(crate::contract::empty_storage);

/// Transactions wait between their statements, on few connections. There are no faults: the
/// contract is about results.
fn empty_storage() -> Ready<(Arc<dyn Storage>, ())> {
    let faults = FaultProfile {
        connections: 4,
        longest_step: 2,
        ..FaultProfile::default()
    };
    let database = SimPostgres::new(faults, None, Chance::stream(1, "contract"));
    let chance = Chance::stream(1, "connections");
    let node = ConnectionPool::new(Arc::new(database), CancellationToken::new(), chance);
    ready((Arc::new(node), ()))
}
