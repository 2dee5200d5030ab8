use kanso_application::health::Health;
use kanso_application::ports::storage::Storage as _;

use crate::world::World;

#[tokio::test]
async fn a_report_says_whether_the_storage_answers_and_since_when() {
    let world = World::new();
    let health = Health::new(world.storage.clone(), world.clock.clone());
    world.clock.advance_seconds(90);
    let report = health.report().await;
    assert!(report.database_connected);
    assert_eq!(report.uptime_seconds, 90);
    world.storage.close().await.unwrap();
    assert!(health.report().await.database_connected, "for a second");
    world.clock.advance_seconds(1);
    assert!(!health.report().await.database_connected);
}
