//! What was found of a night, for people in a terminal and for machines.

mod junit;
mod markdown;
mod prometheus;
mod text;

pub use junit::junit;
pub use markdown::{STEP_SUMMARY_MAX, markdown};
pub use prometheus::prometheus;
pub use text::text;

use super::findings::Findings;
use super::plan::Unit;
use super::record::Record;

/// A unit in a line, without what it came to.
pub(super) fn title(unit: &Unit) -> String {
    format!("{}: {}, seed {}", unit.subject(), unit.conditions(), unit.seed)
}

/// How a violation is run again: by the folder of its run, where it left one.
fn again(findings: &Findings, record: &Record) -> String {
    match (&record.run, &findings.folder) {
        (Some(run), Some(folder)) => format!("splitbrain repro {}", folder.join(run).display()),
        (Some(run), None) => format!("in the night's folder: splitbrain repro {run}"),
        (None, _) => record.command.clone(),
    }
}
