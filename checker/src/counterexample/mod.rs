//! Counterexamples: the few ops that show that a history breaks its model, and why, in prose.

mod anomaly;
mod classify;
mod explain;
mod prose;
mod shrink;
mod steps;

pub use anomaly::{AnomalyClass, UnknownAnomaly};
pub(crate) use explain::explain;
pub(crate) use prose::Teller;
pub use steps::StepInWords;

use serde::{Deserialize, Serialize};

use crate::certificate::Proof;
use crate::history::{Action, History, Key, Op, OpIndex, Outcome, Value};
use crate::linearizable::Algorithm;

/// The evidence of a violation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterexample {
    /// What kind of violation it is.
    pub class: AnomalyClass,
    /// The key of the culprit.
    pub key: Key,
    /// The op that cannot be explained.
    pub culprit: OpIndex,
    /// Why, in a sentence or two.
    pub reason: String,
    /// The ops that show it, in the order of their invocation; the culprit is one of them. Whatever else
    /// happened in the history, they cannot all be explained.
    pub ops: Vec<EvidenceOp>,
    /// Whether none of the ops can be left out: no read, and no value with all that observes it.
    pub minimal: bool,
    /// The algorithms that looked at these ops alone, and found them not linearizable. Empty in two cases: the model
    /// is a weaker one, whose checks are conditions on pairs of ops that the reason names; or no algorithm came to
    /// an end within its bounds of time and memory, and the reason says that only the check of the whole key did.
    pub verified_by: Vec<Algorithm>,
    /// What shows it without any search: for linearizability, where one is found among these ops. It is about the whole
    /// history, and takes the ops as they were recorded.
    pub proof: Option<Proof>,
    /// Orders of these ops that explain what had returned before the op that then cannot be explained, a few of them.
    pub dead: Vec<DeadOrder>,
}

/// A partial linearization that could not be extended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadOrder {
    /// What the register then held.
    pub held: Option<Value>,
    /// The ops in the order that led to it.
    pub order: Vec<OpIndex>,
}

/// An op of a counterexample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceOp {
    /// Its index in the history that was recorded.
    pub index: OpIndex,
    /// The op, as far as it counts; see `weakened`.
    pub op: Op,
    /// Whether less of the op counts than was recorded.
    pub weakened: Option<Weakening>,
}

/// How an op counts for less than it was, so that a counterexample needs fewer others. A history that can be
/// explained can be explained as well after its ops were weakened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weakening {
    /// A successful cas of which only the effect counts, not the value that it expected: a plain write.
    AsWrite,
    /// An op that had not returned when the culprit did, and counts as one of unknown outcome.
    Pending,
    /// Both.
    AsPendingWrite,
}

impl Counterexample {
    /// The ops alone, as a history that can be checked again.
    #[must_use]
    pub fn history(&self, of: &History) -> History {
        History {
            ops: self.ops.iter().map(|e| e.op.clone()).collect(),
            origin: self.ops.iter().map(|e| e.index).collect(),
            read_modes: of.read_modes.clone(),
            nodes: of.nodes.clone(),
            is_untimed: of.is_untimed,
        }
    }

    /// Smaller is better: fewer ops, then earlier.
    pub(crate) fn rank(&self) -> (usize, OpIndex) {
        (self.ops.len(), self.culprit)
    }
}

impl Op {
    /// The op with its answer, in a few words: `write 7`, `read -> 4`, `cas 4 -> 9`, `cas 4 -> 9 (found 5)`.
    #[must_use]
    pub fn describe(&self) -> String {
        match (self.action, self.outcome, self.observed) {
            (Action::Read, Outcome::Ok, Some(observed)) => format!("read -> {}", Shown(observed)),
            (Action::Cas { from, to }, Outcome::Fail, Some(found)) => {
                format!("cas {from} -> {to} (found {})", Shown(found))
            }
            (action, ..) => action.to_string(),
        }
    }
}

/// A value or nil, as it is shown.
pub(crate) struct Shown(pub(crate) Option<Value>);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(value) => write!(f, "{value}"),
            None => f.write_str("nil"),
        }
    }
}
