//! What must hold after every step of every node, one invariant a file. They see all nodes at once, as no node
//! does.

mod leader_completeness;
mod log_matching;
mod one_leader;
mod state_machine_safety;

use std::hash::{BuildHasher, Hash};

use rustc_hash::FxBuildHasher;

use crate::{EntryView, Incarnation, Inspect, NodeId, Protocol, Role, Status, Version};

use leader_completeness::LeaderCompleteness;
use log_matching::LogMatching;
use one_leader::OneLeader;
use state_machine_safety::StateMachineSafety;

/// An invariant that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its name: `one-leader`.
    pub invariant: &'static str,
    /// What was seen, in a sentence.
    pub what: String,
}

/// A digest that is the same in every run.
pub fn digest(value: &impl Hash) -> u64 {
    FxBuildHasher.hash_one(value)
}

/// The committed part of the cluster's one log, as far as anybody knows it, from index 1.
#[derive(Debug, Default)]
struct Committed {
    entries: Vec<CommittedEntry>,
}

/// An entry, and in which term it was committed.
#[derive(Clone, Copy, Debug)]
struct CommittedEntry {
    view: EntryView,
    in_term: u64,
}

impl Committed {
    fn get(&self, version: Version) -> Option<&CommittedEntry> {
        self.entries.get(usize::try_from(version.0.checked_sub(1)?).ok()?)
    }

    fn last(&self) -> Version {
        Version(self.entries.len() as u64)
    }
}

/// An entry that was never seen, because a snapshot stands for it.
const UNSEEN: EntryView = EntryView { term: 0, digest: 0 };

/// What a node looked like after its last step, so that only what changed is checked.
#[derive(Clone, Debug)]
struct LastSeen {
    status: Option<Status>,
    /// Its log from index 1, so far as it was held.
    log: Vec<EntryView>,
}

/// All invariants, and the memory that they share.
#[derive(Debug)]
pub(super) struct Invariants {
    nodes: Vec<LastSeen>,
    committed: Committed,
    one_leader: OneLeader,
    log_matching: LogMatching,
    leader_completeness: LeaderCompleteness,
    state_machine_safety: StateMachineSafety,
}

impl Invariants {
    pub(super) fn new(nodes: u16) -> Self {
        Self {
            nodes: vec![
                LastSeen {
                    status: None,
                    log: Vec::new()
                };
                nodes.into()
            ],
            committed: Committed::default(),
            one_leader: OneLeader::default(),
            log_matching: LogMatching::default(),
            leader_completeness: LeaderCompleteness,
            state_machine_safety: StateMachineSafety::default(),
        }
    }

    /// The node lost its memory; what it held on disk will be looked at anew.
    pub(super) fn crashed(&mut self, node: NodeId) {
        let seen = &mut self.nodes[usize::from(node.0) - 1];
        *seen = LastSeen {
            status: None,
            log: Vec::new(),
        };
    }

    /// The term that a node was last seen in; the greatest there is, if it was not seen in this life.
    pub(super) fn last_term(&self, node: NodeId) -> u64 {
        let seen = &self.nodes[usize::from(node.0) - 1];
        seen.status.map_or(u64::MAX, |status| status.term)
    }

    /// A node applied a command.
    pub(super) fn applied(&mut self, node: NodeId, version: Version, command: &[u8]) -> Result<(), Broken> {
        self.state_machine_safety.applied(node, version, digest(&command))
    }

    /// A node took a snapshot of its state.
    pub(super) fn snapshot_taken(
        &mut self,
        node: NodeId,
        version: Version,
        state: &[u8],
    ) -> Result<(), Broken> {
        self.state_machine_safety.state_at(node, version, digest(&state))
    }

    /// A node starts from a snapshot, its own or another's.
    pub(super) fn restored(&mut self, node: NodeId, version: Version, state: &[u8]) -> Result<(), Broken> {
        self.state_machine_safety.state_at(node, version, digest(&state))
    }

    /// A node took a step.
    pub(super) fn stepped<P: Protocol + Inspect>(
        &mut self,
        node: NodeId,
        incarnation: Incarnation,
        core: &P,
    ) -> Result<(), Broken> {
        let status = core.status();
        let seen = &mut self.nodes[usize::from(node.0) - 1];
        let before = seen.status.replace(status);
        // A suffix that was replaced by one of the same length shows in its last entry.
        let last = core.entry(status.last);
        if seen.log.len() as u64 != status.last.0 || last.is_some() && seen.log.last().copied() != last {
            let changed_from = update_log(&mut seen.log, core, status.last);
            self.log_matching.check(node, &seen.log, changed_from)?;
        }
        let committed_before = before.map_or(core.base(), |before| before.committed);
        forget_replaced(&mut seen.log, committed_before, core.base());
        if status.committed > committed_before {
            self.state_machine_safety.committed(
                node,
                &status,
                committed_before,
                &seen.log,
                &mut self.committed,
            )?;
        }
        let leads = status.role == Role::Leader;
        if leads && before.is_none_or(|before| before.role != Role::Leader || before.term != status.term) {
            self.one_leader.elected((node, incarnation), status.term)?;
            self.leader_completeness
                .elected(node, status.term, core, &self.committed)?;
        }
        Ok(())
    }
}

/// Forgets what a snapshot of the leader has replaced: the node held other entries there, which it never
/// committed.
fn forget_replaced(log: &mut [EntryView], committed: Version, base: Version) {
    let from = usize::try_from(committed.0).unwrap_or(usize::MAX).min(log.len());
    let to = usize::try_from(base.0)
        .unwrap_or(usize::MAX)
        .clamp(from, log.len());
    log[from..to].fill(UNSEEN);
}

/// Brings the picture of a node's log up to date, and returns the first index (from 0) that changed. What the
/// node has compacted is kept as it was last seen.
fn update_log<C: Inspect>(log: &mut Vec<EntryView>, core: &C, last: Version) -> usize {
    let base = usize::try_from(core.base().0).unwrap_or(usize::MAX);
    let last = usize::try_from(last.0).unwrap_or(usize::MAX);
    let known = log.len().min(last);
    log.resize(last, UNSEEN);
    // Logs change at their ends: look back from there until nothing is new.
    let mut first = last;
    while first > base {
        let Some(view) = core.entry(Version(first as u64)) else {
            break;
        };
        if first <= known && log[first - 1] == view {
            break;
        }
        log[first - 1] = view;
        first -= 1;
    }
    first
}
