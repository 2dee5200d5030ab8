//! Three servers behind nginx keep the wire contract.

use kanso_chaos::fleet::{Fleet, Topology};
use kanso_conformance::{ServerUnderTest, catalogue, run};

use crate::setup;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_behind_nginx_keep_the_contract() {
    let topology = Topology {
        shared_by: 3,
        has_redis: true,
        has_nginx: true,
        ..Topology::default()
    };
    let mut fleet = Fleet::start(&setup(0), topology).await.unwrap();
    let nginx = fleet.nginx.as_ref().expect("the topology has nginx");
    let server = ServerUnderTest::connect(&nginx.url()).await.unwrap();
    let cases = catalogue();
    let report = run(&server, &cases, |_| {}).await;
    assert_eq!(report.failed(), 0, "{report}");
    assert_eq!(report.results.len(), cases.len());
    fleet.stop().await.unwrap();
}
