//! The stored run that is to be made smaller, if it can be.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use splitbrain_nemesis::schedule::Schedule;
use splitbrain_reports::results::{Results, RunVerdict};

use super::target::Target;
use crate::failure::{Failure, Result};
use crate::run::redraw::results;
use crate::schedule_file;
use crate::store::{ComparisonFolder, RunFolder};
use crate::test_file::Test;

/// A stored run that broke a claim.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    /// Its folder, from the root.
    pub(super) path: PathBuf,
    pub(super) test: Test,
    pub(super) results: Results,
    /// Its faults with the nodes that they struck, as the run left them.
    pub(super) as_played: Schedule,
}

impl Stored {
    /// Opens the run in a folder.
    ///
    /// # Errors
    /// [`Failure::Input`], with what to do instead, if there is none, or none whose failure could be made smaller.
    pub(super) fn open(path: &Path) -> Result<Self> {
        if ComparisonFolder::open(path).is_some() {
            return Err(Failure::Input(format!(
                "{0} is a comparison; make one of its runs smaller, which are in {0}/runs",
                path.display()
            )));
        }
        let folder = RunFolder::open(path)?;
        not_newer(&folder)?;
        let test = Test::read(&folder.test_json())?;
        let results = results(&folder)?;
        failed(&folder, &results)?;
        let as_played = as_played(&folder, &test)?;
        let path = folder.path().canonicalize();
        let path = path.map_err(|error| Failure::Input(format!("{}: {error}", folder.path().display())))?;
        Ok(Self {
            path,
            test,
            results,
            as_played,
        })
    }

    /// The store that it lies in.
    pub(super) fn store(&self) -> PathBuf {
        // store/<name>/<run>
        let store = self.path.parent().and_then(Path::parent);
        store.unwrap_or(&self.path).to_owned()
    }

    /// Whether the schedule as it was played names nodes that the one of the test leaves open.
    pub(super) fn names_nodes(&self) -> bool {
        self.as_played.events != self.test.schedule.events
    }
}

/// Refuses what a newer version has kept: its fields may mean something else.
fn not_newer(folder: &RunFolder) -> Result<()> {
    #[derive(Deserialize)]
    struct Version {
        splitbrain: String,
    }
    let text = std::fs::read_to_string(folder.test_json()).unwrap_or_default();
    let Ok(Version { splitbrain: theirs }) = serde_json::from_str(&text) else {
        // What is wrong with it is told by who reads the whole of it.
        return Ok(());
    };
    let ours = env!("CARGO_PKG_VERSION");
    if numbers(&theirs) <= numbers(ours) {
        return Ok(());
    }
    Err(Failure::Input(format!(
        "{} was kept by Splitbrain {theirs}, and this is {ours}; use that version or a newer one",
        folder.path().display()
    )))
}

/// The numbers of a version, `1.20.3`, to be compared.
fn numbers(version: &str) -> Vec<u64> {
    let numbers = version.split(|c: char| !c.is_ascii_digit());
    numbers.filter_map(|number| number.parse().ok()).take(3).collect()
}

fn failed(folder: &RunFolder, results: &Results) -> Result<()> {
    let path = folder.path().display();
    let why = match results.verdict {
        RunVerdict::Violation if !Target::all(results).is_empty() => return Ok(()),
        RunVerdict::Violation => "is a violation, but its results tell of no broken claim".to_owned(),
        RunVerdict::Pass => "passed".to_owned(),
        RunVerdict::Unknown => format!("has no verdict ({})", results.reason),
        RunVerdict::HarnessError => format!("failed by the harness or the host ({})", results.reason),
    };
    Err(Failure::Input(format!(
        "{path} {why}; only a run that broke a claim can be made smaller"
    )))
}

/// The schedule that the run left.
fn as_played(folder: &RunFolder, test: &Test) -> Result<Schedule> {
    if test.schedule.events.is_empty() {
        return Ok(Schedule::default());
    }
    let path = folder.schedule();
    if !path.is_file() {
        return Err(Failure::Input(format!(
            "{} has no schedule.toml, though the run had {} faults; run it again with `splitbrain repro`, and make one of \
             those runs smaller",
            folder.path().display(),
            test.schedule.events.len()
        )));
    }
    let read = schedule_file::read(&path, test.nodes.len(), test.time_limit, test.seed);
    let schedule = read.map_err(|failure| Failure::Input(failure.to_string()))?;
    if schedule.events.len() != test.schedule.events.len() {
        return Err(Failure::Input(format!(
            "{} has {} faults, and the run had {}; it was changed since",
            path.display(),
            schedule.events.len(),
            test.schedule.events.len()
        )));
    }
    Ok(schedule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert!(numbers("0.10.0") > numbers("0.9.9"));
        assert!(numbers("0.1.0") == numbers("0.1.0-rc") && numbers("1.0.0") > numbers("0.99.0"));
    }
}
