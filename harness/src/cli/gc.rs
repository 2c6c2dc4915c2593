//! `gc`: stored runs that passed, made smaller.

use std::path::PathBuf;

use clap::Args;

use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::keep::{self, Keep};
use crate::output;

/// The arguments of `gc`.
#[derive(Args, Debug)]
pub(super) struct GcArgs {
    /// A store, or a campaign's folder
    #[arg(default_value = "store")]
    folder: PathBuf,
    /// What stays whole: failures, or the newest N runs that passed as well; a run that did not pass always does
    #[arg(long, value_name = "failures|all|N", default_value = "failures")]
    keep: Keep,
}

/// Shrinks what need not be kept whole.
pub(super) fn gc(args: &GcArgs) -> Result<Exit> {
    if !args.folder.is_dir() {
        return Err(Failure::Input(format!("{} is no folder", args.folder.display())));
    }
    let shrunk = keep::collect(&args.folder, args.keep)?;
    output::print(&format!(
        "{} made smaller, by {:.1} MB; histories are kept as history.jsonl.gz\n",
        output::plural(shrunk.runs, "run"),
        shrunk.bytes as f64 / 1e6
    ));
    Ok(Exit::Pass)
}
