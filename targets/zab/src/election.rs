//! Fast leader election (Medeiros 2012, §3.2 and algorithm 4; ZooKeeper's `FastLeaderElection`): who knows the latest
//! history of a quorum is to lead. What it finds is only a good guess: safety rests on discovery.

use std::collections::BTreeMap;

use splitbrain_consensus::{NodeId, Time};

use crate::Zab;
use crate::message::{Epoch, Message, Notification, ServerState, Vote};
use crate::mutants::Mutant;
use crate::state::State;

/// The wait between two notifications doubles so often at most.
const BACKOFF_MAX: u32 = 2;

/// What only a server that looks for a leader keeps.
#[derive(Debug)]
pub(crate) struct Looking {
    /// The votes of this round of elections.
    recvset: BTreeMap<NodeId, Vote>,
    /// What servers said that follow or lead, whatever their round.
    outofelection: BTreeMap<NodeId, (Vote, ServerState)>,
    /// When a quorum for this server's vote has stood for long enough; none while there is no quorum.
    finalize_at: Option<Time>,
    resend_at: Time,
    backoff: u32,
}

impl Looking {
    pub(crate) fn new(now: Time) -> Self {
        Self {
            recvset: BTreeMap::new(),
            outofelection: BTreeMap::new(),
            finalize_at: None,
            resend_at: now,
            backoff: 0,
        }
    }

    pub(crate) fn deadline(&self) -> Time {
        self.finalize_at
            .map_or(self.resend_at, |at| at.min(self.resend_at))
    }
}

/// Whether `new` beats `old`: by the later epoch, then by the longer log, then by the greater number.
fn is_better(new: &Vote, old: &Vote, mutant: bool) -> bool {
    let rank = |vote: &Vote| (vote.peer_epoch, vote.zxid, vote.leader);
    if mutant {
        return new.leader > old.leader;
    }
    rank(new) > rank(old)
}

impl Zab {
    pub(crate) fn own_vote(&self) -> Vote {
        Vote {
            leader: self.id,
            zxid: self.log.last(),
            peer_epoch: self.current_epoch,
        }
    }

    fn beats(&self, new: &Vote, old: &Vote) -> bool {
        is_better(new, old, self.is(Mutant::VotesByMyid))
    }

    fn notification(&self) -> Message {
        Message::Notification(Notification {
            vote: self.vote,
            election_epoch: self.election_epoch,
            state: self.server_state(),
        })
    }

    /// Starts a round: votes for itself, and tells everybody.
    pub(crate) fn begin_election(&mut self) {
        self.cast_vote(self.vote);
    }

    /// Votes for `vote`, and tells everybody.
    fn cast_vote(&mut self, vote: Vote) {
        self.vote = vote;
        let (id, voter) = (self.id, !self.is_observer());
        let State::Looking(looking) = &mut self.state else {
            return;
        };
        if voter {
            looking.recvset.insert(id, vote);
        }
        looking.backoff = 0;
        self.send_notifications();
        self.await_better_vote(true);
    }

    fn send_notifications(&mut self) {
        let (now, notification_us) = (self.now, self.options.notification_us);
        let State::Looking(looking) = &mut self.state else {
            return;
        };
        looking.resend_at = now.plus_micros(notification_us << looking.backoff);
        looking.backoff = (looking.backoff + 1).min(BACKOFF_MAX);
        let notification = self.notification();
        let others: Vec<_> = self.members.iter().copied().filter(|id| *id != self.id).collect();
        for id in others {
            self.send(id, notification.clone());
        }
    }

    /// Starts the wait for a better vote, if a quorum agrees with this server's; anew, if that has `changed`.
    fn await_better_vote(&mut self, changed: bool) {
        let State::Looking(looking) = &self.state else {
            return;
        };
        let agrees = |id| looking.recvset.get(&id) == Some(&self.vote);
        let agreed = self.is_quorum(agrees);
        let until = self.now.plus_micros(self.options.election_wait_us);
        let State::Looking(looking) = &mut self.state else {
            return;
        };
        looking.finalize_at = match looking.finalize_at {
            _ if !agreed => None,
            Some(at) if !changed => Some(at),
            _ => Some(until),
        };
    }

    /// Time passed for a server that looks for a leader.
    pub(crate) fn looking_tick(&mut self) {
        let State::Looking(looking) = &self.state else {
            return;
        };
        if looking.finalize_at.is_some_and(|at| self.now >= at) {
            self.end_election(self.vote);
        } else if self.now >= looking.resend_at {
            self.send_notifications();
        }
    }

    fn end_election(&mut self, vote: Vote) {
        self.vote = vote;
        if vote.leader == self.id {
            self.lead();
        } else {
            self.follow(vote.leader);
        }
    }

    /// Once synchronized, the vote that is told to others names the new epoch, so that they agree.
    pub(crate) fn update_vote(&mut self, epoch: Epoch) {
        self.vote.peer_epoch = epoch;
    }

    pub(crate) fn on_notification(&mut self, from: NodeId, n: Notification) {
        let from_voter = self.members.contains(&from);
        if !matches!(self.state, State::Looking(_)) {
            if n.state == ServerState::Looking && !self.is_observer() {
                let answer = self.notification();
                self.send(from, answer);
            }
            return;
        }
        match n.state {
            ServerState::Looking if from_voter && !self.is_observer() => self.on_vote(from, n),
            ServerState::Following | ServerState::Leading if from_voter => self.on_settled_vote(from, n),
            // An observer has no vote.
            _ => {}
        }
    }

    /// The vote of a server that looks for a leader, too.
    fn on_vote(&mut self, from: NodeId, n: Notification) {
        if n.election_epoch < self.election_epoch {
            // It does not know of this round.
            let answer = self.notification();
            self.send(from, answer);
            return;
        }
        let own = self.own_vote();
        let State::Looking(looking) = &mut self.state else {
            return;
        };
        if n.election_epoch > self.election_epoch {
            self.election_epoch = n.election_epoch;
            looking.recvset.clear();
            looking.recvset.insert(from, n.vote);
            let vote = if self.beats(&n.vote, &own) { n.vote } else { own };
            self.cast_vote(vote);
            return;
        }
        looking.recvset.insert(from, n.vote);
        if self.beats(&n.vote, &self.vote) {
            self.cast_vote(n.vote);
        } else {
            self.await_better_vote(false);
        }
    }

    /// The vote of a server that follows or leads: joins its leader, if a quorum follows it and it says so itself.
    fn on_settled_vote(&mut self, from: NodeId, n: Notification) {
        let same_round = n.election_epoch == self.election_epoch;
        let State::Looking(looking) = &mut self.state else {
            return;
        };
        looking.outofelection.insert(from, (n.vote, n.state));
        if same_round && self.members.contains(&self.id) {
            looking.recvset.insert(from, n.vote);
        }
        let State::Looking(looking) = &self.state else {
            return;
        };
        let leader = n.vote.leader;
        let leads = match looking.outofelection.get(&leader) {
            Some((_, state)) => *state == ServerState::Leading,
            None => leader == self.id && same_round,
        };
        let in_round = |id| looking.recvset.get(&id) == Some(&n.vote);
        // Rounds and zxids of settled servers differ with the moment at which each joined.
        let settled = |id| {
            let vote = looking.outofelection.get(&id).map(|(vote, _)| vote);
            vote.is_some_and(|vote| vote.leader == leader && vote.peer_epoch == n.vote.peer_epoch)
        };
        if leads && (same_round && self.is_quorum(in_round) || self.is_quorum(settled)) {
            self.election_epoch = n.election_epoch;
            self.end_election(n.vote);
        } else {
            self.await_better_vote(false);
        }
    }
}
