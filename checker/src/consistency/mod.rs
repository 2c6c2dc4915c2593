//! Weaker models than linearizability, judged from the versions that ops report, in O(n log n).
//!
//! A version is the place of a write in the system's own total order of writes. The checks hold the system to
//! that order: they trust it no further than the history confirms. What an op does not report can only keep a
//! violation from being found; so where something that a model needs is missing, a history without a violation
//! is [`Verdict::Unknown`], not valid.

mod finding;
mod legal;
mod order;
mod prefix;

use std::fmt;
use std::str::FromStr;

use finding::{Known, missing};
use serde::{Deserialize, Serialize};

use crate::history::History;
use crate::ledger::Ledger;
use crate::linearizable::{Options, Verdict, check_linearizable};

/// A consistency model, from the strongest to the weakest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Consistency {
    /// Every op takes effect at one moment of its interval, and each key is a register with read, write and cas
    /// (Herlihy and Wing 1990). Judged by values and times; versions are not used.
    Linearizable,
    /// Ordered sequential consistency, ZooKeeper's promise (Lev-Ari, Bortnikov, Keidar and Shraer, "Modular
    /// composition of coordination services", USENIX ATC 2016): [`Consistency::Legal`]; a write that returned
    /// before another was invoked has the smaller version; and each session (process) moves forward only. Its
    /// ops see prefixes of one order of writes over all keys, each prefix no shorter than the one before and than
    /// its own last write: monotonic reads, read-your-writes, monotonic writes and writes-follow-reads, across
    /// keys. Reads may be stale.
    OrderedSequential,
    /// [`Consistency::Legal`], and each node moves forward only: if an op that a node served returned before
    /// another that it served was invoked, the later one sees at least the prefix that the earlier one showed.
    /// Judged by `served_by`. What another node shows does not matter, nor when writes happened.
    MonotonicPerNode,
    /// The same within one term (epoch) of each node: a node may fall back when the term changes.
    MonotonicPerLeader,
    /// Every value seen was written by an op that had been invoked by the time it was returned and did not
    /// definitely fail; a value and its version belong together; a cas succeeded on the value that the write
    /// before it, by version, had left.
    Legal,
}

impl Consistency {
    /// All models, from the strongest to the weakest.
    pub const ALL: [Self; 5] = [
        Self::Linearizable,
        Self::OrderedSequential,
        Self::MonotonicPerNode,
        Self::MonotonicPerLeader,
        Self::Legal,
    ];

    /// Its name, as on the command line and in `results.json`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Linearizable => "linearizable",
            Self::OrderedSequential => "ordered-sequential",
            Self::MonotonicPerNode => "monotonic-per-node",
            Self::MonotonicPerLeader => "monotonic-per-leader",
            Self::Legal => "legal",
        }
    }
}

impl fmt::Display for Consistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no [`Consistency`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown consistency model `{0}`; known are {known}", known = Consistency::ALL.map(Consistency::name).join(", "))]
pub struct UnknownConsistency(String);

impl FromStr for Consistency {
    type Err = UnknownConsistency;

    fn from_str(name: &str) -> Result<Self, UnknownConsistency> {
        Self::ALL
            .into_iter()
            .find(|c| c.name() == name)
            .ok_or_else(|| UnknownConsistency(name.to_owned()))
    }
}

/// Whether `history` satisfies `model`. `options` matter to [`Consistency::Linearizable`] only.
#[must_use]
pub fn check_consistency(history: &History, model: Consistency, options: &Options) -> Verdict {
    if model == Consistency::Linearizable {
        return check_linearizable(history, options).verdict;
    }
    let known = Known::new(Ledger::new(history));
    let legality = legal::check(&known);
    let found = match model {
        Consistency::Linearizable | Consistency::Legal => legality,
        Consistency::OrderedSequential => legality
            .or_else(|| order::check(&known))
            .or_else(|| prefix::sessions(&known)),
        Consistency::MonotonicPerNode => legality.or_else(|| prefix::nodes(&known)),
        Consistency::MonotonicPerLeader => legality.or_else(|| prefix::leaders(&known)),
    };
    match (found, missing(&known, model)) {
        (Some(counterexample), _) => Verdict::Invalid(Box::new(counterexample)),
        (None, Some(reason)) => Verdict::Unknown(reason),
        (None, None) => Verdict::Valid,
    }
}

/// The strongest model that `history` certainly satisfies; `None` if there is none.
#[must_use]
pub fn strongest_model(history: &History, options: &Options) -> Option<Consistency> {
    Consistency::ALL
        .into_iter()
        .find(|model| check_consistency(history, *model, options).is_valid())
}
