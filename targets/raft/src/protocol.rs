//! Raft behind the contract: inputs are dispatched here, and outputs gathered.

use splitbrain_consensus::{CatchUp, NodeId, Protocol, Ready, RequestId, Setup, Status, Time, Version};

use crate::Raft;
use crate::message::{Index, Message, Payload, Record};
use crate::options::Options;
use crate::reads::ReadMode;
use crate::role::RoleState;
use crate::snapshot::SnapshotPiece;

impl Protocol for Raft {
    type Message = Message;
    type Record = Record;
    type ReadMode = ReadMode;
    type Options = Options;

    fn start(setup: Setup<Options>, records: Vec<Record>, now: Time) -> Self {
        Self::restore(setup, records, now)
    }

    fn tick(&mut self, now: Time) {
        self.now = self.now.max(now);
        match self.role {
            RoleState::Leader(_) => self.leader_tick(),
            _ if self.now >= self.election_deadline => self.election_timeout_passed(),
            _ => {}
        }
        self.sweep_reads();
    }

    fn deadline(&self) -> Time {
        match &self.role {
            RoleState::Leader(leader) => leader.next_heartbeat,
            _ => self.election_deadline,
        }
    }

    fn receive(&mut self, from: NodeId, message: Message) {
        if self.adopt_term(&message) {
            self.dispatch(from, message);
        }
    }

    fn propose(&mut self, id: RequestId, command: Vec<u8>) {
        self.submit(id, Payload::Command { id, command });
    }

    fn read(&mut self, id: RequestId, mode: ReadMode, query: Vec<u8>) {
        self.start_read(id, mode, query);
    }

    fn read_result(&mut self, id: RequestId, result: Vec<u8>) {
        let reply = Message::ForwardReadReply {
            term: self.term,
            id,
            result: Some(result),
        };
        self.send(id.node, reply);
    }

    fn persisted(&mut self, position: u64) {
        self.durable.persisted(position);
        self.lead_if_elected();
        if self.role.leader_state().is_some() {
            self.commit_what_a_quorum_has();
        } else {
            self.apply_committed();
        }
    }

    fn snapshot_taken(&mut self, version: Version, snapshot: Vec<u8>) {
        self.store_snapshot(Index(version.0), snapshot);
    }

    fn change_members(&mut self, members: Vec<NodeId>) -> bool {
        self.start_membership_change(members)
    }

    fn transfer_leadership(&mut self, to: NodeId) -> bool {
        self.start_transfer(to)
    }

    fn ready(&mut self) -> Ready<Message, Record> {
        self.feed_followers();
        self.take_ready()
    }

    fn status(&self) -> Status {
        Status {
            role: self.shared_role(),
            term: self.term.0,
            leader: self.leader(),
            committed: Version(self.commit_index.0),
            applied: Version(self.last_applied.0),
            last: Version(self.log.last_index().0),
            catch_up: match self.incoming_snapshot {
                Some(_) => CatchUp::Snapshot,
                None => CatchUp::None,
            },
        }
    }

    fn read_mode(name: &str) -> Option<ReadMode> {
        name.parse().ok()
    }
}

impl Raft {
    /// Follows a later term (§5.1). Returns whether the message is to be handled.
    fn adopt_term(&mut self, message: &Message) -> bool {
        let term = message.term();
        if term <= self.term {
            return true;
        }
        match message {
            // A question, and its answer: no term begins by them.
            Message::PreVote { .. } | Message::PreVoteReply { granted: true, .. } => {}
            // Says in which term a read was served, and nothing of this node's.
            Message::ForwardReadReply { .. } => {}
            // Thesis §4.2.3: not even its term counts.
            Message::RequestVote { transfer: false, .. } if self.hears_a_leader() => return false,
            _ => self.become_follower(term, None),
        }
        true
    }

    fn dispatch(&mut self, from: NodeId, message: Message) {
        let current = message.term() == self.term;
        match message {
            Message::PreVote { term, last } => self.on_pre_vote(from, term, last),
            Message::PreVoteReply { term, granted } => self.on_pre_vote_reply(from, term, granted),
            // The same where the term itself came by another message: a fresh lease may rest on this node's deafness.
            Message::RequestVote { transfer: false, .. } if current && self.hears_a_leader() => {}
            Message::RequestVote { last, .. } if current => self.on_request_vote(from, last),
            Message::RequestVote { .. } => {
                let reply = Message::RequestVoteReply {
                    term: self.term,
                    granted: false,
                };
                self.send_after(from, reply);
            }
            Message::AppendEntries {
                prev,
                entries,
                commit_index,
                round,
                ..
            } if current => {
                self.on_append_entries(from, prev, entries, commit_index, round);
            }
            Message::InstallSnapshot {
                last,
                membership,
                offset,
                piece,
                done,
                round,
                ..
            } if current => {
                let piece = SnapshotPiece {
                    last,
                    membership,
                    offset,
                    bytes: piece,
                    done,
                };
                self.on_install_snapshot(from, piece, round);
            }
            Message::AppendEntries { .. } | Message::InstallSnapshot { .. } => {
                self.reject_deposed_leader(from);
            }
            Message::ForwardReadReply { term, id, result } => {
                self.on_forward_read_reply(from, term, id, result);
            }
            message if current => self.dispatch_current(from, message),
            _ => {} // An answer or a request of an earlier term.
        }
    }

    /// Messages that mean something only in the term that they were sent in.
    fn dispatch_current(&mut self, from: NodeId, message: Message) {
        match message {
            Message::RequestVoteReply { granted, .. } => self.on_request_vote_reply(from, granted),
            Message::AppendEntriesReply { round, outcome, .. } => {
                self.on_append_entries_reply(from, round, outcome);
            }
            Message::InstallSnapshotReply {
                last,
                received,
                round,
                ..
            } => {
                self.on_install_snapshot_reply(from, round, last, received);
            }
            Message::Forward { payload, .. } => self.on_forward(payload),
            Message::ForwardRead { id, mode, query, .. } => self.on_forward_read(from, id, mode, query),
            Message::ReadIndex { id, .. } => self.on_read_index(from, id),
            Message::ReadIndexReply { id, index, .. } => self.on_read_index_reply(id, index),
            Message::TimeoutNow { .. } => self.on_timeout_now(),
            other => unreachable!("{other:?} is handled whatever its term"),
        }
    }
}
