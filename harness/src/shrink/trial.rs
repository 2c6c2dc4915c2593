//! Smaller runs on trial: each is run by the rule, and takes the place of the best so far if it fails as that did.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use splitbrain_reports::results::{Results, RunVerdict};

use super::confirm::{AGAIN, stands_by};
use super::player::{Play, Played, Stop, remove};
use super::progress::Progress;
use super::record::{Other, Step};
use super::rule::{self, Tally};
use super::setup::Setup;
use super::target::Target;

/// The part of the budget that is kept for running the smallest again.
const RESERVED_PART: u32 = 4;

/// The smallest run so far that fails.
#[derive(Clone)]
pub(super) struct Best {
    pub(super) setup: Setup,
    pub(super) results: Results,
    /// The run of it that failed last.
    pub(super) folder: PathBuf,
}

/// Tries smaller and smaller runs.
pub(super) struct Bench {
    pub(super) player: Box<dyn Play>,
    pub(super) progress: Progress,
    /// The name of the runs in the store.
    pub(super) name: String,
    /// What the stored run broke: all that is not among it is another failure.
    pub(super) known: Vec<Target>,
    pub(super) steps: Vec<Step>,
    pub(super) others: Vec<Other>,
    /// Whether a run of each kind of trouble is kept already.
    has_kept_trouble: bool,
}

/// What one run showed.
pub(super) enum Shown {
    /// It broke some claim. Its folder is there yet.
    Broken(Box<Results>, PathBuf),
    /// It broke none.
    Held,
    /// There can be no such run; why.
    Impossible(String),
}

impl Bench {
    pub(super) fn new(player: Box<dyn Play>, progress: Progress, name: String, known: Vec<Target>) -> Self {
        Self {
            player,
            progress,
            name,
            known,
            steps: Vec::new(),
            others: Vec::new(),
            has_kept_trouble: false,
        }
    }

    /// Runs it once. A run that broke no claim leaves nothing but the first that the host failed.
    pub(super) fn run(
        &mut self,
        setup: &Setup,
        arguments: &[String],
        reserve: Duration,
        step: &mut Step,
    ) -> Result<Shown, Stop> {
        let (results, folder) = match self.player.play(setup, arguments, reserve)? {
            Played::Judged(results, folder) => (results, folder),
            Played::Refused(why) => return Ok(Shown::Impossible(why)),
        };
        match results.verdict {
            RunVerdict::Violation => return Ok(Shown::Broken(results, folder)),
            RunVerdict::Pass => {}
            RunVerdict::Unknown | RunVerdict::HarnessError => step.without_verdict += 1,
        }
        if results.verdict == RunVerdict::HarnessError && !self.has_kept_trouble {
            self.has_kept_trouble = true;
            self.progress.say(&format!(
                "a run failed by the harness or the host, and is kept: {}: {}",
                folder.display(),
                results.reason
            ));
        } else {
            remove(&folder);
        }
        Ok(Shown::Held)
    }

    /// Notes a failure that is not the one that is looked for. The first of each is kept.
    pub(super) fn note_other(&mut self, results: &Results, folder: &Path) {
        let mut is_first = false;
        for target in Target::all(results) {
            if let Some(other) = self.others.iter_mut().find(|other| other.target == target) {
                other.times += 1;
                continue;
            }
            if self.known.iter().any(|known| known.covers(&target)) {
                continue;
            }
            self.progress
                .say(&format!("another failure, kept: {target}: {}", folder.display()));
            is_first = true;
            self.others.push(Other {
                target,
                times: 1,
                run: folder.to_owned(),
            });
        }
        if !is_first {
            remove(folder);
        }
    }
}

/// Smaller runs of one failure.
pub(super) struct Trials {
    pub(super) bench: Bench,
    pub(super) target: Target,
    /// Tries of a round.
    pub(super) times: u32,
    /// How many of [`AGAIN`] runs must fail for a smaller run to stand.
    pub(super) stands_by: u32,
    pub(super) best: Best,
    /// The last that stood: the whole, or the smallest at the end of a round.
    pub(super) standing: Best,
    /// What stood before that, in order.
    pub(super) stood: Vec<Setup>,
    /// What was taken since, in order; the best is the last of them.
    pub(super) taken: Vec<Setup>,
    /// Whether the number of nodes is to stay.
    pub(super) keep_nodes: bool,
    /// What was tried and is not taken for failing.
    pub(super) passed: BTreeSet<String>,
}

impl Trials {
    /// From a whole that fails at a rate.
    pub(super) fn new(
        bench: Bench,
        target: Target,
        times: u32,
        whole: Best,
        rate: f64,
        keep_nodes: bool,
    ) -> Self {
        Self {
            bench,
            target,
            times,
            stands_by: stands_by(rate),
            best: whole.clone(),
            standing: whole,
            stood: Vec::new(),
            taken: Vec::new(),
            keep_nodes,
            passed: BTreeSet::new(),
        }
    }

    /// What must be left of the budget when a run has ended: enough to run it again and see whether it stands, but no more
    /// than a part of the budget, or a small one would do for nothing.
    fn reserve(&self, setup: &Setup) -> Duration {
        let player = &self.bench.player;
        let budget = player.left() + player.elapsed();
        (player.estimate(setup) * AGAIN).min(budget / RESERVED_PART)
    }

    /// Whether a smaller run fails, by the rule; then it is the best.
    pub(super) fn fails(&mut self, change: &str, candidate: &Setup) -> Result<bool, Stop> {
        let fingerprint = candidate.fingerprint();
        if fingerprint == self.best.setup.fingerprint() {
            return Ok(true);
        }
        if self.passed.contains(&fingerprint) {
            return Ok(false);
        }
        let bench = &mut self.bench;
        let arguments = bench
            .player
            .arguments(candidate, &bench.name)
            .map_err(Stop::Failed)?;
        let (each, left) = (bench.player.estimate(candidate), bench.player.left());
        bench
            .progress
            .trying(change, rule::tries_of_trial(self.times), each, left);
        let mut step = empty_step(change);
        let mut tally = Tally::default();
        let mut last = None;
        let taken = rule::fails(self.times, &mut tally, || {
            self.once(candidate, &arguments, &mut step, &mut last)
        });
        step.tally = tally;
        step.taken = matches!(taken, Ok(true));
        if tally.of > 0 {
            self.bench.progress.tried(&step, self.bench.player.runs());
            self.bench.steps.push(step);
        }
        match (taken, last) {
            (Ok(true), Some(best)) => {
                self.taken.push(best.setup.clone());
                self.replace_best(best);
                Ok(true)
            }
            (taken, last) => {
                last.iter().for_each(|last| remove(&last.folder));
                if matches!(taken, Ok(false)) {
                    self.passed.insert(fingerprint);
                }
                taken.map(|_| false)
            }
        }
    }

    fn once(
        &mut self,
        setup: &Setup,
        arguments: &[String],
        step: &mut Step,
        last: &mut Option<Best>,
    ) -> Result<bool, Stop> {
        let reserve = self.reserve(setup);
        self.once_with(setup, arguments, reserve, step, last)
    }

    /// Runs it once; whether it failed as the whole did. `last` is then the run, in place of the one before.
    pub(super) fn once_with(
        &mut self,
        setup: &Setup,
        arguments: &[String],
        reserve: Duration,
        step: &mut Step,
        last: &mut Option<Best>,
    ) -> Result<bool, Stop> {
        match self.bench.run(setup, arguments, reserve, step)? {
            Shown::Broken(results, folder) if self.target.is_in(&results) => {
                last.iter().for_each(|last| remove(&last.folder));
                *last = Some(Best {
                    setup: setup.clone(),
                    results: *results,
                    folder,
                });
                Ok(true)
            }
            Shown::Broken(results, folder) => {
                step.otherwise += 1;
                self.bench.note_other(&results, &folder);
                Ok(false)
            }
            Shown::Held | Shown::Impossible(_) => Ok(false),
        }
    }
}

pub(super) fn empty_step(change: &str) -> Step {
    Step {
        change: change.to_owned(),
        tally: Tally::default(),
        otherwise: 0,
        without_verdict: 0,
        taken: false,
    }
}
