//! The planted bugs. Each breaks one rule that Raft's safety rests on, and is chosen at run time. A harness that
//! misses one of them would miss the same mistake in a real system.

use std::fmt;
use std::str::FromStr;

use splitbrain_consensus::Planted;

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mutant {
    /// The vote is forgotten by a restart, and the node votes at once (waiting out an election timeout, as the clean
    /// core does, would hide most of the damage).
    VoteNotPersisted,
    /// The term, and with it the vote, is forgotten by a restart.
    TermNotPersisted,
    /// Votes are given to candidates whose log is behind.
    VoteWithoutLogCheck,
    /// Entries of older terms are committed by counting, and so no no-op is appended.
    CommitOlderTerm,
    /// A follower keeps its own entry where it conflicts with the leader's.
    ConflictNotTruncated,
    /// Half of the voters counts as a majority.
    MajorityAsHalf,
    /// The leader applies and answers what it has logged, before a quorum has.
    AnswerBeforeCommit,
    /// Followers apply what they have logged, before it is committed.
    ApplyBeforeCommit,
    /// A read index is given without confirming leadership.
    ReadIndexWithoutHeartbeat,
    /// A read index is given before an entry of the leader's own term is committed, and so no no-op is appended.
    ReadIndexWithoutOwnTerm,
    /// A follower that was given a read index does not wait until it has applied it.
    FollowerReadWithoutWait,
    /// A snapshot lacks the last entries that it claims to contain.
    SnapshotForgetsLast,
    /// A snapshot of the leader replaces the log, and not the state.
    SnapshotNotRestored,
    /// A restarted node answers local reads before it has applied again what it had applied.
    LocalReadAfterRestart,
    /// The lease lasts a whole election timeout, as if all clocks ran alike.
    LeaseIgnoresDrift,
    /// Entries are acknowledged before they are synced to disk.
    AckBeforeSync,
}

/// All planted bugs.
pub const MUTANTS: &[Planted<Mutant>] = &[
    Planted {
        mutant: Mutant::VoteNotPersisted,
        name: "vote-not-persisted",
        breaks: "votedFor is on stable storage before a vote is answered (§5.2, figure 2)",
        anomaly: "two leaders in one term",
    },
    Planted {
        mutant: Mutant::TermNotPersisted,
        name: "term-not-persisted",
        breaks: "currentTerm is on stable storage and never goes back (§5.1, figure 2)",
        anomaly: "two leaders in one term, or a committed write lost to an older log",
    },
    Planted {
        mutant: Mutant::VoteWithoutLogCheck,
        name: "vote-without-log-check",
        breaks: "a voter refuses candidates whose log is less up-to-date than its own (§5.4.1)",
        anomaly: "lost write",
    },
    Planted {
        mutant: Mutant::CommitOlderTerm,
        name: "commit-older-term",
        breaks: "only entries of the leader's own term are committed by counting (§5.4.2, figure 8)",
        anomaly: "lost write",
    },
    Planted {
        mutant: Mutant::ConflictNotTruncated,
        name: "conflict-not-truncated",
        breaks: "a follower deletes its entry that conflicts with the leader's, and all that follow (§5.3)",
        anomaly: "stale or phantom read, lost write",
    },
    Planted {
        mutant: Mutant::MajorityAsHalf,
        name: "majority-as-half",
        breaks: "any two quorums share a node (§5.2)",
        anomaly: "two leaders that both commit: stale read, lost write",
    },
    Planted {
        mutant: Mutant::AnswerBeforeCommit,
        name: "answer-before-commit",
        breaks: "a client is answered only when its entry is committed (§5.3)",
        anomaly: "lost write",
    },
    Planted {
        mutant: Mutant::ApplyBeforeCommit,
        name: "apply-before-commit",
        breaks: "only committed entries are applied (§5.3)",
        anomaly: "a read of a write that never was, nodes that disagree",
    },
    Planted {
        mutant: Mutant::ReadIndexWithoutHeartbeat,
        name: "read-index-without-heartbeat",
        breaks: "a leader confirms that it still leads before it answers a read (§8, thesis §6.4)",
        anomaly: "stale read",
    },
    Planted {
        mutant: Mutant::ReadIndexWithoutOwnTerm,
        name: "read-index-without-own-term",
        breaks: "a leader knows what is committed only once an entry of its own term is (§8, thesis §6.4)",
        anomaly: "stale read after a change of leader",
    },
    Planted {
        mutant: Mutant::FollowerReadWithoutWait,
        name: "follower-read-without-wait",
        breaks: "a read waits until the state machine has reached the read index (thesis §6.4)",
        anomaly: "stale read",
    },
    Planted {
        mutant: Mutant::SnapshotForgetsLast,
        name: "snapshot-forgets-last",
        breaks: "a snapshot contains every entry up to its last included index (§7)",
        anomaly: "lost write",
    },
    Planted {
        mutant: Mutant::SnapshotNotRestored,
        name: "snapshot-not-restored",
        breaks: "a follower resets its state machine to the leader's snapshot (figure 13, step 8)",
        anomaly: "stale read at a follower, nodes that disagree",
    },
    Planted {
        mutant: Mutant::LocalReadAfterRestart,
        name: "local-read-after-restart",
        breaks: "local reads never go back at one node, also across its restarts (the claim of follower-local)",
        anomaly: "a node that went backward",
    },
    Planted {
        mutant: Mutant::LeaseIgnoresDrift,
        name: "lease-ignores-drift",
        breaks: "a lease is shorter than the election timeout by the bound on clock drift (thesis §6.4.1)",
        anomaly: "stale lease read",
    },
    Planted {
        mutant: Mutant::AckBeforeSync,
        name: "ack-before-sync",
        breaks: "entries are on stable storage before they are acknowledged (figure 2)",
        anomaly: "lost write after power failure",
    },
];

impl Mutant {
    /// What it breaks and how it shows.
    #[must_use]
    pub const fn info(self) -> &'static Planted<Mutant> {
        // The table is in the order of the variants, which a test sees to.
        &MUTANTS[self as usize]
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.info().name)
    }
}

/// There is no mutant of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown raft mutant `{0}`")]
pub struct UnknownMutant(pub String);

impl FromStr for Mutant {
    type Err = UnknownMutant;

    fn from_str(name: &str) -> Result<Self, UnknownMutant> {
        let info = MUTANTS.iter().find(|info| info.name == name);
        info.map(|info| info.mutant)
            .ok_or_else(|| UnknownMutant(name.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutant_is_listed_in_its_place_and_found_by_its_name() {
        for (place, info) in MUTANTS.iter().enumerate() {
            assert_eq!(info.mutant as usize, place);
            assert_eq!(info.mutant.info().name, info.name);
            assert_eq!(info.name.parse(), Ok(info.mutant));
        }
        assert!("no-such-bug".parse::<Mutant>().is_err());
    }
}
