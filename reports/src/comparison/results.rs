//! `comparison.json`: what a comparison found, in the words that automation relies on.

use serde::{Deserialize, Serialize};

use crate::format::plural;
use crate::results::{ClaimVerdict, Counterexample, LatencyMs, RunVerdict, StalenessFigures};

/// The length of a slot of availability, milliseconds. Far longer than an op takes, far shorter than a fault.
pub const SLOT_MS: u64 = 100;

/// The whole of `comparison.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The worst verdict of all runs.
    pub verdict: RunVerdict,
    /// Why, in a sentence or two.
    pub reason: String,
    /// Its name in the store.
    pub name: String,
    /// When it began, on the wall clock, for people.
    pub started: String,
    /// The version of Splitbrain that made it.
    pub version: String,
    /// The seed of the first repeat; later ones count up.
    pub seed: u64,
    /// The command that makes it again.
    pub command: String,
    /// Faults in the schedules of all runs. Where there is none, nothing was at stake.
    pub faults_scheduled: u64,
    /// What was compared, in the order given.
    pub contestants: Vec<Contestant>,
    /// The figures, by the shape of the cluster.
    pub settings: Vec<Setting>,
    /// Every run.
    pub runs: Vec<Run>,
    /// The configuration, name and value, in the order to be shown.
    pub configuration: Vec<(String, String)>,
    /// What a reader should know besides.
    pub notes: Vec<String>,
}

/// A system that takes part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contestant {
    /// Its name in this comparison: that of the system, with a letter where the system takes part twice.
    pub label: String,
    /// The system, `raft`.
    pub system: String,
    /// Its planted bug, if any.
    pub mutant: Option<String>,
    /// What it is, in a line.
    pub summary: String,
}

/// One shape of the cluster, with the figures of all repeats pooled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// Nodes that vote.
    pub voters: u64,
    /// Nodes that follow without a vote.
    pub observers: u64,
    /// A row for each contestant and read mode.
    pub rows: Vec<Row>,
    /// What became of updates, for each contestant.
    pub updates: Vec<Updates>,
}

impl Setting {
    /// The shape in words: `3 nodes`, `3 nodes and 1 observer`.
    #[must_use]
    pub fn describe(&self) -> String {
        shape(self.voters, self.observers)
    }
}

fn shape(voters: u64, observers: u64) -> String {
    let nodes = plural(voters, "node", "nodes");
    match observers {
        0 => nodes,
        n => format!("{nodes} and {}", plural(n, "observer", "observers")),
    }
}

/// One read mode of one contestant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// [`Contestant::label`].
    pub contestant: String,
    /// The read mode, `read-index`.
    pub read_mode: String,
    /// The consistency model claimed, `linearizable`.
    pub claim: String,
    /// The claim in prose, with its conditions.
    pub promise: String,
    /// The verdict on the claim: broken where a run broke it, unknown where a run could not tell.
    pub verdict: ClaimVerdict,
    /// Why, in a sentence.
    pub reason: String,
    /// The strongest model that held in every run, if any.
    pub strongest_model: Option<String>,
    /// Staleness of its reads.
    pub staleness: StalenessFigures,
    /// Latency of its ok reads, from the request to the answer.
    pub read_latency_ms: LatencyMs,
    /// How available its reads were during cuts.
    pub availability: Availability,
    /// Staleness in milliseconds: for each figure the share of reads that were at least so stale. Falling, and
    /// empty where none was stale.
    pub staleness_ms_ccdf: Vec<(f64, f64)>,
    /// The same in versions.
    pub staleness_versions_ccdf: Vec<(f64, f64)>,
    /// The reads that were stalest, drawn; none where none was stale.
    pub stale_example: Option<Example>,
    /// What broke the claim.
    pub counterexample: Option<Example>,
}

/// What became of the updates of one contestant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Updates {
    /// [`Contestant::label`].
    pub contestant: String,
    /// Updates that were acknowledged.
    pub acknowledged: u64,
    /// How many of them were cas. Losses show by what a later cas found: without any, none can.
    #[serde(default)]
    pub ok_cas: u64,
    /// Acknowledged updates that are proven to have been lost: a later cas found an older value, or another update
    /// took their place in the system's order. A lower bound.
    pub lost: u64,
    /// What shows it for the first of them, in a sentence.
    pub lost_reason: Option<String>,
    /// Latency of the acknowledged ones.
    pub latency_ms: LatencyMs,
    /// How available updates were during cuts.
    pub availability: Availability,
}

/// How available something was while the network was cut, by whether the client's node was with a quorum.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Availability {
    /// Clients of nodes that reached a quorum of voters.
    pub with_quorum: Slots,
    /// Clients of nodes that did not.
    pub without_quorum: Slots,
    /// The same by the time since the cut.
    pub around_cut: Vec<AroundCut>,
}

/// Slots of [`SLOT_MS`], one for each node, in which something was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slots {
    /// Those in which at least one ok answer came.
    pub served: u64,
    /// All of them.
    pub total: u64,
}

impl Slots {
    /// The share that was served, 0 to 1; none where nothing was asked for.
    #[must_use]
    pub fn share(self) -> Option<f64> {
        (self.total > 0).then(|| self.served as f64 / self.total as f64)
    }
}

/// Availability at one distance from the cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AroundCut {
    /// Where the slot begins, milliseconds since the cut; negative before it.
    pub at_ms: i64,
    /// Nodes that were to be with a quorum, or were.
    pub with_quorum: Slots,
    /// Nodes that were to be without.
    pub without_quorum: Slots,
}

/// A worked example of an anomaly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// The seed of the run that it is from.
    pub seed: u64,
    /// That run's page, relative to the comparison's folder.
    pub report: String,
    /// The ops.
    pub ops: Counterexample,
}

/// One run of the comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// [`Contestant::label`].
    pub contestant: String,
    /// Nodes that vote.
    pub voters: u64,
    /// Nodes that follow without a vote.
    pub observers: u64,
    /// The seed.
    pub seed: u64,
    /// The verdict.
    pub verdict: RunVerdict,
    /// Why.
    pub reason: String,
    /// Its page, relative to the comparison's folder; none where the run gave no results.
    pub report: Option<String>,
    /// The command that runs it again.
    pub command: String,
    /// Ops that were ok.
    pub ok: u64,
    /// Faults of its schedule.
    pub faults_scheduled: u64,
    /// Those of them that are proven to have taken effect.
    pub faults_proven: u64,
}

impl Run {
    /// The shape of its cluster in words.
    #[must_use]
    pub fn describe_shape(&self) -> String {
        shape(self.voters, self.observers)
    }
}
