//! The models by name, and which of them imply which.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A consistency model. They form a lattice, see [`Consistency::implies`]; here they stand in an order in which no
/// model comes after one that it implies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Consistency {
    /// Every op takes effect at one moment of its interval, and each key is a register with read, write and cas
    /// (Herlihy and Wing 1990). Judged by values and times; versions are not used.
    Linearizable,
    /// Ordered sequential consistency, ZooKeeper's promise (Lev-Ari, Bortnikov, Keidar and Shraer, "Modular
    /// composition of coordination services", USENIX ATC 2016): [`Consistency::Sequential`], and a write that
    /// returned before another was invoked has the smaller version. Reads may be stale.
    OrderedSequential,
    /// Sequential consistency (Lamport 1979) by the system's own order of writes: [`Consistency::Legal`], and each
    /// session (process) moves forward only. Its ops see prefixes of one order of writes over all keys, each prefix
    /// no shorter than the one before and than its own last write. A session is a process, whichever nodes it talks
    /// to.
    Sequential,
    /// Consistent prefix, never going back (Terry, "Replicated data consistency explained through baseball", 2013):
    /// [`Consistency::Legal`], and the reads of each session see prefixes of one order of writes over all keys, each
    /// prefix no shorter than the one before. Its own writes do not count.
    Prefix,
    /// All four session guarantees (Terry et al., "Session guarantees for weakly consistent replicated data", PDIS
    /// 1994), each of which see.
    Session,
    /// [`Consistency::Legal`], and each node moves forward only: if an op that a node served returned before
    /// another that it served was invoked, the later one sees at least the prefix that the earlier one showed.
    /// Judged by `served_by`. What another node shows does not matter, nor when writes happened.
    MonotonicPerNode,
    /// The same within one term (epoch) of each node: a node may fall back when the term changes.
    MonotonicPerLeader,
    /// [`Consistency::Legal`], and in each session a read of a key sees no older version than an earlier read of
    /// that key saw. A failed cas that carries the value found is a read.
    MonotonicReads,
    /// [`Consistency::Legal`], and in each session a read of a key sees no older version than that of the session's
    /// own earlier writes of that key.
    ReadYourWrites,
    /// [`Consistency::Legal`], and in each session a write has a greater version than the session's earlier writes,
    /// of any key.
    MonotonicWrites,
    /// [`Consistency::Legal`], and in each session a write has a greater version than the session's earlier reads
    /// saw, of any key.
    WritesFollowReads,
    /// Every value seen was written by an op that had been invoked by the time it was returned and did not
    /// definitely fail; a value and its version belong together; a cas succeeded on the value that the write
    /// before it, by version, had left. What was not reported is not asked: without versions, only the first holds.
    Legal,
}

impl Consistency {
    /// All models; none comes after one that it implies.
    pub const ALL: [Self; 12] = [
        Self::Linearizable,
        Self::OrderedSequential,
        Self::Sequential,
        Self::Prefix,
        Self::Session,
        Self::MonotonicPerNode,
        Self::MonotonicPerLeader,
        Self::MonotonicReads,
        Self::ReadYourWrites,
        Self::MonotonicWrites,
        Self::WritesFollowReads,
        Self::Legal,
    ];

    /// Its name, as on the command line and in `results.json`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Linearizable => "linearizable",
            Self::OrderedSequential => "ordered-sequential",
            Self::Sequential => "sequential",
            Self::Prefix => "prefix",
            Self::Session => "session",
            Self::MonotonicPerNode => "monotonic-per-node",
            Self::MonotonicPerLeader => "monotonic-per-leader",
            Self::MonotonicReads => "monotonic-reads",
            Self::ReadYourWrites => "read-your-writes",
            Self::MonotonicWrites => "monotonic-writes",
            Self::WritesFollowReads => "writes-follow-reads",
            Self::Legal => "legal",
        }
    }

    /// What it asks for, in one line.
    #[must_use]
    pub fn summary(self) -> &'static str {
        match self {
            Self::Linearizable => "one order of all ops explains every answer, and keeps to real time",
            Self::OrderedSequential => "sequential, and writes keep to real time: ZooKeeper's promise",
            Self::Sequential => {
                "each process sees longer and longer prefixes of one order of writes, its own included"
            }
            Self::Prefix => "each process sees longer and longer prefixes of one order of writes",
            Self::Session => "the four session guarantees together",
            Self::MonotonicPerNode => "what a node shows never goes back, also across its restarts",
            Self::MonotonicPerLeader => "what a node shows does not go back within one term or epoch",
            Self::MonotonicReads => "no process reads an older value of a key than it has read before",
            Self::ReadYourWrites => "no process reads an older value of a key than it has written",
            Self::MonotonicWrites => "the writes of a process are ordered as it made them",
            Self::WritesFollowReads => "the writes of a process come after what it had read",
            Self::Legal => "every value seen had been written, and versions and cas fit together",
        }
    }

    /// The models that are the next weaker ones.
    fn next_weaker(self) -> &'static [Self] {
        match self {
            Self::Linearizable => &[Self::OrderedSequential, Self::MonotonicPerNode],
            Self::OrderedSequential => &[Self::Sequential],
            Self::Sequential => &[Self::Prefix, Self::Session],
            Self::Prefix => &[Self::MonotonicReads],
            Self::Session => &[
                Self::MonotonicReads,
                Self::ReadYourWrites,
                Self::MonotonicWrites,
                Self::WritesFollowReads,
            ],
            Self::MonotonicPerNode => &[Self::MonotonicPerLeader],
            Self::MonotonicPerLeader
            | Self::MonotonicReads
            | Self::ReadYourWrites
            | Self::MonotonicWrites
            | Self::WritesFollowReads => &[Self::Legal],
            Self::Legal => &[],
        }
    }

    /// Whether every system that keeps this model keeps `weaker` too; each model implies itself. What one says of
    /// clients and another of nodes is not comparable.
    #[must_use]
    pub fn implies(self, weaker: Self) -> bool {
        self == weaker || self.next_weaker().iter().any(|next| next.implies(weaker))
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

#[cfg(test)]
mod tests {
    use super::Consistency;

    #[test]
    fn all_models_stand_before_what_they_imply_and_above_legality() {
        for (at, model) in Consistency::ALL.into_iter().enumerate() {
            assert!(Consistency::Linearizable.implies(model) && model.implies(Consistency::Legal));
            for before in &Consistency::ALL[..at] {
                assert!(!model.implies(*before), "{model} stands after {before}");
            }
        }
        let apart = [Consistency::Sequential, Consistency::MonotonicPerNode];
        assert!(!apart[0].implies(apart[1]) && !apart[1].implies(apart[0]));
        assert!(Consistency::OrderedSequential.implies(Consistency::WritesFollowReads));
    }
}
