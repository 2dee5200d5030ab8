//! Random ids.

use kanso_application::ports::ids::Ids;
use uuid::Uuid;

/// Generates UUIDs of version 7 from the system's clock and randomness. Within one process they ascend.
//
// Ascending ids keep inserts at the end of an index.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    #[expect(
        clippy::disallowed_methods,
        reason = "the id port's one system adapter"
    )]
    fn uuid(&self) -> Uuid {
        Uuid::now_v7()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_version_7_and_ascend() {
        let ids: Vec<Uuid> = (0..1000).map(|_| RandomIds.uuid()).collect();
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
        assert!(ids.is_sorted_by(|a, b| a < b));
    }
}
