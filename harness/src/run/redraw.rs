//! The page and plots of a stored run, drawn again.

use std::fs;

use splitbrain_checker::history::{ReadModeId, read_native_file};
use splitbrain_reports::results::Results;

use super::{judge, read_nemesis, write};
use crate::failure::{Failure, Result};
use crate::output;
use crate::store::RunFolder;
use crate::test_file::Test;

/// Draws `report.html` and the plots from what the run's folder holds. Judges nothing anew.
///
/// # Errors
/// [`Failure::Input`] if a file cannot be read, [`Failure::Host`] if one cannot be written.
pub fn redraw(folder: &RunFolder) -> Result<()> {
    let test = Test::read(&folder.test_json())?;
    let results = results(folder)?;
    let parsed = read_native_file(&folder.history()).map_err(|error| Failure::Input(error.to_string()))?;
    for warning in &parsed.warnings {
        output::note(&format!("note: {}: {warning}", folder.history().display()));
    }
    let nemesis = read_nemesis(&folder.nemesis())?;
    let mut staleness = Vec::new();
    for index in 0..test.read_modes.len() {
        staleness.extend(judge::stale_reads(
            &parsed.history.for_read_mode(ReadModeId(index as u8)),
        ));
    }
    staleness.sort_by_key(|read| read.op_index);
    write::write_report(folder, &test, &results, &parsed.history, &nemesis, &staleness)
}

/// What a stored run found.
///
/// # Errors
/// [`Failure::Input`] if it was never judged, or its results cannot be read.
pub fn results(folder: &RunFolder) -> Result<Results> {
    let path = folder.results();
    let text = fs::read_to_string(&path).map_err(|error| {
        Failure::Input(format!(
            "{}: {error}; the run was never judged: `splitbrain check --read-mode MODE {}` judges its history",
            path.display(),
            folder.history().display()
        ))
    })?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::Input(format!(
            "{}:{}:{}: {error}",
            path.display(),
            error.line(),
            error.column()
        ))
    })
}
