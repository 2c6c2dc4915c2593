//! `report`: the page and plots of a stored run, drawn again.

use std::path::PathBuf;

use clap::Args;

use crate::compare;
use crate::exit::Exit;
use crate::failure::Result;
use crate::output;
use crate::run::redraw::redraw;
use crate::store::{ComparisonFolder, RunFolder};

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
    redraw(&folder)?;
    output::print(&format!("{}\n", folder.report().display()));
    Ok(Exit::Pass)
}
