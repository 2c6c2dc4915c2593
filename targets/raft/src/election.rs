//! Elections: pre-vote, votes, and the campaign (§5.2, §5.4.1; thesis §4.2.3, §9.6).

use std::collections::BTreeSet;

use splitbrain_consensus::NodeId;

use crate::message::{Index, LogPosition, Message, Term};
use crate::role::{Candidacy, RoleState};
use crate::{Mutant, Raft};

impl Raft {
    /// The election timeout passed without a word from a leader: ask whether a campaign could succeed.
    pub(crate) fn election_timeout_passed(&mut self) {
        self.reset_election_timer();
        // Thesis §4.2.2: a node that is to leave may be the only one with a log that can win, until the membership
        // without it is committed. Its own vote does not count then.
        if !self.memberships.is_voter_from(self.commit_index, self.id) {
            return;
        }
        self.drop_reads_of_former_leader();
        self.role = RoleState::Candidate(Candidacy {
            pre: true,
            granted_by: BTreeSet::from([self.id]),
        });
        if self.has_won() {
            self.campaign(false);
            return;
        }
        let term = Term(self.term.0 + 1);
        let last = self.log.last();
        self.for_other_voters(|raft, to| raft.send(to, Message::PreVote { term, last }));
    }

    /// Starts a new term and asks for votes in it. The requests leave once the candidate's own vote is on disk:
    /// else it could vote for another in the same term after a restart.
    pub(crate) fn campaign(&mut self, transfer: bool) {
        self.term = Term(self.term.0 + 1);
        self.voted_for = Some(self.id);
        self.answered_round = 0;
        self.record_vote();
        self.reset_election_timer();
        self.drop_reads_of_former_leader();
        self.role = RoleState::Candidate(Candidacy {
            pre: false,
            granted_by: BTreeSet::from([self.id]),
        });
        let (term, last) = (self.term, self.log.last());
        self.for_other_voters(|raft, to| raft.send_after(to, Message::RequestVote { term, last, transfer }));
    }

    pub(crate) fn on_pre_vote(&mut self, from: NodeId, term: Term, last: LogPosition) {
        let granted = term > self.term && self.is_up_to_date(last) && !self.hears_a_leader();
        let term = if granted { term } else { self.term };
        self.send(from, Message::PreVoteReply { term, granted });
    }

    pub(crate) fn on_pre_vote_reply(&mut self, from: NodeId, term: Term, granted: bool) {
        let asked = Term(self.term.0 + 1);
        if let RoleState::Candidate(Candidacy {
            pre: true,
            granted_by,
        }) = &mut self.role
            && granted
            && term == asked
        {
            granted_by.insert(from);
            if self.has_won() {
                self.campaign(false);
            }
        }
    }

    /// Handles a request in this node's own term.
    pub(crate) fn on_request_vote(&mut self, from: NodeId, last: LogPosition) {
        let free = self.voted_for.is_none_or(|candidate| candidate == from);
        let granted = free && self.is_up_to_date(last);
        let reply = Message::RequestVoteReply {
            term: self.term,
            granted,
        };
        if granted && self.voted_for.is_none() {
            self.voted_for = Some(from);
            self.record_vote();
            self.reset_election_timer();
        }
        // §5.2: the vote is on disk before it is answered. A repeated request is answered again, no sooner.
        self.send_after(from, reply);
    }

    pub(crate) fn on_request_vote_reply(&mut self, from: NodeId, granted: bool) {
        if let RoleState::Candidate(Candidacy {
            pre: false,
            granted_by,
        }) = &mut self.role
            && granted
        {
            granted_by.insert(from);
            self.lead_if_elected();
        }
    }

    /// Leads once a quorum has voted for this node, its own vote on disk among them: else it could lead the same
    /// term again after a restart, where it is a quorum alone.
    pub(crate) fn lead_if_elected(&mut self) {
        let campaigns = matches!(self.role, RoleState::Candidate(Candidacy { pre: false, .. }));
        if campaigns && self.has_won() && self.durable.covers(Index(0)) {
            self.become_leader();
        }
    }

    /// Whether this node has reason to think that its leader is alive. While it does it deposes nobody: a node
    /// that was removed or cut off cannot disrupt the cluster (thesis §4.2.3), and leases rest on it (§6.4.1).
    pub(crate) fn hears_a_leader(&self) -> bool {
        let recent = |at| self.now.micros_since(at) < self.options.election_timeout_us;
        self.role.leader_state().is_some() || self.heard_from_leader_at.is_some_and(recent)
    }

    /// §5.4.1: whether a log that ends at `last` is at least as up-to-date as this node's.
    fn is_up_to_date(&self, last: LogPosition) -> bool {
        last >= self.log.last() || self.is(Mutant::VoteWithoutLogCheck)
    }

    fn has_won(&self) -> bool {
        let RoleState::Candidate(candidacy) = &self.role else {
            return false;
        };
        self.is_quorum(|id| candidacy.granted_by.contains(&id))
    }

    fn for_other_voters(&mut self, mut tell: impl FnMut(&mut Self, NodeId)) {
        let membership = self.memberships.current();
        let voters: Vec<_> = membership
            .all()
            .filter(|id| membership.is_voter(*id) && *id != self.id)
            .collect();
        for id in voters {
            tell(self, id);
        }
    }
}
