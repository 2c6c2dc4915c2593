//! What Raft nodes say to each other, and what they keep.

use serde::{Deserialize, Serialize};
use splitbrain_consensus::{NodeId, RequestId};

use crate::membership::Membership;
use crate::reads::ReadMode;

/// A term: the logical clock of leaderships (§5.1). At most one leader is elected in each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Term(pub u64);

/// A position in the log, from 1; 0 is before the first entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Index(pub u64);

impl Index {
    /// The position after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The position before this one; 0 stays 0.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

/// The position and term of an entry; what two logs are compared by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogPosition {
    /// The term comes first: a log whose last entry has the later term is the more up-to-date (§5.4.1).
    pub term: Term,
    /// With equal terms the longer log is.
    pub index: Index,
}

/// What an entry carries.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Payload {
    /// Nothing: a new leader appends one so that it can commit what its predecessors left (§8).
    Noop,
    /// A command of the state machine.
    Command {
        /// The request that it stems from.
        id: RequestId,
        /// The state machine's own encoding.
        command: Vec<u8>,
    },
    /// A read that takes its place in the log (read mode `log`).
    Read {
        /// The request that it stems from.
        id: RequestId,
        /// The state machine's own encoding.
        query: Vec<u8>,
    },
    /// A change of who belongs to the cluster (§6), in force from the moment it is in the log.
    Membership(Membership),
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// Where it stands.
    pub index: Index,
    /// The term of the leader that created it.
    pub term: Term,
    /// What it carries.
    pub payload: Payload,
}

impl Entry {
    /// Its position and term.
    #[must_use]
    pub fn position(&self) -> LogPosition {
        LogPosition {
            term: self.term,
            index: self.index,
        }
    }
}

/// The state of the state machine after the entry at `last`, which stands for the log up to there (§7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The last entry that it contains.
    pub last: LogPosition,
    /// The membership as of `last`.
    pub membership: Membership,
    /// The state machine's own encoding.
    pub data: Vec<u8>,
}

/// What is persisted. Replayed in order after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// The latest term seen, and the vote given in it (§5.2).
    Vote {
        /// `currentTerm` of the paper.
        term: Term,
        /// `votedFor` of the paper.
        voted_for: Option<NodeId>,
    },
    /// An entry. It replaces whatever was logged at its index and after.
    Entry(Entry),
    /// A snapshot, which replaces the log up to its last entry.
    Snapshot(Snapshot),
}

/// Whether an `AppendEntries` fitted the follower's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AppendOutcome {
    /// The follower's log equals the leader's up to here, durably.
    Matched {
        /// The last index that is known to be equal and durable.
        match_index: Index,
    },
    /// The follower has no entry of `prev`'s term at `prev`'s index.
    Conflict {
        /// `prev.index` of the request, by which a late answer is recognised.
        prev_index: Index,
        /// The term that the follower has there; none if its log is shorter.
        term: Option<Term>,
        /// The first index that the follower has of that term, or the index after its last (end of §5.3).
        first_index: Index,
    },
}

/// A message. Every one carries its sender's term; a later one makes the receiver a follower (§5.1), but for a
/// `PreVote` and its granted answer, a `ForwardReadReply`, and a `RequestVote` that the receiver is deaf to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// Would you vote for me in this term? (Thesis §9.6.) Changes nothing at the receiver.
    PreVote {
        /// The term that the sender would campaign in: its current one plus one.
        term: Term,
        /// The end of the sender's log.
        last: LogPosition,
    },
    /// The answer to `PreVote`.
    PreVoteReply {
        /// The term asked about if granted, else the current term of the receiver.
        term: Term,
        /// Whether it would.
        granted: bool,
    },
    /// Vote for me (§5.2).
    RequestVote {
        /// The sender's term.
        term: Term,
        /// The end of the sender's log.
        last: LogPosition,
        /// The old leader itself asked for this campaign, so that hearing from it is no reason to refuse
        /// (thesis §3.10, §4.2.3).
        transfer: bool,
    },
    /// The answer to `RequestVote`.
    RequestVoteReply {
        /// The voter's term.
        term: Term,
        /// Whether it gave its vote.
        granted: bool,
    },
    /// Replicates entries; without any it is a heartbeat (§5.3).
    AppendEntries {
        /// The leader's term.
        term: Term,
        /// The entry before the first of `entries`.
        prev: LogPosition,
        /// Consecutive entries.
        entries: Vec<Entry>,
        /// The leader's commit index.
        commit_index: Index,
        /// The leader's latest round of heartbeats. Its echo tells when the follower still followed.
        round: u64,
    },
    /// The answer to `AppendEntries` and to a complete `InstallSnapshot`.
    AppendEntriesReply {
        /// The follower's term.
        term: Term,
        /// The round that it answers.
        round: u64,
        /// What became of it.
        outcome: AppendOutcome,
    },
    /// A piece of a snapshot, for a follower whose next entry the leader has discarded (§7).
    InstallSnapshot {
        /// The leader's term.
        term: Term,
        /// The last entry that the snapshot contains.
        last: LogPosition,
        /// The membership as of `last`.
        membership: Membership,
        /// Where in the encoded state the piece belongs, in bytes.
        offset: u64,
        /// The piece.
        piece: Vec<u8>,
        /// Whether it is the last one.
        done: bool,
        /// As in `AppendEntries`.
        round: u64,
    },
    /// The answer to an `InstallSnapshot` that left the snapshot incomplete.
    InstallSnapshotReply {
        /// The follower's term.
        term: Term,
        /// The last entry of the snapshot concerned.
        last: LogPosition,
        /// How many bytes the follower has: where to go on.
        received: u64,
        /// As in `AppendEntriesReply`.
        round: u64,
    },
    /// A client's request that a follower passes on. Valid only in this term, in which its receiver leads and
    /// takes each id once: so a copy made by the network changes nothing.
    Forward {
        /// The term in which the sender believes the receiver to lead.
        term: Term,
        /// The request: a `Command` or a `Read`.
        payload: Payload,
    },
    /// A read that a follower passes on to be served by the leader's own state machine.
    ForwardRead {
        /// The sender's term.
        term: Term,
        /// The request.
        id: RequestId,
        /// How it is to be served.
        mode: ReadMode,
        /// The state machine's own encoding.
        query: Vec<u8>,
    },
    /// The answer to `ForwardRead`.
    ForwardReadReply {
        /// The term of the node that served it. It tells nothing new, and deposes nobody.
        term: Term,
        /// The request.
        id: RequestId,
        /// The state machine's answer; none if the receiver does not lead.
        result: Option<Vec<u8>>,
    },
    /// Which index must I have applied to read at this moment? (Thesis §6.4.)
    ReadIndex {
        /// The sender's term.
        term: Term,
        /// The request.
        id: RequestId,
    },
    /// The answer to `ReadIndex`.
    ReadIndexReply {
        /// The leader's term.
        term: Term,
        /// The request.
        id: RequestId,
        /// The index; none if the receiver does not lead.
        index: Option<Index>,
    },
    /// Campaign now: your log is complete, and I want you to lead (thesis §3.10).
    TimeoutNow {
        /// The leader's term.
        term: Term,
    },
}

impl Message {
    /// The term that the message speaks for.
    #[must_use]
    pub fn term(&self) -> Term {
        match self {
            Self::PreVote { term, .. }
            | Self::PreVoteReply { term, .. }
            | Self::RequestVote { term, .. }
            | Self::RequestVoteReply { term, .. }
            | Self::AppendEntries { term, .. }
            | Self::AppendEntriesReply { term, .. }
            | Self::InstallSnapshot { term, .. }
            | Self::InstallSnapshotReply { term, .. }
            | Self::Forward { term, .. }
            | Self::ForwardRead { term, .. }
            | Self::ForwardReadReply { term, .. }
            | Self::ReadIndex { term, .. }
            | Self::ReadIndexReply { term, .. }
            | Self::TimeoutNow { term } => *term,
        }
    }
}
