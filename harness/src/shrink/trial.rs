//! Smaller runs on trial: each is run by the rule, and takes the place of the best so far if it fails as that did.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use splitbrain_reports::results::{Results, RunVerdict};

use super::player::{Played, Player, Stop, remove};
use super::progress::Progress;
use super::record::{Other, Step};
use super::rule::{self, Tally};
use super::setup::Setup;
use super::target::Target;
use crate::output;

/// How often the smallest is run again, to tell how often it fails.
pub(super) const AGAIN: u32 = 5;
/// Most of those.
const MOST: u32 = AGAIN / 2 + 1;

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
    pub(super) player: Player,
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
    pub(super) fn new(player: Player, name: String, known: Vec<Target>) -> Self {
        Self {
            player,
            progress: Progress::start(),
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
            if self.known.contains(&target) {
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
    stands_by: u32,
    pub(super) best: Best,
    /// The last that stood: the whole, or the smallest at the end of a round.
    standing: Best,
    /// What stood before that, in order.
    stood: Vec<Setup>,
    /// What was taken since, in order; the best is the last of them.
    taken: Vec<Setup>,
    /// Whether the number of nodes is to stay.
    pub(super) keep_nodes: bool,
    /// What was tried and is not taken for failing.
    passed: BTreeSet<String>,
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

    /// What must be left of the budget when a smaller run has been tried: the smallest is run again at the end.
    fn reserve(&self) -> Duration {
        self.bench.player.estimate(&self.best.setup) * AGAIN
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

    /// Sees at the end of a round whether what was taken stands: each smaller run was taken for a few failures, and of many
    /// that are tried some fail by luck. What does not fail in enough further runs is given back, up to the smallest, by
    /// bisection, that does.
    pub(super) fn confirm(&mut self) -> Result<(), Stop> {
        if self.taken.is_empty() {
            return Ok(());
        }
        let smallest = self.best.setup.clone();
        if let Some(best) = self.stands("the smallest so far", &smallest)? {
            self.replace_best(best);
            self.stand();
            return Ok(());
        }
        let taken = std::mem::take(&mut self.taken);
        // Those before `firm` stand, as what it began with does; those from `weak` on do not.
        let (mut firm, mut weak) = (0, taken.len() - 1);
        self.replace_best(self.standing.clone());
        while firm < weak {
            let middle = usize::midpoint(firm, weak);
            match self.stands("what was taken before", &taken[middle])? {
                Some(best) => {
                    self.replace_best(best);
                    firm = middle + 1;
                }
                None => weak = middle,
            }
        }
        self.passed.extend(taken[weak..].iter().map(Setup::fingerprint));
        let given_back = output::plural((taken.len() - weak) as u64, "step");
        self.bench.progress.say(&format!(
            "{given_back} given back: what they led to fails too seldom"
        ));
        self.stand();
        Ok(())
    }

    /// From now on nothing is given back beyond the best.
    fn stand(&mut self) {
        if self.standing.folder != self.best.folder {
            remove(&self.standing.folder);
            self.stood.push(self.standing.setup.clone());
        }
        self.standing = self.best.clone();
        self.taken.clear();
    }

    /// Puts a run in the place of the best.
    fn replace_best(&mut self, best: Best) {
        if self.best.folder != self.standing.folder && self.best.folder != best.folder {
            remove(&self.best.folder);
        }
        self.best = best;
    }

    /// Whether a run fails in enough further runs; the last of those.
    fn stands(&mut self, what: &str, setup: &Setup) -> Result<Option<Best>, Stop> {
        let (tally, last) = self.runs_of(what, setup, AGAIN)?;
        if tally.failed >= self.stands_by {
            return Ok(last);
        }
        last.iter().for_each(|last| remove(&last.folder));
        Ok(None)
    }

    /// Runs the smallest again, so often as the budget allows, and counts. Where too few of these runs fail, it had stood by
    /// luck: what stood before it is run as often, and takes its place if it fails more often.
    pub(super) fn again(&mut self) -> Result<Tally, Stop> {
        let setup = self.best.setup.clone();
        let (mut tally, last) = self.runs_of("the smallest again", &setup, AGAIN)?;
        last.into_iter().for_each(|last| self.replace_best(last));
        while tally.of == AGAIN
            && tally.failed < self.stands_by.min(MOST)
            && let Some(before) = self.stood.pop()
        {
            match self.runs_of("what stood before", &before, AGAIN) {
                Ok((more, Some(last))) if more.failed > tally.failed => {
                    tally = more;
                    self.replace_best(last);
                }
                Ok((_, last)) => last.iter().for_each(|last| remove(&last.folder)),
                Err(Stop::Budget) => break,
                Err(stop) => return Err(stop),
            }
        }
        Ok(tally)
    }

    /// Leaves no run but the best and those that showed other failures.
    pub(super) fn release(&self) {
        if self.standing.folder != self.best.folder {
            remove(&self.standing.folder);
        }
    }

    /// Runs it so often, as far as the budget allows; the last of those that failed.
    fn runs_of(&mut self, what: &str, setup: &Setup, times: u32) -> Result<(Tally, Option<Best>), Stop> {
        let bench = &mut self.bench;
        let arguments = bench.player.arguments(setup, &bench.name).map_err(Stop::Failed)?;
        let (each, left) = (bench.player.estimate(setup), bench.player.left());
        bench.progress.trying(what, times, each, left);
        let (mut step, mut last, mut tally) = (empty_step(what), None, Tally::default());
        for _ in 0..times {
            match self.once_with(setup, &arguments, Duration::ZERO, &mut step, &mut last) {
                Ok(failed) => tally.count(failed),
                Err(Stop::Budget) if tally.of > 0 => break,
                Err(stop) => {
                    last.iter().for_each(|last| remove(&last.folder));
                    return Err(stop);
                }
            }
        }
        step.tally = tally;
        self.bench.progress.counted(&step, self.bench.player.runs());
        self.bench.steps.push(step);
        Ok((tally, last))
    }

    fn once(
        &mut self,
        setup: &Setup,
        arguments: &[String],
        step: &mut Step,
        last: &mut Option<Best>,
    ) -> Result<bool, Stop> {
        let reserve = self.reserve();
        self.once_with(setup, arguments, reserve, step, last)
    }

    /// Runs it once; whether it failed as the whole did. `last` is then the run, in place of the one before.
    fn once_with(
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

/// How many of [`AGAIN`] runs a smaller one must fail in, for a whole that fails at a rate. Less than four of five is luck
/// too often where many are tried; where the whole fails seldom, more cannot be asked for.
fn stands_by(rate: f64) -> u32 {
    match rate {
        0.75.. => MOST + 1,
        0.5.. => MOST,
        _ => 1,
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
