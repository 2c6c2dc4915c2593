//! Whether what was taken fails often enough to be of use, and giving it back where it does not.

use std::time::Duration;

use super::player::{Stop, remove};
use super::rule::Tally;
use super::setup::Setup;
use super::trial::{Best, Trials, empty_step};
use crate::output;

/// How often the smallest is run again, to tell how often it fails.
pub(super) const AGAIN: u32 = 10;
/// Most of those.
const MOST: u32 = AGAIN / 2 + 1;

impl Trials {
    /// Sees at the end of a round whether what was taken stands: each smaller run was taken for a few failures, and of many
    /// that are tried some fail by luck. What does not fail in enough further runs is given back, up to the smallest, by
    /// bisection, that does. Whether nothing was given back: else the next round goes another way.
    pub(super) fn confirm(&mut self) -> Result<bool, Stop> {
        if self.taken.is_empty() {
            return Ok(true);
        }
        let smallest = self.best.setup.clone();
        if let Some(best) = self.stands("the smallest so far", &smallest)? {
            self.replace_best(best);
            self.stand();
            return Ok(true);
        }
        let taken = std::mem::take(&mut self.taken);
        let (firm, weak) = self.firmest(&taken);
        match (firm, &weak) {
            (Some(best), _) => self.replace_best(best),
            (None, Ok(_)) => self.replace_best(self.standing.clone()),
            // Nothing smaller is known to stand: what was found is left, with how seldom it fails.
            (None, Err(_)) => {}
        }
        let weak = weak?;
        self.passed.extend(taken[weak..].iter().map(Setup::fingerprint));
        let given_back = output::plural((taken.len() - weak) as u64, "step");
        self.bench.progress.say(&format!(
            "{given_back} given back: what they led to fails too seldom"
        ));
        self.stand();
        Ok(false)
    }

    /// Looks, by bisection, for the last of what was taken that stands, where the last of all does not; and for the first
    /// that does not. What is known when a stop comes is told as well.
    fn firmest(&mut self, taken: &[Setup]) -> (Option<Best>, Result<usize, Stop>) {
        // Those before `firm` stand, as what it began with does; those from `weak` on do not.
        let (mut firm, mut weak) = (0, taken.len() - 1);
        let mut firmest: Option<Best> = None;
        while firm < weak {
            let middle = usize::midpoint(firm, weak);
            match self.stands("what was taken before", &taken[middle]) {
                Ok(Some(best)) => {
                    firmest.iter().for_each(|before| remove(&before.folder));
                    firmest = Some(best);
                    firm = middle + 1;
                }
                Ok(None) => weak = middle,
                Err(stop) => return (firmest, Err(stop)),
            }
        }
        (firmest, Ok(weak))
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
    pub(super) fn replace_best(&mut self, best: Best) {
        if self.best.folder != self.standing.folder && self.best.folder != best.folder {
            remove(&self.best.folder);
        }
        self.best = best;
    }

    /// Whether a run fails in enough further runs; the last of those.
    fn stands(&mut self, what: &str, setup: &Setup) -> Result<Option<Best>, Stop> {
        let may_pass = AGAIN - self.stands_by;
        let (tally, last) = self.runs_of(what, setup, may_pass)?;
        if tally.failed >= self.stands_by {
            return Ok(last);
        }
        last.iter().for_each(|last| remove(&last.folder));
        match tally.of - tally.failed > may_pass {
            true => Ok(None),
            // The budget was spent before it was decided.
            false => Err(Stop::Budget),
        }
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

    /// Runs it [`AGAIN`] times, as far as the budget allows, or until more did not fail than may; the last of those that
    /// failed.
    fn runs_of(&mut self, what: &str, setup: &Setup, may_pass: u32) -> Result<(Tally, Option<Best>), Stop> {
        let bench = &mut self.bench;
        let arguments = bench.player.arguments(setup, &bench.name).map_err(Stop::Failed)?;
        let (each, left) = (bench.player.estimate(setup), bench.player.left());
        bench.progress.trying(what, AGAIN, each, left);
        let (mut step, mut last, mut tally) = (empty_step(what), None, Tally::default());
        while tally.of < AGAIN && tally.of - tally.failed <= may_pass {
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
}

/// How many of [`AGAIN`] runs a smaller one must fail in, for a whole that fails at a rate. With eight of ten, one of rate
/// 0.5 stands with probability 0.05, one of 0.9 with 0.93. Where the whole fails seldom, no more can be asked for.
pub(super) fn stands_by(rate: f64) -> u32 {
    match rate {
        0.75.. => 8,
        0.5.. => MOST,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use tempfile::TempDir;

    use super::*;
    use crate::cli::run_options;
    use crate::config::resolve;
    use crate::failure::Result;
    use crate::shrink::player::{Play, Played};
    use crate::shrink::progress::Progress;
    use crate::shrink::record::End;
    use crate::shrink::target::tests::{broken, target};
    use crate::shrink::trial::Bench;
    use crate::workload::Random;

    /// Runs that fail at a rate which depends on what is run.
    struct Fake {
        store: PathBuf,
        random: Random,
        rate: fn(&Setup) -> f64,
        runs: u32,
        runs_max: u32,
    }

    impl Play for Fake {
        fn arguments(&mut self, _setup: &Setup, _name: &str) -> Result<Vec<String>> {
            Ok(Vec::new())
        }

        fn play(&mut self, setup: &Setup, _: &[String], _: Duration) -> std::result::Result<Played, Stop> {
            if self.runs == self.runs_max {
                return Err(Stop::Budget);
            }
            self.runs += 1;
            let folder = self.store.join(self.runs.to_string());
            fs::create_dir(&folder).unwrap();
            let targets = match self.random.unit() < (self.rate)(setup) {
                true => vec![target("log", "lost-write")],
                false => Vec::new(),
            };
            Ok(Played::Judged(Box::new(broken(&targets)), folder))
        }

        fn estimate(&self, _setup: &Setup) -> Duration {
            Duration::from_secs(1)
        }

        fn left(&self) -> Duration {
            Duration::from_secs(1)
        }

        fn elapsed(&self) -> Duration {
            Duration::ZERO
        }

        fn runs(&self) -> u32 {
            self.runs
        }
    }

    const WHOLE: &str =
        "splitbrain run --nemesis partition,kill --keys 64 --concurrency 60 --time-limit 30s --seed 3";

    /// Shrinks a whole by runs of such a rate; what is left of the store is the best and nothing else.
    fn shrunk(rate: fn(&Setup) -> f64, seed: u64, runs_max: u32) -> (End, Trials) {
        let store = TempDir::new().unwrap();
        let test = resolve(run_options(WHOLE)).unwrap();
        let whole = Setup::new(&test, test.schedule.clone());
        let fake = Fake {
            store: store.path().to_owned(),
            random: Random::new(seed, "runs"),
            rate,
            runs: 0,
            runs_max,
        };
        let lost = target("log", "lost-write");
        let mut bench = Bench::new(
            Box::new(fake),
            Progress::silent(),
            "x".to_owned(),
            vec![lost.clone()],
        );
        let measured = bench.measure("whole", &whole);
        let Ok(Some(measured)) = measured else {
            panic!("it did not fail again")
        };
        let mut trials = Trials::new(bench, lost, 2, measured.best, measured.tally.rate(), false);
        let (end, _, failure) = crate::shrink::try_smaller(&mut trials);
        assert!(failure.is_none());
        trials.release();
        let left: Vec<PathBuf> = fs::read_dir(store.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert_eq!(left, [trials.best.folder.clone()]);
        (end, trials)
    }

    fn faults(setup: &Setup) -> usize {
        setup.test().schedule.events.len()
    }

    #[test]
    fn what_always_fails_is_shrunk_to_what_it_needs() {
        // A fault, two keys and four clients of three nodes are needed.
        let needs = |setup: &Setup| {
            let test = setup.test();
            let is_enough =
                faults(setup) >= 1 && test.mix.keys >= 2 && test.concurrency >= 4 && test.nodes.len() >= 3;
            f64::from(u8::from(is_enough))
        };
        let (end, trials) = shrunk(needs, 1, u32::MAX);
        assert_eq!(end, End::Minimal);
        let test = trials.best.setup.test();
        assert_eq!(
            (
                faults(&trials.best.setup),
                test.nodes.len(),
                test.read_modes.len()
            ),
            (1, 3, 1)
        );
        // Found by bisection, to within what is worth its runs.
        assert!((2..=3).contains(&test.mix.keys), "{}", test.mix.keys);
        assert!((4..=5).contains(&test.concurrency), "{}", test.concurrency);
    }

    #[test]
    fn what_fails_too_seldom_is_given_back() {
        // Without faults it still fails now and then, often enough to be taken twice by luck.
        let rate = |setup: &Setup| if faults(setup) == 0 { 0.4 } else { 1.0 };
        let mut given_back = 0;
        for seed in 0..40 {
            let (end, trials) = shrunk(rate, seed, u32::MAX);
            assert_eq!(end, End::Minimal);
            // Eight of ten at a rate of 0.4, once by luck, is a matter of one in eighty; and then six of ten once more.
            assert_eq!(faults(&trials.best.setup), 1, "seed {seed}");
            let steps = &trials.bench.steps;
            given_back += u32::from(
                steps
                    .iter()
                    .any(|step| step.taken && step.change.ends_with("-> 0")),
            );
        }
        assert!(given_back > 5, "none was ever taken by luck: {given_back}");
    }

    #[test]
    fn a_whole_that_never_fails_smaller_stays_as_it_is() {
        let test = resolve(run_options(WHOLE)).unwrap();
        let rate = |setup: &Setup| {
            let test = setup.test();
            let is_whole =
                faults(setup) > 8 && test.concurrency == 60 && test.time_limit.as_millis() == 30_000;
            f64::from(u8::from(
                is_whole && test.mix.keys == 64 && test.rate.is_none() && test.read_modes.len() == 6,
            ))
        };
        assert!(test.schedule.events.len() > 8 && test.read_modes.len() == 6);
        let (end, trials) = shrunk(rate, 1, u32::MAX);
        assert_eq!(end, End::Minimal);
        assert_eq!(trials.best.setup.test().concurrency, 60);
    }

    #[test]
    fn whenever_the_budget_ends_a_run_that_fails_is_left() {
        let rate = |setup: &Setup| if faults(setup) == 0 { 0.3 } else { 0.95 };
        for runs_max in 3..120 {
            let (_, trials) = shrunk(rate, 7, runs_max);
            assert!(trials.target.is_in(&trials.best.results), "{runs_max}");
            // Once something smaller was taken, what is left is not the whole, unless all of it was given back.
            let steps = &trials.bench.steps;
            let is_taken = steps.iter().any(|step| step.taken);
            let is_decided = steps.iter().any(|step| step.change == "what was taken before");
            let is_whole = faults(&trials.best.setup) > 8;
            assert!(!(is_taken && is_whole) || is_decided, "{runs_max}: {steps:?}");
        }
    }

    #[test]
    fn how_often_it_must_fail_follows_from_the_whole() {
        let of = |failed, of| stands_by(Tally { failed, of }.rate());
        assert_eq!([of(3, 3), of(2, 3), of(1, 3)], [8, 6, 1]);
    }
}
