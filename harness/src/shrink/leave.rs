//! What is left in the end: the smallest run, as a run of its own.

use std::fs;
use std::io;
use std::path::Path;

use super::record::{End, Shrunk, Size};
use super::rule::{self, Tally};
use super::stored::Stored;
use super::trial::Trials;
use super::{TRIED, tidy};
use crate::failure::{Failure, Result};
use crate::output;
use crate::rerun;
use crate::run::redraw::redraw;
use crate::run::write::write_results;
use crate::schedule_file;
use crate::store::RunFolder;
use crate::test_file::Test;

/// The record of how a run was made smaller, in its folder.
const RECORD: &str = "shrunk.json";
/// The faults as they were asked for, in contrast to `schedule.toml`, which names the nodes that they struck.
const ASKED: &str = "faults.toml";

/// What was found.
pub(super) struct Found {
    pub(super) trials: Trials,
    pub(super) end: End,
    pub(super) again: Tally,
    pub(super) whole: Tally,
    pub(super) same_nodes: bool,
}

/// Makes the smallest run one of its own, in `folder`.
///
/// # Errors
/// [`Failure::Host`] if it cannot be written.
pub(super) fn leave(stored: &Stored, folder: &Path, found: &Found) -> Result<Shrunk> {
    let best = &found.trials.best;
    take_over(&best.folder, folder).map_err(|error| Failure::not_writable(folder, &error))?;
    tidy(folder);
    let run = RunFolder::open(folder)?;
    let mut test = Test::read(&run.test_json())?;
    test.shrunk_from = Some(stored.path.clone());
    // <store>/<name>/<run>
    if let Some(store) = folder.parent().and_then(Path::parent) {
        store.clone_into(&mut test.store);
    }
    if test.schedule_file.is_some() {
        let asked = folder.join(ASKED);
        RunFolder::write(&asked, schedule_file::recorded(&test.schedule, &[]).as_bytes())?;
        test.schedule_file = Some(asked);
    }
    test.command = rerun::command(&test, best.setup.all_read_modes());
    let mut results = best.results.clone();
    results.command.clone_from(&test.command);
    let shrunk = record(stored, found, &run, &test);
    results.notes.push(shrunk.note());
    RunFolder::write(&run.test_json(), test.to_json().as_bytes())?;
    write_results(&run, &results)?;
    let json = serde_json::to_string_pretty(&shrunk).expect("a record is plain data") + "\n";
    RunFolder::write(&folder.join(RECORD), json.as_bytes())?;
    if let Err(failure) = redraw(&run) {
        // The page is only another form of what is kept.
        output::note(&format!("error: {failure}"));
    }
    Ok(shrunk)
}

fn record(stored: &Stored, found: &Found, run: &RunFolder, test: &Test) -> Shrunk {
    let trials = &found.trials;
    let subject = match &test.mutant {
        Some(mutant) => format!("{}/{mutant}", test.system),
        None => test.system.clone(),
    };
    let was = RunFolder::open(&stored.path);
    let was = was.as_ref().unwrap_or(run);
    Shrunk {
        splitbrain: env!("CARGO_PKG_VERSION").to_owned(),
        from: stored.path.clone(),
        run: run.path().to_owned(),
        command: format!(
            "splitbrain repro {} --times 5",
            rerun::quoted(&run.path().display().to_string())
        ),
        subject,
        target: trials.target.clone(),
        before: Size::of(&stored.test, &stored.results, was),
        after: Size::of(test, &trials.best.results, run),
        whole: found.whole,
        same_nodes: found.same_nodes,
        times: trials.times,
        miss: rule::miss(found.whole.rate(), trials.times),
        again: found.again,
        end: found.end,
        runs: trials.bench.player.runs(),
        seconds: trials.bench.player.elapsed().as_secs_f64(),
        steps: trials.bench.steps.clone(),
        others: trials.bench.others.clone(),
    }
}

/// Moves all that is in a run's folder into another one of the same store.
fn take_over(run: &Path, folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(run)? {
        let entry = entry?;
        debug_assert_ne!(entry.file_name(), TRIED, "a run has no such part");
        fs::rename(entry.path(), folder.join(entry.file_name()))?;
    }
    fs::remove_dir(run)
}
