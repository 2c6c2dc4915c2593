//! The state of a Raft node, and the pieces that every role uses.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use splitbrain_consensus::{Effect, Incarnation, NodeId, Ready, Refusal, RequestId, Setup, Time, Version};

use crate::Mutant;
use crate::durable::Durable;
use crate::log::Log;
use crate::membership::{Membership, MembershipHistory};
use crate::message::{Entry, Index, Message, Payload, Record, Term};
use crate::options::Options;
use crate::reads::ReaderState;
use crate::role::RoleState;
use crate::snapshot::IncomingSnapshot;

/// A Raft node without its input and output.
#[derive(Debug)]
pub struct Raft {
    pub(crate) id: NodeId,
    pub(crate) incarnation: Incarnation,
    pub(crate) options: Options,
    rng: ChaCha8Rng,
    pub(crate) now: Time,

    pub(crate) term: Term,
    pub(crate) voted_for: Option<NodeId>,
    pub(crate) log: Log,
    pub(crate) memberships: MembershipHistory,

    pub(crate) commit_index: Index,
    pub(crate) last_applied: Index,
    pub(crate) role: RoleState,
    /// When a node that is no leader loses patience.
    pub(crate) election_deadline: Time,
    /// When a current leader was last heard from. A node that starts acts as if it just had been: in an earlier
    /// life it may have supported a lease that still runs.
    pub(crate) heard_from_leader_at: Option<Time>,
    /// The last round of heartbeats that this follower answered in this term.
    pub(crate) answered_round: u64,

    pub(crate) durable: Durable,
    pub(crate) incoming_snapshot: Option<IncomingSnapshot>,
    /// Whether the host was asked for a snapshot that it has not yet delivered.
    pub(crate) snapshot_requested: bool,
    pub(crate) reader: ReaderState,
    out: Ready<Message, Record>,
}

impl Raft {
    pub(crate) fn restore(setup: Setup<Options>, records: Vec<Record>, now: Time) -> Self {
        let mut raft = Self {
            id: setup.id,
            incarnation: setup.incarnation,
            rng: ChaCha8Rng::seed_from_u64(setup.seed),
            now,
            term: Term(0),
            voted_for: None,
            log: Log::default(),
            memberships: MembershipHistory::new(Index(0), Membership::of(setup.members)),
            commit_index: Index(0),
            last_applied: Index(0),
            role: RoleState::Follower { leader: None },
            election_deadline: now,
            heard_from_leader_at: (setup.options.mutant != Some(Mutant::VoteNotPersisted)).then_some(now),
            answered_round: 0,
            durable: Durable::default(),
            incoming_snapshot: None,
            snapshot_requested: false,
            reader: ReaderState::default(),
            out: Ready::empty(0),
            options: setup.options,
        };
        for record in records {
            raft.replay(record);
        }
        raft.durable.restored(raft.log.last_index());
        raft.reader.local_floor = raft.log.last_index();
        raft.reset_election_timer();
        raft
    }

    fn replay(&mut self, record: Record) {
        match record {
            Record::Vote { term, voted_for } => (self.term, self.voted_for) = (term, voted_for),
            Record::Entry(entry) => {
                if entry.index <= self.log.last_index() {
                    self.log.truncate(entry.index);
                    self.memberships.truncate(entry.index);
                }
                self.memberships.note(&entry);
                self.log.append(entry);
            }
            Record::Snapshot(snapshot) => self.restore_snapshot(snapshot),
        }
    }

    pub(crate) fn is(&self, mutant: Mutant) -> bool {
        self.options.mutant == Some(mutant)
    }

    /// Whether the voters that `agrees` holds for decide.
    pub(crate) fn is_quorum(&self, agrees: impl Fn(NodeId) -> bool) -> bool {
        self.memberships
            .current()
            .quorum()
            .is_reached_by(self.enough_voters(), agrees)
    }

    /// How many of so many voters are enough.
    pub(crate) fn enough_voters(&self) -> fn(usize) -> usize {
        if self.is(Mutant::MajorityAsHalf) {
            |voters| (voters / 2).max(1)
        } else {
            splitbrain_consensus::quorum::majority
        }
    }

    /// Starts the wait for a leader anew, with a random length (§5.2).
    pub(crate) fn reset_election_timer(&mut self) {
        let least = self.options.election_timeout_us;
        self.election_deadline = self.now.plus_micros(least + self.rng.next_u64() % least);
    }

    /// The message may leave at once.
    pub(crate) fn send(&mut self, to: NodeId, message: Message) {
        self.out.messages.push((to, message));
    }

    /// The message may leave once all that is recorded so far is persisted.
    pub(crate) fn send_after(&mut self, to: NodeId, message: Message) {
        self.out.messages_after.push((to, message));
    }

    pub(crate) fn effect(&mut self, effect: Effect) {
        self.out.effects.push(effect);
    }

    /// Tells the client of this node that it gets no result.
    pub(crate) fn refuse(&mut self, id: RequestId, refusal: Refusal) {
        debug_assert!(self.is_mine(id));
        self.effect(Effect::Refuse { id, refusal });
    }

    /// Whether the request is of a client of this node, in this life.
    pub(crate) fn is_mine(&self, id: RequestId) -> bool {
        id.node == self.id && id.incarnation == self.incarnation
    }

    /// Persists term and vote.
    pub(crate) fn record_vote(&mut self) {
        let (term, voted_for) = match self.options.mutant {
            Some(Mutant::VoteNotPersisted) => (self.term, None),
            Some(Mutant::TermNotPersisted) => (Term(0), None),
            _ => (self.term, self.voted_for),
        };
        self.out.records.push(Record::Vote { term, voted_for });
        self.out.sync = true;
        self.durable.vote_recorded();
    }

    /// Appends an entry to the log and to what is to be persisted.
    pub(crate) fn append(&mut self, entry: Entry) {
        self.memberships.note(&entry);
        self.out.records.push(Record::Entry(entry.clone()));
        self.out.sync = true;
        self.log.append(entry);
        if self.is(Mutant::AckBeforeSync) {
            self.durable.pretend(self.log.last_index());
        }
    }

    /// Makes the snapshot and what follows it the whole of what is persisted.
    pub(crate) fn rewrite_records(&mut self) {
        let snapshot = self.log.snapshot().cloned().map(Record::Snapshot);
        let entries: Vec<_> = self.log.after_snapshot().cloned().map(Record::Entry).collect();
        self.out.records.clear();
        self.record_vote();
        self.out.records.extend(snapshot);
        self.out.records.extend(entries);
        self.out.replace_log = true;
    }

    /// Deletes the entries from `from` on, which conflict with the leader's.
    pub(crate) fn truncate(&mut self, from: Index) {
        // Figure 3, State Machine Safety: were a committed entry deleted, a planted bug would be to blame.
        assert!(
            from > self.commit_index || self.options.mutant.is_some(),
            "a committed entry was deleted"
        );
        self.log.truncate(from);
        self.memberships.truncate(from);
        self.durable.truncated(from);
        // Deleted entries were never applied, in this life or an earlier one.
        self.reader.local_floor = self.reader.local_floor.min(from.previous());
    }

    /// Applies what is committed, and serves the reads that waited for it. Only what is durable here is applied,
    /// so that a restarted node knows how far it may have been (see [`ReaderState::local_floor`]).
    pub(crate) fn apply_committed(&mut self) {
        let leads = self.role.leader_state().is_some();
        let committed = match self.options.mutant {
            Some(Mutant::AnswerBeforeCommit) if leads => self.log.last_index(),
            Some(Mutant::ApplyBeforeCommit) if !leads => self.log.last_index(),
            _ => self.commit_index,
        };
        let limit = committed.min(self.durable.index());
        while self.last_applied < limit {
            let index = self.last_applied.next();
            // Only a planted bug leaves a gap between what was applied and what is held.
            let Some(entry) = self.log.get(index) else { break };
            let (payload, version) = (entry.payload.clone(), Version(index.0));
            self.last_applied = index;
            match payload {
                Payload::Noop | Payload::Membership(_) => {}
                Payload::Command { id, command } => {
                    let origin = self.is_mine(id).then_some(id);
                    self.effect(Effect::Apply {
                        version,
                        origin,
                        command,
                    });
                }
                Payload::Read { id, query } if self.is_mine(id) => self.effect(Effect::Read { id, query }),
                Payload::Read { .. } => {}
            }
            self.serve_applied_reads();
        }
        self.request_snapshot_if_due();
    }

    /// The planted bug of snapshots: asks for it before the last commands are applied.
    pub(crate) fn move_last_effect_before_applied(&mut self, commands: usize) {
        let Some(last) = self.out.effects.pop() else {
            return;
        };
        let applies = self.out.effects.iter().enumerate().rev();
        let mut applies = applies.filter(|(_, effect)| matches!(effect, Effect::Apply { .. }));
        let at = applies
            .by_ref()
            .take(commands)
            .last()
            .map_or(self.out.effects.len(), |(at, _)| at);
        self.out.effects.insert(at, last);
    }

    /// Hands out what is to be done.
    pub(crate) fn take_ready(&mut self) -> Ready<Message, Record> {
        if !self.out.records.is_empty() {
            self.out.position += 1;
            self.durable.handed_out(self.out.position, self.log.last_index());
        }
        let position = self.out.position;
        std::mem::replace(&mut self.out, Ready::empty(position))
    }
}
