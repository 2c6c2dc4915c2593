//! The bundled ZAB.

use std::process::Command;

use crate::system::{Asked, MutantInfo, NodeSpec, ReadModeInfo, System, bundled_command};
use crate::zab_mutants::MUTANTS;

/// ZAB, the broadcast of ZooKeeper, with its ways to serve a read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Zab;

const READ_MODES: &[ReadModeInfo] = &[
    ReadModeInfo {
        name: "quorum",
        claim: "linearizable",
        promise: "linearizable",
        how: "the read is broadcast as a transaction that changes nothing, and answered where it came from when it is \
              applied there",
        asked: Asked::Voters,
        trusts_clocks: false,
    },
    ReadModeInfo {
        name: "sync-local",
        claim: "ordered-sequential",
        promise: "linearizable absent a change of leader; around one it may be stale, but is ordered like local reads",
        how: "as ZooKeeper's sync: the leader alone, asking no quorum, answers behind what it has committed, and the \
              client's server then reads what it has applied",
        asked: Asked::Voters,
        trusts_clocks: false,
    },
    ReadModeInfo {
        name: "local",
        claim: "ordered-sequential",
        promise: "ordered sequential: each session sees its own writes and never goes back; possibly stale",
        how: "any server that follows or leads answers at once from what it has applied",
        asked: Asked::Voters,
        trusts_clocks: false,
    },
    ReadModeInfo {
        name: "observer-local",
        claim: "ordered-sequential",
        promise: "ordered sequential, as local, at a server without a vote",
        how: "an observer answers at once from what it has applied",
        asked: Asked::Observers,
        trusts_clocks: false,
    },
];

impl System for Zab {
    fn name(&self) -> &'static str {
        "zab"
    }

    fn summary(&self) -> &'static str {
        "ZAB as in ZooKeeper, with fast leader election, observers and four read modes"
    }

    fn read_modes(&self) -> &'static [ReadModeInfo] {
        READ_MODES
    }

    fn mutants(&self) -> &'static [MutantInfo] {
        MUTANTS
    }

    fn era(&self) -> &'static str {
        "epoch"
    }

    fn has_observers(&self) -> bool {
        true
    }

    fn has_sessions(&self) -> bool {
        true
    }

    fn check_option(&self, name: &str, value: &str) -> Result<(), String> {
        splitbrain_zab::Options::default()
            .set(name, value)
            .map_err(|error| error.to_string())
    }

    fn node_command(&self, spec: &NodeSpec<'_>) -> Command {
        bundled_command(self.name(), spec)
    }
}
