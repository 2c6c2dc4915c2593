//! `results.json` and `nemesis.jsonl`: what a run found, in the words that automation relies on.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// The verdict of a whole run. In ascending order of precedence: a later one outranks the earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunVerdict {
    /// Every claim held, and enough was at stake to say so.
    Pass,
    /// A budget was spent, or too little was tested.
    #[default]
    Unknown,
    /// The harness or the host failed.
    HarnessError,
    /// A claim was broken.
    Violation,
}

/// The verdict of a checker on one claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimVerdict {
    /// The claim held.
    Valid,
    /// The claim was broken.
    Invalid,
    /// Nobody can tell.
    Unknown,
}

/// Counts of ops by action and outcome.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OpCounts {
    /// All ops invoked.
    pub total: u64,
    /// Definitely happened.
    pub ok: u64,
    /// Definitely did not happen.
    pub fail: u64,
    /// Unknown.
    pub info: u64,
    /// Reads among `ok`.
    pub ok_reads: u64,
    /// Writes among `ok`.
    pub ok_writes: u64,
    /// Successful cas among `ok`.
    pub ok_cas: u64,
    /// `ok` ops per second over the time of load.
    pub ok_per_second: f64,
}

/// Latencies of ok ops, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LatencyMs {
    /// Median.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Greatest.
    pub max: f64,
}

/// How stale the reads of one read mode were. All are provable lower bounds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StalenessFigures {
    /// Ok reads judged.
    pub reads: u64,
    /// Reads that were provably stale.
    pub stale_reads: u64,
    /// Stale reads per million reads.
    pub stale_per_million: f64,
    /// Worst staleness, in versions of the key.
    pub versions_behind_max: u64,
    /// 99th percentile over all reads, in versions.
    pub versions_behind_p99: u64,
    /// Worst staleness, in milliseconds.
    pub ms_behind_max: f64,
    /// 99th percentile over all reads, in milliseconds.
    pub ms_behind_p99: f64,
    /// Reads of a value whose write was invoked after they returned.
    pub future_reads: u64,
    /// Reads of a value that nobody wrote.
    pub phantom_reads: u64,
    /// Δ-atomicity: by how many milliseconds reads must be taken to have begun earlier, at least, for all to be
    /// linearizable; none where no Δ makes them so, or it was not measured.
    #[serde(default)]
    pub delta_ms: Option<f64>,
    /// k-atomicity: every read returned one of the last k values, and k is at least this; none as above.
    #[serde(default)]
    pub k_at_least: Option<u64>,
    /// The same for a k that certainly suffices.
    #[serde(default)]
    pub k_at_most: Option<u64>,
}

/// One read mode, judged against its claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// The system, `raft`.
    pub system: String,
    /// The read mode, `read-index`.
    pub read_mode: String,
    /// The consistency model claimed, `linearizable`.
    pub claim: String,
    /// Whether the user set another claim than the mode's own.
    pub claim_overridden: bool,
    /// The claim in prose, with its conditions.
    pub promise: String,
    /// The verdict.
    pub verdict: ClaimVerdict,
    /// Why, in a sentence.
    pub reason: String,
    /// The kind of violation where it is broken, as `check` names it: `stale-read`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anomaly: Option<String>,
    /// The strongest model that the sub-history satisfied, if any.
    pub strongest_model: Option<String>,
    /// Staleness of its reads.
    pub staleness: StalenessFigures,
    /// Latency of its reads.
    pub read_latency_ms: LatencyMs,
}

/// One fault of the schedule and what shows that it took effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// Its number in the schedule, from 0.
    pub id: u32,
    /// `partition`, `kill`, `pause`.
    pub kind: String,
    /// The variant: `isolated-leader`, `majority`.
    pub variant: String,
    /// The nodes struck.
    pub nodes: Vec<String>,
    /// When it was asked for, nanoseconds on the history's clock: nothing of it was in force before.
    #[serde(default)]
    pub start_asked_ns: Option<u64>,
    /// When all of it was in force.
    pub start_ns: u64,
    /// When its healing began: until then all of it was in force.
    #[serde(default)]
    pub stop_asked_ns: Option<u64>,
    /// When the last of it was healed.
    pub stop_ns: Option<u64>,
    /// Whether its effect was proven.
    pub proven: bool,
    /// The evidence, a sentence each: "n1 dropped 131 packets from n2".
    pub evidence: Vec<String>,
}

impl Fault {
    /// The time in which certainly all of it was in force, on the history's clock. One that was never healed lasts for
    /// ever.
    #[must_use]
    pub fn in_force_ns(&self) -> Range<u64> {
        let stop_ns = self.stop_asked_ns.or(self.stop_ns);
        self.start_ns..stop_ns.unwrap_or(u64::MAX)
    }

    /// The time outside of which certainly nothing of it was in force.
    #[must_use]
    pub fn felt_ns(&self) -> Range<u64> {
        self.start_asked_ns.unwrap_or(self.start_ns)..self.stop_ns.unwrap_or(u64::MAX)
    }
}

/// One op of a counterexample, ready to be shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CounterexampleOp {
    /// The op's index in the history.
    pub index: u64,
    /// The process; 0 where it has another name than such a number.
    pub process: u64,
    /// The name of the process, where it is no such number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_name: Option<String>,
    /// The op in prose: `write 7`, `read -> 4`, `cas 4 -> 9`.
    pub text: String,
    /// `ok`, `fail` or `info`.
    pub outcome: String,
    /// Invocation, nanoseconds on the history's clock.
    pub start_ns: u64,
    /// Completion; none for an op that never ended.
    pub end_ns: Option<u64>,
    /// Whether this is the op that cannot be explained.
    pub culprit: bool,
    /// How the op counts for less than was recorded, where it does: a counterexample of fewer demands is one as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts_as: Option<String>,
}

/// The smallest sub-history found that breaks the claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Counterexample {
    /// The read mode whose claim it breaks.
    pub read_mode: String,
    /// The model that it breaks.
    pub model: String,
    /// The key; 0 where it is no such number.
    pub key: u64,
    /// The key as it stands in the history, where it is no such number; empty where the ops name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_name: Option<String>,
    /// Whether the history has no times, so that `start_ns` and `end_ns` of the ops are the numbers of events.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untimed: bool,
    /// The reason in prose.
    pub reason: String,
    /// The ops, by invocation.
    pub ops: Vec<CounterexampleOp>,
}

impl Counterexample {
    /// The key as it stands in the history; `None` where the ops name none.
    #[must_use]
    pub fn shown_key(&self) -> Option<String> {
        match self.key_name.as_deref() {
            None => Some(self.key.to_string()),
            Some("") => None,
            Some(name) => Some(name.to_owned()),
        }
    }
}

impl CounterexampleOp {
    /// The process by its name.
    #[must_use]
    pub fn shown_process(&self) -> String {
        (self.process_name.clone()).unwrap_or_else(|| self.process.to_string())
    }
}

/// The whole of `results.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The verdict.
    pub verdict: RunVerdict,
    /// Why, in a sentence or two.
    pub reason: String,
    /// The seed of the run.
    pub seed: u64,
    /// The command that runs it again.
    pub command: String,
    /// The system, `raft`.
    pub system: String,
    /// The system's word for the number by which it counts its leaders: `term` or `epoch`.
    #[serde(default = "term")]
    pub era: String,
    /// The planted bug, if any.
    pub mutant: Option<String>,
    /// The nodes' names: the voters', then the observers'.
    pub nodes: Vec<String>,
    /// How many of the nodes, the last ones, are observers.
    #[serde(default)]
    pub observers: usize,
    /// The time from the start of the first node to the first ok op, milliseconds.
    pub first_ok_ms: Option<f64>,
    /// How long it took to end all nodes, milliseconds.
    #[serde(default)]
    pub teardown_ms: Option<f64>,
    /// How long load ran, seconds.
    pub load_seconds: f64,
    /// Ops by outcome.
    pub ops: OpCounts,
    /// Latency of all ok ops.
    pub latency_ms: LatencyMs,
    /// A judgement for each read mode.
    pub claims: Vec<Claim>,
    /// How many faults the schedule had. A run that was cut short injected fewer.
    #[serde(default)]
    pub faults_scheduled: usize,
    /// The faults that were injected, with their evidence.
    pub faults: Vec<Fault>,
    /// The counterexample of the first broken claim.
    pub counterexample: Option<Counterexample>,
    /// What a reader should know besides: nodes that died by themselves, ops before, during and after faults.
    pub notes: Vec<String>,
    /// How long checking took, milliseconds.
    pub check_ms: f64,
}

/// What the first systems called it.
fn term() -> String {
    "term".to_owned()
}

/// One line of `nemesis.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum NemesisEvent {
    /// A fault took effect.
    Start {
        /// Nanoseconds on the history's clock.
        time: u64,
        /// [`Fault::id`].
        fault: u32,
        /// [`Fault::kind`].
        kind: String,
        /// [`Fault::variant`].
        variant: String,
        /// The nodes struck.
        nodes: Vec<String>,
    },
    /// A fault was healed.
    Stop {
        /// Nanoseconds on the history's clock.
        time: u64,
        /// [`Fault::id`].
        fault: u32,
        /// Whether its effect was proven.
        proven: bool,
        /// The evidence.
        evidence: Vec<String>,
    },
    /// A node was seen in another role, term or life than before.
    Node {
        /// Nanoseconds on the history's clock.
        time: u64,
        /// The node.
        node: String,
        /// `leader`, `follower`, `candidate`, `observer`, `down`, `paused`.
        role: String,
        /// Its term or epoch.
        term: u64,
    },
    /// The clock of a node's process was read, in a run whose faults bend clocks.
    Clock {
        /// Nanoseconds on the history's clock.
        time: u64,
        /// The node.
        node: String,
        /// The least by which it can be ahead of the history's clock since it was first read in this process, in
        /// microseconds; negative where it is behind.
        least_us: i64,
        /// The most.
        most_us: i64,
    },
}
