//! How a leader brings a learner to its own history (ZooKeeper's `LearnerHandler`, "syncFollower"; Medeiros 2012,
//! §3.3): by what is missing, by first deleting what is too much, or by a snapshot.

use splitbrain_consensus::NodeId;

use crate::Zab;
use crate::leader::{HandlerStage, Phase};
use crate::message::{Packet, Payload, Txn, Zxid};
use crate::mutants::Mutant;

/// How to begin.
struct Plan {
    packets: Vec<Packet>,
    /// The position up to which the learner has the history with them.
    sent: u64,
}

impl Zab {
    /// Sends the history to every learner that has accepted the epoch, once it is settled.
    pub(crate) fn synchronize_learners(&mut self) {
        let Some(leading) = self.leading() else { return };
        if leading.phase == Phase::Discovery {
            return;
        }
        let waiting = leading
            .learners
            .iter()
            .filter_map(|(id, learner)| match learner.stage {
                HandlerStage::EpochAcked { last_zxid } => Some((*id, last_zxid)),
                _ => None,
            });
        for (id, last_zxid) in waiting.collect::<Vec<_>>() {
            self.synchronize(id, last_zxid);
        }
    }

    fn synchronize(&mut self, id: NodeId, last_zxid: Zxid) {
        let Plan { mut packets, sent } = self.plan(last_zxid);
        let last = self.log.last_position();
        let committed = self.log.position_of(self.committed);
        let Some(leading) = self.leading() else { return };
        let established = leading.phase == Phase::Broadcast;
        let Some(learner) = leading.learners.get(&id) else {
            return;
        };
        // An observer of an established leader gets nothing that is not committed.
        let until = if learner.gets_proposals || !established {
            last
        } else {
            committed
        };
        let by_snap = matches!(packets.first(), Some(Packet::Snap { .. }));
        let history = (sent + 1..=until).filter_map(|position| self.log.get(position));
        let mut history: Vec<_> = history.cloned().collect();
        if by_snap && self.is(Mutant::SnapLosesProposals) {
            history.clear();
        }
        if !by_snap && self.is(Mutant::DiffSkipsOne) {
            let writes = |txn: &Txn| matches!(txn.payload, Payload::Command { .. });
            history.iter().position(writes).map(|first| history.remove(first));
        }
        packets.extend(history.into_iter().map(Packet::Proposal));
        let epoch = self.current_epoch;
        packets.push(Packet::NewLeader { epoch });
        let sent = until.max(sent);
        let last = self.log.zxid_at(sent).unwrap_or_default();
        let Some(leading) = self.leading() else { return };
        let Some(learner) = leading.learners.get_mut(&id) else {
            return;
        };
        packets
            .into_iter()
            .for_each(|packet| learner.channel.send(packet));
        learner.sent = sent;
        learner.stage = HandlerStage::HistorySent { last };
    }

    /// Chooses by where the learner's log ends.
    ///
    /// A transaction of the learner that is not in this log was never committed, nor was what follows it; and all
    /// that this log holds before it, the learner holds, too: both have the history that the later of their current
    /// epochs began with.
    fn plan(&self, last_zxid: Zxid) -> Plan {
        if last_zxid < self.log.base() {
            return self.snap();
        }
        let sent = self.log.position_of(last_zxid);
        let common = self.log.zxid_at(sent).unwrap_or_default();
        let packet = match common == last_zxid {
            true => Packet::Diff {
                zxid: self.log.last(),
            },
            false => Packet::Trunc { zxid: common },
        };
        Plan {
            packets: vec![packet],
            sent,
        }
    }

    fn snap(&self) -> Plan {
        let snapshot = self
            .log
            .snapshot()
            .expect("what is gone from the log is in a snapshot");
        let packet = |piece: &[u8]| Packet::Snap {
            zxid: snapshot.zxid,
            position: snapshot.position,
            piece: piece.to_vec(),
        };
        // A state may be empty, and its snapshot still replaces the log.
        let (first, rest) = snapshot
            .data
            .split_at(self.options.snapshot_piece_bytes.min(snapshot.data.len()));
        let rest = rest.chunks(self.options.snapshot_piece_bytes);
        Plan {
            packets: std::iter::once(first).chain(rest).map(packet).collect(),
            sent: snapshot.position,
        }
    }
}
