//! Devices that write until the round stops them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::account::{AccountSession, DEADLINE};
use crate::acknowledged::{AcknowledgedLog, LogWriter};
use crate::api::ApiClient;
use crate::device::WritingDevice;
use crate::progress::WriteProgress;
use crate::setup::LoadSize;

/// Devices that write.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    running: JoinSet<anyhow::Result<WritingDevice>>,
    log: AcknowledgedLog,
    /// Counters of the devices.
    pub progress: Arc<WriteProgress>,
}

/// Devices after their last push.
#[derive(Debug)]
pub struct FinishedLoad {
    /// Devices that reached the end.
    pub devices: Vec<WritingDevice>,
    /// Log of their acknowledged operations.
    pub log: AcknowledgedLog,
    /// Errors of the devices that ended early.
    pub errors: Vec<String>,
}

impl Load {
    /// Registers the accounts and starts their devices.
    ///
    /// # Errors
    /// An account cannot be registered, or its shared records cannot be created.
    pub async fn start(
        api: &ApiClient,
        size: LoadSize,
        log: AcknowledgedLog,
    ) -> anyhow::Result<Self> {
        let mut load = Self {
            stop: Arc::default(),
            running: JoinSet::new(),
            log,
            progress: Arc::default(),
        };
        for number in 0..size.people {
            let account = Arc::new(AccountSession::register(api, number).await?);
            let today = account.today(api).await?;
            let mut first = WritingDevice::first(&account, number * size.devices, today);
            // The other devices edit the shared records, so these must exist before they start.
            first
                .create_shared(api, &load.log.writer(), &load.progress)
                .await?;
            for beside in 1..size.devices {
                let device = first.beside(number * size.devices + beside);
                load.run(device, api, size);
            }
            load.run(first, api, size);
        }
        Ok(load)
    }

    fn run(&mut self, mut device: WritingDevice, api: &ApiClient, size: LoadSize) {
        let (stop, log) = (Arc::clone(&self.stop), self.log.writer());
        let (progress, api) = (Arc::clone(&self.progress), api.clone());
        self.running.spawn(async move {
            // Edits need the versions of the shared records.
            device.pull(&api).await?;
            while !stop.load(Ordering::Relaxed) {
                write(&mut device, size, &api, &log, &progress).await?;
            }
            Ok(device)
        });
    }

    /// Stops the devices after the push that each of them has begun.
    ///
    /// # Errors
    /// A device does not end within twice [`DEADLINE`]: one for its push, one for a new login in
    /// between.
    pub async fn finish(mut self) -> anyhow::Result<FinishedLoad> {
        self.stop.store(true, Ordering::Relaxed);
        // A device that failed is a finding and not an error: its account is still checked by the others.
        let (mut devices, mut errors) = (Vec::new(), Vec::new());
        let all = async {
            while let Some(ended) = self.running.join_next().await {
                match ended? {
                    Ok(device) => devices.push(device),
                    Err(error) => errors.push(format!("a device stopped: {error:#}")),
                }
            }
            anyhow::Ok(())
        };
        let ended = timeout(2 * DEADLINE, all).await;
        ended.context("a device does not end")??;
        Ok(FinishedLoad {
            devices,
            log: self.log,
            errors,
        })
    }
}

async fn write(
    device: &mut WritingDevice,
    size: LoadSize,
    api: &ApiClient,
    log: &LogWriter,
    progress: &WriteProgress,
) -> anyhow::Result<()> {
    device.write(size.batch, api, log, progress).await?;
    if !size.rest.is_zero() {
        sleep(size.rest).await;
    }
    Ok(())
}
