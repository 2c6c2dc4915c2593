//! Ids, times and states that every protocol shares.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A node of the cluster, from 1 up; written `n1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub u16);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

/// A moment on one node's own monotonic clock, in microseconds since that clock's zero. Two nodes' times are
/// never compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

impl Time {
    /// The moment `micros` microseconds later.
    #[must_use]
    pub fn plus_micros(self, micros: u64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// Microseconds since `earlier`; 0 if that is later.
    #[must_use]
    pub fn micros_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Which life of a node: a number that grows with every start of its process, so that requests of an earlier
/// life are told from those of this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incarnation(pub u64);

/// A client request, named by the node that took it from its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId {
    /// The node that the client is connected to, which alone answers it.
    pub node: NodeId,
    /// The life of that node.
    pub incarnation: Incarnation,
    /// Counts up within that life.
    pub seq: u64,
}

/// A position in the protocol's total order of writes (a Raft index, a zxid). 0 comes before every write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version(pub u64);

/// Why a request gets no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// This node knows no leader, or may not serve yet. Definite: the request had no effect.
    Unavailable,
    /// The request may or may not have taken effect.
    Unknown,
    /// The protocol does not do that. Definite.
    NotSupported,
}

/// What a node currently is, in words that all protocols share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Follows a leader, or waits for one.
    Follower,
    /// Asks for votes (Raft), or looks for a leader (ZAB).
    Candidate,
    /// Believes that it leads.
    Leader,
    /// Receives the log without a vote (a Raft learner, a ZAB observer).
    Observer,
}

impl Role {
    /// The role's name in answers and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Follower => "follower",
            Self::Candidate => "candidate",
            Self::Leader => "leader",
            Self::Observer => "observer",
        }
    }
}

/// What a node is being brought by its leader before it can follow like the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CatchUp {
    /// Nothing: it follows, leads or looks for a leader.
    #[default]
    None,
    /// A part of the leader's log (ZAB's synchronization by `Diff` and `Trunc`).
    History,
    /// A snapshot, of which some has arrived.
    Snapshot,
}

impl CatchUp {
    /// Every one of them.
    pub const ALL: [Self; 3] = [Self::None, Self::History, Self::Snapshot];

    /// Its name in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::History => "history",
            Self::Snapshot => "snapshot",
        }
    }
}

/// A node's view of itself and of its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// What it is.
    pub role: Role,
    /// Raft's current term, ZAB's current epoch.
    pub term: u64,
    /// Whom it follows; itself where it leads.
    pub leader: Option<NodeId>,
    /// The highest version known to be committed.
    pub committed: Version,
    /// The highest version applied to the state machine.
    pub applied: Version,
    /// The highest version in the log.
    pub last: Version,
    /// What its leader is bringing it.
    pub catch_up: CatchUp,
}
