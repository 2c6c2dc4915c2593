//! The `splitbrain` harness: it starts a cluster, loads it, breaks it, records what clients saw, and judges it.
//!
//! | module | what it is |
//! |---|---|
//! | [`cli`] | the command line |
//! | [`config`], [`catalog`], [`test_file`] | from options to a test, by name, and as it is kept |
//! | [`schedule_file`] | schedules of faults, by hand or recorded |
//! | [`workload`] | what clients ask for, and when: pure, seeded |
//! | [`client`], [`record`] | clients, and the one recorder of what they see |
//! | [`run`] | a run from start to verdict |
//! | [`simulate`] | the bundled protocols under virtual time, seed by seed |
//! | [`compare`] | systems and read modes side by side, under the same load and faults |
//! | [`campaign`] | hundreds of runs a night: planned, carried out, merged, and told from the nights before |
//! | [`mutants`] | the harness against itself: planted bugs must be caught |
//! | [`repro`] | a stored run once more, and how often it fails again |
//! | [`shrink`] | a stored run that failed made as small as it still fails |
//! | [`program`] | this program as a child of itself |
//! | [`keep`] | which stored runs stay whole, and what is left of the others |
//! | [`serve`] | the store in a browser, on this machine only |
//! | [`store`], [`output`] | where runs are kept, and what is said in the terminal |
//!
//! The harness talks to nodes by their processes, sockets and files alone. It decides no verdict on a history: the
//! checker does.

pub mod campaign;
pub mod catalog;
pub mod cli;
pub mod client;
pub mod compare;
pub mod config;
pub mod exit;
pub mod failure;
pub mod host;
pub mod keep;
pub mod mutants;
pub mod names;
pub mod output;
pub mod program;
pub mod record;
pub mod repro;
pub mod rerun;
pub mod run;
pub mod schedule_file;
pub mod serve;
pub mod shrink;
pub mod simulate;
pub mod store;
pub mod test_file;
pub mod units;
pub mod utc;
pub mod workload;
