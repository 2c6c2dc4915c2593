//! `shrink`: from a stored run that broke a claim to the smallest that breaks it in the same way.
//!
//! ```text
//! RUN ─▶ measure ─▶ smaller runs on trial, round by round ─▶ the smallest again ─▶ a run of its own, with shrunk.json
//!        how often   cut off, faults, read modes, quiet,
//!        it fails    keys, rate, clients, nodes, durations
//! ```
//!
//! All that is tried is really run, by the same seed. Runs race, so nothing is believed after one try; [`rule`] tells what
//! is, and how sure that is. What was taken must fail in most of ten further runs at the end of each round, or is given
//! back as far as need be: of many candidates some fail twice by luck. The failure is known by its read mode, model and (but for `--any-anomaly`) kind of violation: another one that is met
//! on the way is told and kept, and never taken for it. The faults are first those of the schedule, each with its variant and
//! seed; where the run does not fail again by them, those of its `schedule.toml`, with the very nodes that were struck.

pub mod ddmin;
pub mod least;
pub mod record;
pub mod rule;
pub mod target;

mod confirm;
mod leave;
mod measure;
mod player;
mod progress;
mod setup;
mod steps;
mod stored;
mod timeline;
mod trial;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use splitbrain_nemesis::schedule::Schedule;

use self::leave::{Found, leave};
use self::measure::Measured;
use self::player::{Player, Stop};
use self::progress::Progress;
use self::record::End;
use self::rule::Tally;
use self::setup::Setup;
use self::stored::Stored;
use self::target::Target;
use self::trial::{Bench, Trials};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output;
use crate::store::{self, new_entry};
use crate::units::Span;
use crate::utc::Utc;

/// Where the runs on trial are kept meanwhile, and other failures for good, in the folder of the result.
const TRIED: &str = "tried";
/// What is added to the name of a run.
const SUFFIX: &str = "-shrunk";

/// What to make smaller.
#[derive(Args, Debug)]
pub struct ShrinkOptions {
    /// The folder of the run, such as store/latest; it must have broken a claim
    run: PathBuf,
    /// Tries of a round; a smaller run is taken if it fails in each of two [default: by how often the whole fails again]
    #[arg(long, value_name = "K")]
    times: Option<u32>,
    /// How long all of it may take
    #[arg(long, value_name = "BUDGET", default_value = "20m")]
    time_limit: Span,
    /// Strike the very nodes that were struck, by the run's schedule.toml, whoever leads now [default: only if the run
    /// does not fail again otherwise]
    #[arg(long)]
    same_nodes: bool,
    /// Take any violation of the same model by the same read mode for the same failure, of whatever kind
    #[arg(long)]
    any_anomaly: bool,
    /// Leave the number of nodes as it is
    #[arg(long)]
    keep_nodes: bool,
    /// Where the smallest run is kept [default: the store that the run is in]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Print what was found as JSON, on one line: the text of shrunk.json
    #[arg(long)]
    json: bool,
}

/// Makes a stored run smaller.
///
/// # Errors
/// If it is no run that broke a claim, or cannot be run here.
pub fn shrink(options: &ShrinkOptions) -> Result<Exit> {
    if options.times == Some(0) || options.time_limit.0.is_zero() {
        let name = if options.times == Some(0) {
            "times"
        } else {
            "time-limit"
        };
        return Err(Failure::Usage(format!("--{name} must be more than 0")));
    }
    let stored = Stored::open(&options.run)?;
    if options.same_nodes && stored.test.schedule.events.is_empty() {
        return Err(Failure::Input(format!(
            "{} had no faults; leave out --same-nodes",
            options.run.display()
        )));
    }
    let store = options.store.clone().unwrap_or_else(|| stored.store());
    store::check_writable(&store)?;
    let name = match stored.test.name.ends_with(SUFFIX) {
        true => stored.test.name.clone(),
        false => stored.test.name.clone() + SUFFIX,
    };
    let folder = new_entry(&store, &name, &Utc::now().compact(), stored.test.seed)?;
    let player = Player::new(&folder.join(TRIED), options.time_limit.0)?;
    let mut known = Target::all(&stored.results);
    if options.any_anomaly {
        known = known.iter().map(Target::of_any_kind).collect();
    }
    let bench = Bench::new(Box::new(player), Progress::start(), name, known);
    output::note(&format!("seed {}", stored.test.seed));
    look(options, &stored, &folder, bench).inspect_err(|_| tidy(&folder))
}

/// Measures, tries, and leaves what was found.
fn look(options: &ShrinkOptions, stored: &Stored, folder: &Path, mut bench: Bench) -> Result<Exit> {
    let whole = match measure(options, stored, &mut bench) {
        Ok(Some(whole)) => whole,
        Ok(None) => return Ok(never_again(stored, folder, &bench)),
        Err(Stop::Signal(exit)) => {
            bench.progress.finish();
            tidy(folder);
            return Ok(exit);
        }
        Err(Stop::Budget) => {
            bench.progress.finish();
            tidy(folder);
            return Err(Failure::Usage(format!(
                "--time-limit {} is not enough to run it once: that takes {} of load alone",
                options.time_limit, stored.test.time_limit
            )));
        }
        Err(Stop::Failed(failure)) => return Err(failure),
    };
    let Whole { measured, same_nodes } = whole;
    let Measured { target, tally, best } = measured;
    let times = options.times.unwrap_or_else(|| rule::tries_for(tally.rate()));
    bench.progress.say(&format!(
        "it failed again in {tally} by {target}: smaller runs are tried up to {times} times in each of two rounds, and one that \
         fails as often is missed with a probability of at most {:.0} %",
        (rule::miss(tally.rate(), times) * 100.0).ceil(),
    ));
    let mut trials = Trials::new(bench, target, times, best, tally.rate(), options.keep_nodes);
    let (end, again, failure) = try_smaller(&mut trials);
    trials.bench.progress.finish();
    trials.release();
    let found = Found {
        trials,
        end,
        again,
        whole: tally,
        same_nodes,
    };
    let shrunk = leave(stored, folder, &found)?;
    output::print(&match options.json {
        true => serde_json::to_string(&shrunk).expect("a record is plain data") + "\n",
        false => shrunk.text(output::width()),
    });
    if let Some(failure) = failure {
        output::note(&format!("error: {failure}"));
    }
    // The run that it leaves breaks a claim, and that outranks whatever ended it.
    Ok(Exit::Violation)
}

/// Makes it smaller, and runs the smallest again.
fn try_smaller(trials: &mut Trials) -> (End, Tally, Option<Failure>) {
    let mut failure = None;
    let mut end_of = |stop| match stop {
        Stop::Budget => End::Budget,
        Stop::Signal(_) => End::Interrupted,
        Stop::Failed(failed) => {
            failure = Some(failed);
            End::Failed
        }
    };
    let end = match trials.shrink() {
        Ok(true) => End::Minimal,
        Ok(false) => End::Rounds,
        Err(stop) => end_of(stop),
    };
    if end == End::Budget {
        // What fails by luck is not to be left if that can be helped.
        if let Err(stop) = trials.confirm() {
            return (end_of(stop), Tally::default(), failure);
        }
    }
    if !matches!(end, End::Minimal | End::Rounds | End::Budget) {
        return (end, Tally::default(), failure);
    }
    match trials.again() {
        Ok(again) => (end, again, failure),
        Err(stop) => (end_of(stop), Tally::default(), failure),
    }
}

/// The whole as it fails again.
struct Whole {
    measured: Measured,
    same_nodes: bool,
}

/// Measures how often the run fails again, and by which of its failures mostly. None if it never does.
fn measure(
    options: &ShrinkOptions,
    stored: &Stored,
    bench: &mut Bench,
) -> std::result::Result<Option<Whole>, Stop> {
    let drawn = (&stored.test.schedule, false, "the run as it was");
    let named = (&stored.as_played, true, "the run as it was, at the same nodes");
    let mut ways: Vec<(&Schedule, bool, &str)> = Vec::new();
    if !options.same_nodes {
        ways.push(drawn);
    }
    if options.same_nodes || stored.names_nodes() {
        ways.push(named);
    }
    for (place, (schedule, same_nodes, what)) in ways.into_iter().enumerate() {
        let setup = Setup::new(&stored.test, schedule.clone());
        match bench.measure(what, &setup) {
            Err(Stop::Budget) if place > 0 => return Ok(None),
            Err(stop) => return Err(stop),
            Ok(None) => {}
            Ok(Some(measured)) => {
                return Ok(Some(Whole { measured, same_nodes }));
            }
        }
    }
    Ok(None)
}

/// Says that there is nothing to go by.
fn never_again(stored: &Stored, folder: &Path, bench: &Bench) -> Exit {
    bench.progress.finish();
    let mut text = format!(
        "{} did not fail again in {}: nothing smaller can be looked for\n  to mend it: see how often it fails with \
         `splitbrain repro {0} --times 20`",
        stored.path.display(),
        output::plural(bench.player.runs().into(), "run"),
    );
    for other in &bench.others {
        text += &format!(
            "\nanother failure, kept: {}: {}",
            other.target,
            other.run.display()
        );
    }
    output::note(&text);
    tidy(folder);
    Exit::Unknown
}

/// Removes what was only there to be tried; runs that are kept stay, with the folders that they are in.
fn tidy(folder: &Path) {
    let tried = folder.join(TRIED);
    for entry in fs::read_dir(&tried).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            // Only where it is empty.
            let _ = fs::remove_dir(entry.path());
        } else {
            let _ = fs::remove_file(entry.path());
        }
    }
    let _ = fs::remove_dir(&tried);
    let _ = fs::remove_dir(folder);
}
