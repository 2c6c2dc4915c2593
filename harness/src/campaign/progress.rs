//! What is seen of a campaign while it runs: a bar on a terminal, a line for each finished unit elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::plan::Unit;
use super::record::Record;
use crate::output;

/// Shows how far a campaign is.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    units: usize,
    done: usize,
    /// What was told last, for the next line.
    estimate: String,
}

impl Progress {
    /// Of a part of so many units, of which some are done.
    pub(super) fn start(units: usize, done: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}");
            let bar = ProgressBar::new(units as u64);
            bar.set_position(done as u64);
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        if done > 0 {
            output::note(&format!(
                "{} of {} finished before",
                done,
                output::plural(units as u64, "unit")
            ));
        }
        Self {
            bar,
            units,
            done,
            estimate: String::new(),
        }
    }

    /// A unit turned out to be done already.
    pub(super) fn skipped(&mut self) {
        self.done += 1;
    }

    /// A unit is finished, by this process in so much time.
    pub(super) fn finished(&mut self, record: &Record, unit: &Unit, wall: Option<Duration>) {
        self.done += 1;
        let time = wall.map_or_else(
            || "ended before".to_owned(),
            |wall| format!("{:.1} s", wall.as_secs_f64()),
        );
        let line = format!(
            "[{}/{}] {} {}: {}, seed {}, {time}",
            self.done,
            self.units,
            output::run_badge(record.verdict),
            unit.subject(),
            unit.conditions(),
            unit.seed,
        );
        match &self.bar {
            Some(bar) => bar.suspend(|| output::note(&line)),
            None => output::note(&line),
        }
    }

    /// What is going on now.
    pub(super) fn tell(&mut self, running: usize, waiting: usize, estimate: &str) {
        let text = format!("{running} running, {waiting} waiting, {estimate}");
        match &self.bar {
            Some(bar) => {
                bar.set_position(self.done as u64);
                bar.set_message(text);
            }
            // Elsewhere a line that says the same as the one before is no news.
            None if running > 0 && self.estimate != estimate => output::note(&text),
            None => {}
        }
        estimate.clone_into(&mut self.estimate);
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
