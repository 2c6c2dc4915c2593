//! Histories of concurrent operations, and what they prove.
//!
//! This crate is pure: it has no processes, no clock and no async. Whoever has a history can use it alone.

pub mod history;
