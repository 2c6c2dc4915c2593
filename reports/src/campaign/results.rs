//! What a campaign's page is made from. All that is to be decided is decided: this only says it.

use crate::results::RunVerdict;

/// A campaign on one night, and the nights before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Campaign {
    /// Its name.
    pub name: String,
    /// Which part of its units is told of, where it is not all: `slice:2/5`.
    pub part: Option<String>,
    /// The version of the harness.
    pub version: String,
    /// The hash of the night's plan.
    pub plan: String,
    /// The verdict of the night.
    pub verdict: RunVerdict,
    /// Why, and what is new.
    pub reason: String,
    /// What keeps the night from passing besides, a sentence each.
    pub doubts: Vec<String>,
    /// The command that tells the same in a terminal.
    pub command: String,
    /// The nights, oldest first; the last one is the night that is told of.
    pub nights: Vec<Night>,
    /// The failures that were seen, those first that matter most.
    pub failures: Vec<Failure>,
}

/// One night.
#[derive(Clone, Debug, PartialEq)]
pub struct Night {
    /// Its date, by which nights are ordered.
    pub name: String,
    /// What it came to.
    pub verdict: RunVerdict,
    /// Every unit that was planned, in the plan's order.
    pub units: Vec<Unit>,
}

/// What a unit, or a read mode in it, came to. Ordered by how much it matters: of several the greatest is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Every claim held, with evidence.
    Pass,
    /// There is no result.
    NotRun,
    /// There is no verdict.
    Unknown,
    /// The harness or the host failed.
    HarnessError,
    /// A claim was broken.
    Violation,
}

/// One planned run.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// Its id.
    pub id: String,
    /// The system, or the planted bug: `raft/commit-older-term`.
    pub subject: String,
    /// Whether it is a planted bug, whose violations are what it is planted for.
    pub planted: bool,
    /// The workload.
    pub workload: String,
    /// The faults: `partition+kill targeted`.
    pub faults: String,
    /// The cluster and the time: `5 nodes, 30s`.
    pub shape: String,
    /// The seed.
    pub seed: u64,
    /// What the run came to.
    pub state: State,
    /// What each read mode came to.
    pub modes: Vec<(String, State)>,
    /// Why, in a sentence; empty for what was not run.
    pub reason: String,
    /// From the start of the cluster to the end of the op that gives the violation away, milliseconds.
    pub detected_ms: Option<u64>,
    /// How long checking took, milliseconds; none where nothing was checked.
    pub check_ms: Option<u64>,
    /// How long it took from start to end, milliseconds.
    pub wall_ms: Option<u64>,
    /// The ids of the failures that it showed.
    pub failures: Vec<String>,
    /// The command that runs it again.
    pub command: String,
    /// What is left of the run.
    pub kept: Kept,
}

/// What is left of a run, seen from the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Its page, as a path from the page's own folder.
    Page(String),
    /// The run without its page: it passed, and was made smaller.
    Smaller,
    /// Nothing that could be found from here.
    Nothing,
}

/// A failure by its signature, and what was seen of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The signature's id.
    pub id: String,
    /// The system or the planted bug.
    pub subject: String,
    /// Whether it is a planted bug.
    pub planted: bool,
    /// The read mode, or several judged together.
    pub read_mode: String,
    /// The model that was broken.
    pub model: String,
    /// The kind of violation.
    pub anomaly: String,
    /// The ops of the smallest history that shows it, renamed.
    pub shape: Vec<String>,
    /// What it is on the night that is told of.
    pub state: FailureState,
    /// The first night with it.
    pub first_seen: String,
    /// The last night with it.
    pub last_seen: String,
    /// How many runs showed it.
    pub count: u64,
    /// How many did on the night that is told of.
    pub tonight: u64,
    /// How many runs of a hundred that could have shown it did.
    pub per_hundred_runs: f64,
    /// The command that runs again one that showed it.
    pub command: String,
    /// What is left of that run.
    pub kept: Kept,
}

/// What a failure is on the night that is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureState {
    /// Seen for the first time.
    New,
    /// Back after several nights without it.
    Regressed,
    /// Seen as before.
    Ongoing,
    /// Not seen on so many nights on which it could have been.
    Quiet(u64),
    /// Seen; no other night is known.
    Alone,
}

impl State {
    /// All, the least first.
    pub const ALL: [Self; 5] = [
        Self::Pass,
        Self::NotRun,
        Self::Unknown,
        Self::HarnessError,
        Self::Violation,
    ];

    /// Its place in [`Self::ALL`].
    pub(crate) fn place(self) -> usize {
        self as usize
    }
}

impl From<RunVerdict> for State {
    fn from(verdict: RunVerdict) -> Self {
        match verdict {
            RunVerdict::Pass => Self::Pass,
            RunVerdict::Unknown => Self::Unknown,
            RunVerdict::HarnessError => Self::HarnessError,
            RunVerdict::Violation => Self::Violation,
        }
    }
}
