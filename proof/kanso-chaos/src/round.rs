//! A scenario that runs: the fleet, the devices that write, and the result so far.

use tokio::time::Instant;

use crate::api::ApiClient;
use crate::fleet::{Fleet, Topology};
use crate::load::Load;
use crate::report::ReportRow;
use crate::setup::Setup;
use crate::verify::verify;

/// A scenario that runs.
pub(crate) struct Round {
    pub(crate) fleet: Fleet,
    pub(crate) api: ApiClient,
    pub(crate) load: Load,
    pub(crate) row: ReportRow,
    /// Failures of requests that the scenario allows; `None` allows all.
    allowed_failures: Option<&'static [&'static str]>,
    began: Instant,
}

impl Round {
    /// Starts the fleet and the devices, and waits for the first `setup.between` operations, so
    /// that the first fault meets a system under load.
    pub(crate) async fn begin(
        setup: &Setup,
        topology: Topology,
        fault: &str,
    ) -> anyhow::Result<Self> {
        let began = Instant::now();
        let fleet = Fleet::start(setup, topology).await?;
        let api = fleet.api()?;
        let load = Load::start(&api, setup.size, fleet.acknowledged_log()?).await?;
        load.progress.wait_for_more(setup.between).await?;
        Ok(Self {
            fleet,
            api,
            load,
            row: ReportRow {
                fault: fault.to_owned(),
                ..ReportRow::default()
            },
            allowed_failures: None,
            began,
        })
    }

    /// Allows no request to fail: devices must not notice the fault.
    pub(crate) const fn allow_no_failures(&mut self) {
        self.allowed_failures = Some(&[]);
    }

    /// Allows requests to fail only in these ways, such as `503 unavailable`.
    pub(crate) const fn allow_only(&mut self, failures: &'static [&'static str]) {
        self.allowed_failures = Some(failures);
    }

    /// Waits until this many more operations are acknowledged.
    pub(crate) async fn wait_for_more(&self, operations: u64) -> anyhow::Result<()> {
        self.load.progress.wait_for_more(operations).await
    }

    /// Waits for the first acknowledged push that was sent after this call, and adds the time as a
    /// recovery.
    pub(crate) async fn wait_for_recovery(&mut self) -> anyhow::Result<()> {
        let since = Instant::now();
        self.load.progress.wait_for_push_after(since).await?;
        self.row.recovered_in(since.elapsed());
        Ok(())
    }

    /// Stops the devices, runs the checks and stops the fleet.
    pub(crate) async fn end(mut self) -> anyhow::Result<ReportRow> {
        let progress = std::sync::Arc::clone(&self.load.progress);
        let finished = self.load.finish().await?;
        for error in finished.errors {
            self.row.wrong(error);
        }
        self.row.acknowledged = progress.acknowledged();
        self.row.unknown = progress.once_unknown();
        // Read before the checks, whose own requests are not part of the load.
        self.row.failed_requests = self.api.failures().total();
        self.row.failures = self.api.failures().kinds();
        add_forbidden_failures(&mut self.row, self.allowed_failures);
        let violations = verify(&self.api, finished.devices, finished.log).await?;
        self.row.add_violations(violations);
        self.fleet.stop().await?;
        self.row.seconds = self.began.elapsed().as_secs_f64();
        Ok(self.row)
    }
}

fn add_forbidden_failures(row: &mut ReportRow, allowed: Option<&[&str]>) {
    let Some(allowed) = allowed else {
        return;
    };
    for (failure, count) in row.failures.clone() {
        if !allowed.contains(&failure.as_str()) {
            row.wrong(format!("{count} requests failed: {failure}"));
        }
    }
}
