//! `report`: the page and plots of a stored run, drawn again.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use splitbrain_checker::history::{ReadModeId, read_native_file};
use splitbrain_reports::results::Results;

use crate::compare;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output;
use crate::run::{self, judge, write};
use crate::store::{ComparisonFolder, RunFolder};
use crate::test_file::Test;

/// The arguments of `report`.
#[derive(Args, Debug)]
pub(super) struct ReportArgs {
    /// The folder of the run or the comparison, such as store/latest
    run: PathBuf,
}

/// Draws `report.html` and the plots from what the run's folder holds. Judges nothing anew.
pub(super) fn report(args: &ReportArgs) -> Result<Exit> {
    if let Some(folder) = ComparisonFolder::open(&args.run) {
        compare::redraw(&folder)?;
        output::print(&format!("{}\n", folder.page().display()));
        return Ok(Exit::Pass);
    }
    let folder = RunFolder::open(&args.run)?;
    let test = Test::read(&folder.test_json())?;
    let results = results(&folder)?;
    let parsed = read_native_file(&folder.history()).map_err(|error| Failure::Input(error.to_string()))?;
    for warning in &parsed.warnings {
        output::note(&format!("note: {}: {warning}", folder.history().display()));
    }
    let nemesis = run::read_nemesis(&folder.nemesis())?;
    let mut staleness = Vec::new();
    for index in 0..test.read_modes.len() {
        staleness.extend(judge::stale_reads(
            &parsed.history.for_read_mode(ReadModeId(index as u8)),
        ));
    }
    staleness.sort_by_key(|read| read.op_index);
    write::write_report(&folder, &test, &results, &parsed.history, &nemesis, &staleness)?;
    output::print(&format!("{}\n", folder.report().display()));
    Ok(Exit::Pass)
}

fn results(folder: &RunFolder) -> Result<Results> {
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
