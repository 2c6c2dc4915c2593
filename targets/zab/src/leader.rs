//! The leader's side: discovery, the wait for a synchronized quorum, and broadcast (DSN paper, §IV; Medeiros 2012,
//! §3.1 and §3.3).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use splitbrain_consensus::{NodeId, Refusal, RequestId, Time};

use crate::Zab;
use crate::channel::{Channel, Connection};
use crate::message::{Epoch, Packet, Payload, Request, Txn, Zxid};
use crate::mutants::Mutant;
use crate::state::State;

/// What a leader does at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Looks for an epoch that a quorum accepts.
    Discovery,
    /// Brings a quorum to its own history.
    Synchronization,
    /// Established: orders transactions.
    Broadcast,
}

/// What only a leader keeps.
#[derive(Debug)]
pub(crate) struct Leading {
    pub(crate) phase: Phase,
    since: Time,
    next_ping: Time,
    /// The epoch to be, once a quorum has said what it accepted.
    epoch: Option<Epoch>,
    /// What those that connected had accepted.
    accepted: BTreeMap<NodeId, Epoch>,
    /// Who has accepted `epoch`.
    epoch_acked: BTreeSet<NodeId>,
    /// Who has taken over this leader's history.
    new_leader_acked: BTreeSet<NodeId>,
    pub(crate) learners: BTreeMap<NodeId, LearnerHandler>,
    /// The counter of the last transaction of this epoch.
    counter: u32,
    /// Syncs that wait for a proposal to be committed, in order: who asked, and what.
    pub(crate) pending_syncs: VecDeque<(Zxid, RequestId)>,
}

/// What a leader knows of a learner, for as long as their connection lasts.
#[derive(Debug)]
pub(crate) struct LearnerHandler {
    pub(crate) channel: Channel,
    pub(crate) heard_at: Time,
    pub(crate) stage: HandlerStage,
    /// Whether it is sent proposals, and not only what is committed.
    pub(crate) gets_proposals: bool,
    /// The position of the last transaction that was sent.
    pub(crate) sent: u64,
    /// Everything up to here is durable in its log, which is this leader's.
    acked: Zxid,
    told_commit: Zxid,
}

/// How far a learner has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandlerStage {
    /// Connected.
    Connected,
    /// Was told the epoch.
    EpochSent,
    /// Has accepted it; its log ends here.
    EpochAcked { last_zxid: Zxid },
    /// Was sent the history up to here.
    HistorySent { last: Zxid },
    /// Has it.
    HistoryAcked,
    /// Serves.
    UpToDate,
}

impl Leading {
    pub(crate) fn new(zab: &Zab) -> Self {
        Self {
            phase: Phase::Discovery,
            since: zab.now,
            next_ping: zab.now.plus_micros(zab.options.tick_us / 2),
            epoch: None,
            accepted: BTreeMap::from([(zab.id, zab.accepted_epoch)]),
            epoch_acked: BTreeSet::new(),
            new_leader_acked: BTreeSet::new(),
            learners: BTreeMap::new(),
            counter: 0,
            pending_syncs: VecDeque::new(),
        }
    }

    pub(crate) fn deadline(&self) -> Time {
        let channels = self
            .learners
            .values()
            .filter_map(|learner| learner.channel.deadline());
        channels.fold(self.next_ping, Time::min)
    }
}

impl Zab {
    pub(crate) fn leading(&mut self) -> Option<&mut Leading> {
        match &mut self.state {
            State::Leading(leading) => Some(leading),
            _ => None,
        }
    }

    /// A learner opens a connection, in place of an earlier one perhaps.
    pub(crate) fn accept_connection(&mut self, from: NodeId, opening: Connection) {
        let connection = Connection {
            leader: Some(self.next_number()),
            ..opening
        };
        let (now, repeat_after_us) = (self.now, self.options.repeat_after_us);
        let gets_proposals = self.members.contains(&from) || self.is(Mutant::ObserversCounted);
        let Some(leading) = self.leading() else { return };
        leading.learners.insert(
            from,
            LearnerHandler {
                channel: Channel::new(connection, true, repeat_after_us),
                heard_at: now,
                stage: HandlerStage::Connected,
                gets_proposals,
                sent: 0,
                acked: Zxid(0),
                told_commit: Zxid(0),
            },
        );
    }

    pub(crate) fn on_packet_of_learner(&mut self, from: NodeId, packet: Packet) {
        match packet {
            Packet::FollowerInfo { accepted_epoch } | Packet::ObserverInfo { accepted_epoch } => {
                self.on_info(from, accepted_epoch);
            }
            Packet::AckEpoch {
                current_epoch,
                last_zxid,
            } => self.on_ack_epoch(from, current_epoch, last_zxid),
            Packet::Ack { zxid } => self.on_ack(from, zxid),
            Packet::Request(Request::Broadcast(payload)) => self.broadcast(payload),
            Packet::Request(Request::Sync { id }) => self.on_sync(id),
            _ => {}
        }
        self.advance_leading();
    }

    /// A learner tells what it has accepted. Once it is later than this leader's own epoch it could never join, and
    /// only a new epoch helps; the papers leave that open.
    fn on_info(&mut self, from: NodeId, accepted_epoch: Epoch) {
        self.heard_epoch = self.heard_epoch.max(accepted_epoch);
        let Some(leading) = self.leading() else { return };
        leading.accepted.insert(from, accepted_epoch);
        if leading.epoch.is_some_and(|epoch| accepted_epoch > epoch) {
            self.look_for_leader();
        }
    }

    /// A learner has accepted the epoch. None whose history is more recent may be among the quorum that this leader's
    /// history becomes the common one by (Medeiros 2012, algorithm 1, line 7; ZooKeeper's "follower is ahead of the
    /// leader").
    fn on_ack_epoch(&mut self, from: NodeId, current_epoch: Option<Epoch>, last_zxid: Zxid) {
        let own = (self.current_epoch, self.log.last());
        let (voter, trusting) = (self.members.contains(&from), self.is(Mutant::VotesByMyid));
        let Some(leading) = self.leading() else { return };
        if let Some(current_epoch) = current_epoch
            && voter
            && leading.phase == Phase::Discovery
        {
            if (current_epoch, last_zxid) > own && !trusting {
                self.look_for_leader();
                return;
            }
            leading.epoch_acked.insert(from);
        }
        if let Some(learner) = leading.learners.get_mut(&from) {
            learner.stage = HandlerStage::EpochAcked { last_zxid };
        }
    }

    fn on_ack(&mut self, from: NodeId, zxid: Zxid) {
        let Some(leading) = self.leading() else { return };
        let Some(learner) = leading.learners.get_mut(&from) else {
            return;
        };
        match learner.stage {
            HandlerStage::HistorySent { last } => {
                learner.stage = HandlerStage::HistoryAcked;
                learner.acked = last;
                leading.new_leader_acked.insert(from);
            }
            _ => learner.acked = learner.acked.max(zxid),
        }
    }

    /// Does what the state of things allows: called whenever a learner has said something, or the disk has.
    pub(crate) fn advance_leading(&mut self) {
        self.choose_epoch();
        self.tell_epoch();
        self.begin_synchronization();
        self.synchronize_learners();
        self.establish();
        self.admit_learners();
        self.commit_what_a_quorum_has();
    }

    /// An epoch above all that a quorum has accepted (Medeiros 2012, algorithm 1, line 3).
    fn choose_epoch(&mut self) {
        let State::Leading(leading) = &self.state else {
            return;
        };
        if leading.epoch.is_some() || !self.is_quorum(|id| leading.accepted.contains_key(&id)) {
            return;
        }
        let highest = leading.accepted.values().copied().max().unwrap_or_default();
        let epoch = highest.max(self.heard_epoch).next();
        self.accept_epoch(epoch);
        if let Some(leading) = self.leading() {
            leading.epoch = Some(epoch);
        }
    }

    /// Once the leader's own promise is durable, it counts, and the others may follow.
    fn tell_epoch(&mut self) {
        let (id, accepted) = (self.id, self.durable.marks().accepted_epoch);
        let Some(leading) = self.leading() else { return };
        let Some(epoch) = leading.epoch.filter(|epoch| accepted >= *epoch) else {
            return;
        };
        leading.epoch_acked.insert(id);
        for learner in leading.learners.values_mut() {
            if learner.stage == HandlerStage::Connected && learner.channel.has_received() {
                learner.stage = HandlerStage::EpochSent;
                learner.channel.send(Packet::LeaderInfo { epoch });
            }
        }
    }

    /// A quorum heeds no earlier leader any more: what this one has logged is the history of its epoch.
    fn begin_synchronization(&mut self) {
        let State::Leading(leading) = &self.state else {
            return;
        };
        let Some(epoch) = leading.epoch else { return };
        if leading.phase != Phase::Discovery || !self.is_quorum(|id| leading.epoch_acked.contains(&id)) {
            return;
        }
        self.lead_epoch(epoch);
        self.update_vote(epoch);
        if let Some(leading) = self.leading() {
            leading.phase = Phase::Synchronization;
        }
    }

    /// Established once a quorum has taken over the leader's history: with that it is committed (DSN paper, phase 2,
    /// step l.2.2).
    fn establish(&mut self) {
        let (id, durable, last) = (self.id, self.durable.marks(), self.log.last());
        let alone = self.is(Mutant::ServesBeforeSynchronized);
        let Some(leading) = self.leading() else { return };
        if leading.phase != Phase::Synchronization {
            return;
        }
        if Some(durable.current_epoch) == leading.epoch && durable.last == last {
            leading.new_leader_acked.insert(id);
        }
        let State::Leading(leading) = &self.state else {
            return;
        };
        let synchronized = self.is_quorum(|id| leading.new_leader_acked.contains(&id)) || alone;
        if !leading.new_leader_acked.contains(&id) || !synchronized {
            return;
        }
        if let Some(leading) = self.leading() {
            leading.phase = Phase::Broadcast;
        }
        self.commit(last);
    }

    /// Learners that have the history of an established leader may serve. What is committed goes before that word: an
    /// observer is told of no commit whose transaction is still to come.
    fn admit_learners(&mut self) {
        let committed = self.committed;
        let Some(leading) = self.leading() else { return };
        let waiting = |learner: &LearnerHandler| learner.stage == HandlerStage::HistoryAcked;
        if leading.phase != Phase::Broadcast || !leading.learners.values().any(waiting) {
            return;
        }
        self.feed_learners();
        let Some(leading) = self.leading() else { return };
        for learner in leading.learners.values_mut() {
            if learner.stage == HandlerStage::HistoryAcked {
                learner.stage = HandlerStage::UpToDate;
                learner.told_commit = committed;
                learner.channel.send(Packet::UpToDate { zxid: committed });
            }
        }
    }

    /// Gives a transaction the next zxid, and logs it (DSN paper, phase 3, step l.3.1). It leaves with the next
    /// `ready`.
    pub(crate) fn broadcast(&mut self, payload: Payload) {
        let counter_max = self.options.counter_max;
        let (id, epoch) = (payload.id(), self.current_epoch);
        let Some(leading) = self.leading() else { return };
        if leading.phase != Phase::Broadcast {
            return;
        }
        if leading.counter >= counter_max {
            // ZooKeeper's `XidRolloverException`: only another epoch has zxids left.
            if self.is_mine(id) {
                self.requests.close(id);
                self.refuse(id, Refusal::Unavailable);
            }
            self.look_for_leader();
            return;
        }
        leading.counter += 1;
        let zxid = Zxid::new(epoch, leading.counter);
        self.append(Txn { zxid, payload });
    }

    /// What a quorum has logged is committed, in order (DSN paper, phase 3, step l.3.2).
    pub(crate) fn commit_what_a_quorum_has(&mut self) {
        let State::Leading(leading) = &self.state else {
            return;
        };
        if leading.phase != Phase::Broadcast {
            return;
        }
        // A quorum of followers could commit what is not yet on the leader's own disk. Here it must be: what is
        // committed is then applied at the leader before anybody else can show it.
        let own = self.durable.marks().last;
        let acked = |id| match leading.learners.get(&id) {
            _ if id == self.id => own,
            Some(learner) => learner.acked,
            None => Zxid(0),
        };
        let zxid = match self.options.mutant {
            Some(Mutant::CommitWithoutQuorum) => own,
            Some(Mutant::ObserversCounted) => {
                let learners = leading.learners.keys().copied();
                let everybody: Vec<_> = learners.chain([self.id]).collect();
                let enough = self.majority();
                self.quorum(&everybody).highest_reached_by(|_| enough, acked)
            }
            _ => self.quorum(&self.members).highest_reached(acked),
        };
        self.commit(zxid.min(own));
        self.answer_syncs();
    }

    /// Time passed for a leader.
    pub(crate) fn leader_tick(&mut self) {
        let (now, half_tick_us) = (self.now, self.options.tick_us / 2);
        let limit_us = self.options.sync_limit_us();
        let Some(leading) = self.leading() else { return };
        if now < leading.next_ping {
            return;
        }
        leading.next_ping = now.plus_micros(half_tick_us);
        leading.learners.retain(|_, learner| {
            now.micros_since(learner.heard_at) < limit_us && !learner.channel.is_overfull()
        });
        for learner in leading.learners.values_mut() {
            learner.channel.send(Packet::Ping);
        }
        let State::Leading(leading) = &self.state else {
            return;
        };
        let overdue = match leading.phase {
            Phase::Broadcast => {
                let has_history = |id| {
                    leading
                        .learners
                        .get(&id)
                        .is_some_and(|learner| learner.stage.has_history())
                };
                !self.is_quorum(|id| id == self.id || has_history(id))
            }
            _ => now.micros_since(leading.since) >= self.options.init_limit_us(),
        };
        if overdue {
            self.look_for_leader();
        }
    }

    /// Lets every learner's channel have what it lacks: proposals, then what became of them.
    pub(crate) fn feed_learners(&mut self) {
        let (last, committed) = (self.log.last_position(), self.log.position_of(self.committed));
        let State::Leading(leading) = &mut self.state else {
            return;
        };
        for learner in leading.learners.values_mut() {
            if !learner.stage.has_history() {
                continue;
            }
            let until = if learner.gets_proposals { last } else { committed };
            while learner.sent < until {
                learner.sent += 1;
                let Some(txn) = self.log.get(learner.sent).cloned() else {
                    continue;
                };
                learner.channel.send(match learner.gets_proposals {
                    true => Packet::Proposal(txn),
                    false => Packet::Inform(txn),
                });
            }
            learner.tell_commit(self.committed);
        }
    }
}

impl HandlerStage {
    fn has_history(self) -> bool {
        matches!(
            self,
            Self::HistorySent { .. } | Self::HistoryAcked | Self::UpToDate
        )
    }
}

impl LearnerHandler {
    fn tell_commit(&mut self, zxid: Zxid) {
        if self.stage == HandlerStage::UpToDate && self.gets_proposals && self.told_commit < zxid {
            self.told_commit = zxid;
            self.channel.send(Packet::Commit { zxid });
        }
    }
}
