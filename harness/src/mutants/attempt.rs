//! One attempt to catch a planted bug.

use std::time::Duration;

use splitbrain_reports::results::{Results, RunVerdict};

use super::options::{Plan, SEEDS_APART, Target};
use crate::failure::{Failure, Result};
use crate::program::{last_words, this_program};
use crate::simulate::{self, Campaign, Watcher};
use crate::units::Timing;

/// An attempt that is over.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    /// How many runs or seeds it took.
    pub(super) runs: u64,
    /// How many it would have taken where nothing is found.
    pub(super) planned: u64,
    /// What they are: `runs` or `seeds`.
    pub(super) unit: &'static str,
    /// None where the bug escaped.
    pub(super) caught: Option<Caught>,
    /// Why a run had no verdict, if one had none.
    pub(super) without_verdict: Option<String>,
}

/// How a bug was caught.
#[derive(Clone, Debug)]
pub(super) struct Caught {
    /// What it showed.
    pub(super) anomaly: String,
    /// How long it took: in processes the time from the start of the
    /// run, that of its cluster included, until the op that gave it away, after the load of the runs before; in the simulator real time
    /// until the failing seed had ended.
    pub(super) after: Duration,
}

/// Makes attempts.
pub(super) struct Hunter<'a> {
    plan: &'a Plan,
}

struct Unwatched;

impl Watcher for Unwatched {
    fn seeds_done(&self, _done: u64, _failed: u64) {}
}

impl<'a> Hunter<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        Self { plan }
    }

    fn first_seed(&self, number: u32) -> u64 {
        // That this fits was checked with the options.
        self.plan.seed + u64::from(number) * SEEDS_APART
    }

    /// Looks for the bug in fresh seeds of the simulator.
    pub(super) fn in_simulator(&self, target: &Target, number: u32) -> Result<Attempt> {
        let system = simulate::named(target.system)?;
        let mut campaign = Campaign::new(system, target.mutant.map(|mutant| mutant.name));
        if let Some(nemesis) = target.nemesis {
            let names: Vec<_> = nemesis.split(',').map(str::to_owned).collect();
            campaign.config.nemesis = simulate::families(&names)?;
        }
        let first = self.first_seed(number);
        let finding = simulate::hunt(&campaign, first..first + self.plan.seeds, &Unwatched);
        let mut attempt = Attempt {
            runs: finding.seeds,
            planned: self.plan.seeds,
            unit: "seed",
            caught: None,
            without_verdict: None,
        };
        attempt.without_verdict = finding.without_verdict.map(|(_, reason)| reason);
        attempt.caught = finding.caught.map(|caught| Caught {
            anomaly: simulate::anomaly(&caught.failure),
            after: caught.after,
        });
        Ok(attempt)
    }

    /// Looks for the bug in runs of real processes, until one catches it.
    pub(super) fn in_processes(&self, target: &Target, number: u32) -> Result<Attempt> {
        let runs = if target.mutant.is_some() {
            self.plan.runs
        } else {
            1
        };
        let mut attempt = Attempt {
            runs: 0,
            planned: u64::from(runs),
            unit: "run",
            caught: None,
            without_verdict: None,
        };
        let mut load_before = Duration::ZERO;
        for run in 0..runs {
            let seed = self.first_seed(number) + u64::from(run);
            attempt.runs += 1;
            let results = match self.run(target, seed) {
                Ok(results) => results,
                Err(failure) => {
                    attempt.without_verdict = Some(failure.to_string());
                    continue;
                }
            };
            match results.verdict {
                RunVerdict::Violation => {
                    attempt.caught = Some(caught(&results, load_before));
                    return Ok(attempt);
                }
                RunVerdict::Pass => {}
                RunVerdict::Unknown | RunVerdict::HarnessError => {
                    attempt.without_verdict = Some(results.reason.clone());
                }
            }
            load_before += Duration::from_secs_f64(results.load_seconds);
        }
        Ok(attempt)
    }

    /// Runs the program itself, as a person would.
    fn run(&self, target: &Target, seed: u64) -> Result<Results> {
        let mut command = this_program()?;
        let timing = match (self.plan.timing, target.nemesis) {
            (Timing::Targeted, Some(nemesis)) if nemesis != "none" => &["--timing", "targeted"][..],
            _ => &[],
        };
        command
            .args(["run", "--json", "--system", target.system])
            .args(["--nemesis", target.nemesis.unwrap_or("none")])
            .args(timing)
            .args([
                "--time-limit",
                &self.plan.time_limit.to_string(),
                "--seed",
                &seed.to_string(),
            ])
            .arg("--store")
            .arg(&self.plan.store);
        if let Some(mutant) = target.full_name() {
            command.args(["--mutant", &mutant]);
        }
        command.args(target.args());
        let output = command
            .output()
            .map_err(|error| Failure::host(format!("cannot start a run: {error}")))?;
        serde_json::from_slice(&output.stdout).map_err(|_| {
            Failure::host(format!(
                "the run with seed {seed} gave no results; it said:\n{}",
                last_words(&output.stderr)
            ))
        })
    }
}

/// What a violation showed, and when: the end of the op that cannot be explained.
fn caught(results: &Results, load_before: Duration) -> Caught {
    let broken = results.counterexample.as_ref();
    let anomaly = broken.map_or("violation".to_owned(), |example| {
        let claim = if example.read_mode.is_empty() {
            "all reads"
        } else {
            &example.read_mode
        };
        format!("{claim} not {}", example.model)
    });
    let culprit = broken.and_then(|example| example.ops.iter().find(|op| op.culprit));
    let end_ns = culprit.map(|op| op.end_ns.unwrap_or(op.start_ns));
    let after = end_ns.map_or(
        Duration::from_secs_f64(results.load_seconds),
        Duration::from_nanos,
    );
    Caught {
        anomaly,
        after: load_before + after,
    }
}
