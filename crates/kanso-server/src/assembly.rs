//! Builds the use cases, the router and the workers of a server from its ports.
//!
//! [`assemble`] is the only place that connects them. The program calls it with real adapters
//! (`wiring.rs`), the simulation with simulated ones, so both run the same server.

use std::sync::Arc;

use axum::Router;
use kanso_application::RecordPorts;
use kanso_application::accounts::{AccountPorts, Accounts};
use kanso_application::devices::Devices;
use kanso_application::disk::DiskGuard;
use kanso_application::entries::Entries;
use kanso_application::habits::Habits;
use kanso_application::health::Health;
use kanso_application::housekeeping::Housekeeping;
use kanso_application::live::Live;
use kanso_application::ports::admission::InvitationCodes;
use kanso_application::ports::answers::AnswerCache;
use kanso_application::ports::clock::Clock;
use kanso_application::ports::credentials::{
    AccessTokens, DeviceProofs, Passwords, Pseudonyms, RefreshTokens,
};
use kanso_application::ports::evict::Evict;
use kanso_application::ports::feed::Feed;
use kanso_application::ports::ids::Ids;
use kanso_application::ports::limiter::RateLimiter;
use kanso_application::ports::shared_service::SharedService;
use kanso_application::ports::storage::Storage;
use kanso_application::ports::stream_slots::SharedStreamSlots;
use kanso_application::ports::throttle::LoginThrottle;
use kanso_application::ports::tickets::{TicketStore, TicketTokens};
use kanso_application::quotas::Quotas;
use kanso_application::replicas::Replicas;
use kanso_application::security::Security;
use kanso_application::stats::Stats;
use kanso_application::streaks::Streaks;
use kanso_application::sync::Sync;
use kanso_application::tickets::Tickets;
use kanso_credentials::{
    Entropy, HmacDeviceProofs, HmacPseudonyms, HmacRefreshTokens, JwtTokens, RandomInvitations,
    RandomTickets, SigningKey, TokenRules,
};
use kanso_domain::sessions::SessionLimits;
use kanso_domain::sync::Quota;
use kanso_local::LocalWorkSignal;
use kanso_worker::WorkerSchedule;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Adapters behind every port of a server.
pub struct ServerPorts {
    /// Storage of accounts and records.
    pub storage: Arc<dyn Storage>,
    /// Source of the current time.
    pub clock: Arc<dyn Clock>,
    /// Source of new ids.
    pub ids: Arc<dyn Ids>,
    /// Notices of new heads, between requests and between servers.
    pub feed: Arc<dyn Feed>,
    /// Passwords and tokens.
    pub credentials: CredentialPorts,
    /// Limit on password guesses.
    pub throttle: Arc<dyn LoginThrottle>,
    /// Tickets that are issued and not used yet.
    pub tickets: Arc<dyn TicketStore>,
    /// Request counts by address.
    pub limiter: Arc<dyn RateLimiter>,
    /// In-process stores from which a worker evicts expired entries.
    pub evictable: Vec<Arc<dyn Evict>>,
    /// Services that several servers share.
    pub shared: SharedPorts,
    /// Guard of the disk of the storage.
    pub disk: DiskGuard,
}

/// Services that several servers share. A server that runs alone has none of them.
#[derive(Clone, Default)]
pub struct SharedPorts {
    /// Cache of computed statistics.
    pub answers: Option<Arc<dyn AnswerCache>>,
    /// Count of a user's event streams over all servers.
    pub stream_slots: Option<Arc<dyn SharedStreamSlots>>,
    /// Service whose availability the health report shows.
    pub service: Option<Arc<dyn SharedService>>,
}

/// Keys of access tokens.
pub struct SigningKeys {
    /// Key that signs new tokens.
    pub current: SigningKey,
    /// Earlier keys, whose tokens are still accepted.
    pub former: Vec<SigningKey>,
}

/// Passwords, tokens and tickets of a server.
pub struct CredentialPorts {
    /// Hashes and verifies passwords.
    pub passwords: Arc<dyn Passwords>,
    /// Signs and verifies access tokens.
    pub access_tokens: Arc<dyn AccessTokens>,
    /// Makes refresh tokens and reads presented ones.
    pub refresh_tokens: Arc<dyn RefreshTokens>,
    /// Makes device proofs and verifies presented ones.
    pub device_proofs: Arc<dyn DeviceProofs>,
    /// Makes tickets and reads presented ones.
    pub ticket_tokens: Arc<dyn TicketTokens>,
    /// Makes invitation codes and reads presented ones.
    pub invitation_codes: Arc<dyn InvitationCodes>,
    /// Names e-mail addresses in the log.
    pub pseudonyms: Arc<dyn Pseudonyms>,
    /// Public keys that verify access tokens (RFC 7517 §5).
    pub jwks: serde_json::Value,
}

impl CredentialPorts {
    /// Tokens of `issuer`, signed with `keys`.
    pub fn new(
        keys: SigningKeys,
        issuer: &str,
        passwords: Arc<dyn Passwords>,
        ids: &Arc<dyn Ids>,
        entropy: &Arc<dyn Entropy>,
    ) -> Self {
        let SigningKeys { current, former } = keys;
        // Built first: `JwtTokens` takes the key that this one is derived from.
        let refresh_tokens = HmacRefreshTokens::new(&current, &former, Arc::clone(entropy));
        let device_proofs = HmacDeviceProofs::new(&current, &former);
        let pseudonyms = HmacPseudonyms::new(&current);
        let rules = TokenRules::of(issuer);
        let access_tokens = JwtTokens::new(current, former, rules, Arc::clone(ids));
        Self {
            passwords,
            jwks: access_tokens.jwks(),
            access_tokens: Arc::new(access_tokens),
            refresh_tokens: Arc::new(refresh_tokens),
            device_proofs: Arc::new(device_proofs),
            pseudonyms: Arc::new(pseudonyms),
            ticket_tokens: Arc::new(RandomTickets::new(Arc::clone(entropy))),
            invitation_codes: Arc::new(RandomInvitations::new(Arc::clone(entropy))),
        }
    }
}

/// Settings of an assembled server.
#[derive(Clone, Debug)]
pub struct AssemblyOptions {
    /// Settings of the router. Its retention is also the one of the purge worker.
    pub http: kanso_http::Options,
    /// Bounds of every account.
    pub quota: Quota,
    /// Bounds of the sessions of an account.
    pub sessions: SessionLimits,
    /// Most devices of an account.
    pub most_devices: u32,
    /// Intervals of the workers; `None` starts no workers.
    pub workers: Option<WorkerSchedule>,
    /// True if other servers write to the same storage, or a commit can have an unknown outcome:
    /// then a worker sweeps the storage for heads that the feed did not report.
    pub sweeps_storage: bool,
    /// Records in a piece of a snapshot; `None` for the default of the use case.
    pub snapshot_piece: Option<u32>,
}

/// A server that is ready to answer requests.
pub struct Assembly {
    /// Answers requests.
    pub router: Router,
    /// Write transactions that continue after their request ended.
    pub writes: TaskTracker,
    /// Worker loops, already running. They end when the draining begins.
    pub workers: TaskTracker,
    /// Devices and their sightings that are not stored yet.
    pub devices: Devices,
    /// Removes expired receipts and tombstones.
    pub housekeeping: Housekeeping,
}

/// Builds a server from `ports` and starts its workers on the runtime of the caller.
///
/// Readiness answers 503 and the workers end once `draining` is cancelled.
pub fn assemble(
    ports: ServerPorts,
    options: AssemblyOptions,
    draining: &CancellationToken,
) -> Assembly {
    // The work signal stays in the process. Jobs that another server queued are found by the poll of
    // the worker, within a second.
    let wake = LocalWorkSignal::new();
    let storage = || Arc::clone(&ports.storage);
    let clock = || Arc::clone(&ports.clock);
    let records = RecordPorts {
        storage: storage(),
        clock: clock(),
        ids: Arc::clone(&ports.ids),
        wake: Arc::new(wake.clone()),
        feed: Arc::clone(&ports.feed),
        quota: options.quota,
        disk: ports.disk.clone(),
    };
    let loops = Loops {
        streaks: Streaks::over(&records),
        live: Live::new(storage(), Arc::clone(&ports.feed)),
        // Clones share the sightings: requests record them in one, the upkeep loop stores them from
        // the other.
        devices: Devices::new(storage(), clock()).with_most(options.most_devices),
        security: Security::new(
            storage(),
            clock(),
            Arc::clone(&ports.ids),
            Arc::clone(&ports.credentials.pseudonyms),
        ),
        housekeeping: Housekeeping::new(storage(), clock(), options.http.retention),
    };
    let workers = match options.workers {
        Some(schedule) => {
            let workers = loops.start(&wake, draining, schedule);
            kanso_worker::start_disk_watch(&workers, ports.disk.clone(), draining);
            kanso_worker::start_eviction(&workers, ports.evictable.clone(), draining);
            // A sweep reads the heads of all users with open streams every two seconds. Only a
            // storage with other writers is worth that.
            if options.sweeps_storage {
                let live = loops.live.clone();
                kanso_worker::start_sweep(&workers, live, draining, schedule.sweep);
            }
            workers
        }
        // An empty tracker: a shutdown that waits for it returns at once.
        None => TaskTracker::new(),
    };
    // The router spawns each write here, and the shutdown waits for them.
    let writes = TaskTracker::new();
    let (devices, housekeeping) = (loops.devices.clone(), loops.housekeeping.clone());
    let (http, piece, sessions) = (options.http, options.snapshot_piece, options.sessions);
    let routes = http_parts(ports, records, loops, (piece, sessions, &writes, draining));
    Assembly {
        router: kanso_http::router(routes, http),
        writes,
        workers,
        devices,
        housekeeping,
    }
}

/// Use cases that the workers run. The router shares them, except for the housekeeping.
struct Loops {
    streaks: Streaks,
    live: Live,
    devices: Devices,
    security: Security,
    housekeeping: Housekeeping,
}

impl Loops {
    fn start(
        &self,
        wake: &LocalWorkSignal,
        draining: &CancellationToken,
        schedule: WorkerSchedule,
    ) -> TaskTracker {
        let workers = kanso_worker::start(&self.streaks, wake.streak_signal(), draining, schedule);
        let (devices, housekeeping) = (self.devices.clone(), self.housekeeping.clone());
        let security = self.security.clone();
        kanso_worker::start_upkeep(&workers, devices, security, housekeeping, draining);
        workers
    }
}

fn http_parts(
    ports: ServerPorts,
    records: RecordPorts,
    loops: Loops,
    (piece, session_limits, writes, draining): (
        Option<u32>,
        SessionLimits,
        &TaskTracker,
        &CancellationToken,
    ),
) -> kanso_http::Parts {
    let storage = || Arc::clone(&ports.storage);
    let clock = || Arc::clone(&ports.clock);
    let quota = records.quota;
    let mut replicas = Replicas::new(storage(), loops.streaks);
    if let Some(piece) = piece {
        replicas = replicas.in_pieces_of(piece);
    }
    let credentials = ports.credentials;
    kanso_http::Parts {
        accounts: Accounts::new(AccountPorts {
            storage: storage(),
            clock: clock(),
            ids: Arc::clone(&ports.ids),
            passwords: credentials.passwords,
            access_tokens: credentials.access_tokens,
            refresh_tokens: credentials.refresh_tokens,
            device_proofs: credentials.device_proofs,
            throttle: ports.throttle,
            feed: Arc::clone(&ports.feed),
            invitation_codes: credentials.invitation_codes,
            security: loops.security.clone(),
            session_limits,
            disk: ports.disk.clone(),
        }),
        security: loops.security,
        habits: Habits::new(records.clone()),
        entries: Entries::new(records.clone()),
        live: loops.live,
        tickets: Tickets::new(storage(), clock(), credentials.ticket_tokens, ports.tickets),
        sync: Sync::new(records, loops.devices.clone()),
        replicas,
        devices: loops.devices,
        quotas: Quotas::new(storage(), quota),
        stats: Stats::new(storage(), clock()).with_cache(ports.shared.answers),
        health: Health::new(storage(), clock()).with_redis(ports.shared.service),
        disk: ports.disk,
        ids: Arc::clone(&ports.ids),
        limiter: ports.limiter,
        stream_slots: ports.shared.stream_slots,
        writes: writes.clone(),
        draining: draining.clone(),
        jwks: credentials.jwks,
    }
}
