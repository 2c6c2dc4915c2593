//! The six ways to read (§8, thesis §6.4).

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use splitbrain_consensus::{Effect, NodeId, Refusal, RequestId, Time};

use crate::leader::LeaderState;
use crate::message::{Index, Message, Payload, Term};
use crate::{Mutant, Raft};

/// How a read is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReadMode {
    /// The read takes its place in the log. Linearizable.
    Log,
    /// The leader notes its commit index and confirms with a round of heartbeats that it still leads.
    /// Linearizable.
    ReadIndex,
    /// A follower asks the leader for a read index and waits until it has applied that. Linearizable.
    FollowerReadIndex,
    /// The leader answers alone while a quorum cannot have elected another. Linearizable as long as clocks drift
    /// less than the stated bound.
    Lease,
    /// Whoever believes itself leader answers at once. Stale under a deposed leader.
    LeaderLocal,
    /// Any node answers from what it has applied. Arbitrarily stale.
    FollowerLocal,
}

impl ReadMode {
    /// All modes with their names.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Log, "log"),
        (Self::ReadIndex, "read-index"),
        (Self::FollowerReadIndex, "follower-read-index"),
        (Self::Lease, "lease"),
        (Self::LeaderLocal, "leader-local"),
        (Self::FollowerLocal, "follower-local"),
    ];
}

impl FromStr for ReadMode {
    type Err = UnknownReadMode;

    fn from_str(name: &str) -> Result<Self, UnknownReadMode> {
        let known = Self::ALL.iter().find(|(_, known)| *known == name);
        known
            .map(|(mode, _)| *mode)
            .ok_or_else(|| UnknownReadMode(name.into()))
    }
}

/// There is no read mode of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown raft read mode `{0}`")]
pub struct UnknownReadMode(pub String);

/// A read that waits at the leader.
#[derive(Debug)]
pub(crate) struct LeaderRead {
    id: RequestId,
    then: ThenDo,
    /// What must be applied before it is served; unknown until an entry of this term is committed.
    index: Option<Index>,
    /// The round of heartbeats that must be answered first: it began after the read arrived.
    round: u64,
}

/// What a confirmed read index is for.
#[derive(Debug)]
enum ThenDo {
    /// Serve the query here.
    Serve(Vec<u8>),
    /// Tell a follower, which serves it there.
    Tell(NodeId),
}

/// A read of a client of this node that its leader was asked about.
#[derive(Debug)]
struct AskedLeader {
    id: RequestId,
    /// The query, where this node is to serve it.
    query: Option<Vec<u8>>,
    asked_at: Time,
}

/// The reads that wait at any node.
#[derive(Debug, Default)]
pub(crate) struct ReaderState {
    /// Reads of local state are refused until this index is applied. It is where the log ended when this life
    /// began: as only what is durable is applied, the node cannot have been further in an earlier life, and a
    /// client never sees it go back.
    pub(crate) local_floor: Index,
    /// By the index that must be applied first: when it came, and the read.
    waiting: BTreeMap<Index, Vec<(Time, RequestId, Vec<u8>)>>,
    /// By the request's number.
    asked: BTreeMap<u64, AskedLeader>,
    next_sweep: Time,
}

impl Raft {
    pub(crate) fn start_read(&mut self, id: RequestId, mode: ReadMode, query: Vec<u8>) {
        let leads = self.role.leader_state().is_some();
        match (mode, leads) {
            (ReadMode::Log, _) => self.submit(id, Payload::Read { id, query }),
            (ReadMode::FollowerLocal, _) => {
                if self.may_show_local_state() {
                    self.effect(Effect::Read { id, query });
                } else {
                    self.refuse(id, Refusal::Unavailable);
                }
            }
            (_, true) => self.read_as_leader(id, mode, query),
            (_, false) => self.ask_leader(id, mode, query),
        }
    }

    /// Whether clients that read only here have never seen, and will never see, this node go back: all that it
    /// applied in an earlier life is applied again, and a crash now would lose nothing that is. The latter holds
    /// for entries anyway; a leader's snapshot is in use before it is on disk.
    fn may_show_local_state(&self) -> bool {
        let caught_up =
            self.last_applied >= self.reader.local_floor || self.is(Mutant::LocalReadAfterRestart);
        caught_up && self.last_applied <= self.durable.index()
    }

    fn read_as_leader(&mut self, id: RequestId, mode: ReadMode, query: Vec<u8>) {
        match mode {
            ReadMode::LeaderLocal if self.may_show_local_state() => self.effect(Effect::Read { id, query }),
            ReadMode::LeaderLocal => self.give_up(id),
            ReadMode::Lease if self.holds_lease() && self.has_committed_in_own_term() => {
                self.serve_at(self.commit_index, id, query);
            }
            _ => self.await_round(id, ThenDo::Serve(query)),
        }
    }

    fn ask_leader(&mut self, id: RequestId, mode: ReadMode, query: Vec<u8>) {
        let Some(leader) = self.leader() else {
            self.refuse(id, Refusal::Unavailable);
            return;
        };
        let (term, asked_at) = (self.term, self.now);
        if mode == ReadMode::FollowerReadIndex {
            self.reader.asked.insert(
                id.seq,
                AskedLeader {
                    id,
                    query: Some(query),
                    asked_at,
                },
            );
            self.send(leader, Message::ReadIndex { term, id });
        } else {
            self.reader.asked.insert(
                id.seq,
                AskedLeader {
                    id,
                    query: None,
                    asked_at,
                },
            );
            self.send(
                leader,
                Message::ForwardRead {
                    term,
                    id,
                    mode,
                    query,
                },
            );
        }
    }

    /// Lets a read wait for a round of heartbeats that begins now. Reads of one batch share it.
    fn await_round(&mut self, id: RequestId, then: ThenDo) {
        let knows = self.has_committed_in_own_term() || self.is(Mutant::ReadIndexWithoutOwnTerm);
        let index = knows.then_some(self.commit_index);
        let Some(leader) = self.role.leader_state_mut() else {
            return;
        };
        leader.round_wanted = true;
        let round = leader.round + 1;
        leader.reads.push_back(LeaderRead {
            id,
            then,
            index,
            round,
        });
    }

    /// Gives reads that came before this leader knew what is committed their index, and lets go of those whose
    /// round is answered.
    pub(crate) fn admit_waiting_reads(&mut self) {
        let (knows, commit_index) = (self.has_committed_in_own_term(), self.commit_index);
        let confirmed = match self.is(Mutant::ReadIndexWithoutHeartbeat) {
            true => u64::MAX,
            false => self.quorum_round(),
        };
        let mut admitted = Vec::new();
        let Some(leader) = self.role.leader_state_mut() else {
            return;
        };
        if leader.reads.is_empty() {
            return;
        }
        for read in leader.reads.iter_mut().filter(|read| read.index.is_none()) {
            read.index = knows.then_some(commit_index);
        }
        while let Some(read) = leader
            .reads
            .pop_front_if(|read| read.round <= confirmed && read.index.is_some())
        {
            admitted.push(read);
        }
        for LeaderRead { id, then, index, .. } in admitted {
            match then {
                ThenDo::Serve(query) => self.serve_at(index.unwrap_or(commit_index), id, query),
                ThenDo::Tell(node) => {
                    self.send(
                        node,
                        Message::ReadIndexReply {
                            term: self.term,
                            id,
                            index,
                        },
                    );
                }
            }
        }
    }

    /// The latest round of heartbeats that a quorum has answered.
    fn quorum_round(&self) -> u64 {
        let Some(leader) = self.role.leader_state() else {
            return 0;
        };
        let answered = |id| {
            leader
                .progress
                .get(&id)
                .map_or(u64::MAX, |progress| progress.acked_round)
        };
        self.memberships
            .current()
            .quorum()
            .highest_reached_by(self.enough_voters(), answered)
    }

    /// A follower answered a round.
    pub(crate) fn round_answered(&mut self) {
        let answered = self.quorum_round();
        if let Some(leader) = self.role.leader_state_mut() {
            while leader.rounds.get(1).is_some_and(|(round, _)| *round <= answered) {
                leader.rounds.pop_front();
            }
        }
        self.admit_waiting_reads();
    }

    /// Whether a quorum answered a round that began so recently that none of it can have voted since.
    fn holds_lease(&self) -> bool {
        let Some(leader) = self.role.leader_state() else {
            return false;
        };
        let valid = |leader: &LeaderState| {
            let (round, began) = *leader.rounds.front()?;
            let recent = self.now.micros_since(began) < self.options.lease_us();
            (recent && round <= self.quorum_round()).then_some(())
        };
        !leader.lease_revoked && valid(leader).is_some()
    }

    /// Serves a read once `index` is applied.
    fn serve_at(&mut self, index: Index, id: RequestId, query: Vec<u8>) {
        if self.last_applied >= index {
            self.effect(Effect::Read { id, query });
        } else {
            self.reader
                .waiting
                .entry(index)
                .or_default()
                .push((self.now, id, query));
        }
    }

    /// Serves the reads that waited for what is now applied.
    pub(crate) fn serve_applied_reads(&mut self) {
        while let Some(first) = self.reader.waiting.first_entry() {
            if *first.key() > self.last_applied {
                break;
            }
            for (_, id, query) in first.remove() {
                self.effect(Effect::Read { id, query });
            }
        }
    }

    /// A follower passed on a read for this node to serve.
    pub(crate) fn on_forward_read(&mut self, from: NodeId, id: RequestId, mode: ReadMode, query: Vec<u8>) {
        if self.role.leader_state().is_some() {
            self.read_as_leader(id, mode, query);
        } else {
            self.send(
                from,
                Message::ForwardReadReply {
                    term: self.term,
                    id,
                    result: None,
                },
            );
        }
    }

    /// A follower asks for a read index.
    pub(crate) fn on_read_index(&mut self, from: NodeId, id: RequestId) {
        if self.role.leader_state().is_some() {
            self.await_round(id, ThenDo::Tell(from));
        } else {
            self.send(
                from,
                Message::ReadIndexReply {
                    term: self.term,
                    id,
                    index: None,
                },
            );
        }
    }

    pub(crate) fn on_read_index_reply(&mut self, id: RequestId, index: Option<Index>) {
        let Some(asked) = self.take_asked(id) else { return };
        match (index, asked.query) {
            (Some(_), Some(query)) if self.is(Mutant::FollowerReadWithoutWait) => {
                self.effect(Effect::Read { id, query });
            }
            (Some(index), Some(query)) => self.serve_at(index, id, query),
            _ => self.refuse(id, Refusal::Unavailable),
        }
    }

    pub(crate) fn on_forward_read_reply(
        &mut self,
        from: NodeId,
        term: Term,
        id: RequestId,
        result: Option<Vec<u8>>,
    ) {
        if self.take_asked(id).is_none() {
            return;
        }
        match result {
            Some(result) => self.effect(Effect::Answer {
                id,
                result,
                served_by: from,
                term: term.0,
            }),
            None => self.refuse(id, Refusal::Unavailable),
        }
    }

    /// The read that the leader was asked about, unless it was answered, given up, or is of an earlier life.
    fn take_asked(&mut self, id: RequestId) -> Option<AskedLeader> {
        if self.is_mine(id) {
            self.reader.asked.remove(&id.seq)
        } else {
            None
        }
    }

    /// There is another leader, or none: whom this node asked may never answer, and what others asked of it is
    /// for its successor. A read has no effect, so it may be refused at any time.
    pub(crate) fn drop_reads_of_former_leader(&mut self) {
        for asked in std::mem::take(&mut self.reader.asked).into_values() {
            self.refuse(asked.id, Refusal::Unavailable);
        }
        let Some(leader) = self.role.leader_state_mut() else {
            return;
        };
        for read in std::mem::take(&mut leader.reads) {
            self.give_up(read.id);
        }
    }

    /// Gives up reads that have waited too long.
    pub(crate) fn sweep_reads(&mut self) {
        let patience = 2 * self.options.election_timeout_us;
        if self.now < self.reader.next_sweep {
            return;
        }
        self.reader.next_sweep = self.now.plus_micros(patience);
        let now = self.now;
        let late = |since: Time| now.micros_since(since) >= patience;
        let mut given_up = Vec::new();
        self.reader.asked.retain(|_, asked| {
            if late(asked.asked_at) {
                given_up.push(asked.id);
            }
            !late(asked.asked_at)
        });
        for reads in self.reader.waiting.values_mut() {
            given_up.extend(
                reads
                    .extract_if(.., |(since, ..)| late(*since))
                    .map(|(_, id, _)| id),
            );
        }
        self.reader.waiting.retain(|_, reads| !reads.is_empty());
        for id in given_up {
            self.give_up(id);
        }
    }

    /// Tells the client of a read that it gets none; the client of another node is told by that node.
    fn give_up(&mut self, id: RequestId) {
        if self.is_mine(id) {
            self.refuse(id, Refusal::Unavailable);
        } else {
            self.send(
                id.node,
                Message::ForwardReadReply {
                    term: self.term,
                    id,
                    result: None,
                },
            );
        }
    }
}
