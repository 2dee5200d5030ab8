//! Several servers behind nginx keep the wire contract as one does.

use kanso_chaos::fleet::{Fleet, Plan};
use kanso_conformance::{Wire, catalogue, run};

use crate::setup;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_is_kept_by_three_servers_behind_nginx() {
    let plan = Plan {
        shared_by: 3,
        has_redis: true,
        has_nginx: true,
        ..Plan::default()
    };
    let mut fleet = Fleet::start(&setup(0), plan).await.unwrap();
    let nginx = fleet.nginx.as_ref().expect("the plan has one");
    let wire = Wire::to(&nginx.url()).await.unwrap();
    let cases = catalogue();
    let report = run(&wire, &cases, |_| {}).await;
    assert_eq!(report.failed(), 0, "{report}");
    assert_eq!(report.verdicts.len(), cases.len());
    fleet.stop().await.unwrap();
}
