//! The learner's side: a follower, or an observer (DSN paper, §IV; Medeiros 2012, §3.1 and §3.3).

use splitbrain_consensus::{CatchUp, NodeId, Time};

use crate::Zab;
use crate::channel::{Channel, Connection};
use crate::message::{Epoch, Packet, Snapshot, Txn, Zxid};
use crate::mutants::Mutant;
use crate::state::State;

/// What only a learner keeps.
#[derive(Debug)]
pub(crate) struct Learner {
    pub(crate) leader: NodeId,
    pub(crate) channel: Channel,
    pub(crate) heard_at: Time,
    since: Time,
    pub(crate) stage: Stage,
    /// The last proposal that was acknowledged.
    acked: Zxid,
}

/// How far a learner has come with its leader.
#[derive(Debug)]
pub(crate) enum Stage {
    /// Discovery: waits to hear of the leader's epoch.
    Discovery,
    /// Discovery: waits until the promise is durable. `counts` is false if it was given before.
    AcceptingEpoch { epoch: Epoch, counts: bool },
    /// Synchronization: gathers the leader's history.
    Synchronization(Incoming),
    /// Synchronization: waits until that history, up to `last`, is durable.
    TakingOver { epoch: Epoch, last: Zxid },
    /// Synchronization: waits until a quorum has it.
    Synchronized,
    /// Broadcast.
    Broadcast,
}

/// A leader's history on its way.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    /// What to keep of the own log, where that is not all.
    keep: Option<Zxid>,
    snapshot: Option<Snapshot>,
    txns: Vec<Txn>,
}

impl Learner {
    pub(crate) fn new(zab: &Zab, leader: NodeId, connection: Connection) -> Self {
        let mut channel = Channel::new(connection, false, zab.options.repeat_after_us);
        let accepted_epoch = zab.accepted_epoch;
        channel.send(match zab.is_observer() {
            true => Packet::ObserverInfo { accepted_epoch },
            false => Packet::FollowerInfo { accepted_epoch },
        });
        Self {
            leader,
            channel,
            heard_at: zab.now,
            since: zab.now,
            stage: Stage::Discovery,
            acked: Zxid(0),
        }
    }

    /// What its leader is bringing it.
    pub(crate) fn catch_up(&self) -> CatchUp {
        match &self.stage {
            Stage::Synchronization(incoming) if incoming.snapshot.is_some() => CatchUp::Snapshot,
            Stage::Synchronization(_) | Stage::TakingOver { .. } | Stage::Synchronized => CatchUp::History,
            Stage::Discovery | Stage::AcceptingEpoch { .. } | Stage::Broadcast => CatchUp::None,
        }
    }

    pub(crate) fn serves(&self) -> bool {
        matches!(self.stage, Stage::Broadcast)
    }
}

impl Zab {
    fn learner(&mut self) -> Option<&mut Learner> {
        match &mut self.state {
            State::Learning(learner) => Some(learner),
            _ => None,
        }
    }

    /// Sends the leader a packet.
    pub(crate) fn tell_leader(&mut self, packet: Packet) {
        if let Some(learner) = self.learner() {
            learner.channel.send(packet);
        }
    }

    /// When a learner loses patience.
    pub(crate) fn learner_deadline(&self, learner: &Learner) -> Time {
        let mut silence = learner.heard_at.plus_micros(self.options.learner_limit_us());
        if learner.serves() {
            return silence;
        }
        if !learner.channel.has_received() {
            // It may not know yet that it was elected: its own wait for a better vote may have begun later.
            silence = silence.plus_micros(2 * self.options.election_wait_us);
        }
        silence.min(learner.since.plus_micros(self.options.init_limit_us()))
    }

    pub(crate) fn learner_tick(&mut self) {
        let State::Learning(learner) = &self.state else {
            return;
        };
        if self.now >= self.learner_deadline(learner) || learner.channel.is_overfull() {
            self.look_for_leader();
        }
    }

    pub(crate) fn on_packet_of_leader(&mut self, packet: Packet) {
        match packet {
            Packet::LeaderInfo { epoch } => self.on_leader_info(epoch),
            Packet::Diff { .. } => {}
            Packet::Trunc { zxid } => {
                if let Some(incoming) = self.incoming() {
                    incoming.keep = Some(zxid);
                }
            }
            Packet::Snap {
                zxid,
                position,
                piece,
            } => self.on_snap(zxid, position, &piece),
            Packet::Proposal(txn) => self.on_proposal(txn),
            Packet::NewLeader { epoch } => self.on_new_leader(epoch),
            Packet::UpToDate { zxid } => self.on_up_to_date(zxid),
            Packet::Commit { zxid } => self.commit(zxid),
            Packet::Inform(txn) => {
                let zxid = txn.zxid;
                self.append(txn);
                self.commit(zxid);
            }
            Packet::Ping => self.tell_leader(Packet::Ping),
            Packet::Sync { id } => self.on_synced(id),
            // A learner's words, which no leader says.
            Packet::FollowerInfo { .. }
            | Packet::ObserverInfo { .. }
            | Packet::AckEpoch { .. }
            | Packet::Ack { .. }
            | Packet::Request(_) => {}
        }
        self.advance_learning();
    }

    fn incoming(&mut self) -> Option<&mut Incoming> {
        match &mut self.learner()?.stage {
            Stage::Synchronization(incoming) => Some(incoming),
            _ => None,
        }
    }

    /// Medeiros 2012, algorithm 1, lines 9 to 15: promises to heed nobody of an earlier epoch.
    fn on_leader_info(&mut self, epoch: Epoch) {
        if epoch < self.accepted_epoch {
            self.look_for_leader();
            return;
        }
        let counts = epoch > self.accepted_epoch;
        if counts {
            self.accept_epoch(epoch);
        }
        if let Some(learner) = self.learner() {
            learner.stage = Stage::AcceptingEpoch { epoch, counts };
        }
    }

    fn on_snap(&mut self, zxid: Zxid, position: u64, piece: &[u8]) {
        let Some(incoming) = self.incoming() else { return };
        let snapshot = incoming.snapshot.get_or_insert_with(|| Snapshot {
            zxid,
            position,
            data: Vec::new(),
        });
        snapshot.data.extend_from_slice(piece);
    }

    /// While it synchronizes, a part of the leader's history; later, a proposal to be logged.
    fn on_proposal(&mut self, txn: Txn) {
        match self.incoming() {
            Some(incoming) => incoming.txns.push(txn),
            None => self.append(txn),
        }
    }

    /// That was the leader's history: takes it over (DSN paper, phase 2, step f.2.1).
    fn on_new_leader(&mut self, epoch: Epoch) {
        let Some(incoming) = self.incoming() else { return };
        let Incoming { keep, snapshot, txns } = std::mem::take(incoming);
        if let Some(snapshot) = snapshot {
            self.restore_snapshot(snapshot);
            self.take_over_snapshot(txns, epoch);
        } else {
            let keep = keep.filter(|_| !self.is(Mutant::TruncIgnored));
            self.take_over_history(keep.unwrap_or(self.log.last()), txns, epoch);
        }
        self.update_vote(epoch);
        let last = self.log.last();
        if let Some(learner) = self.learner() {
            learner.stage = Stage::TakingOver { epoch, last };
        }
    }

    fn on_up_to_date(&mut self, zxid: Zxid) {
        let Some(learner) = self.learner() else { return };
        learner.stage = Stage::Broadcast;
        self.commit(zxid);
    }

    /// Says what waited for the disk.
    pub(crate) fn advance_learning(&mut self) {
        let (durable, last_zxid) = (self.durable.marks(), self.log.last());
        let (voter, current_epoch) = (self.has_say(), self.current_epoch);
        let Some(learner) = self.learner() else { return };
        match learner.stage {
            Stage::AcceptingEpoch { epoch, counts } if durable.accepted_epoch >= epoch => {
                learner.stage = Stage::Synchronization(Incoming::default());
                learner.channel.send(Packet::AckEpoch {
                    current_epoch: counts.then_some(current_epoch),
                    last_zxid,
                });
            }
            Stage::TakingOver { epoch, last } if durable.current_epoch >= epoch && durable.last >= last => {
                learner.stage = Stage::Synchronized;
                learner.acked = last;
                let zxid = Zxid::new(epoch, 0);
                learner.channel.send(Packet::Ack { zxid });
            }
            _ => {}
        }
        if matches!(learner.stage, Stage::Synchronized | Stage::Broadcast)
            && voter
            && durable.last > learner.acked
        {
            // One sync of the disk serves many proposals, and so does one answer.
            learner.acked = durable.last;
            learner.channel.send(Packet::Ack { zxid: durable.last });
        }
    }

    /// Whether this server's log counts.
    fn has_say(&self) -> bool {
        !self.is_observer() || self.is(Mutant::ObserversCounted)
    }
}
