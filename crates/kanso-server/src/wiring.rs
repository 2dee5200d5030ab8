//! Puts the adapters behind the use cases and the use cases behind the router.

use std::sync::Arc;

use kanso_application::RecordPorts;
use kanso_application::accounts::{AccountPorts, Accounts};
use kanso_application::devices::Devices;
use kanso_application::entries::Entries;
use kanso_application::habits::Habits;
use kanso_application::health::Health;
use kanso_application::housekeeping::Housekeeping;
use kanso_application::live::Live;
use kanso_application::ports::answers::AnswerCache;
use kanso_application::ports::credentials::Pseudonyms;
use kanso_application::ports::evict::Evict;
use kanso_application::ports::feed::Feed;
use kanso_application::ports::limiter::RateLimiter;
use kanso_application::ports::storage::Storage;
use kanso_application::ports::throttle::LoginThrottle;
use kanso_application::replicas::Replicas;
use kanso_application::stats::Stats;
use kanso_application::streaks::Streaks;
use kanso_application::sync::Sync;
use kanso_application::tickets::Tickets;
use kanso_credentials::{
    Argon2Passwords, Entropy, HmacPseudonyms, HmacRefreshTokens, JwtTokens, Queue, RandomTickets,
    TokenRules,
};
use kanso_domain::sync::{Epoch, FingerprintForm};
use kanso_local::{LocalFeed, LocalLimiter, LocalThrottle, LocalTickets, LocalWake};
use kanso_postgres::{PostgresOptions, PostgresStorage};
use kanso_redis::{
    Redis, RedisAnswers, RedisFeed, RedisLimiter, RedisStreamSlots, RedisThrottle, RedisTickets,
};
use kanso_sqlite::{SqliteOptions, SqliteStorage};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use crate::config::{Config, Database};
use crate::lifecycle::{Site, Stages};
use crate::start::{Keys, Parts, StartError};

/// A server that is ready to run, its workers running already. Opens the database, which blocks.
pub(crate) fn site(config: &Config, keys: Keys, parts: &Parts) -> Result<Site, StartError> {
    let (storage, fingerprints) = open_storage(&config.database, &parts.entropy)?;
    let (stages, writes) = (Stages::new(), TaskTracker::new());
    let wake = LocalWake::new();
    let redis = config.redis_url.as_ref().map(|url| Redis::at(url.expose()));
    let redis = redis.transpose().map_err(StartError::Redis)?;
    let records = RecordPorts {
        storage: Arc::clone(&storage),
        clock: Arc::clone(&parts.clock),
        ids: Arc::clone(&parts.ids),
        wake: Arc::new(wake.clone()),
        feed: feed(redis.as_ref()),
    };
    let streaks = Streaks::over(&records);
    let workers = parts.workers.map_or_else(TaskTracker::new, |rhythm| {
        kanso_worker::start(&streaks, wake.streak_bell(), stages.draining(), rhythm)
    });
    let devices = Devices::new(Arc::clone(&storage), Arc::clone(&parts.clock));
    let alone = Alone::new(parts);
    if parts.workers.is_some() {
        kanso_worker::start_forgetting(&workers, alone.memories(), stages.draining());
        let (storage, clock) = (Arc::clone(&storage), Arc::clone(&parts.clock));
        let housekeeping = Housekeeping::new(storage, clock, config.retention);
        let stop = stages.draining();
        kanso_worker::start_upkeep(&workers, devices.clone(), housekeeping, stop);
    }
    let live = Live::new(Arc::clone(&storage), Arc::clone(&records.feed));
    if let (Some(rhythm), Database::Postgres { .. }) = (parts.workers, &config.database) {
        // A SQLite file is this process's alone.
        let stop = stages.draining();
        kanso_worker::start_sweep(&workers, live.clone(), stop, rhythm.sweep);
    }
    let names: Arc<dyn Pseudonyms> = Arc::new(HmacPseudonyms::new(&keys.signing));
    let throttle = throttle(alone.throttle, &names, redis.as_ref());
    let (accounts, jwks) = accounts(config, keys, &records, parts, throttle)?;
    let router = kanso_http::router(
        kanso_http::Parts {
            accounts,
            habits: Habits::new(records.clone()),
            entries: Entries::new(records.clone()),
            live,
            tickets: tickets(&records, parts, alone.tickets, redis.as_ref()),
            sync: Sync::new(records, devices.clone()),
            replicas: Replicas::new(Arc::clone(&storage), streaks),
            devices,
            stats: Stats::new(Arc::clone(&storage), Arc::clone(&parts.clock))
                .with_cache(answers(redis.as_ref())),
            health: Health::new(Arc::clone(&storage), Arc::clone(&parts.clock))
                .with_redis(redis.clone().map(|redis| Arc::new(redis) as _)),
            ids: Arc::clone(&parts.ids),
            limiter: limiter(alone.limiter, &names, redis.as_ref()),
            stream_slots: redis.map(|redis| Arc::new(RedisStreamSlots::start(redis)) as _),
            writes: writes.clone(),
            draining: stages.draining().clone(),
            jwks,
        },
        options(config, parts, fingerprints),
    );
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        database = %config.database,
        redis = if config.redis_url.is_some() { "on" } else { "off" },
        limiter = config.rate_limit.map_or("off", |_| "on"),
        "starting"
    );
    Ok(Site {
        router,
        stages,
        writes,
        workers,
        broken: Box::pin({
            let storage = Arc::clone(&storage);
            async move { storage.broken().await }
        }),
        close_storage: Box::pin(close(storage)),
    })
}

/// Accounts, and the public keys that verify their access tokens.
fn accounts(
    config: &Config,
    keys: Keys,
    records: &RecordPorts,
    parts: &Parts,
    throttle: Arc<dyn LoginThrottle>,
) -> Result<(Accounts, serde_json::Value), StartError> {
    let entropy = || Arc::clone(&parts.entropy);
    let (clock, ids) = (&parts.clock, &parts.ids);
    let refresh_tokens = HmacRefreshTokens::new(&keys.signing, entropy());
    let rules = TokenRules::of(&config.jwt_issuer);
    let access_tokens = JwtTokens::new(keys.signing, keys.former, rules, Arc::clone(ids));
    let jwks = access_tokens.jwks();
    let passwords = Argon2Passwords::new(parts.hash_cost, Queue::for_this_machine(), entropy())?;
    let accounts = Accounts::new(AccountPorts {
        storage: Arc::clone(&records.storage),
        clock: Arc::clone(clock),
        ids: Arc::clone(ids),
        passwords: Arc::new(passwords),
        access_tokens: Arc::new(access_tokens),
        refresh_tokens: Arc::new(refresh_tokens),
        throttle,
        feed: Arc::clone(&records.feed),
    });
    Ok((accounts, jwks))
}

/// What this process remembers by itself: all of it, or what comes while Redis is away.
struct Alone {
    limiter: Arc<LocalLimiter>,
    throttle: Arc<LocalThrottle>,
    tickets: Arc<LocalTickets>,
}

impl Alone {
    fn new(parts: &Parts) -> Self {
        let clock = || Arc::clone(&parts.clock);
        Self {
            limiter: Arc::new(LocalLimiter::new()),
            throttle: Arc::new(LocalThrottle::new(clock())),
            tickets: Arc::new(LocalTickets::new(clock())),
        }
    }

    fn memories(&self) -> Vec<Arc<dyn Evict>> {
        vec![
            Arc::clone(&self.limiter) as _,
            Arc::clone(&self.throttle) as _,
            Arc::clone(&self.tickets) as _,
        ]
    }
}

fn limiter(
    alone: Arc<LocalLimiter>,
    names: &Arc<dyn Pseudonyms>,
    redis: Option<&Redis>,
) -> Arc<dyn RateLimiter> {
    match redis {
        Some(redis) => Arc::new(RedisLimiter::new(redis.clone(), Arc::clone(names), alone)),
        None => alone,
    }
}

fn throttle(
    alone: Arc<LocalThrottle>,
    names: &Arc<dyn Pseudonyms>,
    redis: Option<&Redis>,
) -> Arc<dyn LoginThrottle> {
    match redis {
        Some(redis) => Arc::new(RedisThrottle::new(redis.clone(), Arc::clone(names), alone)),
        None => alone,
    }
}

fn feed(redis: Option<&Redis>) -> Arc<dyn Feed> {
    let local = Arc::new(LocalFeed::new());
    match redis {
        Some(redis) => Arc::new(RedisFeed::start(redis, local)),
        None => local,
    }
}

/// Without Redis there is none: a server that is alone computes faster than it would remember whom
/// to forget, and a client that asks again brings its tag.
fn answers(redis: Option<&Redis>) -> Option<Arc<dyn AnswerCache>> {
    redis.map(|redis| Arc::new(RedisAnswers::start(redis.clone())) as _)
}

fn tickets(
    records: &RecordPorts,
    parts: &Parts,
    alone: Arc<LocalTickets>,
    redis: Option<&Redis>,
) -> Tickets {
    Tickets::new(
        Arc::clone(&records.storage),
        Arc::clone(&records.clock),
        Arc::new(RandomTickets::new(Arc::clone(&parts.entropy))),
        match redis {
            Some(redis) => Arc::new(RedisTickets::new(redis.clone(), alone)),
            None => alone,
        },
    )
}

fn options(config: &Config, parts: &Parts, fingerprints: FingerprintForm) -> kanso_http::Options {
    kanso_http::Options {
        fingerprints,
        rate_limit: config.rate_limit,
        retention: config.retention,
        trusted_proxies: config.trusted_proxies.clone(),
        cors_origins: config.cors_origins.clone(),
        pace: parts.pace,
        ..kanso_http::Options::default()
    }
}

/// Opens the database, which blocks. Returns it with the form in which fingerprints are written to
/// it: that of an older release while its servers may still be running on it.
pub(crate) fn open_storage(
    database: &Database,
    entropy: &Arc<dyn Entropy>,
) -> Result<(Arc<dyn Storage>, FingerprintForm), StartError> {
    let fresh_epoch = fresh_epoch(Arc::clone(entropy));
    match database {
        Database::Sqlite(path) => {
            let options = SqliteOptions::new(path, fresh_epoch());
            let storage: Arc<dyn Storage> = Arc::new(SqliteStorage::open(&options)?);
            // One process has the file open, so no older server reads what this one writes.
            Ok((storage, FingerprintForm::Current))
        }
        Database::Postgres { url, connections } => {
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

/// Makes epochs that no history had before.
pub(crate) fn fresh_epoch(
    entropy: Arc<dyn Entropy>,
) -> impl Fn() -> Epoch + Send + std::marker::Sync {
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
            "the storage did not close"
        );
    }
}
