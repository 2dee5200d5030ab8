use std::collections::BTreeSet;

use futures::future::{join_all, try_join_all};
use kanso_application::ports::storage::{DeltaQuery, RecordStore as _, Scope, StreakQueue as _};
use kanso_domain::Seq;
use kanso_domain::sync::Since;
use kanso_testkit::PostgresServer;
use kanso_testkit::build::noon;

use crate::store::{make_habit, open, open_with_epoch, register};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_at_once_agree_on_schema_and_epoch() {
    let database = PostgresServer::shared().database();
    let url = database.url();
    let nodes = join_all((1..=6).map(|epoch| open_with_epoch(&url, epoch))).await;
    let user = register(&nodes[0], 1).await;
    let heads = try_join_all(nodes.iter().map(|node| node.head(user))).await;
    let epochs: BTreeSet<_> = heads
        .unwrap()
        .into_iter()
        .map(|head| head.unwrap().epoch.get())
        .collect();
    assert_eq!(epochs.len(), 1, "{epochs:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_write_at_once_give_out_each_position_once() {
    const EACH: u8 = 40;
    let database = PostgresServer::shared().database();
    let url = database.url();
    let nodes = [open(&url).await, open(&url).await];
    let user = register(&nodes[0], 1).await;
    let writes = (0..2 * EACH).map(|number| {
        let node = &nodes[usize::from(number % 2)];
        make_habit(node, user, u128::from(number) + 1)
    });
    let written = try_join_all(writes).await.unwrap();
    let positions: BTreeSet<_> = written.iter().map(|one| one.head.seq.get()).collect();
    assert!(positions.into_iter().eq(1..=i64::from(2 * EACH)));
    let query = DeltaQuery {
        since: Since::Position(Seq::ZERO),
        scope: Scope::Everything,
        limit: None,
    };
    let page = nodes[1].delta(user, query).await.unwrap().unwrap();
    assert_eq!(page.records.len(), usize::from(2 * EACH));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_claim_at_once_get_different_jobs() {
    let database = PostgresServer::shared().database();
    let url = database.url();
    let nodes = [open(&url).await, open(&url).await];
    let mut jobs = 0;
    for number in 1..=10 {
        let user = register(&nodes[0], number).await;
        for habit in 1..=3 {
            make_habit(&nodes[0], user, habit).await.unwrap();
            jobs += 1;
        }
    }
    let mut claimed = Vec::new();
    while claimed.len() < jobs {
        let claims = nodes.iter().map(|node| node.claim_streaks(noon(), 4));
        for claim in try_join_all(claims).await.unwrap().into_iter().flatten() {
            claimed.extend(claim.jobs.iter().map(|job| (claim.user, job.habit)));
        }
    }
    let different: BTreeSet<_> = claimed.iter().collect();
    assert_eq!(different.len(), claimed.len());
}
