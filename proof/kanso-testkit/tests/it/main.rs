//! The kit's own adapter keeps the contract.

mod contract;
