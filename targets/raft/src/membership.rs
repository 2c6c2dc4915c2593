//! Who belongs to the cluster, and how that changes: in two phases, by joint consensus (§6).
//!
//! A change goes `learners → joint → final`. New members first receive the log without a vote, so that they do
//! not hold up commitment (§6, "non-voting members"); the joint configuration needs majorities of both the old
//! and the new voters; the final one only of the new. A membership is in force as soon as it is in the log.

use serde::{Deserialize, Serialize};
use splitbrain_consensus::NodeId;
use splitbrain_consensus::quorum::Quorum;

use crate::Raft;
use crate::message::{Entry, Index, Payload};

/// A new member has caught up when it lacks at most this many committed entries (thesis §4.2.1 uses rounds; the
/// aim is the same: that the last of them fit well within an election timeout).
const CAUGHT_UP_WITHIN_ENTRIES: u64 = 64;

/// A configuration of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Membership {
    /// The voters, ascending; those to come while the configuration is joint.
    pub voters: Vec<NodeId>,
    /// The voters being left; empty unless the configuration is joint.
    pub outgoing: Vec<NodeId>,
    /// Members that receive the log and have no vote.
    pub learners: Vec<NodeId>,
}

impl Membership {
    /// A simple configuration of these voters.
    #[must_use]
    pub fn of(mut voters: Vec<NodeId>) -> Self {
        voters.sort_unstable();
        voters.dedup();
        Self {
            voters,
            ..Self::default()
        }
    }

    /// Whether two majorities are needed.
    #[must_use]
    pub fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Whether `id` has a vote.
    #[must_use]
    pub fn is_voter(&self, id: NodeId) -> bool {
        self.voters.contains(&id) || self.outgoing.contains(&id)
    }

    /// Every member, each once.
    pub fn all(&self) -> impl Iterator<Item = NodeId> + '_ {
        let outgoing = self.outgoing.iter().filter(|id| !self.voters.contains(id));
        let learners = self.learners.iter().filter(|id| !self.is_voter(**id));
        self.voters.iter().chain(outgoing).chain(learners).copied()
    }

    pub(crate) fn quorum(&self) -> Quorum<'_> {
        Quorum {
            incoming: &self.voters,
            outgoing: &self.outgoing,
        }
    }
}

/// The memberships in the log: the latest is in force, and a truncated one falls back to its predecessor.
#[derive(Debug)]
pub(crate) struct MembershipHistory {
    /// By index, ascending; never empty. The first is that of the snapshot, or of the start at index 0.
    known: Vec<(Index, Membership)>,
}

impl MembershipHistory {
    pub(crate) fn new(index: Index, membership: Membership) -> Self {
        Self {
            known: vec![(index, membership)],
        }
    }

    pub(crate) fn current(&self) -> &Membership {
        &self.known.last().expect("never empty").1
    }

    pub(crate) fn current_index(&self) -> Index {
        self.known.last().expect("never empty").0
    }

    /// The membership in force at `index`.
    pub(crate) fn at(&self, index: Index) -> &Membership {
        let known = self.known.iter().rev().find(|(from, _)| *from <= index);
        &known.unwrap_or(&self.known[0]).1
    }

    pub(crate) fn note(&mut self, entry: &Entry) {
        if let Payload::Membership(membership) = &entry.payload {
            self.known.push((entry.index, membership.clone()));
        }
    }

    pub(crate) fn truncate(&mut self, from: Index) {
        let keep = self.known.iter().take_while(|(index, _)| *index < from).count();
        self.known.truncate(keep.max(1));
    }

    /// Forgets what lies before the membership in force at `index`.
    pub(crate) fn compact(&mut self, index: Index) {
        self.known.drain(..self.superseded_at(index));
    }

    /// Whether `id` has a vote in the membership in force at `index`, or in a later one.
    pub(crate) fn is_voter_from(&self, index: Index, id: NodeId) -> bool {
        let mut in_force = self.known[self.superseded_at(index)..].iter();
        in_force.any(|(_, membership)| membership.is_voter(id))
    }

    /// How many memberships another has replaced at `index`.
    fn superseded_at(&self, index: Index) -> usize {
        let later = self.known.iter().skip(1);
        later.take_while(|(from, _)| *from <= index).count()
    }
}

impl Raft {
    /// Takes up a change to `target`, if this node leads and no other change is under way.
    pub(crate) fn start_membership_change(&mut self, target: Vec<NodeId>) -> bool {
        let target = Membership::of(target);
        let current = self.memberships.current().clone();
        let settled = !current.is_joint() && self.memberships.current_index() <= self.commit_index;
        let Some(leader) = self.role.leader_state_mut() else {
            return false;
        };
        if target.voters.is_empty() || !settled || leader.membership_target.is_some() {
            return false;
        }
        leader.membership_target = Some(target.clone());
        let learners = target
            .voters
            .iter()
            .copied()
            .filter(|id| !current.voters.contains(id))
            .collect();
        self.append_as_leader(Payload::Membership(Membership { learners, ..current }));
        self.advance_membership_change();
        true
    }

    /// Takes the next step of a change, once the step before it is committed. A new leader finishes the joint
    /// configuration of its predecessor; learners that a predecessor left behind stay learners.
    pub(crate) fn advance_membership_change(&mut self) {
        let Some(leader) = self.role.leader_state() else {
            return;
        };
        if self.memberships.current_index() > self.commit_index {
            return;
        }
        let current = self.memberships.current().clone();
        if current.is_joint() {
            if let Some(leader) = self.role.leader_state_mut() {
                leader.membership_target = None;
            }
            self.append_as_leader(Payload::Membership(Membership::of(current.voters)));
        } else if let Some(target) = leader.membership_target.clone() {
            let caught_up = |id: &NodeId| {
                let match_index = leader
                    .progress
                    .get(id)
                    .map_or(Index(0), |progress| progress.match_index);
                match_index.0 + CAUGHT_UP_WITHIN_ENTRIES >= self.commit_index.0
            };
            if current.learners.iter().all(caught_up) {
                self.append_as_leader(Payload::Membership(Membership {
                    voters: target.voters,
                    outgoing: current.voters,
                    learners: Vec::new(),
                }));
            }
        } else if !current.is_voter(self.id) {
            // §6: a leader that is not in the new configuration steps down once that is committed.
            self.become_follower(self.term, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Term;

    fn ids(ids: &[u16]) -> Vec<NodeId> {
        ids.iter().copied().map(NodeId).collect()
    }

    #[test]
    fn a_truncated_membership_falls_back_to_its_predecessor() {
        let mut history = MembershipHistory::new(Index(0), Membership::of(ids(&[1])));
        for (index, voters) in [(3, vec![1, 2]), (7, vec![1, 2, 3])] {
            let payload = Payload::Membership(Membership::of(ids(&voters)));
            history.note(&Entry {
                index: Index(index),
                term: Term(1),
                payload,
            });
        }
        assert_eq!(history.current().voters, ids(&[1, 2, 3]));
        assert_eq!(history.at(Index(6)).voters, ids(&[1, 2]));
        history.truncate(Index(7));
        assert_eq!(history.current().voters, ids(&[1, 2]));
        history.compact(Index(5));
        assert_eq!(history.at(Index(3)).voters, ids(&[1, 2]));
        history.truncate(Index(1));
        assert_eq!(
            history.current().voters,
            ids(&[1, 2]),
            "a compacted membership is committed"
        );
    }

    #[test]
    fn members_are_listed_once() {
        let joint = Membership {
            voters: ids(&[2, 3]),
            outgoing: ids(&[1, 2]),
            learners: ids(&[3, 4]),
        };
        assert_eq!(joint.all().collect::<Vec<_>>(), ids(&[2, 3, 1, 4]));
    }
}
