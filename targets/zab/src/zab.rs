//! The state of a ZAB server, and the pieces that every role uses.

use splitbrain_consensus::quorum::{Quorum, majority};
use splitbrain_consensus::{Effect, Incarnation, NodeId, Ready, Refusal, RequestId, Setup, Time, Version};

use crate::channel::{Frame, Number};
use crate::durable::{Durable, Marks};
use crate::election::Looking;
use crate::log::Log;
use crate::message::{Epoch, Message, Payload, Record, Txn, Vote, Zxid};
use crate::mutants::Mutant;
use crate::options::Options;
use crate::requests::Requests;
use crate::state::State;

/// A ZAB server without its input and output.
#[derive(Debug)]
pub struct Zab {
    pub(crate) id: NodeId,
    pub(crate) incarnation: Incarnation,
    pub(crate) options: Options,
    pub(crate) now: Time,
    /// The voters. A server that is not among them is an observer.
    pub(crate) members: Vec<NodeId>,

    pub(crate) accepted_epoch: Epoch,
    pub(crate) current_epoch: Epoch,
    /// The latest epoch that any server was heard to have accepted.
    pub(crate) heard_epoch: Epoch,
    pub(crate) log: Log,
    /// Everything up to here is known to be committed.
    pub(crate) committed: Zxid,
    pub(crate) applied: Zxid,
    pub(crate) applied_position: u64,

    /// The logical clock of votes.
    pub(crate) election_epoch: u64,
    /// Whom this server votes for, or voted for last.
    pub(crate) vote: Vote,
    pub(crate) state: State,
    /// How many connections this life has opened or accepted.
    connections: u64,
    pub(crate) durable: Durable,
    pub(crate) requests: Requests,
    /// The position of the snapshot that the host was asked for, and has not yet delivered.
    pub(crate) snapshot_requested: Option<u64>,
    out: Ready<Message, Record>,
}

impl Zab {
    pub(crate) fn restore(setup: Setup<Options>, records: Vec<Record>, now: Time) -> Self {
        let vote = Vote {
            leader: setup.id,
            zxid: Zxid(0),
            peer_epoch: Epoch(0),
        };
        let mut zab = Self {
            id: setup.id,
            incarnation: setup.incarnation,
            now,
            members: setup.members,
            accepted_epoch: Epoch(0),
            current_epoch: Epoch(0),
            heard_epoch: Epoch(0),
            log: Log::default(),
            committed: Zxid(0),
            applied: Zxid(0),
            applied_position: 0,
            election_epoch: 0,
            vote,
            state: State::Looking(Looking::new(now)),
            connections: 0,
            durable: Durable::default(),
            requests: Requests::default(),
            snapshot_requested: None,
            out: Ready::empty(0),
            options: setup.options,
        };
        for record in records {
            zab.replay(record);
        }
        zab.durable.set(zab.marks());
        zab.look_for_leader();
        zab
    }

    fn replay(&mut self, record: Record) {
        match record {
            Record::AcceptedEpoch(epoch) => self.accepted_epoch = epoch,
            Record::CurrentEpoch(epoch) => self.current_epoch = epoch,
            Record::Txn(txn) => self.log.append(txn),
            Record::Synchronized { keep, txns, epoch } => {
                self.log.truncate(keep);
                txns.into_iter().for_each(|txn| self.log.append(txn));
                self.current_epoch = epoch;
            }
            Record::Snapshot(snapshot) => self.restore_snapshot(snapshot),
        }
    }

    pub(crate) fn is(&self, mutant: Mutant) -> bool {
        self.options.mutant == Some(mutant)
    }

    pub(crate) fn is_observer(&self) -> bool {
        !self.members.contains(&self.id)
    }

    /// What this server holds in memory.
    pub(crate) fn marks(&self) -> Marks {
        Marks {
            last: self.log.last(),
            accepted_epoch: self.accepted_epoch,
            current_epoch: self.current_epoch,
        }
    }

    /// Whether the servers that `agrees` holds for are a quorum of the voters.
    pub(crate) fn is_quorum(&self, agrees: impl Fn(NodeId) -> bool) -> bool {
        self.quorum(&self.members).is_reached(agrees)
    }

    pub(crate) fn quorum<'a>(&self, members: &'a [NodeId]) -> Quorum<'a> {
        Quorum {
            incoming: members,
            outgoing: &[],
        }
    }

    /// How many servers must have logged a proposal.
    pub(crate) fn majority(&self) -> usize {
        majority(self.members.len())
    }

    /// A number for a connection that this server never used.
    pub(crate) fn next_number(&mut self) -> Number {
        self.connections += 1;
        Number {
            incarnation: self.incarnation,
            count: self.connections,
        }
    }

    pub(crate) fn send(&mut self, to: NodeId, message: Message) {
        self.out.messages.push((to, message));
    }

    pub(crate) fn send_frames(&mut self, to: NodeId, frames: Vec<Frame>) {
        for frame in frames {
            self.send(to, Message::Frame(frame));
        }
    }

    pub(crate) fn effect(&mut self, effect: Effect) {
        self.out.effects.push(effect);
    }

    /// Tells the client of this server that it gets no result.
    pub(crate) fn refuse(&mut self, id: RequestId, refusal: Refusal) {
        debug_assert!(self.is_mine(id));
        self.effect(Effect::Refuse { id, refusal });
    }

    /// Whether the request is of a client of this server, in this life.
    pub(crate) fn is_mine(&self, id: RequestId) -> bool {
        id.node == self.id && id.incarnation == self.incarnation
    }

    fn record(&mut self, record: Record) {
        self.out.records.push(record);
        self.out.sync = true;
        if self.is(Mutant::AckBeforeSync) {
            self.durable.set(self.marks());
        }
    }

    /// Promises to heed no leader of an earlier epoch.
    pub(crate) fn accept_epoch(&mut self, epoch: Epoch) {
        assert!(
            epoch > self.accepted_epoch || self.options.mutant.is_some(),
            "a promise is never taken back"
        );
        self.accepted_epoch = epoch;
        self.record(Record::AcceptedEpoch(self.accepted_epoch_to_persist()));
    }

    /// Begins to lead an epoch, with the log as it is.
    pub(crate) fn lead_epoch(&mut self, epoch: Epoch) {
        self.current_epoch = epoch;
        self.record(Record::CurrentEpoch(self.current_epoch_to_persist()));
    }

    fn accepted_epoch_to_persist(&self) -> Epoch {
        match self.is(Mutant::AcceptedEpochNotPersisted) {
            true => Epoch(0),
            false => self.accepted_epoch,
        }
    }

    fn current_epoch_to_persist(&self) -> Epoch {
        match self.is(Mutant::CurrentEpochNotPersisted) {
            true => Epoch(0),
            false => self.current_epoch,
        }
    }

    /// Logs a proposal.
    pub(crate) fn append(&mut self, txn: Txn) {
        self.log.append(txn.clone());
        self.record(Record::Txn(txn));
    }

    /// Takes over the history of the leader of `epoch`: what follows `keep` is replaced by `txns`, and the epoch
    /// becomes the current one, in one step (DSN paper, phase 2, "atomically").
    pub(crate) fn take_over_history(&mut self, keep: Zxid, txns: Vec<Txn>, epoch: Epoch) {
        // What is committed is in the history of every later leader (DSN paper, property "agreement"): were it deleted, a
        // planted bug would be to blame.
        assert!(
            keep >= self.committed || self.options.mutant.is_some(),
            "a committed transaction was deleted"
        );
        self.log.truncate(keep);
        self.forget_deleted();
        for txn in &txns {
            self.log.append(txn.clone());
        }
        self.current_epoch = epoch;
        self.durable.log_replaced();
        let epoch = self.current_epoch_to_persist();
        self.record(Record::Synchronized { keep, txns, epoch });
    }

    /// The same where the leader sent a snapshot, which is in the log already.
    pub(crate) fn take_over_snapshot(&mut self, txns: Vec<Txn>, epoch: Epoch) {
        for txn in txns {
            self.log.append(txn);
        }
        self.current_epoch = epoch;
        self.durable.log_replaced();
        self.rewrite_records();
    }

    /// Only a planted bug deletes what was applied; it has to go on nevertheless.
    fn forget_deleted(&mut self) {
        let (last, position) = (self.log.last(), self.log.last_position());
        self.committed = self.committed.min(last);
        if self.applied_position > position {
            (self.applied, self.applied_position) = (last, position);
        }
    }

    /// Makes the snapshot and what follows it the whole of what is persisted.
    pub(crate) fn rewrite_records(&mut self) {
        let snapshot = self.log.snapshot().cloned().map(Record::Snapshot);
        let txns = self.log.after(self.log.snapshot_position());
        let txns: Vec<_> = txns.cloned().map(Record::Txn).collect();
        self.out.records.clear();
        self.out.records.extend(snapshot);
        self.out.records.extend(txns);
        self.out
            .records
            .push(Record::AcceptedEpoch(self.accepted_epoch_to_persist()));
        self.out.replace_log = true;
        self.record(Record::CurrentEpoch(self.current_epoch_to_persist()));
    }

    /// Applies what is committed, and serves the reads that waited for it. Only what is durable here is applied, so
    /// that snapshots hold nothing that a crash could take from the log.
    pub(crate) fn apply_committed(&mut self) {
        let durable = self.durable.marks().last;
        let limit = match self.is(Mutant::AnswerBeforeCommit) && matches!(self.state, State::Leading(_)) {
            true => durable,
            false => self.committed.min(durable),
        };
        loop {
            let position = self.applied_position + 1;
            let next = |position| self.log.get(position).filter(|txn| txn.zxid <= limit).cloned();
            let Some(txn) = next(position) else { break };
            let swapped = self
                .is(Mutant::CommitsOutOfOrder)
                .then(|| next(position + 1))
                .flatten();
            for txn in swapped.into_iter().chain([txn]) {
                self.applied = self.applied.max(txn.zxid);
                self.applied_position += 1;
                self.apply(txn);
            }
            self.serve_waiting_reads();
        }
        self.request_snapshot_if_due();
    }

    fn apply(&mut self, txn: Txn) {
        let version = Version(txn.zxid.0);
        let id = txn.payload.id();
        let mine = self.is_mine(id);
        if mine {
            self.requests.close(id);
        }
        match txn.payload {
            Payload::Command { command, .. } => self.effect(Effect::Apply {
                version,
                origin: mine.then_some(id),
                command,
            }),
            Payload::Read { query, .. } if mine => self.effect(Effect::Read { id, query }),
            Payload::Read { .. } => {}
        }
    }

    /// Everything up to `zxid` is committed.
    pub(crate) fn commit(&mut self, zxid: Zxid) {
        self.committed = self.committed.max(zxid);
        self.apply_committed();
    }

    /// Hands out what is to be done.
    pub(crate) fn take_ready(&mut self) -> Ready<Message, Record> {
        if !self.out.records.is_empty() {
            self.out.position += 1;
            self.durable.handed_out(self.out.position, self.marks());
        }
        let position = self.out.position;
        std::mem::replace(&mut self.out, Ready::empty(position))
    }
}
