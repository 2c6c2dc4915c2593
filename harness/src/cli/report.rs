//! `report`: the page of what is stored, drawn again, and the plots of a run.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use splitbrain_checker::history::{ReadModeId, read_native_file};
use splitbrain_reports::results::Results;

use crate::campaign::folder::CampaignFolder;
use crate::campaign::page;
use crate::campaign::partition::Partition;
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
    /// The folder of a run, such as store/latest, of a comparison or of a campaign, or the file of all nights
    run: PathBuf,
}

/// Draws `report.html` and the plots from what the run's folder holds. Judges nothing anew.
pub(super) fn report(args: &ReportArgs) -> Result<Exit> {
    if let Some(folder) = ComparisonFolder::open(&args.run) {
        compare::redraw(&folder)?;
        output::print(&format!("{}\n", folder.page().display()));
        return Ok(Exit::Pass);
    }
    if is_nights(&args.run) {
        for page in page::of_nights(&args.run)? {
            output::print(&format!("{}\n", page.display()));
        }
        return Ok(Exit::Pass);
    }
    if let Ok(folder) = CampaignFolder::open(&args.run) {
        let page = page::of_folder(&folder, Partition::WHOLE)?;
        output::print(&format!("{}\n", page.display()));
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

/// Whether this is a file that SQLite wrote. What is in it shows when it is opened.
fn is_nights(path: &Path) -> bool {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    let mut start = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut start));
    path.is_file() && read.is_ok() && start == MAGIC
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
