//! Snapshots: taking them, and receiving the leader's (§7).

use splitbrain_consensus::{Effect, NodeId, Version};

use crate::membership::{Membership, MembershipHistory};
use crate::message::{AppendOutcome, Index, LogPosition, Message, Snapshot};
use crate::{Mutant, Raft};

/// The entries that the planted bug leaves out of a snapshot, at most.
const FORGOTTEN_ENTRIES: usize = 8;

/// A snapshot of which only the first pieces have arrived.
#[derive(Debug)]
pub(crate) struct IncomingSnapshot {
    last: LogPosition,
    data: Vec<u8>,
}

impl Raft {
    /// Asks the host for a snapshot once enough has been applied since the last.
    pub(crate) fn request_snapshot_if_due(&mut self) {
        let since = self.last_applied.0.saturating_sub(self.log.snapshot_index().0);
        if since < self.options.snapshot_threshold_entries || self.snapshot_requested {
            return;
        }
        self.snapshot_requested = true;
        self.effect(Effect::TakeSnapshot {
            version: Version(self.last_applied.0),
        });
        if self.is(Mutant::SnapshotForgetsLast) {
            self.move_last_effect_before_applied(FORGOTTEN_ENTRIES);
        }
    }

    /// The host took the snapshot that it was asked for.
    pub(crate) fn store_snapshot(&mut self, index: Index, data: Vec<u8>) {
        self.snapshot_requested = false;
        if index <= self.log.snapshot_index() {
            return; // The leader's was newer.
        }
        // Only a planted bug applies what the log no longer holds.
        let Some(term) = self.log.term_at(index) else {
            return;
        };
        let membership = self.memberships.at(index).clone();
        let last = LogPosition { term, index };
        self.log.compact(
            Snapshot {
                last,
                membership,
                data,
            },
            self.options.snapshot_trailing_entries,
        );
        self.memberships.compact(index);
        self.rewrite_records();
    }

    /// Takes a piece of the leader's snapshot, and installs it with the last one (figure 13).
    pub(crate) fn on_install_snapshot(&mut self, from: NodeId, piece: SnapshotPiece, round: u64) {
        self.follow(from);
        self.answered_round = self.answered_round.max(round);
        let last = piece.last;
        if last.index <= self.commit_index {
            self.answer_matched(from, last.index, round);
            return;
        }
        let restart = self
            .incoming_snapshot
            .as_ref()
            .is_none_or(|incoming| incoming.last != last);
        if restart {
            self.incoming_snapshot = Some(IncomingSnapshot {
                last,
                data: Vec::new(),
            });
        }
        let incoming = self.incoming_snapshot.as_mut().expect("just set");
        // A piece that was repeated or overtaken is answered with where to go on.
        let fits = incoming.data.len() as u64 == piece.offset;
        if fits {
            incoming.data.extend_from_slice(&piece.bytes);
        }
        if !(fits && piece.done) {
            let received = incoming.data.len() as u64;
            let reply = Message::InstallSnapshotReply {
                term: self.term,
                last,
                received,
                round,
            };
            self.answer_leader(from, Index(0), reply);
            return;
        }
        let data = std::mem::take(&mut incoming.data);
        self.incoming_snapshot = None;
        self.restore_snapshot(Snapshot {
            last,
            membership: piece.membership,
            data,
        });
        self.rewrite_records();
        self.answer_matched(from, last.index, round);
    }

    /// Starts from a snapshot, of this node's own or of the leader's.
    pub(crate) fn restore_snapshot(&mut self, snapshot: Snapshot) {
        let (last, membership) = (snapshot.last, snapshot.membership.clone());
        // A node that starts has no state yet: the planted bug is about a follower's.
        if self.last_applied == Index(0) || !self.is(Mutant::SnapshotNotRestored) {
            let version = Version(last.index.0);
            self.effect(Effect::Restore {
                snapshot: snapshot.data.clone(),
                version,
            });
        }
        self.log.install(snapshot);
        self.memberships = MembershipHistory::new(last.index, membership);
        for entry in self.log.iter() {
            self.memberships.note(entry);
        }
        if self.log.last_index() == last.index {
            // Until the snapshot is on disk nothing of this log is: the entries there may be others.
            self.durable.truncated(Index(1));
            // What may have been deleted was never applied.
            self.reader.local_floor = self.reader.local_floor.min(last.index);
        }
        self.commit_index = self.commit_index.max(last.index);
        self.last_applied = self.last_applied.max(last.index);
        self.serve_applied_reads();
    }

    fn answer_matched(&mut self, leader: NodeId, match_index: Index, round: u64) {
        let outcome = AppendOutcome::Matched { match_index };
        self.answer_leader(
            leader,
            match_index,
            Message::AppendEntriesReply {
                term: self.term,
                round,
                outcome,
            },
        );
    }
}

/// One `InstallSnapshot`, without what every message of a leader has.
pub(crate) struct SnapshotPiece {
    pub(crate) last: LogPosition,
    pub(crate) membership: Membership,
    pub(crate) offset: u64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) done: bool,
}
