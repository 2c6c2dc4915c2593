//! The `splitbrain` harness: it starts a cluster, loads it, breaks it, records what clients saw, and judges it.

pub mod client;
pub mod exit;
pub mod failure;
pub mod host;
pub mod names;
pub mod output;
pub mod record;
pub mod run;
pub mod store;
pub mod test_file;
pub mod units;
pub mod utc;
pub mod workload;
