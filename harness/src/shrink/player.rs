//! Smaller runs as they are really run, within a budget of wall time.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use splitbrain_reports::results::Results;
use tokio::runtime::{self, Runtime};
use tokio::sync::watch;

use super::setup::Setup;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::program::{last_words, this_program, wait};
use crate::rerun;
use crate::run::interrupt;
use crate::schedule_file;
use crate::store::RunFolder;

/// What a run is thought to take beyond its load while none has ended: starting, healing, judging, drawing.
const BEYOND_LOAD: Duration = Duration::from_secs(4);

/// Why no more is tried.
#[derive(Debug)]
pub(super) enum Stop {
    /// What is left of the budget would not do for the next run.
    Budget,
    /// A signal.
    Signal(Exit),
    /// The harness or the host failed.
    Failed(Failure),
}

/// What became of a run.
pub(super) enum Played {
    /// It was judged. Its folder.
    Judged(Box<Results>, PathBuf),
    /// There can be no such run; why.
    Refused(String),
}

/// What runs a setup.
pub(super) trait Play {
    /// Makes a setup ready to be played: its schedule as a file.
    ///
    /// # Errors
    /// [`Failure::Host`] if it cannot be written.
    fn arguments(&mut self, setup: &Setup, name: &str) -> Result<Vec<String>>;

    /// Runs once. `reserve` is what must be left of the budget thereafter.
    ///
    /// # Errors
    /// [`Stop`] if it was not run, or was cut short: it then shows nothing.
    fn play(
        &mut self,
        setup: &Setup,
        arguments: &[String],
        reserve: Duration,
    ) -> std::result::Result<Played, Stop>;

    /// How long a run probably takes: its load, and what runs took beyond theirs so far, in the mean.
    fn estimate(&self, setup: &Setup) -> Duration;

    /// What may be spent yet.
    fn left(&self) -> Duration;

    /// Since it began.
    fn elapsed(&self) -> Duration;

    /// How many runs there were.
    fn runs(&self) -> u32;
}

/// Starts runs as children, one after the other.
pub(super) struct Player {
    runtime: Runtime,
    interrupts: watch::Receiver<Option<Exit>>,
    /// The store of the runs.
    store: PathBuf,
    begun: Instant,
    budget: Duration,
    /// Of all runs together.
    beyond_load: Duration,
    runs: u32,
    setups: u32,
}

impl Player {
    /// # Errors
    /// [`Failure::Host`] if signals cannot be listened for.
    pub(super) fn new(store: &Path, budget: Duration) -> Result<Self> {
        let fail = |error: std::io::Error| Failure::host(format!("starting the runtime: {error}"));
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(fail)?;
        let interrupts = runtime.block_on(async { interrupt::listen() }).map_err(fail)?;
        fs::create_dir_all(store).map_err(|error| Failure::not_writable(store, &error))?;
        Ok(Self {
            runtime,
            interrupts,
            store: store.to_owned(),
            begun: Instant::now(),
            budget,
            beyond_load: Duration::ZERO,
            runs: 0,
            setups: 0,
        })
    }

    /// The folder of the run that was begun last, of which there will be no second.
    fn newest(&self) -> Option<PathBuf> {
        let latest = self.store.join("latest");
        let folder = latest.canonicalize().ok();
        // So that a run that leaves no folder is not taken for the one before.
        let _ = fs::remove_file(latest);
        folder
    }
}

impl Play for Player {
    fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    fn left(&self) -> Duration {
        self.budget.saturating_sub(self.elapsed())
    }

    fn runs(&self) -> u32 {
        self.runs
    }

    fn estimate(&self, setup: &Setup) -> Duration {
        let beyond_load = match self.runs {
            0 => BEYOND_LOAD,
            runs => self.beyond_load / runs,
        };
        setup.time_limit().0 + beyond_load
    }

    fn arguments(&mut self, setup: &Setup, name: &str) -> Result<Vec<String>> {
        let mut test = setup.test().clone();
        name.clone_into(&mut test.name);
        test.store.clone_from(&self.store);
        if !test.schedule.events.is_empty() {
            self.setups += 1;
            let path = self.store.join(format!("faults-{}.toml", self.setups));
            RunFolder::write(&path, schedule_file::recorded(&test.schedule, &[]).as_bytes())?;
            test.schedule_file = Some(path);
        }
        let arguments = rerun::arguments(&test, setup.all_read_modes()).into_iter();
        Ok(arguments
            .map(|(flag, value)| format!("--{flag}={value}"))
            .collect())
    }

    fn play(
        &mut self,
        setup: &Setup,
        arguments: &[String],
        reserve: Duration,
    ) -> std::result::Result<Played, Stop> {
        if self.estimate(setup) + reserve > self.left() {
            return Err(Stop::Budget);
        }
        let host = |problem: String| Stop::Failed(Failure::host(problem));
        let mut command = this_program().map_err(Stop::Failed)?;
        command.args(["run", "--json"]).args(arguments);
        // A group of its own: Ctrl-C would else reach the run twice, which is to stop hard.
        let mut command = tokio::process::Command::from(command);
        command.process_group(0);
        let (mut interrupts, begun) = (self.interrupts.clone(), Instant::now());
        let waited = self.runtime.block_on(async {
            // A signal may have come between two runs.
            tokio::task::yield_now().await;
            if let Some(exit) = *interrupts.borrow_and_update() {
                return Err(Stop::Signal(exit));
            }
            let child = command.spawn();
            let child = child.map_err(|error| host(format!("cannot start a run: {error}")))?;
            Ok(wait(child, interrupts.clone()).await)
        });
        let (output, was_cut_short) = waited?;
        let output = output.map_err(|error| host(format!("waiting for a run: {error}")))?;
        let folder = self.newest();
        if was_cut_short {
            folder.iter().for_each(|folder| remove(folder));
            let exit = *self.interrupts.borrow();
            return Err(Stop::Signal(exit.unwrap_or(Exit::Interrupted)));
        }
        let results = serde_json::from_slice::<Results>(&output.stdout).ok();
        match (results, folder) {
            (Some(results), Some(folder)) => {
                self.runs += 1;
                self.beyond_load += begun.elapsed().saturating_sub(setup.time_limit().0);
                Ok(Played::Judged(Box::new(results), folder))
            }
            _ if output.status.code() == Some(Exit::Usage.code().into()) => {
                Ok(Played::Refused(last_words(&output.stderr)))
            }
            _ => Err(host(format!(
                "a run gave no results; it said:\n{}",
                last_words(&output.stderr)
            ))),
        }
    }
}

/// Removes the folder of a run that nobody will look at. That this fails is told by the disk that fills.
pub(super) fn remove(folder: &Path) {
    let _ = fs::remove_dir_all(folder);
}
