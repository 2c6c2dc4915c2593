//! What the simulator's invariants see of a Raft node.

use splitbrain_consensus::sim::invariants::digest;
use splitbrain_consensus::{EntryView, Inspect, NodeId, Version};

use crate::Raft;
use crate::message::Index;

impl Inspect for Raft {
    fn entry(&self, version: Version) -> Option<EntryView> {
        let entry = self.log.get(Index(version.0))?;
        Some(EntryView {
            term: entry.term.0,
            digest: digest(entry),
        })
    }

    fn base(&self) -> Version {
        Version(self.log.base().index.0)
    }

    fn voters(&self) -> Vec<NodeId> {
        self.memberships.current().voters.clone()
    }
}
