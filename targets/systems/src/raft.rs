//! The bundled Raft.

use std::process::Command;

use crate::raft_mutants::MUTANTS;
use crate::system::{Asked, MutantInfo, NodeSpec, ReadModeInfo, System, bundled_command};

/// Raft with six ways to serve a read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Raft;

const READ_MODES: &[ReadModeInfo] = &[
    ReadModeInfo {
        name: "log",
        claim: "linearizable",
        promise: "linearizable",
        how: "the read is an entry of the log, and is answered when it is applied",
        asked: Asked::Voters,
        trusts_clocks: false,
    },
    ReadModeInfo {
        name: "read-index",
        claim: "linearizable",
        promise: "linearizable",
        how: "the leader confirms its leadership by a round of heartbeats, once an entry of its own term is committed",
        asked: Asked::Voters,
        trusts_clocks: false,
    },
    ReadModeInfo {
        name: "follower-read-index",
        claim: "linearizable",
        promise: "linearizable",
        how: "a follower asks the leader for its read index, and answers once it has applied that far",
        asked: Asked::Voters,
        trusts_clocks: false,
    },
    ReadModeInfo {
        name: "lease",
        claim: "linearizable",
        promise: "linearizable while the clocks of the nodes drift apart by no more than the stated bound",
        how: "the leader answers at once within the lease that its followers granted it",
        asked: Asked::Voters,
        trusts_clocks: true,
    },
    ReadModeInfo {
        name: "leader-local",
        claim: "monotonic-per-leader",
        promise: "monotonic per session only while there is one leader; stale under a deposed leader",
        how: "whoever believes itself leader answers at once",
        asked: Asked::Voters,
        trusts_clocks: false,
    },
    ReadModeInfo {
        name: "follower-local",
        claim: "monotonic-per-node",
        promise: "a prefix of the log: monotonic per node, also across its restarts, and arbitrarily stale",
        how: "any node answers at once from what it has applied",
        asked: Asked::Voters,
        trusts_clocks: false,
    },
];

impl System for Raft {
    fn name(&self) -> &'static str {
        "raft"
    }

    fn summary(&self) -> &'static str {
        "Raft with pre-vote, joint consensus, snapshots and six read modes"
    }

    fn read_modes(&self) -> &'static [ReadModeInfo] {
        READ_MODES
    }

    fn mutants(&self) -> &'static [MutantInfo] {
        MUTANTS
    }

    fn era(&self) -> &'static str {
        "term"
    }

    fn has_observers(&self) -> bool {
        false
    }

    fn has_sessions(&self) -> bool {
        false
    }

    fn check_option(&self, name: &str, value: &str) -> Result<(), String> {
        splitbrain_raft::Options::default()
            .set(name, value)
            .map_err(|error| error.to_string())
    }

    fn node_command(&self, spec: &NodeSpec<'_>) -> Command {
        bundled_command(self.name(), spec)
    }
}
