//! What the simulator's invariants see of a Raft node.

use splitbrain_consensus::sim::invariants::digest;
use splitbrain_consensus::{EntryView, Inspect, NodeId, Promise, Version, Words};

use crate::Raft;
use crate::message::Index;
use crate::role::RoleState;

impl Inspect for Raft {
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

    fn entry(&self, position: u64) -> Option<EntryView> {
        let entry = self.log.get(Index(position))?;
        Some(EntryView {
            term: entry.term.0,
            version: Version(position),
            digest: digest(entry),
        })
    }

    fn base(&self) -> u64 {
        self.log.base().index.0
    }

    fn committed(&self) -> u64 {
        self.commit_index.0
    }

    fn last(&self) -> u64 {
        self.log.last_index().0
    }

    fn promise(&self) -> Promise {
        let waits = matches!(self.role, RoleState::Follower { leader: None });
        Promise {
            term: self.term.0,
            to_another: waits && self.shared_role() == splitbrain_consensus::Role::Follower,
        }
    }

    fn voters(&self) -> Vec<NodeId> {
        self.memberships.current().voters.clone()
    }
}
