//! People whose devices write until they are told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::device::Device;
use crate::ledger::{Ledger, Pen};
use crate::person::{PATIENCE, Person};
use crate::wire::Wire;

/// How much is written.
#[derive(Clone, Copy, Debug)]
pub struct LoadSize {
    /// People.
    pub people: u32,
    /// Devices of each.
    pub devices: u32,
    /// Operations in a push.
    pub batch: usize,
    /// How long a device rests between two pushes.
    pub rest: Duration,
}

/// What the devices have reached so far.
#[derive(Debug, Default)]
pub struct Gauge {
    acknowledged: AtomicU64,
    unknown: AtomicU64,
    /// When the newest push that was acknowledged was sent.
    newest: std::sync::Mutex<Option<Instant>>,
}

impl Gauge {
    pub(crate) fn acknowledged(&self, operations: usize, was_unknown: bool, sent: Instant) {
        let operations = operations as u64;
        self.acknowledged.fetch_add(operations, Ordering::Relaxed);
        if was_unknown {
            self.unknown.fetch_add(operations, Ordering::Relaxed);
        }
        let mut newest = self.lock();
        *newest = (*newest).max(Some(sent));
    }

    /// Operations that were acknowledged.
    pub fn total(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Those of them of which a device once did not know whether they had been carried out.
    pub fn once_unknown(&self) -> u64 {
        self.unknown.load(Ordering::Relaxed)
    }

    /// Waits until a push is acknowledged that was sent after `since`.
    ///
    /// # Errors
    /// None is within [`PATIENCE`].
    pub async fn writes_again(&self, since: Instant) -> anyhow::Result<()> {
        let is_later = async {
            while self.lock().is_none_or(|newest| newest <= since) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = timeout(PATIENCE, is_later).await;
        waited.context("nothing was written again")
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        let newest = self.newest.lock();
        newest.unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Devices that write.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    running: JoinSet<anyhow::Result<Device>>,
    ledger: Ledger,
    /// What they have reached.
    pub gauge: Arc<Gauge>,
}

impl Load {
    /// Lets people join and their devices begin to write.
    ///
    /// # Errors
    /// Somebody cannot join.
    pub async fn start(wire: &Wire, size: LoadSize, ledger: Ledger) -> anyhow::Result<Self> {
        let mut load = Self {
            stop: Arc::default(),
            running: JoinSet::new(),
            ledger,
            gauge: Arc::default(),
        };
        for number in 0..size.people {
            let person = Arc::new(Person::join(wire, number).await?);
            let today = person.today(wire).await?;
            let mut first = Device::first(&person, number * size.devices, today);
            first.share(wire, &load.ledger.pen(), &load.gauge).await?;
            for beside in 1..size.devices {
                let device = first.beside(number * size.devices + beside);
                load.run(device, wire, size);
            }
            load.run(first, wire, size);
        }
        Ok(load)
    }

    fn run(&mut self, mut device: Device, wire: &Wire, size: LoadSize) {
        let (stop, pen) = (Arc::clone(&self.stop), self.ledger.pen());
        let (gauge, wire) = (Arc::clone(&self.gauge), wire.clone());
        self.running.spawn(async move {
            // What it writes builds on what is there.
            device.pull(&wire).await?;
            while !stop.load(Ordering::Relaxed) {
                write(&mut device, size, &wire, &pen, &gauge).await?;
            }
            Ok(device)
        });
    }

    /// Waits until so many operations more are acknowledged.
    ///
    /// # Errors
    /// They are not within [`PATIENCE`].
    pub async fn goes_on_for(&self, operations: u64) -> anyhow::Result<()> {
        let goal = self.gauge.total() + operations;
        let reached = async {
            while self.gauge.total() < goal {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = timeout(PATIENCE, reached).await;
        waited.with_context(|| format!("{operations} more operations were not acknowledged"))
    }

    /// Lets each device finish its push, and gives back the devices and the ledger. What kept a
    /// device from going on is given back in words.
    ///
    /// # Errors
    /// A device does not come to an end.
    pub async fn finish(mut self) -> anyhow::Result<(Vec<Device>, Ledger, Vec<String>)> {
        self.stop.store(true, Ordering::Relaxed);
        let (mut devices, mut stuck) = (Vec::new(), Vec::new());
        let all = async {
            while let Some(ended) = self.running.join_next().await {
                match ended? {
                    Ok(device) => devices.push(device),
                    Err(error) => stuck.push(format!("a device stopped: {error:#}")),
                }
            }
            anyhow::Ok(())
        };
        let ended = timeout(2 * PATIENCE, all).await;
        ended.context("a device does not come to an end")??;
        Ok((devices, self.ledger, stuck))
    }
}

async fn write(
    device: &mut Device,
    size: LoadSize,
    wire: &Wire,
    pen: &Pen,
    gauge: &Gauge,
) -> anyhow::Result<()> {
    device.work(size.batch, wire, pen, gauge).await?;
    if !size.rest.is_zero() {
        sleep(size.rest).await;
    }
    Ok(())
}
