//! What is seen while runs are tried: a live line on a terminal, a line for each smaller run elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::record::Step;
use crate::campaign::roughly;
use crate::output;

/// How often the live line moves.
const TICK: Duration = Duration::from_millis(200);

pub(super) struct Progress {
    bar: Option<ProgressBar>,
    is_silent: bool,
}

impl Progress {
    pub(super) fn start() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} {wide_msg}");
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(TICK);
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        });
        Self {
            bar,
            is_silent: false,
        }
    }

    /// Where nobody looks.
    #[cfg(test)]
    pub(super) fn silent() -> Self {
        Self {
            bar: None,
            is_silent: true,
        }
    }

    /// What is tried now: up to so many runs, each of about so long. How many other things will be tried nobody knows: it
    /// depends on what fails. What is left of the budget is the most that all may take.
    pub(super) fn trying(&self, change: &str, runs: u32, each: Duration, left: Duration) {
        let text = format!(
            "trying {change}: up to {} of about {}; at most {} in all left",
            output::plural(runs.into(), "run"),
            roughly(each),
            roughly(left)
        );
        match &self.bar {
            Some(bar) => bar.set_message(text),
            None => self.say(&text),
        }
    }

    /// What became of a smaller run.
    pub(super) fn tried(&self, step: &Step, runs: u32) {
        let what = if step.taken { "; taken" } else { "; not taken" };
        self.say(&(line(step, runs) + what));
    }

    /// What was counted.
    pub(super) fn counted(&self, step: &Step, runs: u32) {
        self.say(&line(step, runs));
    }

    /// Any other line.
    pub(super) fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| output::note(line)),
            None if self.is_silent => {}
            None => output::note(line),
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn line(step: &Step, runs: u32) -> String {
    let mut more = String::new();
    if step.otherwise > 0 {
        more += &format!(", {} in another way", step.otherwise);
    }
    if step.without_verdict > 0 {
        more += &format!(", {} without a verdict", step.without_verdict);
    }
    format!("[{runs}] {}: failed {}{more}", step.change, step.tally)
}
