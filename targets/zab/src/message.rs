//! What ZAB servers say to each other, and what they keep.

use std::fmt;

use serde::{Deserialize, Serialize};
use splitbrain_consensus::{NodeId, RequestId};

use crate::channel::{Connection, Frame};

/// An epoch: the reign of one leader. At most one leader is established in each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Epoch(pub u32);

impl Epoch {
    /// The epoch after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The identity of a transaction and its place in the total order: the epoch of the leader that broadcast it in the
/// high 32 bits, its number within that epoch, from 1, in the low ones. 0 comes before every transaction.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Zxid(pub u64);

impl Zxid {
    /// The zxid of the `counter`-th transaction of `epoch`.
    #[must_use]
    pub fn new(epoch: Epoch, counter: u32) -> Self {
        Self(u64::from(epoch.0) << 32 | u64::from(counter))
    }

    /// Who broadcast it.
    #[must_use]
    pub fn epoch(self) -> Epoch {
        Epoch(u32::try_from(self.0 >> 32).expect("32 bits"))
    }

    /// Its number within the epoch.
    #[must_use]
    pub fn counter(self) -> u32 {
        u32::try_from(self.0 & 0xffff_ffff).expect("32 bits")
    }
}

impl fmt::Display for Zxid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch().0, self.counter())
    }
}

impl fmt::Debug for Zxid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a transaction carries.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Payload {
    /// A command of the state machine.
    Command {
        /// The request that it stems from.
        id: RequestId,
        /// The state machine's own encoding.
        command: Vec<u8>,
    },
    /// A read that takes its place in the total order (read mode `quorum`). It changes nothing.
    Read {
        /// The request that it stems from.
        id: RequestId,
        /// The state machine's own encoding.
        query: Vec<u8>,
    },
}

impl Payload {
    /// The request that it stems from.
    #[must_use]
    pub fn id(&self) -> RequestId {
        let (Self::Command { id, .. } | Self::Read { id, .. }) = self;
        *id
    }

    /// Its size, but for what all have.
    pub(crate) fn bytes(&self) -> usize {
        let (Self::Command { command: bytes, .. } | Self::Read { query: bytes, .. }) = self;
        bytes.len()
    }
}

/// One transaction of the history.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Txn {
    /// Its identity and place.
    pub zxid: Zxid,
    /// What it does.
    pub payload: Payload,
}

/// The state of the state machine after a transaction, which stands for the history up to there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The last transaction that it contains.
    pub zxid: Zxid,
    /// How many transactions it contains.
    pub position: u64,
    /// The state machine's own encoding.
    pub data: Vec<u8>,
}

/// What is persisted. Replayed in order after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// The latest epoch whose leader this server has promised to heed, and no earlier one.
    AcceptedEpoch(Epoch),
    /// The latest epoch whose leader's history this server has taken over, or leads with its own.
    CurrentEpoch(Epoch),
    /// A proposal that was logged.
    Txn(Txn),
    /// The end of a synchronization: the history becomes the leader's, and its epoch the current one, in one step.
    Synchronized {
        /// What the log holds after this is deleted.
        keep: Zxid,
        /// What follows.
        txns: Vec<Txn>,
        /// The leader's epoch.
        epoch: Epoch,
    },
    /// A snapshot, which replaces the log up to its last transaction.
    Snapshot(Snapshot),
}

/// What a server is, as notifications tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ServerState {
    /// Looks for a leader.
    Looking,
    /// Follows one.
    Following,
    /// Was elected, established or not.
    Leading,
    /// Follows one without a vote.
    Observing,
}

/// Whom a server wants to lead, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Vote {
    /// The server to lead.
    pub leader: NodeId,
    /// The last zxid in its log.
    pub zxid: Zxid,
    /// Its current epoch.
    pub peer_epoch: Epoch,
}

/// A vote on its way (Medeiros 2012, §3.2). It may be lost: it is sent again for as long as its sender looks for a
/// leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// The sender's vote.
    pub vote: Vote,
    /// The sender's round of elections: the logical clock of votes, which is no epoch.
    pub election_epoch: u64,
    /// What the sender is.
    pub state: ServerState,
}

/// What a learner's client asks of the leader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Broadcast this.
    Broadcast(Payload),
    /// Flush what is committed to this learner (`sync`).
    Sync {
        /// The request.
        id: RequestId,
    },
}

/// What a learner and its leader say to each other, in order and without loss for as long as their connection lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Packet {
    /// Learner: I follow you. Opens the connection.
    FollowerInfo {
        /// The latest epoch that the learner has accepted.
        accepted_epoch: Epoch,
    },
    /// The same of an observer, which has no vote.
    ObserverInfo {
        /// The latest epoch that the learner has accepted.
        accepted_epoch: Epoch,
    },
    /// Leader: this is to be my epoch (`NEWEPOCH` of the paper).
    LeaderInfo {
        /// An epoch above all that a quorum has accepted.
        epoch: Epoch,
    },
    /// Learner: I have accepted the epoch, durably.
    AckEpoch {
        /// The learner's current epoch. None if it had accepted this very epoch before: the answer then does not
        /// count for a quorum, since it may have been given to another.
        current_epoch: Option<Epoch>,
        /// The last zxid in the learner's log.
        last_zxid: Zxid,
    },
    /// Leader: your log is a prefix of mine; what is missing follows.
    Diff {
        /// The last zxid in the leader's log.
        zxid: Zxid,
    },
    /// Leader: delete what comes after this; what is missing follows.
    Trunc {
        /// The last transaction of the learner's log that is the leader's, too.
        zxid: Zxid,
    },
    /// Leader: a piece of a snapshot, which replaces your log; what comes after it follows.
    Snap {
        /// The last transaction in the snapshot.
        zxid: Zxid,
        /// How many transactions it contains.
        position: u64,
        /// The next bytes of it.
        piece: Vec<u8>,
    },
    /// Leader: log this, and answer when it is durable.
    Proposal(Txn),
    /// Leader: that was my history. Take it over.
    NewLeader {
        /// The leader's epoch.
        epoch: Epoch,
    },
    /// Learner: everything up to here is durable in my log. With the counter 0 of the leader's epoch: I have taken
    /// over your history.
    Ack {
        /// The last of them.
        zxid: Zxid,
    },
    /// Leader: a quorum has my history; you may serve.
    UpToDate {
        /// Everything up to here is committed.
        zxid: Zxid,
    },
    /// Leader: everything up to here is committed.
    Commit {
        /// The last of them.
        zxid: Zxid,
    },
    /// Leader, to an observer: this is committed.
    Inform(Txn),
    /// Leader: are you there? Learner: I am.
    Ping,
    /// Learner: a client asks this.
    Request(Request),
    /// Leader: whatever was committed when I saw your `sync` is on its way before this.
    Sync {
        /// The learner's request.
        id: RequestId,
    },
}

/// A message of the network, which may lose, repeat and reorder it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// A vote.
    Notification(Notification),
    /// Packets of a connection.
    Frame(Frame),
    /// The connection that you wrote on does not exist here (any more).
    Reset {
        /// Which one.
        connection: Connection,
        /// Whether the sender was, or would be, its leader.
        by_leader: bool,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zxids_are_ordered_by_epoch_and_then_by_counter() {
        let zxid = |epoch, counter| Zxid::new(Epoch(epoch), counter);
        assert!(zxid(1, u32::MAX) < zxid(2, 0));
        assert!(zxid(2, 1) < zxid(2, 2));
        assert_eq!((zxid(3, 7).epoch(), zxid(3, 7).counter()), (Epoch(3), 7));
        assert_eq!(zxid(3, 7).to_string(), "3.7");
    }
}
