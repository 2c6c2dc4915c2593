//! What was found of a night, for people in a terminal and for machines.

mod junit;
mod markdown;
mod prometheus;
mod text;

pub use junit::junit;
pub use markdown::{STEP_SUMMARY_MAX, markdown};
pub use prometheus::prometheus;
pub use text::text;

use super::plan::Unit;
use super::record::Record;

/// A unit in a line, without what it came to.
fn title(unit: &Unit) -> String {
    format!("{}: {}, seed {}", unit.subject(), unit.conditions(), unit.seed)
}

/// How a violation is run again: the run's folder, where it was kept.
fn again(record: &Record) -> String {
    match &record.run {
        Some(run) => format!("splitbrain repro {run}"),
        None => record.command.clone(),
    }
}
