//! `report`: the page of what is stored, drawn again, and the plots of a run.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::campaign::folder::CampaignFolder;
use crate::campaign::page;
use crate::campaign::partition::Partition;
use crate::compare;
use crate::exit::Exit;
use crate::failure::Result;
use crate::output;
use crate::run::redraw::redraw;
use crate::store::{ComparisonFolder, RunFolder};

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
    redraw(&folder)?;
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
