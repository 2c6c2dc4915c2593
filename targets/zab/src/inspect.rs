//! What the simulator's invariants see of a ZAB server.

use splitbrain_consensus::sim::invariants::digest;
use splitbrain_consensus::{EntryView, Inspect, NodeId, Promise, Version, Words};

use crate::Zab;
use crate::message::Zxid;
use crate::state::State;

impl Inspect for Zab {
    const WORDS: Words = Words {
        term: "epoch",
        entry: "transaction",
        place: |version| format!("zxid {}", Zxid(version.0)),
        elected: "established",
        one_leader: "one-established-leader",
        log_matching: "equal-histories",
        leader_completeness: "leader-completeness",
        agreement: "agreement",
        has_primary_order: true,
    };

    fn entry(&self, position: u64) -> Option<EntryView> {
        let txn = self.log.get(position)?;
        Some(EntryView {
            term: u64::from(txn.zxid.epoch().0),
            version: Version(txn.zxid.0),
            digest: digest(txn),
        })
    }

    fn base(&self) -> u64 {
        self.log.base_position()
    }

    fn committed(&self) -> u64 {
        self.log.position_of(self.committed)
    }

    fn last(&self) -> u64 {
        self.log.last_position()
    }

    fn promise(&self) -> Promise {
        Promise {
            term: u64::from(self.accepted_epoch.0),
            to_another: !matches!(self.state, State::Leading(_)),
        }
    }

    fn voters(&self) -> Vec<NodeId> {
        self.members.clone()
    }
}
