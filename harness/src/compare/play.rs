//! Carrying out the runs of a comparison, one after the other.

use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use splitbrain_reports::results::Results;
use tokio::runtime::{self, Runtime};
use tokio::sync::watch;

use super::plan::PlannedRun;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::program::{last_words, this_program};
use crate::rerun;
use crate::run::interrupt;

/// A run that is over.
#[derive(Debug)]
pub(super) struct Played {
    /// What it found, and the folder that it left.
    pub(super) left: Option<(Results, PathBuf)>,
    /// What it said at the end, where it found nothing.
    pub(super) said: String,
}

/// Carries out runs, and passes signals on to them.
pub(super) struct Player {
    runtime: Runtime,
    interrupts: watch::Receiver<Option<Exit>>,
}

impl Player {
    /// # Errors
    /// [`Failure::Host`] if signals cannot be listened for.
    pub(super) fn new() -> Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::host(format!("starting the runtime: {error}")))?;
        let interrupts = runtime
            .block_on(async { interrupt::listen() })
            .map_err(|error| Failure::host(format!("listening for signals: {error}")))?;
        Ok(Self { runtime, interrupts })
    }

    /// The exit code of the first signal, if one came.
    pub(super) fn interrupted(&self) -> Option<Exit> {
        *self.interrupts.borrow()
    }

    /// Carries out a run, which is kept in the store `runs`. A signal heals and ends it, and what it found until then
    /// is its result.
    ///
    /// # Errors
    /// [`Failure::Host`] if it cannot be started.
    pub(super) fn play(&self, run: &PlannedRun, runs: &Path) -> Result<Played> {
        let mut test = run.test.clone();
        test.store = runs.to_owned();
        let mut command = this_program()?;
        command.args(["run", "--json"]);
        for (flag, value) in rerun::arguments(&test, run.all_read_modes) {
            command.arg(format!("--{flag}={value}"));
        }
        let output = self
            .runtime
            .block_on(self.wait(command.into()))
            .map_err(|error| Failure::host(format!("cannot start a run: {error}")))?;
        let results: Option<Results> = serde_json::from_slice(&output.stdout).ok();
        let folder = runs.join("latest").canonicalize().ok();
        Ok(Played {
            left: results.zip(folder),
            said: last_words(&output.stderr),
        })
    }

    async fn wait(&self, mut command: tokio::process::Command) -> std::io::Result<std::process::Output> {
        // A group of its own: Ctrl-C would else reach the run twice, which is to stop hard.
        let child = command.process_group(0).spawn()?;
        let pid = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .map(Pid::from_raw);
        let mut interrupts = self.interrupts.clone();
        let output = child.wait_with_output();
        tokio::pin!(output);
        tokio::select! {
            output = &mut output => return output,
            signal = interrupts.wait_for(Option::is_some) => {
                let is_end = matches!(signal.map(|exit| *exit), Ok(Some(Exit::Terminated)));
                let signal = if is_end { Signal::SIGTERM } else { Signal::SIGINT };
                if let Some(pid) = pid {
                    // It may have ended by itself just now.
                    let _ = kill(pid, signal);
                }
            }
        }
        output.await
    }
}
