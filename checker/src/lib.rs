//! Histories of concurrent operations, and what they prove.
//!
//! This crate is pure: it has no processes and no async, and it reads no clock but to keep a search within its
//! time limit. Whoever has a history can use it alone.

mod budget;
pub mod consistency;
pub mod counterexample;
mod frontier;
pub mod history;
mod ledger;
pub mod linearizable;
mod lower;
pub mod staleness;
#[cfg(test)]
mod testing;
mod wing_gong;
mod zones;
