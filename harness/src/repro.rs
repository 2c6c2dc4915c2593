//! `repro`: a stored run once more, several times, and how often it fails again.
//!
//! The seed, the load and the schedule are those of the run. Which node leads at a moment is not decided by them: real
//! processes race. So a fault that strikes whoever leads strikes the leader of then; or, if asked to, the very node that
//! it struck in the run.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use splitbrain_reports::results::{Results, RunVerdict};

use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output;
use crate::program::{last_words, this_program};
use crate::rerun;
use crate::run;
use crate::run::redraw::results;
use crate::schedule_file;
use crate::store::RunFolder;
use crate::test_file::Test;
use crate::units::Timing;

/// What to run again.
#[derive(Args, Debug)]
pub struct ReproOptions {
    /// The folder of the run, such as store/latest
    run: PathBuf,
    /// How often
    #[arg(long, value_name = "K", default_value_t = 5)]
    times: u32,
    /// Strike the very nodes that were struck, by the run's schedule.toml, whoever leads now
    #[arg(long)]
    same_nodes: bool,
    /// Where the new runs are kept [default: repro, in the run's folder]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Print what was found as JSON, on one line
    #[arg(long)]
    json: bool,
}

/// How often it failed again.
#[derive(Debug, Serialize)]
struct Found {
    run: PathBuf,
    command: String,
    times: u32,
    /// Runs with a violation.
    violations: u32,
    /// Runs that broke a claim that the stored run broke as well.
    same_claim: u32,
    /// Runs without a verdict.
    without_verdict: u32,
}

/// Runs the stored run again.
///
/// # Errors
/// If it is no run, or cannot be run here.
pub fn repro(options: &ReproOptions) -> Result<Exit> {
    if options.times == 0 {
        return Err(Failure::Usage("--times must be more than 0".to_owned()));
    }
    let folder = RunFolder::open(&options.run)?;
    let was = results(&folder)?;
    let (test, all_read_modes) = again(&folder, options)?;
    let mut found = Found {
        run: options.run.clone(),
        command: rerun::command(&test, all_read_modes),
        times: options.times,
        violations: 0,
        same_claim: 0,
        without_verdict: 0,
    };
    let mut exit = Exit::Pass;
    for number in 1..=options.times {
        let results = play(&test, all_read_modes)?;
        exit = exit.worst(run::exit(results.verdict));
        match results.verdict {
            RunVerdict::Violation => found.violations += 1,
            RunVerdict::Pass => {}
            RunVerdict::Unknown | RunVerdict::HarnessError => found.without_verdict += 1,
        }
        found.same_claim += u32::from(breaks_the_same(&was, &results));
        output::note(&format!(
            "[{number}/{}] {}: {}",
            options.times,
            output::run_badge(results.verdict),
            results.reason
        ));
    }
    output::print(&match options.json {
        true => serde_json::to_string(&found).expect("counts are plain data") + "\n",
        false => text(&found),
    });
    Ok(exit)
}

fn text(found: &Found) -> String {
    let unknown = match found.without_verdict {
        0 => String::new(),
        runs => format!("; {} without a verdict", output::plural(runs.into(), "run")),
    };
    format!(
        "{} of {} failed again, {} of them by the same claim{unknown}\n{}\n",
        found.violations,
        output::plural(found.times.into(), "run"),
        found.same_claim,
        found.command
    )
}

/// The test of a stored run as it is run again.
fn again(folder: &RunFolder, options: &ReproOptions) -> Result<(Test, bool)> {
    let mut test = Test::read(&folder.test_json())?;
    let all_read_modes = !test.command.contains(" --read-mode ");
    test.store = options
        .store
        .clone()
        .unwrap_or_else(|| folder.path().join("repro"));
    "repro".clone_into(&mut test.name);
    if options.same_nodes {
        if !folder.schedule().is_file() {
            return Err(Failure::Input(format!(
                "{} has no schedule.toml: the run had no faults; leave out --same-nodes",
                folder.path().display()
            )));
        }
        test.schedule_file = Some(folder.schedule());
        (test.fault_time, test.fault_gap, test.timing) = (None, None, Timing::default());
    } else if test.schedule_file.is_some() {
        // The file that it came from may have changed or gone since.
        let path = test.store.join("faults.toml");
        fs::create_dir_all(&test.store).map_err(|error| Failure::not_writable(&test.store, &error))?;
        RunFolder::write(&path, schedule_file::recorded(&test.schedule, &[]).as_bytes())?;
        test.schedule_file = Some(path);
    }
    Ok((test, all_read_modes))
}

fn play(test: &Test, all_read_modes: bool) -> Result<Results> {
    let mut command = this_program()?;
    command.args(["run", "--json"]);
    for (flag, value) in rerun::arguments(test, all_read_modes) {
        command.arg(format!("--{flag}={value}"));
    }
    let output = command.output();
    let output = output.map_err(|error| Failure::host(format!("cannot start a run: {error}")))?;
    serde_json::from_slice(&output.stdout).map_err(|_| {
        Failure::host(format!(
            "the run gave no results; it said:\n{}",
            last_words(&output.stderr)
        ))
    })
}

/// Whether a claim that was broken then is broken now.
fn breaks_the_same(was: &Results, now: &Results) -> bool {
    use splitbrain_reports::results::{Claim, ClaimVerdict};
    let broken = |claim: &&Claim| claim.verdict == ClaimVerdict::Invalid;
    let is_broken_now = |then: &Claim| {
        now.claims
            .iter()
            .filter(broken)
            .any(|claim| (&claim.read_mode, &claim.claim) == (&then.read_mode, &then.claim))
    };
    was.claims.iter().filter(broken).any(is_broken_now)
}
