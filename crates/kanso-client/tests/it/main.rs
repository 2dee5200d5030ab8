//! The client as an app sees it, against a server in memory.

// Clippy allows `expect` only in modules below this attribute.
#[cfg(test)]
mod copies;
#[cfg(test)]
mod files;
#[cfg(test)]
mod given_back_first;
#[cfg(test)]
mod heal;
#[cfg(test)]
mod import;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod offline;
#[cfg(test)]
mod outbox;
#[cfg(test)]
mod quota;
#[cfg(test)]
mod recovery;
#[cfg(test)]
mod resolve;
#[cfg(test)]
mod restored_deletions;
#[cfg(test)]
mod resync;
#[cfg(test)]
mod session;
#[cfg(test)]
mod support;
#[cfg(test)]
mod sync;
#[cfg(test)]
mod sync_loop;
#[cfg(test)]
mod transactions;
#[cfg(test)]
mod two_restores;
#[cfg(test)]
mod unknown_outcome;
