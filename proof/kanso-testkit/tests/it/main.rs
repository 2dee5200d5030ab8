//! The storage in memory fulfils the contract.

mod contract;
