//! The follower's side of replication (§5.3).

use splitbrain_consensus::NodeId;

use crate::message::{AppendOutcome, Entry, Index, LogPosition, Message};
use crate::role::RoleState;
use crate::{Mutant, Raft};

impl Raft {
    /// Heard from the leader of this term: follow it.
    pub(crate) fn follow(&mut self, leader: NodeId) {
        assert!(
            self.role.leader_state().is_none() || self.options.mutant.is_some(),
            "two leaders in one term (§5.2, election safety)"
        );
        if !matches!(self.role, RoleState::Follower { leader: Some(known) } if known == leader) {
            self.become_follower(self.term, Some(leader));
        }
        self.heard_from_leader_at = Some(self.now);
        self.reset_election_timer();
    }

    pub(crate) fn on_append_entries(
        &mut self,
        from: NodeId,
        prev: LogPosition,
        entries: Vec<Entry>,
        leader_commit: Index,
        round: u64,
    ) {
        self.follow(from);
        // Nothing new to say: this message only told the commit index.
        let wants_answer = !entries.is_empty() || round > self.answered_round;
        self.answered_round = self.answered_round.max(round);
        let verified = Index(prev.index.0 + entries.len() as u64);
        // What lies up to the base is committed, and so it is the leader's too (§5.4, leader completeness).
        let base = self.log.base().index;
        let agrees = prev.index < base || self.log.term_at(prev.index) == Some(prev.term);
        let outcome = if agrees {
            self.take_entries(entries.into_iter().skip_while(|entry| entry.index <= base));
            self.commit_index = self.commit_index.max(leader_commit.min(verified));
            self.apply_committed();
            AppendOutcome::Matched {
                match_index: verified,
            }
        } else {
            self.conflict_at(prev.index)
        };
        let vouched = match outcome {
            AppendOutcome::Matched { match_index } => match_index,
            AppendOutcome::Conflict { .. } => Index(0),
        };
        if wants_answer || !agrees {
            self.answer_leader(
                from,
                vouched,
                Message::AppendEntriesReply {
                    term: self.term,
                    round,
                    outcome,
                },
            );
        }
    }

    /// Sends an answer that vouches for this node's term and its log up to `vouched` no sooner than they are on
    /// disk.
    pub(crate) fn answer_leader(&mut self, leader: NodeId, vouched: Index, answer: Message) {
        if self.durable.covers(vouched) {
            self.send(leader, answer);
        } else {
            self.send_after(leader, answer);
        }
    }

    /// Appends what is new. An entry that conflicts deletes this node's own and all after it (figure 2).
    fn take_entries(&mut self, entries: impl Iterator<Item = Entry>) {
        for entry in entries {
            if entry.index <= self.log.last_index() {
                let same = self.log.term_at(entry.index) == Some(entry.term);
                if same || self.is(Mutant::ConflictNotTruncated) {
                    continue;
                }
                self.truncate(entry.index);
            }
            self.append(entry);
        }
    }

    fn conflict_at(&self, prev_index: Index) -> AppendOutcome {
        match self.log.term_at(prev_index) {
            Some(term) => AppendOutcome::Conflict {
                prev_index,
                term: Some(term),
                first_index: self.log.first_index_of_term_at(prev_index),
            },
            None => AppendOutcome::Conflict {
                prev_index,
                term: None,
                first_index: self.log.last_index().next(),
            },
        }
    }

    /// A deposed leader is told of the later term, and steps down. Its round is not echoed: by the time the answer
    /// arrives it may lead this very term, and would take the old number for one of its new rounds.
    pub(crate) fn reject_deposed_leader(&mut self, from: NodeId) {
        let outcome = AppendOutcome::Conflict {
            prev_index: Index(0),
            term: None,
            first_index: Index(1),
        };
        let answer = Message::AppendEntriesReply {
            term: self.term,
            round: 0,
            outcome,
        };
        self.answer_leader(from, Index(0), answer);
    }
}
