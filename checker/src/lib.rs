//! Histories of concurrent operations on replicated registers, and what they prove.
//!
//! ```
//! use splitbrain_checker::history::read_native;
//! use splitbrain_checker::linearizable::{Options, check_linearizable};
//!
//! let file = r#"{"splitbrain":"history","version":1,"model":"cas-register","nodes":["n1"],"read_modes":[]}
//! {"index":0,"time":0,"type":"invoke","process":1,"f":"write","key":7,"value":4}
//! {"index":1,"time":1000000,"type":"ok","process":1,"f":"write","key":7,"value":4}
//! {"index":2,"time":3000000,"type":"invoke","process":2,"f":"read","key":7}
//! {"index":3,"time":4000000,"type":"ok","process":2,"f":"read","key":7,"value":null}
//! "#;
//! let parsed = read_native(file.as_bytes(), "history.jsonl")?;
//! let report = check_linearizable(&parsed.history, &Options::default());
//! let counterexample = report.verdict.counterexample().expect("the read is stale");
//! assert_eq!(counterexample.class.name(), "stale-read");
//! assert_eq!(counterexample.reason, "process 2 read nil, but write 4 had returned 2.0 ms before the read began");
//! # Ok::<(), splitbrain_checker::history::ReadError>(())
//! ```
//!
//! - [`history`]: ops, events, and the native file format.
//! - [`call`] and [`codec`]: histories of objects of any kind, and the formats of other tools.
//! - [`model`]: whether such a history is linearizable by a model, one of a dozen by name or one's own.
//! - [`orders`]: linearizations to be looked at, and the longest partial ones where there is none.
//! - [`linearizable`]: is each key a linearizable register? By zones where values are unique, in O(n log n); by a
//!   search with a budget elsewhere. A verdict is `Valid`, `Invalid` with a counterexample, or `Unknown`.
//! - [`counterexample`]: the few ops that show a violation, what kind it is, and why, in prose.
//! - [`certificate`]: what shows a verdict to somebody who trusts none of the algorithms, and its short validator.
//! - [`consistency`]: weaker models, judged from the versions that ops report.
//! - [`staleness`]: how far behind each read was, in versions and in time.
//! - [`atomicity`]: how far the whole is from linearizable: the least Δ and the least k.
//!
//! What checks cost is printed by `make bench-table` and kept in `docs/checker-speed.md`; `make agree` holds the fast
//! algorithms against brute force on millions of random histories.
//!
//! This crate is pure: it has no processes and no async, and it reads no clock but to keep a search within its
//! time limit. Whoever has a history can use it alone.

pub mod atomicity;
mod budget;
pub mod call;
pub mod certificate;
pub mod codec;
pub mod consistency;
pub mod counterexample;
mod frontier;
mod graph;
pub mod history;
mod ledger;
pub mod linearizable;
mod lower;
pub mod model;
pub mod orders;
mod recent;
pub mod staleness;
#[cfg(test)]
mod testing;
mod wing_gong;
mod zones;
