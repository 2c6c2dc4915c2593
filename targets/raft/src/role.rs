//! The roles of a node, and the changes between them.

use std::collections::BTreeSet;

use splitbrain_consensus::{NodeId, Role};

use crate::leader::LeaderState;
use crate::message::Term;
use crate::{Mutant, Raft};

/// What a node is, with what only that role needs.
#[derive(Debug)]
pub(crate) enum RoleState {
    /// Follows `leader`, or waits to hear of one.
    Follower { leader: Option<NodeId> },
    /// Asks for votes.
    Candidate(Candidacy),
    /// Leads its term.
    Leader(Box<LeaderState>),
}

/// The votes of a candidate.
#[derive(Debug)]
pub(crate) struct Candidacy {
    /// Whether these are pre-votes, which bind nobody (thesis §9.6).
    pub(crate) pre: bool,
    pub(crate) granted_by: BTreeSet<NodeId>,
}

impl RoleState {
    pub(crate) fn leader_state(&self) -> Option<&LeaderState> {
        match self {
            Self::Leader(state) => Some(state),
            _ => None,
        }
    }

    pub(crate) fn leader_state_mut(&mut self) -> Option<&mut LeaderState> {
        match self {
            Self::Leader(state) => Some(state),
            _ => None,
        }
    }
}

impl Raft {
    /// The role in words that all protocols share.
    pub(crate) fn shared_role(&self) -> Role {
        match &self.role {
            RoleState::Leader(_) => Role::Leader,
            RoleState::Candidate(_) => Role::Candidate,
            RoleState::Follower { .. } if self.memberships.current().learners.contains(&self.id) => {
                Role::Observer
            }
            RoleState::Follower { .. } => Role::Follower,
        }
    }

    /// The leader that this node knows of.
    pub(crate) fn leader(&self) -> Option<NodeId> {
        match &self.role {
            RoleState::Leader(_) => Some(self.id),
            RoleState::Follower { leader } => *leader,
            RoleState::Candidate(_) => None,
        }
    }

    /// Follows, in `term`, which may be this node's or a later one (§5.1).
    pub(crate) fn become_follower(&mut self, term: Term, leader: Option<NodeId>) {
        assert!(term >= self.term, "a term never goes back");
        if term > self.term {
            self.term = term;
            self.voted_for = None;
            self.answered_round = 0;
            self.record_vote();
        }
        let led = self.role.leader_state().is_some();
        if led || self.leader() != leader {
            self.drop_reads_of_former_leader();
        }
        if led || matches!(self.role, RoleState::Candidate(_)) {
            self.reset_election_timer();
        }
        self.incoming_snapshot = None;
        self.role = RoleState::Follower { leader };
    }

    /// Leads the term that it was elected in.
    pub(crate) fn become_leader(&mut self) {
        assert!(
            matches!(self.role, RoleState::Candidate(Candidacy { pre: false, .. })),
            "only a candidate wins"
        );
        self.drop_reads_of_former_leader();
        self.role = RoleState::Leader(Box::new(LeaderState::new(self)));
        // §8: an entry of its own tells the new leader which entries before it are committed.
        if !self.is(Mutant::CommitOlderTerm) && !self.is(Mutant::ReadIndexWithoutOwnTerm) {
            self.append_as_leader(crate::message::Payload::Noop);
        }
        self.start_round();
    }
}
