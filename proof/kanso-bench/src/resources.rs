//! Processor time and memory of processes, read from /proc.

use std::fs;
use std::time::Instant;

use anyhow::Context as _;

use crate::clock::now;

/// `USER_HZ`: the unit in which Linux reports processor time. It is 100 on every architecture that
/// the server is built for.
const TICKS_A_SECOND: f64 = 100.0;

/// Resources that were used during a load.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Processor seconds of the server per second, in its own code and in the kernel.
    pub(crate) server_cores: f64,
    /// Processor seconds of the load generator per second.
    pub(crate) generator_cores: f64,
    /// Processor seconds of all other processes of the machine per second. A high value means that the
    /// figures of the run are not comparable.
    pub(crate) others_cores: f64,
    /// Resident memory of the server at the end.
    pub(crate) resident_mib: f64,
    /// Maximum of its resident memory since the beginning.
    pub(crate) peak_mib: f64,
}

/// Samples the usage of a server and of this program at the beginning and the end of a load.
#[derive(Debug)]
pub(crate) struct UsageSampler {
    pid: u32,
    began: Instant,
    machine: f64,
    server: f64,
    generator: f64,
}

impl UsageSampler {
    /// Takes the first sample, and resets the peak of the server's memory.
    pub(crate) fn begin(pid: u32) -> anyhow::Result<Self> {
        // proc_pid_clear_refs(5): 5 resets VmHWM to the current size. Without the permission the peak
        // is that of the whole process.
        fs::write(format!("/proc/{pid}/clear_refs"), "5").ok();
        Ok(Self {
            pid,
            began: now(),
            machine: busy_seconds()?,
            server: processor_seconds(&pid.to_string())?,
            generator: processor_seconds("self")?,
        })
    }

    /// Takes the last sample and returns the difference.
    pub(crate) fn end(self) -> anyhow::Result<Usage> {
        // The time that passed and not the planned one: a sleep may end late on a busy machine.
        let seconds = self.began.elapsed().as_secs_f64();
        let machine = busy_seconds()? - self.machine;
        let server = processor_seconds(&self.pid.to_string())? - self.server;
        let generator = processor_seconds("self")? - self.generator;
        let status = status(self.pid)?;
        Ok(Usage {
            server_cores: server / seconds,
            generator_cores: generator / seconds,
            // The three counters are not read at the same instant, so the rest may be below 0.
            others_cores: (machine - server - generator).max(0.0) / seconds,
            resident_mib: mebibytes(&status, "VmRSS:")?,
            peak_mib: mebibytes(&status, "VmHWM:")?,
        })
    }
}

/// Returns the resident memory of a process.
pub(crate) fn resident_mib(pid: u32) -> anyhow::Result<f64> {
    mebibytes(&status(pid)?, "VmRSS:")
}

fn status(pid: u32) -> anyhow::Result<String> {
    fs::read_to_string(format!("/proc/{pid}/status"))
        .context("cannot read /proc of the server: it has ended, or this is not Linux")
}

fn mebibytes(status: &str, name: &str) -> anyhow::Result<f64> {
    let kibibytes = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .with_context(|| format!("no {name} in /proc"))?;
    Ok(kibibytes.parse::<f64>()? / 1024.0)
}

/// Returns the processor time of all processes since the machine started.
fn busy_seconds() -> anyhow::Result<f64> {
    let stat =
        fs::read_to_string("/proc/stat").context("cannot read /proc/stat: this is not Linux")?;
    busy_ticks(&stat)
        .map(|ticks| ticks / TICKS_A_SECOND)
        .context("cannot read /proc/stat")
}

/// Sums the busy columns of the first line of `proc_stat(5)`: user, nice, system, idle, iowait, irq,
/// softirq and steal. The columns after these are guest times, which user and nice already include.
fn busy_ticks(stat: &str) -> Option<f64> {
    let all = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Result<Vec<f64>, _> = all.split_whitespace().take(8).map(str::parse).collect();
    match ticks.ok()?.as_slice() {
        &[user, nice, system, _idle, _iowait, irq, softirq, steal] => {
            Some(user + nice + system + irq + softirq + steal)
        }
        _ => None,
    }
}

fn processor_seconds(process: &str) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))
        .context("cannot read /proc of the server: it has ended, or this is not Linux")?;
    ticks(&stat)
        .map(|ticks| ticks / TICKS_A_SECOND)
        .context("cannot read /proc/…/stat")
}

/// Sums user and system time of a line of `proc_pid_stat(5)`, its fields 14 and 15. Field 2 is the
/// program's name in parentheses. The name may contain spaces and parentheses, so the fields are
/// counted from the last parenthesis.
fn ticks(stat: &str) -> Option<f64> {
    let (_, from_third) = stat.rsplit_once(')')?;
    let mut fields = from_third.split_whitespace().skip(14 - 3);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_after_any_program_name() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 4 0 1 2";
        assert_eq!(ticks(stat), Some(300.0));
        assert_eq!(ticks("7 (a) S 1"), None);
    }

    #[test]
    fn idle_and_iowait_are_not_busy_time() {
        let stat = "cpu  100 10 50 9000 400 3 2 1 70 0\ncpu0 1 1 1 1\n";
        assert_eq!(busy_ticks(stat), Some(166.0));
        assert_eq!(busy_ticks("cpu0 1 1"), None);
    }

    #[test]
    fn memory_is_converted_to_mebibytes() {
        let status = "Name:\tkanso\nVmHWM:\t    2048 kB\nVmRSS:\t    1536 kB\n";
        assert_eq!(mebibytes(status, "VmRSS:").ok(), Some(1.5));
        assert!(mebibytes(status, "VmSwap:").is_err());
    }
}
