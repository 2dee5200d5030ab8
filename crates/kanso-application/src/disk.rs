//! The disk guard: stops what fills the disk before the disk is full.
//!
//! A full disk stops every write, also the deletions that would make room, and a database may need space
//! to recover. So the server stops earlier, in two steps: registrations first, then every write of records
//! but deletions. Reads, log-ins and upkeep go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::Outcome;
use crate::ports::free_space::{DiskSpace, FreeSpace};

/// Free space that the server leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskReserve {
    /// 256 MiB, or a twentieth of a file system that is smaller than 5 GiB.
    Standard,
    /// This number of bytes.
    Bytes(u64),
    /// This share of the file system, in percent.
    Percent(u8),
}

impl DiskReserve {
    /// The reserve of a server without a setting: 256 MiB, or a twentieth of a smaller file system. A
    /// small volume would otherwise count as full although most of it is free.
    fn standard(total: u64) -> u64 {
        (256 << 20).min(total / 20)
    }

    fn bytes(self, total: u64) -> u64 {
        match self {
            Self::Standard => Self::standard(total),
            Self::Bytes(bytes) => bytes,
            // Divided first: the product could exceed the range.
            Self::Percent(percent) => (total / 100).saturating_mul(percent.into()),
        }
    }
}

/// State of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum DiskLevel {
    /// There is room, or the free space is not known.
    #[default]
    Enough,
    /// Less than twice the reserve is free: no account is registered.
    Low,
    /// Less than the reserve is free: no record is written either.
    Full,
}

impl DiskLevel {
    const ALL: [Self; 3] = [Self::Enough, Self::Low, Self::Full];

    /// Returns the stable name of the state. The log and the protocol use it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enough => "enough",
            Self::Low => "low",
            Self::Full => "full",
        }
    }

    /// Returns the state with `free` bytes, if it was `before`.
    ///
    /// A state ends only once an eighth more is free than the bound at which it began. Otherwise it could
    /// change with every write.
    fn next(before: Self, free: u64, reserve: u64) -> Self {
        let bound = |level: Self| {
            let bound = match level {
                Self::Enough => return true,
                Self::Low => reserve.saturating_mul(2),
                Self::Full => reserve,
            };
            let margin = if before >= level { bound / 8 } else { 0 };
            free < bound.saturating_add(margin)
        };
        let reached = Self::ALL.into_iter().filter(|&level| bound(level));
        reached.max().unwrap_or_default()
    }
}

/// Result of one look at the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskCheck {
    /// Space of the file system.
    pub space: DiskSpace,
    /// State from now on.
    pub level: DiskLevel,
    /// True if the state was another one before.
    pub has_changed: bool,
}

/// The disk guard. Clones share its state. The default knows no disk and stops nothing.
///
/// ```
/// use std::sync::Arc;
///
/// use async_trait::async_trait;
/// use kanso_application::disk::{DiskGuard, DiskLevel, DiskReserve};
/// use kanso_application::ports::free_space::{DiskSpace, FreeSpace};
/// use kanso_application::ports::storage::StorageError;
///
/// struct Nearly(u64);
///
/// #[async_trait]
/// impl FreeSpace for Nearly {
///     async fn space(&self) -> Result<DiskSpace, StorageError> {
///         Ok(DiskSpace { free_bytes: self.0, total_bytes: 1_000 })
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let guard = DiskGuard::new(Arc::new(Nearly(150)), DiskReserve::Percent(10));
/// assert_eq!(guard.level(), DiskLevel::Enough);
/// guard.check().await?;
/// assert_eq!(guard.level(), DiskLevel::Low);
/// # Ok::<(), kanso_application::Fault>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct DiskGuard {
    disk: Option<(Arc<dyn FreeSpace>, DiskReserve)>,
    /// Place of the state in [`DiskLevel::ALL`].
    level: Arc<AtomicU8>,
}

impl DiskGuard {
    /// Returns the guard of the disk behind `space`.
    pub fn new(space: Arc<dyn FreeSpace>, reserve: DiskReserve) -> Self {
        Self {
            disk: Some((space, reserve)),
            level: Arc::default(),
        }
    }

    /// Looks at the disk and keeps its state; `None` if there is no disk to look at, or it does not know
    /// its size.
    ///
    /// # Errors
    /// The free space cannot be read. The state stays as it is.
    pub async fn check(&self) -> Outcome<Option<DiskCheck>> {
        let Some((disk, reserve)) = &self.disk else {
            return Ok(None);
        };
        let space = disk.space().await?;
        let before = self.level();
        // Some file systems do not know their size.
        if space.total_bytes == 0 {
            return Ok(None);
        }
        let level = DiskLevel::next(before, space.free_bytes, reserve.bytes(space.total_bytes));
        self.level.store(level as u8, Ordering::Relaxed);
        Ok(Some(DiskCheck {
            space,
            level,
            has_changed: level != before,
        }))
    }

    /// Returns the state of the disk as of the last look at it.
    pub fn level(&self) -> DiskLevel {
        let place = usize::from(self.level.load(Ordering::Relaxed));
        DiskLevel::ALL.get(place).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_ends_with_more_room_than_it_began_with() {
        use DiskLevel::{Enough, Full, Low};
        for (before, free, after) in [
            (Enough, 200, Enough),
            (Enough, 199, Low),
            (Enough, 99, Full),
            (Low, 224, Low),
            (Low, 225, Enough),
            (Low, 100, Low),
            (Low, 99, Full),
            (Full, 111, Full),
            (Full, 112, Low),
            (Full, 225, Enough),
        ] {
            assert_eq!(
                DiskLevel::next(before, free, 100),
                after,
                "{before:?} {free}"
            );
        }
    }

    #[test]
    fn a_share_is_one_of_the_whole_file_system() {
        assert_eq!(
            DiskReserve::Percent(5).bytes(u64::MAX) / 1_000,
            u64::MAX / 20_000
        );
        assert_eq!(DiskReserve::Percent(100).bytes(1_000), 1_000);
        assert_eq!(DiskReserve::Bytes(7).bytes(1_000), 7);
        assert_eq!(DiskReserve::Standard.bytes(1 << 30), (1 << 30) / 20);
        assert_eq!(DiskReserve::Standard.bytes(1 << 40), 256 << 20);
    }
}
