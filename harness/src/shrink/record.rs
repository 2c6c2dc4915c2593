//! `shrunk.json`: from what a run was made how small, and how that was found.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use splitbrain_checker::history::read_native_file;
use splitbrain_reports::results::Results;

use super::rule::Tally;
use super::target::Target;
use crate::campaign::roughly;
use crate::output::{self, Table, wrap};
use crate::store::RunFolder;
use crate::test_file::Test;

/// How large a run is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Size {
    /// Faults of its schedule.
    pub faults: usize,
    /// Their lengths together, milliseconds.
    pub fault_ms: u64,
    /// Its load, milliseconds.
    pub time_limit_ms: u64,
    /// Keys that were ever asked for; none where the history cannot be read.
    pub keys: Option<usize>,
    /// Keys at once.
    pub keys_at_once: usize,
    /// Client threads.
    pub clients: usize,
    /// Read modes.
    pub read_modes: usize,
    /// Requests per second of an open loop; none for a closed loop.
    pub rate: Option<f64>,
    /// Nodes, observers among them.
    pub nodes: usize,
    /// Ops that were asked for.
    pub ops: u64,
    /// Ops of the counterexample.
    pub counterexample_ops: Option<usize>,
}

impl Size {
    /// Of a run that was judged.
    pub(super) fn of(test: &Test, results: &Results, folder: &RunFolder) -> Self {
        let faults = &test.schedule.events;
        let history = read_native_file(&folder.history()).ok();
        let keys = history.map(|parsed| {
            let keys: BTreeSet<_> = parsed.history.ops.iter().map(|op| op.key.0).collect();
            keys.len()
        });
        Self {
            faults: faults.len(),
            fault_ms: faults
                .iter()
                .map(|fault| fault.stop_ms.saturating_sub(fault.start_ms))
                .sum(),
            time_limit_ms: test.time_limit.as_millis(),
            keys,
            keys_at_once: test.mix.keys,
            clients: test.concurrency,
            read_modes: test.read_modes.len(),
            rate: test.rate,
            nodes: test.nodes.len(),
            ops: results.ops.total,
            counterexample_ops: results.counterexample.as_ref().map(|found| found.ops.len()),
        }
    }

    /// Names and values, in the order to be shown.
    fn rows(&self) -> [(&'static str, String); 9] {
        let seconds = |ms: u64| format!("{:.1} s", ms as f64 / 1e3);
        let unknown = || "?".to_owned();
        [
            ("faults", format!("{} ({})", self.faults, seconds(self.fault_ms))),
            ("load", seconds(self.time_limit_ms)),
            (
                "keys",
                format!(
                    "{} ({} at once)",
                    self.keys.map_or_else(unknown, |keys| keys.to_string()),
                    self.keys_at_once
                ),
            ),
            ("read modes", self.read_modes.to_string()),
            ("client threads", self.clients.to_string()),
            (
                "pace",
                self.rate
                    .map_or_else(|| "closed loop".to_owned(), |rate| format!("{rate} ops/s")),
            ),
            ("nodes", self.nodes.to_string()),
            ("ops", self.ops.to_string()),
            (
                "ops of the counterexample",
                self.counterexample_ops
                    .map_or_else(unknown, |ops| ops.to_string()),
            ),
        ]
    }
}

/// One smaller run that was tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What it had less of: `faults 5 -> 2`.
    pub change: String,
    /// How often it was tried, and failed in the same way.
    #[serde(flatten)]
    pub tally: Tally,
    /// How often it failed in another way.
    pub otherwise: u32,
    /// How often it had no verdict.
    pub without_verdict: u32,
    /// Whether it was taken, and the next ones were made from it.
    pub taken: bool,
}

/// Another failure that was met on the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Other {
    /// What it is known by.
    #[serde(flatten)]
    pub target: Target,
    /// How often it was met.
    pub times: u32,
    /// The first run that showed it.
    pub run: PathBuf,
}

/// Why nothing smaller was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// Nothing that is known to make runs smaller is left that was not tried.
    Minimal,
    /// It grew smaller by too little for too long.
    Rounds,
    /// The budget of wall time is spent.
    Budget,
    /// A signal.
    Interrupted,
    /// The harness or the host failed.
    Failed,
}

impl End {
    fn text(self) -> &'static str {
        match self {
            Self::Minimal => "nothing smaller fails any more",
            Self::Rounds => "it may get a little smaller yet",
            Self::Budget => "the budget is spent; it may get smaller yet",
            Self::Interrupted => "it was interrupted; it may get smaller yet",
            Self::Failed => "the host failed; it may get smaller yet",
        }
    }
}

/// The whole of `shrunk.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shrunk {
    /// The version of the harness.
    pub splitbrain: String,
    /// The run that was made smaller.
    pub from: PathBuf,
    /// The smallest run that fails in the same way.
    pub run: PathBuf,
    /// The command that repeats it.
    pub command: String,
    /// The system, or the planted bug.
    pub subject: String,
    /// The failure that both show.
    #[serde(flatten)]
    pub target: Target,
    /// The size of the run as it was.
    pub before: Size,
    /// The size of the smallest.
    pub after: Size,
    /// How often the run failed again, as it was.
    pub whole: Tally,
    /// Whether faults strike the very nodes that the run's struck.
    pub same_nodes: bool,
    /// Tries of a round; a smaller run must fail in each of two.
    pub times: u32,
    /// How likely a smaller run that fails as often as the whole was missed.
    pub miss: f64,
    /// How often the smallest failed again, in runs that had no part in choosing it.
    pub again: Tally,
    /// Why nothing smaller was looked for.
    pub end: End,
    /// How many runs there were.
    pub runs: u32,
    /// How long all of it took.
    pub seconds: f64,
    /// What was tried, in order.
    pub steps: Vec<Step>,
    /// Other failures that were met.
    pub others: Vec<Other>,
}

impl Shrunk {
    /// What is said of it at the end.
    #[must_use]
    pub fn text(&self, width: usize) -> String {
        let mut table = Table::new().text("").text("was").text("is");
        for ((name, was), (_, is)) in self.before.rows().into_iter().zip(self.after.rows()) {
            table.row(vec![name.to_owned(), was, is]);
        }
        let grounds = format!(
            "{} in {}; the run failed again in {}, so each smaller one was tried up to {} and had to fail twice: one that \
             fails as often was missed with a probability of at most {:.0} %. {} {}.",
            output::plural(self.runs.into(), "run"),
            roughly(std::time::Duration::from_secs_f64(self.seconds)),
            self.whole,
            output::plural((2 * self.times).into(), "time"),
            (self.miss * 100.0).ceil(),
            self.told_again(),
            first_upper(self.end.text()),
        );
        let others = self.others.iter().map(|other| {
            let met = output::plural(other.times.into(), "time");
            let line = format!(
                "another failure, {met}: {}, {}",
                other.target,
                other.run.display()
            );
            wrap(&line, width) + "\n"
        });
        format!(
            "{}: {}\n\n{}\n{}\n{}\nreport  {}\nagain   {}\n",
            self.subject,
            self.target,
            table.render(width),
            wrap(&grounds, width),
            others.collect::<String>(),
            self.run.join("report.html").display(),
            self.command,
        )
    }

    fn told_again(&self) -> String {
        match self.again.of {
            0 => "The smallest was not run again at the end.".to_owned(),
            _ => format!("The smallest failed again in {}.", self.again),
        }
    }

    /// In a sentence, for the notes of the run.
    pub(super) fn note(&self) -> String {
        let (was, is) = (&self.before, &self.after);
        format!(
            "shrunk from {}: {} -> {} faults, {} -> {} ms of load, {} -> {} nodes, {} -> {} client threads, {} -> {} ops; \
             {} failures in {} further runs (shrunk.json tells how it was found)",
            self.from.display(),
            was.faults,
            is.faults,
            was.time_limit_ms,
            is.time_limit_ms,
            was.nodes,
            is.nodes,
            was.clients,
            is.clients,
            was.ops,
            is.ops,
            self.again.failed,
            self.again.of,
        )
    }
}

fn first_upper(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
