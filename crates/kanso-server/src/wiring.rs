//! Chooses the adapters behind the ports and assembles the server from them.

use std::sync::Arc;

use kanso_application::disk::DiskGuard;
use kanso_application::ports::credentials::Pseudonyms;
use kanso_application::ports::evict::Evict;
use kanso_application::ports::feed::Feed;
use kanso_application::ports::limiter::RateLimiter;
use kanso_application::ports::storage::Storage;
use kanso_application::ports::throttle::LoginThrottle;
use kanso_application::ports::tickets::TicketStore;
use kanso_credentials::{Argon2Passwords, Entropy, HmacPseudonyms, HmacRefreshTokens, Queue};
use kanso_domain::sync::{Epoch, FingerprintForm};
use kanso_http::RegistrationMode;
use kanso_local::{LocalFeed, LocalLimiter, LocalThrottle, LocalTickets};
use kanso_postgres::{PostgresOptions, PostgresStorage};
use kanso_redis::{
    Redis, RedisAnswers, RedisFeed, RedisLimiter, RedisStreamSlots, RedisThrottle, RedisTickets,
};
use kanso_sqlite::{DatabaseDisk, SqliteOptions, SqliteStorage};
use tokio::runtime::Handle;

use crate::assembly::{
    Assembly, AssemblyOptions, CredentialPorts, ServerPorts, SharedPorts, SigningKeys, assemble,
};
use crate::config::{Config, DatabaseConfig};
use crate::lifecycle::{Components, Shutdown};
use crate::registration;
use crate::start::{StartError, StartOptions};

/// Opens the database and assembles a server, its workers running already. Blocks.
pub(crate) fn build(
    config: &Config,
    keys: SigningKeys,
    options: &StartOptions,
) -> Result<Components, StartError> {
    // First: a database that cannot be opened must not leave Redis tasks or workers running.
    let (storage, fingerprints) = open_storage(&config.database, &options.entropy)?;
    let registration = registration::mode(config.registration, &storage, options)?;
    let shutdown = Shutdown::new();
    let ports = ports(config, keys, options, (&storage, fingerprints))?;
    let settings = settings(config, options, fingerprints, registration);
    let Assembly {
        router,
        writes,
        workers,
        ..
    } = assemble(ports, settings, shutdown.draining());
    // After the database is open: a start that fails logs only its error.
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        database = %config.database,
        redis = if config.redis_url.is_some() { "on" } else { "off" },
        limiter = config.rate_limit.map_or("off", |_| "on"),
        registration = registration.as_str(),
        "starting"
    );
    Ok(Components {
        router,
        proxies: config.trusted_proxies.clone(),
        shutdown,
        writes,
        workers,
        broken: Box::pin({
            let storage = Arc::clone(&storage);
            async move { storage.broken().await }
        }),
        close_storage: Box::pin(close(storage)),
    })
}

fn ports(
    config: &Config,
    keys: SigningKeys,
    options: &StartOptions,
    (storage, fingerprints): (&Arc<dyn Storage>, FingerprintForm),
) -> Result<ServerPorts, StartError> {
    let StartOptions {
        clock,
        ids,
        entropy,
        ..
    } = options;
    let redis = config.redis_url.as_ref().map(|url| Redis::at(url.expose()));
    let redis = redis.transpose().map_err(StartError::Redis)?;
    let redis = redis.as_ref();
    // Redis keys hold pseudonyms, so that its readers learn no address and no e-mail. They derive
    // from the signing key, which all servers share: so they agree on the names.
    let pseudonyms: Arc<dyn Pseudonyms> = Arc::new(HmacPseudonyms::new(&keys.current));
    // While a server of 0.1.0 may run on the database, both must agree on the successor of a token.
    let beside_0_1_0 = (fingerprints == FingerprintForm::V0_1_0).then(|| {
        let tokens = HmacRefreshTokens::new(&keys.current, &keys.former, Arc::clone(entropy));
        tokens.beside_0_1_0()
    });
    let hasher = Argon2Passwords::new(
        options.hash_cost,
        Queue::for_this_machine(),
        Arc::clone(entropy),
    )?;
    // Built with Redis too: each Redis adapter uses its local counterpart during an outage, so a
    // server without its Redis still limits, throttles and issues tickets.
    let local = LocalFallbacks::new(options);
    let mut credentials =
        CredentialPorts::new(keys, &config.jwt_issuer, Arc::new(hasher), ids, entropy);
    if let Some(tokens) = beside_0_1_0 {
        credentials.refresh_tokens = Arc::new(tokens);
    }
    Ok(ServerPorts {
        storage: Arc::clone(storage),
        clock: Arc::clone(clock),
        ids: Arc::clone(ids),
        feed: feed(redis),
        credentials,
        evictable: local.evictable(),
        throttle: throttle(local.throttle, &pseudonyms, redis),
        tickets: tickets(local.tickets, redis),
        limiter: limiter(local.limiter, &pseudonyms, redis),
        shared: redis.map(shared).unwrap_or_default(),
        disk: disk(config),
    })
}

/// Returns the guard of the disk of a SQLite database. Where PostgreSQL writes, and what is free there, no
/// client of it can read.
fn disk(config: &Config) -> DiskGuard {
    match (&config.database, config.disk_reserve) {
        (DatabaseConfig::Sqlite(path), Some(reserve)) => {
            DiskGuard::new(Arc::new(DatabaseDisk::of(path)), reserve)
        }
        _ => DiskGuard::default(),
    }
}

/// In-process stores: the only ones without Redis, the fallback while Redis is unavailable.
struct LocalFallbacks {
    limiter: Arc<LocalLimiter>,
    throttle: Arc<LocalThrottle>,
    tickets: Arc<LocalTickets>,
}

impl LocalFallbacks {
    fn new(options: &StartOptions) -> Self {
        let clock = || Arc::clone(&options.clock);
        Self {
            limiter: Arc::new(LocalLimiter::new()),
            throttle: Arc::new(LocalThrottle::new(clock())),
            tickets: Arc::new(LocalTickets::new(clock())),
        }
    }

    /// All of them, with Redis too: each outage leaves entries behind.
    fn evictable(&self) -> Vec<Arc<dyn Evict>> {
        vec![
            Arc::clone(&self.limiter) as _,
            Arc::clone(&self.throttle) as _,
            Arc::clone(&self.tickets) as _,
        ]
    }
}

fn limiter(
    fallback: Arc<LocalLimiter>,
    pseudonyms: &Arc<dyn Pseudonyms>,
    redis: Option<&Redis>,
) -> Arc<dyn RateLimiter> {
    match redis {
        Some(redis) => {
            let pseudonyms = Arc::clone(pseudonyms);
            Arc::new(RedisLimiter::new(redis.clone(), pseudonyms, fallback))
        }
        None => fallback,
    }
}

fn throttle(
    fallback: Arc<LocalThrottle>,
    pseudonyms: &Arc<dyn Pseudonyms>,
    redis: Option<&Redis>,
) -> Arc<dyn LoginThrottle> {
    match redis {
        Some(redis) => {
            let pseudonyms = Arc::clone(pseudonyms);
            Arc::new(RedisThrottle::new(redis.clone(), pseudonyms, fallback))
        }
        None => fallback,
    }
}

fn tickets(fallback: Arc<LocalTickets>, redis: Option<&Redis>) -> Arc<dyn TicketStore> {
    match redis {
        Some(redis) => Arc::new(RedisTickets::new(redis.clone(), fallback)),
        None => fallback,
    }
}

fn feed(redis: Option<&Redis>) -> Arc<dyn Feed> {
    // Also with Redis: the streams of this server subscribe to the local feed, into which the Redis
    // feed forwards the notices of other servers.
    let local = Arc::new(LocalFeed::new());
    match redis {
        Some(redis) => Arc::new(RedisFeed::start(redis, local)),
        None => local,
    }
}

/// Services that exist only with Redis. A single server has no answer cache: it computes statistics
/// faster than it could track which answers to evict, and clients revalidate by `ETag`.
fn shared(redis: &Redis) -> SharedPorts {
    SharedPorts {
        answers: Some(Arc::new(RedisAnswers::start(redis.clone()))),
        stream_slots: Some(Arc::new(RedisStreamSlots::start(redis.clone()))),
        service: Some(Arc::new(redis.clone())),
    }
}

fn settings(
    config: &Config,
    options: &StartOptions,
    fingerprints: FingerprintForm,
    registration: RegistrationMode,
) -> AssemblyOptions {
    AssemblyOptions {
        http: kanso_http::Options {
            fingerprints,
            rate_limit: config.rate_limit,
            user_rate_limit: config.user_rate_limit,
            account_limits: config.account_limits,
            retention: config.retention,
            trusted_proxies: config.trusted_proxies.clone(),
            cors_origins: config.cors_origins.clone(),
            registration,
            serves_swagger: config.serves_swagger,
            logs_clients: config.logs_clients,
            stream_intervals: options.pace,
            ..kanso_http::Options::default()
        },
        quota: config.quota,
        sessions: config.sessions,
        most_devices: config.most_devices,
        workers: options.workers,
        // A SQLite file is locked by one process, so its own feed reports every head.
        sweeps_storage: matches!(config.database, DatabaseConfig::Postgres { .. }),
        snapshot_piece: None,
    }
}

/// Opens the database, which blocks. Returns it with the form in which fingerprints are written to
/// it: that of an older release while its servers may still be running on it.
pub(crate) fn open_storage(
    database: &DatabaseConfig,
    entropy: &Arc<dyn Entropy>,
) -> Result<(Arc<dyn Storage>, FingerprintForm), StartError> {
    let fresh_epoch = fresh_epoch(Arc::clone(entropy));
    match database {
        DatabaseConfig::Sqlite(path) => {
            // The epoch is used only if the file is new; an existing history keeps its own.
            let options = SqliteOptions::new(path, fresh_epoch());
            let storage: Arc<dyn Storage> = Arc::new(SqliteStorage::open(&options)?);
            // One process has the file open, so no older server reads what this one writes.
            Ok((storage, FingerprintForm::Current))
        }
        DatabaseConfig::Postgres { url, connections } => {
            let options = PostgresOptions {
                connections: *connections,
                ..PostgresOptions::new(url.clone(), Arc::new(fresh_epoch))
            };
            let opening = PostgresStorage::open(&options);
            let storage = Handle::current().block_on(opening)?;
            let form = fingerprint_form(storage.oldest_server());
            let storage: Arc<dyn Storage> = Arc::new(storage);
            Ok((storage, form))
        }
    }
}

fn fingerprint_form(oldest_server: Option<&str>) -> FingerprintForm {
    let Some(oldest_server) = oldest_server else {
        return FingerprintForm::Current;
    };
    tracing::info!(
        oldest_server,
        "mixed phase: receipts get the form of the older release; once its last server is \
         stopped, run `kanso-server migrate --finish` and restart"
    );
    FingerprintForm::V0_1_0
}

/// Returns a source of random epochs. 64 bits: two histories never share one by chance.
pub(crate) fn fresh_epoch(entropy: Arc<dyn Entropy>) -> impl Fn() -> Epoch + Send + Sync {
    move || {
        let mut epoch = [0; 8];
        entropy.fill(&mut epoch);
        Epoch::new(u64::from_le_bytes(epoch))
    }
}

pub(crate) async fn close(storage: Arc<dyn Storage>) {
    if let Err(error) = storage.close().await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "storage did not close"
        );
    }
}
