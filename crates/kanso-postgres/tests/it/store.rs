//! Stores in a database of their own.

use std::num::NonZeroUsize;
use std::sync::Arc;

use kanso_domain::sync::Epoch;
use kanso_postgres::{OpenError, PostgresOptions, PostgresStorage};

pub(crate) const EPOCH: Epoch = Epoch::new(0xFEDC_BA98_7654_3210);

pub(crate) fn options(url: &str) -> PostgresOptions {
    PostgresOptions {
        connections: NonZeroUsize::MIN.saturating_add(7),
        ..PostgresOptions::new(url.parse().unwrap(), Arc::new(|| EPOCH))
    }
}

pub(crate) async fn open(url: &str) -> PostgresStorage {
    try_open(url).await.unwrap()
}

pub(crate) async fn try_open(url: &str) -> Result<PostgresStorage, OpenError> {
    PostgresStorage::open(&options(url)).await
}
