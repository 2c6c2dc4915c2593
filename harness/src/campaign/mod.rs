//! Campaigns: many runs, planned before the first begins, and kept night by night.
//!
//! ```text
//! FILE.toml ─▶ plan ─▶ DIR/plan.jsonl ─▶ run (any number of machines, each a slice) ─▶ DIR/units/ID.jsonl
//!                                                                                            │
//!   status, campaign.html, outputs for machines ◀── nights.sqlite, all nights ◀── merge DIR… ◀┘
//! ```
//!
//! A unit is finished when its record is on the disk, and it is not run again. What was planned and has no record was
//! not run: nothing ever counts it as anything else.

mod estimate;
mod fields;
pub mod file;
pub mod findings;
pub mod folder;
mod matrix;
pub mod night;
pub mod nights;
pub mod outputs;
pub mod page;
pub mod partition;
pub mod plan;
mod progress;
pub mod record;
pub mod run;
pub mod sightings;
pub mod signature;
#[cfg(test)]
mod synthetic;

pub(crate) use estimate::roughly;
