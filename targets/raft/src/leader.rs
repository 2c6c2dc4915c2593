//! The leader's side of replication (§5.3, §5.4.2): what each follower has, what to send it next, and what is
//! thereby committed. Entries are pipelined to followers whose log is known to agree.

use std::collections::{BTreeMap, VecDeque};

use splitbrain_consensus::{NodeId, Time};

use crate::forward::ForwardedRequests;
use crate::membership::Membership;
use crate::message::{AppendOutcome, Entry, Index, LogPosition, Message, Payload, Term};
use crate::reads::LeaderRead;
use crate::transfer::Transfer;
use crate::{Mutant, Raft};

/// What only a leader keeps.
#[derive(Debug)]
pub(crate) struct LeaderState {
    /// The other members.
    pub(crate) progress: BTreeMap<NodeId, Progress>,
    /// The latest round of heartbeats, counted within the term.
    pub(crate) round: u64,
    /// Whether a read waits for a new round.
    pub(crate) round_wanted: bool,
    /// When rounds began, ascending; the first is the latest that a quorum has answered.
    pub(crate) rounds: VecDeque<(u64, Time)>,
    pub(crate) next_heartbeat: Time,
    /// Reads that wait for a round, or for the first commitment of this term; by round.
    pub(crate) reads: VecDeque<LeaderRead>,
    pub(crate) forwarded: ForwardedRequests,
    pub(crate) transfer: Option<Transfer>,
    /// Set once the leader has asked another to take over: its voters need not wait for the lease any more.
    pub(crate) lease_revoked: bool,
    /// The voters that a change of membership under way leads to.
    pub(crate) membership_target: Option<Membership>,
}

/// What the leader knows of one follower.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) next_index: Index,
    pub(crate) match_index: Index,
    mode: Mode,
    /// A heartbeat of the current round is still to be sent.
    heartbeat_due: bool,
    /// The commit index that it was last told.
    told_commit: Index,
    pub(crate) acked_round: u64,
    pub(crate) acked_at: Time,
}

/// How a follower is fed.
#[derive(Debug)]
enum Mode {
    /// Where its log agrees is not known: one message at a time.
    Probe { sent: bool },
    /// Its log agrees up to `next_index`: entries follow each other without waiting. Holds the last index of
    /// each message with entries on its way.
    Replicate { on_their_way: VecDeque<Index> },
    /// It needs a snapshot: one piece at a time.
    Snapshot {
        last: LogPosition,
        offset: u64,
        sent: bool,
    },
}

impl LeaderState {
    pub(crate) fn new(raft: &Raft) -> Self {
        let mut state = Self {
            progress: BTreeMap::new(),
            round: 0,
            round_wanted: false,
            rounds: VecDeque::new(),
            next_heartbeat: raft.now,
            reads: VecDeque::new(),
            forwarded: ForwardedRequests::default(),
            transfer: None,
            lease_revoked: false,
            membership_target: None,
        };
        state.sync_members(
            raft.id,
            raft.memberships.current(),
            raft.log.last_index(),
            raft.now,
        );
        state
    }

    /// Follows a change of membership.
    fn sync_members(&mut self, leader: NodeId, membership: &Membership, last: Index, now: Time) {
        self.progress
            .retain(|id, _| membership.all().any(|member| member == *id));
        for id in membership.all().filter(|id| *id != leader) {
            self.progress.entry(id).or_insert_with(|| Progress {
                next_index: last.next(),
                match_index: Index(0),
                mode: Mode::Probe { sent: false },
                heartbeat_due: true,
                told_commit: Index(0),
                acked_round: 0,
                acked_at: now,
            });
        }
    }
}

impl Progress {
    fn probe(&mut self, next: Index) {
        self.next_index = next;
        self.mode = Mode::Probe { sent: false };
    }

    /// The follower's log is known to agree up to `match_index`.
    fn matched(&mut self, match_index: Index) {
        self.match_index = self.match_index.max(match_index);
        match &mut self.mode {
            Mode::Snapshot { last, .. } if self.match_index < last.index => {}
            Mode::Replicate { on_their_way } => {
                while on_their_way.pop_front_if(|sent| *sent <= match_index).is_some() {}
                self.next_index = self.next_index.max(self.match_index.next());
            }
            Mode::Probe { .. } | Mode::Snapshot { .. } => {
                self.next_index = self.match_index.next();
                self.mode = Mode::Replicate {
                    on_their_way: VecDeque::new(),
                };
            }
        }
    }

    /// Whether a conflict at `prev_index` is news, and not the answer to a message that was since superseded.
    fn is_current_conflict(&self, prev_index: Index) -> bool {
        match self.mode {
            Mode::Probe { .. } => prev_index == self.next_index.previous(),
            Mode::Replicate { .. } => prev_index > self.match_index,
            Mode::Snapshot { .. } => false,
        }
    }
}

impl Raft {
    /// Appends an entry of this leader's term. It leaves with the next `ready`.
    pub(crate) fn append_as_leader(&mut self, payload: Payload) {
        let changes_members = matches!(payload, Payload::Membership(_));
        let index = self.log.last_index().next();
        self.append(Entry {
            index,
            term: self.term,
            payload,
        });
        if changes_members {
            let (id, now, last) = (self.id, self.now, self.log.last_index());
            let membership = self.memberships.current().clone();
            if let Some(leader) = self.role.leader_state_mut() {
                leader.sync_members(id, &membership, last, now);
            }
        }
    }

    /// Starts a round of heartbeats.
    pub(crate) fn start_round(&mut self) {
        let (now, interval) = (self.now, self.options.heartbeat_interval_us);
        let Some(leader) = self.role.leader_state_mut() else {
            return;
        };
        leader.round += 1;
        leader.round_wanted = false;
        leader.rounds.push_back((leader.round, now));
        leader.next_heartbeat = now.plus_micros(interval);
        for progress in leader.progress.values_mut() {
            progress.heartbeat_due = true;
        }
        // A leader that is a quorum alone has answered its own round.
        self.round_answered();
    }

    /// Time passed for a leader.
    pub(crate) fn leader_tick(&mut self) {
        let Some(leader) = self.role.leader_state_mut() else {
            return;
        };
        if leader
            .transfer
            .as_ref()
            .is_some_and(|transfer| self.now >= transfer.deadline)
        {
            leader.transfer = None;
        }
        if self.now >= leader.next_heartbeat {
            self.start_round();
            self.step_down_without_quorum();
            self.advance_membership_change();
        }
    }

    /// Thesis §6.2: a leader that a quorum no longer answers steps down, so that its clients need not wait.
    fn step_down_without_quorum(&mut self) {
        let Some(leader) = self.role.leader_state() else {
            return;
        };
        let heard = |id| {
            leader
                .progress
                .get(&id)
                .map_or(self.now, |progress| progress.acked_at)
        };
        let answered = |id| self.now.micros_since(heard(id)) < self.options.leader_quorum_timeout_us;
        if !self.is_quorum(answered) {
            self.become_follower(self.term, None);
        }
    }

    /// Sends each follower what it lacks, as far as its window allows.
    pub(crate) fn feed_followers(&mut self) {
        let Some(leader) = self.role.leader_state() else {
            return;
        };
        if leader.round_wanted {
            self.start_round();
        }
        let Some(leader) = self.role.leader_state() else {
            return;
        };
        let followers: Vec<_> = leader.progress.keys().copied().collect();
        for id in followers {
            while let Some(message) = self.next_message_for(id) {
                self.send(id, message);
            }
        }
    }

    /// The next message that the follower should get now, if any. Each call makes progress towards `None`: it
    /// fills the window, or marks the probe, the piece or the heartbeat as sent.
    fn next_message_for(&mut self, id: NodeId) -> Option<Message> {
        let (term, commit_index, base) = (self.term, self.commit_index, self.log.base());
        let leader = self.role.leader_state_mut()?;
        let round = leader.round;
        let progress = leader.progress.get_mut(&id)?;
        let due = std::mem::take(&mut progress.heartbeat_due);
        if progress.next_index <= base.index && !matches!(progress.mode, Mode::Snapshot { .. }) {
            progress.mode = Mode::Snapshot {
                last: LogPosition::default(),
                offset: 0,
                sent: false,
            };
        }
        let prev_index = progress.next_index.previous();
        let prev = |log: &crate::log::Log| LogPosition {
            term: log.term_at(prev_index).unwrap_or_default(),
            index: prev_index,
        };
        let (most, bytes) = (self.options.append_entries_max, self.options.append_bytes_max);
        match &mut progress.mode {
            Mode::Snapshot { last, offset, sent } => {
                let snapshot = self.log.snapshot()?;
                if *last != snapshot.last {
                    (*last, *offset, *sent) = (snapshot.last, 0, false);
                }
                if *sent && !due {
                    return None;
                }
                *sent = true;
                let start = usize::try_from(*offset)
                    .unwrap_or(usize::MAX)
                    .min(snapshot.data.len());
                let end = start
                    .saturating_add(self.options.snapshot_piece_bytes)
                    .min(snapshot.data.len());
                Some(Message::InstallSnapshot {
                    term,
                    last: snapshot.last,
                    membership: snapshot.membership.clone(),
                    offset: *offset,
                    piece: snapshot.data[start..end].to_vec(),
                    done: end == snapshot.data.len(),
                    round,
                })
            }
            Mode::Probe { sent } => {
                if *sent && !due {
                    return None;
                }
                *sent = true;
                progress.told_commit = commit_index;
                let entries = self.log.slice(progress.next_index, most, bytes);
                Some(Message::AppendEntries {
                    term,
                    prev: prev(&self.log),
                    entries,
                    commit_index,
                    round,
                })
            }
            Mode::Replicate { on_their_way } => {
                let window_open = on_their_way.len() < self.options.append_window;
                let entries = match progress.next_index <= self.log.last_index() && window_open {
                    true => self.log.slice(progress.next_index, most, bytes),
                    false => Vec::new(),
                };
                let news = progress.told_commit < commit_index;
                if entries.is_empty() && !due && !news {
                    return None;
                }
                let message_prev = prev(&self.log);
                if let Some(last) = entries.last() {
                    progress.next_index = last.index.next();
                    on_their_way.push_back(last.index);
                }
                progress.told_commit = commit_index;
                Some(Message::AppendEntries {
                    term,
                    prev: message_prev,
                    entries,
                    commit_index,
                    round,
                })
            }
        }
    }

    pub(crate) fn on_append_entries_reply(&mut self, from: NodeId, round: u64, outcome: AppendOutcome) {
        let (now, last_index) = (self.now, self.log.last_index());
        let Some(leader) = self.role.leader_state_mut() else {
            return;
        };
        let Some(progress) = leader.progress.get_mut(&from) else {
            return;
        };
        progress.acked_round = progress.acked_round.max(round);
        progress.acked_at = now;
        match outcome {
            AppendOutcome::Matched { match_index } => progress.matched(match_index.min(last_index)),
            AppendOutcome::Conflict {
                prev_index,
                term,
                first_index,
            } => {
                if progress.is_current_conflict(prev_index) {
                    let next = next_after_conflict(&self.log, prev_index, term, first_index);
                    progress.probe(next.max(progress.match_index.next()));
                }
            }
        }
        self.commit_what_a_quorum_has();
        self.advance_transfer();
        self.round_answered();
    }

    pub(crate) fn on_install_snapshot_reply(
        &mut self,
        from: NodeId,
        round: u64,
        of: LogPosition,
        received: u64,
    ) {
        let now = self.now;
        let Some(leader) = self.role.leader_state_mut() else {
            return;
        };
        let Some(progress) = leader.progress.get_mut(&from) else {
            return;
        };
        progress.acked_round = progress.acked_round.max(round);
        progress.acked_at = now;
        if let Mode::Snapshot { last, offset, sent } = &mut progress.mode
            && *last == of
            && *offset != received
        {
            (*offset, *sent) = (received, false);
        }
        self.round_answered();
    }

    /// §5.4.2: an entry of this term that a quorum has logged is committed, and with it all before it.
    pub(crate) fn commit_what_a_quorum_has(&mut self) {
        let Some(leader) = self.role.leader_state() else {
            return;
        };
        let logged = |id| match leader.progress.get(&id) {
            Some(progress) => progress.match_index,
            None => self.durable.index(),
        };
        let quorum = self.memberships.current().quorum();
        // The thesis (§10.2.1) lets a quorum of followers commit what is not yet on the leader's own disk. Here it
        // must be: what is committed is then applied at the leader before anybody else can show it.
        let index = quorum
            .highest_reached_by(self.enough_voters(), logged)
            .min(self.durable.index());
        let own_term = self.log.term_at(index) == Some(self.term) || self.is(Mutant::CommitOlderTerm);
        if index > self.commit_index && own_term {
            self.commit_index = index;
            self.advance_membership_change();
        }
        self.apply_committed();
        self.admit_waiting_reads();
    }

    /// Whether this leader knows what is committed: an entry of its own term is (§8).
    pub(crate) fn has_committed_in_own_term(&self) -> bool {
        self.log.term_at(self.commit_index) == Some(self.term)
    }
}

/// Where to probe next (end of §5.3): skip the whole term in conflict, unless the leader has entries of it too.
fn next_after_conflict(
    log: &crate::log::Log,
    prev_index: Index,
    term: Option<Term>,
    first_index: Index,
) -> Index {
    let shared = term.and_then(|term| log.last_index_of_term(term));
    let next = shared.map_or(first_index, |last| last.next().max(first_index));
    next.min(prev_index).max(Index(1))
}
