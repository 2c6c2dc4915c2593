//! Measuring how often the whole fails again.

use std::path::PathBuf;
use std::time::Duration;

use splitbrain_reports::results::Results;

use super::player::{Stop, remove};
use super::record::Step;
use super::rule::Tally;
use super::setup::Setup;
use super::target::Target;
use super::trial::{Bench, Best, Shown, empty_step};
use crate::failure::Failure;

/// How often the whole is run.
pub(super) const MEASURED: u32 = 3;

/// A failure of the whole that came again.
pub(super) struct Measured {
    pub(super) target: Target,
    pub(super) tally: Tally,
    /// The last run that showed it.
    pub(super) best: Best,
}

impl Bench {
    /// Runs the whole a few times. Of the failures that the stored run showed, the one that came again most often, if one
    /// did; of several alike, the first.
    pub(super) fn measure(&mut self, what: &str, setup: &Setup) -> Result<Option<Measured>, Stop> {
        let (mut step, mut failed) = (empty_step(what), Vec::new());
        let measured = self.run_whole(setup, &mut step, &mut failed);
        self.progress.counted(&step, self.player.runs());
        let of = step.tally.of;
        self.steps.push(step);
        let chosen = match measured {
            Ok(()) => choose(&self.known, &mut failed, of),
            Err(_) => None,
        };
        failed.iter().for_each(|best| remove(&best.folder));
        measured.map(|()| chosen)
    }

    /// Runs the whole, and leaves all runs that failed as the stored one did.
    fn run_whole(&mut self, setup: &Setup, step: &mut Step, failed: &mut Vec<Best>) -> Result<(), Stop> {
        let arguments = self.player.arguments(setup, &self.name).map_err(Stop::Failed)?;
        let (each, left) = (self.player.estimate(setup), self.player.left());
        self.progress.trying(&step.change, MEASURED, each, left);
        for _ in 0..MEASURED {
            let is_same = match self.run(setup, &arguments, Duration::ZERO, step) {
                Ok(Shown::Broken(results, folder)) => self.sort(*results, folder, setup, step, failed),
                Ok(Shown::Held) => false,
                Ok(Shown::Impossible(why)) => {
                    let problem = format!("the run cannot be run as it was any more: {why}");
                    return Err(Stop::Failed(Failure::Input(problem)));
                }
                // What was measured so far counts.
                Err(Stop::Budget) if step.tally.of > 0 => break,
                Err(stop) => return Err(stop),
            };
            step.tally.count(is_same);
        }
        Ok(())
    }

    /// Keeps a run that failed as the stored one did, and notes another failure; whether it is the former.
    fn sort(
        &mut self,
        results: Results,
        folder: PathBuf,
        setup: &Setup,
        step: &mut Step,
        failed: &mut Vec<Best>,
    ) -> bool {
        let is_same = self.known.iter().any(|target| target.is_in(&results));
        if is_same {
            failed.push(Best {
                setup: setup.clone(),
                results,
                folder,
            });
        } else {
            step.otherwise += 1;
            self.note_other(&results, &folder);
        }
        is_same
    }
}

/// Takes out the last run that showed the failure which came most often in so many runs.
fn choose(known: &[Target], failed: &mut Vec<Best>, of: u32) -> Option<Measured> {
    let times = |target: &&Target| failed.iter().filter(|best| target.is_in(&best.results)).count();
    // The first of the greatest is the last of the reversed.
    let target = known.iter().rev().max_by_key(times)?.clone();
    let tally = Tally {
        failed: u32::try_from(times(&&target)).unwrap_or(of),
        of,
    };
    let place = failed.iter().rposition(|best| target.is_in(&best.results))?;
    let best = failed.remove(place);
    Some(Measured { target, tally, best })
}

#[cfg(test)]
mod tests {
    use splitbrain_nemesis::schedule::Schedule;

    use super::*;
    use crate::cli::run_options;
    use crate::config::resolve;
    use crate::shrink::target::tests::{broken, target};

    fn run(number: u32, targets: &[Target]) -> Best {
        let test = resolve(run_options("splitbrain run --seed 1")).unwrap();
        Best {
            setup: Setup::new(&test, Schedule::default()),
            results: broken(targets),
            folder: PathBuf::from(number.to_string()),
        }
    }

    #[test]
    fn the_failure_that_comes_again_most_often_is_looked_for() {
        let (lost, stale) = (target("log", "lost-write"), target("lease", "stale-read"));
        let known = [lost.clone(), stale.clone()];
        let both = [lost.clone(), stale.clone()];
        let mut failed = vec![run(1, &both), run(2, std::slice::from_ref(&stale)), run(3, &[])];
        let chosen = choose(&known, &mut failed, 4).unwrap();
        assert_eq!((chosen.target, chosen.tally), (stale, Tally { failed: 2, of: 4 }));
        assert_eq!(chosen.best.folder, PathBuf::from("2"));
        assert_eq!(failed.len(), 2, "what was not chosen is left to be removed");
        let chosen = choose(&known, &mut vec![run(1, &both)], 1).unwrap();
        assert_eq!(chosen.target, lost, "of two alike the first");
        assert!(choose(&known, &mut Vec::new(), 3).is_none());
    }
}
