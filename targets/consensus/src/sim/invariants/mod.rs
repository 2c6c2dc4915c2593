//! What must hold after every step of every node, one invariant a file. They see all nodes at once, as no node
//! does.

mod delivery_order;
mod leader_completeness;
mod log_matching;
mod one_leader;
mod primary_order;
mod state_machine_safety;

use std::hash::{BuildHasher, Hash};

use rustc_hash::FxBuildHasher;

use crate::{EntryView, Incarnation, Inspect, NodeId, Protocol, Role, Version, Words};

use delivery_order::DeliveryOrder;
use leader_completeness::LeaderCompleteness;
use log_matching::LogMatching;
use one_leader::OneLeader;
use primary_order::PrimaryOrder;
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

/// The committed part of the cluster's one log, as far as anybody knows it, from position 1.
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
    fn get(&self, position: u64) -> Option<&CommittedEntry> {
        self.entries.get(usize::try_from(position.checked_sub(1)?).ok()?)
    }

    fn last(&self) -> u64 {
        self.entries.len() as u64
    }
}

/// An entry that was never seen, because a snapshot stands for it.
const UNSEEN: EntryView = EntryView {
    term: 0,
    version: Version(0),
    digest: 0,
};

/// What a node looked like after its last step, so that only what changed is checked.
#[derive(Clone, Debug, Default)]
struct LastSeen {
    stance: Option<Stance>,
    /// Its log from position 1, so far as it was held.
    log: Vec<EntryView>,
}

/// Where a node stood.
#[derive(Clone, Copy, Debug)]
struct Stance {
    leads: bool,
    term: u64,
    committed: u64,
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
    primary_order: Option<PrimaryOrder>,
    delivery_order: DeliveryOrder,
}

impl Invariants {
    pub(super) fn new(nodes: u16, words: Words) -> Self {
        Self {
            nodes: vec![LastSeen::default(); nodes.into()],
            committed: Committed::default(),
            one_leader: OneLeader::new(words),
            log_matching: LogMatching::new(words),
            leader_completeness: LeaderCompleteness::new(words),
            state_machine_safety: StateMachineSafety::new(words),
            primary_order: words.has_primary_order.then(|| PrimaryOrder::new(words)),
            delivery_order: DeliveryOrder::new(nodes, words),
        }
    }

    /// The node lost its memory; what it held on disk will be looked at anew.
    pub(super) fn crashed(&mut self, node: NodeId) {
        self.nodes[usize::from(node.0) - 1] = LastSeen::default();
        self.delivery_order.crashed(node);
    }

    /// A node applied a command.
    pub(super) fn applied(&mut self, node: NodeId, version: Version, command: &[u8]) -> Result<(), Broken> {
        self.delivery_order.applied(node, version)?;
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
        self.delivery_order.restored(node, version);
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
        let (base, last) = (core.base(), core.last());
        let now = Stance {
            leads: status.role == Role::Leader,
            term: status.term,
            committed: core.committed(),
        };
        let seen = &mut self.nodes[usize::from(node.0) - 1];
        let before = seen.stance.replace(now);
        let was_elected = now.leads && before.is_none_or(|before| !before.leads || before.term != now.term);
        if was_elected {
            self.one_leader.elected((node, incarnation), now.term)?;
        }
        let committed_before = before.map_or(base, |before| before.committed);
        // A suffix that was replaced by one of the same length shows in its last entry.
        let last_entry = core.entry(last);
        if seen.log.len() as u64 != last || last_entry.is_some() && seen.log.last().copied() != last_entry {
            let changed_from = update_log(&mut seen.log, core, last);
            // Before it is checked: what follows a snapshot may have come with it, in one step.
            forget_replaced(&mut seen.log, committed_before, base);
            self.log_matching.check(node, &seen.log, changed_from)?;
            if let Some(primary_order) = &mut self.primary_order {
                let leads = |term| self.one_leader.is_of(term, (node, incarnation));
                primary_order.check(node, &seen.log, changed_from, leads)?;
            }
        }
        forget_replaced(&mut seen.log, committed_before, base);
        if now.committed > committed_before {
            let news = committed_before + 1..=now.committed;
            self.state_machine_safety
                .committed(node, now.term, news, &seen.log, &mut self.committed)?;
        }
        if was_elected {
            self.leader_completeness
                .elected(node, now.term, core, &self.committed)?;
        }
        Ok(())
    }
}

/// Forgets what a snapshot of the leader has replaced: the node held other entries there, which it never
/// committed.
fn forget_replaced(log: &mut [EntryView], committed: u64, base: u64) {
    let from = usize::try_from(committed).unwrap_or(usize::MAX).min(log.len());
    let to = usize::try_from(base).unwrap_or(usize::MAX).clamp(from, log.len());
    log[from..to].fill(UNSEEN);
}

/// Brings the picture of a node's log up to date, and returns the first place (from 0) that changed. What the
/// node has compacted is kept as it was last seen.
fn update_log<C: Inspect>(log: &mut Vec<EntryView>, core: &C, last: u64) -> usize {
    let base = usize::try_from(core.base()).unwrap_or(usize::MAX);
    let last = usize::try_from(last).unwrap_or(usize::MAX);
    let known = log.len().min(last);
    log.resize(last, UNSEEN);
    // Logs change at their ends: look back from there until nothing is new.
    let mut first = last;
    while first > base {
        let Some(view) = core.entry(first as u64) else {
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

/// Raft's, for tests.
#[cfg(test)]
const WORDS: Words = Words {
    term: "term",
    entry: "entry",
    place: |version| format!("index {}", version.0),
    elected: "elected",
    one_leader: "one-leader",
    log_matching: "log-matching",
    leader_completeness: "leader-completeness",
    agreement: "state-machine-safety",
    has_primary_order: false,
};
