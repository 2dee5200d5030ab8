//! Tests of the server through its public interfaces.

// Clippy treats helper functions as test code only below this attribute.
#[cfg(test)]
mod accounts;
#[cfg(test)]
mod database_file;
#[cfg(test)]
mod deleted_texts;
#[cfg(test)]
mod disk_guard;
#[cfg(test)]
mod entries;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod export;
#[cfg(test)]
mod first_clients;
#[cfg(test)]
mod foreign_ids;
#[cfg(test)]
mod habits;
#[cfg(test)]
mod health;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod live;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod migrate;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod operator;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod program;
#[cfg(test)]
mod quota;
#[cfg(test)]
mod redis;
#[cfg(test)]
mod reset;
#[cfg(test)]
mod smuggling;
#[cfg(test)]
mod snapshot;
#[cfg(test)]
mod stats;
#[cfg(test)]
mod streaks;
#[cfg(test)]
mod support;
#[cfg(test)]
mod swagger;
#[cfg(test)]
mod sync;
#[cfg(test)]
mod today;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod upgrade;
