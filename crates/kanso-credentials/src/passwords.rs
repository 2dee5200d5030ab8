//! Passwords: Argon2id (RFC 9106) with a bounded number of hashes at a time.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Block, Params, PasswordVerifier as _, Version};
use async_trait::async_trait;
use kanso_application::ports::credentials::{PasswordCheck, PasswordFault, Passwords};
use kanso_domain::accounts::{Password, PasswordHash};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::entropy::Entropy;

/// Argon2id parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Number of passes over the memory.
    pub passes: u32,
    /// Number of lanes.
    pub lanes: u32,
}

impl HashCost {
    /// OWASP's minimum for Argon2id: 19 MiB, two passes, one lane. A hash takes about 25 ms.
    //
    // A stored hash records its parameters, so a later increase upgrades each account at its next login.
    pub const RECOMMENDED: Self = Self {
        memory_kib: 19 * 1024,
        passes: 2,
        lanes: 1,
    };
}

/// Limits on concurrent hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Number of hashes at a time. More than there are cores only use more memory.
    pub workers: usize,
    /// Number of waiting hashes. Further calls fail with [`PasswordFault::Busy`].
    pub waiting: usize,
}

impl Queue {
    /// Returns one worker for each core, and 64 waiting hashes.
    pub fn for_this_machine() -> Self {
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            workers,
            waiting: 64,
        }
    }
}

/// Hashes with Argon2id on the blocking threads of the runtime.
pub struct Argon2Passwords {
    hasher: Arc<Hasher>,
    /// Permits for running and waiting hashes.
    places: Arc<Semaphore>,
    /// Permits for running hashes.
    workers: Arc<Semaphore>,
}

struct Hasher {
    argon2: Argon2<'static>,
    entropy: Arc<dyn Entropy>,
    /// Free work memory, at most one for each worker.
    //
    // Reused, because freed blocks of 19 MiB stay with the allocator, which splits them up: the
    // process would grow with every burst of logins.
    memory: Mutex<Vec<Vec<Block>>>,
    /// Hash of a random password, checked for accounts that do not exist.
    dummy: PasswordHash,
}

impl Argon2Passwords {
    /// Makes a hasher. It computes one hash at once, the dummy.
    ///
    /// # Errors
    /// The cost is not valid for Argon2.
    pub fn new(
        cost: HashCost,
        queue: Queue,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, PasswordFault> {
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, None).map_err(broken)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut password = [0; 32];
        entropy.fill(&mut password);
        let mut hasher = Hasher {
            argon2,
            entropy,
            memory: Mutex::default(),
            dummy: PasswordHash::new(String::new()),
        };
        hasher.dummy = hasher.hash(&password)?;
        let workers = queue.workers.max(1);
        Ok(Self {
            hasher: Arc::new(hasher),
            places: Arc::new(Semaphore::new(workers + queue.waiting)),
            workers: Arc::new(Semaphore::new(workers)),
        })
    }

    /// Waits for a worker and runs `work` on it. A cancelled caller leaves the queue, but work that has
    /// begun keeps its permit until it is done: a core is not free before.
    async fn with_worker<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Hasher) -> Result<T, PasswordFault> + Send + 'static,
    ) -> Result<T, PasswordFault> {
        // The first permit never waits: a full queue is refused at once, so that a flood of logins does not
        // pile up requests that time out anyway.
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| PasswordFault::Busy)?;
        let worker = Arc::clone(&self.workers)
            .acquire_owned()
            .await
            .map_err(broken)?;
        let permits: (OwnedSemaphorePermit, OwnedSemaphorePermit) = (place, worker);
        let hasher = Arc::clone(&self.hasher);
        let done = tokio::task::spawn_blocking(move || {
            let result = work(&hasher);
            drop(permits);
            result
        });
        done.await.map_err(broken)?
    }
}

impl Hasher {
    fn hash(&self, password: &[u8]) -> Result<PasswordHash, PasswordFault> {
        // 16 bytes, as RFC 9106 §3.1 recommends.
        let mut salt = [0; 16];
        self.entropy.fill(&mut salt);
        let hash = phc::PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: self.params()?,
            salt: Some(phc::Salt::new(&salt).map_err(broken)?),
            hash: Some(self.output(password, &salt)?),
        };
        Ok(PasswordHash::new(hash.to_string()))
    }

    fn params(&self) -> Result<phc::ParamsString, PasswordFault> {
        phc::ParamsString::try_from(self.argon2.params()).map_err(broken)
    }

    /// Computes Argon2id of `password` and `salt`.
    fn output(&self, password: &[u8], salt: &[u8]) -> Result<phc::Output, PasswordFault> {
        let mut memory = self.memory().pop().unwrap_or_default();
        memory.resize(self.argon2.params().block_count(), Block::default());
        let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
        let hashed =
            self.argon2
                .hash_password_into_with_memory(password, salt, &mut output, &mut memory);
        self.memory().push(memory);
        hashed.map_err(broken)?;
        phc::Output::new(&output).map_err(broken)
    }

    fn memory(&self) -> MutexGuard<'_, Vec<Vec<Block>>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(
        &self,
        password: &Password,
        stored: &PasswordHash,
    ) -> Result<PasswordCheck, PasswordFault> {
        let parsed = phc::PasswordHash::new(stored.as_str()).map_err(broken)?;
        let mut is_right = self.is_right(password.expose(), &parsed)?;
        // Release 0.1.0 hashed the text as it was typed.
        let mut is_as_typed = false;
        if let (false, Some(typed)) = (is_right, password.expose_typed()) {
            is_as_typed = self.is_right(typed, &parsed)?;
            is_right = is_as_typed;
        }
        if !is_right {
            return Ok(PasswordCheck::Wrong);
        }
        if is_as_typed || self.is_weaker(&parsed)? {
            return Ok(PasswordCheck::RightRehashed(self.hash(password.expose())?));
        }
        Ok(PasswordCheck::Right)
    }

    fn is_right(&self, password: &[u8], stored: &phc::PasswordHash) -> Result<bool, PasswordFault> {
        let is_current = stored.algorithm == Algorithm::Argon2id.ident()
            && stored.version == Some(Version::V0x13.into())
            && stored.params == self.params()?;
        // With the current parameters the hash is computed here, in reused memory. `verify_password` below
        // allocates its own and handles all older parameters.
        if let (true, Some(salt), Some(hash)) = (is_current, stored.salt, stored.hash) {
            // `phc::Output` compares in constant time.
            return Ok(self.output(password, salt.as_ref())? == hash);
        }
        match self.argon2.verify_password(password, stored) {
            Ok(()) => Ok(true),
            Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(broken(error)),
        }
    }

    /// Returns true if guessing against `stored` costs an attacker less than against a new hash.
    fn is_weaker(&self, stored: &phc::PasswordHash) -> Result<bool, PasswordFault> {
        let params = Params::try_from(stored).map_err(broken)?;
        let work = |params: &Params| u64::from(params.m_cost()) * u64::from(params.t_cost());
        let is_same_function = stored.algorithm == Algorithm::Argon2id.ident()
            && stored.version == Some(Version::V0x13.into());
        Ok(!is_same_function || work(&params) < work(self.argon2.params()))
    }
}

#[async_trait]
impl Passwords for Argon2Passwords {
    async fn hash(&self, password: Password) -> Result<PasswordHash, PasswordFault> {
        self.with_worker(move |hasher| hasher.hash(password.expose()))
            .await
    }

    async fn check(
        &self,
        password: Password,
        stored: Option<PasswordHash>,
    ) -> Result<PasswordCheck, PasswordFault> {
        self.with_worker(move |hasher| match stored {
            Some(stored) => hasher.check(&password, &stored),
            // An unknown account takes as long as a wrong password, so that the time of the answer does
            // not reveal which e-mail addresses have an account.
            None => hasher
                .check(&password, &hasher.dummy)
                .map(|_| PasswordCheck::Wrong),
        })
        .await
    }
}

impl fmt::Debug for Argon2Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Argon2Passwords({:?})", self.hasher.argon2.params())
    }
}

fn broken(error: impl std::error::Error + Send + Sync + 'static) -> PasswordFault {
    PasswordFault::Broken(Box::new(error))
}

#[cfg(test)]
mod tests;
