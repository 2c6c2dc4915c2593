//! The commands of the scripts.

use std::str::FromStr;

use splitbrain_consensus::NodeId;
use splitbrain_raft::{Mutant, ReadMode};

use crate::cluster::Which;

/// A node as scripts write it: `n1`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name(pub(super) NodeId);

impl FromStr for Name {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let number = name.strip_prefix('n').and_then(|number| number.parse().ok());
        number
            .map(|number| Self(NodeId(number)))
            .ok_or_else(|| format!("`{name}` is no node"))
    }
}

/// Whether the disks sync when told to, or at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Syncing {
    AtOnce,
    ByHand,
}

impl FromStr for Syncing {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "at-once" => Ok(Self::AtOnce),
            "by-hand" => Ok(Self::ByHand),
            _ => Err(format!("disks sync `at-once` or `by-hand`, not `{name}`")),
        }
    }
}

/// Something that a script lets happen.
#[derive(goldenscript::Command)]
pub(super) enum Command {
    /// Starts a new cluster of so many voters. `joiners` nodes more run without being members; any option of Raft
    /// may follow: `cluster 3 snapshot-threshold-entries=4`.
    Cluster {
        voters: u16,
        #[arg(key, optional)]
        joiners: u16,
        #[arg(key)]
        mutant: Option<Mutant>,
        #[arg(key, many, optional)]
        options: Vec<(String, String)>,
    },
    /// Restarts a node from a disk with entries of these terms: `disk n1 term=3 1 1 2`.
    Disk {
        node: Name,
        #[arg(optional)]
        entries: Vec<u64>,
        #[arg(key)]
        term: u64,
        #[arg(key)]
        vote: Option<Name>,
    },

    /// So many milliseconds pass, for these nodes or for all; each then wakes once.
    Advance {
        ms: u64,
        #[arg(optional)]
        nodes: Vec<Name>,
    },
    /// Time passes for this node alone until its election timeout, or a leader's heartbeat.
    Timeout(Name),
    /// All wait for the least election timeout, then this node campaigns, and everything is delivered.
    Elect(Name),

    /// Delivers messages, and those that come of them, until none is left.
    Deliver {
        #[arg(key)]
        from: Option<Name>,
        #[arg(key)]
        to: Option<Name>,
        #[arg(key)]
        kind: Option<String>,
        #[arg(key)]
        count: Option<usize>,
    },
    /// Delivers the messages that are on their way now, and no others.
    Step {
        #[arg(key)]
        from: Option<Name>,
        #[arg(key)]
        to: Option<Name>,
        #[arg(key)]
        kind: Option<String>,
        #[arg(key)]
        count: Option<usize>,
    },
    /// Loses messages.
    Lose {
        #[arg(key)]
        from: Option<Name>,
        #[arg(key)]
        to: Option<Name>,
        #[arg(key)]
        kind: Option<String>,
        #[arg(key)]
        count: Option<usize>,
    },
    /// Repeats messages; the copies come last.
    Duplicate {
        #[arg(key)]
        from: Option<Name>,
        #[arg(key)]
        to: Option<Name>,
        #[arg(key)]
        kind: Option<String>,
        #[arg(key)]
        count: Option<usize>,
    },
    /// Lets the latest message arrive first.
    Reverse {
        #[arg(key)]
        from: Option<Name>,
        #[arg(key)]
        to: Option<Name>,
        #[arg(key)]
        kind: Option<String>,
        #[arg(key)]
        count: Option<usize>,
    },
    /// Holds messages up, those on their way and later ones, until they are released.
    Hold {
        #[arg(key)]
        from: Option<Name>,
        #[arg(key)]
        to: Option<Name>,
        #[arg(key)]
        kind: Option<String>,
    },
    /// Lets go of the messages that were held up.
    Release,
    /// Lists the messages on their way.
    Network,
    /// Cuts these nodes off from the others. What was sent before still arrives.
    Partition(Vec<Name>),
    /// Mends all links.
    Heal,

    /// The node loses its memory and what it had not synced, but for the first `torn` records of that.
    Crash {
        node: Name,
        #[arg(key, optional)]
        torn: usize,
    },
    /// From now on records are synced `by-hand`, or again `at-once`.
    Disks(Syncing),
    /// Starts a node that crashed.
    Start(Name),
    /// Syncs what the node has written.
    Sync(Name),

    /// Clients of the node ask for these writes at once.
    Write {
        node: Name,
        #[arg(key, many)]
        assignments: Vec<(String, String)>,
    },
    /// A client of the node asks for a read: `read n1 x mode=lease`.
    Read {
        node: Name,
        name: String,
        #[arg(key)]
        mode: Mode,
    },
    /// An administrator asks the node to make these the voters.
    Members { node: Name, voters: Vec<Name> },
    /// An administrator asks the node to pass leadership on.
    Transfer { node: Name, to: Name },

    /// Tells where every node stands.
    Status,
    /// Tells what these nodes, or all, have written.
    Log(#[arg(optional)] Vec<Name>),
    /// Draws the logs as the paper does, by the terms of their entries.
    Terms,
    /// Tells what the state machines hold.
    State,
}

/// A read mode by its name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mode(pub(super) ReadMode);

impl FromStr for Mode {
    type Err = splitbrain_raft::UnknownReadMode;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        name.parse().map(Self)
    }
}

/// Which messages a command means.
pub(super) fn which(
    from: Option<Name>,
    to: Option<Name>,
    kind: Option<&String>,
    count: Option<usize>,
) -> Which {
    Which {
        from: from.map(|name| name.0),
        to: to.map(|name| name.0),
        kind: kind.cloned(),
        count,
    }
}
