//! Leadership transfer (thesis §3.10): the leader stops taking requests, brings its successor's log up to its
//! own, and asks it to campaign at once.

use splitbrain_consensus::{NodeId, Time};

use crate::Raft;
use crate::message::Message;
use crate::role::RoleState;

/// A transfer under way.
#[derive(Debug)]
pub(crate) struct Transfer {
    to: NodeId,
    /// When the leader gives up and takes requests again.
    pub(crate) deadline: Time,
    asked: bool,
}

impl Raft {
    /// Takes up a transfer, if this node leads and `to` is another voter.
    pub(crate) fn start_transfer(&mut self, to: NodeId) -> bool {
        let eligible = to != self.id && self.memberships.current().is_voter(to);
        let deadline = self.now.plus_micros(self.options.election_timeout_us);
        let Some(leader) = self.role.leader_state_mut() else {
            return false;
        };
        if !eligible || leader.transfer.is_some() {
            return false;
        }
        leader.transfer = Some(Transfer {
            to,
            deadline,
            asked: false,
        });
        self.advance_transfer();
        true
    }

    /// Asks the successor to campaign once its log is complete.
    pub(crate) fn advance_transfer(&mut self) {
        let (term, last) = (self.term, self.log.last_index());
        let Some(leader) = self.role.leader_state_mut() else {
            return;
        };
        let Some(transfer) = &mut leader.transfer else {
            return;
        };
        let complete = leader
            .progress
            .get(&transfer.to)
            .is_some_and(|progress| progress.match_index >= last);
        if complete && !transfer.asked {
            transfer.asked = true;
            // The request may arrive at any later time, and its campaign heeds no lease.
            leader.lease_revoked = true;
            let to = transfer.to;
            self.send(to, Message::TimeoutNow { term });
        }
    }

    /// The leader of this term wants this node to lead.
    pub(crate) fn on_timeout_now(&mut self) {
        let follows = matches!(self.role, RoleState::Follower { .. });
        if follows && self.memberships.current().is_voter(self.id) {
            self.campaign(true);
        }
    }
}
